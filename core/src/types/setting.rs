//! Settings as text: how values are read, and what a name that does not exist is answered with.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};

/// A value of another form than the setting `name` has.
pub(crate) fn refused(name: &str, expected: impl fmt::Display) -> Error {
    Error::invalid(name, format!("expected {expected}"))
}

/// `true` or `false`.
pub(crate) fn flag(name: &str, value: &str) -> Result<bool> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(refused(name, "true or false")),
    }
}

/// A whole number.
pub(crate) fn number<T: FromStr>(name: &str, value: &str) -> Result<T> {
    value
        .parse()
        .map_err(|_| refused(name, "a whole number, 0 or more"))
}

/// A number of units of `unit` seconds each.
pub(crate) fn duration(name: &str, value: &str, unit: f64) -> Result<Duration> {
    let number = value.parse::<f64>().ok();
    number
        .and_then(|number| Duration::try_from_secs_f64(number * unit).ok())
        .ok_or_else(|| {
            let unit = if unit < 1.0 {
                "milliseconds"
            } else {
                "seconds"
            };
            refused(name, format!("a number of {unit}, 0 or more"))
        })
}

/// The names of two rooms' settings in one list.
pub(crate) const fn joined<const N: usize>(
    one: &[&'static str],
    other: &[&'static str],
) -> [&'static str; N] {
    let mut all = [""; N];
    let mut next = 0;
    while next < N {
        all[next] = match next < one.len() {
            true => one[next],
            false => other[next - one.len()],
        };
        next += 1;
    }
    all
}

/// The error of a setting that is not among the known ones, with the nearest that is.
pub fn unknown(name: &str, known: &[&str]) -> Error {
    unknown_of("setting", name, known)
}

/// The error of a name of something that is not among the known ones, with the nearest that is.
pub(crate) fn unknown_of(what: &str, name: &str, known: &[&str]) -> Error {
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    let shown: String = name
        .chars()
        .take(64)
        .filter(char::is_ascii_graphic)
        .collect();
    match nearest {
        Some(nearest) if distance(name, nearest) <= nearest.len() / 2 => Error::invalid(
            what,
            format!("there is none named {shown}; did you mean {nearest}?"),
        ),
        _ => Error::invalid(
            what,
            format!(
                "there is none named {shown}; there are {}",
                known.join(", ")
            ),
        ),
    }
}

/// How many letters must be changed, added or taken away to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
