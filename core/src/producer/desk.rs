//! The desk: where outcomes are handed out, and the account of them.

use std::collections::VecDeque;
use std::fmt;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::arena::Tag;
use super::budget::Budget;
use super::config::Reports;
use super::ledger::Tally;
use super::receipt::{Failure, Receipt, Report};
use super::slots::{Delivered, Settled, Slots};
use super::untaken::Untaken;
use crate::error::{Error, ErrorKind, Result};

/// The end of one record that somebody asked for, or that failed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub tag: Tag,
    pub result: Result<Receipt, Failure>,
    /// What of the budget it holds until it is taken.
    pub charge: usize,
}

/// What ended in one step of the sender.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub delivered: Tally,
    pub failed: Tally,
    /// The failed ones, and the tracked ones of the delivered.
    pub told: Vec<Outcome>,
}

impl Outcomes {
    pub fn is_empty(&self) -> bool {
        self.delivered.records == 0 && self.failed.records == 0
    }
}

/// A record that was neither delivered nor failed when its producer was closed.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// The number with which it was put, if it was tracked by one.
    pub opaque: Option<u64>,
    /// The record, and whether it may have been stored.
    pub record: Failure,
}

/// Outcomes on their way out. One lock for all that a step of the sender brings.
#[derive(Debug)]
pub(crate) struct Desk {
    inner: Mutex<Inner>,
    budget: Arc<Budget>,
    reports: Reports,
    /// Failures of counted records come as reports too.
    report_counted: bool,
    hook: OnceLock<Hook>,
}

/// What is called when reports wait.
struct Hook(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug, Default)]
struct Inner {
    delivered: Tally,
    failed: Tally,
    slots: Slots,
    reports: VecDeque<(Report, usize)>,
    failures: Untaken,
    /// Those that the failure callback was offered and did not take.
    refused: Untaken,
    leftovers: Vec<Leftover>,
    signal: Option<Signal>,
    /// Kinds of failure that were logged already.
    logged: Vec<ErrorKind>,
}

/// A pipe that is readable while reports wait.
#[derive(Debug)]
struct Signal {
    reader: PipeReader,
    writer: PipeWriter,
    is_set: bool,
}

impl Signal {
    fn set(&mut self, wanted: bool) {
        if wanted != self.is_set {
            // One byte is in the pipe at most, so neither call can block.
            let done = match wanted {
                true => self.writer.write(&[1]),
                false => self.reader.read(&mut [0]),
            };
            self.is_set = if done.is_ok() { wanted } else { self.is_set };
        }
    }
}

impl Desk {
    pub fn new(budget: Arc<Budget>, reports: Reports, report_counted: bool) -> Self {
        Self {
            inner: Mutex::default(),
            budget,
            reports,
            report_counted,
            hook: OnceLock::new(),
        }
    }

    /// Takes in what ended. Says whether failures wait to be taken.
    pub fn settle(&self, stream: &str, outcomes: Outcomes) -> bool {
        let (mut wakers, mut news) = (Vec::new(), Vec::new());
        let mut inner = self.inner.lock();
        inner.delivered += outcomes.delivered;
        inner.failed += outcomes.failed;
        for outcome in outcomes.told {
            if let Err(failure) = &outcome.result {
                news.extend(inner.first_of_its_kind(failure));
            }
            wakers.extend(self.hand_out(&mut inner, outcome));
        }
        let waiting = !inner.reports.is_empty();
        if let Some(signal) = &mut inner.signal {
            signal.set(waiting);
        }
        let has_failures = !inner.failures.is_empty();
        drop(inner);
        // A subscriber may call the producer, so it is told without the lock.
        for error in news {
            tracing::warn!(stream, %error, "records fail; further failures of this kind are only counted");
        }
        wakers.into_iter().for_each(Waker::wake);
        if waiting && let Some(Hook(call)) = self.hook.get() {
            call();
        }
        has_failures
    }

    fn hand_out(&self, inner: &mut Inner, outcome: Outcome) -> Option<Waker> {
        let Outcome {
            tag,
            result,
            charge,
        } = outcome;
        let settled = Settled {
            outcome: result,
            charge,
        };
        match tag {
            Tag::Slot(id) => match inner.slots.settle(id, settled) {
                Delivered::Kept(waker) => return waker,
                Delivered::Unwanted(settled) => self.put_aside(inner, settled),
            },
            Tag::Opaque(opaque) if self.reports.wants(&settled.outcome) => {
                inner.report(opaque, settled);
            }
            Tag::Opaque(_) | Tag::Counted if self.report_counted && settled.outcome.is_err() => {
                inner.report(0, settled);
            }
            Tag::Opaque(_) | Tag::Counted => self.put_aside(inner, settled),
        }
        None
    }

