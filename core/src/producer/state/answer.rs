//! What an answer means for each of its Kinesis records.

use std::sync::Arc;

use super::batch::Batch;
use super::{Effects, Flight, MISSING_GRACE, State, Unjudged};
use crate::api::{Operation, PutRecordsOutput, PutRecordsResultEntry, Refusal};
use crate::error::{Error, ErrorKind};
use crate::planted::{Bug, planted};
use crate::producer::receipt::FailedAttempt;
use crate::retry::Verdict;
use crate::route::{self, Landing};
use crate::time::Moment;
use crate::transport::{Applied, Fault};
use crate::types::{SequenceNumber, ShardId};

/// Doublings of the pause after throttles of a shard whose limit learns: it is 0.8 s at most.
const LEARNED_ROUNDS: u32 = 3;

impl State {
    /// Takes in the end of a request.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        request: u64,
        result: Result<PutRecordsOutput, Fault>,
        effects: &mut Effects,
    ) {
        let Some(flight) = self.flights.remove(&request) else {
            return;
        };
        self.meter.lock().answered(now, &flight);
        self.budget.release_body(flight.body_bytes);
        self.is_body_full = false;
        let mut lanes: Vec<u32> = flight.batches.iter().map(|batch| batch.lane).collect();
        self.look_at_answered(&lanes);
        for lane in &lanes {
            self.lanes[*lane as usize].in_flight -= 1;
        }
        lanes.dedup();
        match result {
            Ok(output) if output.records.len() == flight.batches.len() => {
                self.failures = 0;
                self.entries(now, flight, output.records, effects);
            }
            Ok(output) => {
                let error = Error::new(
                    ErrorKind::Protocol,
                    format!(
                        "{} entries were sent and {} answered, so nothing is known of any of them",
                        flight.batches.len(),
                        output.records.len()
                    ),
                )
                .operation(Operation::PutRecords.name());
                let attempt = self.attempt(flight.sent, now, &error);
                for mut batch in flight.batches {
                    batch.history.maybe_stored = true;
                    batch.failed.push(Arc::clone(&attempt));
                    self.fail(batch, &error, now, effects);
                }
            }
            Err(fault) => self.faulted(now, flight, fault, effects),
        }
        for lane in lanes {
            if self.lanes[lane as usize].is_answered() {
                self.note_due(lane);
            }
            self.release(lane);
            self.retire(lane);
        }
    }

    /// Judges each entry for itself.
    fn entries(
        &mut self,
        now: Moment,
        flight: Flight,
        answers: Vec<PutRecordsResultEntry>,
        effects: &mut Effects,
    ) {
        // Entries are refused alike, so they share what is kept of it.
        let mut last: Option<(Refusal, Arc<FailedAttempt>)> = None;
        let is_whole = planted(Bug::ResendsWholeBatch)
            && answers.iter().any(|answer| answer.refusal().is_some());
        // In reverse, so that those that are queued again come to the front in their order.
        for (batch, answer) in flight.batches.into_iter().zip(answers).rev() {
            match answer.refusal() {
                None if is_whole => self.again(now, batch, effects),
                None => self.stored(now, flight.sent, batch, &answer, effects),
                Some(refusal) => {
                    let known = last.take().filter(|(before, _)| *before == refusal);
                    let (_, attempt) = last.insert(known.unwrap_or_else(|| {
                        let error = Error::from(refusal.clone());
                        let error = error.operation(Operation::PutRecords.name());
                        (refusal, self.attempt(flight.sent, now, &error))
                    }));
                    let attempt = Arc::clone(attempt);
                    self.refused(now, flight.sent, batch, attempt, effects);
                }
            }
        }
    }

    /// An entry was stored: delivered if the shard covers all its records.
    fn stored(
        &mut self,
        now: Moment,
        sent: Moment,
        mut batch: Batch,
        answer: &PutRecordsResultEntry,
        effects: &mut Effects,
    ) {
        let place = answer
            .shard_id
            .as_deref()
            .and_then(|id| id.parse::<ShardId>().ok())
            .zip(
                answer
                    .sequence_number
                    .as_deref()
                    .and_then(|number| number.parse::<SequenceNumber>().ok()),
            );
        let Some((shard, sequence)) = place else {
            batch.history.maybe_stored = true;
            let error = Error::new(
                ErrorKind::Protocol,
                "the entry was answered without a shard id and sequence number of a known form",
            )
            .operation(Operation::PutRecords.name());
            batch.failed.push(self.attempt(sent, now, &error));
            return self.fail(batch, &error, now, effects);
        };
        let lane = &mut self.lanes[batch.lane as usize];
        lane.failures = 0;
        let is_predicted = lane.shard == Some(shard);
        let landing = match is_predicted && lane.covers(&batch, sequence) {
            true => Landing::Covered,
            false => self.map.landing(batch.hashes, shard, Some(sequence)),
        };
        if !is_predicted || landing != Landing::Covered {
            self.refresh(now, route::Event::Doubt { asked_at: sent }, effects);
        }
        let is_believed = planted(Bug::AcceptsMisrouted) && landing == Landing::Misrouted
            || planted(Bug::NoPredictionInRefresh) && self.refresh.is_refreshing();
        match landing {
            // The service routes a single record by the very hash that its shard must cover.
            _ if !batch.is_aggregate => self.deliver(now, batch, shard, sequence, effects),
            Landing::Covered if is_predicted || !planted(Bug::DemandsPredictedShard) => {
                self.deliver(now, batch, shard, sequence, effects);
            }
            _ if is_believed => self.deliver(now, batch, shard, sequence, effects),
            Landing::Covered | Landing::Misrouted => {
                let attempt = self.attempt(sent, now, &misrouted(shard));
                batch.failed.push(attempt);
                batch.history.maybe_stored = !planted(Bug::MisroutedNotMarked);
                self.unconfirmed(now, batch, shard, effects);
            }
            Landing::Unknown => {
                let attempt = self.attempt(sent, now, &misrouted(shard));
                let one = Unjudged {
                    batch,
                    shard,
                    sequence,
                    answered: now,
                    attempt,
                };
                let deadline = one.deadline(self.settings.deadline);
                self.next_expiry = self.next_expiry.min(deadline);
                self.unjudged.push(one);
                self.note_strays();
                self.judge(now, effects);
            }
        }
    }

    /// An entry was refused, or failed inside the service.
    fn refused(
        &mut self,
        now: Moment,
        sent: Moment,
        mut batch: Batch,
        attempt: Arc<FailedAttempt>,
        effects: &mut Effects,
    ) {
        let error = &attempt.error;
        let shard = self.lanes[batch.lane as usize].shard;
        self.meter.lock().refused(shard, error);
        batch.failed.push(Arc::clone(&attempt));
        if error.kind() == ErrorKind::Unavailable && !planted(Bug::InternalFailureIsRefusal) {
            batch.history.maybe_stored = true;
            batch.history.is_frozen = true;
        }
        let verdict = Verdict::of(error);
        if verdict == Verdict::Final {
            return self.fail(batch, error, now, effects);
        }
        let lane = &mut self.lanes[batch.lane as usize];
        if lane.failed_at.is_none_or(|before| sent > before) {
            lane.failures += 1;
            lane.failed_at = Some(now);
            // A limit that learns sends less by itself; longer pauses would starve whoever failed last.
            let round = match (verdict, &lane.limit) {
                (Verdict::Throttled, Some(_)) => lane.failures.min(LEARNED_ROUNDS),
                _ => lane.failures,
            };
            let pause = self.retry.pause(verdict, round, error, &self.rng);
            lane.paused_until = lane.paused_until.max(now + pause);
            if verdict == Verdict::Throttled
                && let Some(limit) = &lane.limit
            {
                limit.refused(now, sent);
            }
        }
        self.again(now, batch, effects);
    }

    /// A request ended without an answer for each entry.
    fn faulted(&mut self, now: Moment, flight: Flight, fault: Fault, effects: &mut Effects) {
        let is_definite = fault.applied() == Applied::No || planted(Bug::LostAnswerIsRefusal);
        let error = fault.into_error(Operation::PutRecords);
        let mut verdict = Verdict::of(&error);
        let is_missing = error.kind() == ErrorKind::NotFound;
        if is_missing || error.kind() == ErrorKind::ResourceInUse {
            verdict = Verdict::Transient;
        }
        // One bad record makes the service refuse its whole request: each is tried alone to find it.
        let is_mixed = flight.batches.len() > 1
            && !planted(Bug::BadRecordFailsOthers)
            && matches!(
                error.kind(),
                ErrorKind::InvalidArgument | ErrorKind::RecordTooLarge
            );
        if is_missing {
            let asked_at = flight.sent;
            self.refresh(now, route::Event::Doubt { asked_at }, effects);
        }
        if verdict != Verdict::Final && self.failed_at.is_none_or(|before| flight.sent > before) {
            self.failures += 1;
            self.failed_at = Some(now);
            let pause = self.retry.pause(verdict, self.failures, &error, &self.rng);
            self.paused_until = self.paused_until.max(now + pause);
        }
        let attempt = self.attempt(flight.sent, now, &error);
        for mut batch in flight.batches.into_iter().rev() {
            if planted(Bug::LostAnswerIsSuccess) && !is_definite {
                let (shard, sequence) = (ShardId::new(0), SequenceNumber::ZERO);
                self.deliver(now, batch, shard, sequence, effects);
                continue;
            }
            let shard = self.lanes[batch.lane as usize].shard;
            self.meter.lock().refused(shard, &error);
            batch.failed.push(Arc::clone(&attempt));
            // Each batch has a grace of its own.
            let mut verdict = verdict;
            let history = &mut batch.history;
            history.maybe_stored |= !is_definite;
            history.is_frozen |= !is_definite;
            history.is_suspect |= is_mixed;
            if is_missing {
                let since = *history.missing_since.get_or_insert(now);
                if now - since >= MISSING_GRACE {
                    verdict = Verdict::Final;
                }
            }
            match verdict {
                Verdict::Final if !is_mixed => self.fail(batch, &error, now, effects),
                _ => self.again(now, batch, effects),
            }
        }
    }

    /// Queues a batch again, before all others of its lane.
    fn again(&mut self, now: Moment, mut batch: Batch, effects: &mut Effects) {
        batch.unpin();
        if batch.deadline(self.settings.deadline) <= now {
            return self.fail_expired(batch, now, effects);
        }
        let place = &self.lanes[batch.lane as usize];
        if place.is_closed || !place.is_home(&batch) {
            return self.reroute(batch);
        }
        let lane = batch.lane;
        self.enqueue(lane, batch, !planted(Bug::RetriesBehindOthers));
    }

    /// An aggregate lies on a shard that does not cover it.
    pub(super) fn note_misrouted(&self, shard: ShardId) {
        self.meter.lock().misrouted(shard);
    }

    /// What is kept of an attempt that failed.
    pub(super) fn attempt(&self, sent: Moment, now: Moment, error: &Error) -> Arc<FailedAttempt> {
        Arc::new(FailedAttempt {
            sent_at: self.settings.epoch + (sent - Moment::ZERO),
            took: now - sent,
            error: error.clone(),
        })
    }
}

fn misrouted(shard: ShardId) -> Error {
    let text = "stored on a shard that is not known to cover all its records: the stream was resharded on the way";
    Error::new(ErrorKind::Unavailable, text)
        .operation(Operation::PutRecords.name())
        .shard(shard.to_string())
}
