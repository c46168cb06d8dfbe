//! Consumers with enhanced fan-out: registered, described, listed and deregistered.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytestring::ByteString;

use super::listing::{check_age, together, token_invalid};
use super::stream::Stream;
use super::tags::Tags;
use super::token::{Purpose, Reader, Writer};
use super::{Inner, Now};
use crate::api::{
    self, ConsumerDescription, ConsumerStatus, DeregisterStreamConsumerInput,
    DescribeStreamConsumerInput, DescribeStreamConsumerOutput, ListStreamConsumersInput,
    ListStreamConsumersOutput, Refusal, RegisterStreamConsumerInput, RegisterStreamConsumerOutput,
};
use crate::time::{Moment, Timestamp};
use crate::types::limits::{
    CONSUMERS_ADVANTAGE_MAX, CONSUMERS_MAX, CREATING_CONSUMERS_MAX,
    LIST_STREAM_CONSUMERS_MAX_CONSUMERS,
};

/// The consumers of one stream, by name.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    known: BTreeMap<ByteString, Consumer>,
    /// The latest creation second of a consumer that is gone, of an earlier stream's too: ARNs are never given twice.
    last_gone: u64,
}

/// A registered consumer.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub name: ByteString,
    pub arn: ByteString,
    pub created: Timestamp,
    pub status: ConsumerStatus,
    pub tags: Tags,
    pub policy: Option<ByteString>,
    /// When its status changes by itself.
    until: Option<Moment>,
}

impl Consumers {
    /// None yet, and none whose ARN tells `second` or an earlier one.
    pub fn after(second: u64) -> Self {
        Self {
            known: BTreeMap::new(),
            last_gone: second,
        }
    }

    /// The latest second that an ARN of these tells, or of those before them.
    pub fn newest_second(&self) -> u64 {
        let seconds = self.known.values().map(|one| one.created.as_secs());
        seconds.max().unwrap_or(0).max(self.last_gone)
    }

    /// How many there are, whatever their status.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// The one with this ARN.
    pub fn by_arn(&self, arn: &str) -> Option<&Consumer> {
        self.known.values().find(|consumer| *consumer.arn == *arn)
    }

    /// The one with this ARN, to be changed.
    pub fn by_arn_mut(&mut self, arn: &str) -> Option<&mut Consumer> {
        self.known
            .values_mut()
            .find(|consumer| *consumer.arn == *arn)
    }

    /// The first moment at which a status changes by itself.
    pub fn due(&self) -> Option<Moment> {
        self.known.values().filter_map(|one| one.until).min()
    }

    /// Carries out what is due.
    pub fn settle(&mut self, now: Moment) {
        for consumer in self.known.values_mut() {
            if consumer.status == ConsumerStatus::Creating
                && consumer.until.is_some_and(|until| until <= now)
            {
                (consumer.status, consumer.until) = (ConsumerStatus::Active, None);
            }
        }
        let last_gone = &mut self.last_gone;
        self.known.retain(|_, consumer| {
            let is_gone = consumer.until.is_some_and(|until| until <= now);
            if is_gone {
                *last_gone = (*last_gone).max(consumer.created.as_secs());
            }
            !is_gone
        });
    }

    fn creating(&self) -> usize {
        let creating = |one: &&Consumer| one.status == ConsumerStatus::Creating;
        self.known.values().filter(creating).count()
    }
}

impl Consumer {
    fn describe(&self) -> api::Consumer {
        api::Consumer {
            consumer_name: self.name.clone(),
            consumer_arn: self.arn.clone(),
            consumer_status: self.status.into(),
            consumer_creation_timestamp: self.created,
        }
    }
}

