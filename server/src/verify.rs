//! Whether a signature was made with a key that the server knows: Signature Version 4, header and query form.
//!
//! Source: AWS, "Create a signed AWS API request". The texts are AWS's as users report them; that of a wrong signature
//! ends where AWS goes on to show what should have been signed.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{AUTHORIZATION, DATE, HOST, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use kinetik::api::Refusal;
use kinetik::time::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far the clocks of both sides may differ, and how long a header's signature is good.
const SLACK: Duration = Duration::minutes(5);
/// How many seconds a signed link may be good: seven days.
const LONGEST_LIFE: i64 = 604_800;
/// `20261122T083000Z`.
const FORMAT: &str = "[year][month][day]T[hour][minute][second]Z";

/// An access key that may call a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: String,
    secret: String,
}

impl Key {
    /// A key: its public name and its secret.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            secret: secret.into(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ***)", self.id)
    }
}

/// The check of a server that was given keys.
#[derive(Debug)]
pub(crate) struct Verifier {
    secrets: BTreeMap<String, Key>,
    region: String,
    clock: Clock,
}

/// What a request says of its signature.
struct Claim<'a> {
    key: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    date: String,
    signed_headers: String,
    signature: String,
    /// How long it is good, of the query form.
    life: Option<Duration>,
}

impl Verifier {
    /// `None` without keys: then whoever asks is answered.
    pub(crate) fn new(keys: &[Key], region: &str, clock: Clock) -> Option<Self> {
        let secrets = keys.iter().map(|key| (key.id.clone(), key.clone()));
        (!keys.is_empty()).then(|| Self {
            secrets: secrets.collect(),
            region: region.to_owned(),
            clock,
        })
    }

    /// Refuses a request, which is known to have all parts of a signature, if they do not fit.
    pub(crate) fn check(&self, head: &Parts, body: &Bytes) -> Result<(), Refusal> {
        let parameters = Parameters::of(head.uri.query().unwrap_or_default());
        let scope = match head.headers.get(AUTHORIZATION) {
            Some(value) => part(value.to_str().unwrap_or_default(), "Credential").to_owned(),
            None => parameters.get("X-Amz-Credential").to_owned(),
        };
        let claim = Claim::read(head, &parameters, &scope)?;
        let unknown = || {
            Refusal::unrecognized_client("The security token included in the request is invalid.")
        };
        let known = self.secrets.get(claim.key).ok_or_else(unknown)?;
        self.check_scope(&claim)?;
        check_time(self.clock.wall(), &claim)?;
        check_signed(head, &claim)?;
        let canonical = canonical_request(head, &parameters, &claim, body);
        let text = format!(
            "{ALGORITHM}\n{}\n{}/{}/{}/aws4_request\n{}",
            claim.date,
            claim.day,
            claim.region,
            claim.service,
            hex(&Sha256::digest(canonical)),
        );
        let is_right = unhex(&claim.signature).is_some_and(|signature| {
            let mac = keyed(&signing_key(&known.secret, &claim)).chain_update(text);
            mac.verify_slice(&signature).is_ok()
        });
        match is_right {
            true => Ok(()),
            false => Err(Refusal::invalid_signature(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details.",
            )),
        }
    }

    fn check_scope(&self, claim: &Claim<'_>) -> Result<(), Refusal> {
        let wrong = |text: String| Err(Refusal::invalid_signature(text));
        if claim.region != self.region {
            return wrong(format!(
                "Credential should be scoped to a valid region, not '{}'. ",
                plain(claim.region)
            ));
        }
        if claim.service != "kinesis" {
            return wrong("Credential should be scoped to correct service: 'kinesis'. ".to_owned());
        }
        if claim.date.get(..8) != Some(claim.day) {
            return wrong(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{}', from '{}'.",
                plain(claim.day),
                plain(claim.date.get(..8).unwrap_or_default()),
                plain(&claim.date)
            ));
        }
        Ok(())
    }
}

