//! One shard of a reader: how far it was fetched and handed out, and when to ask for more.

use std::time::Duration;

use bytestring::ByteString;

use super::decode::ReadSoFar;
use super::lag::Backlog;
use super::pace::{Idle, Kept, Pace};
use super::position::Position;
use crate::api::{self, Subscription};
use crate::route::ShardInfo;
use crate::time::{Moment, Timestamp};
use crate::types::SequenceNumber;
use crate::types::limits::{
    GET_RECORDS_MAX_RECORDS, SHARD_READ_BYTES_PER_SECOND, SUBSCRIBE_WINDOW,
};

/// What a reader knows of one shard.
pub(super) struct Shard {
    pub info: ShardInfo,
    pub stage: Stage,
    /// Where the next iterator is asked for: behind the last record that was fetched.
    pub cursor: Cursor,
    pub iterator: Option<ByteString>,
    /// Whether it is read by subscriptions.
    pub by_fan_out: bool,
    pub fan_out: FanOut,
    /// The wait for something new that is under way.
    pub awaited: Option<u64>,
    /// When the last call was made, which for a subscription is when it was asked for: an event may wait in a connection for
    /// as long as nobody takes it, so that nothing else tells how old it is.
    pub sent_at: Moment,
    /// Failures in a row, and since when: time in which nobody waited for records is left out.
    pub failures: u32,
    pub failing_since: Option<Moment>,
    /// Answers at the tip in a row that brought nothing, and the mark of a shard that has them.
    pub idle: u32,
    pub is_idle: Option<Idle>,
    /// Its part in the pace of the shard, where it keeps to that.
    pub kept: Option<Kept>,
    /// Answers before the tip in a row that brought nothing.
    empty: u32,
    /// How large the next answer may be, by the last ones.
    pub estimate: usize,
    /// How large its records are, by the last answer that had any.
    record_bytes: Option<usize>,
    /// How many records an answer may have at most, so that it comes in time.
    most: usize,
    /// Whether the last iterator was refused as one that is none.
    pub is_refused: bool,
    /// Whether it is the stream's own although its numbers tell otherwise.
    is_vouched_for: bool,
    /// When its parent told of it, unless a listing has shown it since.
    told_at: Option<Moment>,
    /// Where reading began.
    pub start: Position,
    /// Where the caller stands, once something was handed out.
    pub handed_out: Option<Position>,
    /// How far the last answer was behind the shard's tip, in milliseconds.
    pub behind: Option<u64>,
    /// What was fetched and waits to be handed out.
    pub backlog: Backlog,
    /// When the newest record arrived, or later, as the first answer with records that tells a distance told.
    pub first_tip: Option<Timestamp>,
    /// With an end in time: where what arrived after it begins, once some was left out.
    pub cut: Option<Cursor>,
    /// With an end in time: the last record that is known to have arrived before it, where later ones lie before that.
    pub in_time: Option<SequenceNumber>,
    /// How often in a row its end, which named no children, was looked up in a listing.
    pub doubts: u32,
}

/// What a shard that is read by subscriptions has besides.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    /// The one that is open, unless an event of it is waited for.
    pub subscription: Option<Subscription>,
    /// When the last one began, and when it is to be replaced.
    pub since: Option<Moment>,
    pub renew_at: Moment,
    /// Whether the last one has given an event.
    pub has_told: bool,
    /// Where the service said to go on, behind all that it told.
    pub continuation: Option<SequenceNumber>,
}

impl FanOut {
    /// When the service will take another subscription: five seconds after the last one began. Source: AWS,
    /// SubscribeToShard.
    pub fn ready_at(&self) -> Moment {
        self.since
            .map_or(Moment::ZERO, |since| since + SUBSCRIBE_WINDOW)
    }
}

