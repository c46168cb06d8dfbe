//! A reader that follows the stream, pauses, stops and goes on from what it said.

use std::sync::Arc;
use std::time::Duration;

use kinetik::consumer::reader::Position;
use kinetik::consumer::{Mode, Next, Positions, Reader, ReaderConfig, Start, Until};
use kinetik::error::ErrorKind;
use kinetik::rng::Rng;
use kinetik::time::{Clock, Moment};
use kinetik::transport::Transport;

use super::judge::Seen;
use super::lives::Now;
use super::{CATCHING_UP, PUTTING, START, STREAM, Stored};
use crate::reached::Reached;

pub struct Follower {
    config: ReaderConfig,
    clock: Clock,
    rng: Rng,
    reader: Option<Reader>,
    /// It does not ask for anything until then.
    idle_until: Moment,
    /// It opens once so many records were put: at the newest, unless that is at once.
    begins_at: u64,
    /// When its wall clock steps, and how far off it is from then on.
    step: Option<(Moment, i64)>,
    /// Batches that it takes in a turn at most.
    takes: u64,
    /// The life of the stream that it reads, and what it read of it.
    life: usize,
    pub seen: Seen,
    /// The same of earlier lives.
    past: Vec<(usize, Seen)>,
}

impl Follower {
    pub fn new(mode: Mode, transport: &Arc<dyn Transport>, rng: Rng) -> Self {
        let begins_at = u64::from(rng.chance(0.3)) * (100 + rng.below(400));
        let clock = Clock::following_runtime(START);
        // A position in time is only as good as the clock: it forgives five seconds.
        let (most, side) = match begins_at {
            0 => (86_400_000, rng.chance(0.3)),
            _ => (4_000, rng.chance(0.5)),
        };
        let skew = |rng: &Rng| (rng.below(2 * most) as i64 - most as i64) * 1_000_000;
        if side {
            clock.set_skew(skew(&rng));
        }
        let step = rng.chance(0.3).then(|| {
            let at = Duration::from_millis(rng.below(PUTTING.as_millis() as u64));
            (clock.now() + at, skew(&rng))
        });
        let takes = 2 + rng.below(30);
        let config = ReaderConfig::new(Start::TrimHorizon)
            .mode(mode)
            .endpoint(Arc::clone(transport))
            .clock(clock.clone())
            .rng(rng.fork())
            .max_records(1 + rng.below([4, 40][rng.below(2) as usize]) as usize)
            .buffer_bytes(1 + rng.below(100_000) as usize)
            .concurrency(1 + rng.below(8) as usize)
            .paced(rng.chance(0.5));
        Self {
            config,
            clock,
            rng,
            reader: None,
            idle_until: Moment::ZERO,
            begins_at,
            step,
            takes,
            life: 0,
            seen: Seen::new(mode),
            past: Vec::new(),
        }
    }

    /// What it read of each life of the stream.
    pub fn seen(&self) -> impl Iterator<Item = (usize, &Seen)> {
        let past = self.past.iter().map(|(life, seen)| (*life, seen));
        past.chain([(self.life, &self.seen)])
    }

    /// Reads for a moment.
    pub async fn turn(&mut self, now: Now, is_last: bool, reached: &mut Reached) {
        if let Some((_, skew)) = self.step.take_if(|(at, _)| *at <= self.clock.now()) {
            self.clock.set_skew(skew);
            reached.note("reader: clock steps");
        }
        if self.seen.is_over() || (self.reader.is_none() && !self.open(now, reached).await) {
            return;
        }
        if !is_last && self.rng.chance(0.01) {
            return self.stop_and_resume(now, reached).await;
        }
        if self.clock.now() < self.idle_until && !is_last {
            return;
        }
        if self.rng.chance(0.008) {
            // Longer than an iterator or a subscription lives.
            self.idle_until = self.clock.now() + Duration::from_secs(200 + self.rng.below(200));
            reached.note("reader: pauses longer than an iterator lives");
        }
        let Some(reader) = &mut self.reader else {
            return;
        };
        let takes = if is_last { 30 } else { self.takes };
        for _ in 0..1 + self.rng.below(takes) {
            let wait = Duration::from_millis(self.rng.below(200));
            match reader.next_within(wait).await {
                Ok(Next::Batch(batch)) => self.seen.take(&batch),
                Ok(Next::TimedOut) => return,
                Ok(Next::End) => {
                    self.seen.has_ended = true;
                    return;
                }
                // A failure that lasted is told, and reading goes on; not of a stream that is no more.
                Err(error) => {
                    reached.error(error.kind());
                    if error.kind() == ErrorKind::NotFound && now.life > self.life {
                        self.begin_anew(now).await;
                        reached.note("reader: stream is no more → told");
                    } else {
                        reached.note("reader: call → failed for good → told");
                    }
                    return;
                }
            }
        }
    }

    /// Leaves a stream that was deleted, for the one that has its name now.
    async fn begin_anew(&mut self, now: Now) {
        if let Some(mut reader) = self.reader.take() {
            let _ = reader.close().await;
        }
        // What it did not read of the old one is gone.
        self.seen.sees_from = u64::MAX;
        let next = Seen::new(self.seen.mode);
        let seen = std::mem::replace(&mut self.seen, next);
        self.past.push((self.life, seen));
        (self.life, self.begins_at) = (now.life, 0);
        self.seen.sees_from = now.put_before;
    }

