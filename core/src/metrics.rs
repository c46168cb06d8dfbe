//! Counters and histograms as plain values, and the hook by which they are exported.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

mod emf;
mod otlp;
mod plain;
mod prometheus;
mod writer;

pub use emf::Emf;
pub use otlp::Otlp;
pub(crate) use plain::Plain;
pub use prometheus::Prometheus;
pub(crate) use writer::Writer;

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

    /// The values that were recorded since it was as `before`. The smallest and the largest are told to 1/16.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut since = Self::new();
        let pairs = self.buckets.iter().zip(before.buckets.iter());
        for (bucket, (now, then)) in pairs.enumerate() {
            let count = now.saturating_sub(*then);
            if count > 0 {
                let last = last_of(bucket).clamp(self.min(), self.max);
                since.buckets[bucket] = count;
                since.min = since.min.min(last);
                since.max = since.max.max(last);
            }
        }
        since.count = self.count.saturating_sub(before.count);
        since.sum = self.sum.saturating_sub(before.sum);
        since
    }

    /// How many values lie in each power of two up to the largest value: the power's last value, and the count.
    pub fn octaves(&self) -> Vec<(u64, u64)> {
        let mut octaves: Vec<(u64, u64)> = Vec::new();
        for (bucket, count) in self.buckets.iter().enumerate() {
            let next = last_of(bucket).checked_add(1);
            let end = next.and_then(u64::checked_next_power_of_two);
            let end = end.map_or(u64::MAX, |end| end - 1);
            match octaves.last_mut() {
                Some((last, sum)) if *last == end => *sum += count,
                Some((last, _)) if *last >= self.max => break,
                _ => octaves.push((end, *count)),
            }
        }
        octaves
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

/// A text in which values leave kinetik.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object of plain values.
    Json,
    /// Prometheus's text, version 0.0.4.
    Prometheus,
    /// CloudWatch's embedded metric format: lines of what happened since it was last asked for.
    Emf,
    /// The JSON body of an OTLP request, for OpenTelemetry's collectors.
    Otlp,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Json, Self::Prometheus, Self::Emf, Self::Otlp];

    /// Its name in every language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Prometheus => "prometheus",
            Self::Emf => "emf",
            Self::Otlp => "otlp",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = |format: &Self| format.name() == text;
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let text =
                format!("{text:?} is no format of metrics; expected json, prometheus, emf or otlp");
            Error::invalid("format", text)
        })
    }
}

/// CloudWatch's unit of a value, which its name tells.
fn unit_of(name: &str) -> &'static str {
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&["DataPut", "Bytes", "_bytes"]) {
        "Bytes"
    } else if ends(&["Time", "Milliseconds", "_ms"]) {
        "Milliseconds"
    } else if ends(&["Micros"]) {
        "Microseconds"
    } else {
        "Count"
    }
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

impl<E: Export + ?Sized> Export for &mut E {
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        (**self).counter(name, labels, value);
    }

    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        (**self).gauge(name, labels, value);
    }

    fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: &Histogram,
    ) {
        (**self).histogram(name, labels, value);
    }
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

    #[test]
    fn formats_are_named_and_an_unknown_one_is_told_the_names() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        let refused = "csv".parse::<Format>().unwrap_err().to_string();
        assert!(
            refused.contains("expected json, prometheus, emf or otlp"),
            "{refused}"
        );
    }

    #[test]
    fn names_tell_the_units() {
        let units = [
            "UserRecordsDataPut",
            "RequestTime",
            "AcknowledgeMicros",
            "UserRecordsPut",
        ];
        assert_eq!(
            units.map(unit_of),
            ["Bytes", "Milliseconds", "Microseconds", "Count"]
        );
    }

    proptest! {
        #[test]
        fn what_was_recorded_since_is_what_was_recorded_since(
            a in prop::collection::vec(any::<u32>(), 0..50), b in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let mut all = Histogram::new();
            a.iter().for_each(|&value| all.record(value.into()));
            let before = all.clone();
            b.iter().for_each(|&value| all.record(value.into()));
            let since = all.since(&before);
            let sum: u64 = b.iter().map(|&value| u64::from(value)).sum();
            prop_assert_eq!((since.count(), since.sum()), (b.len() as u64, sum));
            let largest = u64::from(*b.iter().max().unwrap());
            prop_assert!(since.max() >= largest && since.max() - largest <= largest / 16);
        }

        #[test]
        fn octaves_count_every_value_once_below_powers_of_two(
            values in prop::collection::vec(any::<u64>(), 0..50),
        ) {
            let mut all = Histogram::new();
            values.iter().for_each(|&value| all.record(value));
            let octaves = all.octaves();
            prop_assert!(octaves.is_sorted_by(|a, b| a.0 < b.0));
            let mut from = 0;
            for (last, count) in octaves {
                prop_assert!(last == u64::MAX || (last + 1).is_power_of_two());
                let inside = values.iter().filter(|value| (from..=last).contains(*value)).count();
                prop_assert_eq!(count, inside as u64);
                from = last.saturating_add(1);
            }
        }

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
