//! The service's texts. Each is quoted from reference/kinesis-api.md 5.3 and 5.4 unless it says that it is kinetik's.

use crate::api::Refusal;
use crate::time::Timestamp;
use crate::types::HashRange;
use crate::types::limits::ITERATOR_LIFE;

/// A stream as texts name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub stream: &'a str,
    pub account: &'a str,
}

impl Named<'_> {
    #[cold]
    pub fn not_found(self) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_not_found(format!(
            "Stream {stream} under account {account} not found."
        ))
    }

    #[cold]
    pub fn exists(self) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_in_use(format!(
            "Stream {stream} under account {account} already exists."
        ))
    }

    #[cold]
    pub fn has_consumers(self) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_in_use(format!(
            "DeleteStream can't delete {account}:{stream} because there are consumers associated with this data stream. \
             To delete {stream} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all \
             the consumers that are associated with it."
        ))
    }

    #[cold]
    pub fn not_active(self, state: &str) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_in_use(format!(
            "Stream {stream} under account {account} not ACTIVE, instead in state {state}"
        ))
    }

    /// A shard that no text of the caller can name; `raw` is what the caller wrote.
    #[cold]
    pub fn shard_not_found(self, raw: &str) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_not_found(format!(
            "Could not find shard {raw} in stream {stream} under account {account}."
        ))
    }

    #[cold]
    pub fn shard_does_not_exist(self, shard: impl std::fmt::Display) -> Refusal {
        let Self { stream, account } = self;
        Refusal::resource_not_found(format!(
            "Shard {shard} in stream {stream} under account {account} does not exist"
        ))
    }

    #[cold]
    pub fn shard_is_closed(self, shard: impl std::fmt::Display) -> Refusal {
        let Self { stream, account } = self;
        Refusal::invalid_argument(format!(
            "Shard {shard} in stream {stream} under account {account} has already been merged or split, and thus is \
             not eligible for merging or splitting."
        ))
    }

    #[cold]
    pub fn cannot_split_at(
        self,
        shard: impl std::fmt::Display,
        at: &str,
        range: HashRange,
    ) -> Refusal {
        let Self { stream, account } = self;
        let (start, end) = (range.start(), range.end());
        Refusal::invalid_argument(format!(
            "NewStartingHashKey {at} used in SplitShard() on shard {shard} in stream {stream} under account {account} \
             is not both greater than one plus the shard's StartingHashKey {start} and less than the shard's \
             EndingHashKey {end}."
        ))
    }

    #[cold]
    pub fn not_adjacent(self, a: impl std::fmt::Display, b: impl std::fmt::Display) -> Refusal {
        let Self { stream, account } = self;
        Refusal::invalid_argument(format!(
            "Shards {a} and {b} in stream {stream} under account {account} are not an adjacent pair of shards eligible \
             for merging"
        ))
    }

    #[cold]
    pub fn on_demand(self) -> Refusal {
        let Self { stream, account } = self;
        Refusal::validation(format!(
            "Request is invalid. Stream {stream} under account {account} is in On-Demand mode."
        ))
    }

    #[cold]
    pub fn write_throttled(self, shard: impl std::fmt::Display) -> Refusal {
        let Self { stream, account } = self;
        Refusal::throughput_exceeded(format!(
            "Rate exceeded for shard {shard} in stream {stream} under account {account}."
        ))
    }

    #[cold]
    pub fn read_throttled(self, shard: impl std::fmt::Display) -> Refusal {
        let Self { stream, account } = self;
        Refusal::throughput_exceeded(format!(
            "Rate exceeded for Shard - {account}/{stream}/{shard}"
        ))
    }

    /// The text of an operation that names no stream is kinetik's.
    #[cold]
    pub fn calls_throttled(self) -> Refusal {
        let Self { stream, account } = self;
        Refusal::limit_exceeded(match stream {
            "" => format!("Rate exceeded for account {account}."),
            stream => format!("Rate exceeded for stream {stream} under account {account}."),
        })
    }

    /// kinetik's own text; AWS has no such limit.
    #[cold]
    pub fn memory_full(self, shard: impl std::fmt::Display, cap: usize) -> Refusal {
        let Self { stream, account } = self;
        Refusal::throughput_exceeded(format!(
            "Rate exceeded for shard {shard} in stream {stream} under account {account}: the engine's memory limit of \
             {cap} bytes is used up; raise it (--memory), let the oldest records go (--when-full trim), or shorten the \
             retention"
        ))
    }

    #[cold]
    pub fn ordering_number_invalid(self, number: &str) -> Refusal {
        let Self { stream, account } = self;
        Refusal::invalid_argument(format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under account {account} is \
             invalid."
        ))
    }

    #[cold]
    pub fn starting_number_invalid(
        self,
        number: &str,
        shard: impl std::fmt::Display,
        why: &str,
    ) -> Refusal {
        let Self { stream, account } = self;
        Refusal::invalid_argument(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream {stream} under \
             account {account} is invalid{why}"
        ))
    }

    /// The text of the account's shard quota.
    #[cold]
    pub fn shard_quota(self, region: &str, current: usize, limit: usize, more: usize) -> Refusal {
        let account = self.account;
        Refusal::limit_exceeded(format!(
            "This request would exceed the shard limit for the account {account} in {region}. Current shard count for \
             the account: {current}. Limit: {limit}. Number of additional shards that would have resulted from this \
             request: {more}. Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits."
        ))
    }
}

#[cold]
pub(super) fn hash_key_out_of_range(value: &str) -> Refusal {
    Refusal::invalid_argument(format!(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {value}"
    ))
}

#[cold]
pub(super) fn iterator_invalid() -> Refusal {
    Refusal::invalid_argument("Invalid ShardIterator.")
}

#[cold]
pub(super) fn iterator_expired(issued: Timestamp, now: Timestamp) -> Refusal {
    Refusal::expired_iterator(format!(
        "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future \
         than the tolerated delay of {} milliseconds.",
        java_date(issued),
        java_date(now),
        ITERATOR_LIFE.as_millis()
    ))
}

/// The words differ in what they find at fault: a number too many, or none.
#[cold]
pub(super) fn iterator_type_and_number(kind: &str, given: bool) -> Refusal {
    let also = if given { "also a" } else { "no" };
    Refusal::invalid_argument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {also} \
         StartingSequenceNumber."
    ))
}

/// A violation of one constraint, in the form of the model's own.
#[cold]
pub(super) fn violation(path: &str, rule: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: {rule}"
    ))
}

/// The exact text is not known; this one is kinetik's.
#[cold]
pub(super) fn dry_run() -> Refusal {
    Refusal::dry_run(
        "The request was checked and nothing was done because the DryRun parameter was specified.",
    )
}

/// As Java prints a date: `Thu Jan 22 01:22:02 UTC 2015`.
fn java_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = at.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 1 March of year 0, so that a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year + u64::from(month < 2);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_printed_as_java_does() {
        for (seconds, text) in [
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (1_421_889_722, "Thu Jan 22 01:22:02 UTC 2015"),
            (951_782_400, "Tue Feb 29 00:00:00 UTC 2000"),
            (1_709_251_199, "Thu Feb 29 23:59:59 UTC 2024"),
            (1_735_689_599, "Tue Dec 31 23:59:59 UTC 2024"),
            (4_107_542_400, "Mon Mar 01 00:00:00 UTC 2100"),
        ] {
            assert_eq!(java_date(Timestamp::from_millis(seconds * 1_000)), text);
        }
    }
}