    async fn open(&mut self, now: Now, reached: &mut Reached) -> bool {
        if now.put < self.begins_at {
            return false;
        }
        if now.life > self.life {
            self.begin_anew(now).await;
        }
        let start = match self.begins_at {
            0 => Start::TrimHorizon,
            _ => Start::Latest,
        };
        match Reader::open(STREAM, self.config.clone().start(start)).await {
            Ok(reader) => {
                if self.begins_at > 0 {
                    self.seen.sees_from = now.put;
                    reached.note("reader: opened at LATEST");
                }
                self.reader = Some(reader);
            }
            Err(error) => reached.error(error.kind()),
        }
        self.reader.is_some()
    }

    async fn stop_and_resume(&mut self, now: Now, reached: &mut Reached) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        reached.reader(&reader.stats());
        let saved = Positions::from_json(&reader.positions().to_json()).expect("its own");
        for (_, position) in saved.iter() {
            reached.note(match position {
                Position::TrimHorizon => "reader: resumed from the beginning of a shard",
                Position::At(_) => "reader: resumed from a time",
                Position::After {
                    sub_sequence_number: None,
                    ..
                } => "reader: resumed behind a record",
                Position::After { .. } => "reader: resumed within an aggregate",
                Position::End => "reader: resumed with a shard that had ended",
            });
        }
        // Its consumer may stay behind when this fails; another one is registered.
        let _ = reader.close().await;
        let saved = match self.rng.chance(0.2) {
            true => self.read_to_an_end(saved, now).await,
            false => Some(saved),
        };
        if let Some(saved) = saved {
            self.reader = self.resumed(saved, now, Until::Forever).await;
        }
    }

    /// A reader that goes on from positions, however often it takes to open it. None if the stream is another one now, or if
    /// they are refused, at once or for as long as anything may take, which ends it all.
    async fn resumed(&mut self, from: Positions, now: Now, until: Until) -> Option<Reader> {
        let config = self.config.clone().start(Start::Positions(from));
        let gives_up = self.clock.now() + CATCHING_UP;
        loop {
            let error = match Reader::open(STREAM, config.clone().until(until)).await {
                // What tells of no record of the old stream is taken by the new one too.
                Ok(mut reader) if now.life > self.life => {
                    let _ = reader.close().await;
                    self.begin_anew(now).await;
                    return None;
                }
                Ok(reader) => return Some(reader),
                Err(error) => error,
            };
            let is_told = matches!(
                error.kind(),
                ErrorKind::InvalidArgument | ErrorKind::NotFound
            );
            if is_told && now.life > self.life {
                self.begin_anew(now).await;
                return None;
            }
            if error.kind() == ErrorKind::InvalidArgument || self.clock.now() > gives_up {
                self.seen.refused = Some(error.to_string());
                return None;
            }
            self.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads on with a reader that is to end: at all that is there, or at a time about now.
    async fn read_to_an_end(&mut self, from: Positions, now: Now) -> Option<Positions> {
        let about_now = self.clock.wall() + Duration::from_millis(self.rng.below(4_000));
        let until = match self.rng.chance(0.5) {
            true => Until::Now,
            false => Until::At(about_now - Duration::from_secs(2)),
        };
        let mut reader = self.resumed(from, now, until).await?;
        for _ in 0..200 {
            match reader.next_within(Duration::from_secs(1)).await {
                Ok(Next::Batch(batch)) => self.seen.take(&batch),
                Ok(Next::End) => break,
                Ok(Next::TimedOut) | Err(_) => {}
            }
        }
        let saved = Positions::from_json(&reader.positions().to_json()).expect("its own");
        let _ = reader.close().await;
        Some(saved)
    }

    /// Reads until all is there that was put, or for as long as that may take, and a little longer.
    pub async fn catch_up(&mut self, now: Now, reached: &mut Reached) {
        let until = self.clock.now() + CATCHING_UP;
        let (mut counted, mut missing) = (0, u64::MAX);
        while self.clock.now() < until && missing > 0 && !self.seen.is_over() {
            if counted == 0 || self.seen.read.len() < counted {
                // What came shortly before it opened may come too; what was trimmed does not.
                (counted, missing) = (0, now.put.saturating_sub(self.seen.wanted_from()));
            }
            let from = self.seen.wanted_from();
            let wanted = self.seen.read[counted..]
                .iter()
                .filter(|read| read.id >= from);
            missing = missing.saturating_sub(wanted.count() as u64);
            counted = self.seen.read.len();
            self.turn(now, true, reached).await;
        }
        // Nothing more may come.
        for _ in 0..10 {
            self.turn(now, true, reached).await;
        }
        if let Some(reader) = self.reader.take() {
            reached.reader(&reader.stats());
        }
    }

    /// Reads all there is now with a reader of its own that ends there.
    pub async fn audit(&mut self, stored: &[Stored], violations: &mut Vec<String>) {
        let config = self.config.clone().until(Until::Now);
        let Ok(mut reader) = Reader::open(STREAM, config).await else {
            return;
        };
        let mut seen = std::collections::BTreeSet::new();
        let until = self.clock.now() + CATCHING_UP;
        while self.clock.now() < until {
            match reader.next_within(Duration::from_secs(1)).await {
                Ok(Next::Batch(batch)) => {
                    seen.extend(batch.iter().map(|record| super::id_of(record.data)));
                }
                Ok(Next::End) => {
                    let from = self.seen.trimmed_before;
                    let missing = stored
                        .iter()
                        .find(|one| one.id >= from && !seen.contains(&one.id));
                    if let Some(missing) = missing {
                        violations.push(format!(
                            "{missing:?} was there and UNTIL NOW passed it over"
                        ));
                    }
                    return;
                }
                Ok(Next::TimedOut) | Err(_) => {}
            }
        }
        violations.push("a reader until now found no end".to_owned());
    }
}
