//! Where a reader ends that is to end: behind all that it was to read, and not behind what it left out.

use std::time::Duration;

use super::super::config::{Start, Until};
use super::super::position::Positions;
use super::super::state::{Ask, Effect, Event};
use super::model::{Driven, Fault, Model, put, settings, texts};

const SECOND: Duration = Duration::from_secs(1);

/// What a reader reads up to its end, and what the one reads that goes on from there.
fn read_and_resume(model: &mut Model, until: Until) -> [Vec<String>; 2] {
    let mut driven = Driven::open(model, Start::TrimHorizon, until);
    let first = texts(&driven.rest(model));
    let saved = Positions::from_json(&driven.state.positions("orders").to_json()).unwrap();
    let rest = Driven::open(model, Start::Positions(saved), Until::Now).rest(model);
    [first, texts(&rest)]
}

#[test]
fn until_a_time_in_a_shard_that_has_closed_since_leaves_the_rest_for_the_next_run() {
    // Closed with and without a child that the end names, soon after the time and long after it.
    for (page, gap, fault) in [
        (1_000, 1, None),
        (1, 1, None),
        (1_000, 100, None),
        (1, 100, None),
        (1, 1, Some(Fault::Childless)),
        (1_000, 1, Some(Fault::Endless)),
    ] {
        let mut model = Model::new(1);
        model.page = page;
        put(&mut model, 0, &["early"]);
        let time = model.wall();
        for text in ["after it", "and later"] {
            model.now = model.now + gap * SECOND;
            put(&mut model, 0, &[text]);
        }
        let [left, _] = model.split(0);
        model.now = model.now + 10 * SECOND;
        put(&mut model, left, &["in a child"]);
        model.faults = vec![fault; 20].into();
        let [first, rest] = read_and_resume(&mut model, Until::At(time));
        assert_eq!(first, ["early"], "{page} {gap} {fault:?}");
        assert_eq!(rest, ["after it", "and later", "in a child"]);
    }
}

#[test]
fn arrivals_out_of_order_are_not_passed_over_by_a_time_to_end() {
    for page in 1..6 {
        let mut model = Model::new(1);
        model.page = page;
        // A and, behind one that arrived later, C arrived in time; so did E, behind two more.
        let arrivals = [
            ("A", 100),
            ("B", 98),
            ("C", 99),
            ("D", 98),
            ("E", 99),
            ("F", 97),
        ];
        model.now = model.now + 200 * SECOND;
        for (text, before) in arrivals {
            model.arrives_before = before * SECOND;
            put(&mut model, 0, &[text]);
        }
        let time = model.wall() - Duration::from_millis(98_500);
        let [first, rest] = read_and_resume(&mut model, Until::At(time));
        assert_eq!(first, ["A", "B", "C", "D", "E"], "{page} records a page");
        assert_eq!(rest, ["F"]);
    }
}

#[test]
fn a_shard_that_splits_before_the_time_to_end_is_followed_however_late_that_is_seen() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let time = model.wall() + 10 * SECOND;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::At(time));
    assert_eq!(driven.batch(&mut model).len(), 1);
    let [left, _] = model.split(0);
    put(&mut model, left, &["2"]);
    // The caller comes back when the time is over.
    model.now = model.now + 60 * SECOND;
    assert_eq!(texts(&driven.rest(&mut model)), ["2"]);
}

#[test]
fn a_time_to_end_forgives_a_clock_that_is_four_seconds_ahead() {
    let mut model = Model::new(1);
    let time = model.wall() + 10 * SECOND;
    let mut ahead = settings(&model, Until::At(time));
    ahead.opened_wall = ahead.opened_wall + 4 * SECOND;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, ahead);
    while model.wall() + SECOND < time {
        match driven.step(&model, None) {
            Effect::Call(ticket, ask) => driven.under_way.push((ticket, ask)),
            Effect::Wait(Some(at)) => model.now = model.now.max(at),
            other => panic!("{other:?}"),
        }
        while !driven.under_way.is_empty() {
            assert!(driven.answer(&mut model, 0).is_none());
        }
    }
    put(&mut model, 0, &["in time"]);
    assert_eq!(texts(&driven.rest(&mut model)), ["in time"]);
}

/// Many pages of records that arrived one after the other.
fn pages(fault: Fault) -> Model {
    let mut model = Model::new(1);
    for n in 0..50 {
        put(&mut model, 0, &[&n.to_string()]);
        model.now = model.now + Duration::from_millis(10);
    }
    model.page = 5;
    model.faults = vec![Some(fault); 10_000].into();
    model
}

#[test]
fn a_server_that_always_claims_the_tip_is_read_to_the_end_over_many_pages() {
    let mut model = pages(Fault::AtTip);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(driven.rest(&mut model).len(), 50);
}

#[test]
fn a_server_that_tells_no_distance_is_read_to_the_end_over_many_pages() {
    let mut model = pages(Fault::NoDistance);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(driven.rest(&mut model).len(), 50);
    assert_eq!(
        driven.state.stats.reads, 11,
        "one more than there are pages"
    );
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    driven.batch(&mut model);
    assert_eq!(driven.state.lag()[0].millis_behind_latest, None);
}

