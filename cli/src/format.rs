//! How `kinetik tail` writes a record: a text with places for its parts.

use std::io::Write;
use std::str::FromStr;

use kinetik::consumer::RecordRef;

/// A format, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Key,
    Data,
    Length,
    Shard,
    Sequence,
    SubSequence,
    Arrival,
}

impl Format {
    pub(crate) fn write(&self, record: &RecordRef<'_>, text: &mut Vec<u8>) {
        for part in &self.0 {
            // Writing to memory does not fail.
            let _ = match part {
                Part::Text(part) => text.write_all(part),
                Part::Key => text.write_all(record.key),
                Part::Data => text.write_all(record.data),
                Part::Length => write!(text, "{}", record.data.len()),
                Part::Shard => write!(text, "{}", record.shard_id),
                Part::Sequence => write!(text, "{}", record.sequence_number),
                Part::SubSequence => match record.sub_sequence_number {
                    Some(sub) => write!(text, "{sub}"),
                    None => write!(text, "-"),
                },
                Part::Arrival => write!(text, "{}", record.arrived_at.as_millis()),
            };
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let part = match (character, matches!(character, '%' | '\\')) {
                (_, false) => {
                    plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                ('%', _) => match characters.next() {
                    Some('k') => Part::Key,
                    Some('s') => Part::Data,
                    Some('S') => Part::Length,
                    Some('p') => Part::Shard,
                    Some('o') => Part::Sequence,
                    Some('u') => Part::SubSequence,
                    Some('T') => Part::Arrival,
                    Some('%') => {
                        plain.push(b'%');
                        continue;
                    }
                    _ => return Err("expected k, s, S, p, o, u, T or % behind %".into()),
                },
                _ => {
                    plain.push(match characters.next() {
                        Some('n') => b'\n',
                        Some('t') => b'\t',
                        Some('r') => b'\r',
                        Some('0') => 0,
                        Some('\\') => b'\\',
                        _ => return Err(r"expected n, t, r, 0 or \ behind \".into()),
                    });
                    continue;
                }
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_escapes_and_text_are_told_apart() {
        let text = |text: &str| Part::Text(text.into());
        let format: Format = r"100%% é %k\t%s\n".parse().unwrap();
        assert_eq!(
            format.0,
            [
                text("100% é "),
                Part::Key,
                text("\t"),
                Part::Data,
                text("\n")
            ]
        );
        assert_eq!("".parse(), Ok(Format(vec![])));
        for wrong in ["%", "%x", r"\", r"\x"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }
}
