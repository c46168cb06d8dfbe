//! A service under test, whatever the way to it.

use std::time::Duration;

use kinetik::api::{
    Answer, Call, CreateStreamInput, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput,
    ListShardsInput, PutRecordInput, PutRecordOutput, Refusal, Request, Shard,
};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Timestamp};
use kinetik::transport::{Connect, Endpoint, Environment, Fault};
use kinetik_server::{Server, ServerConfig};

/// What a behaviour wants of its service; everything else is as AWS has it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    /// With the shards' quotas.
    pub(crate) quotas: bool,
    /// How long a stream stays CREATING, UPDATING and DELETING.
    pub(crate) state_delay: Duration,
    /// Open shards of the account, if not 20,000.
    pub(crate) shard_limit: Option<usize>,
}

/// A way to call a service whose clock stands still until it is moved.
pub(crate) struct Service<'a> {
    call: &'a dyn Fn(Call) -> Result<Answer, Refusal>,
    clock: &'a Clock,
}

/// When the clock of a service under test begins: in the middle of a second.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_500);

impl Service<'_> {
    /// Runs a behaviour against a fresh engine, in process.
    pub(crate) fn in_process(setup: Setup, behaviour: fn(&Service<'_>)) {
        let engine = engine(setup);
        let service = Service {
            call: &|call| engine.call(&call),
            clock: engine.clock(),
        };
        behaviour(&service);
    }

    /// Runs a behaviour against a fresh engine behind a server, through the HTTP client.
    pub(crate) fn over_http(setup: Setup, behaviour: fn(&Service<'_>)) {
        let engine = engine(setup);
        let config = ServerConfig {
            engine: engine.clone(),
            ..ServerConfig::default()
        };
        let server = Server::start(config).expect("a server");
        let options = Connect {
            environment: Environment::fixed([("AWS_REGION", "us-east-1")]),
            ..Connect::default()
        };
        let http = Endpoint::from(&server).connect(&options).expect("a way");
        let runtime = Runtime::shared().expect("a runtime");
        let call = |call: Call| {
            let operation = call.operation();
            let deadline = options.clock.now() + Duration::from_secs(60);
            runtime
                .block_on(http.call(call, deadline))
                .map_err(|fault| match fault {
                    // The id is the way's, not the behaviour's.
                    Fault::Refused(refusal) => {
                        Refusal::new(refusal.code(), refusal.message().map(Into::into))
                            .with_status(refusal.status())
                    }
                    lost => panic!("{}", lost.into_error(operation)),
                })
        };
        let service = Service {
            call: &call,
            clock: engine.clock(),
        };
        behaviour(&service);
    }

    /// Asks, and gives the output or the exception.
    pub(crate) fn ask<R: Request>(&self, request: R) -> Result<R::Output, Refusal> {
        let answer = (self.call)(request.into())?;
        Ok(R::output(answer).expect("an answer of the operation that was asked"))
    }

    /// Asks what must succeed.
    pub(crate) fn ok<R: Request>(&self, request: R) -> R::Output {
        self.ask(request)
            .unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// Asks what must be refused with this exception and this text.
    #[track_caller]
    pub(crate) fn refused<R: Request>(&self, request: R, code: &str, text: &str) {
        let refusal = self.refusal(request);
        assert_eq!(
            (refusal.code(), refusal.message().unwrap_or_default()),
            (code, text)
        );
    }

    /// Asks what must be refused.
    #[track_caller]
    pub(crate) fn refusal<R: Request>(&self, request: R) -> Refusal {
        match self.ask(request) {
            Ok(_) => panic!("{:?} was not refused", R::OPERATION),
            Err(refusal) => refusal,
        }
    }

    /// Moves the service's clock on.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The service's clock.
    pub(crate) fn clock(&self) -> &Clock {
        self.clock
    }

    pub(crate) fn create(&self, stream: &str, shards: i32) {
        self.ok(CreateStreamInput {
            stream_name: Some(stream.into()),
            shard_count: Some(shards),
            ..Default::default()
        });
    }

    pub(crate) fn put(&self, stream: &str, key: &str, data: &str) -> PutRecordOutput {
        self.ok(put(stream, key, data))
    }

    pub(crate) fn iterator(&self, stream: &str, shard: &str, kind: &str) -> String {
        let output = self.ok(iterator(stream, shard, kind));
        output.shard_iterator.expect("an iterator").to_string()
    }

    pub(crate) fn get(&self, iterator: &str) -> GetRecordsOutput {
        self.ok(GetRecordsInput {
            shard_iterator: Some(iterator.into()),
            ..Default::default()
        })
    }

    /// Payloads of everything behind an iterator position that one read gives.
    pub(crate) fn payloads(&self, iterator: &str) -> Vec<String> {
        let output = self.get(iterator);
        let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
        output
            .records
            .iter()
            .map(|record| text(&record.data))
            .collect()
    }

    pub(crate) fn shards(&self, stream: &str) -> Vec<Shard> {
        let input = ListShardsInput {
            stream_name: Some(stream.into()),
            ..Default::default()
        };
        self.ok(input).shards.unwrap_or_default()
    }
}

/// The id of a shard as the service writes it.
pub(crate) fn shard(number: u32) -> String {
    format!("shardId-{number:012}")
}

pub(crate) fn put(stream: &str, key: &str, data: &str) -> PutRecordInput {
    PutRecordInput {
        stream_name: Some(stream.into()),
        partition_key: Some(key.into()),
        data: Some(data.to_owned().into()),
        ..Default::default()
    }
}

pub(crate) fn iterator(stream: &str, shard: &str, kind: &str) -> GetShardIteratorInput {
    GetShardIteratorInput {
        stream_name: Some(stream.into()),
        shard_id: Some(shard.into()),
        shard_iterator_type: Some(kind.into()),
        ..Default::default()
    }
}

fn engine(setup: Setup) -> Engine {
    let defaults = EngineConfig::default();
    Engine::new(EngineConfig {
        clock: Clock::manual(START),
        rng: Rng::seeded(1),
        quotas: setup.quotas,
        state_delay: setup.state_delay,
        shard_limit: setup.shard_limit.unwrap_or(defaults.shard_limit),
        memory: 256 << 20,
        ..defaults
    })
}
