//! What the settings around the process say: arguments first, then the environment, then the profile.

use std::path::PathBuf;

use crate::transport::{AccountIdEndpointMode, Connect, Credentials, Environment};

/// What was found.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) url: Option<String>,
    pub(super) region: Option<String>,
    pub(super) credentials: Option<Credentials>,
    /// Keys that stand in the profile itself: all that a server on this machine is given.
    pub(super) profile_credentials: Option<Credentials>,
    pub(super) fips: Option<bool>,
    pub(super) dual_stack: Option<bool>,
    pub(super) account_mode: Option<AccountIdEndpointMode>,
    pub(super) ca_bundle: Option<PathBuf>,
}

impl Settings {
    /// Looks at arguments, environment and (with the feature `aws`) the AWS configuration files.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    pub(super) async fn look_up(options: &Connect) -> Self {
        let environment = Self::from_environment(&options.environment);
        let mut settings = Self::from_arguments(options).or(Self {
            // A profile that was asked for by name wins over the environment, as in botocore.
            credentials: match options.profile {
                Some(_) => None,
                None => environment.credentials.clone(),
            },
            ..environment
        });
        #[cfg(feature = "aws")]
        if options.environment.is_process() {
            settings = settings.or(super::profile::look_up(options.profile.as_deref()).await);
        }
        if is_on(&options.environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true) {
            settings.url = None;
        }
        settings
    }

    /// What is missing here from there.
    fn or(self, other: Self) -> Self {
        Self {
            url: self.url.or(other.url),
            region: self.region.or(other.region),
            credentials: self.credentials.or(other.credentials),
            profile_credentials: self.profile_credentials.or(other.profile_credentials),
            fips: self.fips.or(other.fips),
            dual_stack: self.dual_stack.or(other.dual_stack),
            account_mode: self.account_mode.or(other.account_mode),
            ca_bundle: self.ca_bundle.or(other.ca_bundle),
        }
    }

    fn from_arguments(options: &Connect) -> Self {
        Self {
            region: options.region.clone(),
            credentials: options.credentials.clone(),
            fips: options.use_fips_endpoint,
            dual_stack: options.use_dualstack_endpoint,
            account_mode: options.account_id_endpoint_mode,
            ca_bundle: options.ca_bundle.clone(),
            ..Self::default()
        }
    }

    fn from_environment(environment: &Environment) -> Self {
        let get = |name| environment.get(name);
        let credentials = match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
            (Some(key), Some(secret)) => {
                let credentials = Credentials::new(key, secret, get("AWS_SESSION_TOKEN"));
                Some(match get("AWS_ACCOUNT_ID") {
                    Some(account) => credentials.of_account(account),
                    None => credentials,
                })
            }
            _ => None,
        };
        Self {
            url: get("AWS_ENDPOINT_URL_KINESIS").or_else(|| get("AWS_ENDPOINT_URL")),
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            credentials,
            profile_credentials: None,
            fips: is_on(environment, "AWS_USE_FIPS_ENDPOINT"),
            dual_stack: is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT"),
            account_mode: get("AWS_ACCOUNT_ID_ENDPOINT_MODE")
                .and_then(|mode| AccountIdEndpointMode::read(&mode)),
            ca_bundle: get("AWS_CA_BUNDLE").map(PathBuf::from),
        }
    }
}

fn is_on(environment: &Environment, name: &str) -> Option<bool> {
    let value = environment.get(name)?;
    Some(value.eq_ignore_ascii_case("true"))
}
