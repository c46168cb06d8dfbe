//! How on-demand streams grow, by the rule that docs/engine.md states: each minute of such a stream, every shard that took
//! more than 500 KB/s in it is split in the middle.

use crate::resharding::Change;
use crate::streams::{Phase, Stream};
use crate::world::World;

const MINUTE: u64 = 60_000;
const MOST_BYTES: usize = 500_000 * 60;
/// Of streams in us-east-1.
const MOST_SHARDS: usize = 10_000;

impl World {
    /// Lets a stream grow if a minute of it is over that was not looked at.
    pub fn grow(&mut self, stream: u8) {
        let (now, delay) = (self.now, self.delay);
        let model = self.streams.get_mut(&stream).unwrap();
        let Some(since) = model.grows_since.filter(|since| since + MINUTE <= now) else {
            return;
        };
        // All that was put since was put in that minute: before anything later, the model was settled.
        let due = since + MINUTE;
        model.grows_since = Some(now - (now - since) % MINUTE);
        self.end_phase(stream, due);
        let model = self.streams.get_mut(&stream).unwrap();
        let shards = model.taxed(since);
        if model.phase == Phase::Active && !shards.is_empty() {
            model.phase = Phase::Updating(due + delay, Change::Halve { since });
        }
    }

    /// Carries out what [`World::grow`] began.
    pub fn halve(&mut self, stream: u8, since: u64, time: u64) {
        self.tally.grew();
        for shard in self.streams[&stream].taxed(since) {
            let shards = &self.streams[&stream].shards;
            let (start, end) = (shards[shard].start, shards[shard].end);
            let at = start + (end - start) / 2 + 1;
            self.reshard(stream, Change::Split { shard, at }, time);
        }
    }
}

impl Stream {
    /// The shards that took too much in the minute that began then, as far as there may be more, in the order of their
    /// ranges.
    fn taxed(&self, since: u64) -> Vec<usize> {
        let took = |&place: &usize| {
            let records = self.shards[place].records.iter();
            let within = records.filter(|one| (since..since + MINUTE).contains(&one.arrived));
            within.map(|one| one.size()).sum::<usize>() > MOST_BYTES
        };
        let wide = |&place: &usize| self.shards[place].end - self.shards[place].start > 2;
        let mut open = self.open();
        let room = MOST_SHARDS - open.len();
        open.sort_by_key(|&place| self.shards[place].start);
        open.into_iter()
            .filter(took)
            .filter(wide)
            .take(room)
            .collect()
    }
}
