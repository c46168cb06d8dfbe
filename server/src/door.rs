//! Who may talk to the server at all: callers by a name of this machine, and no web page from elsewhere.
//!
//! A browser sends requests wherever a page tells it to. `Origin` tells which page; `Host` tells by which name the
//! server was reached, which a page from elsewhere can make point here (DNS rebinding). Kinesis requests need no
//! cookie, so a page that got through could read and write every stream.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, Version};

use crate::ServerConfig;
use crate::reply::{Body, reply, set, xml};

/// Which web pages may call a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// Those of this machine.
    #[default]
    Loopback,
    /// Those of this machine and of this origin, for example `https://app.test:3000`.
    Origin(String),
    /// All, as at AWS: any page that a browser of this machine shows can read and write every stream.
    Any,
}

/// The rule of one server.
pub(crate) struct Door {
    cors: Cors,
    /// Listening beyond loopback, where other machines were let in on purpose.
    open: bool,
    names: Vec<String>,
}

/// A page of this machine, whose origin is written anew from its parts, never echoed.
pub(crate) struct Page(HeaderValue);

/// What the door says to a request.
pub(crate) enum Verdict {
    /// Come in; with a page's origin if there is one.
    Enter(Option<Page>),
    /// This answer and nothing else.
    Refuse(Response<Body>),
}

impl Door {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            cors: config.cors.clone(),
            open: !config.host.is_loopback(),
            names: config
                .names
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }

    /// Whether others than this machine and its own pages can reach the server.
    pub(crate) fn lets_others_in(&self) -> bool {
        self.open || self.cors != Cors::Loopback
    }

    pub(crate) fn judge(&self, head: &Parts) -> Verdict {
        let mut hosts = head.headers.get_all(HOST).iter();
        let known = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().is_ok_and(|host| self.knows(host)),
            // HTTP/2 tells the host as part of the target.
            (None, None) => head.version == Version::HTTP_2 && head.uri.authority().is_some(),
            _ => false,
        };
        // The target of a request may name a host as well.
        let consistent = head
            .uri
            .authority()
            .is_none_or(|host| self.knows(host.as_str()));
        if !known || !consistent {
            return refuse(
                "The Host header names neither this machine nor a name that this server was given.",
            );
        }
        match head.headers.get(ORIGIN) {
            Some(origin) => match origin.to_str().ok().and_then(|origin| self.page(origin)) {
                Some(page) => Verdict::Enter(Some(page)),
                None => refuse("Web pages from other origins may not call this server."),
            },
            None if self.cors != Cors::Any && from_another_site(&head.headers) => {
                refuse("Web pages from other sites may not call this server.")
            }
            None => Verdict::Enter(None),
        }
    }

    /// The page of an origin that may call.
    fn page(&self, origin: &str) -> Option<Page> {
        match &self.cors {
            Cors::Any => Some(Page(HeaderValue::from_static("*"))),
            Cors::Origin(known) if known == origin => HeaderValue::from_str(known).ok().map(Page),
            Cors::Origin(_) | Cors::Loopback => Page::of(origin),
        }
    }

    /// Whether a host, with or without a port, is a name of this machine.
    fn knows(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        if is_loopback(&name) || self.names.contains(&name) {
            return true;
        }
        // Addresses and names without a dot cannot be rebound: no public name server answers for them.
        self.open && (ip(&name).is_some() || !name.contains('.') || name.ends_with(".internal"))
    }
}

fn refuse(text: &str) -> Verdict {
    Verdict::Refuse(xml(403, "AccessDeniedException", Some(text)))
}

fn from_another_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
}

/// `name`, `name:port`, `1.2.3.4:port` or `[::1]:port` without its port.
fn name_of(host: &str) -> Option<&str> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, "0"),
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    let good = !name.is_empty()
        && name.bytes().all(legal)
        && !port.is_empty()
        && port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| name.strip_suffix('.').unwrap_or(name))
}

fn ip(name: &str) -> Option<IpAddr> {
    match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || ip(name).is_some_and(|ip| ip.is_loopback())
}

