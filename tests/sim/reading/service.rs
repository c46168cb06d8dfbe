//! A service that answers readers strangely, until a moment: subscriptions that break, iterators that are null, come
//! again or have expired.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_core::Stream;
use kinetik::api::{Answer, Call, Interruption, Refusal, SubscribeToShardEvent, Subscription};
use kinetik::error::{Error, ErrorKind};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Moment};
use kinetik::transport::{BoxFuture, Fault, Transport};

use crate::faults::Faults;
use crate::reached::Reached;

/// How a subscription goes wrong.
#[derive(Clone, Copy, Debug)]
enum Break {
    /// Nobody says anything any more: half open.
    Silent,
    Over,
    Failed,
    Reset,
    /// Somebody else subscribes with the same consumer.
    TakenOver,
}

/// Wraps the way to the engine.
pub struct Strange {
    pub inner: Faults,
    pub clock: Clock,
    pub rng: Rng,
    pub heals_at: Moment,
    pub reached: Arc<Mutex<Reached>>,
    /// Records of an answer at most, which the service may choose.
    pub page: Option<i32>,
}

impl Strange {
    fn note(&self, name: &str) {
        self.reached
            .lock()
            .expect("no panic while it is held")
            .note(name);
    }

    fn breaks(&self, subscription: Subscription) -> Subscription {
        if self.clock.now() >= self.heals_at || self.rng.chance(0.4) {
            return subscription;
        }
        let how = match self.rng.below(11) {
            0..3 => Break::Silent,
            3..5 => Break::Over,
            5..7 => Break::Failed,
            7..10 => Break::Reset,
            _ => Break::TakenOver,
        };
        self.note(&format!("fault: subscription {how:?}"));
        Subscription::new(Broken {
            inner: subscription,
            events: self.rng.below(12),
            how,
        })
    }

    /// What becomes of an answer to GetRecords that was asked with this iterator.
    fn strange(&self, answer: Answer, iterator: bytestring::ByteString) -> Result<Answer, Fault> {
        let Answer::GetRecords(mut output) = answer else {
            return Ok(answer);
        };
        if self.clock.now() < self.heals_at && output.next_shard_iterator.is_some() {
            match self.rng.below(60) {
                0 => {
                    self.note("fault: null iterator");
                    output.next_shard_iterator = None;
                }
                1 => {
                    self.note("fault: same iterator again");
                    output.next_shard_iterator = Some(iterator);
                }
                2 => {
                    self.note("fault: expired iterator");
                    return Err(Fault::Refused(Refusal::expired_iterator("expired")));
                }
                _ => {}
            }
        }
        Ok(Answer::GetRecords(output))
    }
}

impl Transport for Strange {
    fn call(&self, mut call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(async move {
            let iterator = match &mut call {
                Call::GetRecords(input) => {
                    input.limit = self.page.or(input.limit);
                    input.shard_iterator.clone()
                }
                _ => None,
            };
            match (self.inner.call(call, deadline).await?, iterator) {
                (Answer::SubscribeToShard(one), _) => {
                    Ok(Answer::SubscribeToShard(self.breaks(one)))
                }
                (other, Some(iterator)) => self.strange(other, iterator),
                (other, None) => Ok(other),
            }
        })
    }
}

impl fmt::Debug for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Strange")
    }
}

/// A subscription that goes wrong after so many events.
struct Broken {
    inner: Subscription,
    events: u64,
    how: Break,
}

impl Stream for Broken {
    type Item = Result<SubscribeToShardEvent, Interruption>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.events > 0 {
            let polled = Pin::new(&mut self.inner).poll_next(cx);
            self.events -= u64::from(polled.is_ready());
            return polled;
        }
        let refused = |refusal: Refusal| Poll::Ready(Some(Err(refusal.into())));
        match self.how {
            Break::Silent => Poll::Pending,
            Break::Over => Poll::Ready(None),
            Break::Failed => refused(Refusal::internal_failure()),
            Break::TakenOver => refused(Refusal::resource_in_use("another subscription")),
            Break::Reset => {
                let reset = Error::new(ErrorKind::Connection, "the connection was reset");
                Poll::Ready(Some(Err(Interruption::Broken(reset))))
            }
        }
    }
}
