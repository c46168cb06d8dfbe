//! What on-demand streams have, and the account's settings.

use kinetik::api::{
    DescribeAccountSettingsInput, MinimumThroughputBillingCommitmentInput,
    MinimumThroughputBillingCommitmentOutput, StreamModeDetails, UpdateAccountSettingsInput,
    UpdateStreamModeInput, UpdateStreamRecordDistributionStrategyInput,
    UpdateStreamWarmThroughputInput,
};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, arn, name, stream, unless};
use crate::lifetime::HOUR;
use crate::quotas::used_up;
use crate::resharding::Change;
use crate::streams::{Stream, mode_name, strategy_name};
use crate::world::{ON_DEMAND_LIMIT, SHARD_LIMIT, World, at};

/// MiB per second that a stream can be warmed to.
pub const WARM_MOST: i32 = 10 << 10;
const COMMITTED: u64 = 24 * HOUR;

/// The account's commitment to a least throughput.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commitment {
    started: Option<u64>,
    ends: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Mode {
        stream: u8,
        on_demand: bool,
        warm: Option<i32>,
    },
    Warm {
        stream: Address,
        warm: i32,
    },
    Distribute {
        stream: u8,
        auto: bool,
    },
    /// Asked so many times.
    Account {
        times: u8,
    },
    Commit {
        on: bool,
        times: u8,
    },
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let warm = || prop_oneof![8 => 0..WARM_MOST, 1 => Just(WARM_MOST + 1), 1 => Just(-1)];
    let some_warm = prop_oneof![4 => Just(None), 1 => warm().prop_map(Some)];
    let times = || prop_oneof![6 => Just(1_u8), 1 => 2_u8..8];
    prop_oneof![
        4 => (stream(), any::<bool>(), some_warm)
            .prop_map(|(stream, on_demand, warm)| Step::Mode { stream, on_demand, warm }),
        3 => (address(), warm()).prop_map(|(stream, warm)| Step::Warm { stream, warm }),
        3 => (stream(), any::<bool>()).prop_map(|(stream, auto)| Step::Distribute { stream, auto }),
        1 => times().prop_map(|times| Step::Account { times }),
        2 => (prop::bool::weighted(0.7), times()).prop_map(|(on, times)| Step::Commit { on, times }),
    ]
}

impl World {
    pub fn run_mode(&mut self, step: Step) {
        match step {
            Step::Mode {
                stream,
                on_demand,
                warm,
            } => self.set_mode(stream, on_demand, warm),
            Step::Warm { stream, warm } => self.warm(stream, warm),
            Step::Distribute { stream, auto } => self.distribute(stream, auto),
            Step::Account { times } => (0..times).for_each(|_| self.account()),
            Step::Commit { on, times } => (0..times).for_each(|_| self.commit(on)),
        }
    }

    fn set_mode(&mut self, stream: u8, on_demand: bool, warm: Option<i32>) {
        let input = UpdateStreamModeInput {
            stream_arn: Some(arn(stream).into()),
            stream_mode_details: Some(StreamModeDetails {
                stream_mode: Some(mode_name(on_demand).into()),
            }),
            warm_throughput_mibps: warm,
            ..Default::default()
        };
        let is_broken = warm.is_some_and(|warm| warm < 0);
        let verdict = unless(is_broken, Refused::Constraint)
            .and_then(|()| self.known(stream))
            .and_then(|stream| self.may_be(stream, on_demand, warm));
        if self.expect(input, Some(stream), verdict).is_none() {
            return;
        }
        let now = self.now;
        let model = self.streams.get_mut(&stream).unwrap();
        if model.on_demand != on_demand {
            model.mode_changes.push(now);
            model.on_demand = on_demand;
            model.grows_since = on_demand.then_some(now);
        }
        model.warm = warm.or(model.warm).filter(|_| on_demand);
        model.auto &= on_demand;
        self.update(stream, Change::Nothing);
    }

    fn may_be(&self, stream: &Stream, on_demand: bool, warm: Option<i32>) -> Verdict {
        if let Some(warm) = warm {
            self.may_warm(on_demand, warm)?;
        }
        stream.active()?;
        if stream.on_demand == on_demand {
            return Ok(());
        }
        unless(
            on_demand && self.on_demand_streams() >= ON_DEMAND_LIMIT,
            Refused::Limit,
        )?;
        unless(
            !on_demand && self.open_shards() + stream.open().len() > SHARD_LIMIT,
            Refused::Limit,
        )?;
        unless(
            self.quotas && used_up(&stream.mode_changes, self.now, 2),
            Refused::Limit,
        )
    }

