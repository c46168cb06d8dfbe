//! The model's constraints, judged and worded as the service words them (reference/kinesis-api.md 5.2).

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use bytes::Bytes;
use bytestring::ByteString;

use super::shape::shown;
use super::{Call, Refusal, Shape};

/// The service names at most so many violations of one request.
const MOST: usize = 10;

/// The constraints that a request breaks, up to ten.
///
/// A valid request costs no allocation.
#[derive(Debug, Default)]
pub struct Violations(Vec<String>);

/// Where a member stands in its request: a chain on the stack, written only when something is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Root,
    Member(&'static str),
    Element(usize),
}

/// Bounds of a length or a number, both inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// A regular expression of the model and its matcher.
#[derive(Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) text: &'static str,
    pub(crate) matches: fn(&str) -> bool,
}

/// What a string must keep to.
#[derive(Clone, Copy)]
pub(crate) struct StringRule {
    pub(crate) length: Length,
    pub(crate) pattern: Option<Pattern>,
    /// The value set; empty if every value is good.
    pub(crate) values: &'static [&'static str],
    /// Whether a violation may repeat the value; a partition key never is.
    pub(crate) shown: bool,
}

impl Call {
    /// Judges the input by the model's constraints, all of them together.
    ///
    /// # Errors
    /// A `ValidationException` that names up to ten violations.
    pub fn check(&self) -> Result<(), Refusal> {
        let mut found = Violations::default();
        self.validate(&mut found);
        found.into_result()
    }
}

impl Violations {
    /// The exception that names what was found; nothing if nothing was.
    ///
    /// # Errors
    /// A `ValidationException` if anything was found.
    pub fn into_result(self) -> Result<(), Refusal> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        let items = self.0.join("; ");
        Err(Refusal::validation(format!(
            "{count} validation error{plural} detected: {items}"
        )))
    }

    /// Whether nothing more is told.
    fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    #[cold]
    fn add(&mut self, value: Shown<'_>, at: Path<'_>, rule: impl Display) {
        if !self.is_full() {
            self.0.push(format!(
                "Value {value}at '{at}' failed to satisfy constraint: {rule}"
            ));
        }
    }

    /// A member that must be there.
    pub(crate) fn required(&mut self, at: &Path<'_>, name: &'static str, present: bool) {
        if !present {
            self.add(Shown::Null, at.member(name), "Member must not be null");
        }
    }

    #[inline]
    pub(crate) fn string(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&ByteString>,
        required: bool,
        rule: &StringRule,
    ) {
        match value {
            Some(value) if rule.accepts(value) => {}
            Some(value) => {
                let shown = if rule.shown {
                    Shown::Text(value)
                } else {
                    Shown::Nothing
                };
                for problem in rule.problems(value) {
                    self.add(shown, at.member(name), problem);
                }
            }
            None if required => self.required(at, name, false),
            None => {}
        }
    }

    #[inline]
    pub(crate) fn blob(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&Bytes>,
        required: bool,
        length: Length,
    ) {
        match value {
            Some(value) => self.length(at, name, value.len(), Shown::Nothing, length),
            None if required => self.required(at, name, false),
            None => {}
        }
    }

    pub(crate) fn number<N: Copy + Into<i64>>(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&N>,
        required: bool,
        range: Length,
    ) {
        let Some(&value) = value else {
            return self.required(at, name, !required);
        };
        let value = value.into();
        for problem in range.problems(value, "value") {
            self.add(Shown::Number(value), at.member(name), problem);
        }
    }

    pub(crate) fn structure<T: Shape>(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&T>,
        required: bool,
    ) {
        match value {
            Some(value) => value.validate(&at.member(name), self),
            None => self.required(at, name, !required),
        }
    }

    pub(crate) fn structures<T: Shape>(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&Vec<T>>,
        required: bool,
        length: Length,
    ) {
        let Some(values) = value else {
            return self.required(at, name, !required);
        };
        let shown = if values.is_empty() {
            Shown::List(&[])
        } else {
            Shown::Nothing
        };
        self.length(at, name, values.len(), shown, length);
        let at = at.member(name);
        for (index, value) in values.iter().enumerate() {
            if self.is_full() {
                return;
            }
            value.validate(&at.element(index), self);
        }
    }

    pub(crate) fn strings(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&Vec<ByteString>>,
        required: bool,
        length: Length,
        element: &StringRule,
    ) {
        let Some(values) = value else {
            return self.required(at, name, !required);
        };
        self.length(at, name, values.len(), Shown::List(values), length);
        if !values.iter().all(|value| element.accepts(value)) {
            let rule = format!("Member must satisfy constraint: [{}]", element.all());
            self.add(Shown::List(values), at.member(name), rule);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "called by generated code alone")]
    pub(crate) fn map(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        value: Option<&BTreeMap<ByteString, ByteString>>,
        required: bool,
        length: Length,
        key: &StringRule,
        value_rule: &StringRule,
    ) {
        let Some(map) = value else {
            return self.required(at, name, !required);
        };
        self.length(at, name, map.len(), Shown::Map(map), length);
        if !map.keys().all(|text| key.accepts(text)) {
            let rule = format!("Map keys must satisfy constraint: [{}]", key.all());
            self.add(Shown::Map(map), at.member(name), rule);
        }
        if !map.values().all(|text| value_rule.accepts(text)) {
            let rule = format!("Map value must satisfy constraint: [{}]", value_rule.all());
            self.add(Shown::Map(map), at.member(name), rule);
        }
    }

    #[inline]
    fn length(
        &mut self,
        at: &Path<'_>,
        name: &'static str,
        count: usize,
        shown: Shown<'_>,
        length: Length,
    ) {
        let count = count as i64;
        if length.contains(count) {
            return;
        }
        for problem in length.problems(count, "length") {
            self.add(shown, at.member(name), problem);
        }
    }
}

