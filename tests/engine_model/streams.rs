//! Streams: made, deleted, described and listed.

use std::collections::BTreeMap;

use kinetik::api::{
    self, CreateStreamInput, DeleteStreamInput, DescribeLimitsInput, DescribeStreamInput,
    DescribeStreamSummaryInput, StreamModeDetails,
};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, arn, name, stream, unless};
use crate::consumers::Consumer;
use crate::modes::WARM_MOST;
use crate::resharding::Change;
use crate::shards::{Shard, even, shard_id};
use crate::tags::{TagSet, Tags, tag_set};
use crate::world::{ON_DEMAND_LIMIT, SHARD_LIMIT, World, at};

/// Everything that the service knows of a stream.
#[derive(Debug)]
pub struct Stream {
    /// Tells it from earlier ones of its name.
    pub incarnation: u32,
    /// In whole seconds.
    pub created: u64,
    pub phase: Phase,
    /// It was ACTIVE once: one that is deleted before has nothing to show.
    pub was_made: bool,
    /// By their ids.
    pub shards: Vec<Shard>,
    pub on_demand: bool,
    /// When the minute began by which it grows, of an on-demand stream.
    pub grows_since: Option<u64>,
    /// In hours.
    pub retention: u64,
    pub record_kib: i32,
    pub tags: Tags,
    pub policy: Option<String>,
    pub consumers: BTreeMap<u8, Consumer>,
    /// ARNs of all consumers that there ever were.
    pub consumer_arns: Vec<String>,
    pub key: Option<&'static str>,
    /// From when on records are encrypted, and are not again.
    pub encryption: Vec<(u64, bool)>,
    pub metrics: Vec<&'static str>,
    pub warm: Option<i32>,
    pub auto: bool,
    pub mode_changes: Vec<u64>,
    pub rescalings: Vec<u64>,
}

/// Where it is in its life, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Creating(u64),
    Active,
    Updating(u64, Change),
    Deleting(u64),
}

#[derive(Clone, Debug)]
pub enum Step {
    Create(New),
    Delete {
        stream: Address,
        enforced: bool,
    },
    Describe {
        stream: Address,
        limit: Option<u8>,
        after: Option<u8>,
    },
    Summarize {
        stream: Address,
    },
    Limits,
}

#[derive(Clone, Debug)]
pub struct New {
    stream: u8,
    shards: Option<u8>,
    on_demand: Option<bool>,
    tags: Option<TagSet>,
    warm: Option<i32>,
    kib: Option<i32>,
    auto: Option<bool>,
}

