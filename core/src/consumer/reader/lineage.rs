//! Which shards a reader begins with, and where in them.

use std::collections::BTreeSet;

use super::config::Start;
use super::position::{Position, Positions};
use super::shard::{Cursor, Shard, Stage};
use crate::client::Shards;
use crate::error::{Error, Result};
use crate::route::{ShardInfo, ShardMap};
use crate::time::{Moment, Timestamp};
use crate::types::ShardId;

/// What a reader begins with.
#[derive(Default)]
pub(super) struct Plan {
    pub shards: Vec<Shard>,
    /// How many shards have saved positions inside them and are not listed any more: what was left in them outlived the
    /// stream's retention unread.
    pub vanished: u64,
}

impl Start {
    /// Which shards must be listed.
    pub(super) fn shards(&self) -> Shards {
        match self {
            Self::Latest => Shards::Open,
            _ => Shards::All,
        }
    }

    /// The shards of a listing as a reader begins with them.
    ///
    /// # Errors
    /// Positions that belong to another stream.
    pub(super) fn plan(&self, stream: &str, listed: Vec<ShardInfo>, now: Moment) -> Result<Plan> {
        // The map knows which shards are open even where pages of the listing disagree.
        let map = ShardMap::new(listed);
        let waiting =
            |info: &ShardInfo, position| Shard::new(*info, Cursor::At(position), Stage::Waiting);
        let mut vanished = 0;
        let shards = match self {
            Self::TrimHorizon => map
                .known()
                .iter()
                .map(|info| waiting(info, Position::TrimHorizon))
                .collect(),
            Self::Latest => {
                let begin = |info: &ShardInfo| Shard::new(*info, Cursor::Latest, Stage::Due(now));
                map.open().iter().map(begin).collect()
            }
            Self::At(time) => map
                .known()
                .iter()
                .map(|info| match closed_before(info, *time) {
                    true => Shard::passed(*info),
                    false => waiting(info, Position::At(*time)),
                })
                .collect(),
            Self::Positions(positions) => {
                check(stream, positions, &map)?;
                let passed = ancestors(positions, &map);
                let is_gone = |(id, position)| position != Position::End && map.find(id).is_none();
                vanished = positions.iter().filter(|&each| is_gone(each)).count() as u64;
                let begin = |info: &ShardInfo| match positions.get(info.id) {
                    Some(Position::End) => Shard::passed(*info),
                    Some(position) => waiting(info, position),
                    None if passed.contains(&info.id) => Shard::passed(*info),
                    None => waiting(info, Position::TrimHorizon),
                };
                map.known().iter().map(begin).collect()
            }
        };
        Ok(Plan { shards, vanished })
    }
}

/// Whether a shard was closed well before a time, so that it holds no record that arrived then or later.
fn closed_before(info: &ShardInfo, time: Timestamp) -> bool {
    const MARGIN_SECS: u64 = 60;
    let closed = info
        .last
        .and_then(|number| number.parts())
        .map(|parts| parts.put);
    closed.is_some_and(|second| second + MARGIN_SECS < time.as_secs())
}

/// Fails for positions that cannot be of this stream.
fn check(stream: &str, positions: &Positions, map: &ShardMap) -> Result<()> {
    let refused = |problem: String| Err(Error::invalid("start", problem).stream(stream));
    if let Some(other) = positions.stream()
        && other != stream
    {
        return refused(
            "the positions were saved of another stream; name that one, or begin elsewhere".into(),
        );
    }
    let newest = map.known().last().map(|info| info.id);
    for (id, position) in positions.iter() {
        if Some(id) > newest {
            return refused(format!(
                "the stream never had {id}; was it deleted and made again since?"
            ));
        }
        let made = map
            .find(id)
            .and_then(|info| info.first)
            .and_then(|number| number.parts());
        if let (
            Some(made),
            Position::After {
                sequence_number, ..
            },
        ) = (made, position)
            && let Some(read) = sequence_number.parts()
            && (read.created != made.created || read.shard != id)
        {
            return refused(format!(
                "the sequence number of {id} belongs to another shard or stream; was the stream deleted and made \
                 again since?"
            ));
        }
    }
    Ok(())
}

/// The shards whose descendants have positions: they were read to their ends before.
fn ancestors(positions: &Positions, map: &ShardMap) -> BTreeSet<ShardId> {
    let mut found = BTreeSet::new();
    let mut ids: Vec<_> = positions.iter().map(|(id, _)| id).collect();
    while let Some(id) = ids.pop() {
        for parent in map.find(id).into_iter().flat_map(ShardInfo::parents) {
            if found.insert(parent) {
                ids.push(parent);
            }
        }
    }
    found
}
