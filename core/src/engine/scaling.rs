//! SplitShard, MergeShards and UpdateShardCount.

use std::sync::Arc;

use super::lifecycle::shard_id;
use super::reshard::{Step, divides, plan};
use super::shard::Shard;
use super::stream::{State, Stream};
use super::{Inner, Now};
use crate::api::{
    MergeShardsInput, Refusal, SplitShardInput, StreamMode, UpdateShardCountInput,
    UpdateShardCountOutput,
};
use crate::types::HashKey;
use crate::types::limits::{ACCOUNT_SHARDS, UPDATE_SHARD_COUNT_MAX};

/// UpdateShardCount calls of a stream within a day. Source: AWS, UpdateShardCount.
const RESCALINGS: usize = 10;

impl Inner {
    pub(super) fn split_shard(&self, now: Now, input: &SplitShardInput) -> Result<(), Refusal> {
        let raw = input.shard_to_split.as_deref().unwrap_or_default();
        let (name, arn) = (input.stream_name.as_ref(), input.stream_arn.as_ref());
        self.check_shard_text(name, arn, &[raw])?;
        let stream = self.stream(now, name, arn)?;
        let used = self.account.usage(now, &self.memory).open_shards;
        stream.change(|state| {
            let shard = named_shard(now, &stream, state, raw)?;
            provisioned(&stream, state)?;
            self.check_shard_quota(&stream, used, 1)?;
            let asked = input.new_starting_hash_key.as_deref().unwrap_or_default();
            let at = split_point(&stream, &shard, asked)?;
            open(&stream, &shard)?;
            let step = Step::Split {
                shard: shard.id,
                at,
            };
            state.update(self.settled_at(now), vec![step], now, &self.memory);
            Ok(())
        })
    }

    pub(super) fn merge_shards(&self, now: Now, input: &MergeShardsInput) -> Result<(), Refusal> {
        let lower = input.shard_to_merge.as_deref().unwrap_or_default();
        let upper = input.adjacent_shard_to_merge.as_deref().unwrap_or_default();
        let (name, arn) = (input.stream_name.as_ref(), input.stream_arn.as_ref());
        self.check_shard_text(name, arn, &[lower, upper])?;
        let stream = self.stream(now, name, arn)?;
        stream.change(|state| {
            let lower = named_shard(now, &stream, state, lower)?;
            let upper = named_shard(now, &stream, state, upper)?;
            provisioned(&stream, state)?;
            open(&stream, &lower)?;
            open(&stream, &upper)?;
            if !lower.range.is_followed_by(upper.range) {
                return Err(stream.named().not_adjacent(lower.id, upper.id));
            }
            let step = Step::Merge {
                lower: lower.id,
                upper: upper.id,
            };
            state.update(self.settled_at(now), vec![step], now, &self.memory);
            Ok(())
        })
    }