impl Length {
    fn contains(self, count: i64) -> bool {
        self.min.is_none_or(|min| count >= min) && self.max.is_none_or(|max| count <= max)
    }

    /// The bounds that a count breaks; `what` is "length" or "value".
    fn problems(self, count: i64, what: &'static str) -> impl Iterator<Item = String> {
        let above = self
            .max
            .filter(|&max| count > max)
            .map(|max| at_most(max, what));
        let below = self
            .min
            .filter(|&min| count < min)
            .map(|min| at_least(min, what));
        above.into_iter().chain(below)
    }
}

fn at_most(max: i64, what: &str) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn at_least(min: i64, what: &str) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

impl StringRule {
    /// Whether a value keeps to the rule. Lengths count characters.
    #[inline]
    pub(crate) fn accepts(&self, value: &str) -> bool {
        self.accepts_length(value)
            && self.pattern.is_none_or(|pattern| (pattern.matches)(value))
            && (self.values.is_empty() || self.values.contains(&value))
    }

    /// Bytes bound characters from above, so that most values need no counting.
    #[inline]
    fn accepts_length(&self, value: &str) -> bool {
        let Length { min, max } = self.length;
        let bytes = value.len() as i64;
        let enough = min.is_none_or(|min| bytes >= min * 4 || (min == 1 && bytes > 0));
        if enough && max.is_none_or(|max| bytes <= max) {
            return true;
        }
        self.length.contains(value.chars().count() as i64)
    }

    fn problems(&self, value: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(pattern) = self.pattern.filter(|pattern| !(pattern.matches)(value)) {
            problems.push(pattern.rule());
        }
        problems.extend(self.length.problems(value.chars().count() as i64, "length"));
        if !self.values.is_empty() && !self.values.contains(&value) {
            problems.push(self.value_set());
        }
        problems
    }

    /// Every constraint of the rule, as lists and maps tell them.
    fn all(&self) -> String {
        let Length { min, max } = self.length;
        let mut rules = Vec::new();
        rules.extend(max.map(|max| at_most(max, "length")));
        rules.extend(min.map(|min| at_least(min, "length")));
        rules.extend(self.pattern.map(Pattern::rule));
        if !self.values.is_empty() {
            rules.push(self.value_set());
        }
        rules.join(", ")
    }

    fn value_set(&self) -> String {
        format!(
            "Member must satisfy enum value set: [{}]",
            self.values.join(", ")
        )
    }
}

impl Pattern {
    fn rule(self) -> String {
        format!(
            "Member must satisfy regular expression pattern: {}",
            self.text
        )
    }
}

/// The value of a violation, with the blank that follows it.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Null,
    /// Blobs, lists of structures and partition keys are not repeated.
    Nothing,
    Text(&'a str),
    Number(i64),
    List(&'a [ByteString]),
    Map(&'a BTreeMap<ByteString, ByteString>),
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null => f.write_str("null "),
            Self::Nothing => Ok(()),
            Self::Text(text) => write!(f, "'{}' ", shown(text)),
            Self::Number(number) => write!(f, "'{number}' "),
            Self::List(values) => {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                write!(f, "'{}' ", shown(&format!("[{}]", values.join(", "))))
            }
            Self::Map(map) => {
                let entries: Vec<String> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
                write!(f, "'{}' ", shown(&format!("{{{}}}", entries.join(", "))))
            }
        }
    }
}

