//! Every option of `kinetik serve`: what it changes, by its flag and by its variable, and that it changes nothing else.

mod served;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use served::Served;

/// An option, a value for it, and what is so with it and not without it.
struct Case {
    flag: &'static str,
    value: String,
    /// Further options that it needs, which stand in both runs.
    with: &'static [&'static str],
    shows: Box<dyn Fn(&mut Served) -> bool>,
}

fn case(
    flag: &'static str,
    value: impl Into<String>,
    with: &'static [&'static str],
    shows: impl Fn(&mut Served) -> bool + 'static,
) -> Case {
    Case {
        flag,
        value: value.into(),
        with,
        shows: Box::new(shows),
    }
}

fn cases() -> Vec<Case> {
    let port = free_port();
    let certificate = std::env::temp_dir().join(format!("kinetik-{}.pem", std::process::id()));
    let file = certificate.to_string_lossy().into_owned();
    vec![
        case("--host", "127.0.0.2", &[], |served| {
            served.endpoint.starts_with("http://127.0.0.2:")
        }),
        case("--port", port.to_string(), &[], move |served| {
            served.endpoint.ends_with(&format!(":{port}"))
        }),
        case("--name", "kinesis.test", &[], |served| {
            post(served, "ListStreams", "{}", "Host: kinesis.test").starts_with("HTTP/1.1 200")
        }),
        case("--region", "eu-west-1", &[], |served| {
            summary(served).contains("arn:aws:kinesis:eu-west-1:")
        }),
        case("--account", "123456789012", &[], |served| {
            summary(served).contains(":123456789012:stream/made")
        }),
        case("--state-delay", "1h", &[], |served| {
            summary(served).contains(r#""StreamStatus":"CREATING""#)
        }),
        case("--quotas", "off", &[], |served| throttled(served) == 0),
        case("--shard-limit", "1", &[], |served| {
            create(served, r#"{"StreamName":"two","ShardCount":2}"#).contains("LimitExceeded")
        }),
        case("--on-demand-stream-limit", "1", &[], |served| {
            let one = |name| {
                format!(
                    r#"{{"StreamName":"{name}","StreamModeDetails":{{"StreamMode":"ON_DEMAND"}}}}"#
                )
            };
            create(served, &one("a"));
            create(served, &one("b")).contains("LimitExceeded")
        }),
        case("--tls", "on", &[], |served| {
            served.endpoint.starts_with("https://127.0.0.1:")
        }),
        case("--tls-certificate-file", file, &["--tls"], move |_| {
            let written = std::fs::read_to_string(&certificate).unwrap_or_default();
            let _ = std::fs::remove_file(&certificate);
            written.starts_with("-----BEGIN CERTIFICATE-----")
        }),
        case("--cors", "*", &[], |served| {
            let answer = post(served, "ListStreams", "{}", "Origin: http://evil.test");
            answer.contains("access-control-allow-origin: *\r\n")
        }),
        case("--credentials", "AKID:secret", &[], |served| {
            post(served, "ListStreams", "{}", "X: 1").contains("UnrecognizedClientException")
        }),
        case("--memory", "64KiB", &[], |served| {
            create(served, r#"{"StreamName":"made","ShardCount":1}"#);
            put(served, 100_000).contains("memory")
        }),
        case(
            "--when-full",
            "trim",
            &["--memory", "2MiB", "--quotas", "off"],
            |served| {
                create(served, r#"{"StreamName":"made","ShardCount":1}"#);
                (0..12).all(|_| put(served, 400_000).starts_with("HTTP/1.1 200"))
            },
        ),
        case("--stream", "orders:3", &[], |served| {
            let asked = r#"{"StreamName":"orders"}"#;
            post(served, "DescribeStreamSummary", asked, "X: 1").contains(r#""OpenShardCount":3"#)
        }),
        case("--log", "off", &[], |served| {
            assert!(throttled(served) > 0);
            let _ = served.process.kill();
            let mut said = String::new();
            let stderr = served.process.stderr.as_mut();
            stderr.unwrap().read_to_string(&mut said).unwrap();
            assert!(said.is_empty() || said.contains("--quotas off"), "{said}");
            said.is_empty()
        }),
    ]
}

#[test]
fn every_option_does_what_it_says_by_its_flag_and_by_its_variable() {
    for case in cases() {
        let shown = |set: &dyn Fn(&mut Command)| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
            command.arg("serve").args(case.with).env_clear();
            if case.flag != "--port" {
                command.args(["--port", "0"]);
            } else {
                // Without the option under test any other port will do.
                command.env("KINETIK_PORT", "0");
            }
            set(&mut command);
            (case.shows)(&mut Served::of(command.stderr(Stdio::piped())))
        };
        let flag = |command: &mut Command| {
            command.arg(format!("{}={}", case.flag, case.value));
        };
        let variable = |command: &mut Command| {
            command.env(variable_of(case.flag), &case.value);
        };
        assert!(!shown(&|_| {}), "{} is so without it", case.flag);
        assert!(shown(&flag), "{}={}", case.flag, case.value);
        assert!(shown(&variable), "{}", variable_of(case.flag));
    }
}

#[test]
fn a_region_that_no_arn_may_hold_and_a_name_with_a_port_are_refused() {
    for option in ["--region=a:b", "--region=", "--name=kinesis.test:4567"] {
        let output = Command::new(env!("CARGO_BIN_EXE_kinetik"))
            .args(["serve", option, "--port=no"])
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (flag, _) = option.split_once('=').unwrap();
        assert!(said.contains(flag) && said.contains("expected"), "{said}");
    }
}

#[test]
fn an_empty_variable_is_no_certificate_and_switches_no_tls_on() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    let command = command.args(["serve", "--port=0"]).env_clear();
    let served = Served::of(command.env("KINETIK_TLS", ""));
    assert!(
        served.endpoint.starts_with("http://"),
        "{}",
        served.endpoint
    );
}

#[test]
fn what_there_may_be_many_of_is_repeated() {
    let served = Served::start(&["--stream", "a:1", "--stream", "b:2"]);
    let listed = post(&served, "ListStreams", "{}", "X: 1");
    assert!(listed.contains(r#""StreamNames":["a","b"]"#), "{listed}");
}

#[test]
fn streams_of_the_start_are_made_however_many_there_are_and_however_long_it_takes() {
    let mut options = vec!["--state-delay", "1h"];
    for stream in ["s0:1", "s1:1", "s2:1", "s3:1", "s4:1", "s5:1"] {
        options.extend(["--stream", stream]);
    }
    let served = Served::start(&options);
    let listed = post(&served, "ListStreams", "{}", "X: 1");
    assert!(listed.contains(r#""s5"]"#), "{listed}");
}

#[test]
fn other_machines_without_a_password_are_warned_of_and_those_with_one_are_not() {
    for (keys, is_warned) in [(&[][..], true), (&["--credentials=AKID:secret"], false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
        let command = command
            .args(["serve", "--port=0", "--host=0.0.0.0"])
            .args(keys);
        let mut served = Served::of(command.env_clear().stderr(Stdio::piped()));
        let _ = served.process.kill();
        let mut said = String::new();
        let stderr = served.process.stderr.as_mut();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(
            said.contains("nobody is asked for a password"),
            is_warned,
            "{said}"
        );
    }
}

#[test]
fn nothing_that_a_client_sends_is_logged_even_at_trace() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    command.args([
        "serve",
        "--port=0",
        "--log=trace",
        "--credentials=k:canary-secret",
    ]);
    let mut served = Served::of(command.env_clear().stderr(Stdio::piped()));
    let body = r#"{"StreamName":"canary","PartitionKey":"canary","Data":"Y2FuYXJ5"}"#;
    for header in [
        "X-Canary: canary",
        "Host: canary.test",
        "Origin: http://canary.test",
    ] {
        for operation in ["PutRecord", "Canary\u{1b}[31m", "ListStreams"] {
            post(&served, operation, body, header);
        }
    }
    post(
        &served,
        "PutRecord",
        "canary",
        "X-Amz-Security-Token: canary",
    );
    let _ = served.process.kill();
    let mut said = String::new();
    let stderr = served.process.stderr.as_mut();
    stderr.unwrap().read_to_string(&mut said).unwrap();
    let is_clean = |word: &str| !said.to_ascii_lowercase().contains(word);
    assert!(
        is_clean("canary") && is_clean("y2fuyxj5") && is_clean("\u{1b}"),
        "{said}"
    );
}

#[test]
fn the_help_names_every_option_with_its_variable_and_no_other() {
    let output = Command::new(env!("CARGO_BIN_EXE_kinetik"))
        .args(["serve", "--help"])
        .env_clear()
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let named = help.lines().filter_map(|line| {
        let option = line.trim_start().strip_prefix("--")?;
        let end = option.find(|c: char| c != '-' && !c.is_ascii_lowercase());
        Some(format!("--{}", &option[..end.unwrap_or(option.len())]))
    });
    let told: BTreeSet<_> = named.collect();
    let tested: BTreeSet<_> = cases().iter().map(|case| case.flag.to_owned()).collect();
    assert_eq!(told, tested);
    for option in told {
        let variable = variable_of(&option);
        let is_told = [']', '=']
            .iter()
            .any(|end| help.contains(&format!("[env: {variable}{end}")));
        assert!(is_told, "{variable} is not in {help}");
    }
}

/// `KINETIK_` and the option's name.
fn variable_of(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace('-', "_");
    format!("KINETIK_{}", name.to_ascii_uppercase())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn create(served: &Served, body: &str) -> String {
    post(served, "CreateStream", body, "X: 1")
}

fn summary(served: &Served) -> String {
    create(served, r#"{"StreamName":"made","ShardCount":1}"#);
    post(
        served,
        "DescribeStreamSummary",
        r#"{"StreamName":"made"}"#,
        "X: 1",
    )
}

/// A record of so many bytes.
fn put(served: &Served, size: usize) -> String {
    let data = "A".repeat(size / 3 * 4);
    let body = format!(r#"{{"StreamName":"made","PartitionKey":"k","Data":"{data}"}}"#);
    post(served, "PutRecord", &body, "X: 1")
}

/// How many of 1,500 records to one shard meet its quota.
fn throttled(served: &Served) -> usize {
    create(served, r#"{"StreamName":"made","ShardCount":1}"#);
    let records = vec![r#"{"PartitionKey":"k","Data":"eA=="}"#; 500].join(",");
    let body = format!(r#"{{"StreamName":"made","Records":[{records}]}}"#);
    let refused = |_| {
        let answer = post(served, "PutRecords", &body, "X: 1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.matches("ErrorCode").count()
    };
    (0..3).map(refused).sum()
}

/// The whole answer to a signed request with one more header, which may be the host.
fn post(served: &Served, operation: &str, body: &str, header: &str) -> String {
    let address = served.endpoint.strip_prefix("http://").unwrap();
    let host = if header.starts_with("Host") {
        ""
    } else {
        "Host: localhost\r\n"
    };
    let request = format!(
        "POST / HTTP/1.1\r\n{host}{header}\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20261122T000000Z\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, \
         SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}
