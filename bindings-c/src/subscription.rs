//! SubscribeToShard: a shard's records pushed as they arrive, each event as JSON.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Poll, Waker};
use std::time::Duration;

use kinetik_core::api::{
    Answer, Form, Interruption, Operation, SubscribeToShardEvent, Subscription,
};
use kinetik_core::fork::Guard;
use kinetik_core::runtime::Runtime;
use kinetik_core::time::Clock;
use kinetik_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;

use crate::at_exit::blocking;
use crate::bytes::{give, kinetik_bytes, out, slice};
use crate::client::{ask, kinetik_client};
use crate::own::Slab;
use crate::status::{guard, guard_status, kinetik_status};

/// A subscription; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_subscription {
    /// For the library alone.
    pub handle: u64,
}

/// A subscription, and what ends a poll of it.
struct Opened {
    events: Mutex<Subscription>,
    end: Mutex<End>,
    guard: Guard,
}

#[derive(Default)]
struct End {
    is_closed: bool,
    waiting: Option<Waker>,
}

static SUBSCRIPTIONS: Slab<Opened> = Slab::new(7, "subscription");

impl Opened {
    fn new(events: Subscription) -> Self {
        Self {
            events: Mutex::new(events),
            end: Mutex::default(),
            guard: Guard::new(),
        }
    }

    /// The next event, which may be the end; none if it took longer.
    fn next(&self, wait: Duration) -> Result<Option<Option<Event>>> {
        static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
        let mut events = self.events.lock();
        let mut next = pin!(events.next());
        let next = poll_fn(|cx| {
            let mut end = self.end.lock();
            if end.is_closed {
                return Poll::Ready(Err(closed()));
            }
            // There is one at most, because the events are locked.
            end.waiting = Some(cx.waker().clone());
            drop(end);
            next.as_mut().poll(cx).map(Ok)
        });
        let next = CLOCK.before(CLOCK.now() + wait, next);
        Runtime::shared()?.block_on(next).transpose()
    }

    fn close(&self) {
        let mut end = self.end.lock();
        end.is_closed = true;
        let waiting = end.waiting.take();
        drop(end);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

type Event = std::result::Result<SubscribeToShardEvent, Interruption>;

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "subscription was closed meanwhile")
}

/// Calls SubscribeToShard with its input as JSON and hands out the subscription that begins. Blocks until the service
/// answers. Give it back with kinetik_subscription_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_client_subscribe(
    client: kinetik_client,
    input: *const u8,
    input_len: usize,
    subscription: *mut kinetik_subscription,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let (place, input) = unsafe {
            (
                out("subscription", subscription)?,
                slice("input", input, input_len)?,
            )
        };
        match ask(client, Operation::SubscribeToShard, input)? {
            Answer::SubscribeToShard(begun) => {
                place.handle = SUBSCRIPTIONS.insert(Opened::new(begun))?;
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::Internal,
                "another operation's answer",
            )),
        }
    })
}

/// Waits up to timeout_ms for the next event: a SubscribeToShardEvent as JSON, payloads in base64, which the caller gives
/// back with kinetik_bytes_release(). KINETIK_TIMED_OUT: none came, try again. KINETIK_END: the subscription is over, after
/// five minutes or at the shard's end. One thread at a time waits; others wait for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_subscription_poll(
    subscription: kinetik_subscription,
    timeout_ms: u32,
    event: *mut kinetik_bytes,
) -> kinetik_status {
    guard_status(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("event", event) }?;
        let opened = SUBSCRIPTIONS.get(subscription.handle)?;
        opened.guard.check("subscription")?;
        let wait = Duration::from_millis(u64::from(timeout_ms));
        match blocking(|| opened.next(wait))? {
            Some(Some(Ok(event))) => *place = give(Form::Json.encode_event(&event)),
            Some(Some(Err(cut))) => {
                return Err(Error::from(cut).operation(Operation::SubscribeToShard.name()));
            }
            Some(None) => return Ok(kinetik_status::KINETIK_END),
            None => return Err(Error::new(ErrorKind::TimedOut, "no event came in time")),
        }
        Ok(kinetik_status::KINETIK_OK)
    })
}

/// Ends a subscription and frees it; a poll under way in another thread ends at once with KINETIK_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_subscription_close(subscription: kinetik_subscription) -> kinetik_status {
    guard(|| {
        let opened = SUBSCRIPTIONS.remove(subscription.handle)?;
        match opened.guard.is_here() {
            true => opened.close(),
            // What the parent's threads may hold is leaked.
            false => std::mem::forget(opened),
        }
        Ok(())
    })
}
