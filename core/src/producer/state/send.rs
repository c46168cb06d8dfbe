//! From queues to PutRecords requests.

use std::cmp::Reverse;

use super::batch::Batch;
use super::lane::{Queue, is_large};
use super::{Effects, Flight, Request, State};
use crate::producer::config::{Aggregate, Linger};
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

    /// Fills a request from the lanes that may send, and while they have too little from the backlog.
    fn fill(&mut self, now: Moment) -> Filling {
        let mut request = Filling {
            batches: Vec::new(),
            bytes: 0,
            body_bytes: 0,
        };
        while !self.fill_from_lanes(now, &mut request) && self.open_block() {}
        request
    }

    /// Takes batches of the lanes that may send, in turn; says whether the request is full.
    fn fill_from_lanes(&mut self, now: Moment, request: &mut Filling) -> bool {
        let next = self.active.iter().take(self.settings.request_records);
        self.look_at_ready(next.copied());
        for _ in 0..self.active.len() {
            let Some(lane) = self.active.pop_front() else {
                break;
            };
            match self.take_of(lane, now, request) {
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
                    return true;
                }
            }
        }
        false
    }

    fn take_of(&mut self, lane: u32, now: Moment, request: &mut Filling) -> Stop {
        let mut is_taken = false;
        loop {
            let place = &self.lanes[lane as usize];
            let Some(batch) = place.ready.front() else {
                return Stop::Empty;
            };
            if let Some(order) = &mut self.order
                && (is_taken || order.holds(lane, place, batch))
            {
                return Stop::Held;
            }
            if !self.fits(batch, request) {
                return Stop::RequestFull;
            }
            let mut next = 0;
            if let Err(until) = self.lanes[lane as usize].admit(now, 0) {
                let place = &self.lanes[lane as usize];
                let can_pass = self.order.is_none() && is_large(&place.ready[0]);
                let small = can_pass.then(|| place.passing(now, until)).flatten();
                self.lanes[lane as usize].is_open_to_small = can_pass && small.is_none();
                let Some(small) = small else {
                    return Stop::Blocked(until);
                };
                let place = &self.lanes[lane as usize];
                if !self.fits(&place.ready[small], request) {
                    return Stop::RequestFull;
                }
                if let Err(small_until) = self.lanes[lane as usize].admit(now, small) {
                    return Stop::Blocked(until.min(small_until));
                }
                next = small;
            }
            let place = &mut self.lanes[lane as usize];
            let batch = place.ready.remove(next).expect("looked at above");
            self.waiting.forget(&batch);
            request.bytes += batch.size();
            request.body_bytes += body_bytes(&batch);
            request.batches.push(*batch);
            is_taken = true;
        }
    }

    /// Whether a request has room for another batch.
    fn fits(&self, batch: &Batch, request: &Filling) -> bool {
        let (size, body) = (batch.size(), body_bytes(batch));
        let room = self.budget.room_for_bodies();
        match request.batches.first() {
            None => self.flights.is_empty() || body <= room,
            Some(first) => {
                request.batches.len() < self.settings.request_records
                    && request.bytes + size <= self.settings.request_bytes
                    && request.body_bytes + body <= room
                    && !batch.history.is_suspect
                    && !first.history.is_suspect
            }
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
            // Under a fixed linger what is left has waited for its time already.
            if let Linger::Adaptive { .. } = self.settings.linger {
                self.waiting.since = Some(now);
            }
        }
        let mut deadline = now;
        for batch in &mut batches {
            batch.history.attempts += 1;
            deadline = deadline.max(batch.deadline(self.settings.deadline));
            self.lanes[batch.lane as usize].in_flight += 1;
        }
        self.next_request += 1;
        self.budget.charge_body(body_bytes);
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
