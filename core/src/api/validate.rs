//! The model's constraints, judged and worded as the service words them (reference/kinesis-api.md 5.2).

mod rule;

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use bytes::Bytes;
use bytestring::ByteString;

pub(crate) use self::rule::{Length, Pattern, StringRule};
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
mod tests;