/// A stream of so many shards, or in on-demand mode.
pub fn plain(stream: u8, shards: Option<u8>) -> Step {
    Step::Create(New {
        stream,
        shards,
        on_demand: Some(shards.is_none()),
        tags: None,
        warm: None,
        kib: None,
        auto: None,
    })
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let shards = prop_oneof![6 => (1_u8..6).prop_map(Some), 1 => Just(Some(0)), 4 => Just(None)];
    let mode = prop_oneof![4 => Just(None), 5 => Just(Some(true)), 1 => Just(Some(false))];
    let warm = prop_oneof![8 => Just(None), 1 => (0..WARM_MOST + 10).prop_map(Some)];
    let kib = prop_oneof![8 => Just(None), 1 => Just(Some(2_048)), 1 => Just(Some(1_000))];
    let auto = prop_oneof![5 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    let tags = prop_oneof![4 => Just(None), 1 => tag_set().prop_map(Some)];
    let new = (stream(), shards, mode, tags, warm, kib, auto);
    let new = new.prop_map(|(stream, shards, on_demand, tags, warm, kib, auto)| {
        Step::Create(New {
            stream,
            shards,
            on_demand,
            tags,
            warm,
            kib,
            auto,
        })
    });
    let delete =
        (address(), any::<bool>()).prop_map(|(stream, enforced)| Step::Delete { stream, enforced });
    let some = || prop::option::of(1_u8..5);
    let describe = (address(), some(), some()).prop_map(|(stream, limit, after)| Step::Describe {
        stream,
        limit,
        after,
    });
    prop_oneof![
        4 => new,
        2 => (stream(), 1_u8..5).prop_map(|(stream, shards)| plain(stream, Some(shards))),
        2 => delete,
        2 => describe,
        2 => address().prop_map(|stream| Step::Summarize { stream }),
        1 => Just(Step::Limits),
    ]
}

impl World {
    pub fn run_stream(&mut self, step: Step) {
        match step {
            Step::Create(new) => self.create(new),
            Step::Delete { stream, enforced } => self.delete(stream, enforced),
            Step::Describe {
                stream,
                limit,
                after,
            } => self.describe(stream, limit, after),
            Step::Summarize { stream } => self.summarize(stream),
            Step::Limits => self.limits(),
        }
    }

    fn create(&mut self, new: New) {
        let tags = new.tags.as_ref().map(TagSet::tags);
        let mode = |on_demand| StreamModeDetails {
            stream_mode: Some(mode_name(on_demand).into()),
        };
        let input = CreateStreamInput {
            stream_name: Some(name(new.stream).into()),
            shard_count: new.shards.map(i32::from),
            stream_mode_details: new.on_demand.map(mode),
            tags: tags.as_ref().map(crate::tags::told),
            warm_throughput_mibps: new.warm,
            max_record_size_in_kib: new.kib,
            record_distribution_strategy: new.auto.map(|auto| strategy_name(auto).into()),
        };
        let on_demand = new.on_demand == Some(true);
        let count = usize::from(new.shards.unwrap_or(4));
        let verdict = self.may_create(&new, on_demand, count);
        if self.expect(input, Some(new.stream), verdict).is_none() {
            return;
        }
        self.made += 1;
        let second = self.now / 1_000 * 1_000;
        let made = Stream {
            incarnation: self.made,
            created: second,
            phase: Phase::Creating(self.now + self.delay),
            was_made: false,
            shards: even(count)
                .into_iter()
                .map(|range| Shard::new(range, vec![], second))
                .collect(),
            on_demand,
            grows_since: on_demand.then_some(self.now),
            retention: 24,
            record_kib: new.kib.unwrap_or(1_024),
            tags: tags.unwrap_or_default(),
            policy: None,
            consumers: BTreeMap::new(),
            consumer_arns: Vec::new(),
            key: None,
            encryption: Vec::new(),
            metrics: Vec::new(),
            warm: new.warm,
            auto: new.auto == Some(true),
            mode_changes: Vec::new(),
            rescalings: Vec::new(),
        };
        self.streams.insert(new.stream, made);
    }

    fn may_create(&self, new: &New, on_demand: bool, count: usize) -> Verdict {
        let is_broken = new.shards == Some(0) || new.kib.is_some_and(|kib| kib < 1_024);
        unless(is_broken, Refused::Constraint)?;
        unless(new.shards.is_some() && on_demand, Refused::Validation)?;
        unless(
            new.shards.is_none() && new.on_demand == Some(false),
            Refused::Validation,
        )?;
        unless(new.auto.is_some() && !on_demand, Refused::Argument)?;
        if let Some(warm) = new.warm {
            self.may_warm(on_demand, warm)?;
        }
        if let Some(tags) = &new.tags {
            tags.check()?;
            unless(tags.tags().len() > self.tags_most(), Refused::Argument)?;
        }
        unless(self.streams.contains_key(&new.stream), Refused::InUse)?;
        unless(
            !on_demand && self.open_shards() + count > SHARD_LIMIT,
            Refused::Limit,
        )?;
        unless(
            on_demand && self.on_demand_streams() >= ON_DEMAND_LIMIT,
            Refused::Limit,
        )
    }

    fn delete(&mut self, stream: Address, enforced: bool) {
        let input = DeleteStreamInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            enforce_consumer_deletion: Some(enforced),
            ..Default::default()
        };
        let verdict = self
            .find(stream)
            .and_then(|stream| unless(!enforced && !stream.consumers.is_empty(), Refused::InUse));
        if self.expect(input, stream.about(), verdict).is_some() {
            let until = self.now + self.delay;
            let stream = self.streams.get_mut(&stream.stream).unwrap();
            if !matches!(stream.phase, Phase::Deleting(_)) {
                stream.phase = Phase::Deleting(until);
            }
        }
    }

    fn describe(&mut self, stream: Address, limit: Option<u8>, after: Option<u8>) {
        let input = DescribeStreamInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            limit: limit.map(i32::from),
            exclusive_start_shard_id: after.map(|after| shard_id(after.into()).into()),
            ..Default::default()
        };
        let verdict = self.find(stream).map(|_| ());
        let Some(output) = self.expect(input, stream.about(), verdict) else {
            return;
        };
        let told = output.stream_description;
        let model = &self.streams[&stream.stream];
        let mut shards = model.visible();
        shards.retain(|&place| after.is_none_or(|after| place > usize::from(after)));
        let page = shards.len().min(limit.map_or(100, usize::from));
        let ids = told.shards.iter().map(|shard| shard.shard_id.to_string());
        assert!(ids.eq(shards[..page].iter().map(|&place| shard_id(place))));
        assert_eq!(told.has_more_shards, page < shards.len());
        assert_eq!(told.stream_name, name(stream.stream));
        assert_eq!(told.stream_arn, arn(stream.stream));
        assert_eq!(told.stream_status, model.status());
        assert_eq!(told.stream_mode_details, Some(model.mode()));
        assert_eq!(told.retention_period_hours as u64, model.retention);
        assert_eq!(told.stream_creation_timestamp, at(model.created));
        assert_eq!(told.enhanced_monitoring, model.monitoring());
        assert_eq!(
            told.encryption_type.as_deref(),
            Some(model.encryption_type())
        );
        assert_eq!(told.key_id.as_deref(), model.key);
    }

    fn summarize(&mut self, stream: Address) {
        let input = DescribeStreamSummaryInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            ..Default::default()
        };
        let verdict = self.find(stream).map(|_| ());
        let Some(output) = self.expect(input, stream.about(), verdict) else {
            return;
        };
        let told = output.stream_description_summary;
        let model = &self.streams[&stream.stream];
        let open = match model.was_made {
            true => model.open().len(),
            false => 0,
        };
        assert_eq!(told.stream_name, name(stream.stream));
        assert_eq!(told.stream_arn, arn(stream.stream));
        assert_eq!(told.stream_status, model.status());
        assert_eq!(told.stream_mode_details, Some(model.mode()));
        assert_eq!(told.retention_period_hours as u64, model.retention);
        assert_eq!(told.stream_creation_timestamp, at(model.created));
        assert_eq!(told.enhanced_monitoring, model.monitoring());
        assert_eq!(
            told.encryption_type.as_deref(),
            Some(model.encryption_type())
        );
        assert_eq!(told.key_id.as_deref(), model.key);
        assert_eq!(told.open_shard_count as usize, open);
        assert_eq!(told.consumer_count, Some(model.consumers.len() as i32));
        assert_eq!(told.max_record_size_in_kib, Some(model.record_kib));
        let warm = told.warm_throughput.and_then(|warm| warm.target_mibps);
        assert_eq!(warm, model.warm);
        let strategy = model.on_demand.then(|| strategy_name(model.auto));
        assert_eq!(told.record_distribution_strategy.as_deref(), strategy);
    }

    fn limits(&mut self) {
        if let Some(told) = self.expect(DescribeLimitsInput {}, None, Ok(())) {
            assert_eq!(told.shard_limit as usize, SHARD_LIMIT);
            assert_eq!(told.open_shard_count as usize, self.open_shards());
            assert_eq!(
                told.on_demand_stream_count as usize,
                self.on_demand_streams()
            );
            assert_eq!(told.on_demand_stream_count_limit as usize, ON_DEMAND_LIMIT);
            assert_eq!(
                (told.channel_count, told.channel_count_limit),
                (Some(0), Some(0))
            );
        }
    }

    pub fn compare_stream(&mut self, stream: u8) {
        let stream = Address::named(stream);
        self.describe(stream, None, None);
        self.summarize(stream);
    }

    /// What counts against the account's quota.
    pub fn open_shards(&self) -> usize {
        self.streams
            .values()
            .filter(|stream| !stream.on_demand)
            .map(|stream| stream.open().len())
            .sum()
    }

    pub fn on_demand_streams(&self) -> usize {
        self.streams
            .values()
            .filter(|stream| stream.on_demand)
            .count()
    }
}