    pub(super) fn update_shard_count(
        &self,
        now: Now,
        input: &UpdateShardCountInput,
    ) -> Result<UpdateShardCountOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let target = input.target_shard_count.unwrap_or_default().max(1) as usize;
        let used = self.account.usage(now, &self.memory).open_shards;
        let current = stream.change(|state| -> Result<_, Refusal> {
            state.active(stream.named())?;
            provisioned(&stream, state)?;
            let current = state.ring.open_count();
            check_step(current, target)?;
            let steps = plan(
                &state.ring.open_ranges(),
                target as u32,
                state.ring.next_shard(),
            );
            self.check_target(current, target, used.saturating_sub(current), &steps)?;
            self.check_rescalings(now, state)?;
            state.update(self.settled_at(now), steps, now, &self.memory);
            Ok(current)
        })?;
        Ok(UpdateShardCountOutput {
            stream_name: Some(stream.name.clone()),
            current_shard_count: Some(current as i32),
            target_shard_count: Some(target as i32),
            stream_arn: Some(stream.arn.clone()),
        })
    }

    /// Refuses shard ids that name no shard of any stream, before the stream is looked for.
    fn check_shard_text(
        &self,
        name: Option<&bytestring::ByteString>,
        arn: Option<&bytestring::ByteString>,
        shards: &[&str],
    ) -> Result<(), Refusal> {
        let name = self.account.name_of(name, arn)?;
        for raw in shards {
            let parsed = raw.parse::<crate::types::ShardId>();
            parsed.map_err(|_| self.account.named(&name).shard_not_found(raw))?;
        }
        Ok(())
    }

    fn check_shard_quota(&self, stream: &Stream, used: usize, more: usize) -> Result<(), Refusal> {
        let limit = self.config.shard_limit;
        if used + more <= limit {
            return Ok(());
        }
        let region = &self.account.region;
        Err(stream.named().shard_quota(region, used, limit, more))
    }

    /// Within the quotas of the stream and of the account, `others` being open in its other streams. Shards that are open
    /// only on the way to the target count. Source: AWS, UpdateShardCount.
    fn check_target(
        &self,
        current: usize,
        target: usize,
        others: usize,
        steps: &[Step],
    ) -> Result<(), Refusal> {
        let room = self.config.shard_limit.saturating_sub(others);
        let limit = self.most_shards_of_a_stream().min(room);
        let most_open = most_open(current, steps);
        let is_within =
            (target <= limit || target <= current) && (most_open <= room || most_open <= current);
        match is_within {
            true => Ok(()),
            false => Err(Refusal::limit_exceeded(format!(
                "Target shard count or number of open shards cannot be greater than {limit}. {}",
                counts(current, target)
            ))),
        }
    }

    /// The service's quota of a stream, which a limit of the account above AWS's own lifts as well.
    fn most_shards_of_a_stream(&self) -> usize {
        match self.config.shard_limit > ACCOUNT_SHARDS {
            true => usize::MAX,
            false => self.most(UPDATE_SHARD_COUNT_MAX),
        }
    }

    /// Ten a day; AWS's text is not known.
    fn check_rescalings(&self, now: Now, state: &mut State) -> Result<(), Refusal> {
        if state
            .rescalings
            .is_used_up(now.moment, self.most(RESCALINGS))
        {
            return Err(Refusal::limit_exceeded(format!(
                "UpdateShardCount cannot be called more than {RESCALINGS} times in a rolling 24-hour period for a stream."
            )));
        }
        state.rescalings.note(now.moment);
        Ok(())
    }
}

/// At most double, at least half.
fn check_step(current: usize, target: usize) -> Result<(), Refusal> {
    let beyond = if target > current * 2 {
        "scale up over double"
    } else if target * 2 < current {
        "scale down below half"
    } else {
        return Ok(());
    };
    Err(Refusal::limit_exceeded(format!(
        "UpdateShardCount cannot {beyond} your current open shard count. {}",
        counts(current, target)
    )))
}

fn counts(current: usize, target: usize) -> String {
    format!("Current open shard count: {current}, Target shard count: {target}")
}

/// How many shards are open at most while steps are carried out one by one.
fn most_open(current: usize, steps: &[Step]) -> usize {
    let (mut open, mut most) = (current, current);
    for step in steps {
        match step {
            Step::Split { .. } => open += 1,
            Step::Merge { .. } => open -= 1,
        }
        most = most.max(open);
    }
    most
}

/// The shard that a split or merge names; the stream must be ACTIVE.
fn named_shard(now: Now, stream: &Stream, state: &State, raw: &str) -> Result<Arc<Shard>, Refusal> {
    let named = stream.named();
    state.active(named)?;
    let id = shard_id(stream, raw)?;
    let shard = state.shard(id, now.wall);
    shard
        .cloned()
        .ok_or_else(|| named.shard_not_found(&id.to_string()))
}

/// The shards of an on-demand stream are the service's affair.
fn provisioned(stream: &Stream, state: &State) -> Result<(), Refusal> {
    match state.mode() {
        StreamMode::Provisioned => Ok(()),
        StreamMode::OnDemand => Err(stream.named().on_demand()),
    }
}

/// Refuses a shard that has children already: the last that is told of a shard by itself.
fn open(stream: &Stream, shard: &Shard) -> Result<(), Refusal> {
    match shard.is_open() {
        true => Ok(()),
        false => Err(stream.named().shard_is_closed(shard.id)),
    }
}

/// Where a shard is split.
fn split_point(stream: &Stream, shard: &Shard, asked: &str) -> Result<HashKey, Refusal> {
    let range = shard.range;
    let refused = || stream.named().cannot_split_at(shard.id, asked, range);
    let at: HashKey = asked.parse().map_err(|_| refused())?;
    divides(at, range).then_some(at).ok_or_else(refused)
}
