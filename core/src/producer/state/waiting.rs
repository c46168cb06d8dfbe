//! Without aggregation: what waits for its request to fill, as batches and in the backlog.

use super::batch::Batch;
use super::pace::Pace;
use crate::time::Moment;

/// Kinesis records that wait for company in a request.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub pace: Pace,
    pub entries: usize,
    pub bytes: usize,
    /// When the first of them came, or the request before them went.
    pub since: Option<Moment>,
    /// A flush asked for what waits.
    pub is_urgent: bool,
}

impl Waiting {
    pub fn add(&mut self, batch: &Batch) {
        self.come(1, batch.size(), batch.history.arrived);
    }

    pub fn forget(&mut self, batch: &Batch) {
        self.go(1, batch.size());
    }

    pub fn come(&mut self, entries: usize, bytes: usize, arrived: Moment) {
        self.entries += entries;
        self.bytes += bytes;
        self.since = Some(self.since.map_or(arrived, |since| since.min(arrived)));
    }

    pub fn go(&mut self, entries: usize, bytes: usize) {
        self.entries -= entries;
        self.bytes -= bytes;
    }
}
