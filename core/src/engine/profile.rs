//! What control operations set on a stream beside its shards.

use bytestring::ByteString;

use super::consumers::Consumers;
use super::encryption::Encryption;
use super::rolling::Rolling;
use crate::api::{MetricsName, RecordDistributionStrategy};

/// The settings of a stream that its records' way does not depend on, except for encryption and distribution.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub consumers: Consumers,
    /// The resource policy as it was put.
    pub policy: Option<ByteString>,
    pub encryption: Encryption,
    /// Shard-level metrics that are on, each once, in the model's order.
    pub metrics: Vec<MetricsName>,
    /// MiB per second that an on-demand stream was asked to be ready for.
    pub warm_throughput: Option<i32>,
    /// `None` unless it was ever set.
    pub distribution: Option<RecordDistributionStrategy>,
    /// When the capacity mode was changed.
    pub mode_changes: Rolling,
}

impl Profile {
    /// Whether the service spreads the records itself, whatever their keys.
    #[inline]
    pub fn is_auto(&self) -> bool {
        self.distribution == Some(RecordDistributionStrategy::Auto)
    }
}
