//! What stands between a reader and a server: it sees connections, versions and signatures, refuses keys as expired, and
//! falls silent without closing.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kinetik::transport::{Connect, Names};
use kinetik_server::Server;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The name that it is called by: none of this machine's own, so that requests must be signed.
pub const HOST_NAME: &str = "kinesis.test";

/// A connection as it was used.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The protocol that TLS agreed on.
    pub agreed: Option<String>,
    /// What was asked for, and in which version of HTTP.
    pub asked: Vec<(String, Version)>,
    is_silent: Arc<AtomicBool>,
}

impl Connection {
    pub fn is_of_subscriptions(&self) -> bool {
        let mut asked = self.asked.iter();
        asked.any(|(operation, _)| operation == "SubscribeToShard")
    }
}

#[derive(Default)]
struct Seen {
    connections: Vec<Connection>,
    expired: BTreeSet<String>,
    /// The keys of requests, in order, and whether they had expired.
    keys: Vec<(String, bool)>,
}

/// Runs on a thread of its own until it is dropped.
pub struct Front {
    port: u16,
    /// Its certificate as a file, where it speaks TLS.
    roots: Option<PathBuf>,
    seen: Arc<Mutex<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// One before a server that answers to [`HOST_NAME`] without TLS.
    pub fn start(server: &Server, is_tls: bool) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = is_tls.then(tls);
        let roots = tls.as_ref().map(|(_, certificate)| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let file = format!("kinetik-front-{}-{number}.pem", std::process::id());
            let file = std::env::temp_dir().join(file);
            std::fs::write(&file, certificate).unwrap();
            file
        });
        let seen = Arc::<Mutex<Seen>>::default();
        let passing = Passing {
            server: server.address(),
            seen: Arc::clone(&seen),
            tls: tls.map(|(acceptor, _)| acceptor),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::spawn(passing.accept(TcpListener::from_std(listener).unwrap()));
                let _ = stopped.await;
            });
        };
        Self {
            port,
            roots,
            seen,
            stop: Some(stop),
            thread: Some(thread::Builder::new().spawn(serve).unwrap()),
        }
    }

    pub fn endpoint(&self) -> String {
        let scheme = if self.roots.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{HOST_NAME}:{}", self.port)
    }

    /// How it is reached, but for credentials.
    pub fn connect(&self) -> Connect {
        Connect {
            region: Some("us-east-1".into()),
            ca_bundle: self.roots.clone(),
            names: Names::asking(|_| Ok(vec![(Ipv4Addr::LOCALHOST, 0).into()])),
            ..Connect::default()
        }
    }

    pub fn connections(&self) -> Vec<Connection> {
        self.seen.lock().connections.clone()
    }

    /// From now on nothing passes on the connections that carry subscriptions, in neither direction, and none of them ends.
    pub fn silence_subscriptions(&self) {
        let seen = self.seen.lock();
        let carrying = |connection: &&Connection| connection.is_of_subscriptions();
        for connection in seen.connections.iter().filter(carrying) {
            connection.is_silent.store(true, Ordering::Relaxed);
        }
    }

    /// From now on requests that this key signed are refused as the service refuses expired ones.
    pub fn expire(&self, key: &str) {
        self.seen.lock().expired.insert(key.to_owned());
    }

    /// How many requests of a key came, and how many of them were refused as expired.
    pub fn asked_by(&self, key: &str) -> (usize, usize) {
        let seen = self.seen.lock();
        let of_key = seen.keys.iter().filter(|(by, _)| by == key);
        let refused = of_key.clone().filter(|(_, is_expired)| *is_expired);
        (of_key.count(), refused.count())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
        if let Some(file) = &self.roots {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// What an acceptor needs, and the certificate that it shows.
fn tls() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed([HOST_NAME.to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    // As AWS offers them.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// What its connections share.
#[derive(Clone)]
struct Passing {
    server: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    tls: Option<TlsAcceptor>,
}

type Answer = Response<Either<Incoming, Full<Bytes>>>;
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

impl Passing {
    async fn accept(self, listener: TcpListener) {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let is_silent = Arc::<AtomicBool>::default();
            let number = {
                let mut seen = self.seen.lock();
                seen.connections.push(Connection {
                    agreed: None,
                    asked: Vec::new(),
                    is_silent: Arc::clone(&is_silent),
                });
                seen.connections.len() - 1
            };
            tokio::spawn(self.clone().serve(number, Gate { socket, is_silent }));
        }
    }

    async fn serve(self, number: usize, socket: Gate) {
        let Some(tls) = self.tls.clone() else {
            return self.talk(number, socket, false).await;
        };
        if let Ok(socket) = tls.accept(socket).await {
            let agreed = socket.get_ref().1.alpn_protocol();
            let agreed = agreed.map(|name| String::from_utf8_lossy(name).into_owned());
            let is_http2 = agreed.as_deref() == Some("h2");
            self.seen.lock().connections[number].agreed = agreed;
            self.talk(number, socket, is_http2).await;
        }
    }

    async fn talk(
        self,
        number: usize,
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        is_http2: bool,
    ) {
        let server = Client::builder(TokioExecutor::new()).build_http();
        let service = service_fn(|request| self.pass(number, &server, request));
        let socket = TokioIo::new(socket);
        let _ = match is_http2 {
            true => {
                http2::Builder::new(TokioExecutor::new())
                    .serve_connection(socket, service)
                    .await
            }
            false => {
                http1::Builder::new()
                    .serve_connection(socket, service)
                    .await
            }
        };
    }

    fn pass(
        &self,
        number: usize,
        server: &Client<HttpConnector, Incoming>,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Outcome<Answer>> + Send + 'static {
        let is_expired = self.note(number, &request);
        // The server speaks HTTP/1.1 here, and checks what was signed.
        if let Some(host) = request.uri().authority() {
            let host = HeaderValue::from_str(host.as_str()).unwrap();
            request.headers_mut().insert(HOST, host);
        }
        *request.version_mut() = Version::HTTP_11;
        *request.uri_mut() = format!("http://{}/", self.server).parse().unwrap();
        let answer = (!is_expired).then(|| server.request(request));
        async move {
            let Some(answer) = answer else {
                return Ok(expired());
            };
            let mut answer = answer.await?;
            answer.headers_mut().remove(TRANSFER_ENCODING);
            Ok(answer.map(Either::Left))
        }
    }

    /// Whether the key of a request has expired.
    fn note(&self, number: usize, request: &Request<Incoming>) -> bool {
        let header = |name: &str| {
            let value = request.headers().get(name).map(HeaderValue::to_str);
            value.unwrap().unwrap()
        };
        let operation = header("x-amz-target").rsplit('.').next().unwrap();
        let signed = header(AUTHORIZATION.as_str())
            .split_once("Credential=")
            .unwrap();
        let key = signed.1.split('/').next().unwrap();
        let mut seen = self.seen.lock();
        let asked = &mut seen.connections[number].asked;
        asked.push((operation.to_owned(), request.version()));
        let is_expired = seen.expired.contains(key);
        seen.keys.push((key.to_owned(), is_expired));
        is_expired
    }
}

fn expired() -> Answer {
    let body = r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    let mut answer = Response::new(Either::Right(Full::new(Bytes::from(body))));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    let form = HeaderValue::from_static("application/x-amz-json-1.1");
    answer.headers_mut().insert(CONTENT_TYPE, form);
    answer
}

/// A socket that can fall silent: nothing passes from then on, and nobody is told.
struct Gate {
    socket: TcpStream,
    is_silent: Arc<AtomicBool>,
}

impl Gate {
    fn open(&mut self) -> Poll<Pin<&mut TcpStream>> {
        match self.is_silent.load(Ordering::Relaxed) {
            true => Poll::Pending,
            false => Poll::Ready(Pin::new(&mut self.socket)),
        }
    }
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        std::task::ready!(self.open()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        std::task::ready!(self.open()).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        std::task::ready!(self.open()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        std::task::ready!(self.open()).poll_shutdown(cx)
    }
}
