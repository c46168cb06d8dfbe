//! Where a reader stands: for each shard the last record that was handed out.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::types::setting::refused;
use crate::types::{SequenceNumber, ShardId};

/// How far one shard was read.
///
/// Ordered by progress: `TrimHorizon`, then `At`, then `After` by sequence number and within one aggregated record by
/// sub-sequence number, then `End`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Nothing yet, from the oldest record on.
    TrimHorizon,
    /// Nothing yet, from the first record that arrived at this time or later.
    At(Timestamp),
    /// Up to and including a record.
    After {
        /// Its sequence number.
        sequence_number: SequenceNumber,
        /// For a record of an aggregate its index there; `None` when all of the Kinesis record was read.
        sub_sequence_number: Option<u64>,
    },
    /// To the end of a closed shard.
    End,
}

/// Where a reader stands in all shards of a stream, to be saved and resumed from.
///
/// The JSON form is the same in all four languages:
///
/// ```
/// use kinetik::consumer::reader::{Position, Positions};
///
/// let saved = r#"{"stream":"orders","shards":{"shardId-000000000001":
///     {"sequence_number":"49646437577130777162115407028967465143858078037781250066","sub_sequence_number":3}}}"#;
/// let positions = Positions::from_json(saved)?;
/// assert_eq!(positions.stream(), Some("orders"));
/// assert_eq!(Positions::from_json(&positions.to_json())?, positions);
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    stream: Option<String>,
    shards: BTreeMap<ShardId, Position>,
}

impl Positions {
    /// No positions, of any stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// No positions, of the stream with this name.
    pub fn of_stream(name: impl Into<String>) -> Self {
        Self {
            stream: Some(name.into()),
            shards: BTreeMap::new(),
        }
    }

    /// The stream that they belong to, where that was saved.
    pub fn stream(&self) -> Option<&str> {
        self.stream.as_deref()
    }

    /// The position in a shard.
    pub fn get(&self, shard: ShardId) -> Option<Position> {
        self.shards.get(&shard).copied()
    }

    /// Sets the position in a shard.
    pub fn set(&mut self, shard: ShardId, position: Position) {
        self.shards.insert(shard, position);
    }

    /// All positions by shard.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ShardId, Position)> + '_ {
        self.shards
            .iter()
            .map(|(&shard, &position)| (shard, position))
    }

    /// How many shards have a position.
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether no shard has a position.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The positions as JSON: `{"stream": …, "shards": {SHARD_ID: POSITION}}`, where a position is
    /// `{"sequence_number": …, "sub_sequence_number": …}` (the latter only inside an aggregated record) or
    /// `{"at": "TRIM_HORIZON"}`, `{"at": "TIMESTAMP", "millis": …}` or `{"at": "SHARD_END"}`.
    pub fn to_json(&self) -> String {
        let shards = self
            .shards
            .iter()
            .map(|(shard, position)| (shard.to_string(), position.to_value()));
        let mut whole = Map::new();
        if let Some(stream) = &self.stream {
            whole.insert("stream".into(), stream.as_str().into());
        }
        whole.insert("shards".into(), Value::Object(shards.collect()));
        Value::Object(whole).to_string()
    }

    /// Reads what [`Positions::to_json`] wrote, in any language.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) naming the shard whose position is none.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::of_setting("positions", text)
    }

    /// The same of the setting with this name.
    pub(super) fn of_setting(name: &str, text: &str) -> Result<Self> {
        let value: Value =
            serde_json::from_str(text).map_err(|_| refused(name, "saved positions as JSON"))?;
        let stream = match value.get("stream") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => return Err(refused(name, "text as the stream's name")),
        };
        let shards = value.get("shards").and_then(Value::as_object);
        let shards =
            shards.ok_or_else(|| refused(name, "positions as an object with a member `shards`"))?;
        let positions = shards.iter().map(|(shard, position)| {
            let id: ShardId = shard.parse().map_err(|_| {
                let expected = "shard ids such as shardId-000000000000 as members of `shards`";
                refused(name, expected)
            })?;
            let position = Position::from_value(position).ok_or_else(|| no_position(name, id));
            Ok((id, position?))
        });
        Ok(Self {
            stream,
            shards: positions.collect::<Result<_>>()?,
        })
    }
}

#[cold]
fn no_position(name: &str, id: ShardId) -> Error {
    let expected = format!(
        "as the position in {id} a sequence_number in digits, in an aggregate with a whole sub_sequence_number, \
         or as its `at` TRIM_HORIZON, TIMESTAMP with millis, or SHARD_END"
    );
    refused(name, expected)
}

