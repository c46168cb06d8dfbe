//! The way to a server: how many connections it takes, what a wrong clock or a silent server does to it, and what opening
//! finds out.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use kinetik::api::ListStreamsInput;
use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::{Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig, Fault};
use kinetik::producer::{Aggregate, Producer, ProducerConfig};
use kinetik::retry::Policy;
use kinetik::runtime::Runtime;
use kinetik::time::Clock;
use kinetik::transport::{Connect, Credentials, Endpoint};
use kinetik::{ErrorKind, Retry};
use kinetik_server::{Key, Server, ServerConfig, Tls};

/// A server over TLS that knows one key, behind a counter of connections.
struct Guarded {
    server: Server,
    /// Its certificate as a file.
    roots: PathBuf,
    /// Where the counter listens.
    endpoint: String,
    connections: Arc<AtomicUsize>,
}

impl Guarded {
    fn start(name: &str) -> Self {
        let engine = Engine::new(EngineConfig {
            quotas: false,
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 2).unwrap();
        let tls = Tls::generated(&[]).unwrap();
        let file = format!("kinetik-way-{name}-{}.pem", std::process::id());
        let roots = std::env::temp_dir().join(file);
        std::fs::write(&roots, tls.certificate()).unwrap();
        let server = Server::start(ServerConfig {
            engine,
            keys: vec![Key::new("AKID", "secret")],
            tls: Some(tls),
            ..ServerConfig::default()
        })
        .unwrap();
        let port = server
            .endpoint()
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = count_connections(port, Arc::clone(&connections));
        Self {
            server,
            roots,
            endpoint: format!("https://127.0.0.1:{counter}"),
            connections,
        }
    }

    fn connect(&self) -> Connect {
        Connect {
            region: Some("us-east-1".into()),
            credentials: Some(Credentials::new("AKID", "secret", None)),
            ca_bundle: Some(self.roots.clone()),
            ..Connect::default()
        }
    }

    fn client(&self, clock: &Clock, max_attempts: u32) -> Client {
        let connect = Connect {
            clock: clock.clone(),
            ..self.connect()
        };
        let config = ClientConfig {
            clock: clock.clone(),
            retry: Policy {
                max_attempts,
                ..Policy::default()
            },
            ..ClientConfig::default()
        };
        Client::connect(&Endpoint::from(&self.endpoint), &connect, config).unwrap()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.roots);
    }
}

/// Passes connections on to a port of this machine, and counts them.
fn count_connections(to: u16, connections: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pipe = |mut from: TcpStream, mut to: TcpStream| {
        let pipe = move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        };
        thread::Builder::new().spawn(pipe).unwrap();
    };
    let listen = move || {
        for client in listener.incoming().map_while(Result::ok) {
            connections.fetch_add(1, Ordering::Relaxed);
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                return;
            };
            pipe(client.try_clone().unwrap(), server.try_clone().unwrap());
            pipe(server, client);
        }
    };
    thread::Builder::new().spawn(listen).unwrap();
    port
}

