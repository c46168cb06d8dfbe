//! The client against servers that speak raw bytes: what it sends, and how it judges what comes back or does not.

#[cfg(feature = "aws")]
mod keys;
mod names;
mod tls;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::api::{ListStreamsInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry};
use crate::time::Clock;
use crate::transport::{Applied, Credentials, Environment, Wire};

/// Long enough to never matter; the runtime's real time runs here.
const LONG: Duration = Duration::from_secs(30);

struct Fake {
    listener: TcpListener,
}

impl Fake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    fn client(&self, variables: &[(&str, &str)], credentials: Option<Credentials>) -> Http {
        client(
            self.listener.local_addr().unwrap().port(),
            variables,
            credentials,
        )
    }

    /// Reads one whole request, writes `answer`, and closes. Returns what was read.
    async fn answer_once(&self, answer: &[u8]) -> String {
        let (mut socket, _) = self.listener.accept().await.unwrap();
        let request = read_request(&mut socket).await;
        socket.write_all(answer).await.unwrap();
        socket.shutdown().await.unwrap();
        // Its end of file: the client must not see a reset instead of the answer.
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
        request
    }
}

fn client(port: u16, variables: &[(&str, &str)], credentials: Option<Credentials>) -> Http {
    let url: HttpUrl = match format!("http://127.0.0.1:{port}").parse().unwrap() {
        crate::transport::Endpoint::Http(url) => url,
        other => panic!("{other}"),
    };
    let options = Connect {
        environment: Environment::fixed(variables.iter().copied()),
        credentials,
        max_answer_bytes: 1 << 20,
        ..Connect::default()
    };
    Http::new(Some(url), options)
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        assert!(
            socket.read_buf(&mut read).await.unwrap() > 0,
            "a cut request: {text}"
        );
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn list_streams() -> Call {
    Call::from(ListStreamsInput::default())
}

async fn call(http: &Http) -> Result<Answer, Fault> {
    let deadline = http.options.clock.now() + LONG;
    http.call(list_streams(), deadline).await
}

async fn judged(answer: &[u8]) -> Result<Answer, Fault> {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    tokio::join!(call(&http), fake.answer_once(answer)).0
}

const GOOD: &[u8] =
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 7f3\r\nContent-Type: application/x-amz-json-1.1\r\n\
    Content-Length: 44\r\n\r\n{\"HasMoreStreams\":false,\"StreamNames\":[\"a\"]}";

#[tokio::test]
async fn a_call_is_one_post_with_target_and_json_body() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let put = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some("k".into()),
        data: Some(Bytes::from_static(b"Hello")),
        ..Default::default()
    });
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 69\r\n\r\n\
        {\"SequenceNumber\":\"4959\",\"ShardId\":\"shardId-000000000000\",\"more\":[1]}";
    let deadline = http.options.clock.now() + LONG;
    let (outcome, request) = tokio::join!(http.call(put, deadline), fake.answer_once(answer));
    let Ok(Answer::PutRecord(output)) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(output.sequence_number, "4959");

    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert_eq!(
        header(&request, "x-amz-target"),
        Some("Kinesis_20131202.PutRecord")
    );
    assert_eq!(
        header(&request, "content-type"),
        Some("application/x-amz-json-1.1")
    );
    let body: serde_json::Value =
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["Data"], "SGVsbG8=");
}

#[tokio::test]
async fn a_loopback_server_gets_placeholders_where_nobody_gave_credentials() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let (_, request) = tokio::join!(call(&http), fake.answer_once(GOOD));
    let authorization = header(&request, "authorization").unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=kinetik/"),
        "{authorization}"
    );
    assert!(header(&request, "x-amz-date").is_some());
}

