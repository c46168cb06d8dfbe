//! What an on-demand stream can be asked for, and the size of records: UpdateStreamMode, UpdateStreamWarmThroughput,
//! UpdateStreamRecordDistributionStrategy and UpdateMaxRecordSize.

use std::sync::Arc;

use super::growth::Terms;
use super::stream::{State, Stream};
use super::{Inner, Now};
use crate::api::{
    RecordDistributionStrategy, Refusal, StreamMode, StreamModeDetails, UpdateMaxRecordSizeInput,
    UpdateStreamModeInput, UpdateStreamRecordDistributionStrategyInput,
    UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput, WarmThroughputObject,
};

/// Changes of a stream's mode within a rolling day. Source: AWS, capacity modes.
const MODE_CHANGES: usize = 2;
/// MiB per second that a stream can be warmed to. Source: AWS, UpdateStreamWarmThroughput.
const WARM_THROUGHPUT_MAX: i32 = 10 << 10;

impl Inner {
    /// Keeps the shards, which count against the account's quota in provisioned mode. To ask for the mode that a stream has
    /// changes nothing; what AWS says to it is not known.
    pub(super) fn update_mode(
        &self,
        now: Now,
        input: &UpdateStreamModeInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, None, input.stream_arn.as_ref())?;
        let mode = mode_of(input.stream_mode_details.as_ref()).unwrap_or(StreamMode::Provisioned);
        let warm = input.warm_throughput_mibps;
        if warm.is_some() {
            self.check_warm(now, mode, warm)?;
        }
        let usage = self.account.usage(now, &self.memory);
        stream.change(|state| {
            state.active(stream.named())?;
            if state.mode() != mode {
                match mode {
                    StreamMode::OnDemand => self.check_on_demand_room(usage.on_demand)?,
                    StreamMode::Provisioned => {
                        self.check_room(&stream.name, usage, state.ring.open_count())?;
                    }
                }
                let changes = &mut state.profile.mode_changes;
                if changes.is_used_up(now.moment, self.most(MODE_CHANGES)) {
                    return Err(mode_quota(&stream));
                }
                changes.note(now.moment);
                let terms = (mode == StreamMode::OnDemand).then(|| self.growth_terms());
                state.set_mode(terms, now.moment);
            }
            match mode {
                StreamMode::OnDemand => {
                    state.profile.warm_throughput = warm.or(state.profile.warm_throughput);
                }
                StreamMode::Provisioned => {
                    state.profile.warm_throughput = None;
                    state.profile.distribution = None;
                }
            }
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
        })
    }

    pub(super) fn update_warm_throughput(
        &self,
        now: Now,
        input: &UpdateStreamWarmThroughputInput,
    ) -> Result<UpdateStreamWarmThroughputOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let asked = input.warm_throughput_mibps;
        stream.change(|state| {
            self.check_warm(now, state.mode(), asked)?;
            state.active(stream.named())?;
            let before = state.profile.warm_throughput;
            state.profile.warm_throughput = asked;
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(UpdateStreamWarmThroughputOutput {
                stream_arn: Some(stream.arn.clone()),
                stream_name: Some(stream.name.clone()),
                warm_throughput: Some(WarmThroughputObject {
                    target_mibps: asked,
                    current_mibps: Some(before.unwrap_or_default()),
                }),
            })
        })
    }

    /// In force at once, without a change of state. Source: model.
    pub(super) fn update_distribution(
        &self,
        now: Now,
        input: &UpdateStreamRecordDistributionStrategyInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, None, input.stream_arn.as_ref())?;
        let asked = input.record_distribution_strategy.as_deref();
        let asked = asked.and_then(RecordDistributionStrategy::parse);
        stream.change(|state| {
            state.active(stream.named())?;
            check_distribution(state.mode(), asked)?;
            state.profile.distribution = asked;
            Ok(())
        })
    }

    pub(super) fn update_max_record_size(
        &self,
        now: Now,
        input: &UpdateMaxRecordSizeInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, None, input.stream_arn.as_ref())?;
        let kib = input.max_record_size_in_kib.unwrap_or_default().max(0);
        stream.change(|state| {
            state.active(stream.named())?;
            state.max_record_bytes = kib as usize * 1024;
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
        })
    }

    /// How on-demand streams grow here.
    pub(super) fn growth_terms(&self) -> Terms {
        Terms::of(&self.config.region, self.config.state_delay)
    }

    /// Warm throughput is for on-demand streams of an account with the commitment. Source: model; the texts are
    /// kinetik's.
    pub(super) fn check_warm(
        &self,
        now: Now,
        mode: StreamMode,
        asked: Option<i32>,
    ) -> Result<(), Refusal> {
        if mode != StreamMode::OnDemand {
            return Err(Refusal::validation(
                "Warm throughput can only be set for a stream in ON_DEMAND mode.",
            ));
        }
        if !self.account.has_advantage(now) {
            return Err(Refusal::validation(
                "Warm throughput can only be set when the account's MinimumThroughputBillingCommitment is enabled \
                 (UpdateAccountSettings).",
            ));
        }
        if self.has_quotas() && asked.is_some_and(|asked| asked > WARM_THROUGHPUT_MAX) {
            return Err(Refusal::limit_exceeded(format!(
                "Warm throughput cannot be more than {WARM_THROUGHPUT_MAX} MiB per second."
            )));
        }
        Ok(())
    }

    /// Refuses an on-demand stream beyond the account's quota, `used` being there. The text is kinetik's.
    pub(super) fn check_on_demand_room(&self, used: usize) -> Result<(), Refusal> {
        let limit = self.config.on_demand_stream_limit;
        if used < limit {
            return Ok(());
        }
        Err(Refusal::limit_exceeded(format!(
            "This request would exceed the on-demand stream limit for the account {} in {}. Current on-demand stream \
             count for the account: {used}. Limit: {limit}.",
            self.account.id, self.account.region
        )))
    }
}

/// The mode that a request asks for.
pub(super) fn mode_of(details: Option<&StreamModeDetails>) -> Option<StreamMode> {
    let text = details.and_then(|details| details.stream_mode.as_deref());
    text.and_then(StreamMode::parse)
}

/// Only on-demand streams have a strategy. Source: model; the text is kinetik's.
pub(super) fn check_distribution(
    mode: StreamMode,
    asked: Option<RecordDistributionStrategy>,
) -> Result<(), Refusal> {
    match (asked, mode) {
        (Some(_), StreamMode::Provisioned) => Err(Refusal::invalid_argument(
            "RecordDistributionStrategy can only be set for a stream in ON_DEMAND mode.",
        )),
        _ => Ok(()),
    }
}

/// What a summary tells of the warm throughput: nothing where it was never set.
pub(super) fn warm_throughput(state: &State) -> Option<WarmThroughputObject> {
    state
        .profile
        .warm_throughput
        .map(|mibps| WarmThroughputObject {
            target_mibps: Some(mibps),
            current_mibps: Some(mibps),
        })
}

/// kinetik's text.
#[cold]
fn mode_quota(stream: &Arc<Stream>) -> Refusal {
    Refusal::limit_exceeded(format!(
        "The mode of stream {} under account {} cannot be changed more than {MODE_CHANGES} times in a rolling 24-hour \
         period.",
        stream.name, stream.account
    ))
}
