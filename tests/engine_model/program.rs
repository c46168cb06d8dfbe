//! Programs: what a case does, as data. Numbers in steps choose among what is there when the step is run.

use proptest::prelude::*;

use crate::{
    consumers, lifetime::HOUR, modes, paging, policies, reading, records, resharding, settings,
    streams, subscriptions, tags,
};

#[derive(Clone, Debug)]
pub struct Program {
    pub setting: Setting,
    pub steps: Vec<Step>,
}

/// What the engine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How long CREATING, UPDATING and DELETING last, in milliseconds.
    pub delay: u64,
    pub quotas: bool,
}

#[derive(Clone, Debug)]
pub enum Step {
    Advance { millis: u64 },
    Stream(streams::Step),
    Page(paging::Step),
    Shard(resharding::Step),
    Record(records::Step),
    Reading(reading::Step),
    Consumer(consumers::Step),
    Subscription(subscriptions::Step),
    Tag(tags::Step),
    Policy(policies::Step),
    Setting(settings::Step),
    Mode(modes::Step),
}

pub fn program() -> impl Strategy<Value = Program> {
    let delay = prop_oneof![2 => Just(0_u64), 1 => Just(700)];
    let quotas = prop::bool::weighted(0.25);
    let setting = (delay, quotas).prop_map(|(delay, quotas)| Setting { delay, quotas });
    let steps = prop::collection::vec(step(), 1..90);
    (setting, opening(), steps).prop_map(|(setting, mut steps, rest)| {
        steps.extend(rest);
        Program { setting, steps }
    })
}

/// A stream, without which nearly everything is refused; for some programs consumers, for some the commitment, and for a
/// few more than a shard may take.
fn opening() -> impl Strategy<Value = Vec<Step>> {
    let shards = prop_oneof![3 => (1_u8..5).prop_map(Some), 1 => Just(None)];
    let others = (prop::bool::weighted(0.6), prop::bool::weighted(0.2));
    // The first one to the end of the stream's minute, one millisecond less, or anywhere.
    let millis = prop_oneof![Just(60_000 - 700), Just(60_000 - 701), 0_u64..70_000];
    let floods = prop_oneof![
        100 => Just(vec![]),
        1 => prop::collection::vec((any::<u8>(), millis), 1..4),
    ];
    (shards, others, floods).prop_map(|(shards, (consumers, committed), floods)| {
        let wait = Step::Advance { millis: 700 };
        let shards = shards.filter(|_| floods.is_empty());
        let mut steps = vec![Step::Stream(streams::plain(0, shards)), wait.clone()];
        for (part, millis) in floods {
            steps.extend(records::flood(0, part).into_iter().map(Step::Record));
            steps.push(Step::Advance { millis });
        }
        if consumers {
            steps.extend([Step::Consumer(consumers::two(0)), wait]);
        }
        if committed {
            steps.push(Step::Mode(modes::Step::Commit { on: true, times: 1 }));
        }
        steps
    })
}

fn step() -> impl Strategy<Value = Step> {
    let millis = prop_oneof![
        8 => 0_u64..2_000,
        4 => 4_000_u64..6_000,
        1 => Just(200_000),
        1 => Just(12 * HOUR),
    ];
    prop_oneof![
        9 => millis.prop_map(|millis| Step::Advance { millis }),
        5 => streams::steps().prop_map(Step::Stream),
        6 => paging::steps().prop_map(Step::Page),
        7 => resharding::steps().prop_map(Step::Shard),
        12 => records::steps().prop_map(Step::Record),
        14 => reading::steps().prop_map(Step::Reading),
        6 => consumers::steps().prop_map(Step::Consumer),
        12 => subscriptions::steps().prop_map(Step::Subscription),
        7 => tags::steps().prop_map(Step::Tag),
        4 => policies::steps().prop_map(Step::Policy),
        7 => settings::steps().prop_map(Step::Setting),
        6 => modes::steps().prop_map(Step::Mode),
    ]
}
