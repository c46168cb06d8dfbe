//! What AWS's configuration files say, read by the `aws-config` crate.

use std::error::Error as _;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::settings::{Settings, account_mode};
use crate::transport::Credentials;
use crate::{Error, Result};

/// The profile of whoever names none.
const DEFAULT: &str = "default";

/// The settings of the profile with this name, else of the default one; none of this if there are no files.
///
/// # Errors
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a file that is none of AWS's, and a named profile that is in
/// none.
pub(super) async fn look_up(name: Option<String>) -> Result<Settings> {
    within(&Fs::real(), &Env::real(), name).await
}

async fn within(fs: &Fs, env: &Env, name: Option<String>) -> Result<Settings> {
    let name = name.unwrap_or_else(|| DEFAULT.to_owned());
    let files = EnvConfigFiles::default();
    let profiles = aws_config::profile::load(fs, env, &files, Some(name.clone().into())).await;
    let profiles = profiles.map_err(|error| {
        // It names file and line, and never what stands there.
        let reason = error.source().map(ToString::to_string);
        Error::invalid("profile", reason.unwrap_or_else(|| error.to_string()))
    })?;
    if name != DEFAULT && profiles.get_profile(&name).is_none() {
        let problem = format!("{name} is in none of AWS's configuration files");
        return Err(Error::invalid("profile", problem));
    }
    of_profiles(&profiles)
}

fn of_profiles(profiles: &ProfileSet) -> Result<Settings> {
    let get = |name| profiles.get(name).map(str::to_owned);
    let flag = |name| {
        let value = profiles.get(name)?;
        Some(value.eq_ignore_ascii_case("true"))
    };
    let credentials = match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        // With a role these keys are only the way to it.
        (Some(key), Some(secret)) if get("role_arn").is_none() => {
            Some(Credentials::new(key, secret, get("aws_session_token")))
        }
        _ => None,
    };
    let mode = "account_id_endpoint_mode";
    Ok(Settings {
        url: endpoint_url(profiles),
        ignores_url: flag("ignore_configured_endpoint_urls"),
        region: get("region"),
        credentials: None,
        profile_credentials: credentials,
        fips: flag("use_fips_endpoint"),
        dual_stack: flag("use_dualstack_endpoint"),
        account_mode: account_mode(mode, get(mode))?,
        ca_bundle: get("ca_bundle").map(Into::into),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::transport::Environment;

    async fn settings(config: &str, name: Option<&str>) -> Result<Settings> {
        let files = Fs::from_slice(&[("/config", config)]);
        let env = Env::from_slice(&[("AWS_CONFIG_FILE", "/config")]);
        within(&files, &env, name.map(str::to_owned)).await
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_understood_and_a_profile_that_is_not_there_are_refused_by_name()
    {
        let broken = "[default]\nuse_fips_endpoint = true\nsecret\n";
        let mode = "[default]\naccount_id_endpoint_mode = secret\n";
        for (config, name, word) in [
            (broken, None, "/config on line 3"),
            ("[profile one]\n", Some("two"), "two"),
            (mode, None, "account_id_endpoint_mode"),
        ] {
            let Err(error) = settings(config, name).await else {
                panic!("{word}: not refused");
            };
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(word), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn neither_files_nor_a_default_profile_need_exist() {
        let (nothing, env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
        assert!(within(&nothing, &env, None).await.is_ok());
        let named = settings("[profile one]\nuse_fips_endpoint = true\n", None).await;
        assert_eq!(named.unwrap().fips, None);
    }

    #[tokio::test]
    async fn one_word_on_configured_urls_holds_for_variables_and_profile() {
        let config =
            "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = http://profile\n";
        for (variable, url) in [(None, None), (Some("false"), Some("http://variable"))] {
            let mut variables = vec![("AWS_ENDPOINT_URL", "http://variable")];
            variables.extend(variable.map(|on| ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", on)));
            let environment = Settings::from_environment(&Environment::fixed(variables)).unwrap();
            let profile = settings(config, None).await.unwrap();
            assert_eq!(environment.or(profile).url(), url);
        }
    }
}
