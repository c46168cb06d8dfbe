//! The reader: batches go to JavaScript as one block of memory and a table of where everything lies in it.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kinetik::consumer::reader::{Batch, Position, Positions, Reader, ReaderConfig, Start};
use kinetik::time::Clock;
use kinetik::types::ShardId;
use kinetik::{Error, ErrorKind, Result};
use napi::Env;
use napi::sys::{napi_env, napi_value};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::cancel::{Cancel, unless};
use crate::engine::NativeEndpoint;
use crate::errors::guard;
use crate::event_loop::promise;
use crate::js::{self, Raw};
use crate::settings::in_options;

/// An open reader; `None` once it was closed. Locked for each poll alone, never while it waits.
#[napi]
pub struct NativeReader(Arc<Mutex<Option<Open>>>);

/// A reader, and which of its batches are on their way to JavaScript: `positions` stands before those.
struct Open {
    reader: Reader,
    /// Behind the last record of each shard that was fetched, whether or not it has come to JavaScript.
    fetched: Positions,
    number: u64,
    under_way: BTreeMap<u64, (ShardId, Position)>,
}

/// A batch, its number among those that are under way, and where its shard stood before it.
struct Fetched {
    batch: Batch,
    number: u64,
    before: Position,
}

impl Open {
    fn new(reader: Reader) -> Self {
        Self {
            fetched: reader.positions(),
            reader,
            number: 0,
            under_way: BTreeMap::new(),
        }
    }

    /// A call of `next_batch` can be given up at any point, so each poll makes one of its own.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Fetched>>> {
        let batch = std::task::ready!(pin!(self.reader.next_batch()).poll(cx))?;
        let fetched = batch.map(|batch| {
            let shard = batch.shard_id();
            // A shard that was not begun is read from its oldest record on.
            let before = self.fetched.get(shard).unwrap_or(Position::TrimHorizon);
            if let Some(last) = batch.len().checked_sub(1).and_then(|last| batch.get(last)) {
                let position = Position::After {
                    sequence_number: last.sequence_number,
                    sub_sequence_number: last.sub_sequence_number,
                };
                self.fetched.set(shard, position);
            }
            self.number += 1;
            self.under_way.insert(self.number, (shard, before));
            Fetched {
                batch,
                number: self.number,
                before,
            }
        });
        Poll::Ready(Ok(fetched))
    }

    /// Behind the batches that JavaScript has.
    fn positions(&self) -> Positions {
        let mut positions = self.reader.positions();
        // The first one of a shard decides.
        for &(shard, before) in self.under_way.values().rev() {
            positions.set(shard, before);
        }
        positions
    }
}

/// Bytes of a sequence number in a batch, most significant first. Its digits are made in JavaScript, when they are looked
/// at: few programs look at each.
const SEQUENCE_BYTES: usize = 24;

/// Opens a reader: `settings` are pairs of name and value.
#[napi]
pub fn open_reader(
    env: Env,
    stream: String,
    settings: Vec<(String, String)>,
    endpoint: Option<&NativeEndpoint>,
    cancel: Option<&Cancel>,
) -> napi::Result<Raw> {
    let env = env.raw();
    guard(env, || {
        if !settings.iter().any(|(name, _)| name == "start") {
            let problem = "must be said: TRIM_HORIZON, LATEST, a time or saved positions";
            return Err(Error::invalid("start", problem));
        }
        let mut config = ReaderConfig::new(Start::TrimHorizon);
        for (name, value) in settings {
            config.set(&name, &value).map_err(in_options)?;
        }
        if let Some(endpoint) = endpoint {
            config = config.endpoint(endpoint.0.clone());
        }
        let opened = async move {
            let opened = Reader::open(&stream, config).await;
            opened.map_err(in_options)
        };
        let opened = promise(env, unless(cancel, opened), |_, reader| {
            NativeReader(Arc::new(Mutex::new(Some(Open::new(reader)))))
        })?;
        Ok(Raw(opened))
    })
}

