//! The reader: batches go to JavaScript as one block of memory and a table of where everything lies in it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use kinetik::consumer::reader::{Batch, Positions, Reader, ReaderConfig, Start, Until};
use kinetik::time::Timestamp;
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

/// A place in a stream, as `lib/reader.js` words it: a word, a time, or saved positions in JSON.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct Place {
    /// `TRIM_HORIZON`, `LATEST` or `now`.
    pub word: Option<String>,
    /// Milliseconds since 1970.
    pub millis: Option<f64>,
    /// What `positions` gave.
    pub positions: Option<String>,
}

/// An open reader; `None` once it was closed. Locked for each poll alone, never while it waits.
#[napi]
pub struct NativeReader(Arc<Mutex<Option<Reader>>>);

/// Opens a reader: `settings` are pairs of name and value.
#[napi]
pub fn open_reader(
    env: Env,
    stream: String,
    start: Place,
    until: Place,
    settings: Vec<(String, String)>,
    endpoint: Option<&NativeEndpoint>,
    cancel: Option<&Cancel>,
) -> napi::Result<Raw> {
    let env = env.raw();
    guard(env, || {
        let mut config = ReaderConfig::new(self::start(start)?).until(self::until(&until)?);
        for (name, value) in settings {
            config.set(&name, &value)?;
        }
        if let Some(endpoint) = endpoint {
            config = config.endpoint(endpoint.0.clone());
        }
        let opened = async move { Reader::open(&stream, config).await };
        let opened = promise(env, unless(cancel, opened), |_, reader| {
            NativeReader(Arc::new(Mutex::new(Some(reader))))
        })?;
        Ok(Raw(opened))
    })
}

fn start(place: Place) -> Result<Start> {
    match (place.word.as_deref(), place.millis, place.positions) {
        (Some("TRIM_HORIZON"), ..) => Ok(Start::TrimHorizon),
        (Some("LATEST"), ..) => Ok(Start::Latest),
        (None, Some(millis), _) => Ok(Start::At(timestamp(millis))),
        (None, None, Some(saved)) => Positions::from_json(&saved).map(Start::Positions),
        _ => Err(Error::invalid(
            "start",
            "must be said: TRIM_HORIZON, LATEST, a Date or saved positions",
        )),
    }
}

fn until(place: &Place) -> Result<Until> {
    match (place.word.as_deref(), place.millis) {
        (None, None) => Ok(Until::Forever),
        (Some("now"), _) => Ok(Until::Now),
        (None, Some(millis)) => Ok(Until::At(timestamp(millis))),
        _ => Err(Error::invalid(
            "until",
            "expected now or a Date; left out: follow for ever",
        )),
    }
}

fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_millis(millis.max(0.0) as u64)
}

#[napi]
impl NativeReader {
    /// Resolves to the next batch, or to `null` at the end.
    #[napi]
    pub fn next(&self, env: Env, cancel: Option<&Cancel>) -> napi::Result<Raw> {
        let reader = self.0.clone();
        // A call of `next_batch` can be given up at any point, so each poll makes one of its own.
        let next = poll_fn(move |cx| match &mut *reader.lock() {
            Some(reader) => pin!(reader.next_batch()).poll(cx),
            None => Err(closed()).into(),
        });
        guard(env.raw(), || {
            let next = promise(env.raw(), unless(cancel, next), |env, batch| {
                batch.map(|batch| Raw(self::batch(env, &batch)))
            })?;
            Ok(Raw(next))
        })
    }

    /// Behind the last batch, as JSON.
    #[napi]
    pub fn positions(&self, env: Env) -> napi::Result<String> {
        guard(env.raw(), || match &*self.0.lock() {
            Some(reader) => Ok(reader.positions().to_json()),
            None => Err(closed()),
        })
    }

    /// What was counted, and the lag of each shard in milliseconds, as JSON.
    #[napi]
    pub fn stats(&self, env: Env) -> napi::Result<String> {
        guard(env.raw(), || match &*self.0.lock() {
            Some(reader) => Ok(reader.stats().json(&reader.lag())),
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
                    Some(mut reader) => reader.close().await,
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

/// The columns of `lib/reader.js`, for each record: end of key, end of data, which sequence number, sub-sequence
/// number plus 1 (0 = none), whether it is in range.
fn batch(env: napi_env, batch: &Batch) -> napi_value {
    let (keys, data) = batch.column_bytes();
    let mut columns = Vec::with_capacity(batch.len() * 5);
    let mut arrivals = Vec::with_capacity(batch.len());
    let mut sequences = Vec::new();
    let mut last = None;
    let block = js::filled_buffer(env, keys + data, |block| {
        let mut at = 0;
        for record in batch.iter() {
            for part in [record.key, record.data] {
                block[at..at + part.len()].copy_from_slice(part);
                at += part.len();
                columns.push(at as u32);
            }
            if last != Some(record.sequence_number) {
                last = Some(record.sequence_number);
                sequences.push(js::string(env, &record.sequence_number.to_string()));
            }
            let sub = record.sub_sequence_number.map_or(0, |sub| sub as u32 + 1);
            columns.extend([sequences.len() as u32 - 1, sub, record.in_range.into()]);
            arrivals.push(record.arrived_at.as_millis() as f64);
        }
    });
    let object = js::object(env);
    let shard = js::string(env, &batch.shard_id().to_string());
    js::set(env, object, c"shardId", shard);
    let behind = js::number(env, batch.millis_behind_latest() as f64);
    js::set(env, object, c"millisBehindLatest", behind);
    js::set(env, object, c"block", block);
    js::set(env, object, c"columns", js::u32_array(env, &columns));
    js::set(env, object, c"arrivals", js::f64_array(env, &arrivals));
    js::set(
        env,
        object,
        c"sequences",
        js::array(env, sequences.into_iter()),
    );
    object
}
