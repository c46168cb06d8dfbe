//! How a call reaches a service: in memory, over HTTP, or through a wrapper that injects faults.
//!
//! A [`Transport`] carries one [`Call`] and brings back its [`Answer`] or a [`Fault`]. It never retries: that is
//! for the rooms above, which know from [`Fault::applied`] whether a second attempt can make a duplicate.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytestring::ByteString;

use crate::Error;
use crate::api::{Answer, Call, Operation, Refusal};
use crate::time::Moment;

mod connect;
mod credentials;
mod endpoint;
mod environment;
mod faulty;
mod hosts;
mod http;
mod memory;
mod names;
mod proxy;

pub use connect::{Connect, Wire};
pub use credentials::Credentials;
pub use endpoint::{Endpoint, HttpUrl};
pub use environment::Environment;
pub use faulty::{Effect, FaultPlan, Faulty, Injected};
pub use hosts::{AccountIdEndpointMode, AwsHosts};
pub use memory::Memory;
pub use names::Names;
pub use proxy::Proxy;

/// A boxed future: one box for a request, none for a record.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The way to a service.
///
/// Payloads in calls and answers are owned, never borrowed. `deadline` bounds the attempt on the clock that the
/// transport was made with; an implementation may give up earlier. Dropping the future abandons the attempt,
/// which may have been applied by then.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends one call and waits for what comes back. Exactly one attempt.
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>>;

    /// Completes when GetRecords with this iterator will bring something new, an end or an error among it, and may be
    /// called; `None` where only asking tells. Only a hint: it may complete early.
    fn arrival(&self, iterator: &ByteString) -> Option<BoxFuture<'static, ()>> {
        let _ = iterator;
        None
    }
}

/// Why a call brought no answer, and what is known of its effect.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The service answered with an exception.
    Refused(Refusal),
    /// Nothing was sent: the call cannot have been applied.
    NotSent(Error),
    /// Something was sent and no whole answer came back: the call may have been applied.
    Lost(Error),
}

/// Whether a call that failed can have had its effect all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applied {
    /// It cannot: sending it again makes no duplicate.
    No,
    /// It can: sending it again may make a duplicate.
    Maybe,
}

impl Fault {
    /// Whether the call may have been applied. A refusal means no, unless it is the service's own failure
    /// (status 500 and above), which may come after the commit.
    ///
    /// ```
    /// use kinetik::api::Refusal;
    /// use kinetik::transport::{Applied, Fault};
    ///
    /// assert_eq!(Fault::Refused(Refusal::throughput_exceeded("slow down")).applied(), Applied::No);
    /// assert_eq!(Fault::Refused(Refusal::internal_failure()).applied(), Applied::Maybe);
    /// ```
    pub fn applied(&self) -> Applied {
        match self {
            Self::Refused(refusal) if refusal.status() < 500 => Applied::No,
            Self::NotSent(_) => Applied::No,
            Self::Refused(_) | Self::Lost(_) => Applied::Maybe,
        }
    }

    /// The fault as the one error of kinetik, naming the operation.
    pub fn into_error(self, operation: Operation) -> Error {
        match self {
            Self::Refused(refusal) => Error::from(refusal),
            Self::NotSent(error) | Self::Lost(error) => error,
        }
        .operation(operation.name())
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
