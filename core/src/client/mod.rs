//! One method per operation of the service, with retries, a deadline and errors that say where they happened.

mod attempt;
mod config;
mod operations;
mod pages;
mod shards;

use std::fmt;
use std::sync::Arc;

use crate::api::{Answer, Call, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::time::{Clock, Moment};
use crate::transport::{Connect, Endpoint, Fault, Transport};

pub use config::ClientConfig;
pub use pages::{ShardPage, Shards};
pub use shards::{child_info, shard_info};

/// A client of the service; a clone is one reference count and shares transport and retry budget.
///
/// Each call is tried as its [`Policy`](crate::retry::Policy) says, within its deadline. Its futures are pure:
/// over a transport that completes at once, such as `memory`, any executor will do. Pauses between attempts sleep
/// on the client's [`Clock`], which needs a tokio runtime unless it is a manual one.
///
/// A retry after a lost answer may store a record twice, because the service knows no idempotency token; the
/// producer marks such records, this client does not.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Arc<dyn Transport>,
    config: ClientConfig,
}

impl Client {
    /// A client over a transport.
    pub fn new(transport: Arc<dyn Transport>, config: ClientConfig) -> Self {
        Self(Arc::new(Inner { transport, config }))
    }

    /// A client of an endpoint. Opens no connection: that happens at the first call.
    ///
    /// ```
    /// use kinetik::client::{Client, ClientConfig};
    /// use kinetik::transport::{Connect, Endpoint};
    ///
    /// let endpoint = Endpoint::from("memory://");
    /// let client = Client::connect(&endpoint, &Connect::default(), ClientConfig::default())?;
    /// let streams = kinetik::runtime::Runtime::shared()?.block_on(client.list_all_streams())?;
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    ///
    /// # Errors
    /// The error of a text that names no endpoint.
    pub fn connect(endpoint: &Endpoint, options: &Connect, config: ClientConfig) -> Result<Self> {
        Ok(Self::new(endpoint.connect(options)?, config))
    }

    /// Sends an operation's input and waits for its output.
    ///
    /// # Errors
    /// What the service answered or what kept it from answering, after the last attempt, with operation, stream,
    /// shard, attempts and elapsed time.
    pub async fn send<I: Request>(&self, input: I) -> Result<I::Output> {
        let answer = self.call(input.into()).await?;
        I::output(answer).ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                "the answer belongs to another operation",
            )
            .operation(I::OPERATION.name())
        })
    }

    /// Sends any call and waits for its answer, for [`ClientConfig::timeout`] at most.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn call(&self, call: Call) -> Result<Answer> {
        let deadline = self.clock().now() + self.0.config.timeout;
        self.call_until(call, deadline).await
    }

    /// Sends any call and waits for its answer, no longer than until `deadline`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn call_until(&self, call: Call, deadline: Moment) -> Result<Answer> {
        attempt::with_retries(&self.0, call, deadline).await
    }

    /// Sends a call once, without retries, for callers with a pace of their own.
    ///
    /// # Errors
    /// The fault as the transport told it, which says whether the call may have been applied.
    pub async fn attempt(&self, call: Call, deadline: Moment) -> Result<Answer, Fault> {
        attempt::once(&self.0, call, deadline).await
    }

    /// The clock that deadlines and pauses are measured on.
    pub fn clock(&self) -> &Clock {
        &self.0.config.clock
    }

    /// What the client was made with.
    pub fn config(&self) -> &ClientConfig {
        &self.0.config
    }

    /// The way to the service.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.0.transport
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.transport).finish()
    }
}

#[cfg(test)]
mod tests;
