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
        Self::read(text).ok_or_else(|| {
            Error::invalid(
                "proxy",
                "expected http://[USER:PASSWORD@]HOST:PORT, or none",
            )
        })
    }
}

impl Proxy {
    /// A proxy's URL, which is never repeated: it may hold a password.
    fn read(url: &str) -> Option<Self> {
        let scheme = url.get(..7)?;
        let proxy = Self(Some(url.to_owned()));
        let is_one = scheme.eq_ignore_ascii_case("http://") && proxy.intercept().is_some();
        is_one.then_some(proxy)
    }

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
pub(super) struct Proxies {
    matcher: Matcher,
    /// Destinations of one port that need none.
    direct: Vec<(u16, Matcher)>,
    /// The variables of plain and of encrypted destinations, where they name no proxy that can be asked.
    unusable: [Option<&'static str>; 2],
}

/// Stands where a variable names what cannot be asked; nothing is ever sent there.
const NOWHERE: &str = "http://nowhere.invalid";

impl Proxies {
    /// The one that was given, else those of the environment, as curl and botocore read them.
    pub(super) fn of(given: Option<&Proxy>, environment: &Environment) -> Self {
        if let Some(proxy) = given {
            let url = proxy.0.clone().unwrap_or_default();
            return Self {
                matcher: Matcher::builder().all(url).build(),
                direct: Vec::new(),
                unusable: [None; 2],
            };
        }
        let read = |names: &[&'static str]| {
            let set = |name: &&'static str| Some((*name, environment.get(name)?));
            match names.iter().find_map(set) {
                None => (String::new(), None),
                Some((name, value)) => match of_variable(&value) {
                    Some(url) => (url, None),
                    None => (NOWHERE.to_owned(), Some(name)),
                },
            }
        };
        let plain = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let plain = match environment.get("REQUEST_METHOD") {
            // In a CGI program HTTP_PROXY is a header that whoever calls it chose.
            Some(_) => &plain[1..],
            None => &plain[..],
        };
        let (http, http_unusable) = read(plain);
        let (https, https_unusable) =
            read(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let no = ["NO_PROXY", "no_proxy"];
        let no = no.iter().find_map(|name| environment.get(name));
        let no = no.unwrap_or_default();
        let direct = no.split(',').filter_map(|entry| {
            let (host, port) = host_and_port(entry.trim())?;
            let matcher = Matcher::builder().all(NOWHERE).no(host);
            Some((port, matcher.build()))
        });
        Self {
            direct: direct.collect(),
            matcher: Matcher::builder().http(http).https(https).no(no).build(),
            unusable: [http_unusable, https_unusable],
        }
    }

    /// The proxy on the way to a destination.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) where a variable names one that cannot be asked: spoken to as if
    /// it could, it would be told its password in the clear.
    pub(super) fn on_the_way_to(&self, destination: &Uri) -> Result<Option<Intercept>> {
        let is_direct = destination.host().is_none_or(is_near) || self.is_direct(destination);
        if is_direct {
            return Ok(None);
        }
        let Some(proxy) = self.matcher.intercept(destination) else {
            return Ok(None);
        };
        match self.unusable[usize::from(is_encrypted(destination))] {
            None => Ok(Some(proxy)),
            Some(variable) => Err(Error::invalid(
                variable,
                "expected http://[USER:PASSWORD@]HOST:PORT; a proxy is asked over plain HTTP alone, not over TLS or SOCKS",
            )),
        }
    }

    /// Whether `NO_PROXY` names the destination with its port.
    fn is_direct(&self, destination: &Uri) -> bool {
        let own = if is_encrypted(destination) { 443 } else { 80 };
        let port = destination.port_u16().unwrap_or(own);
        let mut ported = self.direct.iter().filter(|(named, _)| *named == port);
        ported.any(|(_, matcher)| matcher.intercept(destination).is_none())
    }
}

fn is_encrypted(destination: &Uri) -> bool {
    destination.scheme_str() == Some("https")
}

/// A variable's proxy. What names no scheme means HTTP, as it does to curl.
fn of_variable(value: &str) -> Option<String> {
    let url = match value.contains("://") {
        true => value.to_owned(),
        false => format!("http://{value}"),
    };
    Proxy::read(&url)?.0
}

/// The parts of `HOST:PORT`; nothing for a host alone, an IPv6 address among them.
fn host_and_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = bare.or_else(|| (!host.contains(':')).then_some(host))?;
    Some((host, port.parse().ok()?))
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
        let intercept = proxies.on_the_way_to(&to.parse().unwrap()).unwrap();
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
            "secreté:1",
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(error.message().starts_with("proxy"), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_variable_that_names_no_plain_proxy_is_refused_by_its_name_where_it_would_be_asked() {
        for (name, value) in [
            ("HTTPS_PROXY", "https://user:secret@proxy"),
            ("https_proxy", "socks5://user:secret@proxy:1080"),
            ("ALL_PROXY", "ftp://secret"),
            ("HTTPS_PROXY", "http://"),
            ("HTTPS_PROXY", "secret é"),
        ] {
            let variables = [(name, value), ("NO_PROXY", "internal.test")];
            let proxies = Proxies::of(None, &Environment::fixed(variables));
            let error = proxies.on_the_way_to(&AWS.parse().unwrap()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(name), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
            for to in ["https://internal.test/", "http://127.0.0.1:4567/"] {
                assert_eq!(way(&variables, None, to), None, "{to}");
            }
        }
    }

    #[test]
    fn a_variable_without_a_scheme_names_a_plain_proxy() {
        for value in ["user:secret@proxy:3128", "proxy:3128/"] {
            let way = way(&[("HTTPS_PROXY", value)], None, AWS);
            assert_eq!(way.as_deref(), Some("http://proxy:3128/"));
        }
    }

    #[test]
    fn no_proxy_with_a_port_holds_for_that_port_alone() {
        let variables = [
            ("ALL_PROXY", "http://proxy:1"),
            (
                "NO_PROXY",
                "emulator.test:4567, 10.0.0.1:80,[2001:db8::1]:443",
            ),
        ];
        for (to, is_direct) in [
            ("http://emulator.test:4567/", true),
            ("https://a.emulator.test:4567/", true),
            ("http://emulator.test:4568/", false),
            ("http://emulator.test/", false),
            ("http://other.test:4567/", false),
            ("http://10.0.0.1/", true),
            ("https://10.0.0.1/", false),
            ("https://[2001:db8::1]/", true),
        ] {
            assert_eq!(way(&variables, None, to).is_none(), is_direct, "{to}");
        }
    }
}
