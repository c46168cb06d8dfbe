//! An Amazon Kinesis endpoint on this machine: the HTTP front of a kinetik [`Engine`], for any AWS SDK.
//!
//! It translates and holds no policy of the service: what a request means is the engine's business. What it does
//! decide is who may talk to it at all (loopback names and origins), and how much of the machine a connection may
//! take ([`Limits`]).
//!
//! ```
//! use kinetik_server::{Server, ServerConfig};
//!
//! let server = Server::start(ServerConfig::default())?;
//! assert!(server.endpoint().starts_with("http://127.0.0.1:"));
//! server.engine().create_stream("orders", 2)?;
//! # Ok::<(), kinetik::Error>(())
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::transport::{Memory, Transport};
use kinetik::{Error, ErrorKind, Result, fork};
use tokio::net::TcpListener;
use tokio::sync::watch;

mod control;
mod door;
mod exchange;
mod gate;
mod heads;
mod intake;
mod limits;
mod listen;
mod places;
mod reply;
mod signature;
mod socket;
mod stream;
mod tls;
mod verify;

pub use door::Cors;
pub use limits::Limits;
pub use tls::Tls;
pub use verify::Key;

/// The settings of a [`Server`].
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on, default 127.0.0.1. Any other than a loopback address lets other machines in:
    /// without `keys`, nobody is asked for a password.
    pub host: IpAddr,
    /// The port, default 0: the operating system picks one.
    pub port: u16,
    /// The engine that answers, default a new one with the service's quotas.
    pub engine: Engine,
    /// Further host names by which clients may call it, beside loopback names. A name that anyone can register
    /// lets web pages in (DNS rebinding).
    pub names: Vec<String>,
    /// Which web pages may call it, default those of this machine.
    pub cors: Cors,
    /// The certificate, default none: plain HTTP. With one, nothing but TLS is answered.
    pub tls: Option<Tls>,
    /// The access keys that may call, default none: then every signature is accepted, whoever made it. Control and
    /// metrics need one only where other machines are let in.
    pub keys: Vec<Key>,
    /// The dice of request ids.
    pub rng: Rng,
    /// How much of the machine clients may take.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            engine: Engine::new(EngineConfig::default()),
            names: Vec::new(),
            cors: Cors::default(),
            tls: None,
            keys: Vec::new(),
            rng: Rng::default(),
            limits: Limits::default(),
        }
    }
}

/// A server that runs on a thread of its own until it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    engine: Engine,
    is_tls: bool,
    fork: fork::Guard,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the port and starts answering; ready when it returns.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if the address cannot be listened on (the text says why);
    /// [`Internal`](ErrorKind::Internal) if the operating system refuses a thread.
    pub fn start(config: ServerConfig) -> Result<Self> {
        let service: Arc<dyn Transport> = Arc::new(Memory::new(config.engine.clone()));
        Self::start_over(service, config)
    }

    /// A server whose requests go through `service`, for example one that injects faults before it hands them to
    /// the engine of `config`. A call that the service loses closes its connection without an answer.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_over(service: Arc<dyn Transport>, config: ServerConfig) -> Result<Self> {
        let wanted = SocketAddr::new(config.host, config.port);
        let listener = std::net::TcpListener::bind(wanted)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| {
                Error::invalid("port", format!("cannot listen on {wanted}: {error}"))
            })?;
        let address = listener.local_addr().map_err(|error| {
            Error::new(ErrorKind::Internal, "the socket has no address").source(error)
        })?;
        let engine = config.engine.clone();
        let is_tls = config.tls.is_some();
        let (stop, stopped) = watch::channel(false);
        let refused =
            |error| Error::new(ErrorKind::Internal, "no thread for the server").source(error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(refused)?;
        let thread = std::thread::Builder::new()
            .name("kinetik-server".into())
            .spawn(move || {
                runtime.block_on(async {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => listen::serve(listener, service, &config, stopped).await,
                        Err(error) => tracing::error!(%error, "the listening socket was lost"),
                    }
                });
                runtime.shutdown_background();
            })
            .map_err(refused)?;
        Ok(Self {
            address,
            engine,
            is_tls,
            fork: fork::Guard::new(),
            stop,
            thread: Some(thread),
        })
    }

    /// What clients call it by, for example `http://127.0.0.1:4567`, or `https://…` with TLS.
    pub fn endpoint(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            // Nobody can connect to "any address"; this machine's own is one of them.
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            });
        }
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Stops listening, lets requests that are being answered finish for a second, and ends the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if !self.fork.is_here() {
            // The thread lives in the parent; this process has only its name.
            std::mem::forget(thread);
            return;
        }
        let _ = self.stop.send(true);
        if thread.join().is_err() {
            tracing::error!("the server's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.endpoint())
    }
}

impl From<&Server> for kinetik::transport::Endpoint {
    fn from(server: &Server) -> Self {
        Self::from(server.endpoint())
    }
}
