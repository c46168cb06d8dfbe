//! What a reader has counted, on its way out.

use std::sync::Arc;

use super::lag::ShardLag;
use super::stats::ReaderStats;
use crate::metrics::{Export, Format, Writer};
use crate::time::Timestamp;

/// The namespace under which CloudWatch has a reader's values.
pub(super) const NAMESPACE: &str = "Kinetik";

/// What a reader has counted, and how far behind it was, at one moment.
#[derive(Clone, Debug)]
pub struct ReaderMetrics {
    /// The stream's name.
    pub stream: String,
    /// What was counted.
    pub stats: ReaderStats,
    /// How far behind each shard was.
    pub lag: Vec<ShardLag>,
    /// The moment, by the wall clock.
    pub at: Timestamp,
    pub(super) writer: Arc<Writer>,
}

impl ReaderMetrics {
    /// Names each value once.
    pub fn export(&self, to: &mut impl Export) {
        self.stats.export(&self.stream, to);
        for lag in &self.lag {
            lag.export(&self.stream, to);
        }
    }

    /// The values as a text; in [`Format::Emf`] what happened since one of the reader's was last asked for.
    pub fn text(&self, format: Format) -> String {
        match format {
            Format::Json => self.stats.json(&self.lag),
            _ => self
                .writer
                .write(format, self.at, |mut to| self.export(&mut to)),
        }
    }
}
