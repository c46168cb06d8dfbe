//! The account: its streams by name, and how a request finds one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytestring::ByteString;
use parking_lot::{Mutex, RwLock};

use super::commitment::Commitment;
use super::log::Memory;
use super::refuse::Named;
use super::stream::{LEAD_MAX, Stream};
use super::{EngineConfig, Now};
use crate::api::{Refusal, StreamMode};
use crate::time::Moment;
use crate::types::StreamArn;

/// All streams of an engine. The table is locked for writing only to add or remove a stream.
#[derive(Debug)]
pub(super) struct Account {
    pub id: ByteString,
    pub region: ByteString,
    streams: RwLock<Streams>,
    serial: AtomicU64,
    pub commitment: Mutex<Commitment>,
}

#[derive(Debug, Default)]
struct Streams {
    present: BTreeMap<ByteString, Arc<Stream>>,
    /// The second in which the youngest shard of a stream began that is no more.
    past: BTreeMap<ByteString, u64>,
}

impl Streams {
    /// Whether this very stream is there.
    fn has(&self, stream: &Arc<Stream>) -> bool {
        let found = self.present.get(&stream.name);
        found.is_some_and(|found| Arc::ptr_eq(found, stream))
    }

    fn forget(&mut self, stream: &Arc<Stream>) {
        self.present.remove(&stream.name);
        // Put calls wait for the table while they hold a state; a writer that waits must not come between.
        let newest = stream.state.read_recursive().newest_second();
        self.past.insert(stream.name.clone(), newest);
    }

    fn forget_gone(&mut self, now: Now) {
        let is_gone = |stream: &&Arc<Stream>| stream.is_gone(now.moment);
        let gone: Vec<_> = self.present.values().filter(is_gone).cloned().collect();
        gone.iter().for_each(|stream| self.forget(stream));
        let horizon = now.wall.as_secs().saturating_sub(LEAD_MAX);
        self.past.retain(|_, second| *second >= horizon);
    }
}

/// What counts against the account's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub open_shards: usize,
    pub creating: usize,
    pub on_demand: usize,
}

impl Usage {
    fn of<'a>(streams: impl IntoIterator<Item = &'a Arc<Stream>>, now: Now) -> Self {
        streams.into_iter().fold(Self::default(), |usage, stream| {
            // Put calls wait for the table while they hold a state; a writer that waits must not come between.
            let state = stream.state.read_recursive();
            Self {
                open_shards: usage.open_shards + state.open_count(),
                creating: usage.creating + usize::from(state.is_being_made(now)),
                on_demand: usage.on_demand + usize::from(state.mode == StreamMode::OnDemand),
            }
        })
    }
}

impl Account {
    pub fn new(config: &EngineConfig) -> Self {
        Self {
            id: config.account.as_str().into(),
            region: config.region.as_str().into(),
            streams: RwLock::default(),
            serial: AtomicU64::new(0),
            commitment: Mutex::default(),
        }
    }

    /// Whether its on-demand streams are "Advantage".
    pub fn has_advantage(&self, now: Now) -> bool {
        self.commitment.lock().is_on(now.wall)
    }

    /// How texts name a stream of this account.
    pub fn named<'a>(&'a self, stream: &'a str) -> Named<'a> {
        Named {
            stream,
            account: &self.id,
        }
    }

    /// The ARN of a stream of this account.
    pub fn arn(&self, stream: &str) -> ByteString {
        format!(
            "arn:aws:kinesis:{}:{}:stream/{stream}",
            self.region, self.id
        )
        .into()
    }

    /// A number that no stream of this engine had before.
    pub fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The name of the stream that a request means.
    ///
    /// The texts for neither, for both in disagreement and for what is no stream's ARN are kinetik's: AWS's are not
    /// known.
    pub fn name_of(
        &self,
        name: Option<&ByteString>,
        arn: Option<&ByteString>,
    ) -> Result<ByteString, Refusal> {
        let Some(arn) = arn else {
            let missing = "Either StreamName or StreamARN should be provided.";
            return name
                .cloned()
                .ok_or_else(|| Refusal::invalid_argument(missing));
        };
        let arn: StreamArn = arn
            .parse()
            .map_err(|_| Refusal::invalid_argument("StreamARN is not the ARN of a stream."))?;
        if name.is_some_and(|name| **name != *arn.name().as_str()) {
            let differ = "StreamName and StreamARN do not name the same stream.";
            return Err(Refusal::invalid_argument(differ));
        }
        if arn.account() != &*self.id || arn.region() != &*self.region {
            let foreign = Named {
                stream: arn.name().as_str(),
                account: arn.account(),
            };
            return Err(foreign.not_found());
        }
        Ok(arn.name().to_text())
    }

