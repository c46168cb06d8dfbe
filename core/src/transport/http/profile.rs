//! What AWS's configuration files say, read by the `aws-config` crate.

use std::borrow::Cow;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::settings::Settings;
use crate::transport::{AccountIdEndpointMode, Credentials};

/// The settings of a profile; none if the files do not exist or cannot be read.
pub(super) async fn look_up(name: Option<&str>) -> Settings {
    let name = name.map(|name| Cow::Owned(name.to_owned()));
    let (files, env) = (EnvConfigFiles::default(), Env::real());
    match aws_config::profile::load(&Fs::real(), &env, &files, name).await {
        Ok(profiles) => of_profiles(&profiles),
        Err(_) => Settings::default(),
    }
}

fn of_profiles(profiles: &ProfileSet) -> Settings {
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
    Settings {
        url: endpoint_url(profiles)
            .filter(|_| flag("ignore_configured_endpoint_urls") != Some(true)),
        region: get("region"),
        credentials: None,
        profile_credentials: credentials,
        fips: flag("use_fips_endpoint"),
        dual_stack: flag("use_dualstack_endpoint"),
        account_mode: get("account_id_endpoint_mode")
            .and_then(|mode| AccountIdEndpointMode::read(&mode)),
        ca_bundle: get("ca_bundle").map(Into::into),
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
