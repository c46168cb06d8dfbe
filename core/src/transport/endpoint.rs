//! Where the service is: one setting with the same meaning in every language and command.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use super::{Connect, Credentials, Transport};
use crate::engine::{Engine, NAME_FORM, is_name};
use crate::types::StreamRef;
use crate::{Error, Result};

/// Where the service is. Nothing set means AWS; the engine is always asked for by name.
///
/// | text | what it names |
/// |---|---|
/// | none | AWS itself, by region |
/// | `http://HOST:PORT`, `https://HOST` | any Kinesis-compatible server |
/// | `memory://NAME`, `memory://` | the engine of this process that has this name, `default` without one |
/// | `memory://NAME?quotas=off` | the same, with the service's quotas lifted from then on |
///
/// ```
/// use kinetik::transport::Endpoint;
///
/// let endpoint: Endpoint = "memory://orders?quotas=off".parse()?;
/// assert_eq!(endpoint.to_string(), "memory://orders?quotas=off");
/// assert!("kinesis.eu-west-1.amazonaws.com".parse::<Endpoint>().is_err());
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub enum Endpoint {
    /// AWS by its own settings: endpoint variables, profile, region.
    #[default]
    Aws,
    /// Any Kinesis-compatible server.
    Http(HttpUrl),
    /// The engine of this process that has this name.
    Memory {
        /// The engine's name.
        name: String,
        /// Switches the engine's quotas on or off for all its users; `None` leaves them, new engines have them on.
        quotas: Option<bool>,
    },
    /// An engine that the caller holds.
    Engine(Engine),
    /// A transport that the caller brings.
    Custom(Arc<dyn Transport>),
    /// A text that names no endpoint, kept until someone connects; connecting fails with this error.
    Invalid(Error),
}

/// What an HTTP endpoint needs: scheme, host and port, without path, query or user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpUrl {
    https: bool,
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// What a stream is named in this process: the same for all who reach it in the same way, with the same credentials.
    /// Engines and transports that the caller holds have no name.
    pub(crate) fn stream_name(&self, connect: &Connect, stream: &StreamRef) -> Option<String> {
        let place = match self {
            Self::Aws => String::new(),
            Self::Http(url) => url.to_string(),
            Self::Memory { name, .. } => format!("memory://{name}"),
            Self::Engine(_) | Self::Custom(_) | Self::Invalid(_) => return None,
        };
        let (by_name, by_arn) = stream.members();
        let stream = by_arn.or(by_name);
        let key = connect.credentials.as_ref();
        let parts = [
            Some(place.as_str()),
            connect.region.as_deref(),
            connect.profile.as_deref(),
            key.map(Credentials::access_key_id),
            stream.as_deref(),
        ]
        .map(|part| part.unwrap_or_default().to_owned());
        Some(parts.join(" "))
    }
}

const FORMS: &str =
    "expected http://HOST:PORT, https://HOST[:PORT], memory://NAME or nothing for AWS";

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Aws);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Error::invalid("endpoint", format!("no scheme; {FORMS}")));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => HttpUrl::parse(false, rest).map(Self::Http),
            "https" => HttpUrl::parse(true, rest).map(Self::Http),
            "memory" => memory(rest),
            _ => Err(Error::invalid(
                "endpoint",
                format!("unknown scheme; {FORMS}"),
            )),
        }
    }
}

fn memory(rest: &str) -> Result<Endpoint> {
    let (name, query) = match rest.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (rest, None),
    };
    let name = match name.trim_end_matches('/') {
        "" => "default",
        name if is_name(name) => name,
        _ => return Err(Error::invalid("endpoint", NAME_FORM)),
    };
    let quotas = match query {
        None | Some("") => None,
        Some("quotas=on") => Some(true),
        Some("quotas=off") => Some(false),
        Some(_) => {
            return Err(Error::invalid(
                "endpoint",
                "memory:// takes only ?quotas=on or ?quotas=off",
            ));
        }
    };
    Ok(Endpoint::Memory {
        name: name.to_owned(),
        quotas,
    })
}

impl HttpUrl {
    /// Reads what stands behind `http://` or `https://`.
    fn parse(https: bool, rest: &str) -> Result<Self> {
        let wrong = |problem: &str| Err(Error::invalid("endpoint", format!("{problem}; {FORMS}")));
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return wrong("credentials do not belong into an endpoint");
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return wrong("a path or query is not taken");
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of a bare IPv6 address are not those of a port.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                match digits.parse() {
                    Ok(port) if port > 0 => Some(port),
                    _ => return wrong("the port is not in 1..=65535"),
                }
            }
            Some(_) => return wrong("the port is no number"),
        };
        if !is_host(host) {
            return wrong("the host is not a name, an IPv4 address or an IPv6 address in brackets");
        }
        Ok(Self {
            https,
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// The URL of an encrypted endpoint on the default port.
    pub(super) fn https(host: &str) -> Result<Self> {
        Self::parse(true, host)
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, by default 80 or 443.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Host and port as the `Host` header has them: a default port is left out.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) if port != if self.https { 443 } else { 80 } => {
                format!("{}:{port}", self.host)
            }
            _ => self.host.clone(),
        }
    }

    /// Whether the host is this machine itself: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare.ends_with(".localhost")
            || bare.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            || bare.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
    }
}

