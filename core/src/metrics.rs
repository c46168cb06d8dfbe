//! Counters and histograms as plain values, and the hook by which they are exported.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

mod prometheus;

pub use prometheus::Prometheus;

/// A number that only grows. Adding costs one relaxed atomic add; reading is a relaxed load.
///
/// ```
/// use kinetik::metrics::Counter;
///
/// static CALLS: Counter = Counter::new();
/// CALLS.add(2);
/// assert_eq!(CALLS.get(), 2);
/// ```
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n`; wraps above 2^64.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What was added so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// How values are spread, to 1/16 of each value, in a fixed 7.6 KiB.
///
/// Log-linear: values below 16 are exact, each power of two above has sixteen steps. Recording costs a few
/// nanoseconds and never allocates. The unit is the caller's; names end in it (`put_nanos`, `record_bytes`).
///
/// ```
/// use kinetik::metrics::Histogram;
///
/// let mut sizes = Histogram::new();
/// for size in 1..=1_000 {
///     sizes.record(size);
/// }
/// assert_eq!((sizes.count(), sizes.sum(), sizes.max()), (1_000, 500_500, 1_000));
/// let median = sizes.quantile(0.5);
/// assert!((500..=531).contains(&median));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Box<[u64; BUCKETS]>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

const STEP_BITS: u32 = 4;
const STEPS: usize = 1 << STEP_BITS;
/// Sixteen exact values, and sixteen steps for each of the sixty powers of two above them.
const BUCKETS: usize = STEPS + STEPS * (u64::BITS - STEP_BITS) as usize;

impl Histogram {
    /// A histogram without values.
    pub fn new() -> Self {
        Self {
            buckets: Box::new([0; BUCKETS]),
            count: 0,
            sum: 0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Counts a value `times` times.
    #[inline]
    pub fn record_many(&mut self, value: u64, times: u64) {
        self.buckets[bucket_of(value)] += times;
        self.count += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds the values of another histogram to this one's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the values; saturates.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The smallest value; 0 without values.
    pub fn min(&self) -> u64 {
        if self.count == 0 { 0 } else { self.min }
    }

    /// The largest value; 0 without values.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A value that a share `q` (0 to 1) of the values does not exceed: at most 1/16 above the true one and
    /// never above the largest. 0 without values.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return last_of(bucket).clamp(self.min(), self.max);
            }
        }
        0
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max)
            .finish()
    }
}

#[inline]
fn bucket_of(value: u64) -> usize {
    if value < STEPS as u64 {
        return value as usize;
    }
    let octave = value.ilog2() - STEP_BITS;
    let step = (value >> octave) as usize - STEPS;
    STEPS + octave as usize * STEPS + step
}

/// The largest value of a bucket.
fn last_of(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let octave = (bucket - STEPS) / STEPS;
    let step = (bucket - STEPS) % STEPS;
    let first = ((STEPS + step) as u64) << octave;
    first + ((1 << octave) - 1)
}

/// Takes values on their way out of kinetik: to a log, a page or a metrics service.
///
/// A room that measures has a method `export(&self, &mut impl Export)` that names each of its values once.
/// Labels are few and bounded (stream, shard, operation), never keys of records.
pub trait Export {
    /// A counter's value so far.
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64);
    /// A value that goes up and down.
    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64);
    /// A histogram's values so far.
    fn histogram(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: &Histogram);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_contiguous_from_zero_to_the_largest_number() {
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(last_of(BUCKETS - 1), u64::MAX);
        for bucket in 0..BUCKETS - 1 {
            let last = last_of(bucket);
            assert_eq!((bucket_of(last), bucket_of(last + 1)), (bucket, bucket + 1));
        }
    }

    #[test]
    fn a_histogram_without_values_answers_zero() {
        let empty = Histogram::new();
        assert_eq!((empty.min(), empty.max(), empty.quantile(0.99)), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn quantiles_are_at_most_a_sixteenth_above_the_true_ones(
            mut values in prop::collection::vec(any::<u64>(), 1..200), q in 0.0..=1.0_f64,
        ) {
            let mut histogram = Histogram::new();
            values.iter().for_each(|&value| histogram.record(value));
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let (truth, answer) = (values[rank - 1], histogram.quantile(q));
            prop_assert!(answer >= truth && answer - truth <= truth / 16, "{answer} for {truth}");
        }

        #[test]
        fn merging_equals_recording_everything_in_one(
            a in prop::collection::vec(any::<u64>(), 0..50), b in prop::collection::vec(any::<u64>(), 0..50),
        ) {
            let of = |values: &[u64]| {
                let mut histogram = Histogram::new();
                values.iter().for_each(|&value| histogram.record(value));
                histogram
            };
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }
}
