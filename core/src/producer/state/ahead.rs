//! Looking ahead: where a stream has many shards, what the sender keeps for them is in no near cache, and each step on a lane
//! would wait for memory. A field of each of the lanes that come next is read beforehand, which nothing depends on, so that
//! the processor waits for many of them at once.

use std::hint::black_box;

use super::State;
use super::lane::Lane;
use crate::types::ShardId;

/// So many lanes are in a near cache anyway.
const FEW: usize = 256;

impl State {
    /// Looks at lanes.
    pub(super) fn look_at(&self, lanes: impl Iterator<Item = u32>) {
        self.look(lanes, |lane| lane.in_flight);
    }

    /// Looks at lanes from which an answer came, and at what is counted of their shards.
    pub(super) fn look_at_answered(&self, lanes: &[u32]) {
        if self.lanes.len() > FEW {
            let shard = |lane: &Lane| lane.shard.map_or(0, ShardId::get);
            self.look(lanes.iter().copied(), |lane| lane.in_flight ^ shard(lane));
            let shards = lanes
                .iter()
                .filter_map(|lane| self.lanes[*lane as usize].shard);
            self.meter.lock().look_at(shards);
        }
    }

    /// Looks at the first batch of each lane, and at the lanes before.
    pub(super) fn look_at_ready(&self, lanes: impl Iterator<Item = u32> + Clone) {
        self.look_at(lanes.clone());
        self.look(lanes, |lane| {
            let first = lane.ready.front();
            first.map_or(0, |batch| (batch.data.len() ^ batch.charge) as u32)
        });
    }

    fn look(&self, lanes: impl Iterator<Item = u32>, at: impl Fn(&Lane) -> u32) {
        if self.lanes.len() > FEW {
            black_box(lanes.fold(0, |seen, lane| seen ^ at(&self.lanes[lane as usize])));
        }
    }
}