    /// An outcome that nobody waits for: failures are kept until they are taken.
    fn put_aside(&self, inner: &mut Inner, settled: Settled) {
        match settled.outcome {
            Ok(_) => self.release(1, settled.charge),
            Err(failure) => inner.failures.push(failure, settled.charge),
        }
    }

    fn release(&self, records: usize, charge: usize) {
        self.budget.release(charge);
        self.budget.release_records(records as u64);
    }

    /// Takes the failures of records that nobody waits for.
    pub fn take_failures(&self) -> Vec<Failure> {
        let mut inner = self.inner.lock();
        let mut all = std::mem::take(&mut inner.refused);
        all.extend(std::mem::take(&mut inner.failures));
        drop(inner);
        self.release(all.len(), all.charge);
        all.failures
    }

    /// Takes those that the failure callback was not offered yet, without giving their room back;
    /// [`Desk::return_room`] does, or [`Desk::keep`] takes them back.
    pub fn borrow_failures(&self) -> Untaken {
        std::mem::take(&mut self.inner.lock().failures)
    }

    /// Gives back the room of failures that were borrowed.
    pub fn return_room(&self, records: usize, charge: usize) {
        self.release(records, charge);
    }

    /// Takes back failures that were borrowed and that the failure callback did not take.
    pub fn keep(&self, untaken: Untaken) {
        self.inner.lock().refused.extend(untaken);
    }

    /// Takes in failures that had been taken and that nobody waits for any more, as if their records had ended now. Says
    /// whether failures wait to be taken.
    pub fn hand_over(&self, stream: &str, failures: Vec<Failure>) -> bool {
        let told = failures.into_iter().map(|failure| Outcome {
            tag: Tag::Counted,
            charge: self.charge_again(&failure),
            result: Err(failure),
        });
        let outcomes = Outcomes {
            told: told.collect(),
            ..Outcomes::default()
        };
        self.settle(stream, outcomes)
    }

    /// Takes back failures that had been taken, and that the failure callback shall not get again.
    pub fn put_back(&self, failures: Vec<Failure>) {
        let charge = failures.iter().map(|failure| self.charge_again(failure));
        self.keep(Untaken {
            charge: charge.sum(),
            failures,
        });
    }

    /// Charges what a failure holds that comes back.
    fn charge_again(&self, failure: &Failure) -> usize {
        let bytes = failure.held();
        self.budget.charge_again(bytes);
        bytes
    }

    /// How many failures wait to be taken, as such or as reports.
    pub fn untaken(&self) -> u64 {
        let inner = self.inner.lock();
        let reports = inner.reports.iter();
        let reported = reports.filter(|(report, _)| report.outcome.is_err());
        let kept = inner.failures.len() + inner.refused.len();
        (reported.count() + kept) as u64
    }

    /// Moves at most `max` reports into `out`; how many.
    pub fn poll_reports(&self, max: usize, out: &mut Vec<Report>) -> usize {
        let mut inner = self.inner.lock();
        let count = max.min(inner.reports.len());
        let mut charges = 0;
        for (report, charge) in inner.reports.drain(..count) {
            out.push(report);
            charges += charge;
        }
        let waiting = !inner.reports.is_empty();
        if let Some(signal) = &mut inner.signal {
            signal.set(waiting);
        }
        drop(inner);
        self.release(count, charges);
        count
    }

    /// Whether reports wait.
    pub fn has_reports(&self) -> bool {
        !self.inner.lock().reports.is_empty()
    }

    /// Has `call` called whenever reports wait, on the thread that brings them. Only the first one given counts.
    pub fn on_reports(&self, call: Box<dyn Fn() + Send + Sync>) {
        // Under the lock, so that no report falls between this and the look at those that wait already.
        let inner = self.inner.lock();
        let is_first = self.hook.set(Hook(call)).is_ok();
        let waiting = !inner.reports.is_empty();
        drop(inner);
        if is_first
            && waiting
            && let Some(Hook(call)) = self.hook.get()
        {
            call();
        }
    }

