//! Real boto3 and botocore, from PyPI in `build/peers-venv` (`make peers` installs them). Skipped loudly without them,
//! failed with `KINETIK_PEERS=required`.

mod served;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kinetik::api::{Call, PutRecordInput};
use kinetik::runtime::Runtime;
use kinetik::time::Moment;
use kinetik::transport::{Connect, Credentials, Endpoint, Environment};
use served::Served;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The interpreter that has boto3, if there is one.
fn python(test: &str) -> Option<PathBuf> {
    let python = root().join("build/peers-venv/bin/python");
    let works = Command::new(&python)
        .args(["-c", "import boto3"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if works {
        return Some(python);
    }
    let required = std::env::var("KINETIK_PEERS").is_ok_and(|value| value == "required");
    assert!(!required, "{test}: no boto3 in build/peers-venv");
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test}: no boto3 in build/peers-venv (python3 -m venv build/peers-venv; \
         build/peers-venv/bin/pip install boto3==1.44.5)"
    );
    None
}

fn script(name: &str) -> PathBuf {
    root().join("tests/sdk").join(name)
}

#[test]
fn boto3_creates_puts_reads_lists_and_splits() {
    let Some(python) = python("boto3_creates_puts_reads_lists_and_splits") else {
        return;
    };
    let output = Command::new(python)
        .arg(script("boto3_smoke.py"))
        .arg(env!("CARGO_BIN_EXE_kinetik"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_operation_of_botocores_model_answers_with_every_member_that_it_has() {
    let test = "every_operation_of_botocores_model_answers_with_every_member_that_it_has";
    let Some(python) = python(test) else {
        return;
    };
    let output = Command::new(python)
        .arg(script("model_walk.py"))
        .arg(env!("CARGO_BIN_EXE_kinetik"))
        .arg(root().join("core/src/api/model/samples.json"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_aws_cli_creates_puts_reads_and_splits() {
    let Some(python) = python("the_aws_cli_creates_puts_reads_and_splits") else {
        return;
    };
    let served = Served::start(&[]);
    let aws = |arguments: &str| {
        let output = Command::new(python.with_file_name("aws"))
            .arg("kinesis")
            .args(arguments.split(' '))
            .args(["--output", "text"])
            .env("AWS_ENDPOINT_URL_KINESIS", &served.endpoint)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    aws("create-stream --stream-name orders --shard-count 1");
    aws("put-record --stream-name orders --partition-key k --data Hello");
    let iterator = aws(
        "get-shard-iterator --stream-name orders --shard-id 0 --shard-iterator-type TRIM_HORIZON --query ShardIterator",
    );
    let read = aws(&format!(
        "get-records --shard-iterator {iterator} --query Records[].Data"
    ));
    assert_eq!(read, "SGVsbG8=", "it shows base64");
    let middle = (1_u128 << 127).to_string();
    aws(&format!(
        "split-shard --stream-name orders --shard-to-split shardId-000000000000 --new-starting-hash-key {middle}"
    ));
    let shards = aws("list-shards --stream-name orders --query Shards[].ShardId");
    assert_eq!(shards.split_whitespace().count(), 3, "{shards}");
}

#[test]
fn botocore_computes_the_signature_that_was_sent() {
    let Some(python) = python("botocore_computes_the_signature_that_was_sent") else {
        return;
    };
    let (access_key, secret_key, region) = ("AKIDEXAMPLE", "secret/+key", "eu-central-1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let endpoint: Endpoint = url.parse().unwrap();
    let transport = endpoint
        .connect(&Connect {
            region: Some(region.into()),
            credentials: Some(Credentials::new(access_key, secret_key, None)),
            environment: Environment::fixed([("", "")]),
            ..Connect::default()
        })
        .unwrap();
    let reading = std::thread::Builder::new()
        .spawn(move || read_one(&listener))
        .unwrap();
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some("käse".into()),
        data: Some("Hello".into()),
        ..Default::default()
    });
    // The listener closes without an answer, so the call is lost; what counts is what was sent.
    let lost = Runtime::shared()
        .unwrap()
        .block_on(transport.call(call, Moment::MAX));
    assert!(lost.is_err());
    let (head, body) = reading.join().unwrap();
    let headers: serde_json::Map<_, _> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let sent = serde_json::json!({
        "access_key": access_key, "secret_key": secret_key, "region": region,
        "url": url, "headers": headers, "body": body,
    });
    let mut checking = Command::new(python)
        .arg(script("botocore_signature.py"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checking
        .stdin
        .take()
        .unwrap()
        .write_all(sent.to_string().as_bytes())
        .unwrap();
    let output = checking.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Reads one request and closes. Gives its head and body.
fn read_one(listener: &TcpListener) -> (String, String) {
    let (mut socket, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = socket.read(&mut buffer).unwrap();
        assert!(count > 0, "the request was cut");
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.ends_with('}')
        {
            return (head.to_owned(), body.to_owned());
        }
    }
}
