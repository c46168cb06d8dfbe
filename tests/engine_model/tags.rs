//! Tags, of streams by name and of streams and consumers by ARN.

use std::collections::BTreeMap;

use bytestring::ByteString;
use kinetik::api::{
    AddTagsToStreamInput, ListTagsForResourceInput, ListTagsForStreamInput,
    RemoveTagsFromStreamInput, Tag, TagResourceInput, UntagResourceInput,
};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, arn, stream, unless};
use crate::consumers::number;
use crate::world::World;

const TAGS_MOST: usize = 50;

pub type Tags = BTreeMap<String, String>;

/// Tags of a request.
#[derive(Clone, Debug)]
pub struct TagSet {
    keys: Vec<u8>,
    value: u8,
    odd: Odd,
}

/// A character that no tag may have.
#[derive(Clone, Copy, Debug)]
enum Odd {
    None,
    Percent,
    Exclamation,
}

/// What has tags and a policy.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub stream: u8,
    pub consumer: Option<u8>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Add {
        stream: Address,
        tags: TagSet,
    },
    Remove {
        stream: Address,
        tags: TagSet,
    },
    List {
        stream: Address,
        after: Option<u8>,
        limit: Option<u8>,
    },
    Tag {
        target: Target,
        tags: TagSet,
    },
    Untag {
        target: Target,
        tags: TagSet,
    },
    ListOf {
        target: Target,
    },
}

pub fn tag_set() -> impl Strategy<Value = TagSet> + Clone {
    let keys = prop_oneof![
        8 => prop::collection::vec(0_u8..8, 1..5),
        1 => prop::collection::vec(any::<u8>(), 20..70),
    ];
    let odd =
        prop_oneof![12 => Just(Odd::None), 1 => Just(Odd::Percent), 1 => Just(Odd::Exclamation)];
    (keys, any::<u8>(), odd).prop_map(|(keys, value, odd)| TagSet { keys, value, odd })
}

fn few() -> impl Strategy<Value = TagSet> + Clone {
    let odd =
        prop_oneof![12 => Just(Odd::None), 1 => Just(Odd::Percent), 1 => Just(Odd::Exclamation)];
    (prop::collection::vec(0_u8..8, 1..5), odd).prop_map(|(keys, odd)| TagSet {
        keys,
        value: 0,
        odd,
    })
}

pub fn target() -> impl Strategy<Value = Target> + Clone {
    (stream(), prop::option::of(number()))
        .prop_map(|(stream, consumer)| Target { stream, consumer })
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let list = (
        address(),
        prop::option::of(0_u8..8),
        prop::option::of(1_u8..6),
    )
        .prop_map(|(stream, after, limit)| Step::List {
            stream,
            after,
            limit,
        });
    prop_oneof![
        (address(), tag_set()).prop_map(|(stream, tags)| Step::Add { stream, tags }),
        (address(), few()).prop_map(|(stream, tags)| Step::Remove { stream, tags }),
        list,
        (target(), tag_set()).prop_map(|(target, tags)| Step::Tag { target, tags }),
        (target(), few()).prop_map(|(target, tags)| Step::Untag { target, tags }),
        target().prop_map(|target| Step::ListOf { target }),
    ]
}

impl TagSet {
    fn keys(&self) -> Vec<String> {
        let odd = match self.odd {
            Odd::None => "",
            Odd::Percent => "%",
            Odd::Exclamation => "!",
        };
        self.keys
            .iter()
            .map(|&key| format!("{}{odd}", tag_key(key)))
            .collect()
    }

    pub fn tags(&self) -> Tags {
        let value = format!("value-{}", self.value);
        self.keys()
            .into_iter()
            .map(|key| (key, value.clone()))
            .collect()
    }

    pub fn check(&self) -> Verdict {
        unless(!matches!(self.odd, Odd::None), Refused::Argument)
    }

    /// That a resource with these tags can have those beside them.
    fn fits(&self, tags: &Tags, most: usize) -> Verdict {
        let mut all = tags.clone();
        all.extend(self.tags());
        unless(all.len() > most, Refused::Argument)
    }
}

impl Target {
    pub fn arn(self, world: &World) -> Option<ByteString> {
        Some(match self.consumer {
            Some(consumer) => world.consumer_arn(self.stream, consumer).into(),
            None => arn(self.stream).into(),
        })
    }
}

impl World {
    pub fn run_tag(&mut self, step: Step) {
        match step {
            Step::Add { stream, tags } => self.add_tags(stream, &tags),
            Step::Remove { stream, tags } => self.remove_tags(stream, &tags),
            Step::List {
                stream,
                after,
                limit,
            } => self.list_tags(stream, after, limit),
            Step::Tag { target, tags } => self.tag(target, &tags),
            Step::Untag { target, tags } => self.untag(target, &tags),
            Step::ListOf { target } => self.list_resource_tags(target),
        }
    }

    pub fn compare_tags_and_policies(&mut self, stream: u8) {
        let consumers = self.streams[&stream].consumers.keys().map(|&one| Some(one));
        let targets: Vec<_> = [None].into_iter().chain(consumers).collect();
        for consumer in targets {
            let target = Target { stream, consumer };
            self.list_resource_tags(target);
            self.get_policy(target);
        }
    }

