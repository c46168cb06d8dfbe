//! Retention of a stream.

use super::stream::Stream;
use super::{Inner, Now};
use crate::api::{DecreaseStreamRetentionPeriodInput, IncreaseStreamRetentionPeriodInput, Refusal};
use crate::types::limits::{RETENTION_DEFAULT_HOURS, RETENTION_MAX_HOURS};

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
            state.forget_expired(now.wall);
            state.retention_hours = asked;
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
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
