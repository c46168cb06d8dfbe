//! The account's settings: the commitment to a least throughput, which makes on-demand streams "Advantage".

use std::time::Duration;

use super::{Inner, Now};
use crate::api::{
    DescribeAccountSettingsOutput, MinimumThroughputBillingCommitmentInputStatus as Asked,
    MinimumThroughputBillingCommitmentOutput,
    MinimumThroughputBillingCommitmentOutputStatus as Told, Refusal, UpdateAccountSettingsInput,
    UpdateAccountSettingsOutput,
};
use crate::time::Timestamp;

/// How long a commitment lasts at least. Source: model.
const LEAST: Duration = Duration::from_secs(24 * 3_600);

/// When a commitment began, and when it ended or will end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commitment {
    started: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl Commitment {
    /// Whether it holds at `now`.
    pub fn is_on(self, now: Timestamp) -> bool {
        self.started.is_some() && self.ends.is_none_or(|ends| ends > now)
    }

    /// Enabling again cancels an end that has not come; disabling comes into force when the least time is over.
    fn ask(&mut self, asked: Asked, now: Timestamp) {
        match (asked, self.is_on(now)) {
            (Asked::Enabled, true) => self.ends = None,
            (Asked::Enabled, false) => (self.started, self.ends) = (Some(now), None),
            (Asked::Disabled, true) => self.ends = Some(self.earliest_end().max(now)),
            (Asked::Disabled, false) => {}
        }
    }

    fn earliest_end(self) -> Timestamp {
        self.started.unwrap_or_default() + LEAST
    }

    fn describe(self, now: Timestamp) -> MinimumThroughputBillingCommitmentOutput {
        let is_on = self.is_on(now);
        let status = match (is_on, self.ends) {
            (true, None) => Told::Enabled,
            (true, Some(_)) => Told::EnabledUntilEarliestAllowedEnd,
            (false, _) => Told::Disabled,
        };
        MinimumThroughputBillingCommitmentOutput {
            status: status.into(),
            started_at: self.started,
            ended_at: self.ends.filter(|_| !is_on),
            earliest_allowed_end_at: is_on.then(|| self.earliest_end()),
        }
    }
}

impl Inner {
    pub(super) fn describe_account_settings(&self, now: Now) -> DescribeAccountSettingsOutput {
        let commitment = self.account.commitment.lock().describe(now.wall);
        DescribeAccountSettingsOutput {
            minimum_throughput_billing_commitment: Some(commitment),
        }
    }

    pub(super) fn update_account_settings(
        &self,
        now: Now,
        input: &UpdateAccountSettingsInput,
    ) -> Result<UpdateAccountSettingsOutput, Refusal> {
        let asked = input.minimum_throughput_billing_commitment.as_ref();
        let asked = asked.and_then(|asked| asked.status.as_deref());
        let mut commitment = self.account.commitment.lock();
        if let Some(asked) = asked.and_then(Asked::parse) {
            commitment.ask(asked, now.wall);
        }
        Ok(UpdateAccountSettingsOutput {
            minimum_throughput_billing_commitment: Some(commitment.describe(now.wall)),
        })
    }
}
