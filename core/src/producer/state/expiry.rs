//! What ends because its deadline has come.

use super::batch::Batch;
use super::ready::Ready;
use super::{Effects, State, Unjudged};
use crate::error::{Error, ErrorKind};
use crate::time::Moment;

impl State {
    /// Ends what has reached its deadline and is not on its way.
    pub(super) fn expire(&mut self, now: Moment, effects: &mut Effects) {
        if now < self.next_expiry {
            return;
        }
        self.open_late(now);
        let limit = self.settings.deadline;
        let is_late = |batch: &Batch| batch.deadline(limit) <= now;
        let mut late = Vec::new();
        let mut next = Moment::MAX;
        for lane in &mut self.lanes {
            if lane.ready.iter().any(is_late) {
                let all = std::mem::take(&mut lane.ready).into_iter();
                let (gone, kept): (Ready, Ready) = all.partition(|batch| is_late(batch));
                for batch in gone.iter() {
                    self.waiting.forget(batch);
                }
                late.extend(gone.into_iter().map(|batch| *batch));
                lane.ready = kept;
            }
            let ready = lane.ready.iter().map(|batch| batch.deadline(limit));
            let open = lane.open.iter().map(|open| open.arrived + limit);
            next = ready.chain(open).fold(next, Moment::min);
        }
        let unjudged = self
            .unjudged
            .extract_if(.., |one| one.deadline(limit) <= now);
        late.extend(unjudged.map(Unjudged::given_up));
        let unjudged = self.unjudged.iter().map(|one| one.deadline(limit));
        let unread = self
            .backlog
            .front()
            .map(|unread| unread.history.arrived + limit);
        next = unjudged.chain(unread).fold(next, Moment::min);
        // To look through everything is worth it a hundred times a deadline, not for each record. What is on its way
        // is awaited, and judged when it comes back.
        self.next_expiry = match next {
            Moment::MAX => next,
            next => next.max(now + limit / 100),
        };
        for batch in late {
            self.fail_expired(batch, now, effects);
        }
    }

    pub(super) fn fail_expired(&mut self, batch: Batch, now: Moment, effects: &mut Effects) {
        let deadline = self.settings.deadline.as_secs_f64();
        let mut text =
            format!("the record was not delivered within its deadline of {deadline:.1} s");
        let Some(last) = batch.failed.last() else {
            return self.fail(batch, &Error::new(ErrorKind::Expired, text), now, effects);
        };
        let last = last.error.clone();
        if !last.message().is_empty() {
            text.push_str("; the last attempt: ");
            text.push_str(last.message().trim_end_matches('.'));
        }
        if last.kind() == ErrorKind::Throttled {
            text.push_str(&self.meter.lock().advice());
        }
        self.fail(batch, &last.like(ErrorKind::Expired, text), now, effects);
    }
}
