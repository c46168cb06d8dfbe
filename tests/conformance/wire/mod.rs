//! What only bodies and headers show, asked as raw HTTP: each behaviour is a function over a [`Wire`].

mod gate;
mod types;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use kinetik::api::Form;
use kinetik_server::Server;

use crate::service::{self, PLAIN};

/// The behaviours of each module of this kind.
pub(crate) const ALL: &[&[Behaviour]] = &[gate::ALL, types::ALL];

/// One behaviour of the wire.
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) evidence: &'static str,
    pub(crate) run: fn(&Wire),
}

/// Declares behaviours of the wire, with their evidence: each is a test.
macro_rules! wire_behaviours {
    ($($evidence:literal $name:ident => $body:expr;)+) => {
        /// Every behaviour of this module.
        pub(super) const ALL: &[crate::wire::Behaviour] = &[$(crate::wire::Behaviour {
            name: stringify!($name),
            evidence: $evidence,
            run: $body,
        },)+];

        mod over_the_wire {
            $(#[test]
            fn $name() {
                crate::wire::run(super::ALL, stringify!($name));
            })+
        }
    };
}
use wire_behaviours;

fn run(module: &[Behaviour], name: &str) {
    let wanted = module.iter().find(|one| one.name == name);
    (wanted.expect("declared together").run)(&Wire::new());
}

/// A server with the stream `one` of one shard.
pub(crate) struct Wire(Server);

/// An answer: status, head and body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Bytes,
}

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, \
                             SignedHeaders=host, Signature=00";

impl Wire {
    fn new() -> Self {
        let engine = service::engine(PLAIN);
        engine.create_stream("one", 1).expect("a stream");
        Self(service::server(&engine))
    }

    /// Sends a body in JSON 1.1 to an operation.
    pub(crate) fn json(&self, operation: &str, body: &str) -> Reply {
        self.post(operation, body.as_bytes(), &[])
    }

    /// Sends bytes and gives the first nine that come back: the head of a frame of HTTP/2.
    pub(crate) fn begin(&self, bytes: &[u8]) -> [u8; 9] {
        let mut socket = connect(&self.0);
        socket.write_all(bytes).expect("bytes that are taken");
        let mut head = [0; 9];
        socket.read_exact(&mut head).expect("a frame");
        head
    }

    /// Sends a signed POST in JSON 1.1; `changes` replaces headers, or removes them where the value is empty.
    pub(crate) fn post(&self, operation: &str, body: &[u8], changes: &[(&str, &str)]) -> Reply {
        let target = format!("Kinesis_20131202.{operation}");
        let mut headers = vec![("X-Amz-Target", &*target)];
        headers.extend_from_slice(changes);
        self.send("POST", &headers, body)
    }

    /// Sends a request with the headers of a JSON call, changed as asked.
    pub(crate) fn send(&self, method: &str, changes: &[(&str, &str)], body: &[u8]) -> Reply {
        send(&self.0, method, changes, body)
    }
}

impl Reply {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// Must be this body with status 400.
    #[track_caller]
    pub(crate) fn is_refusal(&self, body: &str) {
        assert_eq!((self.status, self.text()), (400, body));
    }
}

fn send(server: &Server, method: &str, changes: &[(&str, &str)], body: &[u8]) -> Reply {
    let length = body.len().to_string();
    let mut headers = vec![
        ("Host", "localhost"),
        ("Connection", "close"),
        ("Content-Type", Form::Json.content_type()),
        ("Authorization", AUTHORIZATION),
        ("X-Amz-Date", "20260101T000000Z"),
        ("Content-Length", &*length),
    ];
    for (name, value) in changes {
        headers.retain(|(known, _)| known != name);
        headers.push((name, value));
    }
    let mut text = format!("{method} / HTTP/1.1\r\n");
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    exchange(server, &[text.as_bytes(), body].concat())
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(server.address()).expect("a connection");
    let patience = Some(Duration::from_secs(60));
    socket.set_read_timeout(patience).expect("a timeout");
    socket
}

/// Sends a request and reads what comes until the server closes.
fn exchange(server: &Server, request: &[u8]) -> Reply {
    let mut socket = connect(server);
    socket.write_all(request).expect("a request that is taken");
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).expect("a whole answer");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("the end of a head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    Reply {
        status: status.expect("a status"),
        head,
        body: bytes.split_off(end + 4).into(),
    }
}