#[test]
fn producers_readers_and_clients_of_one_process_share_one_http2_connection() {
    let guarded = Guarded::start("share");
    let endpoint = || Endpoint::from(&guarded.endpoint);
    let work = async {
        let config = ProducerConfig::new(Aggregate::Yes).endpoint(endpoint());
        let producer = Producer::open("orders", config.connect(guarded.connect())).await?;
        let second = ProducerConfig::new(Aggregate::No).endpoint(endpoint());
        let second = Producer::open("orders", second.connect(guarded.connect())).await?;
        for n in 0..20 {
            producer.put(&format!("key-{n}"), b"aggregated".as_slice())?;
            second.put(&format!("key-{n}"), b"alone".as_slice())?;
        }
        producer.flush(None).await?;
        second.flush(None).await?;
        let client = guarded.client(&Clock::default(), 1);
        join_all((0..10).map(|_| client.list_streams(ListStreamsInput::default()))).await;
        let config = ReaderConfig::new(Start::TrimHorizon)
            .until(Until::Now)
            .endpoint(endpoint());
        let mut reader = Reader::open("orders", config.connect(guarded.connect())).await?;
        let mut records = 0;
        while let Some(batch) = reader.next_batch().await? {
            records += batch.len();
        }
        producer.close(None).await?;
        second.close(None).await?;
        Ok::<_, kinetik::Error>(records)
    };
    let records = Runtime::shared().unwrap().block_on(work).unwrap();
    assert_eq!(records, 40);
    assert_eq!(guarded.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn ledger_68_of_many_calls_with_a_wrong_clock_each_succeeds_on_its_second_attempt() {
    const HOUR: i64 = 3_600_000_000_000;
    let guarded = Guarded::start("skew");
    for skew in [-HOUR, HOUR] {
        let clock = Clock::system();
        clock.set_skew(skew);
        let client = guarded.client(&clock, 2);
        let calls = (0..64).map(|_| client.list_streams(ListStreamsInput::default()));
        let answers = Runtime::shared().unwrap().block_on(join_all(calls));
        for answer in answers {
            assert_eq!(answer.unwrap().stream_names, ["orders"]);
        }
        // From then on the time is known.
        let client = guarded.client(&clock, 1);
        let error = Runtime::shared()
            .unwrap()
            .block_on(client.list_streams(ListStreamsInput::default()));
        assert_eq!(
            error.unwrap_err().kind(),
            ErrorKind::Unauthenticated,
            "another way learns anew"
        );
    }
}

#[test]
fn a_signature_that_is_wrong_for_another_reason_is_not_tried_again() {
    let guarded = Guarded::start("wrong");
    let connect = Connect {
        credentials: Some(Credentials::new("AKID", "another", None)),
        ..guarded.connect()
    };
    let endpoint = Endpoint::from(&guarded.endpoint);
    let client = Client::connect(&endpoint, &connect, ClientConfig::default()).unwrap();
    let call = client.list_streams(ListStreamsInput::default());
    let error = Runtime::shared().unwrap().block_on(call).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unauthenticated, Retry::Never)
    );
    assert_eq!(error.attempt_count(), 1);
    assert!(!format!("{error:?}").contains("another"));
}

#[test]
fn a_server_that_never_shakes_hands_is_given_up_after_the_connect_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let guarded = Guarded::start("silent");
    let connect = Connect {
        connect_timeout: Duration::from_millis(50),
        ..guarded.connect()
    };
    let endpoint = format!("https://{}", silent.local_addr().unwrap());
    let config = ClientConfig {
        retry: Policy::once(),
        ..ClientConfig::default()
    };
    let client = Client::connect(&Endpoint::from(&endpoint), &connect, config).unwrap();
    let call = client.list_streams(ListStreamsInput::default());
    let error = Runtime::shared().unwrap().block_on(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains("connect_timeout"), "{error}");
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused_for_good() {
    let guarded = Guarded::start("untrusted");
    let other = Guarded::start("other");
    let connect = Connect {
        ca_bundle: Some(other.roots.clone()),
        ..guarded.connect()
    };
    let endpoint = Endpoint::from(&guarded.endpoint);
    let client = Client::connect(&endpoint, &connect, ClientConfig::default()).unwrap();
    let call = client.list_streams(ListStreamsInput::default());
    let error = Runtime::shared().unwrap().block_on(call).unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Connection, Retry::Never)
    );
    assert_eq!(guarded.connections.load(Ordering::Relaxed), 1);
    assert_eq!(guarded.server.engine().records("orders").unwrap().len(), 0);
}

/// interfaces.md: a role without ListShards works unaggregated, and is refused with the missing action named otherwise.
#[test]
fn opening_fails_where_stream_credentials_or_permissions_are_missing_and_says_which() {
    let engine = Engine::new(EngineConfig::default());
    engine.create_stream("orders", 1).unwrap();
    let open = |stream: &str, aggregate| {
        let config = ProducerConfig::new(aggregate).endpoint(&engine);
        Producer::open_blocking(stream, config)
    };
    let error = open("nowhere", Aggregate::No).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for (exception, kind, word) in [
        (
            "UnrecognizedClientException",
            ErrorKind::Unauthenticated,
            "ListShards",
        ),
        (
            "AccessDeniedException",
            ErrorKind::AccessDenied,
            "kinesis:ListShards",
        ),
    ] {
        let fault = Fault::fail("ListShards", exception).unwrap();
        engine.faults().push(fault.times(1));
        let error = open("orders", Aggregate::Yes).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(word), "{error}");
    }
    let denied = Fault::fail("ListShards", "AccessDeniedException").unwrap();
    engine.faults().push(denied.times(100));
    let producer = open("orders", Aggregate::No).unwrap();
    producer.put("key", "data").unwrap();
    producer.close_blocking(Duration::from_secs(30)).unwrap();
    assert_eq!(engine.records("orders").unwrap().len(), 1);
}
