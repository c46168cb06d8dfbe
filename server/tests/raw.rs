//! Requests as raw bytes, good and hostile: each is answered clearly, and the server lives.
//! Rows of reference/kinesis-api.md 3.2 to 3.5 and of reference/reliability.md 3b, the threats to a local server:
//!
//! | threat | shown by |
//! |---|---|
//! | web pages, DNS rebinding | `pages_from_elsewhere_…`, `hosts_that_are_no_name_…`, `control_and_metrics_are_behind_…` |
//! | control from other machines | `server/tests/guarded.rs` |
//! | sizes | `a_body_above_the_bound_…`, `heads_above_the_bounds_…`, `lengths_that_are_only_promised_…`, `bodies_beyond_…` |
//! | slowness, half-open connections | `slow_heads_and_slow_bodies_…`, `half_open_connections_…`, `a_connection_with_a_request_…` |
//! | smuggled requests, injected headers | `chunked_bodies_…`, `a_length_that_…`, `malformed_heads_…`, `what_a_client_sends_…` |
//! | hostile bodies | `deep_and_wide_json_…`, `deep_cbor_and_lengths_…`, `wrong_types_and_bad_base64_…`, `cut_bodies_…` |
//! | used-up memory | `cli/tests/memory.rs`, `server/tests/held.rs` |
//! | answers that are not read | `server/tests/held.rs` |
//! | wrong signatures, replay | the tests of `server/src/verify.rs` |
//! | forged iterators and tokens | the tests of `core/src/engine/token.rs`, the fuzz targets `iterator` and `token` |
//! | logs | `nothing_that_a_client_sends_is_logged_…` in `cli/tests/options.rs` |
//! | TLS | `a_client_without_tls_…`, `tests/sdk/tls_smoke.py` |

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use kinetik::engine::{Engine, EngineConfig};
use kinetik_server::{Cors, Limits, Server, ServerConfig};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0";

fn server() -> Server {
    server_with(Limits::default())
}

fn server_with(limits: Limits) -> Server {
    let server = Server::start(ServerConfig {
        limits,
        ..ServerConfig::default()
    })
    .unwrap();
    server.engine().create_stream("orders", 1).unwrap();
    server
}

/// A request with the headers that an SDK sends, some of them replaced, added or (with an empty value) left out.
fn request(operation: &str, body: &str, changes: &[(&str, &str)]) -> Vec<u8> {
    let target = format!("Kinesis_20131202.{operation}");
    let length = body.len().to_string();
    let mut headers = vec![
        ("Host", "localhost:4567"),
        ("X-Amz-Target", &*target),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Authorization", AUTHORIZATION),
        ("X-Amz-Date", "20261122T000000Z"),
        ("Content-Length", &*length),
    ];
    for (name, value) in changes {
        headers.retain(|(known, _)| known != name);
        headers.push((name, value));
    }
    headers.retain(|(_, value)| !value.is_empty());
    let mut text = String::from("POST / HTTP/1.1\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n" + body).into_bytes()
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.address()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
}

/// A whole answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn error_type(&self) -> &str {
        let (_, rest) = self
            .body
            .split_once(r#""__type":""#)
            .unwrap_or_else(|| panic!("{}", self.body));
        rest.split('"').next().unwrap()
    }
}

/// Reads one answer by its Content-Length; `None` if the connection ended first.
fn read(socket: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut answer = Answer {
                status: head[9..12].parse().unwrap(),
                head,
                body: String::new(),
            };
            let length: usize = answer
                .header("content-length")
                .map_or(0, |text| text.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                answer.body = String::from_utf8(bytes[end + 4..end + 4 + length].to_vec()).unwrap();
                return Some(answer);
            }
        }
        match socket.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

fn ask(server: &Server, request: &[u8]) -> Answer {
    let mut socket = connect(server);
    socket.write_all(request).unwrap();
    read(&mut socket).expect("an answer")
}

