//! SubscribeToShard: a shard's records pushed as they arrive, each event as JSON.

use std::sync::LazyLock;
use std::time::Duration;

use kinetik_core::api::{Answer, Form, Operation, Subscription};
use kinetik_core::runtime::Runtime;
use kinetik_core::time::Clock;
use kinetik_core::{Error, ErrorKind};
use parking_lot::Mutex;

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

static SUBSCRIPTIONS: Slab<Mutex<Subscription>> = Slab::new(7, "subscription");

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
                place.handle = SUBSCRIPTIONS.insert(Mutex::new(begun))?;
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
    static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
    guard_status(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("event", event) }?;
        let subscription = SUBSCRIPTIONS.get(subscription.handle)?;
        let mut subscription = subscription.lock();
        let deadline = CLOCK.now() + Duration::from_millis(u64::from(timeout_ms));
        let next = CLOCK.before(deadline, subscription.next());
        match Runtime::shared()?.block_on(next) {
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

/// Ends a subscription and frees it; a poll that is under way in another thread ends first.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_subscription_close(subscription: kinetik_subscription) -> kinetik_status {
    guard(|| SUBSCRIPTIONS.remove(subscription.handle).map(|_| ()))
}
