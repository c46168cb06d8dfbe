//! Tags, of streams by name and of streams and consumers by ARN.

use std::collections::BTreeMap;

use bytestring::ByteString;

use super::refuse::Named;
use super::{Inner, Now};
use crate::api::{
    AddTagsToStreamInput, ListTagsForResourceInput, ListTagsForResourceOutput,
    ListTagsForStreamInput, ListTagsForStreamOutput, Refusal, RemoveTagsFromStreamInput, Tag,
    TagResourceInput, UntagResourceInput,
};

/// The tags of a stream or consumer, in the order of their keys.
pub(super) type Tags = BTreeMap<ByteString, ByteString>;

/// Tags of a resource. Source: AWS, tagging.
const TAGS: usize = 50;
/// Tags of one ListTagsForStream answer; AWS's default is its greatest limit.
const TAGS_PAGE: usize = 50;

impl Inner {
    pub(super) fn add_tags(&self, now: Now, input: &AddTagsToStreamInput) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let new = input.tags.clone().unwrap_or_default();
        check(stream.named(), &new)?;
        stream.change(|state| {
            state.made(stream.named())?;
            add(stream.named(), &mut state.tags, new, self.most(TAGS))
        })
    }

    pub(super) fn remove_tags(
        &self,
        now: Now,
        input: &RemoveTagsFromStreamInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let keys = input.tag_keys.iter().flatten();
        check_characters(stream.named(), keys.clone(), "remove tags from")?;
        stream.change(|state| {
            state.made(stream.named())?;
            for key in keys {
                state.tags.remove(key);
            }
            Ok(())
        })
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
        let page = tags.by_ref().take(limit).map(told);
        Ok(ListTagsForStreamOutput {
            tags: page.collect(),
            has_more_tags: tags.next().is_some(),
        })
    }

    pub(super) fn tag_resource(&self, now: Now, input: &TagResourceInput) -> Result<(), Refusal> {
        let resource = self.resource(now, input.resource_arn.as_ref())?;
        let new = input.tags.clone().unwrap_or_default();
        check(resource.stream.named(), &new)?;
        resource.change_tags(|tags| add(resource.stream.named(), tags, new, self.most(TAGS)))
    }

    pub(super) fn untag_resource(
        &self,
        now: Now,
        input: &UntagResourceInput,
    ) -> Result<(), Refusal> {
        let resource = self.resource(now, input.resource_arn.as_ref())?;
        let keys = input.tag_keys.iter().flatten();
        check_characters(resource.stream.named(), keys.clone(), "remove tags from")?;
        resource.change_tags(|tags| {
            for key in keys {
                tags.remove(key);
            }
            Ok(())
        })
    }

    pub(super) fn list_resource_tags(
        &self,
        now: Now,
        input: &ListTagsForResourceInput,
    ) -> Result<ListTagsForResourceOutput, Refusal> {
        let resource = self.resource(now, input.resource_arn.as_ref())?;
        let tags = resource.change(|tags, _| Ok(tags.iter().map(told).collect()))?;
        Ok(ListTagsForResourceOutput { tags: Some(tags) })
    }

    /// Refuses tags that a new stream or consumer cannot be made with.
    pub(super) fn check_tags(&self, named: Named<'_>, tags: &Tags) -> Result<(), Refusal> {
        check(named, tags)?;
        match tags.len() > self.most(TAGS) {
            true => Err(too_many(named)),
            false => Ok(()),
        }
    }
}

/// Refuses tags with characters that no tag may have.
fn check(named: Named<'_>, tags: &Tags) -> Result<(), Refusal> {
    let texts = tags.iter().flat_map(|(key, value)| [key, value]);
    check_characters(named, texts, "add tags to")
}

/// Adds tags to those that are there, if they are not more than `most` then.
fn add(named: Named<'_>, tags: &mut Tags, new: Tags, most: usize) -> Result<(), Refusal> {
    let more = new.keys().filter(|key| !tags.contains_key(*key)).count();
    if tags.len() + more > most {
        return Err(too_many(named));
    }
    tags.extend(new);
    Ok(())
}

/// AWS said 10 while it kept 50.
#[cold]
fn too_many(named: Named<'_>) -> Refusal {
    Refusal::invalid_argument(format!(
        "Failed to add tags to stream {} under account {} because a given stream cannot have more than 10 tags \
         associated with it.",
        named.stream, named.account
    ))
}

/// In the form of answers.
fn told((key, value): (&ByteString, &ByteString)) -> Tag {
    Tag {
        key: key.clone(),
        value: Some(value.clone()),
    }
}

/// The two texts differ because AWS's front and its store judge apart: `%` passes the first alone.
fn check_characters<'a>(
    named: Named<'_>,
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
            named.stream, named.account
        )));
    }
    Ok(())
}