fn is_alive(server: &Server) {
    assert_eq!(ask(server, &request("ListStreams", "{}", &[])).status, 200);
}

#[test]
fn a_put_is_answered_with_the_headers_that_sdks_read() {
    let server = server();
    let body = r#"{"StreamName":"orders","PartitionKey":"k","Data":"SGVsbG8="}"#;
    let answer = ask(&server, &request("PutRecord", body, &[]));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.body.contains(r#""ShardId":"shardId-000000000000""#),
        "{}",
        answer.body
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
    assert_eq!(answer.header("x-amz-id-2").unwrap().len(), 96);
    assert!(answer.header("date").is_some());
    assert_eq!(server.engine().records("orders").unwrap()[0].data, "Hello");
}

#[test]
fn an_answer_without_members_has_no_body() {
    let answer = ask(
        &server(),
        &request(
            "CreateStream",
            r#"{"StreamName":"new","ShardCount":1}"#,
            &[],
        ),
    );
    assert_eq!(
        (answer.status, answer.header("content-length")),
        (200, Some("0"))
    );
}

#[test]
fn exceptions_carry_type_text_and_status() {
    let answer = ask(
        &server(),
        &request("DescribeStream", r#"{"StreamName":"none"}"#, &[]),
    );
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.body,
        r#"{"__type":"ResourceNotFoundException","message":"Stream none under account 000000000000 not found."}"#
    );
    assert_eq!(
        answer.header("x-amzn-errortype"),
        Some("ResourceNotFoundException")
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut socket = connect(&server);
    let both = [
        request("ListStreams", "{}", &[]),
        request("Nothing", "{}", &[("Connection", "close")]),
    ];
    socket.write_all(&both.concat()).unwrap();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    let (first, second) = answers.split_once("StreamNames").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert!(second.contains("HTTP/1.1 400 Bad Request"), "{answers}");
    assert!(second.contains("UnknownOperationException"), "{answers}");
}

// The gate, in its order (3.4).

#[test]
fn only_posts_are_for_the_service() {
    let server = server();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = ask(&server, request.as_bytes());
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (403, None),
            "{method}"
        );
        assert_eq!(
            answer.body,
            "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n\
             </AccessDeniedException>\n"
        );
    }
}

#[test]
fn an_empty_body_is_judged_by_its_target() {
    let server = server();
    let answer = ask(&server, &request("ListStreams", "", &[]));
    assert_eq!(
        (answer.status, &*answer.body),
        (400, r#"{"__type":"SerializationException"}"#)
    );
    let answer = ask(&server, &request("Nothing", "", &[]));
    assert_eq!(
        (answer.status, answer.error_type()),
        (400, "UnknownOperationException")
    );
}

#[test]
fn unknown_content_types_are_told_by_their_target() {
    let server = server();
    let answer = ask(
        &server,
        &request("ListStreams", "{}", &[("Content-Type", "text/plain")]),
    );
    assert_eq!(
        (answer.status, &*answer.body),
        (404, "<UnknownOperationException/>\n")
    );
    let answer = ask(
        &server,
        &request(
            "ListStreams",
            "{}",
            &[("Content-Type", "text/plain"), ("X-Amz-Target", "")],
        ),
    );
    assert_eq!(answer.status, 403);
}

#[test]
fn plain_json_is_refused_in_its_wrapper() {
    let server = server();
    let plain = [("Content-Type", "application/json; charset=utf-8")];
    let answer = ask(&server, &request("ListStreams", "{}", &plain));
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.body,
        r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#
    );
    let answer = ask(&server, &request("ListStreams", "hello", &plain));
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("#SerializationException"));
}