    fn add_tags(&mut self, stream: Address, tags: &TagSet) {
        let input = AddTagsToStreamInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            tags: Some(told(&tags.tags())),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|stream| {
            tags.check()?;
            unless(stream.is_being_made(), Refused::InUse)?;
            tags.fits(&stream.tags, self.tags_most())
        });
        if self.expect(input, stream.about(), verdict).is_some() {
            self.streams
                .get_mut(&stream.stream)
                .unwrap()
                .tags
                .extend(tags.tags());
        }
    }

    fn remove_tags(&mut self, stream: Address, tags: &TagSet) {
        let input = RemoveTagsFromStreamInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            tag_keys: Some(tags.keys().into_iter().map(Into::into).collect()),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|stream| {
            tags.check()?;
            unless(stream.is_being_made(), Refused::InUse)
        });
        if self.expect(input, stream.about(), verdict).is_some() {
            let stream = self.streams.get_mut(&stream.stream).unwrap();
            stream.tags.retain(|key, _| !tags.keys().contains(key));
        }
    }

    fn list_tags(&mut self, stream: Address, after: Option<u8>, limit: Option<u8>) {
        let after = after.map(tag_key);
        let input = ListTagsForStreamInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            exclusive_start_tag_key: after.clone().map(Into::into),
            limit: limit.map(i32::from),
            ..Default::default()
        };
        let verdict = self.find(stream).map(|_| ());
        if let Some(output) = self.expect(input, stream.about(), verdict) {
            let mut tags = self.streams[&stream.stream].tags.clone();
            tags.retain(|key, _| after.as_ref().is_none_or(|after| key > after));
            let page = tags.len().min(limit.map_or(50, usize::from));
            let expected: Vec<_> = tags.iter().take(page).collect();
            compare_tags(&output.tags, &expected);
            assert_eq!(output.has_more_tags, page < tags.len());
        }
    }

    fn tag(&mut self, target: Target, tags: &TagSet) {
        let input = TagResourceInput {
            resource_arn: target.arn(self),
            tags: Some(told(&tags.tags())),
            ..Default::default()
        };
        let verdict = self
            .tags_of(target)
            .map(|tags| tags.clone())
            .and_then(|there| {
                tags.check()?;
                self.taggable(target)?;
                tags.fits(&there, self.tags_most())
            });
        if self.expect(input, None, verdict).is_some() {
            self.tags_of(target).unwrap().extend(tags.tags());
        }
    }

    fn untag(&mut self, target: Target, tags: &TagSet) {
        let input = UntagResourceInput {
            resource_arn: target.arn(self),
            tag_keys: Some(tags.keys().into_iter().map(Into::into).collect()),
            ..Default::default()
        };
        let verdict = self.tags_of(target).map(|_| ()).and_then(|()| {
            tags.check()?;
            self.taggable(target)
        });
        if self.expect(input, None, verdict).is_some() {
            self.tags_of(target)
                .unwrap()
                .retain(|key, _| !tags.keys().contains(key));
        }
    }

    fn list_resource_tags(&mut self, target: Target) {
        let input = ListTagsForResourceInput {
            resource_arn: target.arn(self),
            ..Default::default()
        };
        let verdict = self.tags_of(target).map(|_| ());
        if let Some(output) = self.expect(input, None, verdict) {
            let tags = self.tags_of(target).unwrap();
            compare_tags(&output.tags.unwrap(), &tags.iter().collect::<Vec<_>>());
        }
    }

    /// How many tags a resource may have.
    pub fn tags_most(&self) -> usize {
        if self.quotas { TAGS_MOST } else { usize::MAX }
    }

    /// Tags of a stream cannot be changed while it is made: reference/kinesis-api.md 1.8.
    fn taggable(&self, target: Target) -> Verdict {
        let is_being_made = self.known(target.stream)?.is_being_made();
        unless(is_being_made && target.consumer.is_none(), Refused::InUse)
    }

    fn tags_of(&mut self, target: Target) -> Result<&mut Tags, Refused> {
        let stream = self
            .streams
            .get_mut(&target.stream)
            .ok_or(Refused::Missing)?;
        let Some(consumer) = target.consumer else {
            return Ok(&mut stream.tags);
        };
        let consumer = stream
            .consumers
            .get_mut(&consumer)
            .ok_or(Refused::Missing)?;
        Ok(&mut consumer.tags)
    }
}

fn tag_key(key: u8) -> String {
    format!("tag-{key}")
}

/// In the form of requests.
pub fn told(tags: &Tags) -> BTreeMap<ByteString, ByteString> {
    let texts = |(key, value): (&String, &String)| (key.as_str().into(), value.as_str().into());
    tags.iter().map(texts).collect()
}

fn compare_tags(told: &[Tag], expected: &[(&String, &String)]) {
    let told = told
        .iter()
        .map(|tag| (tag.key.to_string(), tag.value.as_deref().map(str::to_owned)));
    let expected = expected
        .iter()
        .map(|(key, value)| ((*key).clone(), Some((*value).clone())));
    assert!(told.eq(expected));
}
