//! Real boto3 and botocore, from PyPI in `build/peers-venv` (`make peers` installs them). Skipped loudly without them,
//! failed with `KINETIK_PEERS=required`.

mod peers;
mod served;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use bytes::Bytes;
use kinetik::api::{Call, ListStreamsInput, PutRecordInput};
use kinetik::runtime::Runtime;
use kinetik::time::Moment;
use kinetik::transport::{Connect, Credentials, Endpoint, Environment, Wire};
use served::Served;

#[test]
fn boto3_creates_puts_reads_lists_and_splits() {
    let Some(python) = peers::python("boto3_creates_puts_reads_lists_and_splits") else {
        return;
    };
    let output = Command::new(python)
        .arg(peers::root().join("tests/sdk/boto3_smoke.py"))
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
    let Some(python) = peers::python(test) else {
        return;
    };
    let output = Command::new(python)
        .arg(peers::root().join("tests/sdk/model_walk.py"))
        .arg(env!("CARGO_BIN_EXE_kinetik"))
        .arg(peers::root().join("core/src/api/model/samples.json"))
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
    let Some(python) = peers::python("the_aws_cli_creates_puts_reads_and_splits") else {
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

/// Requests whose signatures are easily got wrong: in both forms, with tokens and secrets of unusual characters, with an
/// ARN's characters and others beyond ASCII in the body, and with no body to speak of.
#[test]
fn botocore_computes_the_signature_that_was_sent() {
    let Some(python) = peers::python("botocore_computes_the_signature_that_was_sent") else {
        return;
    };
    let put = |key: &str| {
        Call::from(PutRecordInput {
            stream_arn: Some("arn:aws:kinesis:eu-central-1:111122223333:stream/or.d-e_rs".into()),
            partition_key: Some(key.into()),
            data: Some(Bytes::from((0..=255).collect::<Vec<u8>>())),
            ..Default::default()
        })
    };
    let list = Call::from(ListStreamsInput::default());
    let token = "IQoJb3JpZ2luX2VjE+/=//==%20 ; , a";
    for (call, wire, token) in [
        (put("käse \u{1f9c0}\n\"\\"), Wire::Json, None),
        (put("k"), Wire::Json, Some(token)),
        (put("käse \u{1f9c0}"), Wire::Cbor, Some(token)),
        (list.clone(), Wire::Json, Some(token)),
        (list, Wire::Cbor, None),
    ] {
        let sent = sent(call, wire, token);
        let mut checking = Command::new(&python)
            .arg(peers::root().join("tests/sdk/botocore_signature.py"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = checking.stdin.take();
        stdin
            .unwrap()
            .write_all(sent.to_string().as_bytes())
            .unwrap();
        let output = checking.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
    }
}

/// What is sent for a call, and what it is signed with.
fn sent(call: Call, wire: Wire, token: Option<&str>) -> serde_json::Value {
    let (access_key, secret_key, region) = ("AKIDEXAMPLE", "secret/+key=", "eu-central-1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let token = token.map(str::to_owned);
    let connect = Connect {
        region: Some(region.into()),
        credentials: Some(Credentials::new(access_key, secret_key, token.clone())),
        environment: Environment::fixed([("", "")]),
        wire,
        ..Connect::default()
    };
    let transport = Endpoint::from(&url).connect(&connect).unwrap();
    let reading = std::thread::Builder::new()
        .spawn(move || read_one(&listener))
        .unwrap();
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
    serde_json::json!({
        "access_key": access_key, "secret_key": secret_key, "token": token, "region": region,
        "url": url, "headers": headers, "body": base64_simd::STANDARD.encode_to_string(body),
    })
}

/// Reads one request and closes. Gives its head and body.
fn read_one(listener: &TcpListener) -> (String, Vec<u8>) {
    let (socket, _) = listener.accept().unwrap();
    let mut socket = BufReader::new(socket);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        assert!(
            socket.read_line(&mut line).unwrap() > 0,
            "the request was cut"
        );
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        match line.as_str() {
            "\r\n" => break,
            line => head.push_str(line),
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).unwrap();
    (head, body)
}
