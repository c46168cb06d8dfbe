//! The producer: opening, waiting, ending; the hot calls are in `put`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use kinetik::producer::{Aggregate, Failure, Producer, ProducerConfig, Reports};
use kinetik::time::{Clock, Moment};
use kinetik::{Error, Result};
use napi::Env;
use napi::bindgen_prelude::Function;
use napi::sys::napi_env;
use napi_derive::napi;
use parking_lot::Mutex;

use crate::cancel::{Cancel, unless};
use crate::engine::NativeEndpoint;
use crate::errors::guard;
use crate::event_loop::{EventLoop, Remote, promise};
use crate::js::{self, Raw};
use crate::settings::in_options;
use crate::sink::Sink;
use crate::waiting::Waiting;
use crate::{outcome, put, sink};

/// How many reports are taken at once.
const REPORTS: usize = 1024;

/// What the JavaScript object and its raw functions share.
pub struct Shared {
    pub producer: Producer,
    pub waiting: Waiting,
    /// What `close` left undelivered, until JavaScript takes it.
    left: Mutex<Vec<Failure>>,
    sink: Option<Arc<Sink>>,
    /// Failures were handed over since JavaScript last asked.
    has_handed_over: AtomicBool,
    /// The program has ended, and what it had put was flushed for the last time.
    pub has_ended: AtomicBool,
}