#[napi]
impl NativeReader {
    /// Resolves to the next batch, to `false` when none came within `wait` milliseconds, or to `null` at the end.
    #[napi]
    pub fn next(&self, env: Env, wait: Option<f64>, cancel: Option<&Cancel>) -> napi::Result<Raw> {
        let (reader, arrived) = (self.0.clone(), self.0.clone());
        let next = poll_fn(move |cx| match &mut *reader.lock() {
            Some(open) => open.poll(cx),
            None => Err(closed()).into(),
        });
        // A wait that fits no duration has no end.
        let wait = wait.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok());
        let next = async move {
            let Some(wait) = wait else {
                return next.await.map(Some);
            };
            let clock = Clock::system();
            let next = clock.before(clock.now() + wait, next).await;
            next.transpose()
        };
        guard(env.raw(), || {
            let next = promise(
                env.raw(),
                unless(cancel, next),
                move |env, next| match next {
                    Some(Some(fetched)) => {
                        if let Some(open) = &mut *arrived.lock() {
                            open.under_way.remove(&fetched.number);
                        }
                        Some(Raw(batch(env, &fetched)))
                    }
                    None => Some(Raw(js::boolean(env, false))),
                    Some(None) => None,
                },
            )?;
            Ok(Raw(next))
        })
    }

    /// Behind the last batch that came here, as JSON.
    #[napi]
    pub fn positions(&self, env: Env) -> napi::Result<String> {
        guard(env.raw(), || match &*self.0.lock() {
            Some(open) => Ok(open.positions().to_json()),
            None => Err(closed()),
        })
    }

    /// What was counted, and the lag of each shard in milliseconds and its backlog, as JSON.
    #[napi]
    pub fn stats(&self, env: Env) -> napi::Result<String> {
        guard(env.raw(), || match &*self.0.lock() {
            Some(Open { reader, .. }) => Ok(reader.stats().json(&reader.lag())),
            None => Err(closed()),
        })
    }

    /// What was counted, as a text.
    #[napi]
    pub fn metrics_text(&self, env: Env, format: String) -> napi::Result<String> {
        guard(env.raw(), || match &*self.0.lock() {
            Some(Open { reader, .. }) => Ok(reader.metrics().text(format.parse()?)),
            None => Err(closed()),
        })
    }

    /// Lets go of everything, and ends waits that are under way; resolves once a consumer of its own is deregistered.
    #[napi]
    pub fn close(&self, env: Env) -> napi::Result<Raw> {
        let reader = self.0.lock().take();
        guard(env.raw(), || {
            let close = async move {
                match reader {
                    Some(mut open) => open.reader.close().await,
                    None => Ok(()),
                }
            };
            Ok(Raw(promise(env.raw(), close, |_, ()| ())?))
        })
    }
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the reader was closed")
}

/// Bits of a record's flags.
const IN_RANGE: u32 = 1;
const ASCII_KEY: u32 = 2;

/// The columns of `lib/reader.js`, for each record: end of key, end of data, which sequence number, sub-sequence
/// number plus 1 (0 = none), flags.
fn batch(env: napi_env, fetched: &Fetched) -> napi_value {
    let batch = &fetched.batch;
    let (keys, data) = batch.column_bytes();
    let mut columns = Vec::with_capacity(batch.len() * 5);
    let mut arrivals = Vec::with_capacity(batch.len());
    let mut sequences = Vec::new();
    let mut last = None;
    let block = js::filled_buffer(env, keys + data, |block| {
        let mut at = 0;
        for record in batch.iter() {
            for part in [record.key, record.data] {
                block.write(part);
                at += part.len();
                columns.push(at as u32);
            }
            if last != Some(record.sequence_number) {
                last = Some(record.sequence_number);
                sequences.extend(record.sequence_number.to_bytes());
            }
            let number = (sequences.len() / SEQUENCE_BYTES) as u32 - 1;
            let sub = record.sub_sequence_number.map_or(0, |sub| sub as u32 + 1);
            let in_range = IN_RANGE * u32::from(record.in_range);
            let flags = in_range | (ASCII_KEY * u32::from(record.key.is_ascii()));
            columns.extend([number, sub, flags]);
            arrivals.push(record.arrived_at.as_millis() as f64);
        }
    });
    let object = js::object(env);
    let shard = js::string(env, &batch.shard_id().to_string());
    js::set(env, object, c"shardId", shard);
    let before = Positions::from_iter([(batch.shard_id(), fetched.before)]).to_json();
    js::set(env, object, c"before", js::string(env, &before));
    let behind = js::number(env, batch.millis_behind_latest() as f64);
    js::set(env, object, c"millisBehindLatest", behind);
    js::set(env, object, c"block", block);
    js::set(env, object, c"columns", js::u32_array(env, &columns));
    js::set(env, object, c"arrivals", js::f64_array(env, &arrivals));
    js::set(env, object, c"sequences", js::buffer(env, &sequences));
    object
}