    /// The stream that a request means, in the state that it has at `now`.
    pub fn stream(
        &self,
        name: Option<&ByteString>,
        arn: Option<&ByteString>,
        now: Now,
        memory: &Arc<Memory>,
    ) -> Result<Arc<Stream>, Refusal> {
        let found = match (name, arn) {
            (Some(name), None) => self.find(name, now, memory).ok_or(name),
            _ => {
                let name = self.name_of(name, arn)?;
                return self
                    .find(&name, now, memory)
                    .ok_or_else(|| self.named(&name).not_found());
            }
        };
        found.map_err(|name| self.named(name).not_found())
    }

    /// The stream with this name, in the state that it has at `now`.
    pub fn find(&self, name: &str, now: Now, memory: &Arc<Memory>) -> Option<Arc<Stream>> {
        let stream = self.streams.read().present.get(name).cloned()?;
        if stream.is_gone(now.moment) {
            self.remove(&stream);
            return None;
        }
        stream.settle(now, memory);
        Some(stream)
    }

    /// Whether there is a stream with this name at `now`.
    pub fn has_name(&self, name: &str, now: Moment) -> bool {
        let streams = self.streams.read();
        streams
            .present
            .get(name)
            .is_some_and(|stream| !stream.is_gone(now))
    }

    /// Adds a stream that `make` makes, unless there is one of that name. `make` is told the first second that no shard
    /// of an earlier stream of that name has begun in or after, so that a sequence number tells the two apart.
    pub fn add(
        &self,
        name: &ByteString,
        now: Now,
        memory: &Arc<Memory>,
        make: impl FnOnce(Usage, u64) -> Result<Stream, Refusal>,
    ) -> Result<Arc<Stream>, Refusal> {
        // Before the table is locked: settling locks states, whose holders may wait for the table.
        self.all(now, memory);
        let mut streams = self.streams.write();
        streams.forget_gone(now);
        if streams.present.contains_key(name) {
            return Err(self.named(name).exists());
        }
        let free = streams.past.get(name).map_or(0, |second| second + 1);
        let stream = Arc::new(make(Usage::of(streams.present.values(), now), free)?);
        streams.present.insert(name.clone(), Arc::clone(&stream));
        Ok(stream)
    }

    /// Whether this very stream is still there.
    pub fn has(&self, stream: &Arc<Stream>) -> bool {
        self.streams.read().has(stream)
    }

    /// What the account's streams use of its quotas.
    pub fn usage(&self, now: Now, memory: &Arc<Memory>) -> Usage {
        Usage::of(&self.all(now, memory), now)
    }

    /// Forgets a stream, if it is still the one of its name.
    pub fn remove(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams.write();
        if streams.has(stream) {
            streams.forget(stream);
        }
    }

    /// All streams in the order of their names, in the state that they have at `now`.
    pub fn all(&self, now: Now, memory: &Arc<Memory>) -> Vec<Arc<Stream>> {
        let mut all: Vec<_> = self.streams.read().present.values().cloned().collect();
        all.retain(|stream| !stream.is_gone(now.moment));
        for stream in &all {
            stream.settle(now, memory);
        }
        all
    }

    /// All streams as they are, without looking what is due.
    pub fn unsettled(&self) -> Vec<Arc<Stream>> {
        self.streams.read().present.values().cloned().collect()
    }

    /// The first moment at which a stream's state changes by itself.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.streams
            .read()
            .present
            .values()
            .filter_map(|stream| stream.due())
            .min()
    }

    /// Forgets all streams and settings.
    pub fn clear(&self) {
        *self.commitment.lock() = Commitment::default();
        let gone = std::mem::take(&mut *self.streams.write());
        gone.present
            .values()
            .for_each(|stream| stream.wake_subscribers());
    }
}
