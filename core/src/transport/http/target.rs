//! Which host a call goes to and what it is signed with, by the rules that AWS's own SDKs follow.

use aws_credential_types::Credentials as Keys;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::lines::HttpClient;
use super::settings::Settings;
use super::sign;
use crate::api::{Call, Form, Operation};
use crate::time::Timestamp;
use crate::transport::{AwsHosts, Connect, Endpoint, HttpUrl};
use crate::{Error, ErrorKind, Result, Retry};

/// What requests are addressed to and signed with.
pub(super) struct Target {
    place: Place,
    region: String,
    signer: Signer,
}

/// Where calls go.
pub(super) enum Place {
    /// All to one server.
    Server(HttpUrl),
    /// To AWS's own hosts, which depend on the call and the credentials.
    Aws(AwsHosts),
}

/// How requests are signed.
enum Signer {
    /// With fixed credentials.
    Fixed(Identity),
    /// Not at all: a server on this machine, and nobody gave credentials.
    Mark,
    /// With the credentials of AWS's chain, renewed before they expire.
    #[cfg(feature = "aws")]
    Chain(super::chain::Chain),
}

/// What one attempt is addressed to and signed with.
pub(super) struct Addressed {
    pub(super) url: HttpUrl,
    /// Nothing where nothing signs.
    identity: Option<Identity>,
}

impl Target {
    /// Where calls go, as arguments, environment and profile say.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) without a region, with a malformed endpoint, or with FIPS or
    /// dual-stack hosts asked of an endpoint that is none of AWS's to choose.
    pub(super) fn place(url: Option<&HttpUrl>, settings: &Settings) -> Result<Place> {
        let url = match (url, settings.url()) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(text)) => Some(configured(text)?),
            (None, None) => None,
        };
        if let Some(url) = url {
            // A server of this machine is no place for AWS's rules, whatever the profile says.
            let is_asked = |asked: Option<bool>| asked == Some(true) && !url.is_loopback();
            for (name, asked) in [
                ("use_fips_endpoint", settings.fips),
                ("use_dualstack_endpoint", settings.dual_stack),
            ] {
                if is_asked(asked) {
                    let problem = "chooses among AWS's hosts and does not go together with an endpoint of one's own";
                    return Err(Error::invalid(name, problem));
                }
            }
            return Ok(Place::Server(url));
        }
        let region = settings.region.as_deref().ok_or_else(no_region)?;
        let mut hosts = AwsHosts::new(region)?;
        hosts.fips = settings.fips.unwrap_or_default();
        hosts.dual_stack = settings.dual_stack.unwrap_or_default();
        hosts.account_mode = settings.account_mode.unwrap_or_default();
        Ok(Place::Aws(hosts))
    }

    /// What calls to a place are signed with.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) without a region, [`Unauthenticated`](ErrorKind::Unauthenticated) where it
    /// is known already that there are no credentials.
    pub(super) fn new(
        place: Place,
        settings: Settings,
        options: &Connect,
        client: &HttpClient,
    ) -> Result<Self> {
        let loopback = place.is_loopback();
        let region = match settings.region {
            Some(region) => region,
            None if loopback => "us-east-1".to_owned(),
            None => return Err(no_region()),
        };
        let known = settings.credentials.or(match loopback {
            true => settings.profile_credentials,
            false => None,
        });
        let signer = match known {
            Some(credentials) => Signer::Fixed(credentials.identity()),
            None if loopback => Signer::Mark,
            None => Signer::chain(
                options,
                &region,
                [settings.fips, settings.dual_stack],
                client,
            )?,
        };
        Ok(Self {
            place,
            region,
            signer,
        })
    }

    /// The same, signed with what a chain gives.
    #[cfg(all(test, feature = "aws"))]
    pub(super) fn signed_by(self, chain: super::chain::Chain) -> Self {
        Self {
            signer: Signer::Chain(chain),
            ..self
        }
    }

    /// Where a call goes and who signs it.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) without credentials, [`InvalidArgument`](ErrorKind::InvalidArgument) for
    /// an ARN that leads nowhere.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    pub(super) async fn address(&self, call: &Call, now: Timestamp) -> Result<Addressed> {
        let identity = match &self.signer {
            Signer::Mark => None,
            Signer::Fixed(identity) => Some(identity.clone()),
            #[cfg(feature = "aws")]
            Signer::Chain(chain) => Some(chain.identity(now).await?),
        };
        #[cfg(not(feature = "aws"))]
        let _ = now;
        let url = match &self.place {
            Place::Server(url) => url.clone(),
            Place::Aws(hosts) => {
                let keys = identity.as_ref().and_then(Identity::data::<Keys>);
                let account = keys.and_then(Keys::account_id);
                hosts.url(call, account.map(|account| account.as_str()))?
            }
        };
        Ok(Addressed { url, identity })
    }

    /// The head of a request, signed with the body that will follow.
    pub(super) fn request(
        &self,
        to: &Addressed,
        operation: Operation,
        form: Form,
        body: &[Bytes],
        now: Timestamp,
    ) -> Result<Request<()>> {
        let uri: Result<Uri, _> = format!("{}/", to.url).parse();
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.map_err(|_| Error::invalid("endpoint", "not a URL"))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
        headers.insert("x-amz-target", HeaderValue::from_static(operation.target()));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("kinetik/", env!("CARGO_PKG_VERSION"))),
        );
        match &to.identity {
            None => Ok(sign::marked(request, &self.region)),
            Some(identity) => sign::signed(request, body, identity, &self.region, now),
        }
    }

    /// Whether there are other credentials to try with, after the service refused those of a request, maybe as expired.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    pub(super) async fn renew(
        &self,
        refused: &Addressed,
        is_expired: bool,
        now: Timestamp,
    ) -> Option<Retry> {
        match (&self.signer, &refused.identity) {
            #[cfg(feature = "aws")]
            (Signer::Chain(chain), Some(identity)) => chain.renew(identity, is_expired, now).await,
            _ => {
                let _ = (is_expired, now);
                None
            }
        }
    }
}