impl Page {
    /// A page of this machine; `None` for every other, for `null` and for what is no origin.
    fn of(origin: &str) -> Option<Self> {
        let (scheme, host) = origin.split_once("://")?;
        let scheme = match scheme {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        let name = name_of(host)?.to_ascii_lowercase();
        if !is_loopback(&name) {
            return None;
        }
        let port = host
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        HeaderValue::from_str(&format!("{scheme}://{name}{port}"))
            .ok()
            .map(Self)
    }

    /// Answers a page's question what it may send: where every page may call, whatever it asks for, as AWS does
    /// (reference/kinesis-api.md 3.4).
    pub(crate) fn preflight(&self, asked: &HeaderMap) -> Response<Body> {
        let mut response = reply(200, None, Body::default());
        let allowed = [
            (
                ACCESS_CONTROL_ALLOW_METHODS,
                ACCESS_CONTROL_REQUEST_METHOD,
                METHODS,
            ),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                ACCESS_CONTROL_REQUEST_HEADERS,
                HEADERS,
            ),
        ];
        for (name, asked_for, known) in allowed {
            let value = match self.is_any() {
                true => asked
                    .get(asked_for)
                    .filter(|value| is_tokens(value))
                    .cloned(),
                false => Some(HeaderValue::from_static(known)),
            };
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        set(&mut response, ACCESS_CONTROL_MAX_AGE, "172800");
        self.allow(&mut response);
        response
    }

    /// Lets the page read an answer.
    pub(crate) fn admit(&self, response: &mut Response<Body>) {
        self.allow(response);
        set(
            response,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
        );
    }

    fn allow(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }

    fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

/// What pages of this machine may send.
const METHODS: &str = "POST, OPTIONS";
const HEADERS: &str = "authorization, content-type, x-amz-target, x-amz-date, x-amz-content-sha256, \
                       x-amz-security-token, x-amz-user-agent, amz-sdk-invocation-id, amz-sdk-request";

/// Whether a value holds nothing but names, so that it may come back in a header.
fn is_tokens(value: &HeaderValue) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_., ".contains(byte);
    value.as_bytes().iter().all(legal)
}

/// Whether a request only asks what it may send.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(open: bool) -> Door {
        Door {
            cors: Cors::Loopback,
            open,
            names: vec!["kinesis.test".into()],
        }
    }

    #[test]
    fn loopback_names_are_known_and_lookalikes_are_not() {
        for host in [
            "localhost",
            "LOCALHOST:4567",
            "127.0.0.1:1",
            "127.1.2.3",
            "[::1]:80",
            "[::1]",
            "a.localhost",
            "localhost.",
            "kinesis.test:9",
        ] {
            assert!(door(false).knows(host), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "localhost.evil.test",
            "127.0.0.1.nip.io",
            "0.0.0.0",
            "10.0.0.1",
            "[::2]",
            "localhost:80:80",
            "localhost:x",
            "localhost@evil",
            "local host",
        ] {
            assert!(!door(false).knows(host), "{host}");
        }
    }

    #[test]
    fn an_open_server_is_also_known_by_addresses_and_undotted_names() {
        for host in [
            "10.0.0.1:4567",
            "[fe80::1]",
            "kinetik:4567",
            "host.docker.internal",
        ] {
            assert!(door(true).knows(host), "{host}");
        }
        assert!(!door(true).knows("evil.test"));
    }

    #[test]
    fn pages_are_let_in_as_the_server_was_told() {
        let shown = |cors, origin| {
            let door = Door {
                cors,
                ..door(false)
            };
            door.page(origin)
                .map(|page| page.0.to_str().unwrap().to_owned())
        };
        let app = || Cors::Origin("https://app.test".into());
        assert_eq!(shown(Cors::Loopback, "https://app.test"), None);
        assert_eq!(
            shown(app(), "https://app.test").as_deref(),
            Some("https://app.test")
        );
        assert_eq!(shown(app(), "https://app.test.evil.test"), None);
        assert_eq!(
            shown(app(), "http://localhost:1").as_deref(),
            Some("http://localhost:1")
        );
        assert_eq!(shown(Cors::Any, "https://evil.test").as_deref(), Some("*"));
    }

    #[test]
    fn origins_of_this_machine_are_rewritten_and_others_are_none() {
        let shown = |origin| Page::of(origin).map(|page| page.0.to_str().unwrap().to_owned());
        assert_eq!(
            shown("http://LOCALHOST:3000").as_deref(),
            Some("http://localhost:3000")
        );
        assert_eq!(
            shown("https://127.0.0.1").as_deref(),
            Some("https://127.0.0.1")
        );
        for origin in [
            "null",
            "http://evil.test",
            "file://localhost",
            "http://localhost.evil.test",
            "http://evil.test:80/localhost",
            "http://localhost\u{e9}",
        ] {
            assert_eq!(shown(origin), None, "{origin}");
        }
    }
}
