//! `kinetik tail`: the records of a stream as they arrive, or as they stand.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::future::{Either, select};
use kinetik::consumer::{Batch, Next, Reader, ReaderConfig, RecordRef, ShardLag, Start, Until};
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Moment};
use kinetik::types::StreamRef;

use crate::filter::{Field, Filter};
use crate::format::Format;
use crate::reach::Reach;
use crate::serve::ended;
use crate::units;
use crate::{Failure, unwritten};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The stream, by name or ARN.
    stream: StreamRef,
    #[command(flatten)]
    reach: Reach,
    /// Where to begin: start (the oldest record), a time that long ago (10m, 2h), a time (2026-11-23T08:00:00Z), or saved
    /// positions as JSON [default: behind the newest record]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// End after so many records.
    #[arg(short = 'n', long = "records", value_name = "N")]
    records: Option<u64>,
    /// End when everything that was there at the start is read; begins at the oldest record unless --since says otherwise.
    #[arg(short, long)]
    end: bool,
    /// How a record is written: %k key, %s data, %S its length, %p shard, %o sequence number, %u its place in an aggregate, %T
    /// arrival in milliseconds since 1970, %% a percent sign; \n, \t, \r, \0 and \\ as in C.
    #[arg(short, long, default_value = r"%s\n", value_name = "FORMAT")]
    format: Format,
    /// One JSON object a line instead.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Only records with this partition key; may be given more than once.
    #[arg(short, long, value_name = "KEY")]
    key: Vec<String>,
    /// Only records whose data is JSON with this value in this field, such as user.id=7; all that are given must hold.
    #[arg(short = 'w', long = "where", value_name = "FIELD=VALUE")]
    fields: Vec<Field>,
    /// polling, fan_out or auto.
    #[arg(long)]
    mode: Option<String>,
    /// The consumer of fan-out, by name or ARN [default: one that lives as long as the command]
    #[arg(long)]
    consumer: Option<String>,
    /// What becomes of aggregated records outside their shard's range: report, drop or kcl.
    #[arg(long)]
    range_filter: Option<String>,
    /// Kinesis records as they are: aggregates are not taken apart.
    #[arg(long)]
    raw: bool,
    /// Take the Glue Schema Registry's header off the data.
    #[arg(long)]
    strip_glue: bool,
}

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);

impl Options {
    pub(crate) fn run(self) -> Result<(), Failure> {
        Runtime::shared()?.block_on(async {
            let mut ended = pin!(ended()?);
            let open = pin!(self.open());
            let mut reader = match select(open, &mut ended).await {
                Either::Left((opened, _)) => opened?,
                Either::Right(_) => return Ok(()),
            };
            let done = {
                let follow = pin!(self.follow(&mut reader));
                match select(follow, &mut ended).await {
                    Either::Left((done, _)) => done,
                    Either::Right(_) => Ok(()),
                }
            };
            // Whatever ended it: a consumer of the reader's own costs money.
            let closed = reader.close().await;
            done?;
            Ok(closed?)
        })
    }

    async fn open(&self) -> Result<Reader, Failure> {
        let config = self.config()?.endpoint(self.reach.endpoint()?);
        let client = self.reach.client()?;
        Ok(Reader::over(client, self.stream.clone(), config).await?)
    }

    fn config(&self) -> kinetik::Result<ReaderConfig> {
        let mut config = ReaderConfig::new(match self.end {
            true => Start::TrimHorizon,
            false => Start::Latest,
        });
        match self.since.as_deref() {
            None => {}
            Some("start") => config = ReaderConfig::new(Start::TrimHorizon),
            Some(when) => match units::duration(when) {
                Ok(ago) => config = ReaderConfig::new(Start::At(Clock::system().wall() - ago)),
                Err(_) => config.set("start", when)?,
            },
        }
        let named = [
            ("mode", &self.mode),
            ("consumer", &self.consumer),
            ("range_filter", &self.range_filter),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                config.set(name, value)?;
            }
        }
        if self.end {
            config = config.until(Until::Now);
        }
        Ok(config.deaggregate(!self.raw).strip_glue(self.strip_glue))
    }

    async fn follow(&self, reader: &mut Reader) -> Result<(), Failure> {
        let filter = Filter::new(&self.key, &self.fields);
        let most = self.records.unwrap_or(u64::MAX);
        let mut progress = Progress::new(self.end);
        let mut text = Vec::new();
        while progress.written < most {
            match reader.next_within(PROGRESS).await? {
                Next::Batch(batch) => {
                    let left = most - progress.written;
                    progress.written += self.write(&batch, &filter, left, &mut text);
                    print(&mut text)?;
                }
                Next::TimedOut => {}
                Next::End => break,
            }
            progress.tell(reader);
        }
        progress.end(reader);
        Ok(())
    }

    /// Writes at most `left` of the records that were asked for, and tells how many.
    fn write(&self, batch: &Batch, filter: &Filter<'_>, left: u64, text: &mut Vec<u8>) -> u64 {
        let mut written = 0;
        for record in batch.iter().filter(|record| filter.takes(record)) {
            if written == left {
                break;
            }
            written += 1;
            match self.json {
                true => json(&record, text),
                false => self.format.write(&record, text),
            }
        }
        written
    }
}

