//! Accepting connections, and ending them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kinetik::engine::Engine;
use kinetik::rng::Rng;
use kinetik::time::Clock;
use kinetik::transport::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::door::Door;
use crate::places::{Place, Places};
use crate::socket::Socket;
use crate::verify::Verifier;
use crate::{Limits, ServerConfig, Tls, exchange};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) service: Arc<dyn Transport>,
    /// Whose faults are asked for.
    pub(crate) engine: Engine,
    pub(crate) door: Door,
    /// Who may call, if not everybody.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) rng: Rng,
    pub(crate) clock: Clock,
    /// Bytes of bodies that may still be held, see [`Limits::all_bodies_bytes`].
    pub(crate) room: Arc<Semaphore>,
    pub(crate) limits: Limits,
    tls: Option<TlsAcceptor>,
    /// Turns true when the server is to stop.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Accepts until it is told to stop, then waits shortly for what is being answered.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Arc<dyn Transport>,
    config: &ServerConfig,
    mut stopped: watch::Receiver<bool>,
) {
    let clock = Clock::system();
    let region = &config.engine.config().region;
    let shared = Arc::new(Shared {
        service,
        engine: config.engine.clone(),
        door: Door::new(config),
        verifier: Verifier::new(&config.keys, region, clock.clone()),
        rng: config.rng.clone(),
        clock,
        room: Arc::new(Semaphore::new(config.limits.all_bodies_bytes)),
        limits: config.limits.clone(),
        tls: config.tls.as_ref().map(Tls::acceptor),
        stopped: stopped.clone(),
    });
    let places = Places::new(config.limits.connections);
    let mut until_stopped = stopped.clone();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let place = places.take(&shared.clock).await;
                    tokio::spawn(connection(stream, place, shared.clone(), stopped.clone()));
                }
                Err(error) => back_off(&shared.clock, &places, &error).await,
            }
        }
    };
    race(accepting, until_stop(&mut until_stopped)).await;
    drop(listener);
    let deadline = shared.clock.now() + config.limits.stop_time;
    let _ = shared.clock.before(deadline, places.empty()).await;
    stopped.mark_unchanged();
}

/// Out of descriptors or memory: what is open must end first. An aborted connection is nobody's fault.
async fn back_off(clock: &Clock, places: &Places, error: &io::Error) {
    if error.kind() != io::ErrorKind::ConnectionAborted {
        tracing::warn!(%error, "cannot accept connections for now");
        places.make_room(MAKE_ROOM);
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// Connections that are closed when there is no descriptor left for another.
const MAKE_ROOM: usize = 16;

/// Serves a connection until it ends, or another needs its place while it has no request.
async fn connection(
    stream: TcpStream,
    place: Place,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let place = Arc::new(place);
    let served = serve_one(stream, place.clone(), shared, stopped);
    race(served, place.asked_to_leave()).await;
}

async fn serve_one(
    stream: TcpStream,
    place: Arc<Place>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match shared.tls.clone() {
        None => talk(stream, place, shared, stopped).await,
        Some(tls) => {
            let deadline = shared.clock.now() + shared.limits.head_time;
            let accepted = shared.clock.before(deadline, tls.accept(stream)).await;
            if let Some(Ok(stream)) = accepted {
                talk(stream, place, shared, stopped).await;
            }
        }
    }
}

/// Answers requests until the client or the server has enough.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    place: Arc<Place>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let (clock, limits) = (&shared.clock, &shared.limits);
    let opened = Socket::open(stream, clock.clone(), limits.stall_time);
    let opened = clock.before(clock.now() + limits.head_time, opened).await;
    let Some(Ok((socket, is_http2))) = opened else {
        return;
    };
    let (http1, http2) = (http1(limits), http2(limits));
    let stalled = place.stalled(clock, limits.stall_time);
    let service = service_fn(|request| {
        let (shared, busy) = (shared.clone(), place.begin());
        async move {
            let mut response = exchange::answer(&shared, request).await?;
            response.body_mut().keep(busy);
            Ok::<_, Lost>(response)
        }
    });
    if is_http2 {
        let connection = async {
            let mut connection = std::pin::pin!(http2.serve_connection(socket, service));
            if race(connection.as_mut(), until_stop(&mut stopped))
                .await
                .is_none()
            {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        };
        race(connection, stalled).await;
    } else {
        let mut connection = std::pin::pin!(http1.serve_connection(socket, service));
        if race(connection.as_mut(), until_stop(&mut stopped))
            .await
            .is_none()
        {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(128 << 10)
        .half_close(true);
    http
}

/// By prior knowledge, as some SDKs speak to plain endpoints, or negotiated by TLS.
fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .keep_alive_interval(limits.head_time)
        .keep_alive_timeout(limits.stall_time)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes as u32)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

/// Bytes of bodies that an HTTP/2 client may send before the server has read them.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

pub(crate) async fn until_stop(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server's handle is gone, which stops it as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The first future's output, unless the second ends before it.
async fn race<F: Future>(first: F, second: impl Future) -> Option<F::Output> {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(output) = first.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(output));
        }
        second.as_mut().poll(cx).map(|_| None)
    })
    .await
}

/// How a connection ends without an answer: the service lost the call.
pub(crate) type Ending = Result<hyper::Response<crate::reply::Body>, Lost>;

/// The call was lost, so its connection is closed without an answer.
#[derive(Debug)]
pub(crate) struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the call was lost")
    }
}

impl std::error::Error for Lost {}
