//! A service under test, whatever the way to it.

use std::sync::Arc;
use std::time::Duration;

use kinetik::api::{
    Answer, Call, CreateStreamInput, Form, GetRecordsInput, GetRecordsOutput,
    GetShardIteratorInput, Interruption, ListShardsInput, PutRecordInput, PutRecordOutput, Refusal,
    Request, Shard, SubscribeToShardEvent, SubscribeToShardInput, Subscription,
};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Timestamp};
use kinetik::transport::{Connect, Endpoint, Environment, Fault, Transport, Wire};
use kinetik_server::{Server, ServerConfig};

/// What a behaviour wants of its service; everything else is as AWS has it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    /// With the service's quotas.
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

/// How a behaviour reaches its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The engine is called as a library.
    InProcess,
    /// Through the HTTP client and the server, in JSON 1.1.
    Json,
    /// Through the HTTP client and the server, in AWS CBOR 1.1.
    Cbor,
}

/// What most behaviours want: no quotas, and no delays.
pub(crate) const PLAIN: Setup = Setup {
    quotas: false,
    state_delay: Duration::ZERO,
    shard_limit: None,
};

/// With the quotas of AWS.
pub(crate) const QUOTAS: Setup = Setup {
    quotas: true,
    ..PLAIN
};

/// Streams stay five seconds in a state that passes.
pub(crate) const SLOW: Setup = Setup {
    state_delay: Duration::from_secs(5),
    ..PLAIN
};

impl Service<'_> {
    /// Runs a behaviour against a fresh engine.
    pub(crate) fn run(way: Way, setup: Setup, behaviour: fn(&Service<'_>)) {
        let engine = engine(setup);
        let clock = engine.clock();
        let show =
            |call: &dyn Fn(Call) -> Result<Answer, Refusal>| behaviour(&Service { call, clock });
        match way {
            Way::InProcess => show(&|call| engine.call(&call)),
            Way::Json => over_http(&engine, Form::Json, show),
            Way::Cbor => over_http(&engine, Form::Cbor, show),
        }
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

    /// Subscribes to a shard.
    pub(crate) fn subscribe(&self, input: SubscribeToShardInput) -> Feed {
        Feed(self.ok(input))
    }

    /// Subscribes where that must be refused with this exception and this text.
    #[track_caller]
    pub(crate) fn refused_subscription(
        &self,
        input: SubscribeToShardInput,
        code: &str,
        text: &str,
    ) {
        let refusal = self.subscription_refusal(input);
        assert_eq!(
            (refusal.code(), refusal.message().unwrap_or_default()),
            (code, text)
        );
    }

    /// Subscribes where that must be refused.
    #[track_caller]
    pub(crate) fn subscription_refusal(&self, input: SubscribeToShardInput) -> Refusal {
        self.refusal(input)
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

/// A subscription, read with patience enough for a busy machine.
pub(crate) struct Feed(Subscription);

impl Feed {
    /// The next event.
    #[track_caller]
    pub(crate) fn event(&mut self) -> SubscribeToShardEvent {
        match self.next() {
            Some(Ok(event)) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    /// The exception that ends it; a sign of life may have been on its way before.
    #[track_caller]
    pub(crate) fn interruption(&mut self) -> Refusal {
        loop {
            match self.next() {
                Some(Ok(event)) if event.records.is_empty() => {}
                Some(Err(Interruption::Refused(refusal))) => return refusal,
                other => panic!("no exception: {other:?}"),
            }
        }
    }

    /// Its normal end.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        let next = self.next();
        assert!(next.is_none(), "no end: {next:?}");
    }

    /// That nothing has come.
    #[track_caller]
    pub(crate) fn nothing(&mut self) {
        let runtime = Runtime::shared().expect("a runtime");
        let clock = Clock::default();
        let soon = clock.now() + Duration::from_millis(20);
        let next = runtime.block_on(async { clock.before(soon, self.0.next()).await });
        assert!(next.is_none(), "{next:?}");
    }

    fn next(&mut self) -> Option<Result<SubscribeToShardEvent, Interruption>> {
        let runtime = Runtime::shared().expect("a runtime");
        let clock = Clock::default();
        let late = clock.now() + Duration::from_secs(60);
        let next = runtime.block_on(async { clock.before(late, self.0.next()).await });
        next.expect("something within a minute")
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

/// Shows a behaviour through the HTTP client and a server.
fn over_http(
    engine: &Engine,
    form: Form,
    show: impl FnOnce(&dyn Fn(Call) -> Result<Answer, Refusal>),
) {
    let server = server(engine);
    let http = client(&server, form);
    show(&|call| ask(&*http, call));
}

fn client(server: &Server, form: Form) -> Arc<dyn Transport> {
    let options = Connect {
        environment: Environment::fixed([("AWS_REGION", "us-east-1")]),
        wire: match form {
            Form::Json => Wire::Json,
            Form::Cbor => Wire::Cbor,
        },
        ..Connect::default()
    };
    Endpoint::from(server).connect(&options).expect("a way")
}

fn ask(http: &dyn Transport, call: Call) -> Result<Answer, Refusal> {
    let operation = call.operation();
    let runtime = Runtime::shared().expect("a runtime");
    let deadline = Clock::default().now() + Duration::from_secs(60);
    let answer = runtime.block_on(http.call(call, deadline));
    answer.map_err(|fault| match fault {
        // The id is the way's, not the behaviour's.
        Fault::Refused(refusal) => Refusal::new(refusal.code(), refusal.message().map(Into::into))
            .with_status(refusal.status()),
        lost => panic!("{}", lost.into_error(operation)),
    })
}

/// A server in front of an engine, on a port of its own.
pub(crate) fn server(engine: &Engine) -> Server {
    let config = ServerConfig {
        engine: engine.clone(),
        ..ServerConfig::default()
    };
    Server::start(config).expect("a server")
}

/// An engine as a behaviour wants it.
pub(crate) fn engine(setup: Setup) -> Engine {
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