impl Path<'_> {
    /// The request itself.
    pub const ROOT: Self = Path {
        parent: None,
        step: Step::Root,
    };

    fn member<'a>(&'a self, name: &'static str) -> Path<'a> {
        Path {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    fn element(&self, index: usize) -> Path<'_> {
        Path {
            parent: Some(self),
            step: Step::Element(index),
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self
            .parent
            .filter(|parent| !matches!(parent.step, Step::Root))
        {
            write!(f, "{parent}.")?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) => f.write_str(name),
            Step::Element(index) => write!(f, "{}.member", index + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        AddTagsToStreamInput, DescribeStreamInput, GetShardIteratorInput, PutRecordInput,
        PutRecordsInput, PutRecordsRequestEntry, UntagResourceInput,
    };

    fn said(call: impl Into<Call>) -> String {
        let refusal = call.into().check().expect_err("a violation");
        assert_eq!(
            (refusal.code(), refusal.status()),
            ("ValidationException", 400)
        );
        refusal.message().unwrap_or_default().to_owned()
    }

    fn good_entry() -> PutRecordsRequestEntry {
        PutRecordsRequestEntry {
            data: Some(Bytes::new()),
            partition_key: Some("k".into()),
            explicit_hash_key: None,
        }
    }

    fn records(records: Vec<PutRecordsRequestEntry>) -> PutRecordsInput {
        PutRecordsInput {
            records: Some(records),
            stream_name: Some("orders".into()),
            ..Default::default()
        }
    }

    // reference/kinesis-api.md 5.2; every single constraint of the model is in samples.rs.

    #[test]
    fn one_violation_is_an_error_and_more_are_errors_joined_by_semicolons() {
        let call = DescribeStreamInput {
            stream_name: Some("".into()),
            ..Default::default()
        };
        assert_eq!(
            said(call),
            "2 validation errors detected: \
             Value '' at 'streamName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
             Value '' at 'streamName' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"
        );
        let call = DescribeStreamInput {
            limit: Some(0),
            ..Default::default()
        };
        assert_eq!(
            said(call),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1"
        );
    }

    #[test]
    fn at_most_ten_violations_are_told() {
        let text = said(records(vec![PutRecordsRequestEntry::default(); 30]));
        assert!(
            text.starts_with("10 validation errors detected: "),
            "{text}"
        );
        assert_eq!(text.split("; ").count(), 10);
    }

    #[test]
    fn elements_are_counted_from_one() {
        let mut bad = good_entry();
        bad.data = None;
        assert_eq!(
            said(records(vec![good_entry(), bad])),
            "1 validation error detected: Value null at 'records.2.member.data' failed to satisfy \
             constraint: Member must not be null"
        );
    }

    #[test]
    fn iterator_types_are_told_in_the_service_order() {
        let call = GetShardIteratorInput {
            shard_id: Some("shardId-0".into()),
            shard_iterator_type: Some("FOO".into()),
            ..Default::default()
        };
        assert_eq!(
            said(call),
            "1 validation error detected: Value 'FOO' at 'shardIteratorType' failed to satisfy \
             constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, \
             AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
        );
    }

    #[test]
    fn a_partition_key_is_counted_in_characters_and_never_repeated() {
        let put = |key: String| PutRecordInput {
            data: Some(Bytes::new()),
            partition_key: Some(key.into()),
            ..Default::default()
        };
        for character in ["k", "é", "€", "😀"] {
            assert_eq!(
                Call::from(put(character.repeat(256))).check(),
                Ok(()),
                "{character}"
            );
            let text = said(put(character.repeat(257)));
            assert_eq!(
                text,
                "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: \
                 Member must have length less than or equal to 256"
            );
        }
        assert!(
            said(put(String::new()))
                .ends_with("Member must have length greater than or equal to 1")
        );
    }

    #[test]
    fn blobs_and_lists_of_records_are_told_without_their_value() {
        let mut large = good_entry();
        large.data = Some(Bytes::from(vec![0; 10_485_761]));
        assert_eq!(
            said(records(vec![large])),
            "1 validation error detected: Value at 'records.1.member.data' failed to satisfy \
             constraint: Member must have length less than or equal to 10485760"
        );
        assert_eq!(
            said(records(vec![good_entry(); 501])),
            "1 validation error detected: Value at 'records' failed to satisfy constraint: \
             Member must have length less than or equal to 500"
        );
    }

    #[test]
    fn maps_are_told_whole_with_the_rule_of_their_keys_or_values() {
        let tags = |key: &str, value: &str| AddTagsToStreamInput {
            tags: Some(BTreeMap::from([
                (key.into(), value.into()),
                ("a".into(), "b".into()),
            ])),
            ..Default::default()
        };
        assert_eq!(
            said(tags("", "x")),
            "1 validation error detected: Value '{=x, a=b}' at 'tags' failed to satisfy constraint: \
             Map keys must satisfy constraint: [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1]"
        );
        assert!(said(tags("k", &"v".repeat(257))).ends_with(
            "Map value must satisfy constraint: [Member must have length less than or equal to 256, \
             Member must have length greater than or equal to 0]"
        ));
    }

    #[test]
    fn a_long_value_is_cut() {
        let call = DescribeStreamInput {
            stream_name: Some("x".repeat(10_000_000).into()),
            ..Default::default()
        };
        assert!(said(call).len() < 5_000);
    }

    #[test]
    fn a_list_of_a_million_wrong_tags_is_told_once_and_in_short() {
        let keys = vec![ByteString::new(); 1_000_000];
        let call = UntagResourceInput {
            tag_keys: Some(keys),
            resource_arn: Some("arn:aws:kinesis:r:123456789012:stream/s".into()),
            ..Default::default()
        };
        assert!(said(call).len() < 10_000);
    }
}
