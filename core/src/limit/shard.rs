//! The two rates of a shard, records and bytes, as one decision.

use std::time::Duration;

use super::bucket::Bucket;
use crate::time::Moment;
use crate::types::limits::{
    FULL_READ_PENALTY, GET_RECORDS_MAX_BYTES, SHARD_BURST_BYTES, SHARD_BYTES_PER_SECOND,
    SHARD_READ_BYTES_PER_SECOND, SHARD_READS_PER_SECOND, SHARD_RECORDS_PER_SECOND,
};

/// What one shard takes: records (or calls) a second and bytes a second, taken together or not at all.
///
/// One type for both sides: the producer's and the reader's pace ([`ShardLimit::client`],
/// [`ShardLimit::reads`]) and the engine's own quota ([`ShardLimit::service`], [`ShardLimit::service_reads`]).
/// 64 bytes, no allocation, about 4 ns a decision when the clock is read once a batch.
///
/// ```
/// use kinetik::{limit::ShardLimit, time::Moment};
///
/// let mut shard = ShardLimit::client();
/// assert!(shard.take(Moment::ZERO, 1, 51_200).is_ok());
/// let wait_until = shard.take(Moment::ZERO, 1, 51_200).unwrap_err();
/// assert!(shard.take(wait_until, 1, 51_200).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLimit {
    records: Bucket,
    bytes: Bucket,
}

/// How much of a second a client may send ahead: what the service's own counting is sure to tolerate.
pub(crate) const CLIENT_TOLERANCE: Duration = Duration::from_millis(50);

impl ShardLimit {
    /// Any two rates, each with its own tolerance or burst.
    pub const fn new(records: Bucket, bytes: Bucket) -> Self {
        Self { records, bytes }
    }

    /// A producer's pace: 1,000 records/s and 1 MiB/s, at most 50 ms ahead.
    pub fn client() -> Self {
        Self::new(
            Bucket::new(SHARD_RECORDS_PER_SECOND, CLIENT_TOLERANCE),
            Bucket::new(SHARD_BYTES_PER_SECOND, CLIENT_TOLERANCE),
        )
    }

    /// A shard's own write quota: 1,000 records/s, one second of them at once, and 1 MiB/s with the reserve of
    /// 10 MiB that large records draw on. Source: AWS, large records; what the reserve does for small ones is not
    /// published.
    pub fn service() -> Self {
        Self::new(
            Bucket::with_burst(SHARD_RECORDS_PER_SECOND, SHARD_RECORDS_PER_SECOND),
            Bucket::with_burst(SHARD_BYTES_PER_SECOND, SHARD_BURST_BYTES),
        )
    }

    /// A reader's pace: 5 GetRecords calls/s, two of them at once, and 2 MiB/s. An answer's size is known only
    /// afterwards: take one call and no bytes, then [`ShardLimit::charge_answer`].
    pub fn reads() -> Self {
        Self::new(
            Bucket::with_burst(SHARD_READS_PER_SECOND, 2),
            Bucket::new(SHARD_READ_BYTES_PER_SECOND, Duration::from_secs(1)),
        )
    }

    /// A shard's own read quota: 5 calls/s and 2 MiB/s, one second of each at once. Source: AWS, GetRecords.
    pub fn service_reads() -> Self {
        Self::new(
            Bucket::with_burst(SHARD_READS_PER_SECOND, SHARD_READS_PER_SECOND),
            Bucket::with_burst(SHARD_READ_BYTES_PER_SECOND, SHARD_READ_BYTES_PER_SECOND),
        )
    }

    /// Admits `records` and `bytes` now, or takes nothing and says from which moment on both will be admitted.
    #[inline]
    pub fn take(&mut self, now: Moment, records: u64, bytes: u64) -> Result<(), Moment> {
        let ready = self.ready_at(records, bytes);
        if ready > now {
            return Err(ready);
        }
        self.charge(now, records, bytes);
        Ok(())
    }

    /// The first moment at which both would be admitted, if nothing else is taken before.
    #[inline]
    pub fn ready_at(&self, records: u64, bytes: u64) -> Moment {
        self.records
            .ready_at(records)
            .max(self.bytes.ready_at(bytes))
    }

    /// Takes both without asking, into debt if need be.
    #[inline]
    pub fn charge(&mut self, now: Moment, records: u64, bytes: u64) {
        self.records.charge(now, records);
        self.bytes.charge(now, bytes);
    }

