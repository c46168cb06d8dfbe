//! Proxies between this process and the service.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::Environment;
use crate::error::{Error, Result};

/// A proxy to go through, `http://[USER:PASSWORD@]HOST:PORT`, or `none`: go directly, whatever the environment says.
///
/// Encrypted endpoints are reached through a tunnel (CONNECT) and plain ones by forwarding. This machine and link-local
/// addresses, which metadata services have, are never asked through a proxy. `Debug` shows no password.
///
/// ```
/// use kinetik::transport::Proxy;
///
/// let proxy: Proxy = "http://user:secret@10.0.0.1:3128".parse()?;
/// assert_eq!(format!("{proxy:?}"), "Proxy(http://10.0.0.1:3128/)");
/// assert!("socks5://10.0.0.1".parse::<Proxy>().is_err());
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Option<String>);

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self(None));
        }
        let is_http = text.len() > 7 && text[..7].eq_ignore_ascii_case("http://");
        let proxy = Self(Some(text.to_owned()));
        match is_http && proxy.intercept().is_some() {
            true => Ok(proxy),
            false => Err(Error::invalid(
                "proxy",
                "expected http://[USER:PASSWORD@]HOST:PORT, or none",
            )),
        }
    }
}

impl Proxy {
    fn intercept(&self) -> Option<Intercept> {
        let matcher = Matcher::builder().all(self.0.clone()?).build();
        matcher.intercept(&Uri::from_static("https://service"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.intercept() {
            Some(intercept) => write!(f, "Proxy({})", intercept.uri()),
            None => f.write_str("Proxy(none)"),
        }
    }
}

/// The proxies of all destinations.
pub(super) struct Proxies(Matcher);

impl Proxies {
    /// The one that was given, else those of the environment, as curl and botocore read them.
    pub(super) fn of(given: Option<&Proxy>, environment: &Environment) -> Self {
        let builder = match given {
            Some(proxy) => Matcher::builder().all(proxy.0.clone().unwrap_or_default()),
            None => {
                let get = |names: [&str; 2]| {
                    let found = names.iter().find_map(|name| environment.get(name));
                    found.unwrap_or_default()
                };
                let http = match environment.get("REQUEST_METHOD") {
                    // In a CGI program HTTP_PROXY is a header that whoever calls it chose.
                    Some(_) => environment.get("http_proxy").unwrap_or_default(),
                    None => get(["HTTP_PROXY", "http_proxy"]),
                };
                Matcher::builder()
                    .all(get(["ALL_PROXY", "all_proxy"]))
                    .https(get(["HTTPS_PROXY", "https_proxy"]))
                    .http(http)
                    .no(get(["NO_PROXY", "no_proxy"]))
            }
        };
        Self(builder.build())
    }

    /// The proxy on the way to a destination.
    pub(super) fn on_the_way_to(&self, destination: &Uri) -> Option<Intercept> {
        match destination.host() {
            Some(host) if !is_near(host) => self.0.intercept(destination),
            _ => None,
        }
    }
}

/// Whether a host is this machine or link-local: no proxy has business there.
fn is_near(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_local = |name: &str| name == "localhost" || name.ends_with(".localhost");
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        // fd00:ec2::/32 is where instances and pods find their metadata.
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2]
        }
        Err(_) => is_local(&bare.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(variables: &[(&str, &str)], given: Option<&str>, to: &str) -> Option<String> {
        let given = given.map(|text| text.parse().unwrap());
        let environment = Environment::fixed(variables.iter().copied());
        let proxies = Proxies::of(given.as_ref(), &environment);
        let intercept = proxies.on_the_way_to(&to.parse().unwrap());
        intercept.map(|proxy| proxy.uri().to_string())
    }

    const AWS: &str = "https://kinesis.eu-west-1.amazonaws.com/";

    #[test]
    fn the_environment_names_the_proxy_of_each_scheme_and_what_needs_none() {
        let variables = [
            ("HTTPS_PROXY", "http://tls:1"),
            ("http_proxy", "http://plain:2"),
            ("NO_PROXY", "internal.test,10.0.0.0/8"),
        ];
        for (to, proxy) in [
            (AWS, Some("http://tls:1/")),
            ("http://emulator.test:4567/", Some("http://plain:2/")),
            ("https://a.internal.test/", None),
            ("http://10.1.2.3/", None),
            ("http://127.0.0.1:4567/", None),
            ("http://169.254.169.254/latest", None),
            ("http://[fd00:ec2::254]/latest", None),
            ("http://localhost/", None),
        ] {
            assert_eq!(way(&variables, None, to).as_deref(), proxy, "{to}");
        }
    }

    #[test]
    fn a_given_proxy_wins_over_the_environment_and_none_means_none() {
        let variables = [("HTTPS_PROXY", "http://environment:1")];
        let given = way(&variables, Some("http://given:2"), AWS);
        assert_eq!(given.as_deref(), Some("http://given:2/"));
        assert_eq!(way(&variables, Some("none"), AWS), None);
    }

    #[test]
    fn a_callers_header_is_no_proxy() {
        let variables = [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(way(&variables, None, "http://emulator.test/"), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_repeated() {
        for text in [
            "",
            "socks5://secret@host:1",
            "https://host",
            "secret",
            "http://",
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(error.message().starts_with("proxy"), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }
}
