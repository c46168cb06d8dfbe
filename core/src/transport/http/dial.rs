//! How a connection is made: name look-up, proxy, TLS, all within one time. Names are looked up anew for every
//! connection, so that an address that moved is found by the next one.

use std::future::{Future, ready};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tower_service::Service;

use super::tls;
use crate::time::Clock;
use crate::transport::Names;
use crate::transport::proxy::Proxies;
use crate::{Error, ErrorKind, Result, Retry};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Dialling<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Makes connections, within `timeout` each.
#[derive(Clone)]
pub(super) struct Dialler {
    https: HttpsConnector<Way>,
    has_roots: bool,
    clock: Clock,
    timeout: Duration,
}

impl Dialler {
    /// Where TLS is spoken HTTP/2 and HTTP/1.1 are offered; the server chooses.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) where TLS cannot be set up.
    pub(super) fn new(
        proxies: Arc<Proxies>,
        names: Names,
        roots: RootCertStore,
        clock: Clock,
        timeout: Duration,
    ) -> Result<Self> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver {
            names,
            system: GaiResolver::new(),
        });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let has_roots = !roots.is_empty();
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls::trusting(roots)?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Way { tcp, proxies });
        Ok(Self {
            https,
            has_roots,
            clock,
            timeout,
        })
    }
}

impl Service<Uri> for Dialler {
    type Response = MaybeHttpsStream<Stream>;
    type Error = BoxError;
    type Future = Dialling<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if !self.has_roots && destination.scheme_str() == Some("https") {
            return Box::pin(ready(Err(tls::no_roots().into())));
        }
        let dialling = self.https.call(destination);
        let (clock, timeout) = (self.clock.clone(), self.timeout);
        Box::pin(async move {
            let outcome = clock.before(clock.now() + timeout, dialling).await;
            outcome.unwrap_or_else(|| {
                let text = format!("no connection within {timeout:.1?} (connect_timeout)");
                Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
            })
        })
    }
}

/// TCP to the destination, or to the proxy on the way to it.
#[derive(Clone)]
struct Way {
    tcp: HttpConnector<Resolver>,
    proxies: Arc<Proxies>,
}

impl Service<Uri> for Way {
    type Response = Stream;
    type Error = BoxError;
    type Future = Dialling<Stream>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let is_plain = destination.scheme_str() == Some("http");
        let proxy = match self.proxies.on_the_way_to(&destination) {
            Err(error) => return Box::pin(ready(Err(error.into()))),
            Ok(None) => {
                let dialling = self.tcp.call(destination);
                return Box::pin(async move { Ok(Stream::direct(dialling.await?)) });
            }
            Ok(Some(proxy)) => proxy,
        };
        if is_plain {
            let dialling = self.tcp.call(proxy.uri().clone());
            return Box::pin(async move {
                Ok(Stream {
                    is_forwarded: true,
                    ..Stream::direct(dialling.await?)
                })
            });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let dialling = tunnel.call(destination);
        Box::pin(async move {
            let tunnelled = dialling
                .await
                .map_err(|error| untunnelled(&error.to_string()));
            Ok(Stream::direct(tunnelled?))
        })
    }
}

/// Why a proxy made no tunnel. That it wants another user stays so; the type of the error, which says it, is not public.
#[cold]
fn untunnelled(text: &str) -> BoxError {
    if !text.ends_with("proxy authorization required") {
        return format!("the proxy: {text}").into();
    }
    let text =
        "the proxy wants a user and password that it knows (407): http://USER:PASSWORD@HOST:PORT";
    let error = Error::new(ErrorKind::Connection, text);
    error.with_retry(Retry::Never).into()
}

/// From a host's name to its addresses.
#[derive(Clone)]
struct Resolver {
    names: Names,
    system: GaiResolver,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Some(found) = self.names.look_up(name.as_str()) {
            return Box::pin(ready(found.map(Vec::into_iter)));
        }
        let asked = self.system.call(name);
        Box::pin(async move { Ok(asked.await?.collect::<Vec<_>>().into_iter()) })
    }
}

/// A TCP connection that knows whether requests are to be written for a proxy.
pub(super) struct Stream {
    tcp: TokioIo<TcpStream>,
    is_forwarded: bool,
}

impl Stream {
    fn direct(tcp: TokioIo<TcpStream>) -> Self {
        Self {
            tcp,
            is_forwarded: false,
        }
    }

    fn tcp(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().tcp)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.tcp.inner().connected().proxy(self.is_forwarded)
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.tcp().poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tcp().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tcp().poll_write_vectored(cx, slices)
    }
}
