//! `kinetik put` as its users run it: lines in, records in the stream, failed lines in a file, exit codes, signals.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::engine::{Engine, EngineConfig, Fault};
use kinetik_server::{Server, ServerConfig};

fn server() -> Server {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 2).unwrap();
    Server::start(ServerConfig {
        engine,
        ..ServerConfig::default()
    })
    .unwrap()
}

fn put(server: &Server, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_kinetik"))
        .args(["put", "orders", "--endpoint-url", &server.endpoint()])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Gives the command its input and waits for its end.
fn run(server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut child = put(server, arguments);
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Keys and data of all records, in order of the data.
fn stored(server: &Server) -> Vec<(String, String)> {
    let mut records = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for record in server.engine().records("orders").unwrap() {
        match deaggregate(&record.data, Mode::Strict).unwrap() {
            Deaggregated::Raw(_) => {
                records.push((record.partition_key.to_string(), text(&record.data)));
            }
            Deaggregated::Aggregated(aggregate) => {
                let inside = aggregate.iter();
                records.extend(inside.map(|record| (text(record.key()), text(record.data()))));
            }
        }
    }
    records.sort_by(|one, other| one.1.cmp(&other.1));
    records
}

fn file(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kinetik-put-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn lines_become_records_under_the_keys_that_are_asked_for() {
    for aggregate in ["true", "false"] {
        let server = server();
        let there = ["--aggregate", aggregate];
        let json = "{\"id\":1,\"user\":{\"name\":\"ann\"}}\n{\"id\":2,\"user\":{\"name\":7}}";
        let done = run(
            &server,
            &[&there[..], &["--key-field", "user.name"]].concat(),
            json,
        );
        assert_eq!(done.status.code(), Some(0), "{}", error(&done));
        assert!(done.stdout.is_empty());
        assert!(error(&done).ends_with("kinetik: 2 records delivered, 0 failed\n"));
        let done = run(
            &server,
            &[&there[..], &["-K", r"\t"]].concat(),
            "z\tzz\ty\n\n",
        );
        assert_eq!(
            done.status.code(),
            Some(1),
            "an empty line has no delimiter"
        );
        let keys: Vec<_> = stored(&server).into_iter().collect();
        let expected = [
            ("z", "zz\ty"),
            ("ann", "{\"id\":1,\"user\":{\"name\":\"ann\"}}"),
            ("7", "{\"id\":2,\"user\":{\"name\":7}}"),
        ];
        let mut expected = expected.map(|(key, data)| (key.to_owned(), data.to_owned()));
        expected.sort_by(|one, other| one.1.cmp(&other.1));
        assert_eq!(keys, expected);
    }
    let server = server();
    let lines = "line\n".repeat(3_000);
    let done = run(&server, &["--aggregate", "true", "--random-key"], &lines);
    assert_eq!(done.status.code(), Some(0), "{}", error(&done));
    let mut keys: Vec<_> = stored(&server).into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3_000);
}

#[test]
fn lines_that_are_not_delivered_go_to_the_file_and_can_be_put_again() {
    let server = server();
    let failed = file("failed");
    let refused = Fault::fail("PutRecords", "AccessDeniedException").unwrap();
    server.engine().faults().push(refused.times(1));
    let arguments = [
        "--aggregate",
        "true",
        "-K",
        ":",
        "-X",
        "linger=1",
        "--failed",
    ];
    let arguments = [&arguments[..], &[failed.to_str().unwrap()]].concat();
    let done = run(&server, &arguments, "a:1\nundivided\nb:2\n:no key\n");
    assert_eq!(done.status.code(), Some(1));
    let told = error(&done);
    assert!(told.contains("line 2: expected a key"), "{told}");
    assert!(told.contains("AccessDenied"), "{told}");
    assert!(!told.contains("undivided"), "no data in messages: {told}");
    assert!(
        told.ends_with("kinetik: 0 records delivered, 4 failed\n"),
        "{told}"
    );
    let mut lines: Vec<_> = fs::read_to_string(&failed)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(lines, [":no key", "a:1", "b:2", "undivided"]);

    let again = run(&server, &["--aggregate", "true", "-K", ":"], "a:1\nb:2\n");
    assert_eq!(again.status.code(), Some(0));
    let expected = [("a", "1"), ("b", "2")].map(|(key, data)| (key.to_owned(), data.to_owned()));
    assert_eq!(stored(&server), expected);
    fs::remove_file(failed).unwrap();
}

#[test]
fn usage_and_service_errors_have_codes_of_their_own() {
    let server = server();
    for wrong in [
        &["--aggregate", "true"][..],
        &["--random-key"],
        &["--aggregate", "true", "--random-key", "-K", ","],
        &["--aggregate", "true", "-K", ""],
        &["--aggregate", "true", "--random-key", "-X", "lingr=1"],
        &[
            "--aggregate",
            "true",
            "--random-key",
            "--failed",
            "/nowhere/at/all",
        ],
    ] {
        let done = run(&server, wrong, "");
        assert_eq!(done.status.code(), Some(2), "{wrong:?} {}", error(&done));
    }
    let mut missing = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    missing
        .args(["put", "nothing", "--aggregate", "true", "--random-key"])
        .args(["--endpoint-url", &server.endpoint()])
        .env_clear();
    let done = missing.stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", error(&done));
}

#[test]
fn either_signal_ends_reading_and_what_was_read_is_delivered() {
    for signal in ["-TERM", "-INT"] {
        let server = server();
        let arguments = ["--aggregate", "true", "--random-key", "-X", "linger=60"];
        let mut child = put(&server, &arguments);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"one\ntwo\n").unwrap();
        // A third one that is refused shows that the first two were read.
        stdin.write_all(&vec![b'x'; 2 << 20]).unwrap();
        stdin.write_all(b"\n").unwrap();
        let mut told = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
        assert!(line.contains("line 3"), "{line}");
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let data: Vec<_> = stored(&server).into_iter().map(|(_, data)| data).collect();
        assert_eq!(data, ["one", "two"]);
    }
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let server = server();
    let mut child = put(&server, &["--aggregate", "true", "-K", ":"]);
    drop((child.stderr.take(), child.stdout.take()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a:1\nwrong\n").unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(stored(&server), [("a".to_owned(), "1".to_owned())]);
}
