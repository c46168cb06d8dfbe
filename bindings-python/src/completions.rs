//! The way from kinetik's thread to one asyncio loop: a queue and an event fd, one wake for many results.

use std::future::Future;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use kinetik::Result;
use kinetik::runtime::Runtime;
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::errors::{OrRaise, to_py};
use crate::guarded;

/// What finishes an asyncio future, on its loop's thread.
type Finish = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// The results that wait for one asyncio loop. The loop watches `fileno()` and then calls `drain()`.
#[pyclass(frozen, module = "kinetik._kinetik")]
pub struct Completions {
    queue: Arc<Queue>,
}

struct Queue {
    done: Mutex<Vec<(Py<PyAny>, Finish)>>,
    wake: EventFd,
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let queue = Queue {
            done: Mutex::default(),
            wake: EventFd::new()?,
        };
        Ok(Self {
            queue: Arc::new(queue),
        })
    }

    /// The descriptor that is readable when results wait.
    fn fileno(&self) -> RawFd {
        self.queue.wake.0.as_raw_fd()
    }

    /// Hands every waiting result to its future; futures that were cancelled are left alone.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        self.queue.wake.clear();
        let done = std::mem::take(&mut *self.queue.done.lock());
        for (future, finish) in done {
            let future = future.bind(py);
            if guarded::method(future, intern!(py, "done"), ())?.is_truthy()? {
                continue;
            }
            let told = match finish(py) {
                Ok(value) => guarded::method(future, intern!(py, "set_result"), (value,)),
                Err(error) => guarded::method(
                    future,
                    intern!(py, "set_exception"),
                    (error.into_value(py),),
                ),
            };
            if let Err(error) = told {
                guarded::report(py, error, None);
            }
        }
        Ok(())
    }
}

impl Completions {
    /// Runs a future in the background; the answer is an asyncio future that gets what `finish` makes of its output.
    pub fn spawn<T, F>(
        &self,
        py: Python<'_>,
        future: F,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let runtime = Runtime::shared().or_raise(py)?;
        let waiting = new_future(py)?;
        let (queue, promise) = (self.queue.clone(), waiting.clone_ref(py));
        runtime.spawn(async move {
            let outcome = future.await;
            queue.push(
                promise,
                Box::new(move |py| match outcome {
                    Ok(value) => finish(py, value),
                    Err(error) => Err(to_py(py, &error)),
                }),
            );
        });
        Ok(waiting)
    }
}

/// A future of the loop that runs on this thread. Nothing here keeps a loop alive.
fn new_future(py: Python<'_>) -> PyResult<Py<PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let running = RUNNING.get_or_try_init(py, || {
        let asyncio = py.import("asyncio")?;
        asyncio.getattr("get_running_loop").map(Bound::unbind)
    })?;
    let event_loop = running.bind(py).call0()?;
    Ok(event_loop
        .call_method0(intern!(py, "create_future"))?
        .unbind())
}

impl Queue {
    fn push(&self, future: Py<PyAny>, finish: Finish) {
        let mut done = self.done.lock();
        done.push((future, finish));
        if done.len() == 1 {
            self.wake.set();
        }
    }
}

/// A Linux eventfd: readable from `set` until `clear`.
pub struct EventFd(OwnedFd);

impl EventFd {
    /// One that is not readable.
    pub fn new() -> std::io::Result<Self> {
        // SAFETY: eventfd takes two numbers and gives a descriptor that nobody else owns, or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: as above; the descriptor is open.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes it readable.
    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: writes 8 bytes from a live number to an open descriptor. It can fail only when the counter is at
        // its end, and then it is readable all the same.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), 8) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: reads 8 bytes from an open descriptor into a live number. It fails when nothing was set.
        unsafe { libc::read(self.fd(), (&raw mut count).cast(), 8) };
    }
}