#[tokio::test]
async fn explicit_credentials_win_over_the_environment_and_both_sign() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "environment-secret"),
        ("AWS_SESSION_TOKEN", "session-token"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let fake = Fake::start().await;
    let http = fake.client(&variables, None);
    let (_, request) = tokio::join!(call(&http), fake.answer_once(GOOD));
    let authorization = header(&request, "authorization").unwrap();
    assert!(
        authorization.contains("Credential=AKIDENVIRONMENT/"),
        "{authorization}"
    );
    assert!(
        authorization.contains("/eu-west-1/kinesis/aws4_request"),
        "{authorization}"
    );
    assert!(
        authorization.contains(
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        ),
        "{authorization}"
    );
    assert_eq!(
        header(&request, "x-amz-security-token"),
        Some("session-token")
    );

    let http = fake.client(
        &variables,
        Some(Credentials::new("AKIDGIVEN", "given-secret", None)),
    );
    let (_, request) = tokio::join!(call(&http), fake.answer_once(GOOD));
    assert!(
        header(&request, "authorization")
            .unwrap()
            .contains("Credential=AKIDGIVEN/")
    );
    assert!(!format!("{http:?} {:?}", http.options).contains("secret"));
}

#[tokio::test]
async fn connections_are_kept_for_the_next_call() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let server = async {
        let (mut socket, _) = fake.listener.accept().await.unwrap();
        for _ in 0..3 {
            read_request(&mut socket).await;
            socket.write_all(GOOD).await.unwrap();
        }
    };
    let calls = async {
        for _ in 0..3 {
            call(&http).await.unwrap();
        }
    };
    tokio::join!(server, calls);
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let fault = call(&client(port, &[], None)).await.unwrap_err();
    assert_eq!(fault.applied(), Applied::No);
    let error = fault.into_error(Operation::ListStreams);
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(
        error
            .message()
            .contains(&format!("http://127.0.0.1:{port}")),
        "{error}"
    );
}

/// An answer cut at every byte, reference/reliability.md section 4: lost, never refused, never a panic.
#[tokio::test]
async fn an_answer_cut_at_any_byte_is_lost_and_may_have_been_applied() {
    for cut in 0..GOOD.len() {
        match judged(&GOOD[..cut]).await {
            Err(Fault::Lost(error)) => {
                assert_eq!(error.kind(), ErrorKind::Connection, "{cut}: {error}");
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    assert!(matches!(judged(GOOD).await, Ok(Answer::ListStreams(_))));
}

/// The same for the answer that acknowledges records: a part of it acknowledges none.
#[tokio::test]
async fn an_answer_to_put_records_cut_at_any_byte_tells_of_no_entry() {
    let body = br#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"4959","ShardId":"shardId-000000000000"},{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow down"}]}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let record = |key: &'static str| PutRecordsRequestEntry {
        partition_key: Some(key.into()),
        data: Some(Bytes::from_static(b"Hello")),
        ..Default::default()
    };
    for cut in 0..=answer.len() {
        let fake = Fake::start().await;
        let http = fake.client(&[], None);
        let put = Call::from(PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some(vec![record("a"), record("b")]),
            ..Default::default()
        });
        let deadline = http.options.clock.now() + LONG;
        let (outcome, _) = tokio::join!(http.call(put, deadline), fake.answer_once(&answer[..cut]));
        match outcome {
            Ok(Answer::PutRecords(output)) if cut == answer.len() => {
                let refused: Vec<_> = output
                    .records
                    .iter()
                    .map(|one| one.refusal().is_some())
                    .collect();
                assert_eq!(refused, [false, true]);
            }
            Err(fault) if cut < answer.len() => {
                assert_eq!(fault.applied(), Applied::Maybe, "cut at {cut}");
                let error = fault.into_error(Operation::PutRecords);
                assert_eq!(error.kind(), ErrorKind::Connection, "{cut}: {error}");
            }
            other => panic!("cut at {cut} of {}: {other:?}", answer.len()),
        }
    }
}

#[tokio::test]
async fn silence_until_the_deadline_is_lost_once_the_request_was_sent() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let server = async {
        let (mut socket, _) = fake.listener.accept().await.unwrap();
        read_request(&mut socket).await;
        socket
    };
    let calling = http.call(
        list_streams(),
        http.options.clock.now() + Duration::from_millis(80),
    );
    let (outcome, _socket) = tokio::join!(calling, server);
    let fault = outcome.unwrap_err();
    assert_eq!(fault.applied(), Applied::Maybe);
    assert_eq!(
        fault.into_error(Operation::ListStreams).kind(),
        ErrorKind::TimedOut
    );
}

