//! Changes of a stream that the service counts over a rolling day.

use std::time::Duration;

use crate::time::Moment;

const WINDOW: Duration = Duration::from_secs(24 * 3_600);

/// When something was done within the last 24 hours.
#[derive(Debug, Default)]
pub(super) struct Rolling(Vec<Moment>);

impl Rolling {
    /// Whether it was done `most` times in the 24 hours before `now`.
    pub fn is_used_up(&mut self, now: Moment, most: usize) -> bool {
        self.0.retain(|at| now.since(*at) < WINDOW);
        self.0.len() >= most
    }

    /// Notes that it is done now.
    pub fn note(&mut self, now: Moment) {
        self.0.push(now);
    }
}
