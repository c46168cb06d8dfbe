//! A state on virtual time and the service behind it, with the account that is kept of both from outside.

use super::*;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A service of shards that can be split, which keeps what it stored.
pub(super) struct Service {
    pub(super) shards: Vec<ShardInfo>,
    pub(super) stored: Vec<(ShardId, HashRange, PutRecordsRequestEntry)>,
    pub(super) index: u64,
    /// When the stream was made.
    pub(super) created: u64,
}

impl Service {
    pub(super) fn new(shards: u32) -> Self {
        Self {
            shards: even(shards, 1_700_000_000),
            stored: Vec::new(),
            index: 0,
            created: 1_700_000_000,
        }
    }

    pub(super) fn hash(entry: &PutRecordsRequestEntry) -> HashKey {
        match &entry.explicit_hash_key {
            Some(hash) => hash.parse().unwrap(),
            None => digest::hash_key(entry.partition_key.as_ref().unwrap().as_bytes()),
        }
    }

    pub(super) fn store(&mut self, entry: &PutRecordsRequestEntry) -> PutRecordsResultEntry {
        let hash = Self::hash(entry);
        let takes = |shard: &&ShardInfo| shard.is_open() && shard.range.contains(hash);
        let shard = *self.shards.iter().find(takes).unwrap();
        // A copy: what a service stores pins no arena.
        let copy = PutRecordsRequestEntry {
            data: entry.data.as_deref().map(Bytes::copy_from_slice),
            partition_key: entry
                .partition_key
                .as_deref()
                .map(|key| key.to_owned().into()),
            explicit_hash_key: entry.explicit_hash_key.clone(),
        };
        self.stored.push((shard.id, shard.range, copy));
        self.index += 1;
        let number = SequenceParts {
            created: self.created,
            index: self.index,
            put: self.created,
            shard: shard.id,
        };
        PutRecordsResultEntry::stored(
            shard.id.to_string().into(),
            number.pack().unwrap().to_string().into(),
        )
    }

    /// Splits an open shard in the middle.
    pub(super) fn split(&mut self, id: u32) {
        let next = self.shards.len() as u32;
        let parent = &mut self.shards[id as usize];
        parent.last = Some(SequenceNumber::ZERO.next());
        let (start, end) = (parent.range.start().get(), parent.range.end().get());
        let middle = start + (end - start) / 2;
        let child = |number, start, end| ShardInfo {
            parent: Some(ShardId::new(id)),
            ..ShardInfo::open(
                ShardId::new(number),
                HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap(),
            )
        };
        self.shards.push(child(next, start, middle));
        self.shards.push(child(next + 1, middle + 1, end));
    }

    /// The user records that a consumer under KCL's rule gets: none of a Kinesis record that holds one outside its
    /// shard's range.
    pub(super) fn delivered_to_kcl(&self) -> BTreeMap<Bytes, usize> {
        let mut seen = BTreeMap::new();
        for (_, range, entry) in &self.stored {
            let data = entry.data.clone().unwrap();
            let records = match data.starts_with(&MAGIC) {
                true => unpack(&data),
                false => {
                    *seen.entry(data).or_insert(0) += 1;
                    continue;
                }
            };
            let inside = |key: &[u8]| range.contains(digest::hash_key(key));
            if records.iter().all(|record| inside(&record.key)) {
                for record in records {
                    *seen.entry(record.data).or_insert(0) += 1;
                }
            }
        }
        seen
    }
}

pub(super) fn even(count: u32, created: u64) -> Vec<ShardInfo> {
    let ranges = HashRange::split_evenly(count).into_iter().zip(0..);
    let first = |id| {
        SequenceParts {
            created,
            index: 0,
            put: created,
            shard: ShardId::new(id),
        }
        .pack()
    };
    ranges
        .map(|(range, id)| ShardInfo {
            first: first(id),
            ..ShardInfo::open(ShardId::new(id), range)
        })
        .collect()
}

/// A state with its intake, and the account that is kept of both from outside.
pub(super) struct World {
    pub(super) state: State,
    pub(super) intake: Intake<()>,
    pub(super) now: Moment,
    pub(super) service: Service,
    pub(super) requests: VecDeque<Request>,
    pub(super) fetches: VecDeque<Fetch>,
    /// How often the stream was to be described.
    pub(super) described: u32,
    pub(super) delivered: Tally,
    pub(super) failed: Tally,
    pub(super) receipts: BTreeMap<u64, Receipt>,
    pub(super) failures: BTreeMap<u64, Failure>,
    pub(super) put: u64,
    /// Keys that were mended, and the number of the next record then.
    pub(super) resumed: Vec<(String, u64)>,
}