impl Inner {
    pub(super) fn register_consumer(
        &self,
        now: Now,
        input: &RegisterStreamConsumerInput,
    ) -> Result<RegisterStreamConsumerOutput, Refusal> {
        let stream = self.stream(now, None, input.stream_arn.as_ref())?;
        let name = input.consumer_name.clone().unwrap_or_default();
        let given = input.tags.clone().unwrap_or_default();
        self.check_tags(stream.named(), &given)?;
        let most = match self.account.has_advantage(now) {
            true => CONSUMERS_ADVANTAGE_MAX,
            false => CONSUMERS_MAX,
        };
        let (most, creating) = (self.most(most), self.most(CREATING_CONSUMERS_MAX));
        let until = self.settled_at(now);
        let registered = stream.change(|state| {
            state.serving(stream.named())?;
            let consumers = &mut state.profile.consumers;
            if consumers.known.contains_key(&name) {
                return Err(exists(&stream, &name));
            }
            if consumers.count() >= most {
                return Err(quota(&stream, most));
            }
            if consumers.creating() >= creating {
                return Err(creating_quota(&stream));
            }
            let second = now.wall.as_secs().max(consumers.last_gone + 1);
            let consumer = Consumer {
                arn: format!("{}/consumer/{name}:{second}", stream.arn).into(),
                created: Timestamp::from_millis(second * 1_000),
                status: ConsumerStatus::Creating,
                tags: given,
                policy: None,
                until: Some(until),
                name: name.clone(),
            };
            let described = consumer.describe();
            consumers.known.insert(name.clone(), consumer);
            Ok(described)
        })?;
        stream.settle(now, &self.memory);
        Ok(RegisterStreamConsumerOutput {
            consumer: registered,
        })
    }

    pub(super) fn deregister_consumer(
        &self,
        now: Now,
        input: &DeregisterStreamConsumerInput,
    ) -> Result<(), Refusal> {
        let (arn, name) = (&input.consumer_arn, &input.consumer_name);
        let (stream, consumer) = self.consumer(now, &input.stream_arn, name, arn)?;
        let until = self.settled_at(now);
        stream.change(|state| {
            let found = state.profile.consumers.known.get_mut(&consumer.name);
            let stays = |found: &&mut Consumer| {
                found.arn == consumer.arn && found.status != ConsumerStatus::Deleting
            };
            if let Some(found) = found.filter(stays) {
                (found.status, found.until) = (ConsumerStatus::Deleting, Some(until));
            }
        });
        stream.settle(now, &self.memory);
        stream.wake_subscribers();
        Ok(())
    }

    pub(super) fn describe_consumer(
        &self,
        now: Now,
        input: &DescribeStreamConsumerInput,
    ) -> Result<DescribeStreamConsumerOutput, Refusal> {
        let (arn, name) = (&input.consumer_arn, &input.consumer_name);
        let (stream, consumer) = self.consumer(now, &input.stream_arn, name, arn)?;
        let described = consumer.describe();
        Ok(DescribeStreamConsumerOutput {
            consumer_description: ConsumerDescription {
                consumer_name: described.consumer_name,
                consumer_arn: described.consumer_arn,
                consumer_status: described.consumer_status,
                consumer_creation_timestamp: described.consumer_creation_timestamp,
                stream_arn: stream.arn.clone(),
            },
        })
    }

    /// In the order of their names; the service's own order is not known.
    pub(super) fn list_consumers(
        &self,
        now: Now,
        input: &ListStreamConsumersInput,
    ) -> Result<ListStreamConsumersOutput, Refusal> {
        let stream = self.stream(now, None, input.stream_arn.as_ref())?;
        let after = match (&input.next_token, input.stream_creation_timestamp) {
            (Some(_), Some(_)) => return Err(together("StreamCreationTimestamp")),
            (Some(token), None) => Some(self.consumer_page(now, &stream, token)?),
            (None, Some(created)) if created.as_secs() != stream.created.as_secs() => {
                return Err(stream.named().not_found());
            }
            (None, _) => None,
        };
        let most = LIST_STREAM_CONSUMERS_MAX_CONSUMERS;
        let limit = input.max_results.map_or(most, |max| most.min(max as usize));
        let state = stream.state.read();
        let mut consumers = state.profile.consumers.known.values();
        let page: Vec<_> = consumers
            .by_ref()
            .filter(|one| after.as_ref().is_none_or(|after| one.name > *after))
            .take(limit)
            .collect();
        let last = page.last().filter(|_| consumers.next().is_some());
        let next_token = last.map(|last| {
            let text = Writer::default()
                .number(now.wall.as_nanos())
                .number(stream.serial)
                .text(&last.name);
            self.sealer.seal(Purpose::Consumers, &text.0, 0)
        });
        Ok(ListStreamConsumersOutput {
            consumers: Some(page.into_iter().map(Consumer::describe).collect()),
            next_token,
        })
    }

