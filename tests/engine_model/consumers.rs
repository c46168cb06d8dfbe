//! Consumers: registered, described and deregistered. They are listed in `paging`.

use kinetik::api::{
    DeregisterStreamConsumerInput, DescribeStreamConsumerInput, RegisterStreamConsumerInput,
};
use proptest::prelude::*;

use crate::address::{Refused, Verdict, arn, other, stream, unless};
use crate::streams::{Phase, Stream};
use crate::tags::{TagSet, Tags, tag_set, told};
use crate::world::{World, at};

const MOST: usize = 20;
const MOST_WITH_ADVANTAGE: usize = 50;
const CREATING_MOST: usize = 5;

#[derive(Debug)]
pub struct Consumer {
    pub arn: String,
    pub created: u64,
    ready: u64,
    gone: Option<u64>,
    pub tags: Tags,
    pub policy: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// So many of them, one name after the other.
    Register {
        stream: u8,
        first: u8,
        count: u8,
        tags: Option<TagSet>,
    },
    Deregister(Address),
    Describe(Address),
}

/// A consumer as a request names it.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    stream: u8,
    consumer: u8,
    by: By,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Arn,
    /// Its stream's ARN and its name.
    Name,
    All,
    Neither,
    /// Its ARN and that of another stream.
    Apart,
}

/// The number of a consumer's name.
pub fn number() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![5 => Just(0_u8), 2 => Just(1), 1 => Just(2)]
}

/// Two consumers without tags.
pub fn two(stream: u8) -> Step {
    Step::Register {
        stream,
        first: 0,
        count: 2,
        tags: None,
    }
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let count = prop_oneof![30 => Just(1_u8), 3 => 2_u8..8, 1 => Just(22_u8)];
    let by = prop_oneof![
        8 => Just(By::Arn),
        8 => Just(By::Name),
        4 => Just(By::All),
        1 => Just(By::Neither),
        1 => Just(By::Apart),
    ];
    let address = (stream(), number(), by).prop_map(|(stream, consumer, by)| Address {
        stream,
        consumer,
        by,
    });
    let tags = prop_oneof![3 => Just(None), 1 => tag_set().prop_map(Some)];
    let register =
        (stream(), number(), count, tags).prop_map(|(stream, first, count, tags)| Step::Register {
            stream,
            first,
            count,
            tags,
        });
    prop_oneof![
        4 => register,
        2 => address.clone().prop_map(Step::Deregister),
        2 => address.prop_map(Step::Describe),
    ]
}

impl Consumer {
    pub fn status(&self, now: u64) -> &'static str {
        match self.gone {
            Some(_) => "DELETING",
            None if now < self.ready => "CREATING",
            None => "ACTIVE",
        }
    }

    pub fn is_gone(&self, now: u64) -> bool {
        self.gone.is_some_and(|gone| gone <= now)
    }
}

impl World {
    pub fn run_consumer(&mut self, step: Step) {
        match step {
            Step::Register {
                stream,
                first,
                count,
                tags,
            } => {
                for name in first..first + count {
                    self.register(stream, name, tags.as_ref());
                }
            }
            Step::Deregister(consumer) => self.deregister(consumer),
            Step::Describe(consumer) => self.describe_consumer(consumer),
        }
    }

    fn register(&mut self, stream: u8, name: u8, tags: Option<&TagSet>) {
        let set = tags.map(TagSet::tags).unwrap_or_default();
        let input = RegisterStreamConsumerInput {
            stream_arn: Some(arn(stream).into()),
            consumer_name: Some(consumer_name(name).into()),
            tags: tags.map(|_| told(&set)),
            ..Default::default()
        };
        let verdict = self
            .known(stream)
            .and_then(|stream| self.may_register(stream, name, tags));
        let Some(output) = self.expect(input, Some(stream), verdict) else {
            return;
        };
        let (now, delay) = (self.now, self.delay);
        let model = self.streams.get_mut(&stream).unwrap();
        let told = output.consumer;
        let created = told.consumer_creation_timestamp.as_millis();
        let wanted = format!(
            "{}/consumer/{}:{}",
            arn(stream),
            consumer_name(name),
            created / 1_000
        );
        assert_eq!(
            (&*told.consumer_name, &*told.consumer_arn),
            (&*consumer_name(name), &*wanted)
        );
        assert_eq!(told.consumer_status, "CREATING");
        assert!(created >= now / 1_000 * 1_000);
        assert!(
            !model.consumer_arns.contains(&wanted),
            "no ARN is given twice"
        );
        model.consumer_arns.push(wanted.clone());
        let consumer = Consumer {
            arn: wanted,
            created,
            ready: now + delay,
            gone: None,
            tags: set,
            policy: None,
        };
        model.consumers.insert(name, consumer);
    }

