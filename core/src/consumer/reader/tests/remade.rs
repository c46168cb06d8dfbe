//! A stream that is deleted and made again while it is read is told, and nothing of the new one is handed out as the old one's.

use std::time::Duration;

use super::super::config::{Start, Until};
use super::super::state::{Ask, Effect, Event};
use super::model::{Driven, Fault, Model, put, texts};
use crate::error::ErrorKind;

/// Longer than an iterator lives.
const PAUSE: Duration = Duration::from_secs(400);

fn is_told(effect: &Effect) {
    let Effect::Fail(error) = effect else {
        panic!("{effect:?}")
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("made again"), "{error}");
}

/// Reads a closed shard to its end, until the iterators of its children are asked for, which lie unanswered.
fn ask_for_children(model: &mut Model, driven: &mut Driven) {
    let is_of_child = |(_, ask): &(u64, Ask)| matches!(ask, Ask::Iterator { .. });
    while !driven.under_way.iter().any(is_of_child) {
        match driven.step(model, None) {
            Effect::Call(ticket, ask) => driven.under_way.push((ticket, ask)),
            Effect::Wait(Some(at)) if driven.under_way.is_empty() => model.now = model.now.max(at),
            Effect::Wait(_) => drop(driven.answer(model, 0)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_shard_of_which_nothing_was_read_gives_nothing_of_the_new_stream() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert!(driven.available(&mut model).is_empty());
    model.now = model.now + PAUSE;
    model.recreate(1);
    put(&mut model, 0, &["another stream's"]);
    is_told(&driven.next(&mut model));
}

#[test]
fn a_service_that_does_not_take_the_last_number_is_asked_for_its_shards() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    model.now = model.now + PAUSE;
    model.recreate(1);
    // The iterator has expired, and where to read on is refused.
    let refused = Some(Fault::Refuse(ErrorKind::InvalidArgument));
    model.faults = [None, refused].into();
    is_told(&driven.next(&mut model));
}

#[test]
fn a_place_that_is_refused_of_the_same_stream_is_asked_for_once_more_and_then_told() {
    let refused = Some(Fault::Refuse(ErrorKind::InvalidArgument));
    for (faults, is_mended) in [
        (vec![None, refused], true),
        (vec![None, refused, None, refused], false),
    ] {
        let mut model = Model::new(1);
        put(&mut model, 0, &["1"]);
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
        assert_eq!(texts(&driven.available(&mut model)), ["1"]);
        model.now = model.now + PAUSE;
        put(&mut model, 0, &["2"]);
        model.faults = faults.into();
        match driven.next(&mut model) {
            Effect::HandOut(batch) => assert!(is_mended, "{batch:?}"),
            Effect::Fail(error) => {
                assert!(!is_mended, "{error}");
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_server_whose_numbers_tell_nothing_of_its_shards_is_read_all_the_same() {
    let mut model = Model::new(1);
    model.number_by_own_rules(0);
    put(&mut model, 0, &["1", "2"]);
    model.page = 1;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1", "2"]);
    let listings = model.asked.iter().filter(|ask| **ask == Ask::List);
    assert_eq!(listings.count(), 1, "it is looked at once");
}

#[test]
fn a_child_that_was_told_of_long_ago_is_looked_up_before_it_is_read() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    model.split(0);
    ask_for_children(&mut model, &mut driven);
    model.now = model.now + PAUSE;
    model.recreate(3);
    put(&mut model, 1, &["another stream's"]);
    is_told(&driven.next(&mut model));
}

#[test]
fn a_child_of_the_same_stream_that_was_told_of_long_ago_is_read() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    let [left, _] = model.split(0);
    put(&mut model, left, &["1"]);
    ask_for_children(&mut model, &mut driven);
    model.now = model.now + PAUSE;
    assert!(!model.asked.contains(&Ask::List));
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    assert!(model.asked.contains(&Ask::List));
}

#[test]
fn an_answer_of_a_namesake_is_not_handed_out_while_the_listing_is_under_way() {
    let mut model = Model::new(2);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert!(driven.available(&mut model).is_empty());
    model.now = model.now + PAUSE;
    model.recreate(2);
    put(&mut model, 0, &["another stream's"]);
    put(&mut model, 1, &["another stream's"]);
    // All calls but the listing are answered.
    for _ in 0..20 {
        let index = driven
            .under_way
            .iter()
            .position(|(_, ask)| *ask != Ask::List);
        match driven.step(&model, None) {
            Effect::Call(ticket, ask) => driven.under_way.push((ticket, ask)),
            Effect::Wait(_) => match index {
                Some(index) => {
                    let (ticket, ask) = driven.under_way.remove(index);
                    let outcome = model.answer(&ask);
                    let effect = driven.step(&model, Some(Event { ticket, outcome }));
                    match effect {
                        Effect::Call(ticket, ask) => driven.under_way.push((ticket, ask)),
                        Effect::Wait(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                None => break,
            },
            other => panic!("{other:?}"),
        }
    }
    assert!(driven.under_way.iter().any(|(_, ask)| *ask == Ask::List));
    is_told(&driven.next(&mut model));
}