/// What is to be done with a shard next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its parents are not read to their ends.
    Waiting,
    /// It is to be subscribed to once there is a consumer.
    Consumerless,
    /// The next event of its subscription is to be waited for.
    Subscribed,
    /// A call is to be made at this moment.
    Due(Moment),
    /// The call with this ticket is under way, or the next event is waited for.
    Calling(u64),
    /// It stopped answering; why is to be seen from a listing that is begun at this moment or later.
    Unclear {
        /// When it stopped.
        since: Moment,
        /// The service said that there is no such shard, or answers as if it were another one, rather than that it has no
        /// more records.
        not_found: bool,
    },
    /// There is nothing more to read.
    Done {
        /// Whether that is the shard's own end, so that its children may begin.
        ended: bool,
    },
}

/// Where fetching stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Behind the newest record as it will stand when the iterator is made.
    Latest,
    /// At a position.
    At(Position),
}

/// Shortest and longest pause between reads of a shard that has nothing new.
const IDLE_PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// After so many answers in a row that bring nothing although the service says that there is more, the next is asked for
/// after a pause, whoever serves them.
const EMPTY_UNTIL_PAUSE: u32 = 10;
/// Bytes that an answer should have: what a shard gives in a second, so that one read a second takes it all, as where
/// five readers share the five that the service allows. An answer of five times as much, which it would give as well,
/// leaves the processor's cache before it is taken apart, and costs twice as much a byte.
const ANSWER_BYTES: usize = SHARD_READ_BYTES_PER_SECOND as usize;
/// Records that are asked for before it is known how large they are.
const FIRST_LIMIT: usize = 1_000;
/// Records that are asked for at least, however large the last ones were: later ones may be small.
const LEAST_LIMIT: usize = 16;
/// Bytes that a first answer is reckoned with.
const FIRST_ESTIMATE: usize = 64 << 10;

impl Shard {
    pub fn new(info: ShardInfo, cursor: Cursor, stage: Stage) -> Self {
        let start = match cursor {
            Cursor::At(position) => position,
            Cursor::Latest => Position::TrimHorizon,
        };
        Self {
            info,
            stage,
            cursor,
            start,
            iterator: None,
            by_fan_out: false,
            fan_out: FanOut::default(),
            awaited: None,
            sent_at: Moment::ZERO,
            failures: 0,
            failing_since: None,
            idle: 0,
            is_idle: None,
            kept: None,
            empty: 0,
            estimate: FIRST_ESTIMATE,
            record_bytes: None,
            most: GET_RECORDS_MAX_RECORDS,
            is_refused: false,
            is_vouched_for: false,
            told_at: None,
            handed_out: None,
            behind: None,
            backlog: Backlog::default(),
            first_tip: None,
            cut: None,
            in_time: None,
            doubts: 0,
        }
    }

    /// A shard of which nothing is to be read, because that was done before.
    pub fn passed(info: ShardInfo) -> Self {
        let stage = Stage::Done { ended: true };
        Self {
            handed_out: Some(Position::End),
            ..Self::new(info, Cursor::At(Position::End), stage)
        }
    }

    /// Where the caller stands in this shard.
    pub fn position(&self) -> Position {
        self.handed_out.unwrap_or(self.start)
    }

    /// Whether all of it was handed out.
    pub fn is_handed_out(&self) -> bool {
        self.handed_out == Some(Position::End)
    }

    /// Whether it is settled where reading begins: of a shard that is gone there is nothing to read.
    pub fn is_fixed(&self) -> bool {
        self.cursor != Cursor::Latest || matches!(self.stage, Stage::Done { .. })
    }

