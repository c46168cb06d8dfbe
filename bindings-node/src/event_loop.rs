//! The way from kinetik's thread to the event loop of one environment: a queue, and one wake for many jobs.
//!
//! The wake alone never keeps Node alive; promises that are not settled yet do.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use kinetik::runtime::Runtime;
use kinetik::{Error, Result};
use napi::bindgen_prelude::ToNapiValue;
use napi::sys::{self, napi_deferred, napi_env, napi_threadsafe_function, napi_value};
use parking_lot::Mutex;

use crate::{errors, js, producer};

/// What runs on the event loop.
type Job = Box<dyn FnOnce(napi_env) + Send>;

/// The event loop of the environment that lives on this thread; stays on it.
pub struct EventLoop {
    env: napi_env,
    remote: Remote,
    /// How many promises keep Node alive.
    holds: Cell<usize>,
}

/// A handle with which any thread sends jobs.
#[derive(Clone)]
pub struct Remote(Arc<Mutex<Gate>>);

struct Gate {
    /// `None` once the environment goes down: from then on jobs are dropped where they come in.
    wake: Option<Wake>,
    queue: Vec<Job>,
    woken: bool,
}

struct Wake(napi_threadsafe_function);

// SAFETY: Node says that a thread-safe function may be called from any thread; it is used under the gate's
// lock alone, and the gate is shut before Node frees it.
unsafe impl Send for Wake {}

thread_local! {
    /// Those of this thread: every load of the library has an environment of its own.
    static OPEN: RefCell<Vec<Rc<EventLoop>>> = const { RefCell::new(Vec::new()) };
}

impl EventLoop {
    /// The loop of `env`, opened at the first use.
    pub fn of(env: napi_env) -> Result<Rc<Self>> {
        OPEN.with_borrow_mut(|all| {
            if let Some(open) = all.iter().find(|open| open.env == env) {
                return Ok(open.clone());
            }
            let open = Rc::new(Self::open(env)?);
            all.push(open.clone());
            Ok(open)
        })
    }

