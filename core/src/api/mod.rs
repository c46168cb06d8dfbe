//! The contract of the service: operations, shapes, validation and wire forms.
//!
//! [`Call`] and [`Answer`] are what every transport carries. Inputs hold what the caller sent: absent members are
//! `None`, value sets are strings, numbers may be out of range; [`Call::check`] judges them by the model's
//! constraints, alike for a request that came over HTTP and one made in-process. The tables in `model` are
//! generated from the service model by `tools/api/generate.py`.
//!
//! ```
//! use kinetik::api::{Call, Operation, PutRecordInput};
//!
//! let call = Call::from(PutRecordInput {
//!     stream_name: Some("orders".into()),
//!     partition_key: Some("user-1".into()),
//!     ..Default::default()
//! });
//! assert_eq!(call.operation(), Operation::PutRecord);
//! let refusal = call.check().unwrap_err();
//! assert_eq!(refusal.code(), "ValidationException");
//! assert_eq!(
//!     refusal.message(),
//!     Some(
//!         "1 validation error detected: Value null at 'data' failed to satisfy constraint: \
//!          Member must not be null"
//!     )
//! );
//! ```

pub mod cbor;
mod event_stream;
mod fault;
mod hot;
pub mod json;
mod model;
mod pattern;
#[cfg(test)]
mod samples;
mod shape;
mod subscription;
pub(crate) mod validate;
pub mod value;
mod wire;

pub use event_stream::{CONTENT_TYPE as EVENT_STREAM, EventMessage, EventMessages};
pub use fault::Refusal;
pub use model::*;
pub use shape::{Form, Request, Shape, TypeMismatch};
pub use subscription::{Interruption, Subscription};
pub use validate::{Path, Violations};
pub use value::{Members, Value};

/// The two halves of the service, which have hosts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Streams, shards and consumers.
    Control,
    /// Records.
    Data,
}
