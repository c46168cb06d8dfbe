//! Matchers of the model's regular expressions, one each, written by hand: linear in the text, no allocation.
//!
//! The service is Java's: `\d` and `\s` are ASCII, `.` is anything but a line terminator, and the whole text
//! must match.

/// Whether all characters are in a class, and there is at least one.
fn all(text: &str, class: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(class)
}

fn is_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-')
}

fn is_lower(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_lower_or_hyphen(c: u8) -> bool {
    is_lower(c) || c == b'-'
}

/// `[a-zA-Z0-9_.-]+`
pub(crate) fn name(text: &str) -> bool {
    all(text, is_name)
}

/// `[a-z0-9]{20}-[a-z0-9]{3}`
pub(crate) fn stream_id(text: &str) -> bool {
    let parts = text.split_once('-');
    parts.is_some_and(|(id, end)| {
        id.len() == 20 && end.len() == 3 && all(id, is_lower) && all(end, is_lower)
    })
}

/// `0|([1-9]\d{0,38})`
pub(crate) fn hash_key(text: &str) -> bool {
    decimal(text, 39)
}

/// `0|([1-9]\d{0,128})`
pub(crate) fn sequence_number(text: &str) -> bool {
    decimal(text, 129)
}

/// A decimal number without leading zeros, of at most so many digits.
fn decimal(text: &str, digits: usize) -> bool {
    text.len() <= digits
        && all(text, |c| c.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// `\d{12}`
pub(crate) fn account(text: &str) -> bool {
    text.len() == 12 && all(text, |c| c.is_ascii_digit())
}

/// `[0-9a-z_]+`
pub(crate) fn table_name(text: &str) -> bool {
    all(text, |c| is_lower(c) || c == b'_')
}

/// `[a-zA-Z0-9\.\_]+`
pub(crate) fn field_name(text: &str) -> bool {
    all(text, |c| is_name(c) && c != b'-')
}

/// `[^:*]*`
pub(crate) fn log_stream(text: &str) -> bool {
    !text.contains([':', '*'])
}

/// `[\.\-_/#A-Za-z0-9]+`
pub(crate) fn log_group(text: &str) -> bool {
    all(text, |c| is_name(c) || matches!(c, b'/' | b'#'))
}

/// `[0-9A-Za-z!\-_'.*()\/]+`
pub(crate) fn object_prefix(text: &str) -> bool {
    all(text, is_object_character)
}

/// `[0-9A-Za-z!\-_'.*()\/=:{}]+`
pub(crate) fn object_template(text: &str) -> bool {
    all(text, |c| {
        is_object_character(c) || matches!(c, b'=' | b':' | b'{' | b'}')
    })
}

fn is_object_character(c: u8) -> bool {
    is_name(c) || matches!(c, b'!' | b'\'' | b'*' | b'(' | b')' | b'/')
}

/// `arn:aws.*:kinesis:.*:\d{12}:stream/\S+`
pub(crate) fn stream_arn(text: &str) -> bool {
    kinesis_arn(text, |rest| owned(rest, "stream/"))
}

/// `arn:aws.*:kinesis:.*:\d{12}:queue/\S+`
pub(crate) fn queue_arn(text: &str) -> bool {
    kinesis_arn(text, |rest| owned(rest, "queue/"))
}

/// `arn:aws.*:kinesis:.*:\d{12}:channel/\S+`
pub(crate) fn channel_arn(text: &str) -> bool {
    kinesis_arn(text, |rest| owned(rest, "channel/"))
}

/// `arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+`
pub(crate) fn resource_arn(text: &str) -> bool {
    kinesis_arn(text, |rest| {
        after_account(rest).is_some_and(|resource| {
            let span = Span::of(resource);
            ["stream/", "channel/", "queue/"].iter().any(|kind| {
                resource
                    .match_indices(kind)
                    .any(|(at, _)| span.allows(at, kind))
            })
        })
    })
}

/// `(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+`
pub(crate) fn consumer_arn(text: &str) -> bool {
    // From the back: no part of the end can hold the separator before it.
    let parse = || {
        let (rest, created) = text.rsplit_once(':')?;
        let (rest, consumer) = rest.rsplit_once("/consumer/")?;
        let (rest, stream) = rest.rsplit_once('/')?;
        let rest = rest.strip_suffix("stream")?;
        let good = all(created, |c| c.is_ascii_digit()) && name(consumer) && name(stream);
        good.then_some(rest)
    };
    parse().is_some_and(|rest| {
        kinesis_arn(rest, |rest| {
            after_account(rest).is_some_and(|gap| !has_line_terminator(gap))
        })
    })
}

/// `arn:aws.*:kinesis:` and then what `rest` takes, which begins before the colon that ends the region.
fn kinesis_arn(text: &str, rest: impl Fn(&str) -> bool) -> bool {
    let Some((partition, after)) = text
        .strip_prefix("arn:aws")
        .and_then(|text| text.split_once(":kinesis:"))
    else {
        return false;
    };
    !has_line_terminator(partition) && rest(after)
}

/// What follows the first `.*:\d{12}:`.
fn after_account(rest: &str) -> Option<&str> {
    let at = (0..rest.len()).find(|&at| is_account(rest, at))?;
    (!has_line_terminator(&rest[..at])).then(|| &rest[at + 14..])
}

/// Whether `:\d{12}:` stands at `at`.
fn is_account(rest: &str, at: usize) -> bool {
    rest.as_bytes().get(at..at + 14).is_some_and(|window| {
        window[0] == b':' && window[13] == b':' && window[1..13].iter().all(u8::is_ascii_digit)
    })
}

/// `.*:\d{12}:kind\S+`
fn owned(rest: &str, kind: &str) -> bool {
    let span = Span::of(rest);
    rest.match_indices(kind)
        .any(|(at, _)| at >= 14 && is_account(rest, at - 14) && span.allows(at, kind))
}

/// Where `.*kind\S+` may have its middle, found once for all candidates so that many of them cost no more.
struct Span {
    /// The first line terminator, which `.*` cannot pass.
    gap_end: usize,
    /// Behind the last white space, which `\S+` cannot hold.
    tail_start: usize,
    end: usize,
}

impl Span {
    fn of(text: &str) -> Self {
        let space = |c: char| matches!(c, ' ' | '\t'..='\r');
        Self {
            gap_end: text.find(LINE_TERMINATORS).unwrap_or(text.len()),
            tail_start: text.rfind(space).map_or(0, |at| at + 1),
            end: text.len(),
        }
    }

    fn allows(&self, at: usize, kind: &str) -> bool {
        let tail = at + kind.len();
        at <= self.gap_end && tail >= self.tail_start && tail < self.end
    }
}

/// What Java's `.` does not match.
const LINE_TERMINATORS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

fn has_line_terminator(text: &str) -> bool {
    text.contains(LINE_TERMINATORS)
}

/// `arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`
pub(crate) fn role_arn(text: &str) -> bool {
    arn(
        text,
        "iam",
        |region| region.is_empty(),
        account,
        |resource| {
            resource.strip_prefix("role/").is_some_and(|role| {
                all(role, |c| {
                    is_name(c) || matches!(c, b'+' | b'=' | b',' | b'@' | b'/')
                })
            })
        },
    )
}

/// `arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}`
pub(crate) fn bucket_arn(text: &str) -> bool {
    arn(text, "s3", str::is_empty, str::is_empty, |bucket| {
        (3..=63).contains(&bucket.len()) && all(bucket, |c| is_name(c) && !c.is_ascii_uppercase())
    })
}

/// `arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}`
pub(crate) fn table_bucket_arn(text: &str) -> bool {
    arn(text, "s3tables", region, account, |resource| {
        resource.strip_prefix("bucket/").is_some_and(|bucket| {
            (3..=63).contains(&bucket.len()) && all(bucket, |c| is_lower_or_hyphen(c) || c == b'_')
        })
    })
}

/// `arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+`
pub(crate) fn schema_arn(text: &str) -> bool {
    let part = |text: &str| all(text, |c| is_name(c) || matches!(c, b'$' | b'#'));
    arn(text, "glue", region, account, |resource| {
        resource
            .strip_prefix("schema/")
            .and_then(|names| names.split_once('/'))
            .is_some_and(|(registry, schema)| part(registry) && part(schema))
    })
}

/// `[-a-z0-9]+`
fn region(text: &str) -> bool {
    all(text, is_lower_or_hyphen)
}

/// `arn:aws[-a-z0-9]*:service:region:account:resource`
fn arn(
    text: &str,
    service: &str,
    region: impl Fn(&str) -> bool,
    account: impl Fn(&str) -> bool,
    resource: impl Fn(&str) -> bool,
) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    next() == Some("arn")
        && next()
            .and_then(|partition| partition.strip_prefix("aws"))
            .is_some_and(|suffix| suffix.bytes().all(is_lower_or_hyphen))
        && next() == Some(service)
        && next().is_some_and(region)
        && next().is_some_and(account)
        && next().is_some_and(resource)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::strategy::ValueTree;
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;
    use regex::Regex;

    use super::*;
    use crate::api::model::rules::PATTERNS;
    use crate::api::validate::Pattern;

    const PIECES: &[&str] = &[
        "arn:aws",
        "-cn",
        ":kinesis:",
        "us-east-1",
        ":123456789012:",
        "123456789012",
        "stream/",
        "queue/",
        "channel/",
        "/consumer/",
        "orders",
        ":",
        "1",
        "0",
        " ",
        "\n",
        "\u{85}",
        "\u{2028}",
        "\u{b}",
        "é",
        "A",
        "_",
        "-",
        "iam::",
        "role/",
        "s3:::",
        "s3tables:",
        "bucket/",
        "glue:",
        "schema/",
        "/",
        "$",
        "*",
        "{",
        "٣",
    ];

    /// The model's expression in Rust's dialect, with classes for `.` and `\S`.
    fn translated(pattern: Pattern, dot: &str, non_space: &str) -> String {
        let mut text = String::new();
        let mut in_class = false;
        let mut chars = pattern.text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('d') => text.push_str("[0-9]"),
                    Some('S') => text.push_str(non_space),
                    Some('_') => text.push('_'),
                    Some(escaped) => text.extend(['\\', escaped]),
                    None => {}
                },
                '.' if !in_class => text.push_str(dot),
                _ => {
                    in_class = (in_class || c == '[') && c != ']';
                    text.push(c);
                }
            }
        }
        text
    }

    /// Java's classes are ASCII, and its `.` stops at five line terminators.
    fn oracle(pattern: Pattern) -> Regex {
        let dot = r"[^\n\r\x{85}\x{2028}\x{2029}]";
        let text = translated(pattern, dot, r"[^ \t-\r]");
        Regex::new(&format!(r"\A(?:{text})\z")).expect("an expression")
    }

    fn near(pattern: Pattern) -> impl Strategy<Value = String> {
        let matching =
            string_regex(&translated(pattern, "[a-z0-9:/ é-]", "[!-~é]")).expect("an expression");
        let edits =
            proptest::collection::vec((any::<Index>(), select(PIECES), any::<bool>()), 0..3);
        let edited = (matching, edits).prop_map(|(text, edits)| {
            let mut chars: Vec<char> = text.chars().collect();
            for (place, piece, remove) in edits {
                let at = place.index(chars.len() + 1);
                let end = (at + usize::from(remove)).min(chars.len());
                chars.splice(at..end, piece.chars().take(if remove { 0 } else { 99 }));
            }
            chars.into_iter().collect()
        });
        let composed =
            proptest::collection::vec(select(PIECES), 0..9).prop_map(|parts| parts.concat());
        prop_oneof![3 => edited, 1 => composed]
    }

    #[test]
    fn every_matcher_agrees_with_its_expression() {
        assert!(PATTERNS.len() > 15);
        for pattern in PATTERNS.iter().filter_map(|rule| rule.pattern) {
            let (oracle, texts) = (oracle(pattern), near(pattern));
            let mut verdicts = [0; 2];
            let mut runner = TestRunner::deterministic();
            for _ in 0..1500 {
                let text = texts.new_tree(&mut runner).expect("a text").current();
                let expected = oracle.is_match(&text);
                assert_eq!(
                    (pattern.matches)(&text),
                    expected,
                    "{} on {text:?}",
                    pattern.text
                );
                verdicts[usize::from(expected)] += 1;
            }
            assert!(
                verdicts.iter().all(|&count| count > 100),
                "{} {verdicts:?}",
                pattern.text
            );
        }
    }

    #[test]
    fn many_false_starts_cost_no_more_than_the_length() {
        let account = "a:123456789012:stream/".repeat(100_000);
        let text = format!("arn:aws:kinesis:{account} ");
        assert!(!stream_arn(&text) && !resource_arn(&text) && !consumer_arn(&text));
    }
}
