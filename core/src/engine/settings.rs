//! Retention and tags of a stream.

use bytestring::ByteString;

use super::stream::{State, Stream};
use super::{Inner, Now};
use crate::api::{
    AddTagsToStreamInput, DecreaseStreamRetentionPeriodInput, IncreaseStreamRetentionPeriodInput,
    ListTagsForStreamInput, ListTagsForStreamOutput, Refusal, RemoveTagsFromStreamInput, Tag,
};
use crate::types::limits::{RETENTION_DEFAULT_HOURS, RETENTION_MAX_HOURS};

/// Tags of a stream. Source: AWS, tagging.
const TAGS: usize = 50;
/// Tags of one ListTagsForStream answer; AWS's default is its greatest limit.
const TAGS_PAGE: usize = 50;

impl Inner {
    pub(super) fn increase_retention(
        &self,
        now: Now,
        input: &IncreaseStreamRetentionPeriodInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        self.change_retention(now, &stream, input.retention_period_hours, |asked, current, name| {
            (asked < current).then(|| {
                format!(
                    "Requested retention period ({asked} hours) for stream {name} can not be shorter than existing \
                     retention period ({current} hours). Use DecreaseRetentionPeriod API."
                )
            })
        })
    }

    pub(super) fn decrease_retention(
        &self,
        now: Now,
        input: &DecreaseStreamRetentionPeriodInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        self.change_retention(now, &stream, input.retention_period_hours, |asked, current, name| {
            (asked > current).then(|| {
                format!(
                    "Requested retention period ({asked} hours) for stream {name} can not be longer than existing \
                     retention period ({current} hours). Use IncreaseRetentionPeriod API."
                )
            })
        })
    }

    fn change_retention(
        &self,
        now: Now,
        stream: &Stream,
        asked: Option<i32>,
        wrong_way: impl Fn(u32, u32, &str) -> Option<String>,
    ) -> Result<(), Refusal> {
        let asked = retention_hours(asked.unwrap_or_default())?;
        stream.change(|state| {
            if let Some(text) = wrong_way(asked, state.retention_hours, &stream.name) {
                return Err(Refusal::invalid_argument(text));
            }
            state.active(stream.named())?;
            forget_expired(state, now);
            state.retention_hours = asked;
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
        })
    }

    pub(super) fn add_tags(&self, now: Now, input: &AddTagsToStreamInput) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let tags = input.tags.iter().flatten();
        check_characters(
            &stream,
            tags.clone().flat_map(|(key, value)| [key, value]),
            "add tags to",
        )?;
        stream.change(|state| {
            let new = tags.clone().filter(|(key, _)| !state.tags.contains_key(*key));
            if state.tags.len() + new.count() > TAGS {
                // AWS said 10 while it kept 50.
                return Err(Refusal::invalid_argument(format!(
                    "Failed to add tags to stream {} under account {} because a given stream cannot have more than 10 \
                     tags associated with it.",
                    stream.name, stream.account
                )));
            }
            state
                .tags
                .extend(tags.map(|(key, value)| (key.clone(), value.clone())));
            Ok(())
        })
    }

    pub(super) fn remove_tags(
        &self,
        now: Now,
        input: &RemoveTagsFromStreamInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let keys = input.tag_keys.iter().flatten();
        check_characters(&stream, keys.clone(), "remove tags from")?;
        stream.change(|state| {
            for key in keys {
                state.tags.remove(key);
            }
        });
        Ok(())
    }

    pub(super) fn list_tags(
        &self,
        now: Now,
        input: &ListTagsForStreamInput,
    ) -> Result<ListTagsForStreamOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let after = input.exclusive_start_tag_key.as_ref();
        let limit = input.limit.map_or(TAGS_PAGE, |limit| limit as usize);
        let state = stream.state.read();
        let mut tags = state
            .tags
            .iter()
            .filter(|(key, _)| after.is_none_or(|after| *key > after));
        let page = tags.by_ref().take(limit).map(|(key, value)| Tag {
            key: key.clone(),
            value: Some(value.clone()),
        });
        Ok(ListTagsForStreamOutput {
            tags: page.collect(),
            has_more_tags: tags.next().is_some(),
        })
    }
}

fn retention_hours(asked: i32) -> Result<u32, Refusal> {
    let (limit, hours, wrong) = if asked < RETENTION_DEFAULT_HOURS as i32 {
        ("Minimum", RETENTION_DEFAULT_HOURS, "short")
    } else if asked > RETENTION_MAX_HOURS as i32 {
        ("Maximum", RETENTION_MAX_HOURS, "long")
    } else {
        return Ok(asked as u32);
    };
    Err(Refusal::invalid_argument(format!(
        "{limit} allowed retention period is {hours} hours. Requested retention period ({asked} hours) is too {wrong}."
    )))
}

/// Forgets for good what is past the retention of now, so that a longer one does not bring it back. Source: AWS,
/// IncreaseStreamRetentionPeriod.
fn forget_expired(state: &State, now: Now) {
    let horizon = state.horizon(now.wall).as_millis();
    for shard in state.shards(now.wall) {
        shard.inner.lock().log.trim(horizon);
    }
}

/// The two texts differ because AWS's front and its store judge apart: `%` passes the first alone.
fn check_characters<'a>(
    stream: &Stream,
    mut texts: impl Iterator<Item = &'a ByteString> + Clone,
    doing: &str,
) -> Result<(), Refusal> {
    let legal = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_./=+-%@:".contains(c);
    if !texts.clone().all(|text| text.chars().all(legal)) {
        return Err(Refusal::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        ));
    }
    if texts.any(|text| text.contains('%')) {
        return Err(Refusal::invalid_argument(format!(
            "Failed to {doing} stream {} under account {} because some tags contained illegal characters. The allowed \
             characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
            stream.name, stream.account
        )));
    }
    Ok(())
}