    /// The name after which a page of consumers begins.
    fn consumer_page(&self, now: Now, stream: &Stream, token: &str) -> Result<ByteString, Refusal> {
        let read = || {
            let text = self.sealer.open(Purpose::Consumers, token)?;
            let mut reader = Reader(&text);
            let issued = Timestamp::from_nanos(reader.number()?);
            Some((issued, reader.number()?, reader.text()?))
        };
        let (issued, serial, after) = read().ok_or_else(token_invalid)?;
        check_age(now, issued)?;
        match serial == stream.serial {
            true => Ok(after),
            false => Err(token_invalid()),
        }
    }

    /// The consumer that a request means, by its own ARN or by its stream's and its name. The texts for neither and
    /// for both in disagreement are kinetik's.
    pub(super) fn consumer(
        &self,
        now: Now,
        stream_arn: &Option<ByteString>,
        name: &Option<ByteString>,
        arn: &Option<ByteString>,
    ) -> Result<(Arc<Stream>, Consumer), Refusal> {
        let (stream_arn, shown) = match (arn, stream_arn, name) {
            (Some(arn), _, _) => {
                let (of, _) = arn.split_once("/consumer/").unwrap_or((arn, ""));
                let differs = stream_arn.as_ref().is_some_and(|given| **given != *of);
                if differs {
                    return Err(inconsistent());
                }
                (ByteString::from(of), arn)
            }
            (None, Some(stream_arn), Some(name)) => (stream_arn.clone(), name),
            _ => return Err(unnamed()),
        };
        let stream = self.stream(now, None, Some(&stream_arn))?;
        let state = stream.state.read();
        let consumers = &state.profile.consumers;
        let found = match (arn, name) {
            (Some(arn), _) => consumers.by_arn(arn),
            (None, Some(name)) => consumers.known.get(name),
            (None, None) => None,
        };
        let found = found
            .cloned()
            .ok_or_else(|| not_found(shown, &stream.account))?;
        drop(state);
        match name.as_ref().is_none_or(|name| *name == found.name) {
            true => Ok((stream, found)),
            false => Err(inconsistent()),
        }
    }
}

/// Source: reference/kinesis-api.md 5.3, from another emulator.
#[cold]
pub(super) fn not_found(consumer: &str, account: &str) -> Refusal {
    Refusal::resource_not_found(format!("Consumer {consumer}, account {account} not found."))
}

/// kinetik's text.
#[cold]
fn exists(stream: &Stream, name: &str) -> Refusal {
    Refusal::resource_in_use(format!(
        "Consumer {name} under stream {} and account {} already exists.",
        stream.name, stream.account
    ))
}

/// kinetik's text.
#[cold]
fn quota(stream: &Stream, most: usize) -> Refusal {
    Refusal::limit_exceeded(format!(
        "Stream {} under account {} cannot have more than {most} registered consumers.",
        stream.name, stream.account
    ))
}

/// kinetik's text.
#[cold]
fn creating_quota(stream: &Stream) -> Refusal {
    Refusal::limit_exceeded(format!(
        "Stream {} under account {} cannot have more than {CREATING_CONSUMERS_MAX} consumers in state CREATING.",
        stream.name, stream.account
    ))
}

/// kinetik's text.
#[cold]
fn unnamed() -> Refusal {
    Refusal::invalid_argument(
        "Either ConsumerARN or both StreamARN and ConsumerName should be provided.",
    )
}

/// kinetik's text.
#[cold]
fn inconsistent() -> Refusal {
    Refusal::invalid_argument(
        "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.",
    )
}