pub(super) fn settings(aggregate: Aggregate) -> Settings {
    let config = ProducerConfig::new(aggregate).linger(Linger::Fixed(10 * MS));
    Settings::of(&config)
}

impl World {
    pub(super) fn new(settings: Settings, shards: u32) -> Self {
        let mut world = Self::without_map(settings, shards);
        let listed = Ok(world.service.shards.clone());
        world.state.prime(world.now, listed);
        world
    }

    pub(super) fn without_map(settings: Settings, shards: u32) -> Self {
        Self::with_budget(settings, shards, Budget::new(64 << 20, 1_000_000))
    }

    pub(super) fn with_budget(settings: Settings, shards: u32, budget: Budget) -> Self {
        let budget = Arc::new(budget);
        let clock = Clock::manual(Timestamp::EPOCH);
        let intake = Intake::new(Arc::clone(&budget), settings.overhead, clock);
        let pool = Arc::clone(intake.pool());
        Self {
            state: State::new(settings, pool, budget, Rng::seeded(1)),
            intake,
            now: Moment::ZERO,
            service: Service::new(shards),
            requests: VecDeque::new(),
            fetches: VecDeque::new(),
            described: 0,
            delivered: Tally::default(),
            failed: Tally::default(),
            receipts: BTreeMap::new(),
            failures: BTreeMap::new(),
            put: 0,
            resumed: Vec::new(),
        }
    }

    /// Puts a tracked record whose payload is its number, and gives that.
    pub(super) fn put(&mut self, key: &str) -> u64 {
        self.try_put(key, 0).unwrap()
    }

    pub(super) fn try_put(&mut self, key: &str, padding: usize) -> Result<u64, Error> {
        let number = self.put;
        let mut data = payload(number).to_vec();
        data.resize(data.len() + padding, b'.');
        self.intake.put(&Entry {
            key: key.as_bytes(),
            data: &data,
            explicit_hash_key: None,
            tag: Tag::Opaque(number),
        })?;
        self.put += 1;
        Ok(number)
    }

    /// Lets the state see what was put and what time it is.
    pub(super) fn settle(&mut self) {
        let mut effects = Effects::default();
        let mut cx = Context::from_waker(Waker::noop());
        if let std::task::Poll::Ready(haul) = self.intake.poll_fetch(&mut cx, Park::Idle, true) {
            for mut arena in haul.arenas {
                // The intake's clock stands still; the world's does not.
                arena.opened = self.now;
                self.state
                    .step(self.now, Event::Records(arena), &mut effects);
            }
        }
        self.state.settle(self.now, &mut effects);
        self.take(effects);
    }

    pub(super) fn step(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.state.step(self.now, event, &mut effects);
        self.state.settle(self.now, &mut effects);
        self.take(effects);
    }

    pub(super) fn take(&mut self, effects: Effects) {
        self.requests.extend(effects.requests);
        self.fetches.extend(effects.fetches);
        self.described += u32::from(effects.describes);
        self.delivered += effects.outcomes.delivered;
        self.failed += effects.outcomes.failed;
        for outcome in effects.outcomes.told {
            let Tag::Opaque(number) = outcome.tag else {
                panic!("all are tracked")
            };
            self.intake.budget.release(outcome.charge);
            self.intake.budget.release_records(1);
            let is_new = match outcome.result {
                Ok(receipt) => self.receipts.insert(number, receipt).is_none(),
                Err(failure) => self.failures.insert(number, failure).is_none(),
            };
            assert!(is_new, "a record ends once");
        }
        self.check();
    }

    /// The account balances, and the budget holds.
    pub(super) fn check(&self) {
        for receipt in self.receipts.values() {
            let failed = receipt.failed_attempts.len();
            assert_eq!(failed.min(15), receipt.attempts.min(16) as usize - 1);
        }
        for failure in self.failures.values() {
            assert_eq!(
                failure.failed_attempts.len(),
                failure.attempts.min(16) as usize
            );
        }
        let accepted = self.intake.accepted();
        let ended = self.delivered.records + self.failed.records;
        let in_arenas = accepted.records - ended - self.state.unresolved();
        assert!(in_arenas <= accepted.records, "more ended than came");
        assert_eq!(
            (self.receipts.len() + self.failures.len()) as u64,
            ended,
            "each end is told"
        );
        let both = self
            .receipts
            .keys()
            .find(|number| self.failures.contains_key(number));
        assert!(both.is_none(), "delivered or failed, not both");
        let budget = &self.intake.budget;
        assert!(budget.used() <= budget.share_of_records() + budget.share_of_bodies());
    }

