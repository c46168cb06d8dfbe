//! Listings that lie behind, or tell of a stream that is another one: nothing is lost by them, and nobody waits in silence.

use std::time::Duration;

use super::super::config::{Start, Until};
use super::super::lineage::Planned;
use super::super::position::{Position, Positions};
use super::super::state::{Ask, Effect, State};
use super::model::{Driven, Fault, Model, ORIGIN, put, settings, split_behind_a_reader, texts};
use crate::error::{Error, ErrorKind, Retry};
use crate::rng::Rng;
use crate::types::ShardId;

/// Positions in shards of the stream.
fn saved(positions: &[(u32, Position)]) -> Start {
    let mut saved = Positions::of_stream("orders");
    for &(shard, position) in positions {
        saved.set(ShardId::new(shard), position);
    }
    Start::Positions(saved)
}

/// Why a reader cannot be opened.
fn refusal(model: &mut Model, start: Start) -> Error {
    let chosen = settings(model, Until::Forever);
    match Driven::try_open(model, start, chosen) {
        Err(error) => error,
        Ok(_) => panic!("it opened"),
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}

#[test]
fn a_listing_that_lies_behind_makes_no_young_shard_vanish() {
    let (mut model, mut driven) = split_behind_a_reader();
    model.unlisted.push_back(2);
    // The end of the parent, and then children that the service does not find yet.
    let missing = || Some(Fault::Refuse(ErrorKind::NotFound));
    model.faults.extend([None, missing(), missing()]);
    let mut read = texts(&driven.available(&mut model));
    read.sort_unstable();
    assert_eq!(read, ["2", "3"]);
    assert!(model.asked.contains(&Ask::List), "the listing was asked");
    assert_eq!(driven.state.stats.vanished_shards, 0);
}

#[test]
fn a_listing_that_lies_behind_lets_no_child_begin_before_a_parent_that_it_does_not_show_yet() {
    // Whichever of the two is read first.
    for (quick, slow) in [(0, 1), (1, 0)] {
        let mut model = Model::new(2);
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
        put(&mut model, slow, &["1", "2", "3", "4"]);
        let [left, right] = model.split(slow);
        put(&mut model, left, &["left"]);
        put(&mut model, right, &["right"]);
        let (parent, merged) = match slow {
            0 => ("right", model.merge(right, quick)),
            _ => ("left", model.merge(quick, left)),
        };
        put(&mut model, merged, &["merged"]);
        // The end of the quick shard names the merged one; its other parent is made known by a longer way.
        model.page = 1;
        model.unlisted.extend([3, 3, 3]);
        let read = texts(&driven.available(&mut model));
        let place = |text: &str| read.iter().position(|record| record == text);
        assert_eq!(read.len(), 7);
        assert!(place(parent) < place("merged"), "{read:?}");
    }
}

#[test]
fn an_end_whose_children_are_not_listed_yet_is_looked_for() {
    // None of the two, and only the first.
    for hidden in [2, 1] {
        for until in [Until::Forever, Until::Now, Until::At(ORIGIN)] {
            let mut model = Model::new(1);
            let [left, right] = model.split(0);
            put(&mut model, left, &["left"]);
            put(&mut model, right, &["right"]);
            model.is_torn = true;
            model.unlisted.extend([hidden; 5]);
            let start = saved(&[(0, Position::End)]);
            let mut driven = Driven::open(&mut model, start, until);
            let read = match until {
                Until::Forever => driven.available(&mut model),
                _ => driven.rest(&mut model),
            };
            assert_eq!(sorted(texts(&read)), ["left", "right"], "{until:?}");
            let listings = model.asked.iter().filter(|ask| **ask == Ask::List);
            assert_eq!(listings.count(), 5, "{until:?}");
        }
    }
}

#[test]
fn following_for_ever_never_ends() {
    let mut model = Model::new(1);
    let [left, _] = model.split(0);
    put(&mut model, left, &["1"]);
    model.is_torn = true;
    model.unlisted.extend([2; 1_000]);
    let mut driven = Driven::open(&mut model, saved(&[(0, Position::End)]), Until::Forever);
    let began = model.now;
    while model.now - began < Duration::from_secs(600) {
        match driven.step(&model, None) {
            Effect::Call(ticket, ask) => {
                driven.under_way.push((ticket, ask));
                assert!(driven.answer(&mut model, 0).is_none());
            }
            Effect::Wait(Some(at)) => model.now = model.now.max(at),
            other => panic!("{other:?}"),
        }
    }
    assert!(model.asked.len() < 60, "{} listings", model.asked.len());
    model.unlisted.clear();
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
}

#[test]
fn children_that_no_listing_ever_shows_are_told_by_a_reader_that_is_to_end() {
    let mut model = Model::new(1);
    model.split(0);
    model.is_torn = true;
    model.unlisted.extend([2; 1_000]);
    let mut driven = Driven::open(&mut model, saved(&[(0, Position::End)]), Until::Now);
    let Effect::Fail(error) = driven.next(&mut model) else {
        panic!()
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("lie behind"), "{error}");
    model.unlisted.clear();
    assert!(driven.rest(&mut model).is_empty());
}

#[test]
fn an_end_of_an_open_shard_is_told() {
    let mut model = Model::new(1);
    model.split(0);
    model.now = model.now + Duration::from_secs(100);
    model.recreate(1);
    let began = model.now;
    let error = refusal(&mut model, saved(&[(0, Position::End)]));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.shard_id(), Some("shardId-000000000000"));
    assert!(error.message().contains("made again"), "{error}");
    assert_eq!(
        model.now - began,
        Duration::from_secs(10),
        "it listed again"
    );
}

