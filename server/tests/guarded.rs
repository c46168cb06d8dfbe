//! Control and metrics of a server with access keys: where others are let in than this machine, they need a signature of
//! one of them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use kinetik::time::Clock;
use kinetik_server::{Cors, Key, Server, ServerConfig};

const KEY: (&str, &str) = ("AKIDKINETIK", "wJalrXUtnFEMI");

fn server(host: Ipv4Addr, cors: Cors, keys: &[(&str, &str)]) -> Server {
    let keys = keys.iter().map(|&(id, secret)| Key::new(id, secret));
    let server = Server::start(ServerConfig {
        host: IpAddr::V4(host),
        cors,
        keys: keys.collect(),
        ..ServerConfig::default()
    });
    let server = server.unwrap();
    server.engine().create_stream("orders", 1).unwrap();
    server
}

/// Asks for `path`, signed with a secret or not at all; status and body.
fn ask(server: &Server, method: &str, path: &str, secret: Option<&str>) -> (u16, String) {
    let url = format!("http://localhost{path}");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in secret
        .map(|secret| signature(method, &url, secret))
        .unwrap_or_default()
    {
        head += &format!("{name}: {value}\r\n");
    }
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.address().port())).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
        .write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// The headers with which another implementation signs a request without a body.
fn signature(method: &str, url: &str, secret: &str) -> Vec<(String, String)> {
    let now = Duration::from_nanos(Clock::default().wall().as_nanos());
    let identity = Credentials::new(KEY.0, secret, None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("kinesis")
        .time(UNIX_EPOCH + now)
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let headers = [("host", "localhost")].into_iter();
    let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    let (headers, _) = instructions.into_parts();
    let texts = headers
        .iter()
        .map(|header| (header.name().to_owned(), header.value().to_owned()));
    texts.collect()
}

const ASKED: [(&str, &str); 4] = [
    ("GET", "/metrics"),
    ("GET", "/_kinetik/clock"),
    ("DELETE", "/_kinetik/faults"),
    ("POST", "/_kinetik/reset"),
];

/// Nothing is answered, and nothing done, without a right signature.
fn needs_a_signature(server: &Server) {
    for (method, path) in ASKED {
        let (status, text) = ask(server, method, path, None);
        assert_eq!(status, 403, "{path}");
        assert!(
            text.contains("sign requests for control and metrics"),
            "{text}"
        );
        assert_eq!(ask(server, method, path, Some("wrong")).0, 403, "{path}");
    }
    assert!(
        server.engine().records("orders").is_ok(),
        "nothing was forgotten"
    );
    for (method, path) in ASKED {
        let (status, text) = ask(server, method, path, Some(KEY.1));
        assert_eq!(status, 200, "{path}: {text}");
    }
    assert!(server.engine().records("orders").is_err(), "it was reset");
}

#[test]
fn other_machines_need_a_signature_for_control_and_metrics() {
    needs_a_signature(&server(Ipv4Addr::UNSPECIFIED, Cors::Loopback, &[KEY]));
}

#[test]
fn so_do_the_pages_of_other_sites_on_this_machine() {
    let site = Cors::Origin("https://app.test".into());
    for cors in [Cors::Any, site] {
        needs_a_signature(&server(Ipv4Addr::LOCALHOST, cors, &[KEY]));
    }
}

#[test]
fn this_machine_needs_none_and_a_server_without_keys_asks_nobody() {
    for server in [
        server(Ipv4Addr::LOCALHOST, Cors::Loopback, &[KEY]),
        server(Ipv4Addr::UNSPECIFIED, Cors::Any, &[]),
    ] {
        for (method, path) in ASKED {
            assert_eq!(ask(&server, method, path, None).0, 200, "{path}");
        }
    }
}
