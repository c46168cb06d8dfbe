//! The lives of the stream: now and then it is deleted while it is read, and made again under its name.

use std::time::Duration;

use kinetik::api::{Call, DeleteStreamInput};
use kinetik::rng::Rng;
use kinetik::route::ShardInfo;
use kinetik::time::Moment;

use super::writer::Writer;
use super::{PUTTING, STREAM, Stored};
use crate::listing::shards;
use crate::reached::Reached;

/// What was stored in a stream, and its shards.
pub struct Life {
    pub stored: Vec<Stored>,
    pub lineage: Vec<ShardInfo>,
}

/// Which life it is, how many records were put in all, and how many before this life.
#[derive(Clone, Copy)]
pub struct Now {
    pub life: usize,
    pub put: u64,
    pub put_before: u64,
}

pub struct Lives {
    past: Vec<Life>,
    put_before: u64,
    deletion: Option<Moment>,
    /// So long after the deletion it is made again.
    gap: Duration,
    creation: Option<Moment>,
}

impl Lives {
    /// One life, or two of them.
    pub fn new(rng: &Rng, start: Moment, is_deleted: bool) -> Self {
        let gap = [400, 40_000][rng.below(2) as usize];
        Self {
            past: Vec::new(),
            put_before: 0,
            deletion: is_deleted.then(|| start + PUTTING.mul_f64(0.1 + 0.7 * rng.unit())),
            gap: Duration::from_millis(rng.below(gap)),
            creation: None,
        }
    }

    pub fn now(&self, writer: &Writer<'_>) -> Now {
        Now {
            life: self.past.len(),
            put: writer.next,
            put_before: self.put_before,
        }
    }

    /// Whether the stream is to be deleted yet, or to be made again.
    pub fn is_changing(&self) -> bool {
        self.deletion.is_some() || self.creation.is_some()
    }

    /// Whether there is none now.
    pub fn is_deleted(&self) -> bool {
        self.creation.is_some()
    }

    /// Deletes or makes the stream when that is due; true when it was deleted.
    pub fn turn(&mut self, now: Moment, writer: &mut Writer<'_>, reached: &mut Reached) -> bool {
        if self.creation.is_some_and(|at| at <= now)
            && writer.engine.create_stream(STREAM, 3).is_ok()
        {
            self.creation = None;
            reached.note("stream: made again while it is read");
        }
        if self.deletion.is_none_or(|at| at > now) {
            return false;
        }
        let lineage = shards(writer.engine);
        let call = Call::from(DeleteStreamInput {
            stream_name: Some(STREAM.into()),
            enforce_consumer_deletion: Some(true),
            ..Default::default()
        });
        if writer.engine.call(&call).is_err() {
            return false;
        }
        reached.note("stream: deleted while it is read");
        let stored = std::mem::take(&mut writer.stored);
        self.past.push(Life { stored, lineage });
        self.put_before = writer.next;
        self.deletion = None;
        self.creation = Some(now + self.gap);
        true
    }

    /// All of them, the present one last.
    pub fn all(self, writer: Writer<'_>) -> Vec<Life> {
        let mut lives = self.past;
        lives.push(Life {
            lineage: shards(writer.engine),
            stored: writer.stored,
        });
        lives
    }
}
