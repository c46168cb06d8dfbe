//! SplitShard, MergeShards and UpdateShardCount.

use std::sync::Arc;

use super::lifecycle::shard_id;
use super::reshard::{Step, plan};
use super::shard::Shard;
use super::stream::{State, Stream};
use super::{Inner, Now};
use crate::api::{
    MergeShardsInput, Refusal, SplitShardInput, StreamMode, UpdateShardCountInput,
    UpdateShardCountOutput,
};
use crate::types::HashKey;
use crate::types::limits::UPDATE_SHARD_COUNT_MAX;

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
            let shard = open_shard(now, &stream, state, raw)?;
            self.check_shard_quota(&stream, used, 1)?;
            let asked = input.new_starting_hash_key.as_deref().unwrap_or_default();
            let at = split_point(&stream, &shard, asked)?;
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
            let lower = open_shard(now, &stream, state, lower)?;
            let upper = open_shard(now, &stream, state, upper)?;
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
        let current = stream.change(|state| {
            state.active(stream.named())?;
            if state.mode == StreamMode::OnDemand {
                return Err(stream.named().on_demand());
            }
            let current = state.open_count();
            self.check_target(current, target, used)?;
            self.check_rescalings(now, state)?;
            let steps = plan(&state.open_ranges(), target as u32, state.next_shard());
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

    /// At most double, at least half, and within the quotas of stream and account.
    fn check_target(&self, current: usize, target: usize, used: usize) -> Result<(), Refusal> {
        let counts = format!("Current open shard count: {current}, Target shard count: {target}");
        let limit =
            UPDATE_SHARD_COUNT_MAX.min(self.config.shard_limit.saturating_sub(used - current));
        let text = if target > current * 2 {
            format!(
                "UpdateShardCount cannot scale up over double your current open shard count. {counts}"
            )
        } else if target * 2 < current {
            format!(
                "UpdateShardCount cannot scale down below half your current open shard count. {counts}"
            )
        } else if target > current && target > limit {
            format!(
                "Target shard count or number of open shards cannot be greater than {limit}. {counts}"
            )
        } else {
            return Ok(());
        };
        Err(Refusal::limit_exceeded(text))
    }

    /// Ten a day; AWS's text is not known.
    fn check_rescalings(&self, now: Now, state: &mut State) -> Result<(), Refusal> {
        if self.has_quotas() && state.rescalings.is_used_up(now.moment, RESCALINGS) {
            return Err(Refusal::limit_exceeded(format!(
                "UpdateShardCount cannot be called more than {RESCALINGS} times in a rolling 24-hour period for a stream."
            )));
        }
        state.rescalings.note(now.moment);
        Ok(())
    }
}

/// The shard that a split or merge names; the stream must be ACTIVE and the shard open.
fn open_shard(now: Now, stream: &Stream, state: &State, raw: &str) -> Result<Arc<Shard>, Refusal> {
    let named = stream.named();
    state.active(named)?;
    let id = shard_id(stream, raw)?;
    let shard = state
        .shard(id, now.wall)
        .ok_or_else(|| named.shard_not_found(&id.to_string()))?;
    if state.mode == StreamMode::OnDemand {
        return Err(named.on_demand());
    }
    if !shard.is_open() {
        return Err(named.shard_is_closed(id));
    }
    Ok(Arc::clone(shard))
}

/// Where a shard is split: above its start plus one, below its end. Source: kinesalite's tests.
fn split_point(stream: &Stream, shard: &Shard, asked: &str) -> Result<HashKey, Refusal> {
    let range = shard.range;
    let refused = || stream.named().cannot_split_at(shard.id, asked, range);
    let at: HashKey = asked.parse().map_err(|_| refused())?;
    let legal = at.get() > range.start().get().saturating_add(1) && at < range.end();
    legal.then_some(at).ok_or_else(refused)
}
