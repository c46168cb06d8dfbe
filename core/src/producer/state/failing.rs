//! The end of records that failed, and the error that tells of it.

use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::{Effects, State};
use crate::error::{Error, ErrorKind};
use crate::producer::receipt::FailedAttempt;
use crate::time::Moment;
use crate::types::ShardId;

/// What makes the errors of two batches the same.
pub(super) struct Told {
    kind: ErrorKind,
    shard: Option<ShardId>,
    attempts: u32,
    elapsed: Duration,
    last: Option<Arc<FailedAttempt>>,
}

impl Told {
    fn is_like(&self, other: &Self) -> bool {
        let is_same = match (&self.last, &other.last) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        is_same
            && (self.kind, self.shard, self.attempts, self.elapsed)
                == (other.kind, other.shard, other.attempts, other.elapsed)
    }
}

impl State {
    /// Ends a batch that failed, and tells why.
    pub(super) fn fail(
        &mut self,
        mut batch: Batch,
        error: &Error,
        now: Moment,
        effects: &mut Effects,
    ) {
        let held = batch.size_as_failures().max(batch.charge);
        self.budget.exchange(batch.charge, held);
        batch.charge = held;
        self.end(&batch);
        self.meter.lock().failed(&batch, error);
        self.break_keys(&batch, error);
        let place = &self.lanes[batch.lane as usize];
        let told = Told {
            kind: error.kind(),
            shard: place.shard.filter(|_| place.is_home(&batch)),
            attempts: batch.history.attempts,
            elapsed: now - batch.history.arrived,
            last: batch.failed.last_shared().cloned(),
        };
        let error = match &self.told {
            Some((before, error)) if before.is_like(&told) => error.clone(),
            _ => {
                let error = self.explained(error, &told);
                self.told.insert((told, error)).1.clone()
            }
        };
        batch.fail(&error, &mut effects.outcomes);
    }

    /// The error that a caller gets of a record: where it happened, and after how much.
    fn explained(&self, error: &Error, told: &Told) -> Error {
        let mut error = error.clone().attempts(told.attempts, told.elapsed);
        if !self.settings.stream.is_empty() {
            error = error.stream(&*self.settings.stream);
        }
        match told.shard {
            Some(shard) if error.shard_id().is_none() => error.shard(shard.to_string()),
            _ => error,
        }
    }
}
