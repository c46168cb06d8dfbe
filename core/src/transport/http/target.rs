//! Which host, region and credentials a call uses, by the rules that AWS's own SDKs follow.

use aws_smithy_runtime_api::client::identity::Identity;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use super::{hosts, sign};
use crate::api::{Form, Operation};
use crate::time::Timestamp;
use crate::transport::{Connect, Credentials, Endpoint, Environment, HttpUrl};
use crate::{Error, ErrorKind, Result};

/// What a request is addressed to and signed with.
pub(super) struct Target {
    url: HttpUrl,
    uri: Uri,
    region: String,
    signer: Signer,
}

/// How requests are signed.
enum Signer {
    /// With fixed credentials.
    Fixed(Identity),
    /// Not at all: a server on this machine, and nobody gave credentials.
    Mark,
    /// With the credentials of AWS's chain, renewed before they expire.
    #[cfg(feature = "aws")]
    Chain(super::aws::Chain),
}

/// What the settings around the process say.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) url: Option<String>,
    pub(super) region: Option<String>,
    pub(super) credentials: Option<Credentials>,
    /// Keys that stand in the profile itself: all that a server on this machine is given.
    pub(super) profile_credentials: Option<Credentials>,
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
}

impl Target {
    /// Looks at arguments, environment and (with the feature `aws`) the AWS configuration files.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) without a region, or with a malformed endpoint;
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) without credentials.
    pub(super) async fn resolve(url: Option<&HttpUrl>, options: &Connect) -> Result<Self> {
        let settings = Settings::look_up(options).await;
        let url = match (url, &settings.url) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(text)) => Some(configured(text)?),
            (None, None) => None,
        };
        let loopback = url.as_ref().is_some_and(HttpUrl::is_loopback);
        let region = match settings.region {
            Some(region) => region,
            None if loopback => "us-east-1".to_owned(),
            None => return Err(no_region()),
        };
        let known = settings.credentials.or(if loopback {
            settings.profile_credentials
        } else {
            None
        });
        let signer = match known {
            Some(credentials) => Signer::Fixed(sign::identity(&credentials)),
            None if loopback => Signer::Mark,
            None => Signer::chain(options, &region)?,
        };
        let url = match url {
            Some(url) => url,
            None => hosts::regional(&region, settings.fips, settings.dual_stack)?,
        };
        let uri = format!("{url}/")
            .parse()
            .map_err(|_| Error::invalid("endpoint", "not a URL"))?;
        Ok(Self {
            url,
            uri,
            region,
            signer,
        })
    }

    pub(super) fn url(&self) -> &HttpUrl {
        &self.url
    }

    /// The head of a request, signed with the body that will follow.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    pub(super) async fn request(
        &self,
        operation: Operation,
        form: Form,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Request<()>> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
        headers.insert("x-amz-target", HeaderValue::from_static(operation.target()));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("kinetik/", env!("CARGO_PKG_VERSION"))),
        );
        match &self.signer {
            Signer::Mark => Ok(sign::marked(request, &self.region)),
            Signer::Fixed(identity) => sign::signed(request, body, identity, &self.region, now),
            #[cfg(feature = "aws")]
            Signer::Chain(chain) => {
                let identity = chain.identity(now).await?;
                sign::signed(request, body, &identity, &self.region, now)
            }
        }
    }
}

impl Signer {
    #[cfg(feature = "aws")]
    fn chain(options: &Connect, region: &str) -> Result<Self> {
        if options.environment.is_process() {
            return Ok(Self::Chain(super::aws::Chain::new(
                options.profile.clone(),
                region.to_owned(),
            )));
        }
        Err(no_credentials())
    }

    #[cfg(not(feature = "aws"))]
    fn chain(_: &Connect, _: &str) -> Result<Self> {
        Err(no_credentials())
    }
}

impl Settings {
    /// Arguments first, then the environment, then the profile.
    #[cfg_attr(
        not(feature = "aws"),
        expect(clippy::unused_async, reason = "the feature `aws` waits here")
    )]
    async fn look_up(options: &Connect) -> Self {
        let mut settings = Self::from_environment(&options.environment);
        if options.profile.is_some() {
            // A profile that was asked for by name wins over the environment, as in botocore.
            settings.credentials = None;
        }
        #[cfg(feature = "aws")]
        if options.environment.is_process() {
            settings.fill_from(super::aws::profile(options.profile.as_deref()).await);
        }
        if is_on(&options.environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            settings.url = None;
        }
        Self {
            region: options.region.clone().or(settings.region),
            credentials: options.credentials.clone().or(settings.credentials),
            ..settings
        }
    }

    #[cfg(feature = "aws")]
    fn fill_from(&mut self, profile: Self) {
        self.url = self.url.take().or(profile.url);
        self.region = self.region.take().or(profile.region);
        self.profile_credentials = profile.profile_credentials;
        self.fips |= profile.fips;
        self.dual_stack |= profile.dual_stack;
    }

    fn from_environment(environment: &Environment) -> Self {
        let get = |name| environment.get(name);
        let credentials = match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")) {
            (Some(key), Some(secret)) => {
                Some(Credentials::new(key, secret, get("AWS_SESSION_TOKEN")))
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
        }
    }
}

fn is_on(environment: &Environment, name: &str) -> bool {
    environment
        .get(name)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
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
