//! Faults in JSON, as every binding and the server take them.

use std::str::FromStr;
use std::time::Duration;

use super::Fault;
use crate::api::{Value, json};
use crate::error::{Error, Result};
use crate::types::setting;

impl FromStr for Fault {
    type Err = Error;

    /// Reads a fault from JSON: `operation`, and one of `error` (with `message` and `after_commit`), `lose_answer`
    /// (true) and `delay_ms`; `stream`, `shard` (its number) and `times` where wanted.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |expected| Error::invalid("fault", expected);
        let value = json::decode(&text.as_bytes().to_vec().into());
        let Some(Value::Map(members)) = value else {
            return Err(wrong("expected a JSON object"));
        };
        const KNOWN: [&str; 9] = [
            "operation",
            "error",
            "message",
            "after_commit",
            "lose_answer",
            "delay_ms",
            "stream",
            "shard",
            "times",
        ];
        for (name, _) in members.clone().present() {
            if !KNOWN.contains(&&*name) {
                return Err(setting::unknown_of("fault", &name, &KNOWN));
            }
        }
        let text = |name: &str| match members.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let number = |name: &'static str| {
            let found = match members.get(name) {
                Some(Value::Null) | None => return Ok(None),
                Some(Value::Integer(number)) => u32::try_from(*number).ok(),
                Some(_) => None,
            };
            let wrong = || Error::invalid(name, "expected a whole number, 0 or more");
            found.map(Some).ok_or_else(wrong)
        };
        let is_set = |name: &str| matches!(members.get(name), Some(Value::Bool(true)));
        let operation = text("operation").unwrap_or_default();
        let mut fault = match (text("error"), is_set("lose_answer"), number("delay_ms")?) {
            (Some(error), false, None) => Self::fail(&operation, &error)?,
            (None, true, None) => Self::lose_answer(&operation)?,
            (None, false, Some(by)) => {
                Self::delay(&operation, Duration::from_millis(u64::from(by)))?
            }
            _ => return Err(wrong("expected one of error, lose_answer and delay_ms")),
        };
        if let Some(message) = text("message") {
            fault = fault.message(&message);
        }
        if is_set("after_commit") {
            fault = fault.after_commit();
        }
        if let Some(stream) = text("stream") {
            fault = fault.stream(&stream);
        }
        if let Some(shard) = number("shard")? {
            fault = fault.shard(shard);
        }
        Ok(fault.times(number("times")?.unwrap_or(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_fault_is_read_from_json() {
        let read: Fault = r#"{"operation":"PutRecords","error":"InternalFailure","stream":"orders","shard":1,"times":3,"after_commit":true}"#
            .parse()
            .unwrap();
        let made = Fault::fail("PutRecords", "InternalFailure")
            .unwrap()
            .stream("orders")
            .shard(1)
            .times(3)
            .after_commit();
        assert_eq!(read, made);
        for wrong in [
            "[]",
            "{}",
            r#"{"operation":"PutRecord"}"#,
            r#"{"operation":"PutRecord","delay_ms":-1}"#,
            r#"{"operation":"PutRecord","delay_ms":1,"lose_answer":true}"#,
            r#"{"operation":"PutRecord","delay_ms":1,"shrad":1}"#,
        ] {
            let error = wrong.parse::<Fault>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong}");
        }
    }
}
