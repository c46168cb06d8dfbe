//! How a caller takes outcomes: reports, failures, and what was left at the end.

use std::time::Duration;

use super::Producer;
use super::desk::Leftover;
use super::receipt::{Failure, Report};
use crate::error::Result;

impl Producer {
    /// Moves at most `max` reports of records with an opaque number into `out`; how many.
    pub fn poll_reports(&self, max: usize, out: &mut Vec<Report>) -> usize {
        let Ok(core) = self.core() else { return 0 };
        let count = core.desk.poll_reports(max, out);
        core.room().ring();
        count
    }

    /// Blocks until reports wait or the producer is closed, at most for `timeout`; whether reports wait.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) inside an async runtime, [`Forked`](crate::ErrorKind::Forked).
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use std::time::Duration;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef, Reports, Track};
    ///
    /// # Engine::named("doc-reports").create_stream("orders", 1)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-reports").reports(Reports::All);
    /// let producer = Producer::open_blocking("orders", config)?;
    /// producer.put_record(PutRef { track: Track::Opaque(7), ..PutRef::new(b"user-1", b"an order") })?;
    /// assert!(producer.wait_reports(Duration::from_secs(10))?);
    /// let mut reports = Vec::new();
    /// assert_eq!(producer.poll_reports(10, &mut reports), 1);
    /// assert_eq!(reports[0].opaque, 7);
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn wait_reports(&self, timeout: Duration) -> Result<bool> {
        let core = self.core()?;
        let news = core
            .room()
            .until(|| core.desk.has_reports() || core.intake.is_shut());
        let deadline = core.clock.now() + timeout;
        self.block_on(core.clock.before(deadline, news))?;
        Ok(core.desk.has_reports())
    }

    /// Has `call` called whenever reports wait, on the background thread: for event loops that have a wake of their own.
    /// It must return at once. Only the first one given counts.
    ///
    /// # Errors
    /// [`Forked`](crate::ErrorKind::Forked).
    pub fn on_reports(&self, call: impl Fn() + Send + Sync + 'static) -> Result<()> {
        self.core()?.desk.on_reports(Box::new(call));
        Ok(())
    }

    /// A file descriptor that is readable while reports wait, for `epoll`, libuv and their like. It lives as long as the
    /// producer; only poll it, [`poll_reports`](Self::poll_reports) empties it.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when the process has no descriptors left.
    #[cfg(unix)]
    pub fn event_fd(&self) -> Result<std::os::fd::RawFd> {
        self.core()?.desk.event_fd()
    }

    /// Takes the failures that nobody took: of counted records without a failure callback, of dropped submissions.
    pub fn take_failures(&self) -> Vec<Failure> {
        let Ok(core) = self.core() else {
            return Vec::new();
        };
        let failures = core.desk.take_failures();
        core.room().ring();
        failures
    }

    /// Gives failures back that somebody took who does not want them any more, as a cancelled wait does: they go where those
    /// of counted records go, to the failure callback, [`take_failures`](Self::take_failures) or the reports, and hold room
    /// until then.
    pub fn hand_over(&self, failures: Vec<Failure>) {
        if let Ok(core) = self.core() {
            core.hand_over(failures);
        }
    }

    /// Gives failures back that a failure callback could not deal with. It is not called with them again: they are kept for
    /// [`take_failures`](Self::take_failures), and hold room until then.
    pub fn put_back(&self, failures: Vec<Failure>) {
        if let Ok(core) = self.core() {
            core.desk.put_back(failures);
        }
    }

    /// Takes the records that had neither been delivered nor failed when the producer was closed.
    pub fn take_pending(&self) -> Vec<Leftover> {
        self.core()
            .map(|core| core.desk.take_leftovers())
            .unwrap_or_default()
    }
}
