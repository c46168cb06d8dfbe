//! What it takes to reach an endpoint: region, credentials, environment, clock, timeouts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::http::Http;
use super::{
    AccountIdEndpointMode, Credentials, Endpoint, Environment, Memory, Names, Proxy, Transport,
};
use crate::Result;
use crate::engine::Engine;
use crate::rng::Rng;
use crate::time::Clock;
use crate::types::setting::{duration, flag, refused, unknown};

/// Options of [`Endpoint::connect`]; everything has a default.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The region; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's. `memory://` needs none.
    pub region: Option<String>,
    /// The profile of the AWS configuration files; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// Credentials given by hand; they win over every other source.
    pub credentials: Option<Credentials>,
    /// The form of bodies. Default: [`Wire::Auto`].
    pub wire: Wire,
    /// The proxy to go through; else `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    pub proxy: Option<Proxy>,
    /// A file of root certificates (PEM) that are trusted instead of the machine's; else `AWS_CA_BUNDLE`, the profile's
    /// `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Only FIPS hosts; else `AWS_USE_FIPS_ENDPOINT`, the profile's.
    pub use_fips_endpoint: Option<bool>,
    /// Hosts with IPv6 too; else `AWS_USE_DUALSTACK_ENDPOINT`, the profile's.
    pub use_dualstack_endpoint: Option<bool>,
    /// Whether calls go to the account's own host; else `AWS_ACCOUNT_ID_ENDPOINT_MODE`, the profile's, else preferred.
    pub account_id_endpoint_mode: Option<AccountIdEndpointMode>,
    /// How long name look-up, TCP, proxy and TLS may take together, default 3.1 s as in the AWS SDKs.
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes, default 64 MiB. The service's largest is about 14 MiB.
    pub max_answer_bytes: usize,
    /// Where `AWS_…` variables are read; by default the process's environment.
    pub environment: Environment,
    /// Who looks up the names of hosts; by default the operating system.
    pub names: Names,
    /// The clock of deadlines and signatures.
    pub clock: Clock,
    /// The dice of what is made at random on the way.
    pub rng: Rng,
}

/// The form of request bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// CBOR to AWS, as its SDK for Java speaks it, and to servers whose answers say that they are kinetik's; JSON to all
    /// others. Goes over to JSON for good when an endpoint answers its first calls as if it did not understand CBOR.
    #[default]
    Auto,
    /// JSON, which every server reads.
    Json,
    /// CBOR: a payload takes a third fewer bytes and less work.
    Cbor,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            credentials: None,
            wire: Wire::default(),
            proxy: None,
            ca_bundle: None,
            use_fips_endpoint: None,
            use_dualstack_endpoint: None,
            account_id_endpoint_mode: None,
            connect_timeout: Duration::from_millis(3_100),
            max_answer_bytes: 64 << 20,
            environment: Environment::process(),
            names: Names::system(),
            clock: Clock::default(),
            rng: Rng::default(),
        }
    }
}

impl Connect {
    /// The names of all settings that [`Connect::set`] knows, the same in every language. A producer, a reader and a
    /// client have them all.
    pub const NAMES: &'static [&'static str] = &[
        "region",
        "profile",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "wire",
        "proxy",
        "ca_bundle",
        "use_fips_endpoint",
        "use_dualstack_endpoint",
        "account_id_endpoint_mode",
        "connect_timeout",
    ];

    /// Whether [`Connect::set`] knows a name.
    pub(crate) fn knows(name: &str) -> bool {
        Self::NAMES.contains(&name) || name == "connect_timeout_ms"
    }

    /// Changes the setting with this name.
    ///
    /// | value of | form |
    /// |---|---|
    /// | `wire` | `auto`, `json` or `cbor` |
    /// | `use_fips_endpoint`, `use_dualstack_endpoint` | `true` or `false` |
    /// | `account_id_endpoint_mode` | `preferred`, `disabled` or `required` |
    /// | `connect_timeout` | seconds, or milliseconds as `connect_timeout_ms` |
    /// | the rest | text |
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that does not exist, naming the nearest that does,
    /// and for a value of another form.
    ///
    /// ```
    /// use kinetik::transport::Connect;
    ///
    /// let mut connect = Connect::default();
    /// connect.set("connect_timeout_ms", "500")?;
    /// assert!(connect.set("proxi", "none").unwrap_err().message().contains("did you mean proxy?"));
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let text = || value.to_owned();
        match name {
            "region" => self.region = Some(text()),
            "profile" => self.profile = Some(text()),
            "access_key_id" | "secret_access_key" | "session_token" => {
                self.credentials = Some(Credentials::with(self.credentials.take(), name, value));
            }
            "wire" => {
                self.wire = match value {
                    "auto" => Wire::Auto,
                    "json" => Wire::Json,
                    "cbor" => Wire::Cbor,
                    _ => return Err(refused(name, "auto, json or cbor")),
                }
            }
            "proxy" => self.proxy = Some(value.parse()?),
            "ca_bundle" => self.ca_bundle = Some(value.into()),
            "use_fips_endpoint" => self.use_fips_endpoint = Some(flag(name, value)?),
            "use_dualstack_endpoint" => self.use_dualstack_endpoint = Some(flag(name, value)?),
            "account_id_endpoint_mode" => {
                let mode = AccountIdEndpointMode::read(value);
                let mode = mode.ok_or_else(|| refused(name, AccountIdEndpointMode::FORMS))?;
                self.account_id_endpoint_mode = Some(mode);
            }
            "connect_timeout" => self.connect_timeout = duration(name, value, 1.0)?,
            "connect_timeout_ms" => self.connect_timeout = duration(name, value, 1e-3)?,
            _ => return Err(unknown(name, Self::NAMES)),
        }
        Ok(())
    }
}

impl AccountIdEndpointMode {
    pub(super) const FORMS: &str = "preferred, disabled or required";

    /// The mode of a setting's value, in any case as AWS's SDKs take it.
    pub(super) fn read(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "preferred" => Some(Self::Preferred),
            "disabled" => Some(Self::Disabled),
            "required" => Some(Self::Required),
            _ => None,
        }
    }
}

impl Endpoint {
    /// The way to this endpoint. Opens no connection and reads no file: that happens at the first call, in the
    /// runtime of its caller. Ways to the same place with the same options share their connections in a process.
    ///
    /// # Errors
    /// The error of an [`Endpoint::Invalid`]; an access key without its secret, or a secret without its access key.
    pub fn connect(&self, options: &Connect) -> Result<Arc<dyn Transport>> {
        if let Some(credentials) = &options.credentials {
            credentials.check()?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn every_name_is_known_and_those_with_a_form_refuse_nonsense_by_their_own_name() {
        let free = [
            "region",
            "profile",
            "access_key_id",
            "secret_access_key",
            "session_token",
            "ca_bundle",
        ];
        for name in Connect::NAMES {
            match Connect::default().set(name, "\u{1}?") {
                Ok(()) => assert!(free.contains(name), "{name}"),
                Err(error) => assert!(error.message().starts_with(name), "{error}"),
            }
        }
    }

    #[test]
    fn an_access_key_and_its_secret_are_given_together_in_any_order() {
        let endpoint: Endpoint = "memory://".parse().unwrap();
        let mut connect = Connect::default();
        connect.set("session_token", "t").unwrap();
        connect.set("secret_access_key", "canary").unwrap();
        let error = endpoint.connect(&connect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("access_key_id"), "{error}");
        connect.set("access_key_id", "AKID").unwrap();
        assert!(endpoint.connect(&connect).is_ok());
        assert!(!format!("{connect:?} {error:?}").contains("canary"));
    }
}
