//! What an ARN names: a stream or one of its consumers.

use std::sync::Arc;

use bytestring::ByteString;

use super::consumers;
use super::stream::Stream;
use super::tags::Tags;
use super::{Inner, Now};
use crate::api::Refusal;
use crate::types::StreamArn;

/// A stream, or the consumer of this ARN on it.
#[derive(Debug)]
pub(super) struct Resource {
    pub stream: Arc<Stream>,
    consumer: Option<ByteString>,
}

impl Inner {
    /// The stream or consumer with this ARN. Queues and channels there are none.
    pub(super) fn resource(&self, now: Now, arn: Option<&ByteString>) -> Result<Resource, Refusal> {
        let arn = arn.cloned().unwrap_or_default();
        let (of, _) = arn.split_once("/consumer/").unwrap_or((&arn, ""));
        if of.parse::<StreamArn>().is_err() {
            return Err(not_found(&arn));
        }
        if arn.contains("/consumer/") {
            let (stream, consumer) = self.consumer(now, &None, &None, &Some(arn))?;
            return Ok(Resource {
                stream,
                consumer: Some(consumer.arn),
            });
        }
        Ok(Resource {
            stream: self.stream(now, None, Some(&arn))?,
            consumer: None,
        })
    }
}

impl Resource {
    /// Changes its tags; those of a stream only once it is made.
    pub fn change_tags(
        &self,
        change: impl FnOnce(&mut Tags) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.consumer.is_none() {
            self.stream.state.read().made(self.stream.named())?;
        }
        self.change(|tags, _| change(tags))
    }

    /// Looks at or changes its tags and policy.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Tags, &mut Option<ByteString>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.stream.change(|state| match &self.consumer {
            None => change(&mut state.tags, &mut state.profile.policy),
            Some(arn) => match state.profile.consumers.by_arn_mut(arn) {
                Some(consumer) => change(&mut consumer.tags, &mut consumer.policy),
                None => Err(consumers::not_found(arn, &self.stream.account)),
            },
        })
    }
}

/// kinetik's text.
#[cold]
fn not_found(arn: &str) -> Refusal {
    Refusal::resource_not_found(format!("Resource {arn} not found."))
}