    /// Takes the bytes of a GetRecords answer, whose call was admitted before. A full answer of 10 MiB shuts the
    /// shard for five seconds. Source: AWS, GetRecords.
    #[inline]
    pub fn charge_answer(&mut self, now: Moment, bytes: u64) {
        self.bytes.charge(now, bytes);
        if bytes >= GET_RECORDS_MAX_BYTES as u64 {
            self.bytes.block(now + FULL_READ_PENALTY);
        }
    }

    /// Admits nothing before `until`, as after a throttle.
    pub fn block(&mut self, until: Moment) {
        self.records.block(until);
        self.bytes.block(until);
    }

    /// The rate of bytes alone, as it stands.
    pub(super) fn bytes(&self) -> Bucket {
        self.bytes
    }

    /// Goes on with another account of the bytes.
    pub(super) fn set_bytes(&mut self, bytes: Bucket) {
        self.bytes = bytes;
    }

    /// Changes both rates from now on, as when a share of a shard is learned.
    pub fn set_rates(&mut self, records_per_second: u64, bytes_per_second: u64) {
        self.records.set_rate(records_per_second);
        self.bytes.set_rate(bytes_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_ms(ms: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn a_request_refused_for_its_bytes_takes_no_record_either() {
        let mut shard = ShardLimit::client();
        shard.charge(Moment::ZERO, 0, 1 << 20);
        let before = shard;
        assert!(shard.take(Moment::ZERO, 1, 1_024).is_err());
        assert_eq!(shard, before);
    }

    #[test]
    fn the_services_reserve_takes_ten_mebibytes_at_once_and_then_one_a_second() {
        let mut shard = ShardLimit::service();
        assert!(shard.take(Moment::ZERO, 1, SHARD_BURST_BYTES).is_ok());
        assert!(shard.take(at_ms(999), 1, 1 << 20).is_err());
        assert!(shard.take(at_ms(1_000), 1, 1 << 20).is_ok());
        assert!(shard.take(at_ms(1_000), 1, 1 << 20).is_err());
    }

    #[test]
    fn a_full_read_is_paid_for_by_five_seconds_of_refusal() {
        let mut shard = ShardLimit::service_reads();
        assert!(shard.take(Moment::ZERO, 1, 0).is_ok());
        shard.charge_answer(Moment::ZERO, 10 << 20);
        assert_eq!(shard.take(at_ms(4_999), 1, 0), Err(at_ms(5_000)));
        assert!(shard.take(at_ms(5_000), 1, 0).is_ok());
    }

    #[test]
    fn a_second_of_reads_may_come_at_once_and_more_than_2_mebibytes_are_owed() {
        let mut shard = ShardLimit::service_reads();
        for mebibytes in [1, 5] {
            assert!(shard.take(Moment::ZERO, 1, 0).is_ok());
            shard.charge_answer(Moment::ZERO, mebibytes << 20);
        }
        assert_eq!(shard.take(Moment::ZERO, 1, 0), Err(at_ms(2_000)));
    }

    #[test]
    fn a_producer_that_waits_as_told_is_never_refused_by_the_service() {
        let (mut client, mut service) = (ShardLimit::client(), ShardLimit::service());
        let mut now = Moment::ZERO;
        for record in 0..5_000_u64 {
            let bytes = 200 + (record * 7_919) % 60_000;
            while let Err(until) = client.take(now, 1, bytes) {
                now = until;
            }
            assert!(
                service.take(now, 1, bytes).is_ok(),
                "record {record} at {now:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn both_are_taken_or_neither(steps in prop::collection::vec((0_u64..50, 0_u64..300, 0_u64..200_000), 1..100)) {
            let mut both = ShardLimit::client();
            let mut now = Moment::ZERO;
            for (pause, records, bytes) in steps {
                now = now + Duration::from_millis(pause);
                let (mut alone_records, mut alone_bytes) = (both.records, both.bytes);
                let expected = alone_records.take(now, records).is_ok() & alone_bytes.take(now, bytes).is_ok();
                let before = both;
                prop_assert_eq!(both.take(now, records, bytes).is_ok(), expected);
                if !expected {
                    prop_assert_eq!(both, before);
                }
            }
        }
    }
}
