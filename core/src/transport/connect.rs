//! What it takes to reach an endpoint: region, credentials, environment, clock, timeouts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::http::Http;
use super::{Endpoint, Memory, Transport};
use crate::Result;
use crate::api::Form;
use crate::engine::Engine;
use crate::rng::Rng;
use crate::time::Clock;

/// Options of [`Endpoint::connect`]; everything has a default.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The region; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's. `memory://` needs none.
    pub region: Option<String>,
    /// The profile of the AWS configuration files; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Credentials given by hand; they win over every other source.
    pub credentials: Option<Credentials>,
    /// Where `AWS_…` variables are read; by default the process's environment.
    pub environment: Environment,
    /// The clock of deadlines and signatures.
    pub clock: Clock,
    /// The dice of what is made at random on the way.
    pub rng: Rng,
    /// How long a TCP and TLS handshake may take, default 3.1 s as in the AWS SDKs.
    pub connect_timeout: Duration,
    /// The form of bodies: JSON by default, which every server reads. CBOR is what the AWS SDK for Java speaks.
    pub form: Form,
    /// The largest answer that is read, in bytes, default 64 MiB. The service's largest is about 14 MiB.
    pub max_answer_bytes: usize,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            credentials: None,
            environment: Environment::process(),
            clock: Clock::default(),
            rng: Rng::default(),
            connect_timeout: Duration::from_millis(3_100),
            form: Form::Json,
            max_answer_bytes: 64 << 20,
        }
    }
}

impl Endpoint {
    /// The way to this endpoint. Opens no connection and reads no file: that happens at the first call, in the
    /// runtime of its caller.
    ///
    /// # Errors
    /// The error of an [`Endpoint::Invalid`].
    pub fn connect(&self, options: &Connect) -> Result<Arc<dyn Transport>> {
        match self {
            Self::Aws => Ok(Arc::new(Http::new(None, options.clone()))),
            Self::Http(url) => Ok(Arc::new(Http::new(Some(url.clone()), options.clone()))),
            Self::Memory { name, quotas } => {
                let engine = Engine::named(name);
                if let Some(on) = quotas {
                    engine.set_quotas(*on);
                }
                Ok(Arc::new(Memory::new(engine)))
            }
            Self::Engine(engine) => Ok(Arc::new(Memory::new(engine.clone()))),
            Self::Custom(transport) => Ok(transport.clone()),
            Self::Invalid(error) => Err(error.clone()),
        }
    }
}

/// An access key and its secret. `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials(pub(super) aws_credential_types::Credentials);

impl Credentials {
    /// Credentials that do not expire, with the session token that temporary ones have.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        session_token: Option<String>,
    ) -> Self {
        Self(aws_credential_types::Credentials::new(
            access_key_id,
            secret_access_key,
            session_token,
            None,
            "kinetik",
        ))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// Where variables are read: the process's environment, or a fixed set in tests.
#[derive(Clone)]
pub struct Environment(Option<Arc<BTreeMap<String, String>>>);

impl Environment {
    /// The process's environment, read when it is asked for.
    pub const fn process() -> Self {
        Self(None)
    }

    /// A fixed set of variables. Nothing outside it is looked at: no file, no other host.
    pub fn fixed<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(Some(Arc::new(variables.collect())))
    }

    /// A variable's value; `None` if it is absent, empty or no text.
    pub fn get(&self, name: &str) -> Option<String> {
        match &self.0 {
            None => std::env::var(name).ok(),
            Some(variables) => variables.get(name).cloned(),
        }
        .filter(|value| !value.is_empty())
    }

    /// Whether the machine around the process may be looked at.
    pub(super) fn is_process(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_process() {
            "Environment(process)"
        } else {
            "Environment(fixed)"
        })
    }
}
