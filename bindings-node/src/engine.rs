//! The service in memory, and endpoints.

use std::time::Duration;

use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::engine::{Engine, EngineConfig, Fault, Record};
use kinetik::metrics::Prometheus;
use kinetik::transport::Endpoint;
use kinetik::{Error, Result};
use napi::Env;
use napi::sys::{napi_env, napi_value};
use napi_derive::napi;

use crate::errors::guard;
use crate::js::{self, Raw};
use crate::settings::in_options;

/// Where the service is.
#[napi]
pub struct NativeEndpoint(pub(crate) Endpoint);

/// The endpoint that a text names.
#[napi(js_name = "endpoint")]
pub fn parse_endpoint(env: Env, text: String) -> napi::Result<NativeEndpoint> {
    guard(env.raw(), || -> Result<NativeEndpoint> {
        text.parse().map(NativeEndpoint)
    })
}

/// An engine.
#[napi]
pub struct NativeEngine(pub(crate) Engine);

/// An engine of its own, without a stream: `settings` are pairs of the core's names and values.
#[napi]
pub fn new_engine(env: Env, settings: Vec<(String, String)>) -> napi::Result<NativeEngine> {
    guard(env.raw(), || {
        let mut config = EngineConfig::default();
        for (name, value) in &settings {
            config.set(name, value).map_err(in_options)?;
        }
        Ok(NativeEngine(Engine::new(config)))
    })
}

/// The engine that `memory://NAME` means in this process.
#[napi]
pub fn named_engine(env: Env, name: String) -> napi::Result<NativeEngine> {
    guard(env.raw(), || Engine::by_name(&name).map(NativeEngine))
}

#[napi]
impl NativeEngine {
    /// The endpoint that reaches it.
    #[napi(catch_unwind)]
    pub fn endpoint(&self) -> NativeEndpoint {
        NativeEndpoint(self.0.clone().into())
    }

    /// Whether it has the service's quotas.
    #[napi(catch_unwind)]
    pub fn quotas(&self) -> bool {
        self.0.quotas()
    }

    /// Lifts the quotas for all its users, or puts them back.
    #[napi(catch_unwind)]
    pub fn set_quotas(&self, on: bool) {
        self.0.set_quotas(on);
    }

    /// Bytes of memory that stored records take.
    #[napi(catch_unwind)]
    pub fn memory_used(&self) -> f64 {
        self.0.memory_used() as f64
    }

    /// Makes a stream.
    #[napi]
    pub fn create_stream(&self, env: Env, name: String, shards: u32) -> napi::Result<()> {
        guard(env.raw(), || self.0.create_stream(&name, shards))
    }

    /// Every user record of a stream, shard by shard.
    #[napi]
    pub fn records(&self, env: Env, stream: String) -> napi::Result<Raw> {
        let env = env.raw();
        guard(env, || {
            let mut found = Vec::new();
            for record in self.0.records(&stream)? {
                user_records(env, &record, &mut found);
            }
            Ok(Raw(js::array(env, found.into_iter())))
        })
    }

    /// Adds a fault, as JSON tells it.
    #[napi]
    pub fn push_fault(&self, env: Env, fault: String) -> napi::Result<()> {
        guard(env.raw(), || {
            self.0.faults().push(fault.parse::<Fault>()?);
            Ok(())
        })
    }

    /// Lets every call take so many milliseconds on its way.
    #[napi]
    pub fn round_trip(&self, env: Env, millis: f64) -> napi::Result<()> {
        guard(env.raw(), || {
            self.0.faults().set_round_trip(milliseconds(millis)?);
            Ok(())
        })
    }

    /// How many calls are still to be struck.
    #[napi(catch_unwind)]
    pub fn waiting_faults(&self) -> f64 {
        self.0.faults().waiting() as f64
    }

    /// Forgets all faults.
    #[napi(catch_unwind)]
    pub fn clear_faults(&self) {
        self.0.faults().clear();
    }

    /// Milliseconds since the Unix epoch, by its clock.
    #[napi(catch_unwind)]
    pub fn clock_now(&self) -> f64 {
        self.0.clock().wall().as_millis() as f64
    }

    /// Whether its clock stands.
    #[napi(catch_unwind)]
    pub fn clock_is_frozen(&self) -> bool {
        self.0.clock().is_frozen()
    }

    /// Stops its clock.
    #[napi(catch_unwind)]
    pub fn freeze_clock(&self) {
        self.0.clock().freeze();
    }

    /// Moves its clock on by so many milliseconds.
    #[napi]
    pub fn advance_clock(&self, env: Env, millis: f64) -> napi::Result<()> {
        guard(env.raw(), || {
            self.0.clock().advance(milliseconds(millis)?);
            Ok(())
        })
    }

    /// Lets its clock go on.
    #[napi(catch_unwind)]
    pub fn resume_clock(&self) {
        self.0.clock().resume();
    }

    /// What a stream or one of its shards has seen, as an object of numbers by CloudWatch's names.
    #[napi]
    pub fn metrics(&self, env: Env, stream: String, shard: Option<u32>) -> napi::Result<Raw> {
        let env = env.raw();
        guard(env, || {
            let object = js::object(env);
            for (name, value) in self.0.metrics(&stream)?.values_of(shard)? {
                js::set_key(
                    env,
                    object,
                    js::string(env, name),
                    js::number(env, value as f64),
                );
            }
            Ok(Raw(object))
        })
    }

    /// All metrics as Prometheus reads them.
    #[napi(catch_unwind)]
    pub fn metrics_text(&self) -> String {
        let mut text = Prometheus::new("kinetik_");
        self.0.export(&mut text);
        text.finish()
    }

    /// Forgets all streams.
    #[napi]
    pub fn reset(&self, env: Env) -> napi::Result<()> {
        guard(env.raw(), || {
            self.0.reset();
            Ok(())
        })
    }
}

fn milliseconds(millis: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(millis / 1_000.0)
        .map_err(|_| Error::invalid("ms", "expected a number of milliseconds, 0 or more"))
}

fn user_records(env: napi_env, record: &Record, found: &mut Vec<napi_value>) {
    match deaggregate(&record.data, Mode::Strict) {
        Ok(Deaggregated::Aggregated(records)) => found.extend(records.iter().map(|user| {
            let key = String::from_utf8_lossy(user.key());
            let sub = Some(user.sub_sequence_number());
            user_record(env, record, &key, user.data(), sub)
        })),
        // What is no sound aggregate is shown as it is.
        Ok(Deaggregated::Raw(_)) | Err(_) => {
            let (key, data) = (&record.partition_key, &record.data);
            found.push(user_record(env, record, key, data, None));
        }
    }
}

fn user_record(
    env: napi_env,
    record: &Record,
    key: &str,
    data: &[u8],
    sub_sequence_number: Option<u64>,
) -> napi_value {
    let object = js::object(env);
    js::set(env, object, c"key", js::string(env, key));
    js::set(env, object, c"data", js::buffer(env, data));
    let shard = js::string(env, &record.shard_id.to_string());
    js::set(env, object, c"shardId", shard);
    let sequence = js::string(env, &record.sequence_number.to_string());
    js::set(env, object, c"sequenceNumber", sequence);
    if let Some(sub) = sub_sequence_number {
        js::set(
            env,
            object,
            c"subSequenceNumber",
            js::number(env, sub as f64),
        );
    }
    let arrived_at = js::date(env, record.arrived_at.as_millis() as f64);
    js::set(env, object, c"arrivedAt", arrived_at);
    object
}
