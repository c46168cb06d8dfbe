//! `kinetik tail` as its users run it: against a server, with filters, formats, signals and pipes.

mod progress;
mod resharded;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kinetik::api::{Answer, Call, ListStreamConsumersInput, PutRecordInput};
use kinetik::codec::aggregate;
use kinetik::engine::{Engine, EngineConfig};
use kinetik_server::{Server, ServerConfig, Tls};

fn server(tls: Option<Tls>) -> Server {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 2).unwrap();
    Server::start(ServerConfig {
        engine,
        tls,
        ..ServerConfig::default()
    })
    .unwrap()
}

fn put(server: &Server, key: &str, data: impl Into<bytes::Bytes>) {
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some(key.into()),
        data: Some(data.into()),
        ..Default::default()
    });
    server.engine().call(&call).unwrap();
}

fn filled() -> Server {
    let server = server(None);
    put(&server, "ann", r#"{"id":1,"state":"paid"}"#);
    let sent = [
        ("bob", None, r#"{"id":2,"state":"open"}"#),
        ("bob", None, r#"{"id":3,"state":"paid"}"#),
    ];
    put(&server, "bob", aggregate(sent).unwrap());
    put(&server, "cut", &[0xff, 0x00][..]);
    server
}

fn tail(server: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    command
        .args(["tail", "orders", "--endpoint-url", &server.endpoint()])
        .args(arguments)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What was written, in the order of its lines.
fn lines(server: &Server, arguments: &[&str]) -> Vec<String> {
    let output = tail(server, arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn consumers(server: &Server) -> usize {
    let input = ListStreamConsumersInput {
        stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
        ..Default::default()
    };
    let Ok(Answer::ListStreamConsumers(output)) = server.engine().call(&input.into()) else {
        panic!("consumers are listed")
    };
    output.consumers.unwrap_or_default().len()
}

fn signalled(mut child: Child, name: &str) -> Option<i32> {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
fn what_is_there_is_written_once_taken_apart_and_in_the_asked_form() {
    let server = filled();
    assert_eq!(
        lines(&server, &["-e", "-f", r"%k %S %u\n"]),
        ["ann 23 -", "bob 23 0", "bob 23 1", "cut 2 -"]
    );
    assert_eq!(lines(&server, &["-e", "--raw", "-f", r"%k\n"]).len(), 3);
    assert_eq!(lines(&server, &["-e", "-n", "2"]).len(), 2);
    let json = lines(&server, &["-e", "--json"]);
    let values: Vec<serde_json::Value> = json
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(values.iter().any(|value| value["data_base64"] == "/wA="));
    let bob = values
        .iter()
        .find(|value| value["sub_sequence_number"] == 1);
    assert_eq!(bob.unwrap()["data"], r#"{"id":3,"state":"paid"}"#);
}

#[test]
fn a_standard_output_that_takes_nothing_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = tail(&filled(), &["-e"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("standard output cannot be written"), "{told}");
}

#[test]
fn records_are_chosen_by_key_and_by_fields_of_their_data() {
    let server = filled();
    assert_eq!(
        lines(&server, &["-e", "-k", "bob", "-w", "state=paid"]),
        [r#"{"id":3,"state":"paid"}"#]
    );
    assert_eq!(
        lines(&server, &["-e", "-k", "ann", "-k", "cut", "-f", r"%k\n"]),
        ["ann", "cut"]
    );
    assert_eq!(lines(&server, &["-e", "-w", "id=2"]).len(), 1);
    assert_eq!(
        lines(&server, &["-e", "-w", "id=3", "-w", "state=open"]).len(),
        0
    );
    // So many that were chosen, aggregates taken apart before.
    assert_eq!(
        lines(&server, &["-e", "-k", "bob", "-n", "1", "-f", r"%k %u\n"]),
        ["bob 0"]
    );
    assert_eq!(lines(&server, &["-e", "--raw", "-w", "id=3"]).len(), 0);
    assert_eq!(lines(&server, &["-e", "--since", "1h"]).len(), 4);
    assert_eq!(
        lines(&server, &["-e", "--since", "2020-01-01T00:00:00Z"]).len(),
        4
    );
}

#[test]
fn it_follows_from_the_newest_record_until_a_signal_and_leaves_no_consumer_behind() {
    let server = filled();
    for (mode, signal) in [("polling", "-INT"), ("fan_out", "-TERM"), ("auto", "-INT")] {
        let mut child = tail(&server, &["--mode", mode, "--log", "off"])
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, first) = std::sync::mpsc::channel();
        let reading = std::thread::Builder::new()
            .name("out".into())
            .spawn(move || {
                let mut line = String::new();
                out.read_line(&mut line).unwrap();
                sender.send(line).unwrap();
                std::io::copy(&mut out, &mut std::io::sink()).unwrap();
            });
        let reading = reading.unwrap();
        // It may not have begun yet: records are put until one comes.
        let line = loop {
            put(&server, "new", "news");
            if let Ok(line) = first.recv_timeout(Duration::from_millis(10)) {
                break line;
            }
        };
        assert_eq!(line, "news\n", "{mode}");
        let ended = signalled(child, signal);
        reading.join().unwrap();
        assert_eq!((ended, consumers(&server)), (Some(0), 0), "{mode}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let server = filled();
    let mut child = tail(&server, &["--since", "start"]).spawn().unwrap();
    drop(child.stdout.take());
    put(&server, "ann", "more");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
}

#[test]
fn fan_out_works_over_tls() {
    let tls = Tls::generated(&["localhost".into()]).unwrap();
    let file = std::env::temp_dir().join(format!("kinetik-tail-{}.pem", std::process::id()));
    std::fs::write(&file, tls.certificate()).unwrap();
    let server = server(Some(tls));
    for n in 0..500 {
        put(&server, &format!("key-{n}"), n.to_string());
    }
    let arguments = ["--since", "start", "-n", "500", "--mode", "fan_out"];
    let output = tail(&server, &arguments)
        .env("SSL_CERT_FILE", &file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        output.stdout.iter().filter(|&&byte| byte == b'\n').count(),
        500
    );
    assert_eq!(consumers(&server), 0);
}

#[test]
fn what_cannot_be_read_or_understood_ends_with_its_own_code() {
    let server = filled();
    let code = |arguments: &[&str]| tail(&server, arguments).output().unwrap().status.code();
    assert_eq!(code(&["--since", "yesterday"]), Some(2));
    assert_eq!(code(&["--mode", "push"]), Some(2));
    assert_eq!(code(&["-f", "%x"]), Some(2));
    assert_eq!(code(&["-w", "state"]), Some(2));
    assert_eq!(code(&["--since", r#"{"shards":"#]), Some(2));
    assert_eq!(code(&["--consumer", "a b"]), Some(2));
    let gone = "arn:aws:kinesis:us-east-1:000000000000:stream/orders/consumer/app:1";
    assert_eq!(code(&["--mode", "fan_out", "--consumer", gone]), Some(3));
}
