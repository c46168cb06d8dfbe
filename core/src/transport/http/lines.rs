//! Connections and what they lead to, once for each process of a fork.

use std::fmt;
use std::sync::OnceLock;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use tokio::sync::OnceCell;

use super::body::RequestBody;
use super::target::Target;
use crate::transport::{Connect, HttpUrl};
use crate::{Error, ErrorKind, Result, fork};

/// Idle connections that are kept, and for how long. AWS closes idle ones after about a minute.
const MAX_IDLE: usize = 32;
const IDLE_FOR: std::time::Duration = std::time::Duration::from_secs(20);

/// Bytes of events that may be under way of one subscription: about a second of them. What is not read holds the service
/// back, not memory.
const SUBSCRIPTION_WINDOW: u32 = 2 << 20;

/// How many forks deep a handle can be used.
const GENERATIONS: usize = 8;

/// One [`Line`] for each process: a child never touches locks or sockets of its parent.
pub(super) struct Lines {
    url: Option<HttpUrl>,
    made: u32,
    slots: [OnceLock<Box<OnceCell<Line>>>; GENERATIONS],
}

/// A pool of connections and the service that they reach.
pub(super) struct Line {
    pub(super) target: Target,
    pub(super) client: HttpClient,
    /// For subscriptions, each on a connection of its own: HTTP/2 where TLS agrees on it, as AWS demands. So one that is
    /// half-open is replaced on a fresh one, and none waits for another's window.
    pub(super) subscriptions: HttpClient,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, RequestBody>;

impl Lines {
    pub(super) fn new(url: Option<HttpUrl>) -> Self {
        Self {
            url,
            made: fork::generation(),
            slots: Default::default(),
        }
    }

    /// The line of this process, set up by the first call that needs it.
    ///
    /// # Errors
    /// [`Forked`](ErrorKind::Forked) too many forks deep; whatever looking up region or credentials runs into,
    /// which the next call tries again.
    pub(super) async fn current(&self, options: &Connect) -> Result<&Line> {
        let depth = fork::generation().wrapping_sub(self.made) as usize;
        let slot = self.slots.get(depth).ok_or_else(|| {
            Error::new(
                ErrorKind::Forked,
                "too many forks deep; connect anew in the child",
            )
        })?;
        slot.get_or_init(Box::default)
            .get_or_try_init(|| Line::set_up(self.url.as_ref(), options))
            .await
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let here = fork::generation().wrapping_sub(self.made) as usize;
        for (depth, slot) in self.slots.iter_mut().enumerate() {
            if depth != here {
                // Closing a parent's sockets would also take them out of the parent's event queue.
                std::mem::forget(slot.take());
            }
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => url.fmt(f),
            None => f.write_str("AWS"),
        }
    }
}

impl Line {
    async fn set_up(url: Option<&HttpUrl>, options: &Connect) -> Result<Self> {
        let target = Target::resolve(url, options).await?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let tls = tls(target.url().is_https())?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp.clone());
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        let subscriptions = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(0)
            .http2_initial_stream_window_size(SUBSCRIPTION_WINDOW)
            .http2_initial_connection_window_size(SUBSCRIPTION_WINDOW)
            .build(connector);
        Ok(Self {
            target,
            client,
            subscriptions,
        })
    }
}

/// TLS 1.2 and 1.3 with the machine's own roots, which are only read where they are needed.
fn tls(needed: bool) -> Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    if needed {
        let native = rustls_native_certs::load_native_certs();
        let (taken, _) = roots.add_parsable_certificates(native.certs);
        if taken == 0 {
            return Err(Error::new(
                ErrorKind::Connection,
                "this machine has no root certificates for TLS; install ca-certificates",
            ));
        }
    }
    ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").source(error))
}
