//! What happens by itself as time goes on: states change, consumers come and go, records and shards expire.

use crate::resharding::Change;
use crate::streams::{Phase, Stream};
use crate::world::World;

pub const HOUR: u64 = 3_600_000;

impl World {
    /// Brings the model to the present.
    pub fn settle(&mut self) {
        let now = self.now;
        self.streams
            .retain(|_, stream| !matches!(stream.phase, Phase::Deleting(until) if until <= now));
        let names: Vec<_> = self.streams.keys().copied().collect();
        for name in names {
            let stream = self.streams.get_mut(&name).unwrap();
            stream.consumers.retain(|_, one| !one.is_gone(now));
            self.grow(name);
            self.end_phase(name, now);
            self.streams.get_mut(&name).unwrap().expire(now);
            self.compare_shards(name);
        }
    }

    /// Ends what is over then of a stream's life.
    pub fn end_phase(&mut self, name: u8, now: u64) {
        let stream = self.streams.get_mut(&name).unwrap();
        match stream.phase {
            Phase::Creating(until) if until <= now => {
                stream.phase = Phase::Active;
                stream.was_made = true;
            }
            Phase::Updating(until, change) if until <= now => {
                stream.phase = Phase::Active;
                self.reshard(name, change, until);
            }
            _ => {}
        }
    }

    /// Begins an update, at whose end the stream changes so.
    pub fn update(&mut self, stream: u8, change: Change) {
        let until = self.now + self.delay;
        self.streams.get_mut(&stream).unwrap().phase = Phase::Updating(until, change);
        self.settle();
    }
}

impl Stream {
    /// What arrived before can no longer be read.
    pub fn horizon(&self, now: u64) -> u64 {
        now - self.retention * HOUR
    }

    /// Forgets what is behind the horizon, for good.
    pub fn expire(&mut self, now: u64) {
        let horizon = self.horizon(now);
        for shard in &mut self.shards {
            shard.expired |= shard.closed.is_some_and(|closed| closed < horizon);
            let gone = shard
                .records
                .partition_point(|record| record.arrived < horizon);
            shard.trimmed = shard.trimmed.max(gone);
        }
    }
}