    fn open(env: napi_env) -> Result<Self> {
        let gate = Arc::new(Mutex::new(Gate {
            wake: None,
            queue: Vec::new(),
            woken: false,
        }));
        let context = Arc::into_raw(gate.clone()).cast_mut().cast::<c_void>();
        let mut wake = ptr::null_mut();
        // SAFETY: `context` is a counted reference that `closed` gives back when Node is done with the wake.
        let status = unsafe {
            sys::napi_create_threadsafe_function(
                env,
                ptr::null_mut(),
                ptr::null_mut(),
                js::string(env, "kinetik"),
                0,
                1,
                context,
                Some(closed),
                context,
                Some(woken),
                &mut wake,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: Node did not take the reference.
            drop(unsafe { Arc::from_raw(context.cast::<Mutex<Gate>>()) });
            return Err(Error::new(
                kinetik::ErrorKind::Internal,
                "Node refused a wake of the event loop",
            ));
        }
        // SAFETY: `wake` was just made for `env`. The hook is added after Node's own of the same wake, so it
        // runs before it; its argument is a counted reference that it gives back.
        unsafe {
            sys::napi_unref_threadsafe_function(env, wake);
            sys::napi_add_env_cleanup_hook(
                env,
                Some(going_down),
                Arc::into_raw(gate.clone()).cast_mut().cast(),
            );
        }
        gate.lock().wake = Some(Wake(wake));
        Ok(Self {
            env,
            remote: Remote(gate),
            holds: Cell::new(0),
        })
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Keeps Node alive until [`EventLoop::release`] was called as often.
    pub fn hold(&self) {
        self.holds.set(self.holds.get() + 1);
        if self.holds.get() == 1 {
            self.with_wake(|wake| {
                // SAFETY: the wake is open and this is its environment's thread.
                unsafe { sys::napi_ref_threadsafe_function(self.env, wake) };
            });
        }
    }

    /// Takes one [`EventLoop::hold`] back.
    pub fn release(&self) {
        self.holds.set(self.holds.get().saturating_sub(1));
        if self.holds.get() == 0 {
            self.with_wake(|wake| {
                // SAFETY: the wake is open and this is its environment's thread.
                unsafe { sys::napi_unref_threadsafe_function(self.env, wake) };
            });
        }
    }

    fn with_wake(&self, body: impl FnOnce(napi_threadsafe_function)) {
        if let Some(Wake(wake)) = self.remote.0.lock().wake {
            body(wake);
        }
    }
}

impl Remote {
    /// Runs a job on the event loop; drops it when the environment is gone.
    pub fn post(&self, job: impl FnOnce(napi_env) + Send + 'static) {
        let mut gate = self.0.lock();
        let Some(Wake(wake)) = gate.wake else {
            drop(gate);
            return;
        };
        gate.queue.push(Box::new(job));
        if !gate.woken {
            gate.woken = true;
            let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
            // SAFETY: the gate is open, so Node has not freed the wake.
            unsafe { sys::napi_call_threadsafe_function(wake, ptr::null_mut(), mode) };
        }
    }
}

/// A promise of what `future` comes to; `finish` makes the JavaScript value on the event loop.
///
/// The future runs on kinetik's thread. Node stays alive until the promise is settled.
pub fn promise<T, V>(
    env: napi_env,
    future: impl Future<Output = Result<T>> + Send + 'static,
    finish: impl FnOnce(napi_env, T) -> V + Send + 'static,
) -> Result<napi_value>
where
    T: Send + 'static,
    V: ToNapiValue,
{
    let (deferred, promise) = Deferred::new(env)?;
    let mut settle = Settle {
        remote: EventLoop::of(env)?.remote(),
        deferred: Some(deferred),
    };
    Runtime::shared()?.spawn(async move {
        let outcome = future.await;
        settle.with(move |env, deferred| {
            let finished =
                AssertUnwindSafe(|| outcome.and_then(|value| to_js(env, finish(env, value))));
            let value = catch_unwind(finished).unwrap_or_else(|_| Err(errors::panicked()));
            deferred.settle(env, value);
        });
    });
    Ok(promise)
}

/// A JavaScript value of any type that napi-rs knows.
pub fn to_js<V: ToNapiValue>(env: napi_env, value: V) -> Result<napi_value> {
    // SAFETY: `env` is this thread's environment.
    unsafe { V::to_napi_value(env, value) }
        .map_err(|error| Error::new(kinetik::ErrorKind::Internal, error.to_string()))
}

/// The native end of a promise. Settling it releases the event loop.
pub struct Deferred(napi_deferred);

// SAFETY: other threads only carry it; it is used on its environment's thread alone.
unsafe impl Send for Deferred {}

impl Deferred {
    /// A promise and its native end; holds the event loop.
    pub fn new(env: napi_env) -> Result<(Self, napi_value)> {
        let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: `env` is this thread's environment; both places are ours to write.
        let status = unsafe { sys::napi_create_promise(env, &mut deferred, &mut promise) };
        if status != sys::Status::napi_ok {
            return Err(Error::new(
                kinetik::ErrorKind::Internal,
                "Node refused a promise",
            ));
        }
        EventLoop::of(env)?.hold();
        Ok((Self(deferred), promise))
    }

    /// Resolves the promise, or rejects it with the error.
    pub fn settle(self, env: napi_env, outcome: Result<napi_value>) {
        self.settle_with(env, outcome.map_err(|error| errors::to_js(env, &error)));
    }

    /// The same with a reason that is a JavaScript value already.
    pub fn settle_with(self, env: napi_env, outcome: std::result::Result<napi_value, napi_value>) {
        match outcome {
            // SAFETY: this is the environment's thread, and the end is used once because it is consumed.
            Ok(value) => unsafe { sys::napi_resolve_deferred(env, self.0, value) },
            // SAFETY: as above.
            Err(reason) => unsafe { sys::napi_reject_deferred(env, self.0, reason) },
        };
        if let Ok(event_loop) = EventLoop::of(env) {
            event_loop.release();
        }
    }
}

/// Settles a promise even if its future panics or is dropped.
struct Settle {
    remote: Remote,
    deferred: Option<Deferred>,
}

impl Settle {
    fn with(&mut self, job: impl FnOnce(napi_env, Deferred) + Send + 'static) {
        if let Some(deferred) = self.deferred.take() {
            self.remote.post(move |env| job(env, deferred));
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        self.with(|env, deferred| deferred.settle(env, Err(errors::panicked())));
    }
}

/// Runs what is queued. Node calls it on the event loop, without an environment when that is going down.
unsafe extern "C" fn woken(
    env: napi_env,
    _function: napi_value,
    context: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    // SAFETY: the reference that `EventLoop::open` gave to Node is alive until `closed`.
    let gate = unsafe { &*context.cast::<Mutex<Gate>>() };
    let jobs = {
        let mut gate = gate.lock();
        gate.woken = false;
        std::mem::take(&mut gate.queue)
    };
    for job in jobs {
        js::scoped(env, || {
            let _ = catch_unwind(AssertUnwindSafe(|| job(env)));
            js::clear_exception(env);
        });
    }
}

/// Shuts the gate, so that no thread touches the wake after Node frees it.
unsafe extern "C" fn going_down(gate: *mut c_void) {
    // SAFETY: the reference that `EventLoop::open` gave to the hook, which runs once.
    let gate = unsafe { Arc::from_raw(gate.cast::<Mutex<Gate>>()) };
    let (wake, jobs) = {
        let mut gate = gate.lock();
        (gate.wake.take(), std::mem::take(&mut gate.queue))
    };
    drop((wake, jobs));
    producer::environment_ended();
    OPEN.with_borrow_mut(|all| all.retain(|open| !Arc::ptr_eq(&open.remote.0, &gate)));
}

/// Gives Node's reference to the gate back.
unsafe extern "C" fn closed(_env: napi_env, gate: *mut c_void, _hint: *mut c_void) {
    // SAFETY: the reference that `EventLoop::open` gave to Node; the finalizer runs once.
    drop(unsafe { Arc::from_raw(gate.cast::<Mutex<Gate>>()) });
}
