//! Waiting: on the caller's thread with other Python threads running, or in an asyncio loop.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::time::Duration;

use kinetik::producer::Producer;
use kinetik::runtime::Runtime;
use kinetik::time::Clock;
use kinetik::{Error, Result};
use pyo3::prelude::*;

use crate::completions::Completions;
use crate::errors::OrRaise;

/// How long a wait may go on before it looks for signals such as Ctrl-C.
pub const SLICE: Duration = Duration::from_millis(50);

/// The clock of waits.
pub fn clock() -> &'static Clock {
    static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
    &CLOCK
}

/// Waits for a future on the caller's thread. Other Python threads run meanwhile; a signal handler that raises
/// ends the wait and drops the future.
pub fn wait<F>(py: Python<'_>, future: F) -> PyResult<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    let runtime = Runtime::shared().or_raise(py)?;
    in_slices(py, future, |slice| Ok(runtime.block_on(slice)))
}

/// [`wait`] for something of a producer, which in poll mode runs meanwhile, on this thread.
pub fn wait_with<F>(py: Python<'_>, producer: &Producer, future: F) -> PyResult<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    in_slices(py, future, |slice| producer.block_on(slice))
}

fn in_slices<F>(
    py: Python<'_>,
    future: F,
    block_on: impl Fn(Slice<'_, F>) -> Result<Option<F::Output>> + Sync,
) -> PyResult<F::Output>
where
    F: Future + Send,
    F::Output: Send,
{
    let mut future = pin!(future);
    loop {
        let until = clock().now() + SLICE;
        let slice: Slice<'_, F> = Box::pin(clock().before(until, future.as_mut()));
        if let Some(output) = py.detach(|| block_on(slice)).or_raise(py)? {
            return Ok(output);
        }
        py.check_signals()?;
    }
}

/// A part of a wait; `None` when the future goes on.
type Slice<'a, F> = Pin<Box<dyn Future<Output = Option<<F as Future>::Output>> + Send + 'a>>;

/// Runs a future to its end: blocking without `completions`, otherwise in the background, and then the answer is an
/// asyncio future of that loop. `finish` makes the Python value.
pub fn run<T, F>(
    py: Python<'_>,
    completions: Option<&Bound<'_, Completions>>,
    future: F,
    finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Py<PyAny>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    match completions {
        None => finish(py, wait(py, future)?.or_raise(py)?),
        Some(completions) => completions.get().spawn(py, future, finish),
    }
}

/// A number of seconds as Python gives it.
///
/// # Errors
/// [`InvalidArgument`](kinetik::ErrorKind::InvalidArgument) for what is negative, infinite or no number.
pub fn seconds(field: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::invalid(field, "expected a number of seconds, 0 or more"))
}