    /// Warm throughput is for on-demand streams of an account with the commitment.
    pub fn may_warm(&self, on_demand: bool, warm: i32) -> Verdict {
        unless(
            !on_demand || !self.commitment.is_on(self.now),
            Refused::Validation,
        )?;
        unless(self.quotas && warm > WARM_MOST, Refused::Limit)
    }

    fn warm(&mut self, stream: Address, warm: i32) {
        let input = UpdateStreamWarmThroughputInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            warm_throughput_mibps: Some(warm),
            ..Default::default()
        };
        let verdict = unless(warm < 0, Refused::Constraint).and_then(|()| {
            let stream = self.find(stream)?;
            self.may_warm(stream.on_demand, warm)?;
            stream.active()
        });
        let Some(output) = self.expect(input, stream.about(), verdict) else {
            return;
        };
        let number = stream.stream;
        let model = self.streams.get_mut(&number).unwrap();
        let before = model.warm.replace(warm).unwrap_or(0);
        let told = output.warm_throughput.unwrap();
        assert_eq!(
            (told.target_mibps, told.current_mibps),
            (Some(warm), Some(before))
        );
        assert_eq!(output.stream_name.as_deref(), Some(&*name(number)));
        assert_eq!(output.stream_arn.as_deref(), Some(&*arn(number)));
        self.update(number, Change::Nothing);
    }

    fn distribute(&mut self, stream: u8, auto: bool) {
        let input = UpdateStreamRecordDistributionStrategyInput {
            stream_arn: Some(arn(stream).into()),
            record_distribution_strategy: Some(strategy_name(auto).into()),
            ..Default::default()
        };
        let verdict = self.known(stream).and_then(|stream| {
            stream.active()?;
            unless(!stream.on_demand, Refused::Argument)
        });
        if self.expect(input, Some(stream), verdict).is_some() {
            self.streams.get_mut(&stream).unwrap().auto = auto;
        }
    }

    fn account(&mut self) {
        if let Some(output) = self.expect(DescribeAccountSettingsInput {}, None, Ok(())) {
            self.compare_commitment(output.minimum_throughput_billing_commitment);
        }
    }

    fn commit(&mut self, on: bool) {
        let status = if on { "ENABLED" } else { "DISABLED" };
        let input = UpdateAccountSettingsInput {
            minimum_throughput_billing_commitment: Some(MinimumThroughputBillingCommitmentInput {
                status: Some(status.into()),
            }),
        };
        if let Some(output) = self.expect(input, None, Ok(())) {
            self.commitment.ask(on, self.now);
            self.compare_commitment(output.minimum_throughput_billing_commitment);
        }
    }

    fn compare_commitment(&self, told: Option<MinimumThroughputBillingCommitmentOutput>) {
        let (model, told) = (self.commitment, told.unwrap());
        let is_on = model.is_on(self.now);
        let status = match (is_on, model.ends) {
            (true, None) => "ENABLED",
            (true, Some(_)) => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
            (false, _) => "DISABLED",
        };
        assert_eq!(told.status, status);
        assert_eq!(told.started_at, model.started.map(at));
        assert_eq!(told.ended_at, model.ends.filter(|_| !is_on).map(at));
        let earliest = model
            .started
            .filter(|_| is_on)
            .map(|started| at(started + COMMITTED));
        assert_eq!(told.earliest_allowed_end_at, earliest);
    }
}

impl Commitment {
    pub fn is_on(self, now: u64) -> bool {
        self.started.is_some() && self.ends.is_none_or(|ends| now < ends)
    }

    /// It lasts a day at least, and asking for it again cancels its end.
    fn ask(&mut self, on: bool, now: u64) {
        if on && !self.is_on(now) {
            *self = Self {
                started: Some(now),
                ends: None,
            };
        } else if on {
            self.ends = None;
        } else if self.is_on(now) {
            self.ends = self.started.map(|started| now.max(started + COMMITTED));
        }
    }
}
