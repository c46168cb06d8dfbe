//! The command as its users run it: as a process, with arguments, variables and signals.

mod served;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use served::Served;

fn kinetik(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_REGION", "us-east-1");
    command
}

fn run(arguments: &[&str]) -> Output {
    kinetik(arguments).output().unwrap()
}

/// Sends a signal and waits for the end: its exit code.
fn signalled(served: &mut Served, name: &str) -> Option<i32> {
    let id = served.process.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status();
    assert!(sent.unwrap().success());
    served.process.wait().unwrap().code()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn serve_prints_its_address_and_ends_cleanly_on_either_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut served = Served::start(&[]);
        assert!(
            served.endpoint.starts_with("http://127.0.0.1:"),
            "{}",
            served.endpoint
        );
        assert_eq!(signalled(&mut served, signal), Some(0));
    }
}

#[test]
fn streams_shards_and_explain_show_what_serve_made() {
    let served = Served::start(&["--stream", "orders:2", "--stream", "clicks"]);
    let there = ["--endpoint-url", &*served.endpoint];
    assert_eq!(
        text(&run(&[&["streams"], &there[..]].concat())),
        "clicks\norders\n"
    );

    let shards = text(&run(&[&["shards", "orders"], &there[..]].concat()));
    let lines: Vec<_> = shards.lines().collect();
    assert_eq!(lines.len(), 2, "{shards}");
    assert!(lines[0].starts_with(
        "shardId-000000000000 open    50.0000 %  0..170141183460469231731687303715884105727"
    ));

    let json = text(&run(&[&["shards", "orders", "--json"], &there[..]].concat()));
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["shard"], "shardId-000000000000");

    // MD5("a") = 0cc175b9c0f1b6a831c399e269772661
    let explained = text(&run(
        &[&["explain", "a", "--stream", "orders"], &there[..]].concat()
    ));
    assert!(
        explained.contains("16955237001963240173058271559858726497"),
        "{explained}"
    );
    assert!(explained.contains("shardId-000000000000"), "{explained}");
}

#[test]
fn explain_needs_no_service_for_the_hash_alone() {
    let explained = text(&run(&["explain", "a"]));
    assert!(
        explained.contains("16955237001963240173058271559858726497"),
        "{explained}"
    );
}

#[test]
fn quotas_are_switched_by_the_option_and_nothing_else() {
    for quotas in ["on", "off"] {
        let mut served = Served::start(&["--quotas", quotas]);
        assert_eq!(signalled(&mut served, "-TERM"), Some(0));
    }
    assert_eq!(run(&["serve", "--quotas", "maybe"]).status.code(), Some(2));
}

#[test]
fn settings_come_from_variables_too() {
    let served = Served::of(kinetik(&["serve"]).envs([
        ("KINETIK_PORT", "0"),
        ("KINETIK_STREAM", "a:1,b:3"),
        ("KINETIK_REGION", "eu-west-1"),
    ]));
    assert_eq!(
        text(&run(&["streams", "--endpoint-url", &served.endpoint])),
        "a\nb\n"
    );
}

#[test]
fn wrong_usage_is_2_and_an_unreachable_service_is_3() {
    for arguments in [
        &["serve", "--port", "70000"][..],
        &["serve", "--quotas", "maybe"],
        &["serve", "--stream", "a b:1"],
        &["serve", "--memory", "lots"],
        &["serve", "--credentials", "wJalrXUtnFEMI"],
        &["streams", "--endpoint-url", "localhost"],
        &["serve", "--tls-certificate-file", "never.pem"],
        &["explain", ""],
        &["explain", &"k".repeat(257)],
        &["nonsense"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        assert!(!output.stderr.is_empty());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("wJalrXUtnFEMI"), "a secret was repeated");
    }
    let served = Served::start(&[]);
    let output = run(&["shards", "none", "--endpoint-url", &served.endpoint]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("ResourceNotFoundException")
    );
}

#[test]
fn a_taken_port_is_told_with_its_address() {
    let served = Served::start(&[]);
    let port = served.endpoint.rsplit(':').next().unwrap();
    let output = run(&["serve", "--port", port]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains(&format!("127.0.0.1:{port}"))
    );
}

#[test]
fn a_server_that_cannot_say_its_address_ends_with_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = kinetik(&["serve", "--port", "0"])
        .stdout(full.unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("standard output cannot be written"), "{told}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let many: Vec<_> = (0..200)
        .map(|index| format!("--stream=a-stream-with-a-long-name-{index}"))
        .collect();
    let served = Served::start(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = kinetik(&["streams", "--endpoint-url", &served.endpoint])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), &*errors), (Some(0), ""));
}

#[test]
fn requests_in_flight_are_answered_before_the_server_ends() {
    let mut served = Served::start(&[]);
    let mut socket = TcpStream::connect(served.endpoint.strip_prefix("http://").unwrap()).unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut head = [0; 12];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 403");
    assert_eq!(signalled(&mut served, "-TERM"), Some(0));
}