#[tokio::test]
async fn a_deadline_that_has_passed_sends_nothing() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let fault = http.call(list_streams(), Moment::ZERO).await.unwrap_err();
    assert_eq!(fault.applied(), Applied::No);
    assert_eq!(
        fault.into_error(Operation::ListStreams).kind(),
        ErrorKind::TimedOut
    );
}

#[tokio::test]
async fn refusals_carry_name_text_status_and_request_id() {
    let body = br#"{"__type":"com.amazonaws.kinesis.v20131202#ResourceNotFoundException:http://x/","message":"gone"}"#;
    let answer = [
        format!(
            "HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: id-1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .as_bytes(),
        body,
    ]
    .concat();
    let Err(Fault::Refused(refusal)) = judged(&answer).await else {
        panic!("refused")
    };
    assert_eq!(refusal.code(), "ResourceNotFoundException");
    assert_eq!((refusal.message(), refusal.status()), (Some("gone"), 400));
    assert_eq!(refusal.request_id(), Some("id-1"));

    let answer = b"HTTP/1.1 400 Bad Request\r\nx-amzn-ErrorType: ResourceInUseException:\r\nContent-Length: 0\r\n\r\n";
    let Err(fault @ Fault::Refused(_)) = judged(answer).await else {
        panic!("refused")
    };
    assert_eq!(
        fault.into_error(Operation::ListStreams).kind(),
        ErrorKind::ResourceInUse
    );
}

#[tokio::test]
async fn a_gateways_page_is_a_refusal_that_may_have_been_applied() {
    let answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";
    let fault = judged(answer).await.unwrap_err();
    assert_eq!(fault.applied(), Applied::Maybe);
    let error = fault.into_error(Operation::ListStreams);
    assert_eq!(
        (error.kind(), error.http_status()),
        (ErrorKind::Unavailable, Some(502))
    );
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_lost_as_not_understood() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let Err(Fault::Lost(error)) = judged(answer).await else {
        panic!("lost")
    };
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn an_answer_above_the_bound_is_refused_before_it_is_read() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{";
    let Err(Fault::Lost(error)) = judged(answer).await else {
        panic!("lost")
    };
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("1048576"), "{error}");
}

#[tokio::test]
async fn endless_chunks_are_cut_off_at_the_bound() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let server = async {
        let (mut socket, _) = fake.listener.accept().await.unwrap();
        read_request(&mut socket).await;
        let _ = socket
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        let chunk = [b"8000\r\n".as_slice(), &[b' '; 0x8000], b"\r\n"].concat();
        let mut chunks = 0;
        while socket.write_all(&chunk).await.is_ok() {
            chunks += 1;
        }
        chunks
    };
    let (outcome, chunks) = tokio::join!(call(&http), server);
    let Err(Fault::Lost(error)) = outcome else {
        panic!("lost")
    };
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(chunks < 1_000, "{chunks}");
}

#[tokio::test]
async fn without_region_or_credentials_a_foreign_host_is_refused_before_anything_is_sent() {
    let reach = |variables: &[(&str, &str)]| {
        let options = Connect {
            environment: Environment::fixed(variables.iter().copied()),
            ..Connect::default()
        };
        Http::new(None, options)
    };
    for (variables, kind, word) in [
        (&[][..], ErrorKind::InvalidArgument, "AWS_REGION"),
        (
            &[("AWS_REGION", "eu-west-1")][..],
            ErrorKind::Unauthenticated,
            "AWS_ACCESS_KEY_ID",
        ),
        (
            &[("AWS_ENDPOINT_URL", "memory://")][..],
            ErrorKind::InvalidArgument,
            "AWS_ENDPOINT_URL",
        ),
    ] {
        let http = reach(variables);
        let Err(Fault::NotSent(error)) = call(&http).await else {
            panic!("not sent")
        };
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(word), "{error}");
    }
}