impl<'a> Claim<'a> {
    fn read(head: &Parts, parameters: &Parameters, scope: &'a str) -> Result<Self, Refusal> {
        let parts: Vec<_> = scope.rsplitn(5, '/').collect();
        let [terminator, service, region, day, key] = parts[..] else {
            return Err(Refusal::incomplete_signature(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term.",
            ));
        };
        if terminator != "aws4_request" {
            return Err(Refusal::invalid_signature(
                "Credential should be scoped with a valid terminator: 'aws4_request'. ",
            ));
        }
        let header = |name: &str| {
            let value = head.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let claim = |date: String, signed: &str, signature: &str, life| Self {
            key,
            day,
            region,
            service,
            date,
            signed_headers: signed.to_owned(),
            signature: signature.to_owned(),
            life,
        };
        let Some(value) = header(AUTHORIZATION.as_str()) else {
            let life = parameters.get("X-Amz-Expires").parse().ok();
            let life = life.filter(|life| (1..=LONGEST_LIFE).contains(life));
            return Ok(claim(
                parameters.get("X-Amz-Date").to_owned(),
                parameters.get("X-Amz-SignedHeaders"),
                parameters.get("X-Amz-Signature"),
                life.map(Duration::seconds),
            ));
        };
        if !value.starts_with(ALGORITHM) {
            return Err(Refusal::incomplete_signature(
                "Unsupported AWS 'algorithm': expected 'AWS4-HMAC-SHA256'.",
            ));
        }
        let date = header("x-amz-date").or_else(|| header(DATE.as_str()));
        Ok(claim(
            date.unwrap_or_default(),
            part(&value, "SignedHeaders"),
            part(&value, "Signature"),
            None,
        ))
    }
}

fn check_time(now: Timestamp, claim: &Claim<'_>) -> Result<(), Refusal> {
    // The constant is a format; a clock beyond the year 9999 does not exist.
    let format = time::format_description::parse_borrowed::<2>(FORMAT).unwrap_or_default();
    let signed = PrimitiveDateTime::parse(&claim.date, &format);
    let signed = signed.map_err(|_| {
        Refusal::incomplete_signature(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            plain(&claim.date)
        ))
    })?;
    let (signed, now) = (signed.assume_utc(), now_of(now));
    let text = |at: OffsetDateTime| at.format(&format).unwrap_or_default();
    let (oldest, newest) = (now - claim.life.unwrap_or(SLACK), now + SLACK);
    if signed < oldest {
        return Err(Refusal::invalid_signature(format!(
            "Signature expired: {} is now earlier than {} ({} - {} min.)",
            text(signed),
            text(oldest),
            text(now),
            claim.life.unwrap_or(SLACK).whole_minutes(),
        )));
    }
    if signed > newest {
        return Err(Refusal::invalid_signature(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            text(signed),
            text(newest),
            text(now),
        )));
    }
    Ok(())
}

/// What names the call must be signed, or else a signature would be good for other calls: the host and each `x-amz-`
/// header. Names must be in lower case. Source: AWS, "Create a signed AWS API request"; the text of a host that is not
/// signed is AWS's, that of a header is made like it.
fn check_signed(head: &Parts, claim: &Claim<'_>) -> Result<(), Refusal> {
    let is_signed = |name: &str| claim.signed_headers.split(';').any(|signed| signed == name);
    let wrong = |what: String| {
        Err(Refusal::invalid_signature(format!(
            "{what} must be a 'SignedHeader' in the AWS Authorization."
        )))
    };
    if !is_signed(HOST.as_str()) {
        return wrong("'Host' or ':authority'".to_owned());
    }
    let mut names = head.headers.keys().map(HeaderName::as_str);
    match names.find(|name| name.starts_with("x-amz-") && !is_signed(name)) {
        Some(name) => wrong(format!("'{}'", plain(name))),
        None => Ok(()),
    }
}

fn now_of(now: Timestamp) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(now.as_secs() as i64)
}

fn canonical_request(
    head: &Parts,
    parameters: &Parameters,
    claim: &Claim<'_>,
    body: &Bytes,
) -> String {
    let headers: String = claim
        .signed_headers
        .split(';')
        .map(|name| format!("{name}:{}\n", header_value(head, name)))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        head.method,
        encoded(head.uri.path(), b"/"),
        parameters.canonical(),
        claim.signed_headers,
        hex(&Sha256::digest(body)),
    )
}

/// A header's values with single blanks, joined by commas. HTTP/2 tells the host in its target.
fn header_value(head: &Parts, name: &str) -> String {
    let values = values(&head.headers, name);
    match (
        values.is_empty(),
        name == HOST.as_str(),
        head.uri.authority(),
    ) {
        (true, true, Some(authority)) => authority.to_string(),
        _ => values.join(","),
    }
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let tidy = |value: &hyper::header::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    };
    headers.get_all(name).iter().map(tidy).collect()
}

/// The parameters of a query, decoded.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// All but the signature, sorted.
    fn canonical(&self) -> String {
        let signed = self.0.iter().filter(|(name, _)| name != "X-Amz-Signature");
        let mut pairs: Vec<_> = signed
            .map(|(name, value)| (encoded(name, b""), encoded(value, b"")))
            .collect();
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}

