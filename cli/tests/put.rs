//! `kinetik put` as its users run it: lines in, records in the stream, failed lines in a file, exit codes, signals.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

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

fn command(server: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    command
        .args(["put", "orders", "--endpoint-url", &server.endpoint()])
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn put(server: &Server, arguments: &[&str]) -> Child {
    command(server, arguments).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status();
    assert!(sent.unwrap().success());
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
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert!(line.contains("line 3"), "{line}");
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        let data: Vec<_> = stored(&server).into_iter().map(|(_, data)| data).collect();
        assert_eq!(data, ["one", "two"]);
    }
}

#[test]
fn what_was_read_and_waits_for_room_when_a_signal_comes_is_delivered_and_nothing_more_is_read() {
    const LINES: usize = 5_000;
    let server = server();
    let (mut left, mut into) = std::io::pipe().unwrap();
    // Fewer bytes than a pipe holds, so that this does not wait for the command.
    let lines: String = (0..LINES).map(|number| format!("{number:08}\n")).collect();
    into.write_all(lines.as_bytes()).unwrap();
    let arguments = [
        "--aggregate",
        "false",
        "--random-key",
        "-X",
        "buffer_records=10",
        "-X",
        "shard_limit=false",
    ];
    let mut put = command(&server, &arguments);
    let child = put.stdin(left.try_clone().unwrap()).spawn().unwrap();
    while stored(&server).is_empty() {
        std::thread::yield_now();
    }
    send("-TERM", &child);
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", error(&done));
    into.write_all(b"after the end\n").unwrap();
    drop((put, into));
    let mut unread = String::new();
    left.read_to_string(&mut unread).unwrap();
    assert!(unread.ends_with("after the end\n"));
    assert_eq!(stored(&server).len() + unread.lines().count(), LINES + 1);
}

#[test]
fn a_second_signal_writes_what_was_read_and_not_delivered_to_the_file() {
    let server = server();
    let failed = file("given-up");
    let late = Fault::delay("PutRecords", Duration::from_secs(600)).unwrap();
    server.engine().faults().push(late.times(100));
    let arguments = ["--aggregate", "false", "-K", ":", "-X", "buffer_records=1"];
    let arguments = [&arguments[..], &["--failed", failed.to_str().unwrap()]].concat();
    let mut child = put(&server, &arguments);
    let mut stdin = child.stdin.take().unwrap();
    // Its first line is told of, so all were read then: they are read together.
    stdin.write_all(b"undivided\na:1\nb:2\nc:3\n").unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("line 1"), "{line}");
    send("-TERM", &child);
    // The first signal has arrived when the thread that reads has ended.
    while is_reading(&child) {
        std::thread::yield_now();
    }
    send("-TERM", &child);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(
        rest.ends_with("kinetik: 0 records delivered, 4 failed\n"),
        "{rest}"
    );
    let written = fs::read_to_string(&failed).unwrap();
    let mut lines: Vec<_> = written.lines().collect();
    lines.sort();
    assert_eq!(lines, ["a:1", "b:2", "c:3", "undivided"]);
    fs::remove_file(failed).unwrap();
}

/// Whether the command has its thread that reads standard input.
fn is_reading(child: &Child) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    threads.flatten().any(|thread| {
        let name = fs::read_to_string(thread.path().join("comm"));
        name.is_ok_and(|name| name.trim() == "standard input")
    })
}

#[test]
fn the_file_of_failed_lines_may_not_be_the_input() {
    let server = server();
    let both = file("both");
    fs::write(&both, "undivided\n").unwrap();
    let arguments = ["--aggregate", "true", "-K", ":", "--failed"];
    let arguments = [&arguments[..], &[both.to_str().unwrap()]].concat();
    let mut put = command(&server, &arguments);
    let done = put.stdin(File::open(&both).unwrap()).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(
        error(&done).contains("failed: names the file that is read"),
        "{}",
        error(&done)
    );
    assert_eq!(fs::read_to_string(&both).unwrap(), "undivided\n");
    fs::remove_file(both).unwrap();
}

#[test]
fn failed_lines_begin_behind_a_last_line_without_an_end() {
    let server = server();
    let failed = file("open-line");
    fs::write(&failed, "before").unwrap();
    let arguments = ["--aggregate", "true", "-K", ":", "--failed"];
    let arguments = [&arguments[..], &[failed.to_str().unwrap()]].concat();
    run(&server, &arguments, "a:1\n");
    assert_eq!(fs::read_to_string(&failed).unwrap(), "before");
    run(&server, &arguments, "one\ntwo\n");
    run(&server, &arguments, "three\n");
    let written = fs::read_to_string(&failed).unwrap();
    assert_eq!(written, "before\none\ntwo\nthree\n");
    fs::remove_file(failed).unwrap();
}

#[test]
fn a_full_disk_below_the_failed_lines_is_told_behind_what_became_of_all() {
    let server = server();
    let arguments = ["--aggregate", "true", "-K", ":", "--failed", "/dev/full"];
    let done = run(&server, &arguments, "a:1\nundivided\n");
    assert_eq!(done.status.code(), Some(1));
    let told = error(&done);
    assert!(
        told.contains(
            "kinetik: 1 records delivered, 1 failed\nkinetik: not all failed lines could be written: "
        ),
        "{told}"
    );
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
