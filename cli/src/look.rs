//! `kinetik streams`, `kinetik shards` and `kinetik explain`: looking, without changing anything.

use clap::Args;
use kinetik::client::{Client, Shards as Which};
use kinetik::route::ShardInfo;
use kinetik::runtime::Runtime;
use kinetik::types::{HashKey, PartitionKey, StreamRef};
use serde_json::json;

use crate::reach::Reach;
use crate::{Failure, say};

#[derive(Debug, Args)]
pub(crate) struct Streams {
    #[command(flatten)]
    reach: Reach,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Shards {
    /// The stream, by name or ARN.
    stream: StreamRef,
    #[command(flatten)]
    reach: Reach,
    /// Open shards alone, without those that were split or merged.
    #[arg(long)]
    open: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The partition key.
    key: String,
    /// A stream, by name or ARN, whose shard map tells the shard.
    #[arg(long)]
    stream: Option<StreamRef>,
    #[command(flatten)]
    reach: Reach,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Streams {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let client = self.reach.client()?;
        let names = Runtime::shared()?.block_on(client.list_all_streams())?;
        for name in names {
            if self.json {
                say(json!({ "stream": &*name }))?;
            } else {
                say(name)?;
            }
        }
        Ok(())
    }
}

impl Shards {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let which = if self.open { Which::Open } else { Which::All };
        let shards = list(&self.reach.client()?, &self.stream, which)?;
        for shard in shards {
            if self.json {
                say(object(&shard))?;
            } else {
                say(row(&shard))?;
            }
        }
        Ok(())
    }
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), Failure> {
        PartitionKey::check(&self.key)?;
        let hash = kinetik::codec::digest::hash_key(self.key.as_bytes());
        let shard = match &self.stream {
            None => None,
            Some(stream) => list(&self.reach.client()?, stream, Which::Open)?
                .into_iter()
                .find(|shard| shard.is_open() && shard.range.contains(hash)),
        };
        if self.json {
            return say(json!({
                "hash_key": hash.to_string(),
                "position": position(hash),
                "shard": shard.as_ref().map(object),
            }));
        }
        say(format_args!(
            "hash key {hash}, at {:.4} % of the ring",
            100.0 * position(hash)
        ))?;
        match shard {
            Some(shard) => say(row(&shard)),
            None => Ok(()),
        }
    }
}

fn list(client: &Client, stream: &StreamRef, which: Which) -> Result<Vec<ShardInfo>, Failure> {
    Ok(Runtime::shared()?.block_on(client.list_all_shards(stream, which))?)
}

fn row(shard: &ShardInfo) -> String {
    let parents: Vec<_> = shard.parents().map(|id| id.to_string()).collect();
    format!(
        "{} {} {:>8.4} %  {}..{}{}",
        shard.id,
        if shard.is_open() { "open  " } else { "closed" },
        100.0 * shard.range.share(),
        shard.range.start(),
        shard.range.end(),
        if parents.is_empty() {
            String::new()
        } else {
            format!("  from {}", parents.join(" and "))
        },
    )
}

fn object(shard: &ShardInfo) -> serde_json::Value {
    json!({
        "shard": shard.id.to_string(),
        "open": shard.is_open(),
        "starting_hash_key": shard.range.start().to_string(),
        "ending_hash_key": shard.range.end().to_string(),
        "share": shard.range.share(),
        "parents": shard.parents().map(|id| id.to_string()).collect::<Vec<_>>(),
    })
}

/// Where on the ring a hash key lies, from 0 to 1.
fn position(hash: HashKey) -> f64 {
    hash.get() as f64 / 2f64.powi(128)
}
