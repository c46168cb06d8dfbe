//! How far a reader is behind, shard by shard.

use crate::metrics::Export;
use crate::types::ShardId;

/// How far a reader is behind the tip of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLag {
    /// The shard.
    pub shard_id: ShardId,
    /// How far the last answer was behind the newest record, in milliseconds, by the service's word
    /// (`MillisBehindLatest`); 0 at the tip, `None` before the first answer and where the server does not tell.
    pub millis_behind_latest: Option<u64>,
    /// What the caller was not given yet. The service tells a distance in time alone, so this is known once an answer
    /// reached the tip, and `None` before.
    pub backlog: Option<Backlog>,
}

/// Records that a reader has fetched and not handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// User records.
    pub records: u64,
    /// Bytes of the answers of which some are left: data and keys, as the service counts them.
    pub bytes: u64,
}

impl ShardLag {
    /// Names each value that is known once, as a gauge with stream and shard.
    pub fn export(&self, stream: &str, to: &mut impl Export) {
        let shard = self.shard_id.to_string();
        let labels = [("stream", stream), ("shard", &*shard)];
        let backlog = self.backlog;
        for (name, value) in [
            ("reader_millis_behind_latest", self.millis_behind_latest),
            ("reader_backlog_records", backlog.map(|left| left.records)),
            ("reader_backlog_bytes", backlog.map(|left| left.bytes)),
        ] {
            if let Some(value) = value {
                to.gauge(name, &labels, value as f64);
            }
        }
    }
}
