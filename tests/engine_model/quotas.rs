//! Quotas: so many calls at once, and as many again each second; and so many changes in a day.
//!
//! Records and bytes a second are left to the conformance tests: no program here puts or reads that many.

use std::collections::BTreeMap;

use kinetik::api::Operation::{self, self as O};

const DAY: u64 = 24 * 3_600_000;

/// What has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rated {
    /// An operation, of a stream or of the whole account.
    Calls(Operation, Option<u8>),
    /// GetRecords on a shard of a stream, told by its incarnation.
    Reads(u32, usize),
    /// GetShardIterator on a shard.
    Iterators(u32, usize),
}

/// When each rate will have recovered wholly, in milliseconds.
#[derive(Debug, Default)]
pub struct Rates(BTreeMap<Rated, u64>);

impl Rates {
    /// Takes one call, if there is one left.
    pub fn admit(&mut self, now: u64, what: Rated, per_second: u64) -> bool {
        let recovered = self.0.entry(what).or_insert(now);
        let owed = recovered.saturating_sub(now);
        let one = 1_000 / per_second;
        let admitted = owed + one <= 1_000;
        if admitted {
            *recovered = now + owed + one;
        }
        admitted
    }
}

/// Who shares a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Account,
    Stream,
}

/// Calls a second: reference/kinesis-api.md 2.
const RATES: &[(u64, Scope, &[Operation])] = &[
    (1, Scope::Account, &[O::DescribeLimits]),
    (
        5,
        Scope::Account,
        &[
            O::AddTagsToStream,
            O::CreateStream,
            O::DeleteStream,
            O::ListStreams,
            O::PutResourcePolicy,
            O::GetResourcePolicy,
            O::DeleteResourcePolicy,
            O::DescribeAccountSettings,
            O::UpdateAccountSettings,
            O::UpdateStreamWarmThroughput,
        ],
    ),
    (
        10,
        Scope::Account,
        &[O::DescribeStream, O::UpdateShardCount],
    ),
    (20, Scope::Account, &[O::DescribeStreamSummary]),
    (
        5,
        Scope::Stream,
        &[
            O::IncreaseStreamRetentionPeriod,
            O::DecreaseStreamRetentionPeriod,
            O::DeregisterStreamConsumer,
            O::RegisterStreamConsumer,
            O::ListStreamConsumers,
            O::ListTagsForStream,
            O::RemoveTagsFromStream,
            O::SplitShard,
            O::MergeShards,
            O::EnableEnhancedMonitoring,
            O::DisableEnhancedMonitoring,
        ],
    ),
    (20, Scope::Stream, &[O::DescribeStreamConsumer]),
    (1_000, Scope::Stream, &[O::ListShards]),
];

/// The rate of an operation, if it has one.
pub fn rate(operation: Operation) -> Option<(u64, Scope)> {
    let row = RATES
        .iter()
        .find(|(_, _, operations)| operations.contains(&operation));
    row.map(|&(per_second, scope, _)| (per_second, scope))
}

/// Whether something was done so often within the last 24 hours.
pub fn used_up(done: &[u64], now: u64, most: usize) -> bool {
    done.iter().filter(|&&at| now - at < DAY).count() >= most
}