impl Stream {
    pub fn status(&self) -> &'static str {
        match self.phase {
            Phase::Creating(_) => "CREATING",
            Phase::Active => "ACTIVE",
            Phase::Updating(..) => "UPDATING",
            Phase::Deleting(_) => "DELETING",
        }
    }

    /// What most control operations ask for.
    pub fn active(&self) -> Verdict {
        unless(self.phase != Phase::Active, Refused::InUse)
    }

    /// Whether it was never ACTIVE; one that was deleted before stays as it was.
    pub fn is_being_made(&self) -> bool {
        !self.was_made
    }

    fn mode(&self) -> StreamModeDetails {
        StreamModeDetails {
            stream_mode: Some(mode_name(self.on_demand).into()),
        }
    }

    fn monitoring(&self) -> Vec<api::EnhancedMetrics> {
        let metrics = self.metrics.iter().map(|&metric| metric.into()).collect();
        vec![api::EnhancedMetrics {
            shard_level_metrics: Some(metrics),
        }]
    }

    fn encryption_type(&self) -> &'static str {
        if self.key.is_some() { "KMS" } else { "NONE" }
    }
}

pub fn mode_name(on_demand: bool) -> &'static str {
    if on_demand {
        "ON_DEMAND"
    } else {
        "PROVISIONED"
    }
}

pub fn strategy_name(auto: bool) -> &'static str {
    if auto { "AUTO" } else { "USER_PARTITION_KEY" }
}