fn is_host(host: &str) -> bool {
    if let Some(v6) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return v6.parse::<Ipv6Addr>().is_ok();
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&host.len()) && !host.starts_with(['.', '-']) && host.bytes().all(legal)
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws => f.write_str("AWS"),
            Self::Http(url) => url.fmt(f),
            Self::Memory { name, quotas: None } => write!(f, "memory://{name}"),
            Self::Memory {
                name,
                quotas: Some(quotas),
            } => {
                write!(
                    f,
                    "memory://{name}?quotas={}",
                    if *quotas { "on" } else { "off" }
                )
            }
            Self::Engine(_) => f.write_str("an engine"),
            Self::Custom(transport) => write!(f, "{transport:?}"),
            Self::Invalid(_) => f.write_str("an invalid endpoint"),
        }
    }
}

/// Never fails by itself, so that settings can be chained: a text that names no endpoint becomes
/// [`Endpoint::Invalid`], whose error comes when someone connects.
impl From<&str> for Endpoint {
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_else(Self::Invalid)
    }
}

impl From<String> for Endpoint {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Endpoint {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Engine> for Endpoint {
    fn from(engine: Engine) -> Self {
        Self::Engine(engine)
    }
}

impl From<&Engine> for Endpoint {
    fn from(engine: &Engine) -> Self {
        Self::Engine(engine.clone())
    }
}

impl From<Arc<dyn Transport>> for Endpoint {
    fn from(transport: Arc<dyn Transport>) -> Self {
        Self::Custom(transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn http(text: &str) -> HttpUrl {
        match text.parse() {
            Ok(Endpoint::Http(url)) => url,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn nothing_means_aws() {
        assert!(matches!("".parse(), Ok(Endpoint::Aws)));
        assert!(matches!(Endpoint::default(), Endpoint::Aws));
    }

    #[test]
    fn http_urls_keep_scheme_host_and_port() {
        let url = http("http://127.0.0.1:4567");
        assert_eq!(
            (url.is_https(), url.host(), url.port()),
            (false, "127.0.0.1", 4567)
        );
        assert_eq!(
            http("HTTPS://Kinesis.EU-west-1.amazonaws.com/").to_string(),
            "https://kinesis.eu-west-1.amazonaws.com"
        );
        assert_eq!(http("https://host:443").authority(), "host");
        assert_eq!(http("https://host:80").authority(), "host:80");
        assert_eq!(http("http://[::1]:80").authority(), "[::1]");
        assert_eq!(http("http://[::1]").port(), 80);
    }

    #[test]
    fn loopback_hosts_are_recognised_and_lookalikes_are_not() {
        for text in [
            "http://localhost",
            "http://127.8.9.1:1",
            "http://[::1]:4567",
            "http://a.localhost",
        ] {
            assert!(http(text).is_loopback(), "{text}");
        }
        for text in [
            "http://localhost.evil.test",
            "http://128.0.0.1",
            "http://127.0.0.1.nip.io",
            "http://mylocalhost",
        ] {
            assert!(!http(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn memory_names_default_and_quotas_only_where_said() {
        for (text, shown) in [
            ("memory://", "memory://default"),
            ("memory://default/", "memory://default"),
            ("memory://a.b-c_1", "memory://a.b-c_1"),
            ("memory://?quotas=off", "memory://default?quotas=off"),
            ("memory://x?quotas=on", "memory://x?quotas=on"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_that_are_taken() {
        for text in [
            "localhost:4567",
            "ftp://host",
            "http://",
            "http://:80",
            "http://host:0",
            "http://host:65536",
            "http://host:+1",
            "http://host:",
            "http://key:secret@host",
            "http://host/path",
            "http://host?x",
            "http://ho st",
            "http://[::g]",
            "http://::1:80",
            "memory://a/b",
            "memory://a?quota=off",
            "memory://é",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
            assert!(error.message().starts_with("endpoint: "), "{error}");
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_chained_setting_keeps_its_error_until_someone_connects() {
        assert!(matches!(Endpoint::from("nonsense"), Endpoint::Invalid(_)));
    }
}