#[tokio::test]
async fn the_endpoint_variables_are_followed_the_specific_one_first() {
    let fake = Fake::start().await;
    let url = format!("http://{}", fake.listener.local_addr().unwrap());
    let nowhere = "http://127.0.0.1:1";
    for variables in [
        vec![("AWS_ENDPOINT_URL", &*url)],
        vec![
            ("AWS_ENDPOINT_URL", nowhere),
            ("AWS_ENDPOINT_URL_KINESIS", &*url),
        ],
    ] {
        let options = Connect {
            environment: Environment::fixed(variables),
            ..Connect::default()
        };
        let http = Http::new(None, options);
        let (outcome, _) = tokio::join!(call(&http), fake.answer_once(GOOD));
        outcome.unwrap();
    }
}

/// The signature as botocore 1.44.5 computes it for the same request, key, region and time.
#[test]
fn signatures_are_those_of_botocore() {
    let mut request = Request::new(());
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = "https://kinesis.us-east-1.amazonaws.com/".parse().unwrap();
    for (name, value) in [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "Kinesis_20131202.PutRecord"),
        ("user-agent", "not signed"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let credentials = Credentials::new(
        "AKIDEXAMPLE",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        Some("a+token/=".into()),
    );
    let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
    let body = [
        Bytes::from_static(br#"{"StreamName":"orders","Data":"SGVsb"#),
        Bytes::from_static(br#"G8=","PartitionKey":"k"}"#),
    ];
    let signed = sign::signed(
        request,
        &body,
        &credentials.identity(),
        "us-east-1",
        clock.wall(),
    )
    .unwrap();
    assert_eq!(signed.headers()["x-amz-date"], "20231114T221320Z");
    assert_eq!(
        signed.headers()["authorization"],
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/kinesis/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=4b6c5b31cea8be512cc27f6ad3156c5e262436b8b5cc168c06411fee2c23e227"
    );
}

/// A server that is asked for AWS's host: plain HTTP through a proxy, which is the fake itself.
fn through_proxy(fake: &Fake, user: &str, wire: Wire) -> Http {
    let port = fake.listener.local_addr().unwrap().port();
    let options = Connect {
        region: Some("us-east-1".into()),
        credentials: Some(Credentials::new("AKID", "secret", None)),
        proxy: Some(format!("http://{user}127.0.0.1:{port}").parse().unwrap()),
        environment: Environment::fixed([("NO_PROXY", "*")]),
        wire,
        ..Connect::default()
    };
    match "http://kinesis.us-east-1.amazonaws.com".parse().unwrap() {
        crate::transport::Endpoint::Http(url) => Http::new(Some(url), options),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_plain_hosts_with_its_own_authorization() {
    let fake = Fake::start().await;
    let http = through_proxy(&fake, "user:pass@", Wire::Json);
    let (outcome, request) = tokio::join!(call(&http), fake.answer_once(GOOD));
    outcome.unwrap();
    let first = "POST http://kinesis.us-east-1.amazonaws.com/ HTTP/1.1\r\n";
    assert!(request.starts_with(first), "{request}");
    let authorization = header(&request, "proxy-authorization");
    assert_eq!(authorization, Some("Basic dXNlcjpwYXNz"));
    let host = header(&request, "host");
    assert_eq!(host, Some("kinesis.us-east-1.amazonaws.com"));
    assert!(!format!("{http:?} {:?}", http.options).contains("pass"));
}

/// Emulators answer CBOR in many ways; each way leads to JSON, within the same call where nothing can have been done.
#[tokio::test]
async fn an_endpoint_that_does_not_understand_cbor_is_asked_in_json_from_then_on() {
    for refused in [
        "HTTP/1.1 400 X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 37\r\n\r\n\
         {\"__type\":\"SerializationException\"}  ",
        "HTTP/1.1 404 X\r\nContent-Length: 31\r\n\r\n<UnknownOperationException/>   ",
        "HTTP/1.1 415 X\r\nContent-Length: 0\r\n\r\n",
    ] {
        let fake = Fake::start().await;
        let http = through_proxy(&fake, "", Wire::Auto);
        let server = async {
            let first = fake.answer_once(refused.as_bytes()).await;
            (
                first,
                fake.answer_once(GOOD).await,
                fake.answer_once(GOOD).await,
            )
        };
        let calls = async {
            call(&http).await.unwrap();
            call(&http).await.unwrap();
        };
        let ((first, again, next), ()) = tokio::join!(server, calls);
        let types = [first, again, next]
            .map(|request| header(&request, "content-type").unwrap().to_owned());
        let json = "application/x-amz-json-1.1";
        assert_eq!(types, ["application/x-amz-cbor-1.1", json, json]);
    }
}

#[tokio::test]
async fn a_server_that_fails_on_cbor_is_asked_in_json_at_the_next_attempt() {
    let fake = Fake::start().await;
    let http = through_proxy(&fake, "", Wire::Auto);
    let failed = b"HTTP/1.1 500 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    let (outcome, _) = tokio::join!(call(&http), fake.answer_once(failed));
    assert_eq!(outcome.unwrap_err().applied(), Applied::Maybe);
    let (outcome, request) = tokio::join!(call(&http), fake.answer_once(GOOD));
    outcome.unwrap();
    let form = header(&request, "content-type");
    assert_eq!(form, Some("application/x-amz-json-1.1"));
}

#[tokio::test]
async fn a_server_that_says_it_is_kinetik_is_asked_in_cbor_from_then_on() {
    let fake = Fake::start().await;
    let http = fake.client(&[], None);
    let known = String::from_utf8_lossy(GOOD).replace("x-amzn", "Server: kinetik/0.1.0\r\nx-amzn");
    let (_, first) = tokio::join!(call(&http), fake.answer_once(known.as_bytes()));
    let (outcome, second) = tokio::join!(call(&http), fake.answer_once(GOOD));
    // What comes back in another form than was asked for is read as what it says it is.
    outcome.unwrap();
    let types = [&first, &second].map(|request| header(request, "content-type"));
    assert_eq!(types[0], Some("application/x-amz-json-1.1"));
    assert_eq!(types[1], Some("application/x-amz-cbor-1.1"));
}

#[tokio::test]
async fn those_who_go_the_same_way_share_a_connection_and_others_have_their_own() {
    let fake = Fake::start().await;
    let port = fake.listener.local_addr().unwrap().port();
    let way = |region: &str| {
        let options = Connect {
            region: Some(region.into()),
            credentials: Some(Credentials::new("AKID", "secret", None)),
            proxy: Some("none".parse().unwrap()),
            ..Connect::default()
        };
        match format!("http://127.0.0.1:{port}").parse().unwrap() {
            crate::transport::Endpoint::Http(url) => Http::new(Some(url), options),
            other => panic!("{other}"),
        }
    };
    let server = async {
        let mut sockets = Vec::new();
        for calls in [2, 1] {
            let (mut socket, _) = fake.listener.accept().await.unwrap();
            for _ in 0..calls {
                read_request(&mut socket).await;
                socket.write_all(GOOD).await.unwrap();
            }
            sockets.push(socket);
        }
        sockets
    };
    let calls = async {
        let (one, other) = (way("us-east-1"), way("us-east-1"));
        call(&one).await.unwrap();
        call(&other).await.unwrap();
        call(&way("eu-west-1")).await.unwrap();
    };
    tokio::join!(server, calls);
}

#[tokio::test]
async fn fips_and_dual_stack_do_not_go_together_with_a_foreign_endpoint() {
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let options = Connect {
            environment: Environment::fixed([
                (name, "true"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", "https://kinesis.example.test"),
            ]),
            ..Connect::default()
        };
        let Err(Fault::NotSent(error)) = call(&Http::new(None, options)).await else {
            panic!("not sent")
        };
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}