#[test]
fn an_end_that_the_listing_does_not_show_yet_is_waited_for() {
    let (mut model, mut driven) = split_behind_a_reader();
    assert_eq!(driven.available(&mut model).len(), 2);
    let read = driven.state.positions("orders");
    put(&mut model, 1, &["4"]);
    model.unlisted.extend([2; 3]);
    let mut driven = Driven::open(&mut model, Start::Positions(read), Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["4"]);
    assert!(model.unlisted.is_empty());
}

#[test]
fn a_stream_without_shards_is_told() {
    let mut model = Model::new(1);
    model.expire(0);
    for start in [Start::TrimHorizon, Start::Latest, saved(&[])] {
        let error = refusal(&mut model, start);
        assert_eq!(error.kind(), ErrorKind::ResourceInUse);
        assert!(error.message().contains("no shards"), "{error}");
    }
}

#[test]
fn positions_of_a_shard_that_the_listing_does_not_show_yet_are_waited_for() {
    let (mut model, mut driven) = split_behind_a_reader();
    assert_eq!(driven.available(&mut model).len(), 2);
    let read = driven.state.positions("orders");
    let left = read.get(ShardId::new(1)).unwrap();
    for hidden in [1, 2] {
        model.unlisted.extend([hidden; 4]);
        let start = Start::Positions(read.clone());
        let mut driven = Driven::open(&mut model, start, Until::Now);
        assert!(driven.rest(&mut model).is_empty(), "all was read before");
        assert_eq!(driven.state.stats.vanished_shards, 0);
    }
    // For ever: the lag is told, and that trying again may help.
    model.unlisted.extend([2; 1_000]);
    let began = model.now;
    let error = refusal(&mut model, saved(&[(1, left)]));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.retry(), Retry::After(None));
    assert!(error.message().contains("lies behind"), "{error}");
    assert_eq!(model.now - began, Duration::from_secs(60));
    // Without a number it may be a position of another stream as well.
    let began = model.now;
    let error = refusal(&mut model, saved(&[(1, Position::TrimHorizon)]));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(model.now - began, Duration::from_secs(10));
    // A stream that was made after the record was read is another one.
    model.unlisted.clear();
    model.now = model.now + Duration::from_secs(100);
    model.recreate(1);
    let began = model.now;
    let error = refusal(&mut model, saved(&[(1, left)]));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(model.now, began, "at once");
}

#[test]
fn a_shard_that_is_not_listed_yet_may_have_been_made_in_an_earlier_second_than_older_ones() {
    let mut model = Model::new(2);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    driven.available(&mut model);
    // One second ahead of the clock, two seconds, and one.
    let [left, _] = model.split(0);
    model.split(left);
    let [young, _] = model.split(1);
    put(&mut model, young, &["1"]);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    let read = driven.state.positions("orders");
    put(&mut model, young, &["2"]);
    model.unlisted.extend([2; 3]);
    let mut driven = Driven::open(&mut model, Start::Positions(read), Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["2"]);
}

#[test]
fn a_shard_that_closes_under_the_reader_on_a_server_without_ends_is_followed() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    model.faults = vec![Some(Fault::Endless); 1_000].into();
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    put(&mut model, 0, &["2"]);
    let [left, right] = model.split(0);
    put(&mut model, left, &["left"]);
    put(&mut model, right, &["right"]);
    let read: Vec<_> = (0..4)
        .flat_map(|_| texts(&driven.available(&mut model)))
        .collect();
    assert_eq!(read[0], "2");
    assert_eq!(sorted(read[1..].to_vec()), ["left", "right"]);
    // AWS tells the end of a shard, and is not asked.
    let mut model = Model::new(1);
    for is_aws in [true, false] {
        model.asked.clear();
        let mut chosen = settings(&model, Until::Forever);
        chosen.is_aws = is_aws;
        let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
        (0..20).for_each(|_| assert!(driven.available(&mut model).is_empty()));
        let listings = model.asked.iter().filter(|ask| **ask == Ask::List).count();
        let expected = if is_aws { 0..1 } else { 8..11 };
        assert!(expected.contains(&listings), "{listings} in ten minutes");
    }
}

#[test]
fn latest_opens_although_a_listed_shard_is_gone_when_it_is_asked_for() {
    let mut model = Model::new(2);
    let listed = model.listing();
    let Ok(Planned::Plan(plan)) = Start::Latest.plan("orders", listed, model.now) else {
        panic!()
    };
    model.expire(0);
    let chosen = settings(&model, Until::Forever);
    let mut driven = Driven {
        state: State::new(chosen, Rng::seeded(9), plan),
        under_way: Vec::new(),
    };
    assert!(matches!(driven.next(&mut model), Effect::Opened));
    put(&mut model, 1, &["1"]);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
}
