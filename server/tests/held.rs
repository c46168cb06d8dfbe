//! Answers that nobody reads, and requests that nobody waits for: what is held for them is bounded in bytes and time.
//! Rows "Memory exhaustion" and "Slow-loris" of reference/reliability.md 3b.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use kinetik::api::{
    Answer, Call, GetShardIteratorInput, PutRecordsInput, PutRecordsRequestEntry,
    RegisterStreamConsumerInput,
};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::runtime::Runtime;
use kinetik::time::Clock;
use kinetik_server::{Limits, Server, ServerConfig};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0";
const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";

/// A server with ten records of 1 MiB: more than the sockets of both sides take.
struct Full {
    server: Server,
    /// Reads all of them.
    get_records: String,
}

impl Full {
    fn start(limits: Limits) -> Self {
        let engine = Engine::new(EngineConfig {
            quotas: false,
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 1).unwrap();
        let record = PutRecordsRequestEntry {
            data: Some(Bytes::from(vec![b'x'; (1 << 20) - 8])),
            partition_key: Some("key".into()),
            ..Default::default()
        };
        let put = PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some(vec![record; 10]),
            ..Default::default()
        };
        engine.call(&Call::from(put)).unwrap();
        let from = GetShardIteratorInput {
            stream_name: Some("orders".into()),
            shard_id: Some("shardId-000000000000".into()),
            shard_iterator_type: Some("TRIM_HORIZON".into()),
            ..Default::default()
        };
        let Ok(Answer::GetShardIterator(from)) = engine.call(&Call::from(from)) else {
            panic!("no iterator");
        };
        let server = Server::start(ServerConfig {
            engine,
            limits,
            ..ServerConfig::default()
        });
        let iterator = from.shard_iterator.unwrap();
        Self {
            server: server.unwrap(),
            get_records: format!(r#"{{"ShardIterator":"{iterator}"}}"#),
        }
    }

    /// A connection that asks for all of the records and reads as much as shows that the answer began.
    fn ask_for_all(&self) -> (TcpStream, String) {
        let asked = request("GetRecords", JSON, self.get_records.as_bytes());
        let mut socket = connect(&self.server);
        socket.write_all(&asked).unwrap();
        let mut status = [0; 12];
        socket.read_exact(&mut status).unwrap();
        (socket, String::from_utf8(status.to_vec()).unwrap())
    }
}

fn request(operation: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\nContent-Type: \
         {content_type}\r\nAuthorization: {AUTHORIZATION}\r\nX-Amz-Date: 20261122T000000Z\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.address()).unwrap();
    let patience = Some(Duration::from_secs(20));
    socket.set_read_timeout(patience).unwrap();
    socket.set_write_timeout(patience).unwrap();
    socket
}

