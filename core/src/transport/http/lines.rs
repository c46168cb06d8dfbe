//! Connections and what they lead to, once for each process of a fork, and shared by all who go the same way.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::RootCertStore;
use tokio::runtime::{Handle, Id};
use tokio::sync::OnceCell;

use super::body::RequestBody;
use super::dial::Dialler;
use super::settings::Settings;
use super::skew::Skew;
use super::target::Target;
use super::tls;
use super::wire::Negotiation;
use crate::transport::proxy::Proxies;
use crate::transport::{AccountIdEndpointMode, Connect, Credentials, HttpUrl, Proxy, Wire};
use crate::{Error, ErrorKind, Result, fork};

/// Idle connections that are kept, and for how long. AWS closes idle ones after about a minute.
const MAX_IDLE: usize = 32;
const IDLE_FOR: Duration = Duration::from_secs(20);

/// An HTTP/2 connection that carries calls and is silent for so long is asked whether it lives, and left if it does not say
/// so in as much again: without that a dead one would take all calls with it.
const PING_AFTER: Duration = Duration::from_secs(5);

/// Bytes of events that may be under way of one subscription: about a second of them. What is not read holds the service
/// back, not memory.
const SUBSCRIPTION_WINDOW: u32 = 2 << 20;

/// How many forks deep a handle can be used.
const GENERATIONS: usize = 8;

/// One way for each process: a child never touches locks or sockets of its parent.
pub(super) struct Lines {
    url: Option<HttpUrl>,
    made: u32,
    slots: [OnceLock<Shared>; GENERATIONS],
}

/// A line that is set up by the first call that needs it.
type Shared = Arc<OnceCell<Line>>;

/// A pool of connections and the service that they reach.
pub(super) struct Line {
    pub(super) target: Target,
    pub(super) wire: Negotiation,
    pub(super) skew: Skew,
    pub(super) proxies: Arc<Proxies>,
    pub(super) client: HttpClient,
    /// For subscriptions, each on a connection of its own: HTTP/2 where TLS agrees on it, as AWS demands. So one that is
    /// half-open is replaced on a fresh one, and none waits for another's window.
    pub(super) subscriptions: HttpClient,
}

pub(super) type HttpClient = Client<Dialler, RequestBody>;

impl Lines {
    pub(super) fn new(url: Option<HttpUrl>) -> Self {
        Self {
            url,
            made: fork::generation(),
            slots: Default::default(),
        }
    }

    /// A way that is set up already.
    #[cfg(test)]
    pub(super) fn over(url: HttpUrl, line: Line) -> Self {
        let lines = Self::new(Some(url));
        let _ = lines.slots[0].set(Arc::new(OnceCell::new_with(Some(line))));
        lines
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
        slot.get_or_init(|| shared(self.url.as_ref(), options))
            // Apart, because it is done once and is several times as large as a call.
            .get_or_try_init(|| Box::pin(Line::set_up(self.url.as_ref(), options)))
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

/// What two must have in common to go the same way.
#[derive(PartialEq)]
struct Way {
    /// Connections live in the runtime that made them.
    runtime: Id,
    url: Option<HttpUrl>,
    /// What is not given is looked up there.
    environment: u64,
    region: Option<String>,
    profile: Option<String>,
    credentials: Option<Credentials>,
    wire: Wire,
    proxy: Option<Proxy>,
    ca_bundle: Option<PathBuf>,
    endpoints: (Option<bool>, Option<bool>, Option<AccountIdEndpointMode>),
    connect_timeout: Duration,
}

/// The lines of this process that are in use.
type Known = Mutex<Vec<(Way, Weak<OnceCell<Line>>)>>;

/// The line that others use who go the same way, or a new one. Only who has the process's own environment, clock and names
/// shares one.
fn shared(url: Option<&HttpUrl>, options: &Connect) -> Shared {
    static KNOWN: [OnceLock<Known>; GENERATIONS] = [const { OnceLock::new() }; GENERATIONS];
    let known = KNOWN.get(fork::generation() as usize);
    let is_common =
        options.environment.is_process() && options.clock.is_system() && options.names.is_system();
    let (Some(known), Ok(runtime), true) = (known, Handle::try_current(), is_common) else {
        return Shared::default();
    };
    let way = Way {
        runtime: runtime.id(),
        url: url.cloned(),
        environment: options.environment.fingerprint(),
        region: options.region.clone(),
        profile: options.profile.clone(),
        credentials: options.credentials.clone(),
        wire: options.wire,
        proxy: options.proxy.clone(),
        ca_bundle: options.ca_bundle.clone(),
        endpoints: (
            options.use_fips_endpoint,
            options.use_dualstack_endpoint,
            options.account_id_endpoint_mode,
        ),
        connect_timeout: options.connect_timeout,
    };
    let mut known = known.get_or_init(Known::default).lock();
    known.retain(|(_, line)| line.strong_count() > 0);
    let same = known.iter().find(|(other, _)| *other == way);
    if let Some(line) = same.and_then(|(_, line)| line.upgrade()) {
        return line;
    }
    let line = Shared::default();
    known.push((way, Arc::downgrade(&line)));
    line
}

impl Line {
    pub(super) async fn set_up(url: Option<&HttpUrl>, options: &Connect) -> Result<Self> {
        let settings = Settings::look_up(options).await?;
        let place = Target::place(url, &settings)?;
        // Sources of credentials are asked over TLS too, whatever the endpoint is.
        let roots = match place.is_plain_loopback() {
            true => RootCertStore::empty(),
            false => tls::roots(settings.ca_bundle.as_deref())?,
        };
        let proxies = Arc::new(Proxies::of(options.proxy.as_ref(), &options.environment));
        let dialler = || {
            Dialler::new(
                Arc::clone(&proxies),
                options.names.clone(),
                roots.clone(),
                options.clock.clone(),
                options.connect_timeout,
            )
        };
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(MAX_IDLE)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_AFTER)
            .build(dialler()?);
        let subscriptions = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_max_idle_per_host(0)
            .http2_initial_stream_window_size(SUBSCRIPTION_WINDOW)
            .http2_initial_connection_window_size(SUBSCRIPTION_WINDOW)
            .build(dialler()?);
        Ok(Self {
            wire: Negotiation::new(options.wire, place.is_aws()),
            target: Target::new(place, settings, options, &client)?,
            skew: Skew::default(),
            proxies,
            client,
            subscriptions,
        })
    }
}