impl FromIterator<(ShardId, Position)> for Positions {
    fn from_iter<I: IntoIterator<Item = (ShardId, Position)>>(positions: I) -> Self {
        Self {
            stream: None,
            shards: positions.into_iter().collect(),
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Position {
    fn to_value(self) -> Value {
        match self {
            Self::TrimHorizon => json!({ "at": "TRIM_HORIZON" }),
            Self::At(time) => json!({ "at": "TIMESTAMP", "millis": time.as_millis() }),
            Self::End => json!({ "at": "SHARD_END" }),
            Self::After {
                sequence_number,
                sub_sequence_number: None,
            } => {
                json!({ "sequence_number": sequence_number.to_string() })
            }
            Self::After {
                sequence_number,
                sub_sequence_number: Some(sub),
            } => {
                json!({ "sequence_number": sequence_number.to_string(), "sub_sequence_number": sub })
            }
        }
    }

    fn from_value(value: &Value) -> Option<Self> {
        let sub_sequence_number = match value.get("sub_sequence_number") {
            None | Some(Value::Null) => None,
            Some(number) => Some(whole(number)?),
        };
        if let Some(number) = value.get("sequence_number") {
            let sequence_number = number.as_str()?.parse().ok()?;
            return Some(Self::After {
                sequence_number,
                sub_sequence_number,
            });
        }
        match value.get("at")?.as_str()? {
            "TRIM_HORIZON" => Some(Self::TrimHorizon),
            "TIMESTAMP" => Some(Self::At(Timestamp::from_millis(whole(
                value.get("millis")?,
            )?))),
            "SHARD_END" => Some(Self::End),
            _ => None,
        }
    }

    /// What orders positions: the kind, then the place within the shard.
    fn progress(self) -> (u8, Timestamp, SequenceNumber, u64) {
        let zero = SequenceNumber::ZERO;
        match self {
            Self::TrimHorizon => (0, Timestamp::EPOCH, zero, 0),
            Self::At(time) => (1, time, zero, 0),
            Self::After {
                sequence_number,
                sub_sequence_number,
            } => (
                2,
                Timestamp::EPOCH,
                sequence_number,
                sub_sequence_number.unwrap_or(u64::MAX),
            ),
            Self::End => (3, Timestamp::EPOCH, zero, 0),
        }
    }
}

/// A whole number; languages with one number type may have written it with a fraction of zero.
fn whole(value: &Value) -> Option<u64> {
    let float = || {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))
    };
    value
        .as_u64()
        .or_else(|| float().map(|number| number as u64))
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.progress().cmp(&other.progress())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(number: &str, sub_sequence_number: Option<u64>) -> Position {
        Position::After {
            sequence_number: number.parse().unwrap(),
            sub_sequence_number,
        }
    }

    #[test]
    fn ledger_48_positions_within_an_aggregate_are_ordered_by_sub_sequence_number_too() {
        let ordered = [
            Position::TrimHorizon,
            Position::At(Timestamp::from_millis(5)),
            after("7", Some(0)),
            after("7", Some(10)),
            after("7", None),
            after("8", Some(2)),
            after("10", None),
            Position::End,
        ];
        assert!(ordered.is_sorted());
        assert!(ordered.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_json_form_is_the_documented_one() {
        let mut positions = Positions::of_stream("orders");
        positions.set(ShardId::new(0), Position::End);
        positions.set(ShardId::new(1), after("7", Some(3)));
        positions.set(
            ShardId::new(2),
            Position::At(Timestamp::from_millis(1_700_000_000_123)),
        );
        assert_eq!(
            positions.to_json(),
            r#"{"stream":"orders","shards":{"shardId-000000000000":{"at":"SHARD_END"},"#.to_owned()
                + r#""shardId-000000000001":{"sequence_number":"7","sub_sequence_number":3},"#
                + r#""shardId-000000000002":{"at":"TIMESTAMP","millis":1700000000123}}}"#
        );
    }

    #[test]
    fn numbers_that_another_language_wrote_as_floats_are_read() {
        let text = r#"{"shards":{"shardId-1":{"sequence_number":"7","sub_sequence_number":3.0}}}"#;
        let positions = Positions::from_json(text).unwrap();
        assert_eq!(positions.get(ShardId::new(1)), Some(after("7", Some(3))));
    }

    #[test]
    fn texts_that_are_no_positions_are_refused_with_the_shard_and_never_panic() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"shards":[]}"#,
            r#"{"shards":{"x":{"at":"TRIM_HORIZON"}}}"#,
            r#"{"shards":{"shardId-1":{"at":"LATER"}}}"#,
            r#"{"shards":{"shardId-1":{"sequence_number":7}}}"#,
            r#"{"shards":{"shardId-1":{"sequence_number":"-7"}}}"#,
            r#"{"shards":{"shardId-1":{"sequence_number":"7","sub_sequence_number":-1}}}"#,
            r#"{"shards":{"shardId-1":{"sequence_number":"7","sub_sequence_number":1.5}}}"#,
            r#"{"stream":5,"shards":{}}"#,
        ] {
            let error = Positions::from_json(text).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument, "{text}");
            assert!(
                error.message().starts_with("positions: expected "),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn json_round_trips(shards in prop::collection::btree_map(0..=ShardId::MAX.get(), (0_u8..5, any::<[u8; 24]>(), 0_u64..1 << 53), 0..20)) {
            let positions: Positions = shards.into_iter().map(|(id, (kind, number, sub))| {
                let sequence_number = SequenceNumber::from_bytes(number);
                let position = match kind {
                    0 => Position::TrimHorizon,
                    1 => Position::At(Timestamp::from_millis(sub >> 12)),
                    2 => Position::End,
                    3 => Position::After { sequence_number, sub_sequence_number: None },
                    _ => Position::After { sequence_number, sub_sequence_number: Some(sub) },
                };
                (ShardId::new(id), position)
            }).collect();
            prop_assert_eq!(Positions::from_json(&positions.to_json()).unwrap(), positions);
        }
    }
}
