//! The bytes that the AWS SDKs for Python, JavaScript and Java send for a call, captured and compared with kinetik's. Skipped
//! loudly without them (`make peers` installs them), failed with `KINETIK_PEERS=required`.

mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kinetik::api::{Answer, Call, Form, Operation, PutRecordInput, PutRecordOutput};
use kinetik::runtime::Runtime;
use kinetik::time::Moment;
use kinetik::transport::{Connect, Credentials, Endpoint, Environment, Wire};
use tokio::net::{TcpListener, TcpStream};

/// What was sent.
struct Captured {
    /// Method, path and query.
    line: String,
    headers: BTreeMap<String, String>,
    body: Bytes,
}

/// Answers every PutRecord in the form that it came in, over HTTP/1.1 and HTTP/2, and hands out what was sent.
fn capture() -> (String, Receiver<Captured>) {
    let (sender, receiver) = channel();
    let runtime = Runtime::shared().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, sender.clone()));
        }
    });
    (endpoint, receiver)
}

async fn serve(socket: TcpStream, sender: Sender<Captured>) {
    let mut first = [0; 3];
    let is_h2 = socket.peek(&mut first).await.is_ok() && &first == b"PRI";
    let service = service_fn(move |request| answer(request, sender.clone()));
    let io = TokioIo::new(socket);
    let _ = match is_h2 {
        true => {
            let builder = http2::Builder::new(TokioExecutor::new());
            builder.serve_connection(io, service).await
        }
        false => http1::Builder::new().serve_connection(io, service).await,
    };
}

async fn answer(
    request: Request<Incoming>,
    sender: Sender<Captured>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let headers: BTreeMap<_, _> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    let content_type = headers["content-type"].clone();
    let form = Form::from_content_type(&content_type).unwrap();
    let line = format!("{} {}", head.method, head.uri.path_and_query().unwrap());
    let _ = sender.send(Captured {
        line,
        headers,
        body,
    });
    let stored = Answer::PutRecord(PutRecordOutput {
        shard_id: "shardId-000000000000".into(),
        sequence_number: "1".into(),
        ..Default::default()
    });
    let response = Response::builder().header("content-type", content_type);
    let body = Full::new(form.encode_answer(&stored));
    Ok(response.body(body).unwrap())
}

impl Captured {
    /// What decides how a service understands a request, of the form `form`.
    fn essence(&self, form: Form) -> (String, [String; 2], Bytes) {
        let header = |name: &str| self.headers[name].clone();
        let names = ["content-type", "x-amz-target"].map(header);
        // The order of members is nobody's business.
        let call = form.decode_call(Operation::PutRecord, &self.body);
        let body = Form::Json.encode_call(&call.unwrap());
        (self.line.clone(), names, body)
    }

    /// The parts of the signature, and that it covers what it must.
    fn scope(&self) -> String {
        let authorization = &self.headers["authorization"];
        let part = |name: &str| {
            let rest = authorization.split(&format!("{name}=")).nth(1).unwrap();
            rest.split(',').next().unwrap().trim().to_owned()
        };
        let signed: BTreeSet<_> = part("SignedHeaders")
            .split(';')
            .map(str::to_owned)
            .collect();
        for name in ["x-amz-date", "x-amz-target"] {
            assert!(signed.contains(name), "{authorization}");
        }
        // Over HTTP/2 the JavaScript SDK signs the host by its name there.
        let host = ["host", ":authority"];
        assert!(
            host.iter().any(|name| signed.contains(*name)),
            "{authorization}"
        );
        let algorithm = authorization.split(' ').next().unwrap();
        let scope = part("Credential");
        let (_, scope) = scope.split_once('/').unwrap();
        let (day, rest) = scope.split_once('/').unwrap();
        assert!(self.headers["x-amz-date"].starts_with(day));
        format!("{algorithm} {rest}")
    }
}

/// What kinetik sends for the same call.
fn of_kinetik(wire: Wire) -> Captured {
    let (endpoint, captured) = capture();
    let connect = Connect {
        region: Some("us-east-1".into()),
        credentials: Some(Credentials::new("test", "test", None)),
        environment: Environment::fixed([("", "")]),
        wire,
        ..Connect::default()
    };
    let transport = Endpoint::from(endpoint).connect(&connect).unwrap();
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some("käse".into()),
        data: Some("Hello".into()),
        ..Default::default()
    });
    let answer = Runtime::shared()
        .unwrap()
        .block_on(transport.call(call, Moment::MAX));
    assert!(matches!(answer, Ok(Answer::PutRecord(_))), "{answer:?}");
    captured.recv().unwrap()
}

fn is_as(peer: impl FnOnce(&str) -> Command, form: Form) {
    let (endpoint, captured) = capture();
    let output = peer(&endpoint).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let theirs = captured.recv().unwrap();
    let ours = of_kinetik(match form {
        Form::Json => Wire::Json,
        Form::Cbor => Wire::Cbor,
    });
    let essence = ours.essence(form);
    assert_eq!(essence, theirs.essence(form));
    assert_eq!(ours.scope(), theirs.scope());
}

#[test]
fn a_put_is_on_the_wire_what_boto3_sends() {
    let Some(python) = peers::python("a_put_is_on_the_wire_what_boto3_sends") else {
        return;
    };
    let script = "import boto3, sys; boto3.client('kinesis', endpoint_url=sys.argv[1], region_name='us-east-1', \
                  aws_access_key_id='test', aws_secret_access_key='test').put_record(StreamName='orders', \
                  PartitionKey='käse', Data=b'Hello')";
    let peer = |endpoint: &str| {
        let mut command = Command::new(python);
        command.args(["-c", script, endpoint]);
        command
    };
    is_as(peer, Form::Json);
}

#[test]
fn a_put_is_on_the_wire_what_the_javascript_sdk_sends() {
    let test = "a_put_is_on_the_wire_what_the_javascript_sdk_sends";
    let peers = peers::root().join("tests/peers");
    if !peers::is_there(test, &peers.join("node_modules/@aws-sdk/client-kinesis")) {
        return;
    }
    let script = "const {KinesisClient, PutRecordCommand} = require('@aws-sdk/client-kinesis'); \
                  new KinesisClient({endpoint: process.argv[1], region: 'us-east-1', \
                  credentials: {accessKeyId: 'test', secretAccessKey: 'test'}}).send(new PutRecordCommand(\
                  {StreamName: 'orders', PartitionKey: 'käse', Data: Buffer.from('Hello')})).then(() => process.exit(0))";
    let peer = |endpoint: &str| {
        let mut command = Command::new("node");
        command.args(["-e", script, endpoint]).current_dir(peers);
        command
    };
    is_as(peer, Form::Json);
}

#[test]
fn a_put_is_on_the_wire_what_the_java_sdk_sends_in_cbor() {
    let test = "a_put_is_on_the_wire_what_the_java_sdk_sends_in_cbor";
    let built = peers::root().join("build/java");
    if !peers::is_there(test, &built.join("classes/Wire.class")) {
        return;
    }
    let peer = |endpoint: &str| {
        let mut command = Command::new("java");
        let path = format!("{0}/classes:{0}/lib/*", built.display());
        command.args(["-cp", &path, "Wire", endpoint]);
        command
    };
    is_as(peer, Form::Cbor);
}
