//! Whether saved positions and a listing are of one stream, and what becomes of a listing that lies behind them.

use std::time::Duration;

use super::position::{Position, Positions};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Policy;
use crate::rng::Rng;
use crate::route::{ShardInfo, ShardMap};
use crate::time::Moment;
use crate::types::{SequenceParts, ShardId};

/// What a listing does not show although positions tell of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    shard: ShardId,
    what: What,
    /// Whether numbers tell that the positions are of this very stream, and not of one of its name.
    is_same: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A shard that is younger than all that are listed.
    Unlisted,
    /// That a shard was closed which was read to its end.
    Open,
}

/// How long listings are asked for again where nothing tells whether they lie behind or are of another stream. Listings
/// lie behind by seconds.
const UNTOLD: Duration = Duration::from_secs(10);

/// Listings that lie behind, one after the other.
pub(super) struct Opening {
    began: Moment,
    listings: u32,
    /// How long they may lie behind.
    give_up_after: Duration,
}

impl Opening {
    pub fn new(began: Moment, give_up_after: Duration) -> Self {
        Self {
            began,
            listings: 0,
            give_up_after,
        }
    }

    /// When to list again.
    ///
    /// # Errors
    /// It lies behind for too long, or is of another stream.
    pub fn next_listing(
        &mut self,
        stream: &str,
        behind: Behind,
        now: Moment,
        rng: &Rng,
    ) -> Result<Moment> {
        let patience = match behind.is_same {
            true => self.give_up_after,
            false => self.give_up_after.min(UNTOLD),
        };
        if now - self.began >= patience {
            return Err(behind.into_error().stream(stream));
        }
        self.listings += 1;
        let pause = Policy::default().throttled.longest(self.listings);
        let pause = pause.mul_f64(1.0 - 0.5 * rng.unit());
        Ok((now + pause).min(self.began + patience))
    }
}

impl Behind {
    fn into_error(self) -> Error {
        let id = self.shard;
        let error = match (self.is_same, self.what) {
            (true, What::Unlisted) => Error::new(
                ErrorKind::Unavailable,
                "the service's listing lies behind: it does not show the shard, of which there is a position",
            ),
            (true, What::Open) => Error::new(
                ErrorKind::Unavailable,
                "the service's listing lies behind: it shows the shard as open, and it was read to its end",
            ),
            (false, What::Unlisted) => refused(format!(
                "the stream never had {id}; was it deleted and made again since?"
            )),
            (false, What::Open) => refused(format!(
                "{id} was read to its end, and is open; was the stream deleted and made again since?"
            )),
        };
        error.operation("ListShards").shard(id.to_string())
    }
}

fn refused(problem: String) -> Error {
    Error::invalid("start", problem)
}

/// What a listing does not show although positions tell of it; `None` if a reader can begin with both.
///
/// # Errors
/// Positions that cannot be of this stream.
pub(super) fn check(stream: &str, positions: &Positions, map: &ShardMap) -> Result<Option<Behind>> {
    let refused = |problem: String| Err(refused(problem).stream(stream));
    if let Some(other) = positions.stream()
        && other != stream
    {
        return refused(
            "the positions were saved of another stream; name that one, or begin elsewhere".into(),
        );
    }
    let mut is_same = false;
    for (id, position) in positions.iter() {
        let Some(read) = number(position) else {
            continue;
        };
        match is_of(map, id, read) {
            Some(true) => is_same = true,
            None => {}
            Some(false) => {
                return refused(format!(
                    "the sequence number of {id} belongs to another shard or stream; was the stream deleted and made \
                     again since?"
                ));
            }
        }
    }
    let behind = |(shard, position): (ShardId, Position)| {
        let what = match map.find(shard) {
            None if Some(shard) > newest(map).map(|info| info.id) => What::Unlisted,
            Some(info) if position == Position::End && is_open(info, map) => What::Open,
            _ => return None,
        };
        Some(Behind {
            shard,
            what,
            is_same,
        })
    };
    Ok(positions.iter().find_map(behind))
}

/// Whether a number is of a shard of this stream, if numbers tell: the shard's own, or else all others, after the first of
/// which a shard was made that is not listed yet. A stream that was made again was made after all that was read before.
fn is_of(map: &ShardMap, id: ShardId, read: SequenceParts) -> Option<bool> {
    if read.shard != id {
        return Some(false);
    }
    if let Some(listed) = map.find(id) {
        return Some(read.created == listed.created()?);
    }
    if Some(id) < newest(map).map(|info| info.id) {
        return None;
    }
    Some(read.created >= map.oldest()?)
}

fn newest(map: &ShardMap) -> Option<&ShardInfo> {
    map.known().last()
}

/// Whether a shard is listed as open, and nothing that came of it is listed.
fn is_open(info: &ShardInfo, map: &ShardMap) -> bool {
    let is_heir = |other: &ShardInfo| {
        let (ours, theirs) = (info.range, other.range);
        other.id > info.id && ours.start() <= theirs.end() && theirs.start() <= ours.end()
    };
    info.is_open() && !map.known().iter().any(is_heir)
}

fn number(position: Position) -> Option<SequenceParts> {
    match position {
        Position::After {
            sequence_number, ..
        } => sequence_number.parts(),
        _ => None,
    }
}
