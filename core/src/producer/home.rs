//! A producer's core together with what runs it: the process's thread, or in poll mode whoever polls.

use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::config::ProducerConfig;
use super::core::Core;
use super::driver::Note;
use super::intake::Shut;
use crate::error::{Error, Result};
use crate::runtime::{Polled, Runtime};
use crate::transport::Endpoint;
use crate::types::StreamRef;

/// Rounds in which nothing happened, after which nothing more will without waiting.
const QUIET_ROUNDS: u32 = 4;
/// Rounds of a poll that waits for nothing.
const MAX_ROUNDS: u32 = 256;
/// How soon to look for an answer that may have come.
const ANSWER: Duration = Duration::from_millis(10);

/// What one process has of a producer.
pub(super) struct Home {
    pub core: Arc<Core>,
    /// In poll mode. It owns the sender, which refers to it by a handle only.
    polled: Option<Polled>,
}

impl Home {
    /// Starts the sender. The receiver tells when it has checked the stream, at once if `lazy`.
    pub fn start(
        stream: &StreamRef,
        config: &ProducerConfig,
        lazy: bool,
    ) -> Result<(Self, oneshot::Receiver<Result<()>>)> {
        let polled = match config.poll_mode {
            true => Some(Polled::new(has_sockets(&config.endpoint))?),
            false => None,
        };
        let runtime = match (&polled, &config.runtime) {
            (Some(polled), _) => polled.handle(),
            (None, Some(runtime)) => runtime.clone(),
            (None, None) => Runtime::shared()?,
        };
        let (core, opened) = Core::start(stream, config, lazy, runtime)?;
        Ok((Self { core, polled }, opened))
    }

    /// Polls a future on the caller's thread, unless that must not block.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        may_block()?;
        Ok(match &self.polled {
            Some(polled) => polled.block_on(future),
            None => self.core.runtime.block_on(future),
        })
    }

    /// Runs the sender until reports wait, all has ended or the producer is closed, at most for `timeout`.
    pub fn poll(&self, timeout: Duration) -> Result<()> {
        if self.polled.is_none() {
            return Err(Error::invalid(
                "poll",
                "the producer has a thread of its own; open it with poll_mode=true to run it by polling",
            ));
        }
        let core = &self.core;
        self.block_on(async {
            let mut quiet = 0;
            for _ in 0..MAX_ROUNDS {
                let before = core.turns();
                yield_now().await;
                quiet = match core.turns() == before {
                    true => quiet + 1,
                    false => 0,
                };
                if quiet == QUIET_ROUNDS {
                    break;
                }
            }
            if !timeout.is_zero() {
                let done = core
                    .room()
                    .until(|| core.has_news() || core.intake.is_shut());
                core.clock.before(core.clock.now() + timeout, done).await;
            }
        })
    }

    /// For how long nothing is lost by not polling.
    pub fn next_wakeup(&self) -> Option<Duration> {
        self.polled.as_ref()?;
        let core = &self.core;
        if core.intake.has_something() {
            return Some(Duration::ZERO);
        }
        let due = core.wakes_at().map(|at| at - core.clock.now());
        match core.has_calls() {
            true => Some(due.map_or(ANSWER, |due| due.min(ANSWER))),
            false => due,
        }
    }

    /// Lets go of it: the sender goes on with what it has, and in poll mode ends.
    pub fn leave(self) {
        self.core.intake.shut(Shut::Closed);
        match self.polled {
            Some(polled) => drop(polled),
            None => self.core.intake.leave(Note::Drain),
        }
    }

    /// What the parent's threads may hold is leaked.
    pub fn leak(self) {
        mem::forget(self);
    }
}

fn has_sockets(endpoint: &Endpoint) -> bool {
    !matches!(endpoint, Endpoint::Memory { .. } | Endpoint::Engine(_))
}

/// Refuses to block a thread that runs an async runtime.
pub(super) fn may_block() -> Result<()> {
    match Runtime::current().is_ok() {
        true => Err(Error::invalid(
            "thread",
            "a blocking call would hold up the async runtime that this thread runs; use the async form",
        )),
        false => Ok(()),
    }
}