/// What comes until the connection ends.
fn read_all(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// What comes until it ends in so many bytes, or the connection does.
fn read_until(socket: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while !bytes.ends_with(end) {
        match socket.read(&mut buffer).unwrap() {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    bytes
}

#[test]
fn an_answer_that_is_not_read_keeps_its_share_of_the_room_until_its_connection_ends() {
    let full = Full::start(Limits {
        all_bodies_bytes: 20 << 20,
        stall_time: Duration::from_secs(60),
        ..Limits::default()
    });
    let (first, status) = full.ask_for_all();
    assert_eq!(status, "HTTP/1.1 200");
    assert_eq!(full.ask_for_all().1, "HTTP/1.1 503");
    drop(first);
    let has_room = (0..1_000).any(|_| full.ask_for_all().1 == "HTTP/1.1 200");
    assert!(has_room, "it was given back");
}

#[test]
fn a_connection_whose_answer_is_on_its_way_makes_no_room() {
    let full = Full::start(Limits {
        connections: 2,
        stall_time: Duration::from_secs(60),
        ..Limits::default()
    });
    let (mut reading, status) = full.ask_for_all();
    assert_eq!(status, "HTTP/1.1 200");
    let others: Vec<_> = (0..20).map(|_| connect(&full.server)).collect();
    let mut asked = connect(&full.server);
    asked
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    assert!(read_all(&mut asked).starts_with("HTTP/1.1 403"));
    let whole = read_until(&mut reading, b"}").len();
    assert!(whole > 10 << 20, "{whole}");
    drop(others);
}

#[test]
fn a_subscription_whose_next_event_has_no_room_ends() {
    let full = Full::start(Limits {
        all_bodies_bytes: 1 << 20,
        ..Limits::default()
    });
    let register = RegisterStreamConsumerInput {
        stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
        consumer_name: Some("app".into()),
        ..Default::default()
    };
    let registered = full.server.engine().call(&Call::from(register)).unwrap();
    let Answer::RegisterStreamConsumer(registered) = registered else {
        panic!("no consumer");
    };
    let body = format!(
        r#"{{"ConsumerARN":"{}","ShardId":"shardId-000000000000","StartingPosition":{{"Type":"TRIM_HORIZON"}}}}"#,
        registered.consumer.consumer_arn
    );
    let mut socket = connect(&full.server);
    socket
        .write_all(&request("SubscribeToShard", JSON, body.as_bytes()))
        .unwrap();
    // It ends by the last of its chunks.
    let told = read_until(&mut socket, b"\r\n0\r\n\r\n");
    assert!(told.starts_with(b"HTTP/1.1 200"));
    assert!(told.len() < 10_000, "only that it began: {}", told.len());
}

#[test]
fn the_answer_to_a_body_that_is_too_large_reaches_a_client_that_writes_all_of_it_first() {
    let full = Full::start(Limits::default());
    let mut socket = connect(&full.server);
    let body = vec![b' '; 20 << 20];
    socket
        .write_all(&request("PutRecords", JSON, &body))
        .unwrap();
    let answer = read_all(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn a_refusal_for_want_of_room_speaks_the_form_of_its_caller() {
    let full = Full::start(Limits {
        all_bodies_bytes: 1_000,
        ..Limits::default()
    });
    for form in [JSON, CBOR] {
        let mut socket = connect(&full.server);
        socket
            .write_all(&request("PutRecords", form, &[b' '; 2_000]))
            .unwrap();
        let answer = read_all(&mut socket);
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains(&format!("content-type: {form}")),
            "{answer}"
        );
        assert!(answer.contains("ServiceUnavailable"), "{answer}");
    }
}

/// Asks for `body` over HTTP/2 in streams that take so many bytes, and reads nothing further; whether the server ended
/// the connection within 20 seconds.
fn is_ended(server: &Server, operation: &str, body: &str, window: u32) -> bool {
    let runtime = Runtime::shared().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(server.address()).await;
        let mut client = h2::client::Builder::new();
        client.initial_window_size(window);
        let handshake = client.handshake::<_, Bytes>(socket.unwrap());
        let (mut calls, connection) = handshake.await.unwrap();
        let request = Request::post("http://localhost/")
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("content-type", JSON)
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20261122T000000Z")
            .body(())
            .unwrap();
        let (_answer, mut sent) = calls.send_request(request, false).unwrap();
        sent.send_data(Bytes::from(body.to_owned()), true).unwrap();
        let clock = Clock::default();
        let patience = clock.now() + Duration::from_secs(20);
        clock.before(patience, connection).await.is_some()
    })
}

#[test]
fn an_http2_client_that_opens_no_window_is_left_and_the_others_get_their_answers() {
    let full = Full::start(Limits {
        all_bodies_bytes: 20 << 20,
        stall_time: Duration::from_millis(100),
        ..Limits::default()
    });
    for window in [0, 1, 1_000] {
        assert!(is_ended(
            &full.server,
            "GetRecords",
            &full.get_records,
            window
        ));
        let has_room = (0..1_000).any(|_| full.ask_for_all().1 == "HTTP/1.1 200");
        assert!(has_room, "what it did not read was given back");
    }
}
