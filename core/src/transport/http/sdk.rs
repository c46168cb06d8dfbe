//! The connections of this room for AWS's own crates: what they ask for credentials goes the same way, with the same
//! roots and proxies, as calls do.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient as SdkClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use super::body::{RequestBody, collect};
use super::lines::HttpClient;
use crate::time::Clock;

/// No source of credentials answers more than this.
const LARGEST_ANSWER: usize = 1 << 20;

/// Redirects are not followed and answers bounded, so that no server leads a look-up elsewhere.
#[derive(Clone)]
pub(super) struct Sdk {
    client: HttpClient,
    clock: Clock,
    timeout: std::time::Duration,
}

/// How long a request for credentials may take whose maker does not say.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn client(client: HttpClient, clock: Clock) -> SharedHttpClient {
    SharedHttpClient::new(Sdk {
        client,
        clock,
        timeout: TIMEOUT,
    })
}

impl SdkClient for Sdk {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // Where instances have no metadata service, the first connection to it never ends: one second is its maker's limit.
        let asked = [settings.connect_timeout(), settings.read_timeout()];
        let timeout = asked.into_iter().flatten().reduce(|sum, next| sum + next);
        SharedHttpConnector::new(Self {
            timeout: timeout.unwrap_or(TIMEOUT),
            ..self.clone()
        })
    }
}

impl HttpConnector for Sdk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sdk = self.clone();
        HttpConnectorFuture::new(async move {
            let deadline = sdk.clock.now() + sdk.timeout;
            let exchange = sdk.exchange(request);
            match sdk.clock.before(deadline, exchange).await {
                Some(outcome) => outcome,
                None => Err(ConnectorError::timeout("no answer in time".into())),
            }
        })
    }
}

impl Sdk {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?
            .map(|body| RequestBody::new(vec![copied(&body)], Default::default()));
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| ConnectorError::io(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = collect(body, LARGEST_ANSWER).await;
        let body = body.map_err(|error| ConnectorError::io(error.into()))?;
        let answer = hyper::Response::from_parts(head, SdkBody::from(body));
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// Bodies of these requests are in memory.
fn copied(body: &SdkBody) -> Bytes {
    body.bytes().map(Bytes::copy_from_slice).unwrap_or_default()
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sdk")
    }
}
