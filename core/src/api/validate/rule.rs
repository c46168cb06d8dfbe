//! What strings, lengths and numbers must keep to, and how the service says so.

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

impl Length {
    pub(super) fn contains(self, count: i64) -> bool {
        self.min.is_none_or(|min| count >= min) && self.max.is_none_or(|max| count <= max)
    }

    /// The bounds that a count breaks; `what` is "length" or "value".
    pub(super) fn problems(self, count: i64, what: &'static str) -> impl Iterator<Item = String> {
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

    pub(super) fn problems(&self, value: &str) -> Vec<String> {
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
    pub(super) fn all(&self) -> String {
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
