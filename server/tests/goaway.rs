//! Servers that end HTTP/2 connections with GOAWAY, as AWS's front ends do now and then: ledger row 69.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use hyper::{Request, Response};
use kinetik::ErrorKind;
use kinetik::api::{ListStreamsInput, PutRecordInput};
use kinetik::client::{Client, ClientConfig};
use kinetik::transport::{Connect, Credentials, Endpoint};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

const ANSWER: &[u8] = b"{\"HasMoreStreams\":false,\"StreamNames\":[\"orders\"]}";

type Served = Connection<TlsStream<TcpStream>, Bytes>;

/// A server whose connections are served by what a test says.
struct Away {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: PathBuf,
    connections: AtomicU32,
}

impl Away {
    async fn start(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let certificate =
            std::env::temp_dir().join(format!("kinetik-{name}-{}.pem", std::process::id()));
        std::fs::write(&certificate, &chain).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
            connections: AtomicU32::new(0),
        }
    }

    fn client(&self) -> Client {
        let port = self.listener.local_addr().unwrap().port();
        let endpoint: Endpoint = format!("https://localhost:{port}").parse().unwrap();
        let connect = Connect {
            region: Some("us-east-1".to_owned()),
            credentials: Some(Credentials::new("AKID", "secret", None)),
            ca_bundle: Some(self.certificate.clone()),
            ..Connect::default()
        };
        Client::connect(&endpoint, &connect, ClientConfig::default()).unwrap()
    }

    /// The next connection.
    async fn connection(&self) -> Served {
        let (socket, _) = self.listener.accept().await.unwrap();
        self.connections.fetch_add(1, Ordering::Relaxed);
        let socket = self.acceptor.accept(socket).await.unwrap();
        h2::server::handshake(socket).await.unwrap()
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.certificate);
    }
}

/// The next request of a connection, read to its end.
async fn request(connection: &mut Served) -> SendResponse<Bytes> {
    let (request, respond): (Request<RecvStream>, _) = connection.accept().await.unwrap().unwrap();
    drop(request);
    respond
}

fn answer(respond: &mut SendResponse<Bytes>) {
    let head = Response::builder()
        .header("x-amzn-requestid", "7f3")
        .body(())
        .unwrap();
    let mut body = respond.send_response(head, false).unwrap();
    body.send_data(Bytes::from_static(ANSWER), true).unwrap();
}

/// Works until the connection is over.
async fn finish(mut connection: Served) {
    while let Some(Ok(_)) = connection.accept().await {}
}

#[tokio::test]
async fn ledger_69_calls_behind_a_goaway_go_over_another_connection_at_their_first_attempt() {
    let server = Away::start("goaway-behind").await;
    let client = server.client();
    let serve = async {
        for _ in 0..3 {
            let mut connection = server.connection().await;
            let mut respond = request(&mut connection).await;
            connection.graceful_shutdown();
            answer(&mut respond);
            finish(connection).await;
        }
    };
    let calls = async {
        for _ in 0..3 {
            let output = client
                .list_streams(ListStreamsInput::default())
                .await
                .unwrap();
            assert_eq!(output.stream_names, ["orders"]);
        }
    };
    tokio::join!(serve, calls);
    assert_eq!(
        server.connections.load(Ordering::Relaxed),
        3,
        "one attempt each"
    );
}

#[tokio::test]
async fn ledger_69_a_call_that_a_goaway_cuts_off_is_tried_again() {
    let server = Away::start("goaway-cut").await;
    let client = server.client();
    let serve = async {
        let mut connection = server.connection().await;
        let _respond = request(&mut connection).await;
        connection.abrupt_shutdown(Reason::NO_ERROR);
        finish(connection).await;
        let mut connection = server.connection().await;
        let mut respond = request(&mut connection).await;
        answer(&mut respond);
        connection.graceful_shutdown();
        finish(connection).await;
    };
    let (output, ()) = tokio::join!(client.list_streams(ListStreamsInput::default()), serve);
    assert_eq!(output.unwrap().stream_names, ["orders"]);
}

#[tokio::test]
async fn ledger_69_what_a_goaway_cuts_off_may_have_been_applied() {
    let server = Away::start("goaway-doubt").await;
    let client = server.client();
    let serve = async {
        let mut connection = server.connection().await;
        let _respond = request(&mut connection).await;
        connection.abrupt_shutdown(Reason::NO_ERROR);
        finish(connection).await;
    };
    let put = PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some("k".into()),
        data: Some(Bytes::from_static(b"x")),
        ..Default::default()
    };
    let deadline = client.clock().now() + std::time::Duration::from_secs(30);
    let (outcome, ()) = tokio::join!(client.attempt(put.into(), deadline), serve);
    let fault = outcome.unwrap_err();
    assert_eq!(fault.applied(), kinetik::transport::Applied::Maybe);
    let error = fault.into_error(kinetik::api::Operation::PutRecord);
    assert_eq!(error.kind(), ErrorKind::Connection);
}