/// One object a line; data that is no text is told in base64.
fn json(record: &RecordRef<'_>, text: &mut Vec<u8>) {
    let mut object = serde_json::json!({
        "key": String::from_utf8_lossy(record.key),
        "shard": record.shard_id.to_string(),
        "sequence_number": record.sequence_number.to_string(),
        "arrived_at_ms": record.arrived_at.as_millis(),
    });
    match std::str::from_utf8(record.data) {
        Ok(data) => object["data"] = data.into(),
        Err(_) => {
            let data = base64_simd::STANDARD.encode_to_string(record.data);
            object["data_base64"] = data.into();
        }
    }
    if let Some(sub) = record.sub_sequence_number {
        object["sub_sequence_number"] = sub.into();
    }
    if !record.in_range {
        object["in_range"] = false.into();
    }
    text.extend_from_slice(object.to_string().as_bytes());
    text.push(b'\n');
}

fn print(text: &mut Vec<u8>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    text.clear();
    written.map_err(unwritten)
}

/// How far reading came, on a terminal, when it is to come to an end.
struct Progress {
    clock: Clock,
    told: Moment,
    is_shown: bool,
    /// Whether the cursor stands behind a line.
    is_open: bool,
    written: u64,
}

impl Progress {
    fn new(has_end: bool) -> Self {
        let clock = Clock::system();
        Self {
            told: clock.now(),
            clock,
            is_shown: has_end && io::stderr().is_terminal(),
            is_open: false,
            written: 0,
        }
    }

    fn tell(&mut self, reader: &Reader) {
        let now = self.clock.now();
        if self.is_shown && now - self.told >= PROGRESS {
            self.told = now;
            self.is_open = true;
            let count = count(self.written, reader.stats().records);
            let _ = write!(io::stderr(), "\r\x1b[K{}", line(&count, &reader.lag()));
        }
    }

    fn end(&mut self, reader: &Reader) {
        if self.is_shown {
            self.is_open = false;
            let count = count(self.written, reader.stats().records);
            let _ = writeln!(io::stderr(), "\r\x1b[Kkinetik: {count}");
        }
    }
}

impl Drop for Progress {
    /// What ended reading early is told on a line of its own.
    fn drop(&mut self) {
        if self.is_open {
            let _ = writeln!(io::stderr());
        }
    }
}

/// How many records were written, and of how many.
fn count(written: u64, read: u64) -> String {
    match written == read {
        true => format!("{read} records"),
        false => format!("{written} of {read} records"),
    }
}

/// How far reading came: the shard that is farthest behind tells how long it will still take.
fn line(count: &str, lag: &[ShardLag]) -> String {
    let farthest = lag.iter().filter_map(|lag| lag.millis_behind_latest).max();
    let behind = match farthest {
        Some(millis) => format!("at most {:.1} s behind", millis as f64 / 1e3),
        None => "none asked yet".to_owned(),
    };
    format!("kinetik: {count}, {} shards to go, {behind}", lag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_records_shards_to_go_and_the_largest_lag() {
        let lag = |shard, millis_behind_latest| ShardLag {
            shard_id: kinetik::types::ShardId::new(shard),
            millis_behind_latest,
            backlog: None,
        };
        let shards = [lag(0, Some(1_500)), lag(1, None), lag(2, Some(61_000))];
        assert_eq!(
            line(&count(7, 7), &shards),
            "kinetik: 7 records, 3 shards to go, at most 61.0 s behind"
        );
        assert_eq!(
            line(&count(2, 9), &[lag(0, None)]),
            "kinetik: 2 of 9 records, 1 shards to go, none asked yet"
        );
    }
}