impl Place {
    fn is_loopback(&self) -> bool {
        matches!(self, Self::Server(url) if url.is_loopback())
    }

    /// Whether neither calls nor look-ups of credentials need TLS.
    pub(super) fn is_plain_loopback(&self) -> bool {
        matches!(self, Self::Server(url) if url.is_loopback() && !url.is_https())
    }

    /// Whether AWS itself answers.
    pub(super) fn is_aws(&self) -> bool {
        match self {
            Self::Server(url) => AwsHosts::owns(url.host()),
            Self::Aws(_) => true,
        }
    }
}

impl Signer {
    #[cfg(feature = "aws")]
    fn chain(
        options: &Connect,
        region: &str,
        [fips, dual_stack]: [Option<bool>; 2],
        client: &HttpClient,
    ) -> Result<Self> {
        if options.environment.is_process() {
            return Ok(Self::Chain(super::chain::Chain::new(
                options.profile.clone(),
                super::chain::Hosts {
                    region: region.to_owned(),
                    fips,
                    dual_stack,
                },
                super::sdk::client(client.clone(), options.clock.clone()),
                options.rng.fork(),
            )));
        }
        Err(no_credentials())
    }

    #[cfg(not(feature = "aws"))]
    fn chain(_: &Connect, _: &str, _: [Option<bool>; 2], _: &HttpClient) -> Result<Self> {
        Err(no_credentials())
    }
}

/// An endpoint from a variable or a profile; only HTTP makes sense there.
fn configured(text: &str) -> Result<HttpUrl> {
    match text.parse()? {
        Endpoint::Http(url) => Ok(url),
        _ => Err(Error::invalid(
            "endpoint",
            "AWS_ENDPOINT_URL_KINESIS and AWS_ENDPOINT_URL take http:// and https:// alone",
        )),
    }
}

#[cold]
fn no_region() -> Error {
    Error::invalid(
        "region",
        "no region is set: give one, set AWS_REGION, or write one into the profile",
    )
}

#[cold]
fn no_credentials() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "no credentials: give them, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )
}