    /// What was fetched so far, for telling repetitions.
    pub fn read_so_far(&self) -> ReadSoFar {
        match self.cursor {
            Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number,
            }) => ReadSoFar {
                sequence_number: Some(sequence_number),
                sub_sequence_number,
            },
            _ => ReadSoFar::default(),
        }
    }

    /// Whether an answer has a record that was not fetched before, or not all of it; what has no number that orders it is
    /// taken for new.
    pub fn is_news(&self, records: &[api::Record]) -> bool {
        let ReadSoFar {
            sequence_number: Some(read),
            sub_sequence_number,
        } = self.read_so_far()
        else {
            return !records.is_empty();
        };
        let is_new = |record: &api::Record| match record.sequence_number.parse::<SequenceNumber>() {
            Ok(number) if sub_sequence_number.is_some() => number >= read,
            Ok(number) => number > read,
            Err(_) => true,
        };
        // The last one tells of most answers, whichever way they go.
        records.iter().rev().any(is_new)
    }

    /// A shard of which its parent told, and no listing yet.
    pub fn told(now: Moment, info: ShardInfo) -> Self {
        Self {
            told_at: Some(now),
            ..Self::new(info, Cursor::At(Position::TrimHorizon), Stage::Waiting)
        }
    }

    /// Takes in what a listing shows of it.
    pub fn listed(&mut self, listed: &ShardInfo) {
        self.told_at = None;
        self.info.first = self.info.first.or(listed.first);
    }

    /// Whether an iterator that was given now may be one of a stream that was made again: nothing of the shard was read, no
    /// number of it is known, and there was time for that since its parent told of it. It is so once.
    pub fn is_unsure(&mut self, now: Moment) -> bool {
        let is_unread = self.read_so_far().sequence_number.is_none();
        let is_old = |at: &mut Moment| now - *at > Duration::from_secs(1);
        is_unread && self.info.first.is_none() && self.told_at.take_if(is_old).is_some()
    }

    /// Whether an answer is of a shard of the same id that was made at another time: of a stream that was deleted and made
    /// again. It is so once; the listing that is looked at then knows better than numbers of a server's own kind.
    pub fn is_another(&mut self, records: &[api::Record]) -> bool {
        let number = |record: &api::Record| record.sequence_number.parse::<SequenceNumber>().ok();
        let theirs = || number(records.first()?)?.created();
        let ours = self.info.created();
        let is_another = ours.is_some_and(|ours| theirs().is_some_and(|theirs| ours != theirs));
        is_another && !std::mem::replace(&mut self.is_vouched_for, true)
    }

    /// Notes that nothing was there up to a time, if nothing was fetched yet from a shard that began behind its
    /// newest record. Should its iterator be lost, reading goes on from that time.
    pub fn nothing_until(&mut self, time: Timestamp) {
        let later = match self.cursor {
            Cursor::Latest => true,
            Cursor::At(Position::At(before)) => before < time,
            Cursor::At(_) => false,
        };
        if later {
            self.start = Position::At(time);
            self.cursor = Cursor::At(self.start);
        }
    }

    /// How long to wait after an answer that did (or did not) bring news and did (or did not) reach the tip.
    pub fn pause(&mut self, is_news: bool, at_tip: bool, pace: &Pace) -> Duration {
        let (shortest, longest) = IDLE_PAUSES;
        if is_news {
            self.idle = 0;
            self.is_idle = None;
        }
        if !at_tip {
            self.empty = if is_news { 0 } else { self.empty + 1 };
            return match self.empty < EMPTY_UNTIL_PAUSE {
                true => Duration::ZERO,
                false => shortest,
            };
        }
        let pause = shortest.saturating_mul(1 << self.idle.min(8)).min(longest);
        self.idle += 1;
        if is_news {
            return pause;
        }
        self.is_idle.get_or_insert_with(|| pace.idle());
        pause.max(pace.idle_pause())
    }

    /// Notes how large the records of an answer were.
    pub fn saw(&mut self, bytes: usize, records: usize) {
        self.record_bytes = bytes.checked_div(records).or(self.record_bytes);
    }

    /// How many records the next answer should have at most.
    pub fn limit(&self) -> usize {
        let fitting = |bytes: usize| ANSWER_BYTES / bytes.max(1);
        let fitting = self.record_bytes.map_or(FIRST_LIMIT, fitting);
        fitting
            .clamp(LEAST_LIMIT, GET_RECORDS_MAX_RECORDS)
            .min(self.most)
    }

    /// An answer did not come in time: as large as that, it may never do over a slow link.
    pub fn narrow_limit(&mut self) {
        self.most = (self.limit() / 2).max(1);
    }

    /// An answer came. More is tried little by little, because what is too much costs a whole call's time.
    pub fn widen_limit(&mut self) {
        self.most = (self.most + self.most / 4 + 1).min(GET_RECORDS_MAX_RECORDS);
    }

    /// A call succeeded.
    pub fn recovered(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.is_refused = false;
    }
}
