//! From queues to PutRecords requests.

use std::cmp::Reverse;

use super::batch::Batch;
use super::lane::Queue;
use super::{Effects, Flight, Request, State};
use crate::producer::config::Aggregate;
use crate::time::Moment;

/// A request that is being filled.
struct Filling {
    batches: Vec<Batch>,
    bytes: usize,
    body_bytes: usize,
}

/// Why no more of a lane was taken.
enum Stop {
    Empty,
    Blocked(Moment),
    Held,
    RequestFull,
}

impl State {
    /// Sends what may be sent.
    pub(super) fn send(&mut self, now: Moment, effects: &mut Effects) {
        self.unblock(now);
        while self.can_send_more() && self.paused_until <= now && self.waiting_due(now) <= now {
            let request = self.fill(now);
            if request.batches.is_empty() {
                self.is_body_full = !self.active.is_empty();
                break;
            }
            effects.requests.push(self.depart(now, request));
        }
        if self.waiting.entries == 0 {
            self.waiting.since = None;
            self.waiting.is_urgent = false;
        }
    }

    pub(super) fn can_send_more(&self) -> bool {
        self.flights.len() < self.settings.max_in_flight
            && self.waiting.entries > 0
            && !self.is_body_full
    }

    /// Without aggregation: when what waits is to go if its request does not fill before.
    pub(super) fn waiting_due(&self, now: Moment) -> Moment {
        let waiting = &self.waiting;
        let is_full = waiting.entries >= self.settings.request_records
            || waiting.bytes >= self.settings.request_bytes;
        if self.settings.aggregate == Aggregate::Yes || waiting.is_urgent || is_full {
            return Moment::ZERO;
        }
        let since = waiting.since.unwrap_or(now);
        let is_answered = self.flights.is_empty();
        waiting.pace.due(self.settings.linger, since, is_answered)
    }

    fn unblock(&mut self, now: Moment) {
        while let Some(&Reverse((at, lane))) = self.blocked.peek()
            && at <= now
        {
            self.blocked.pop();
            let place = &mut self.lanes[lane as usize];
            if place.queue == Queue::Blocked(at) {
                place.queue = Queue::Active;
                self.active.push_back(lane);
            }
        }
    }

    /// Takes batches of the lanes that may send, in turn.
    fn fill(&mut self, now: Moment) -> Filling {
        let mut request = Filling {
            batches: Vec::new(),
            bytes: 0,
            body_bytes: 0,
        };
        for _ in 0..self.active.len() {
            let Some(lane) = self.active.pop_front() else {
                break;
            };
            match self.take_of(lane, now, &mut request) {
                Stop::Empty => {
                    self.lanes[lane as usize].queue = Queue::Idle;
                    self.retire(lane);
                }
                Stop::Blocked(until) => {
                    self.lanes[lane as usize].queue = Queue::Blocked(until);
                    self.blocked.push(Reverse((until, lane)));
                }
                Stop::Held => self.lanes[lane as usize].queue = Queue::Held,
                Stop::RequestFull => {
                    self.active.push_back(lane);
                    break;
                }
            }
        }
        request
    }

    fn take_of(&mut self, lane: u32, now: Moment, request: &mut Filling) -> Stop {
        let room = self
            .budget
            .share_of_bodies()
            .saturating_sub(self.body_bytes);
        let is_first_flight = self.flights.is_empty();
        let place = &mut self.lanes[lane as usize];
        let mut is_taken = false;
        loop {
            let Some(batch) = place.ready.front() else {
                return Stop::Empty;
            };
            if let Some(order) = &mut self.order
                && (is_taken || order.holds(lane, place, batch))
            {
                return Stop::Held;
            }
            let (size, body) = (batch.size(), body_bytes(batch));
            let is_first = request.batches.is_empty();
            let fits = match is_first {
                true => is_first_flight || body <= room,
                false => {
                    request.batches.len() < self.settings.request_records
                        && request.bytes + size <= self.settings.request_bytes
                        && request.body_bytes + body <= room
                        && !batch.history.is_suspect
                        && !request.batches[0].history.is_suspect
                }
            };
            if !fits {
                return Stop::RequestFull;
            }
            if let Err(until) = place.admit(now, size) {
                return Stop::Blocked(until);
            }
            let batch = place.ready.pop_front().expect("looked at above");
            self.waiting.forget(&batch);
            request.bytes += size;
            request.body_bytes += body;
            request.batches.push(*batch);
            is_taken = true;
        }
    }

    fn depart(&mut self, now: Moment, request: Filling) -> Request {
        let Filling {
            mut batches,
            bytes,
            body_bytes,
        } = request;
        if self.settings.aggregate == Aggregate::No {
            let fill = (batches.len() as f32 / self.settings.request_records as f32)
                .max(bytes as f32 / self.settings.request_bytes as f32);
            self.waiting.pace.went(now, fill);
            self.waiting.since = Some(now);
        }
        let mut deadline = now;
        for batch in &mut batches {
            batch.history.attempts += 1;
            deadline = deadline.max(batch.deadline(self.settings.deadline));
            self.lanes[batch.lane as usize].in_flight += 1;
        }
        self.next_request += 1;
        self.body_bytes += body_bytes;
        let id = self.next_request;
        self.meter.lock().sent(now, &batches);
        let entries = batches.iter().map(Batch::entry).collect();
        let flight = Flight {
            batches,
            sent: now,
            body_bytes,
        };
        self.flights.insert(id, flight);
        Request {
            id,
            entries,
            deadline: deadline.min(now + self.settings.request_timeout),
        }
    }
}

/// What a batch takes of a request's body at most: base64 and the names around it.
fn body_bytes(batch: &Batch) -> usize {
    batch.size() / 3 * 4 + 160
}