    /// The descriptor that is readable while reports wait.
    #[cfg(unix)]
    pub fn event_fd(&self) -> Result<std::os::fd::RawFd> {
        use std::os::fd::AsRawFd;
        let mut inner = self.inner.lock();
        if inner.signal.is_none() {
            let (reader, writer) = std::io::pipe().map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    "the operating system refused a pipe; check the process's limit of open files",
                )
                .source(error)
            })?;
            let mut signal = Signal {
                reader,
                writer,
                is_set: false,
            };
            signal.set(!inner.reports.is_empty());
            inner.signal = Some(signal);
        }
        let signal = inner.signal.as_ref().expect("made above");
        Ok(signal.reader.as_raw_fd())
    }

    /// A slot for a submission.
    pub fn reserve(&self) -> u64 {
        self.inner.lock().slots.reserve()
    }

    /// Gives a slot back whose record was not taken.
    pub fn cancel(&self, slot: u64) {
        self.inner.lock().slots.cancel(slot);
    }

    /// Fetches a submission's outcome.
    pub fn poll(&self, slot: u64, cx: &mut Context<'_>) -> Poll<Option<Result<Receipt, Failure>>> {
        let polled = self.inner.lock().slots.poll(slot, cx);
        let Poll::Ready(settled) = polled else {
            return Poll::Pending;
        };
        let Some(settled) = settled else {
            return Poll::Ready(None);
        };
        self.release(1, settled.charge);
        Poll::Ready(Some(settled.outcome))
    }

    /// Gives up waiting for a submission's outcome. Says whether failures wait to be taken.
    pub fn abandon(&self, slot: u64) -> bool {
        let mut inner = self.inner.lock();
        if let Some(settled) = inner.slots.abandon(slot) {
            self.put_aside(&mut inner, settled);
        }
        !inner.failures.is_empty()
    }

    /// Tells those who wait for an outcome that none will come.
    pub fn bury(&self) {
        let wakers = self.inner.lock().slots.bury();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Keeps what was left when the producer was closed, and tells those who wait for it.
    pub fn leave(&self, leftovers: Vec<(Tag, Failure)>) {
        let mut wakers = Vec::new();
        // What nobody waits for holds nothing any more: others may share the budget.
        let mut freed = 0;
        let mut inner = self.inner.lock();
        for (tag, record) in leftovers {
            let mut opaque = None;
            match tag {
                Tag::Counted => freed += 1,
                Tag::Opaque(number) => {
                    opaque = Some(number);
                    freed += 1;
                }
                Tag::Slot(id) => {
                    let settled = Settled {
                        outcome: Err(record.clone()),
                        charge: 0,
                    };
                    match inner.slots.settle(id, settled) {
                        Delivered::Kept(waker) => wakers.extend(waker),
                        Delivered::Unwanted(_) => freed += 1,
                    }
                }
            }
            inner.leftovers.push(Leftover { opaque, record });
        }
        drop(inner);
        self.budget.release_records(freed);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes what was left when the producer was closed.
    pub fn take_leftovers(&self) -> Vec<Leftover> {
        std::mem::take(&mut self.inner.lock().leftovers)
    }

    /// Delivered and failed so far.
    pub fn settled(&self) -> (Tally, Tally) {
        let inner = self.inner.lock();
        (inner.delivered, inner.failed)
    }
}

impl Inner {
    fn report(&mut self, opaque: u64, settled: Settled) {
        let report = Report {
            opaque,
            outcome: settled.outcome,
        };
        self.reports.push_back((report, settled.charge));
    }

    /// The error of a failure that is the first of its kind and so worth a line.
    fn first_of_its_kind(&mut self, failure: &Failure) -> Option<Error> {
        let kind = failure.error.kind();
        if self.logged.contains(&kind) {
            return None;
        }
        self.logged.push(kind);
        Some(failure.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::producer::receipt::{FailedAttempts, Persisted};
    use crate::types::{SequenceNumber, ShardId};
    use bytes::Bytes;

    fn receipt() -> Receipt {
        Receipt {
            failed_attempts: FailedAttempts::default(),
            shard_id: ShardId::new(1),
            sequence_number: SequenceNumber::ZERO,
            sub_sequence_number: None,
            attempts: 1,
            may_be_duplicate: false,
        }
    }

    fn failure() -> Failure {
        Failure {
            failed_attempts: FailedAttempts::default(),
            key: Bytes::from_static(b"key"),
            data: Bytes::from_static(b"data"),
            explicit_hash_key: None,
            error: Error::new(ErrorKind::Expired, ""),
            persisted: Persisted::No,
            attempts: 0,
        }
    }

    fn desk(reports: Reports) -> Desk {
        let budget = Arc::new(Budget::new(10_000, 100));
        assert!(budget.try_charge(100));
        Desk::new(budget, reports, false)
    }

    fn settle(desk: &Desk, tag: Tag, result: Result<Receipt, Failure>) -> bool {
        let told = vec![Outcome {
            tag,
            result,
            charge: 50,
        }];
        desk.settle(
            "s",
            Outcomes {
                told,
                ..Default::default()
            },
        )
    }

    #[test]
    fn reports_come_as_far_as_they_were_asked_for_and_hold_their_room_until_polled() {
        for (wanted, count) in [
            (Reports::None, 0),
            (Reports::Failures, 1),
            (Reports::All, 2),
        ] {
            let desk = desk(wanted);
            settle(&desk, Tag::Opaque(1), Ok(receipt()));
            let untaken = settle(&desk, Tag::Opaque(2), Err(failure()));
            assert_eq!(
                untaken,
                wanted == Reports::None,
                "an unreported failure is not lost"
            );
            assert_eq!(
                desk.budget.used(),
                50 * count + 50 * usize::from(wanted == Reports::None)
            );
            let mut out = Vec::new();
            assert_eq!(desk.poll_reports(10, &mut out), count);
            assert!(
                out.iter()
                    .all(|report| report.outcome.is_ok() == (report.opaque == 1))
            );
            desk.take_failures();
            assert_eq!(desk.budget.used(), 0);
        }
    }

    #[test]
    fn the_failure_of_a_dropped_submission_goes_where_failures_are_taken() {
        let desk = desk(Reports::Failures);
        let (dropped_before, dropped_after) = (desk.reserve(), desk.reserve());
        desk.abandon(dropped_before);
        assert!(settle(&desk, Tag::Slot(dropped_before), Err(failure())));
        settle(&desk, Tag::Slot(dropped_after), Err(failure()));
        desk.abandon(dropped_after);
        assert_eq!(desk.take_failures().len(), 2);
        assert_eq!(desk.budget.used(), 0);
    }

    #[test]
    fn failures_that_are_handed_over_go_where_those_of_counted_records_go_and_hold_room() {
        for report_counted in [false, true] {
            let budget = Arc::new(Budget::new(10_000, 100));
            let desk = Desk::new(budget, Reports::Failures, report_counted);
            let wait = desk.hand_over("s", vec![failure(), failure()]);
            assert_eq!(wait, !report_counted);
            assert_eq!(desk.budget.used(), 2 * failure().held());
            assert_eq!(desk.settled().1.records, 0, "they failed before");
            let mut out = Vec::new();
            let reported = desk.poll_reports(10, &mut out);
            assert_eq!(reported, if report_counted { 2 } else { 0 });
            assert_eq!(desk.take_failures().len(), 2 - reported);
            assert_eq!(desk.budget.used(), 0);
        }
    }

    #[test]
    fn failures_that_the_callback_gave_back_are_first_and_are_not_offered_to_it_again() {
        let desk = desk(Reports::None);
        desk.budget.release(100);
        settle_charged(&desk, failure());
        let offered = desk.borrow_failures();
        desk.return_room(offered.len(), offered.charge);
        desk.put_back(offered.failures);
        assert!(desk.borrow_failures().is_empty());
        assert_eq!(desk.untaken(), 1);
        assert_eq!(desk.budget.used(), failure().held());
        assert_eq!(desk.take_failures().len(), 1);
        assert_eq!(desk.budget.used(), 0);
    }

    fn settle_charged(desk: &Desk, failure: Failure) {
        assert!(desk.budget.try_charge(50) && desk.budget.grant() > 0);
        assert!(settle(desk, Tag::Counted, Err(failure)));
    }

    #[cfg(unix)]
    #[test]
    fn the_descriptor_is_readable_exactly_while_reports_wait() {
        use std::os::fd::{BorrowedFd, RawFd};
        fn is_set(desk: &Desk, fd: RawFd) -> bool {
            assert_eq!(desk.event_fd().unwrap(), fd);
            let inner = desk.inner.lock();
            inner.signal.as_ref().unwrap().is_set
        }
        let _: Option<BorrowedFd<'_>> = None;
        let desk = desk(Reports::All);
        let fd = desk.event_fd().unwrap();
        assert!(!is_set(&desk, fd));
        settle(&desk, Tag::Opaque(1), Ok(receipt()));
        settle(&desk, Tag::Opaque(2), Ok(receipt()));
        assert!(is_set(&desk, fd));
        let mut out = Vec::new();
        desk.poll_reports(1, &mut out);
        assert!(is_set(&desk, fd), "one is left");
        desk.poll_reports(1, &mut out);
        assert!(!is_set(&desk, fd));
        settle(&desk, Tag::Opaque(3), Ok(receipt()));
        assert!(is_set(&desk, fd));
    }

    #[test]
    fn the_hook_is_called_for_reports_that_wait_already_and_for_each_step_that_brings_more() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let desk = desk(Reports::All);
        settle(&desk, Tag::Opaque(1), Ok(receipt()));
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        desk.on_reports(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert_eq!(desk.poll_reports(10, &mut Vec::new()), 1);
        settle(&desk, Tag::Counted, Ok(receipt()));
        assert_eq!(calls.load(Ordering::Relaxed), 1, "nothing waits");
        settle(&desk, Tag::Opaque(2), Ok(receipt()));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
