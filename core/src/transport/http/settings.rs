//! What the settings around the process say: arguments first, then the environment, then the profile.

use std::path::PathBuf;

use crate::Result;
use crate::transport::{AccountIdEndpointMode, Connect, Credentials, Environment};
use crate::types::setting::refused;

/// What was found.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) url: Option<String>,
    /// Whether variables and profile have no say in where the service is; one word for both, as in botocore.
    pub(super) ignores_url: Option<bool>,
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
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a mode that does not exist, a configuration file that cannot
    /// be understood, and a profile that was named and does not exist: what would be lost may be FIPS.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    pub(super) async fn look_up(options: &Connect) -> Result<Self> {
        let environment = Self::from_environment(&options.environment)?;
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
            let name = options.profile.clone();
            let name = name.or_else(|| options.environment.get("AWS_PROFILE"));
            settings = settings.or(super::profile::look_up(name).await?);
        }
        Ok(settings)
    }

    /// Where the service is, unless whoever set that is not to be heard.
    pub(super) fn url(&self) -> Option<&str> {
        let url = self.url.as_deref();
        url.filter(|_| self.ignores_url != Some(true))
    }

    /// What is missing here from there.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            url: self.url.or(other.url),
            ignores_url: self.ignores_url.or(other.ignores_url),
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

    pub(super) fn from_environment(environment: &Environment) -> Result<Self> {
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
        let mode = "AWS_ACCOUNT_ID_ENDPOINT_MODE";
        Ok(Self {
            url: get("AWS_ENDPOINT_URL_KINESIS").or_else(|| get("AWS_ENDPOINT_URL")),
            ignores_url: is_on(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
            region: get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")),
            credentials,
            profile_credentials: None,
            fips: is_on(environment, "AWS_USE_FIPS_ENDPOINT"),
            dual_stack: is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT"),
            account_mode: account_mode(mode, get(mode))?,
            ca_bundle: get("AWS_CA_BUNDLE").map(PathBuf::from),
        })
    }
}

/// The mode that `name` gives.
pub(super) fn account_mode(
    name: &str,
    value: Option<String>,
) -> Result<Option<AccountIdEndpointMode>> {
    let read = |value: String| {
        let mode = AccountIdEndpointMode::read(&value);
        mode.ok_or_else(|| refused(name, AccountIdEndpointMode::FORMS))
    };
    value.map(read).transpose()
}

fn is_on(environment: &Environment, name: &str) -> Option<bool> {
    let value = environment.get(name)?;
    Some(value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_of_accounts_that_does_not_exist_is_refused_by_its_variable() {
        let name = "AWS_ACCOUNT_ID_ENDPOINT_MODE";
        let of = |mode| Settings::from_environment(&Environment::fixed([(name, mode)]));
        let mode = of("Required").map(|settings| settings.account_mode);
        assert_eq!(mode.unwrap(), Some(AccountIdEndpointMode::Required));
        let Err(error) = of("require") else {
            panic!("taken");
        };
        assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
        assert!(error.message().starts_with(name), "{error}");
    }
}
