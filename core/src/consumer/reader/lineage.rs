//! Which shards a reader begins with, and where in them.

use std::collections::BTreeSet;

use super::config::Start;
use super::opening::{Behind, check};
use super::position::{Position, Positions};
use super::shard::{Cursor, Shard, Stage};
use crate::client::Shards;
use crate::error::{Error, ErrorKind, Result};
use crate::route::{ShardInfo, ShardMap};
use crate::time::{Moment, Timestamp};
use crate::types::ShardId;

/// What a listing is good for.
pub(super) enum Planned {
    /// A reader can begin with it.
    Plan(Plan),
    /// It does not show what saved positions tell of.
    Behind(Behind),
}

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
    /// Positions that belong to another stream, and a listing without shards.
    pub(super) fn plan(
        &self,
        stream: &str,
        listed: Vec<ShardInfo>,
        now: Moment,
    ) -> Result<Planned> {
        if listed.is_empty() {
            return Err(no_shards(stream));
        }
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
                if let Some(behind) = check(stream, positions, &map)? {
                    return Ok(Planned::Behind(behind));
                }
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
        Ok(Planned::Plan(Plan { shards, vanished }))
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

#[cold]
fn no_shards(stream: &str) -> Error {
    Error::new(
        ErrorKind::ResourceInUse,
        "the service lists no shards of the stream; it may be in the making still",
    )
    .operation("ListShards")
    .stream(stream)
}
