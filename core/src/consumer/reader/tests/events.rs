//! Events of subscriptions that waited in their connection while nobody took them: how old they are is not known.

use std::time::Duration;

use super::super::config::{Mode, Start, Until};
use super::super::lineage::Planned;
use super::super::position::Position;
use super::super::shard::Cursor;
use super::super::state::{Ask, Effect, Event, Outcome, Pulled, State};
use super::model::{Model, ORIGIN, put, settings};
use crate::api::{SubscribeToShardEvent, Subscription};
use crate::error::{Error, ErrorKind};
use crate::rng::Rng;
use crate::types::ShardId;

const SECOND: Duration = Duration::from_secs(1);
const SHARD: ShardId = ShardId::new(0);

/// A reader by subscriptions to the one shard of a model, whose service the test is.
struct Subscriber {
    model: Model,
    state: State,
    ticket: u64,
}

impl Subscriber {
    fn new(mut model: Model, mode: Mode, start: Start, until: Until) -> Self {
        let mut chosen = settings(&model, until);
        chosen.mode = mode;
        let listed = model.listing();
        let Ok(Planned::Plan(plan)) = start.plan("orders", listed, model.now) else {
            panic!()
        };
        let mut state = State::new(chosen, Rng::seeded(9), plan);
        let Effect::Call(ticket, Ask::Consumer) = state.step(model.now, None) else {
            panic!()
        };
        Self {
            model,
            state,
            ticket,
        }
    }

    /// What the reader does when the last thing that it asked for has come to this.
    fn told(&mut self, outcome: Outcome) -> Effect {
        let ticket = self.ticket;
        let event = Event { ticket, outcome };
        self.goes_on(Some(event))
    }

    fn goes_on(&mut self, event: Option<Event>) -> Effect {
        let effect = self.state.step(self.model.now, event);
        if let Effect::Call(ticket, _) | Effect::Pull(ticket, _) = &effect {
            self.ticket = *ticket;
        }
        effect
    }

    fn consumer(&mut self) -> Effect {
        self.told(Outcome::Consumer(Ok("arn".into())))
    }

    fn subscribed(&mut self) -> Effect {
        self.told(Outcome::Subscribed(Ok(Subscription::of([]))))
    }

    /// An event at the tip, with the records from one on.
    fn event(&mut self, from: usize) -> Effect {
        let shard = &self.model.shards[&SHARD];
        let event = SubscribeToShardEvent {
            records: shard.records[from..].to_vec(),
            continuation_sequence_number: shard.info.first.map(|first| first.to_string().into()),
            millis_behind_latest: 0,
            ..Default::default()
        };
        self.told(Outcome::Pulled(Pulled::Event(event, Subscription::of([]))))
    }
}

#[test]
fn an_event_that_waited_for_a_slow_caller_moves_no_position_past_what_came_meanwhile() {
    let mut subscriber = Subscriber::new(Model::new(1), Mode::Auto, Start::Latest, Until::Forever);
    let subscribes = subscriber.consumer();
    assert!(matches!(subscribes, Effect::Call(_, Ask::Subscribe { .. })));
    assert!(matches!(subscriber.subscribed(), Effect::Opened));
    assert!(matches!(subscriber.goes_on(None), Effect::Pull(..)));
    // The service gives an empty event; a record arrives; and only then the caller looks.
    subscriber.model.now = subscriber.model.now + 60 * SECOND;
    assert!(matches!(subscriber.event(0), Effect::Pull(..)));
    let fixed = Position::At(ORIGIN - 5 * SECOND);
    assert_eq!(subscriber.state.positions("orders").get(SHARD), Some(fixed));
    let taken = Error::new(ErrorKind::ResourceInUse, "taken over");
    let polls = subscriber.told(Outcome::Pulled(Pulled::Cut(taken)));
    let Effect::Call(_, Ask::Iterator { cursor, .. }) = polls else {
        panic!("{polls:?}")
    };
    assert_eq!(cursor, Cursor::At(fixed));
}

#[test]
fn an_event_that_waited_for_a_slow_caller_does_not_show_that_a_time_to_end_is_over() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["first"]);
    let until = Until::At(model.wall() + 22 * SECOND);
    let mut subscriber = Subscriber::new(model, Mode::FanOut, Start::TrimHorizon, until);
    assert!(matches!(subscriber.consumer(), Effect::Opened));
    let subscribes = subscriber.goes_on(None);
    assert!(matches!(subscribes, Effect::Call(_, Ask::Subscribe { .. })));
    assert!(matches!(subscriber.subscribed(), Effect::Pull(..)));
    assert!(matches!(subscriber.event(0), Effect::Pull(..)));
    assert!(matches!(subscriber.goes_on(None), Effect::HandOut(_)));
    // The service gives an empty event; a record arrives in time; and only then the caller looks.
    subscriber.model.now = subscriber.model.now + 17 * SECOND;
    put(&mut subscriber.model, 0, &["in time"]);
    subscriber.model.now = subscriber.model.now + 18 * SECOND;
    let replaces = subscriber.event(2);
    let Effect::Call(_, Ask::Subscribe { continuation, .. }) = replaces else {
        panic!("{replaces:?}")
    };
    assert_eq!(continuation, subscriber.model.shards[&SHARD].info.first);
    assert!(matches!(subscriber.subscribed(), Effect::Pull(..)));
    assert!(matches!(subscriber.event(1), Effect::Pull(..)));
    assert!(matches!(subscriber.goes_on(None), Effect::HandOut(batch) if batch.len() == 1));
    assert!(matches!(subscriber.event(2), Effect::End));
}

#[test]
fn ledger_46_an_event_that_comes_late_of_a_subscription_that_was_replaced_is_not_handed_out() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["first"]);
    let mut subscriber = Subscriber::new(model, Mode::FanOut, Start::TrimHorizon, Until::Forever);
    assert!(matches!(subscriber.consumer(), Effect::Opened));
    assert!(matches!(
        subscriber.goes_on(None),
        Effect::Call(_, Ask::Subscribe { .. })
    ));
    assert!(matches!(subscriber.subscribed(), Effect::Pull(..)));
    let replaced = subscriber.ticket;
    assert!(matches!(
        subscriber.told(Outcome::Pulled(Pulled::Silent)),
        Effect::Wait(_)
    ));
    subscriber.model.now = subscriber.model.now + 10 * SECOND;
    assert!(matches!(
        subscriber.goes_on(None),
        Effect::Call(_, Ask::Subscribe { .. })
    ));
    let asked = subscriber.ticket;
    subscriber.ticket = replaced;
    assert!(matches!(subscriber.event(0), Effect::Wait(_)));
    subscriber.ticket = asked;
    assert!(matches!(subscriber.subscribed(), Effect::Pull(..)));
    assert!(matches!(subscriber.event(0), Effect::Pull(..)));
    assert!(matches!(subscriber.goes_on(None), Effect::HandOut(batch) if batch.len() == 1));
}