    pub(super) fn request(&mut self) -> Request {
        self.requests.pop_front().expect("a request was sent")
    }

    /// Answers a request; `refusals` gives entries an error instead of storing them.
    pub(super) fn answer(&mut self, request: &Request, refusals: &[Option<Refusal>]) {
        let entries = request.entries.iter().zip(0..);
        let records = entries
            .map(|(entry, index)| match refusals.get(index) {
                Some(Some(refusal)) => PutRecordsResultEntry::refused(refusal.clone()),
                _ => self.service.store(entry),
            })
            .collect();
        let output = PutRecordsOutput {
            records,
            ..Default::default()
        };
        self.step(Event::Answer {
            request: request.id,
            result: Ok(output),
        });
    }

    /// Mends a key; whether it was broken.
    pub(super) fn resume(&mut self, key: &str) -> bool {
        let mut effects = Effects::default();
        let was_broken = self
            .state
            .resume(self.now, Some(key.as_bytes()), &mut effects);
        self.take(effects);
        self.resumed.push((key.to_owned(), self.put));
        was_broken
    }

    pub(super) fn fault(&mut self, request: &Request, fault: Fault) {
        self.step(Event::Answer {
            request: request.id,
            result: Err(fault),
        });
    }

    /// Answers the shard listing.
    pub(super) fn list(&mut self) {
        while let Some(fetch) = self.fetches.pop_front() {
            let shards = self.service.shards.clone();
            self.step(Event::Page {
                ticket: fetch.ticket,
                result: Ok((shards, None)),
            });
        }
    }

    /// Has the shards listed again, a second later; the listing is yet to be answered.
    pub(super) fn doubt(&mut self) {
        let mut effects = Effects::default();
        let asked_at = self.now;
        self.state
            .refresh(self.now, route::Event::Doubt { asked_at }, &mut effects);
        self.take(effects);
        self.now = self.now + SECOND;
        self.settle();
    }

    /// Something else notices how the shards are.
    pub(super) fn notice(&mut self) {
        let mut effects = Effects::default();
        let shards = self.service.shards.clone();
        self.state
            .refresh(self.now, route::Event::Children(shards), &mut effects);
        self.take(effects);
    }

    /// Moves time to the next thing that the state waits for; `false` if there is none.
    pub(super) fn advance(&mut self) -> bool {
        let Some(at) = self.state.wake_at(self.now) else {
            return false;
        };
        assert!(at > self.now, "the state asks to be woken in the past");
        self.now = at;
        self.settle();
        true
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.state.wake_at(self.now).is_some_and(|at| at <= until) && self.advance() {}
        self.now = self.now.max(until);
    }

    /// Lets time pass until a request is sent.
    pub(super) fn next_request(&mut self) -> Request {
        for _ in 0..100_000 {
            if let Some(request) = self.requests.pop_front() {
                return request;
            }
            assert!(self.advance(), "nothing will be sent any more");
        }
        panic!("nothing was sent for a hundred thousand wakes");
    }

    /// Answers everything well until nothing is left.
    pub(super) fn finish(&mut self) {
        for _ in 0..100_000 {
            self.list();
            if let Some(request) = self.requests.pop_front() {
                self.answer(&request, &[]);
            } else if !self.advance() {
                break;
            }
        }
        assert_eq!(self.state.unresolved(), 0);
        assert!(self.state.is_idle());
    }

    pub(super) fn assert_all_room_is_back(&self) {
        self.intake.pool().trim();
        assert_eq!(self.intake.budget.used(), 0);
    }
}

pub(super) fn payload(number: u64) -> Bytes {
    Bytes::from(format!("record {number:08}"))
}

pub(super) fn throttled() -> Refusal {
    Refusal::throughput_exceeded("Rate exceeded for shard")
}

pub(super) fn lost() -> Fault {
    Fault::Lost(Error::new(ErrorKind::Connection, "reset"))
}