    fn may_register(&self, stream: &Stream, name: u8, tags: Option<&TagSet>) -> Verdict {
        if let Some(tags) = tags {
            tags.check()?;
            unless(tags.tags().len() > self.tags_most(), Refused::Argument)?;
        }
        let stays = matches!(stream.phase, Phase::Active | Phase::Updating(..));
        unless(!stays, Refused::InUse)?;
        unless(stream.consumers.contains_key(&name), Refused::InUse)?;
        let most = if self.commitment.is_on(self.now) {
            MOST_WITH_ADVANTAGE
        } else {
            MOST
        };
        unless(
            self.quotas && stream.consumers.len() >= most,
            Refused::Limit,
        )?;
        let creating = stream
            .consumers
            .values()
            .filter(|one| one.status(self.now) == "CREATING");
        unless(
            self.quotas && creating.count() >= CREATING_MOST,
            Refused::Limit,
        )
    }

    fn deregister(&mut self, at: Address) {
        let [stream_arn, consumer_name, consumer_arn] = self.named(at);
        let input = DeregisterStreamConsumerInput {
            stream_arn: stream_arn.map(Into::into),
            consumer_name: consumer_name.map(Into::into),
            consumer_arn: consumer_arn.map(Into::into),
            ..Default::default()
        };
        let verdict = self.consumer(at).map(|_| ());
        if self.expect(input, at.about(), verdict).is_some() {
            let gone = self.now + self.delay;
            let stream = self.streams.get_mut(&at.stream).unwrap();
            stream
                .consumers
                .get_mut(&at.consumer)
                .unwrap()
                .gone
                .get_or_insert(gone);
        }
    }

    fn describe_consumer(&mut self, address: Address) {
        let [stream_arn, name, consumer_arn] = self.named(address);
        let input = DescribeStreamConsumerInput {
            stream_arn: stream_arn.map(Into::into),
            consumer_name: name.map(Into::into),
            consumer_arn: consumer_arn.map(Into::into),
            ..Default::default()
        };
        let verdict = self.consumer(address).map(|_| ());
        if let Some(output) = self.expect(input, address.about(), verdict) {
            let told = output.consumer_description;
            let consumer = self.consumer(address).unwrap();
            assert_eq!(told.consumer_name, consumer_name(address.consumer));
            assert_eq!(told.consumer_arn, *consumer.arn);
            assert_eq!(told.consumer_status, consumer.status(self.now));
            assert_eq!(told.consumer_creation_timestamp, at(consumer.created));
            assert_eq!(told.stream_arn, arn(address.stream));
        }
    }

    /// StreamARN, ConsumerName and ConsumerARN of a request.
    fn named(&self, at: Address) -> [Option<String>; 3] {
        let stream = Some(arn(at.stream));
        let name = Some(consumer_name(at.consumer));
        let consumer = Some(self.consumer_arn(at.stream, at.consumer));
        match at.by {
            By::Arn => [None, None, consumer],
            By::Name => [stream, name, None],
            By::All => [stream, name, consumer],
            By::Neither => [stream, None, None],
            By::Apart => [Some(arn(other(at.stream))), None, consumer],
        }
    }

    fn consumer(&self, at: Address) -> Result<&Consumer, Refused> {
        let is_clear = !matches!(at.by, By::Neither | By::Apart);
        unless(!is_clear, Refused::Argument)?;
        let stream = self.known(at.stream)?;
        stream.consumers.get(&at.consumer).ok_or(Refused::Missing)
    }

    /// The ARN of a consumer, or of one that there is not.
    pub fn consumer_arn(&self, stream: u8, consumer: u8) -> String {
        let found = self
            .streams
            .get(&stream)
            .and_then(|stream| stream.consumers.get(&consumer));
        let absent = || format!("{}/consumer/{}:1", arn(stream), consumer_name(consumer));
        found.map_or_else(absent, |consumer| consumer.arn.clone())
    }
}

impl Address {
    /// The stream whose rates the request counts against.
    fn about(self) -> Option<u8> {
        Some(match self.by {
            By::Apart => other(self.stream),
            _ => self.stream,
        })
    }
}

/// In the order of their numbers as that of their texts.
pub fn consumer_name(consumer: u8) -> String {
    format!("consumer-{consumer:02}")
}