#[test]
fn an_unreadable_body_comes_before_operation_and_signature() {
    let server = server();
    for (operation, changes) in [
        ("ListStreams", &[][..]),
        ("Nothing", &[][..]),
        ("ListStreams", &[("Authorization", "")][..]),
    ] {
        for body in ["hello", "[]", "\"x\"", "{", "null"] {
            let answer = ask(&server, &request(operation, body, changes));
            assert_eq!(
                (answer.status, &*answer.body),
                (400, r#"{"__type":"SerializationException"}"#),
                "{body}"
            );
        }
    }
}

#[test]
fn a_missing_signature_comes_before_types_and_constraints() {
    let server = server();
    for body in ["{}", r#"{"Limit":true}"#, r#"{"Limit":0}"#] {
        let answer = ask(
            &server,
            &request("ListStreams", body, &[("Authorization", "")]),
        );
        assert_eq!(answer.error_type(), "MissingAuthenticationTokenException");
    }
    let answer = ask(
        &server,
        &request(
            "ListStreams",
            "{}",
            &[("Authorization", "AWS4-HMAC-SHA256 Credential=x")],
        ),
    );
    assert_eq!(answer.error_type(), "IncompleteSignatureException");
}

#[test]
fn wrong_types_and_bad_base64_say_what_is_wrong() {
    let server = server();
    let answer = ask(&server, &request("ListStreams", r#"{"Limit":"many"}"#, &[]));
    assert_eq!(answer.error_type(), "SerializationException");
    assert!(
        answer
            .body
            .contains(r#""Message":"class java.lang.String can not be converted to an Integer""#),
        "{}",
        answer.body
    );
    let bad = r#"{"StreamName":"orders","PartitionKey":"k","Data":"!!!!"}"#;
    let answer = ask(&server, &request("PutRecord", bad, &[]));
    assert_eq!(answer.error_type(), "SerializationException");
    assert!(
        answer.body.contains("Invalid Base64 character"),
        "{}",
        answer.body
    );
    assert!(server.engine().records("orders").unwrap().is_empty());
}

// Who may call (3b: browsers and DNS rebinding).

#[test]
fn hosts_that_are_no_name_of_this_machine_are_refused() {
    let server = server();
    for host in [
        "evil.test",
        "localhost.evil.test:4567",
        "169.254.169.254",
        "localhost:4567, evil.test",
    ] {
        let answer = ask(
            &server,
            &request(
                "CreateStream",
                r#"{"StreamName":"x","ShardCount":1}"#,
                &[("Host", host)],
            ),
        );
        assert_eq!(answer.status, 403, "{host}");
        assert!(!answer.head.contains("evil") && !answer.body.contains("evil"));
    }
    assert_eq!(
        ask(&server, &request("ListStreams", "{}", &[("Host", "")])).status,
        403
    );
    let twice = request("ListStreams", "{}", &[("host", "evil.test")]);
    assert_eq!(ask(&server, &twice).status, 403);
    assert!(server.engine().records("x").is_err(), "nothing was made");
    is_alive(&server);
}

#[tokio::test]
async fn an_answer_to_head_over_http_2_tells_a_length_and_has_no_body() {
    let server = server();
    let socket = tokio::net::TcpStream::connect(server.address());
    let (mut client, connection) = h2::client::handshake(socket.await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    let ask = hyper::Request::head("http://localhost/").body(()).unwrap();
    let (answer, _) = client.send_request(ask, true).unwrap();
    let mut answer = answer.await.unwrap();
    let length = answer.headers()["content-length"].to_str().unwrap();
    assert_ne!(length.parse(), Ok(0));
    let frame = answer.body_mut().data().await;
    assert!(frame.is_none(), "{frame:?}");
}

#[test]
fn pages_from_elsewhere_are_refused_and_get_no_cors_headers() {
    let server = server();
    for changes in [
        [("Origin", "http://evil.test")],
        [("Origin", "null")],
        [("Origin", "http://localhost.evil.test")],
        [("Sec-Fetch-Site", "cross-site")],
    ] {
        let answer = ask(&server, &request("ListStreams", "{}", &changes));
        assert_eq!(answer.status, 403, "{changes:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let preflight = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n\r\n";
    let answer = ask(&server, preflight);
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (403, None)
    );
}

#[test]
fn pages_of_this_machine_may_call() {
    let server = server();
    let answer = ask(
        &server,
        &request("ListStreams", "{}", &[("Origin", "http://localhost:3000")]),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-amzn-RequestId")
    );
    let preflight = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://127.0.0.1:3000\r\n\
        Access-Control-Request-Headers: x-canary\r\n\r\n";
    let answer = ask(&server, preflight);
    assert_eq!(
        (answer.status, answer.header("access-control-max-age")),
        (200, Some("172800"))
    );
    assert!(answer.header("x-amzn-requestid").is_some());
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("x-amz-target")
    );
    assert!(!answer.head.contains("canary"));
    assert_eq!(answer.header("access-control-expose-headers"), None);
}

#[test]
fn where_every_page_may_call_a_preflight_is_granted_what_it_asks_for() {
    let server = Server::start(ServerConfig {
        cors: Cors::Any,
        ..ServerConfig::default()
    })
    .unwrap();
    let preflight = |asked: &str| {
        let text = format!(
            "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://page.test\r\n{asked}\r\n"
        );
        ask(&server, text.as_bytes())
    };
    let headers = "Access-Control-Request-Headers: a, x-amz-target\r\n";
    let answer = preflight(&format!("{headers}Access-Control-Request-Method: PUT\r\n"));
    let allowed = [
        ("access-control-allow-origin", Some("*")),
        ("access-control-allow-headers", Some("a, x-amz-target")),
        ("access-control-allow-methods", Some("PUT")),
        ("access-control-max-age", Some("172800")),
        ("access-control-expose-headers", None),
        ("x-amz-id-2", None),
    ];
    for (name, value) in allowed {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let none = preflight("");
    let odd = preflight("Access-Control-Request-Headers: <canary>; \"x\"\r\n");
    for answer in [none, odd] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-headers"), None);
    }
}

// Sizes, framing, time.

#[test]
fn a_body_above_the_bound_is_refused_before_it_is_read() {
    let server = server();
    let head = request("PutRecords", "", &[("Content-Length", "16777217")]);
    let answer = ask(&server, &head);
    assert_eq!((answer.status, &*answer.body), (413, ""));
    assert_eq!(answer.header("connection"), Some("close"));
    is_alive(&server);
}

#[test]
fn a_length_that_is_no_number_or_said_twice_is_refused() {
    let server = server();
    for changes in [
        &[("Content-Length", "-1")][..],
        &[("Content-Length", "99999999999999999999")],
        &[("Content-Length", "2"), ("content-length", "3")],
        &[("Content-Length", "0x2")],
    ] {
        let answer = ask(&server, &request("ListStreams", "{}", changes));
        assert!(
            [400, 413].contains(&answer.status),
            "{changes:?}: {}",
            answer.status
        );
    }
    is_alive(&server);
}

#[test]
fn chunked_bodies_are_refused_so_that_no_second_request_hides_in_one() {
    let server = server();
    let hidden = request(
        "CreateStream",
        r#"{"StreamName":"smuggled","ShardCount":1}"#,
        &[],
    );
    for changes in [
        &[("Transfer-Encoding", "chunked"), ("Content-Length", "")][..],
        &[("Transfer-Encoding", "chunked")],
        &[
            ("Content-Length", ""),
            ("Transfer-Encoding", "identity, chunked"),
        ],
        &[("Transfer-Encoding", "xchunked")],
    ] {
        let mut attack = request("ListStreams", "", changes);
        attack.extend_from_slice(b"0\r\n\r\n");
        attack.extend_from_slice(&hidden);
        let mut socket = connect(&server);
        socket.write_all(&attack).unwrap();
        let answer = read(&mut socket).unwrap();
        assert!(
            [400, 411].contains(&answer.status),
            "{changes:?}: {}",
            answer.status
        );
        assert!(read(&mut socket).is_none(), "the connection ends");
    }
    assert!(server.engine().records("smuggled").is_err());
    is_alive(&server);
}

#[test]
fn heads_above_the_bounds_are_refused() {
    let server = server();
    let many: Vec<_> = (0..80).map(|index| format!("x-{index}")).collect();
    let many: Vec<_> = many.iter().map(|name| (&**name, "1")).collect();
    assert_eq!(
        ask(&server, &request("ListStreams", "{}", &many)).status,
        431
    );
    let long = "a".repeat(20_000);
    assert_eq!(
        ask(&server, &request("ListStreams", "{}", &[("x-long", &long)])).status,
        431
    );
    is_alive(&server);
}

#[test]
fn malformed_heads_are_refused() {
    let server = server();
    for text in [
        "hello\r\n\r\n",
        "POST / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n folded\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-A\0: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "POST / HTTP/1.1\nHost: localhost\n\n",
        "POST / HTTP/1.1\r\nHost: localhost\nX-Hidden: 1\r\n\r\n",
    ] {
        assert_eq!(ask(&server, text.as_bytes()).status, 400, "{text:?}");
    }
    is_alive(&server);
}

#[test]
fn what_a_client_sends_never_comes_back_in_a_header() {
    let server = server();
    let answer = ask(
        &server,
        &request(
            "Canary",
            r#"{"canary":"canary"}"#,
            &[("X-Amz-Target", "canary"), ("x-amzn-requestid", "canary")],
        ),
    );
    assert!(!answer.head.contains("canary"), "{}", answer.head);
}

#[test]
fn cut_bodies_change_nothing() {
    let server = server();
    let whole = request(
        "CreateStream",
        r#"{"StreamName":"cut","ShardCount":1}"#,
        &[],
    );
    for cut in [1, 20, whole.len() - 30, whole.len() - 1] {
        let mut socket = connect(&server);
        socket.write_all(&whole[..cut]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        if let Some(answer) = read(&mut socket) {
            assert_eq!(answer.status, 400, "cut at {cut}");
        }
    }
    assert!(server.engine().records("cut").is_err());
    is_alive(&server);
}

#[test]
fn deep_cbor_and_lengths_that_nothing_follows_are_refused_in_cbor() {
    let server = server();
    let cbor = [("Content-Type", "application/x-amz-cbor-1.1")];
    let wide: &[&[u8]] = &[
        // A map, a list, a text and bytes of 2^63 - 1 or 2^32 - 1 members.
        b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x61a\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x61a\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x61a\x5a\xff\xff\xff\xff",
        b"\xbf\x61a",
    ];
    let deep = [[0x81; 1_000_000].to_vec(), b"\xbf\x61a".repeat(300_000)];
    for body in wide.iter().copied().chain(deep.iter().map(Vec::as_slice)) {
        let mut asked = request(
            "ListStreams",
            "",
            &[cbor[0], ("Content-Length", &body.len().to_string())],
        );
        asked.extend_from_slice(body);
        let mut socket = connect(&server);
        socket.write_all(&asked).unwrap();
        let answer = read_bytes(&mut socket);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 400"), "{text}");
        assert!(
            text.contains("x-amz-cbor-1.1") && text.contains("SerializationException"),
            "{text}"
        );
    }
    assert!(server.engine().records("orders").unwrap().is_empty());
    is_alive(&server);
}

/// What comes within the first packet or until the end: the whole of a short answer.
fn read_bytes(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let count = socket.read(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn deep_and_wide_json_is_refused() {
    let server = server();
    for body in [
        "[".repeat(1_000_000),
        r#"{"a":"#.repeat(200_000),
        format!("[{}0]", "0,".repeat(4_000_000)),
    ] {
        let answer = ask(&server, &request("ListStreams", &body, &[]));
        assert_eq!(
            (answer.status, answer.error_type()),
            (400, "SerializationException")
        );
    }
    is_alive(&server);
}

#[test]
fn slow_heads_and_slow_bodies_are_given_up() {
    let server = server_with(Limits {
        head_time: Duration::from_millis(200),
        stall_time: Duration::from_millis(200),
        ..Limits::default()
    });
    let mut head = connect(&server);
    head.write_all(b"POST / HTTP/1.1\r\nHost: loc").unwrap();
    let mut body = connect(&server);
    body.write_all(&request("ListStreams", "{", &[("Content-Length", "100")]))
        .unwrap();
    assert_eq!(read(&mut body).unwrap().status, 408);
    assert!(read(&mut body).is_none());
    if let Some(answer) = read(&mut head) {
        assert_eq!(answer.status, 408);
        assert!(read(&mut head).is_none());
    }
    is_alive(&server);
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn lengths_that_are_only_promised_take_no_memory_and_half_open_connections_starve_nobody() {
    let server = server();
    let before = resident();
    let promise = request("PutRecords", "{", &[("Content-Length", "16000000")]);
    let open: Vec<_> = (0..300)
        .map(|index| {
            let mut socket = connect(&server);
            socket
                .write_all(if index % 2 == 0 {
                    &promise
                } else {
                    &promise[..30]
                })
                .unwrap();
            socket
        })
        .collect();
    is_alive(&server);
    let grown = resident().saturating_sub(before);
    // 300 promises of 16 MB are 4.8 GB; other tests of this process run meanwhile.
    assert!(grown < 400 << 20, "{grown}");
    drop(open);
}

#[test]
fn half_open_connections_beyond_the_places_make_room_for_who_has_a_request() {
    let server = server_with(Limits {
        connections: 50,
        ..Limits::default()
    });
    let half_open = |text: &[u8]| {
        let mut socket = connect(&server);
        socket.write_all(text).unwrap();
        socket
    };
    let mut first = half_open(b"POST / HTTP/1.1\r\nHo");
    let others: Vec<_> = (0..500).map(|_| half_open(b"")).collect();
    is_alive(&server);
    assert!(read(&mut first).is_none(), "it made room");
    drop(others);
}

#[test]
fn a_connection_with_a_request_under_way_makes_no_room() {
    let server = server_with(Limits {
        connections: 2,
        ..Limits::default()
    });
    let whole = request("ListStreams", "{}", &[]);
    let mut busy = connect(&server);
    busy.write_all(&whole[..whole.len() - 1]).unwrap();
    // Read by the time that a later connection is answered: one thread serves them in order.
    is_alive(&server);
    let others: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    is_alive(&server);
    busy.write_all(b"}").unwrap();
    assert_eq!(read(&mut busy).unwrap().status, 200);
    drop(others);
}

#[test]
fn bodies_beyond_the_shared_room_are_refused_until_it_is_free_again() {
    let server = server_with(Limits {
        all_bodies_bytes: 300_000,
        ..Limits::default()
    });
    let big = request("ListStreams", &" ".repeat(250_000), &[]);
    let small = request("ListStreams", &" ".repeat(1_000), &[]);
    // Requests without a body need no room; while they are answered, the big body is being read.
    let first = (0..50).find_map(|_| {
        let mut first = connect(&server);
        first.write_all(&big[..big.len() - 1]).unwrap();
        for _ in 0..20 {
            ask(&server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
        (ask(&server, &small).status == 503).then_some(first)
    });
    let mut first = first.expect("a refusal while the big body was held");
    first.write_all(b" ").unwrap();
    assert_eq!(
        read(&mut first).unwrap().error_type(),
        "SerializationException"
    );
    is_alive(&server);
}

// Its life.

#[test]
fn stopping_ends_idle_connections_and_frees_the_port() {
    let server = server();
    let address = server.address();
    let mut idle = connect(&server);
    idle.write_all(&request("ListStreams", "{}", &[])).unwrap();
    assert_eq!(read(&mut idle).unwrap().status, 200);
    server.stop();
    assert!(read(&mut idle).is_none());
    let again = Server::start(ServerConfig {
        port: address.port(),
        ..ServerConfig::default()
    });
    assert_eq!(again.unwrap().address(), address);
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let server = server();
    let config = ServerConfig {
        port: server.address().port(),
        ..ServerConfig::default()
    };
    let error = Server::start(config).unwrap_err();
    assert_eq!(error.kind(), kinetik::ErrorKind::InvalidArgument);
    assert!(
        error.message().contains(&server.address().to_string()),
        "{error}"
    );
}

#[test]
fn request_ids_follow_from_the_seed() {
    let id = || {
        let rng = kinetik::rng::Rng::seeded(7);
        let engine = Engine::new(EngineConfig::default());
        let server = Server::start(ServerConfig {
            rng,
            engine,
            ..ServerConfig::default()
        })
        .unwrap();
        ask(&server, &request("ListStreams", "{}", &[]))
            .header("x-amzn-requestid")
            .unwrap()
            .to_owned()
    };
    assert_eq!(id(), id());
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[test]
fn a_client_that_begins_with_the_preface_is_answered_in_http2() {
    let server = server();
    let mut socket = connect(&server);
    // In two pieces, cut within the preface.
    socket.write_all(&PREFACE[..10]).unwrap();
    socket
        .write_all(&[&PREFACE[10..], SETTINGS].concat())
        .unwrap();
    let mut frame = [0; 9];
    socket.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], SETTINGS[3], "the first frame is SETTINGS");
}

#[test]
fn what_only_begins_like_the_preface_is_no_http2() {
    let server = server();
    let mut socket = connect(&server);
    socket
        .write_all(b"PRI * HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.shutdown(Shutdown::Write).unwrap();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn a_client_that_stops_within_the_preface_is_left() {
    let server = server_with(Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    });
    let mut socket = connect(&server);
    socket.write_all(&PREFACE[..10]).unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_client_without_tls_gets_nothing_from_a_server_with_it() {
    let tls = kinetik_server::Tls::generated(&[]).unwrap();
    let server = Server::start(ServerConfig {
        tls: Some(tls),
        ..ServerConfig::default()
    })
    .unwrap();
    assert!(server.endpoint().starts_with("https://127.0.0.1:"));
    let mut socket = connect(&server);
    socket
        .write_all(&request("ListStreams", "{}", &[]))
        .unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
}

/// A request for the engine's control or metrics.
fn control(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut socket = connect(server);
    let text = format!(
        "{method} /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[test]
fn faults_are_asked_for_over_http_and_strike_what_comes_over_http() {
    let server = server();
    let fault =
        r#"{"operation":"ListStreams","error":"LimitExceededException","message":"Rate exceeded"}"#;
    assert_eq!(
        control(&server, "POST", "_kinetik/faults", fault),
        (200, r#"{"waiting":1}"#.into())
    );
    let list = || {
        let mut socket = connect(&server);
        let asked = request("ListStreams", "{}", &[("Connection", "close")]);
        socket.write_all(&asked).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(list().contains("LimitExceededException"));
    assert!(list().contains("orders"));
    let lost = r#"{"operation":"ListStreams","lose_answer":true,"times":5}"#;
    assert_eq!(
        control(&server, "POST", "_kinetik/faults", lost).1,
        r#"{"waiting":5}"#
    );
    assert_eq!(list(), "", "the connection is closed without an answer");
    assert_eq!(
        control(&server, "GET", "_kinetik/faults", "").1,
        r#"{"waiting":4}"#
    );
    assert_eq!(
        control(&server, "DELETE", "_kinetik/faults", "").1,
        r#"{"waiting":0}"#
    );
    assert_eq!(control(&server, "POST", "_kinetik/reset", "").0, 200);
    assert!(!list().contains("orders"));
}

#[test]
fn every_call_is_as_long_on_its_way_as_was_asked_for_over_http() {
    let server = server();
    let asked = r#"{"round_trip_ms":3600000}"#;
    assert_eq!(control(&server, "POST", "_kinetik/faults", asked).0, 200);
    let mut waiting = connect(&server);
    waiting
        .write_all(&request("ListStreams", "{}", &[]))
        .unwrap();
    let moved = r#"{"advance_ms":3600000}"#;
    // The call has begun to wait, or finds the clock moved on: it is moved until the answer is there.
    let patience = Some(Duration::from_millis(50));
    waiting.set_read_timeout(patience).unwrap();
    let mut first = [0; 12];
    while waiting.peek(&mut first).is_err() {
        assert_eq!(control(&server, "POST", "_kinetik/clock", moved).0, 200);
    }
    assert_eq!(read(&mut waiting).unwrap().status, 200);
    for wrong in [
        r#"{"round_trip_ms":-1}"#,
        r#"{"round_trip_ms":1,"operation":"PutRecord"}"#,
    ] {
        let (status, text) = control(&server, "POST", "_kinetik/faults", wrong);
        assert!(status == 400 && text.contains("round_trip_ms"), "{text}");
    }
    assert_eq!(control(&server, "DELETE", "_kinetik/faults", "").0, 200);
    is_alive(&server);
}

#[test]
fn control_and_metrics_are_behind_the_same_door() {
    let server = server();
    for path in ["_kinetik/faults", "_kinetik/clock", "metrics"] {
        for forged in [
            "Host: evil.test",
            "Host: localhost\r\nOrigin: http://evil.test",
        ] {
            let asked = format!("GET /{path} HTTP/1.1\r\n{forged}\r\n\r\n");
            assert_eq!(
                ask(&server, asked.as_bytes()).status,
                403,
                "{path} {forged}"
            );
        }
    }
    let reset = b"POST /_kinetik/reset HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(&server, reset).status, 403);
    assert!(
        server.engine().records("orders").is_ok(),
        "nothing was forgotten"
    );
}

#[test]
fn wrong_control_requests_are_told_what_is_right() {
    let server = server();
    let (status, text) = control(
        &server,
        "POST",
        "_kinetik/faults",
        r#"{"operation":"PutRecrd","lose_answer":true}"#,
    );
    assert_eq!(status, 400);
    assert!(text.contains("did you mean PutRecord?"), "{text}");
    let (status, text) = control(&server, "PUT", "_kinetik/nonsense", "");
    assert_eq!(status, 404);
    assert!(text.contains("/_kinetik/faults"), "{text}");
}

#[test]
fn the_clock_is_stopped_and_moved_over_http() {
    let server = server();
    let (status, text) = control(&server, "POST", "_kinetik/clock", r#"{"frozen":true}"#);
    assert_eq!(status, 200);
    let stopped: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stopped["frozen"], true);
    let (_, text) = control(
        &server,
        "POST",
        "_kinetik/clock",
        r#"{"advance_ms":301000}"#,
    );
    let moved: serde_json::Value = serde_json::from_str(&text).unwrap();
    let by = moved["now"].as_f64().unwrap() - stopped["now"].as_f64().unwrap();
    assert!((by - 301.0).abs() < 0.002, "{by}");
    let (_, text) = control(&server, "POST", "_kinetik/clock", r#"{"frozen":false}"#);
    assert!(text.contains(r#""frozen":false"#), "{text}");
    for wrong in [
        "",
        "[]",
        r#"{"advance_ms":-1}"#,
        r#"{"frozen":1}"#,
        r#"{"speed":2}"#,
    ] {
        let (status, text) = control(&server, "POST", "_kinetik/clock", wrong);
        assert!(
            status == 400 && text.contains("advance_ms"),
            "{wrong}: {text}"
        );
    }
}

#[test]
fn metrics_are_prometheus_text_under_the_names_of_cloudwatch() {
    let server = server();
    server.engine().create_stream("metered", 1).unwrap();
    let (status, text) = control(&server, "GET", "metrics", "");
    assert_eq!(status, 200);
    assert!(text.contains("# TYPE kinetik_IncomingRecords counter\n"));
    let line = "kinetik_IncomingBytes{StreamName=\"metered\",ShardId=\"shardId-000000000000\"} 0\n";
    assert!(text.contains(line), "{text}");
}