impl Shared {
    /// Has the event loop deliver the producer's reports whenever some wait.
    fn new(producer: Producer, remote: Remote, sink: Option<Arc<Sink>>) -> Result<Arc<Self>> {
        let shared = Arc::new(Self {
            producer,
            waiting: Waiting::default(),
            left: Mutex::default(),
            sink,
            has_handed_over: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let reporting = Arc::downgrade(&shared);
        shared.producer.on_reports(move || {
            let shared = reporting.clone();
            remote.post(move |env| {
                if let Some(shared) = shared.upgrade() {
                    deliver(env, &shared);
                }
            });
        })?;
        Ok(shared)
    }

    /// Failures whose waits were aborted: for the failure callback, or kept until they are taken.
    fn hand_over(&self, failures: Vec<Failure>) {
        if !failures.is_empty() {
            self.has_handed_over.store(true, Ordering::Release);
            self.producer.hand_over(failures);
        }
    }
}

/// An open producer.
#[napi]
pub struct NativeProducer(Arc<Shared>);

thread_local! {
    /// The producers of this environment, for the flush at its end.
    static OPEN: RefCell<Vec<Weak<Shared>>> = const { RefCell::new(Vec::new()) };
    /// When the flush at the end of this environment began.
    static END: Cell<Option<Moment>> = const { Cell::new(None) };
}

/// Opens a producer: `settings` are pairs of the core's names and values.
#[napi]
pub fn open_producer(
    env: Env,
    stream: String,
    settings: Vec<(String, String)>,
    endpoint: Option<&NativeEndpoint>,
    on_failure: Option<Function<'_>>,
    cancel: Option<&Cancel>,
) -> napi::Result<Raw> {
    let env = env.raw();
    guard(env, || {
        let mut config = config(settings)?;
        if let Some(endpoint) = endpoint {
            config = config.endpoint(endpoint.0.clone());
        }
        let sink = on_failure
            .map(|callback| Sink::new(env, &callback))
            .transpose()?;
        if let Some(sink) = sink.clone() {
            config = config.on_failure(move |failures| sink.offer(failures));
        }
        let remote = EventLoop::of(env)?.remote();
        let opened = async move {
            let producer = Producer::open(&stream, config).await;
            Shared::new(producer.map_err(in_options)?, remote, sink)
        };
        let opened = promise(env, unless(cancel, opened), |_, shared| {
            NativeProducer::registered(shared)
        })?;
        Ok(Raw(opened))
    })
}

fn config(mut settings: Vec<(String, String)>) -> Result<ProducerConfig> {
    let aggregate = settings.iter().find(|(name, _)| name == "aggregate");
    if aggregate.is_none() {
        return Err(Error::invalid(
            "aggregate",
            "must be said: true = KPL format, which every reader must de-aggregate; false = each record as it is",
        ));
    }
    let mut config = ProducerConfig::new(Aggregate::No);
    // What is said beside a KPL properties file wins.
    settings.sort_by_key(|(name, _)| name != "kpl_properties");
    for (name, value) in &settings {
        config.set(name, value).map_err(in_options)?;
    }
    // Tracked records report to their promises; untracked ones never report.
    Ok(config.reports(Reports::All))
}

/// Flushes the producers of this environment, each until its exit timeout has passed since the first call; how many
/// records are left. After the last call they take none.
#[napi]
pub fn flush_at_exit(env: Env, is_last: bool) -> napi::Result<f64> {
    guard(env.raw(), || {
        sink::event_loop_ended();
        // They stay registered: the end of a Worker's environment lets go of them.
        let open: Vec<_> = OPEN.with_borrow(|open| open.iter().filter_map(Weak::upgrade).collect());
        let clock = Clock::system();
        let began = END.get().unwrap_or_else(|| clock.now());
        END.set(Some(began));
        let left = open.iter().map(|shared| {
            let producer = &shared.producer;
            if producer.ledger().pending.records > 0 {
                // What is left is told below; nobody can take failures any more.
                let deadline = began + producer.exit_timeout();
                let _ = producer.flush_blocking(deadline.since(clock.now()));
            }
            shared.has_ended.store(is_last, Ordering::Relaxed);
            producer.ledger().pending.records
        });
        Ok(left.sum::<u64>() as f64)
    })
}

#[napi]
impl NativeProducer {
    /// One that the end of its environment knows of.
    fn registered(shared: Arc<Shared>) -> Self {
        OPEN.with_borrow_mut(|open| {
            open.retain(|shared| shared.strong_count() > 0);
            open.push(Arc::downgrade(&shared));
        });
        Self(shared)
    }

    /// The hot calls: `{ put, putMany, putAndWait }`.
    #[napi]
    pub fn functions(&self, env: Env) -> napi::Result<Raw> {
        let env = env.raw();
        guard(env, || {
            let functions = js::object(env);
            let calls = [
                (c"put", put::put as _),
                (c"putMany", put::put_many as _),
                (c"putAndWait", put::put_and_wait as _),
            ];
            for (name, call) in calls {
                let function = put::function(env, name, Some(call), &self.0)?;
                js::set(env, functions, name, function);
            }
            Ok(Raw(functions))
        })
    }

    /// Resolves when there is room.
    #[napi]
    pub fn ready(&self, env: Env, cancel: Option<&Cancel>) -> napi::Result<Raw> {
        let shared = self.0.clone();
        let ready = async move {
            shared.producer.ready().await;
            Ok(())
        };
        guard(env.raw(), || {
            promise(env.raw(), unless(cancel, ready), |_, ()| ()).map(Raw)
        })
    }

    /// Resolves when everything was delivered.
    #[napi]
    pub fn flush(&self, env: Env, timeout: Option<f64>) -> napi::Result<Raw> {
        let shared = self.0.clone();
        let flushed = async move { shared.producer.flush(timeout.map(millis)).await };
        guard(env.raw(), || {
            promise(env.raw(), flushed, |_, ()| ()).map(Raw)
        })
    }

    /// In ordered mode: takes records of a key again, or of all; whether it was broken.
    #[napi]
    pub fn resume(&self, env: Env, key: Option<String>) -> napi::Result<Raw> {
        let shared = self.0.clone();
        let resumed = async move { shared.producer.resume(key.as_deref()).await };
        guard(env.raw(), || {
            promise(env.raw(), resumed, |env, was_broken| {
                js::boolean(env, was_broken)
            })
            .map(Raw)
        })
    }

    /// Flushes and closes.
    #[napi]
    pub fn close(&self, env: Env, timeout: Option<f64>) -> napi::Result<Raw> {
        let shared = self.0.clone();
        guard(env.raw(), || {
            let remote = EventLoop::of(env.raw())?.remote();
            let closed = async move {
                let outcome = shared.producer.close(timeout.map(millis)).await;
                // What is left never reports, so its promises are told here.
                let left = shared.producer.take_pending();
                let told = left
                    .iter()
                    .filter_map(|left| Some((left.opaque?, left.record.clone())));
                let told: Vec<_> = told.collect();
                let waiting = shared.clone();
                remote.post(move |env| {
                    for (id, record) in told {
                        js::scoped(env, || {
                            let reason = outcome::rejection(env, &record);
                            waiting.waiting.settle(env, id, Err(reason));
                        });
                    }
                });
                shared
                    .left
                    .lock()
                    .extend(left.into_iter().map(|left| left.record));
                outcome
            };
            promise(env.raw(), closed, |_, ()| ()).map(Raw)
        })
    }

    /// The account.
    #[napi]
    pub fn ledger(&self, env: Env) -> napi::Result<Raw> {
        guard(env.raw(), || {
            Ok(Raw(outcome::ledger(env.raw(), self.0.producer.ledger())))
        })
    }

    /// What was counted, as a text.
    #[napi]
    pub fn metrics_text(&self, env: Env, format: String) -> napi::Result<String> {
        guard(env.raw(), || self.0.producer.metrics_text(format.parse()?))
    }

    /// How evenly the records spread, as JSON.
    #[napi]
    pub fn skew(&self, env: Env) -> napi::Result<String> {
        guard(env.raw(), || Ok(self.0.producer.skew().json()))
    }

    /// The records that `close` left undelivered; each is given once.
    #[napi]
    pub fn take_leftover(&self, env: Env) -> napi::Result<Raw> {
        guard(env.raw(), || {
            let left = std::mem::take(&mut *self.0.left.lock());
            Ok(Raw(outcome::failures(env.raw(), &left)))
        })
    }

    /// The end of a call of the failure callback; whether it took its batch.
    #[napi(catch_unwind)]
    pub fn offer_ended(&self, is_taken: bool) {
        if let Some(sink) = &self.0.sink {
            sink.ended(is_taken, |failures| self.0.producer.put_back(failures));
        }
    }

    /// The failure callback is not called any more.
    #[napi]
    pub fn end_offers(&self, env: Env) {
        if let Some(sink) = &self.0.sink {
            sink.close(env.raw(), |failures| self.0.producer.put_back(failures));
        }
    }

    /// Whether the failure callback was handed failures of aborted waits since this was last asked.
    #[napi(catch_unwind)]
    pub fn handed_over(&self) -> bool {
        self.0.has_handed_over.swap(false, Ordering::AcqRel) && self.0.sink.is_some()
    }

    /// The number of the promise that `putAndWait` made last.
    #[napi(catch_unwind)]
    pub fn last_wait(&self) -> f64 {
        self.0.waiting.last() as f64
    }

    /// Nobody waits for the promise with this number any more; false when it was settled before.
    #[napi(catch_unwind)]
    pub fn abandon(&self, number: f64) -> bool {
        self.0.waiting.give_up(number as u64)
    }

    /// The failures that nobody took yet.
    #[napi]
    pub fn take_failures(&self, env: Env) -> napi::Result<Raw> {
        guard(env.raw(), || {
            Ok(Raw(outcome::failures(
                env.raw(),
                &self.0.producer.take_failures(),
            )))
        })
    }
}

/// Milliseconds of JavaScript, which checked that they are not negative.
fn millis(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1e3).unwrap_or(Duration::MAX)
}

/// Lets go of what an environment that ends was still waiting for.
pub fn environment_ended() {
    sink::event_loop_ended();
    for shared in OPEN.take().iter().filter_map(Weak::upgrade) {
        shared.waiting.abandon();
    }
}

/// Settles the promises whose reports wait.
fn deliver(env: napi_env, shared: &Shared) {
    let mut reports = Vec::new();
    while shared.producer.poll_reports(REPORTS, &mut reports) > 0 {
        let mut unwanted = Vec::new();
        for report in reports.drain(..) {
            let is_told = js::scoped(env, || {
                let outcome = match &report.outcome {
                    Ok(receipt) => Ok(outcome::receipt(env, receipt)),
                    Err(failure) => Err(outcome::rejection(env, failure)),
                };
                shared.waiting.settle(env, report.opaque, outcome)
            });
            match report.outcome {
                Err(failure) if !is_told => unwanted.push(failure),
                _ => {}
            }
        }
        shared.hand_over(unwanted);
    }
}
