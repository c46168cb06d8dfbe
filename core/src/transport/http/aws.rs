//! AWS's own configuration: profiles, and the whole chain of credential sources, by the `aws-config` crate.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;
use tokio::sync::{Mutex, OnceCell};

use super::target::Settings;
use crate::time::Timestamp;
use crate::transport::Credentials;
use crate::{Error, ErrorKind, Result};

/// How long before their end credentials are renewed.
const EARLY: Duration = Duration::from_secs(300);

/// What the configuration files say; nothing if they do not exist or cannot be read.
pub(super) async fn profile(name: Option<&str>) -> Settings {
    let name = name.map(|name| Cow::Owned(name.to_owned()));
    let (files, env) = (EnvConfigFiles::default(), Env::real());
    match aws_config::profile::load(&Fs::real(), &env, &files, name).await {
        Ok(profiles) => of_profiles(&profiles),
        Err(_) => Settings::default(),
    }
}

fn of_profiles(profiles: &ProfileSet) -> Settings {
    let get = |name| profiles.get(name).map(str::to_owned);
    let is_on = |name| {
        profiles
            .get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    };
    let credentials = match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        // With a role these keys are only the way to it.
        (Some(key), Some(secret)) if get("role_arn").is_none() => {
            Some(Credentials::new(key, secret, get("aws_session_token")))
        }
        _ => None,
    };
    Settings {
        url: endpoint_url(profiles).filter(|_| !is_on("ignore_configured_endpoint_urls")),
        region: get("region"),
        credentials: None,
        profile_credentials: credentials,
        fips: is_on("use_fips_endpoint"),
        dual_stack: is_on("use_dualstack_endpoint"),
    }
}

/// The URL in the profile's `services` section, else the profile's own.
fn endpoint_url(profiles: &ProfileSet) -> Option<String> {
    let nothing = Env::from_slice(&[]);
    let (url, _) = EnvConfigValue::new()
        .profile("endpoint_url")
        .service_id("kinesis")
        .load(&nothing, Some(profiles))?;
    Some(url.into_owned())
}

/// AWS's chain: environment, profile (roles, SSO, processes), web identity, container, instance.
///
/// One look-up at a time; what it gives is kept until shortly before it ends, and until its very end while
/// looking up anew fails.
pub(super) struct Chain {
    profile: Option<String>,
    region: String,
    provider: OnceCell<SharedCredentialsProvider>,
    current: Mutex<Option<(Identity, Option<SystemTime>)>>,
}

impl Chain {
    pub(super) fn new(profile: Option<String>, region: String) -> Self {
        Self {
            profile,
            region,
            provider: OnceCell::new(),
            current: Mutex::new(None),
        }
    }

    /// Credentials that are good now.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) when no source has any.
    pub(super) async fn identity(&self, now: Timestamp) -> Result<Identity> {
        let now = UNIX_EPOCH + Duration::from_nanos(now.as_nanos());
        let good = |end: Option<SystemTime>, margin| end.is_none_or(|end| now + margin < end);
        let mut current = self.current.lock().await;
        if let Some((identity, end)) = &*current
            && good(*end, EARLY)
        {
            return Ok(identity.clone());
        }
        let provider = self.provider.get_or_init(|| self.set_up()).await;
        match provider.provide_credentials().await {
            Ok(credentials) => {
                let end = credentials.expiry();
                let identity = Identity::from(credentials);
                *current = Some((identity.clone(), end));
                Ok(identity)
            }
            Err(error) => match &*current {
                Some((identity, end)) if good(*end, Duration::ZERO) => Ok(identity.clone()),
                _ => Err(Error::new(
                    ErrorKind::Unauthenticated,
                    "no source of credentials has any: environment, profile, web identity, container, instance",
                )
                .source(error)),
            },
        }
    }

    async fn set_up(&self) -> SharedCredentialsProvider {
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = ProviderConfig::default()
            .with_http_client(client)
            .with_region(Some(Region::new(self.region.clone())));
        match &self.profile {
            // A profile that was asked for by name wins over the environment, as in botocore.
            Some(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(name)
                    .build(),
            ),
            None => SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(config)
                    .build()
                    .await,
            ),
        }
    }
}