#[test]
fn a_server_that_measures_nothing_is_not_followed_for_ever_although_somebody_goes_on_writing() {
    for fault in [Fault::AtTip, Fault::NoDistance] {
        let mut model = pages(fault);
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
        let (mut read, began) = (0, model.now);
        while let Effect::HandOut(batch) = driven.next(&mut model) {
            read += batch.len();
            model.now = model.now + Duration::from_millis(100);
            put(&mut model, 0, &["more"; 5]);
        }
        assert!(read >= 50 && model.now - began < 10 * SECOND, "{read}");
    }
}

#[test]
fn a_distance_that_only_answers_without_records_have_does_not_make_the_others_believed() {
    let mut model = pages(Fault::AtTip);
    // The iterator, then a read that brings nothing and tells a distance.
    model.faults[1] = Some(Fault::Empty);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(driven.rest(&mut model).len(), 50);
}

#[test]
fn where_records_are_pushed_a_time_to_end_is_waited_for_and_no_longer() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let time = model.wall() + 10 * SECOND;
    let mut pushed = settings(&model, Until::At(time));
    pushed.pushed = true;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, pushed);
    let mut reads = 0;
    let mut event = None;
    loop {
        match driven.step(&model, event.take()) {
            // Nothing new ever arrives.
            Effect::Call(_, Ask::Arrival { .. }) | Effect::HandOut(_) => {}
            Effect::Call(ticket, ask) => {
                reads += u32::from(matches!(ask, Ask::Read { .. }));
                let outcome = model.answer(&ask);
                event = Some(Event { ticket, outcome });
            }
            Effect::Wait(Some(at)) => model.now = model.now.max(at),
            Effect::End => break,
            other => panic!("{other:?}"),
        }
    }
    let over = model.wall().since(time);
    assert!(over > 5 * SECOND && over < 6 * SECOND, "{over:?}");
    assert!(reads <= 4, "{reads}");
}

#[test]
fn what_is_asked_for_once_more_counts_once() {
    let mut model = Model::new(1);
    model.page = 1;
    model.now = model.now + 100 * SECOND;
    for (text, before) in [("A", 50), ("B", 28), ("C", 50)] {
        model.arrives_before = before * SECOND;
        put(&mut model, 0, &[text]);
    }
    let time = model.wall() - 30 * SECOND;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::At(time));
    assert_eq!(texts(&driven.rest(&mut model)), ["A", "B", "C"]);
    let stats = driven.state.stats;
    assert_eq!(stats.repeated, 0);
    assert_eq!(
        stats.records, 4,
        "B was left out first, and then fetched again"
    );
}

#[test]
fn aws_is_believed_that_an_answer_with_records_reaches_the_tip() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut chosen = settings(&model, Until::Now);
    chosen.is_aws = true;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
    assert_eq!(driven.batch(&mut model).len(), 1);
    model.now = model.now + SECOND;
    put(&mut model, 0, &["later"]);
    assert_eq!(driven.rest(&mut model).len(), 1, "and nothing behind that");
    assert_eq!(driven.state.stats.reads, 2);
}

#[test]
fn until_now_reads_children_that_the_opening_listing_did_not_show() {
    for (is_torn, fault) in [
        (false, None),
        (true, None),
        (false, Some(Fault::Childless)),
        (true, Some(Fault::Childless)),
    ] {
        let mut model = Model::new(1);
        model.page = 1;
        put(&mut model, 0, &["1", "2"]);
        let [left, right] = model.split(0);
        put(&mut model, left, &["3"]);
        let merged = model.merge(left, right);
        put(&mut model, merged, &["4"]);
        model.is_torn = is_torn;
        model.unlisted.extend([3, 3, 1, 1]);
        model.faults = vec![fault; 8].into();
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
        let read = texts(&driven.rest(&mut model));
        assert_eq!(read, ["1", "2", "3", "4"], "{is_torn} {fault:?}");
    }
}

#[test]
fn until_now_does_not_follow_for_ever_into_children_that_were_made_since() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["there"]);
    let mut chosen = settings(&model, Until::Now);
    // Nothing is fetched ahead, so that each shard has closed when its end is seen, and no clock tells that it is enough.
    chosen.buffer_bytes = 1;
    chosen.is_aws = true;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
    let (mut last, mut stored, mut read) = (0, 1, 0);
    while let Effect::HandOut(batch) = driven.next(&mut model) {
        read += batch.len();
        model.now = model.now + 40 * SECOND;
        let [left, _] = model.split(last);
        put(&mut model, left, &["made since"]);
        (last, stored) = (left, stored + 1);
        assert!(stored < 10, "it has no end");
    }
    assert_eq!(read, 3, "as long as listings may lie behind");
    let saved = driven.state.positions("orders");
    let mut next = Driven::open(&mut model, Start::Positions(saved), Until::Now);
    assert_eq!(read + next.rest(&mut model).len(), stored);
}

#[test]
fn arrivals_out_of_order_are_not_passed_over_by_an_end_now() {
    let mut model = Model::new(1);
    model.page = 1;
    for (text, before) in [("A", 3_000), ("B", 2_000), ("C", 500), ("D", 1_000)] {
        model.arrives_before = Duration::from_millis(before);
        put(&mut model, 0, &[text]);
    }
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["A", "B", "C", "D"]);
}