/// A part of an Authorization header.
fn part<'a>(value: &'a str, name: &str) -> &'a str {
    let parts = value
        .split([',', ' '])
        .filter_map(|part| part.split_once('='));
    let mut found = parts.filter(|(key, _)| *key == name);
    found.next().map_or("", |(_, value)| value)
}

fn signing_key(secret: &str, claim: &Claim<'_>) -> Vec<u8> {
    let first = format!("AWS4{secret}").into_bytes();
    [claim.day, claim.region, claim.service, "aws4_request"]
        .into_iter()
        .fold(first, |key, text| {
            keyed(&key)
                .chain_update(text)
                .finalize()
                .into_bytes()
                .to_vec()
        })
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// Percent-encodes all but letters, digits, `-_.~` and what is to be kept.
fn encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// A caller's text as a refusal may show it: short, of letters, digits and `-`.
fn plain(text: &str) -> String {
    let sound = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    text.chars().filter(sound).take(32).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
    };
    use aws_sigv4::sign::v4;
    use hyper::Request;

    use super::*;

    const BODY: &[u8] = br#"{"Limit":1}"#;
    const SIGNED: u64 = 1_700_000_000;

    /// A request as another implementation signs it.
    struct Signer {
        key: &'static str,
        secret: &'static str,
        region: &'static str,
        service: &'static str,
        location: SignatureLocation,
        /// A header that it leaves out.
        unsigned: &'static str,
    }

    const SIGNER: Signer = Signer {
        key: "AKIDKINETIK",
        secret: "wJalrXUtnFEMI",
        region: "us-east-1",
        service: "kinesis",
        location: SignatureLocation::Headers,
        unsigned: "",
    };

    impl Signer {
        fn sign(&self, uri: &str) -> Parts {
            let credentials = Credentials::new(self.key, self.secret, None, None, "test");
            let identity = credentials.into();
            let mut settings = SigningSettings::default();
            settings.signature_location = self.location;
            settings.expires_in = Some(Duration::from_secs(900))
                .filter(|_| self.location == SignatureLocation::QueryParams);
            let parameters = v4::SigningParams::builder()
                .identity(&identity)
                .region(self.region)
                .name(self.service)
                .time(SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED))
                .settings(settings)
                .build()
                .unwrap();
            let mut request = Request::builder()
                .method("POST")
                .uri(uri)
                .header("host", "localhost:4567")
                .header("x-amz-target", "Kinesis_20131202.ListStreams")
                .header("x-odd", "  a   b ")
                .header("x-odd", "c")
                .body(())
                .unwrap();
            let headers = request
                .headers()
                .iter()
                .filter(|(name, _)| *name != "x-odd" && *name != self.unsigned)
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .chain([("x-odd", "a b,c")]);
            let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(BODY));
            let (instructions, _) = sign(signable.unwrap(), &parameters.into())
                .unwrap()
                .into_parts();
            instructions.apply_to_request_http1x(&mut request);
            request.into_parts().0
        }
    }

    fn verified(head: &Parts, body: &'static [u8], at: u64) -> Result<(), (String, String)> {
        let keys = [Key::new("other", "x"), Key::new(SIGNER.key, SIGNER.secret)];
        let clock = Clock::manual(Timestamp::from_millis(at * 1_000));
        let verifier = Verifier::new(&keys, "us-east-1", clock).unwrap();
        let checked = verifier.check(head, &Bytes::from_static(body));
        let texts = |refusal: Refusal| {
            let text = refusal.message().unwrap_or_default().to_owned();
            (refusal.code().to_owned(), text)
        };
        checked.map_err(texts)
    }

    #[test]
    fn what_another_implementation_signs_is_accepted_in_both_forms() {
        for location in [SignatureLocation::Headers, SignatureLocation::QueryParams] {
            let signer = Signer { location, ..SIGNER };
            for path in ["/", "/?b=2&a=%20x%2F&a=1", "/a%20b/c"] {
                let head = signer.sign(&format!("http://localhost:4567{path}"));
                assert_eq!(
                    verified(&head, BODY, SIGNED + 60),
                    Ok(()),
                    "{location:?} {path}"
                );
            }
        }
    }

    #[test]
    fn a_changed_body_header_or_secret_is_refused() {
        let head = SIGNER.sign("http://localhost:4567/");
        let refused = |result: Result<(), (String, String)>| {
            let (code, text) = result.unwrap_err();
            assert_eq!(code, "InvalidSignatureException");
            assert!(
                text.starts_with("The request signature we calculated"),
                "{text}"
            );
        };
        refused(verified(&head, br#"{"Limit":2}"#, SIGNED));
        let mut changed = SIGNER.sign("http://localhost:4567/");
        changed.headers.insert(
            "x-amz-target",
            "Kinesis_20131202.DeleteStream".parse().unwrap(),
        );
        refused(verified(&changed, BODY, SIGNED));
        let other = Signer {
            secret: "other",
            ..SIGNER
        };
        refused(verified(
            &other.sign("http://localhost:4567/"),
            BODY,
            SIGNED,
        ));
    }

    #[test]
    fn a_signature_that_leaves_out_the_host_or_a_header_of_aws_is_refused_since_it_would_fit_other_calls()
     {
        for location in [SignatureLocation::Headers, SignatureLocation::QueryParams] {
            let unsigned = "x-amz-target";
            let signer = Signer {
                location,
                unsigned,
                ..SIGNER
            };
            let mut changed = signer.sign("http://localhost:4567/");
            let other = "Kinesis_20131202.DeleteStream".parse().unwrap();
            changed.headers.insert(unsigned, other);
            let refusal = verified(&changed, BODY, SIGNED).unwrap_err();
            let text = "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.";
            assert_eq!(refusal, ("InvalidSignatureException".into(), text.into()));
        }
        for name in ["Host", "hosts", ""] {
            let mut head = SIGNER.sign("http://localhost:4567/");
            let value = head.headers[AUTHORIZATION].to_str().unwrap();
            let value = value.replace("SignedHeaders=host;", &format!("SignedHeaders={name};"));
            head.headers.insert(AUTHORIZATION, value.parse().unwrap());
            let (_, text) = verified(&head, BODY, SIGNED).unwrap_err();
            let expected =
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            assert_eq!(text, expected, "{name}");
        }
    }

    #[test]
    fn an_unknown_key_a_foreign_scope_and_a_wrong_time_are_told_apart() {
        let signed = |signer: Signer, at| {
            verified(&signer.sign("http://localhost:4567/"), BODY, at).unwrap_err()
        };
        let unknown = Signer {
            key: "nobody",
            ..SIGNER
        };
        assert_eq!(signed(unknown, SIGNED).0, "UnrecognizedClientException");
        let region = Signer {
            region: "eu-west-1",
            ..SIGNER
        };
        assert!(signed(region, SIGNED).1.contains("not 'eu-west-1'"));
        let service = Signer {
            service: "sqs",
            ..SIGNER
        };
        assert!(
            signed(service, SIGNED)
                .1
                .contains("correct service: 'kinesis'")
        );
        assert_eq!(
            signed(SIGNER, SIGNED + 301).1,
            "Signature expired: 20231114T221320Z is now earlier than 20231114T221321Z (20231114T221821Z - 5 min.)"
        );
        assert_eq!(
            signed(SIGNER, SIGNED - 301).1,
            "Signature not yet current: 20231114T221320Z is still later than 20231114T221319Z (20231114T220819Z + 5 \
             min.)"
        );
    }

    #[test]
    fn a_signed_link_is_good_for_as_long_as_it_says() {
        let link = Signer {
            location: SignatureLocation::QueryParams,
            ..SIGNER
        };
        let mut endless = link.sign("http://localhost:4567/");
        let text = endless
            .uri
            .to_string()
            .replace("Expires=900", &format!("Expires={}", i64::MAX));
        endless.uri = text.parse().unwrap();
        assert!(verified(&endless, BODY, SIGNED + 301).is_err());
        let head = link.sign("http://localhost:4567/");
        assert_eq!(verified(&head, BODY, SIGNED + 900), Ok(()));
        assert!(verified(&head, BODY, SIGNED + 901).is_err());
    }

    #[test]
    fn garbage_in_every_part_is_a_refusal_and_never_a_panic() {
        for value in [
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=0",
            "AWS4-HMAC-SHA256 Credential=AKIDKINETIK/x/us-east-1/kinesis/aws4_request, SignedHeaders=;;, Signature=zz",
            "AWS3 Credential=AKIDKINETIK/20231114/us-east-1/kinesis/aws4_request, SignedHeaders=h, Signature=\u{e9}",
        ] {
            let mut head = SIGNER.sign("http://localhost:4567/");
            head.headers.insert(AUTHORIZATION, value.parse().unwrap());
            assert!(verified(&head, BODY, SIGNED).is_err(), "{value}");
        }
        let mut head = SIGNER.sign("http://localhost:4567/");
        head.headers
            .insert("x-amz-date", "20231114T99".parse().unwrap());
        assert!(verified(&head, BODY, SIGNED).is_err());
        assert_eq!(format!("{:?}", Key::new("id", "secret")), "Key(id, ***)");
    }
}
