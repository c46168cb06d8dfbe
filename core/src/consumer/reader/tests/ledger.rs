//! What went wrong in other readers, one test each, and what a reader promises beyond that.

use std::time::Duration;

use super::super::config::{RangeFilter, Start, Until};
use super::super::position::{Position, Positions};
use super::super::state::{Ask, Effect, Event};
use super::model::{Driven, Fault, Model, ORIGIN, put, settings, split_behind_a_reader, texts};
use crate::codec::aggregate;
use crate::error::ErrorKind;
use crate::time::Timestamp;
use crate::types::{HashKey, ShardId};

fn resumed(model: &mut Model, from: &Driven, until: Until) -> Driven {
    let saved = Positions::from_json(&from.state.positions("orders").to_json()).unwrap();
    Driven::open(model, Start::Positions(saved), until)
}

#[test]
fn until_now_reads_everything_once_and_in_order() {
    let mut model = Model::new(2);
    put(&mut model, 0, &["a", "b"]);
    put(&mut model, 1, &["x", "y"]);
    let records = Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model);
    let of = |shard| {
        texts(
            &records
                .iter()
                .filter(|record| record.shard_id.get() == shard)
                .cloned()
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        (of(0), of(1)),
        (
            vec!["a".to_owned(), "b".into()],
            vec!["x".to_owned(), "y".into()]
        )
    );
}

#[test]
fn an_empty_stream_ends_at_once_until_now() {
    let mut model = Model::new(3);
    assert!(
        Driven::open(&mut model, Start::TrimHorizon, Until::Now)
            .rest(&mut model)
            .is_empty()
    );
    assert!(model.now - crate::time::Moment::ZERO < Duration::from_secs(1));
}

#[test]
fn parents_are_read_before_children_through_splits_and_merges() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2"]);
    let [left, right] = model.split(0);
    put(&mut model, left, &["3"]);
    put(&mut model, right, &["4"]);
    let merged = model.merge(left, right);
    put(&mut model, merged, &["5"]);
    model.page = 1;
    let records = texts(&Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model));
    let place = |text: &str| records.iter().position(|record| record == text).unwrap();
    assert_eq!(records.len(), 5);
    assert!(place("2") < place("3").min(place("4")));
    assert_eq!(place("5"), 4);
}

#[test]
fn ledger_33_children_are_found_at_once_from_their_parents_last_answer_and_not_by_a_listing() {
    let (mut model, mut driven) = split_behind_a_reader();
    let now = model.now;
    assert_eq!(
        driven.batch(&mut model).len() + driven.batch(&mut model).len(),
        2
    );
    assert!(
        model.now - now <= Duration::from_secs(1),
        "one idle poll at most"
    );
    assert!(!model.asked.contains(&Ask::List));
}

#[test]
fn ledger_28_29_positions_move_when_records_are_handed_out_and_not_when_they_are_fetched() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2", "3", "4"]);
    model.page = 1;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let first = driven.batch(&mut model);
    assert_eq!(texts(&first.records().collect::<Vec<_>>()), ["1"]);
    // More is fetched ahead; whoever resumes from here still gets it.
    assert!(matches!(
        driven.answer(&mut model, 0),
        Some(Effect::Call(..)) | None
    ));
    assert_eq!(driven.state.stats.kinesis_records, 2);
    let rest = resumed(&mut model, &driven, Until::Now).rest(&mut model);
    assert_eq!(texts(&rest), ["2", "3", "4"]);
}

#[test]
fn ledger_43_44_an_expired_iterator_is_replaced_behind_the_last_record_at_every_place() {
    for expires_after in 0..5 {
        let mut model = Model::new(1);
        put(&mut model, 0, &["1", "2", "3"]);
        model.page = 1;
        model
            .faults
            .extend(std::iter::repeat_n(None, expires_after));
        model
            .faults
            .push_back(Some(Fault::Refuse(ErrorKind::ExpiredIterator)));
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
        assert_eq!(
            texts(&driven.rest(&mut model)),
            ["1", "2", "3"],
            "after {expires_after} calls"
        );
    }
}

#[test]
fn ledger_44_66_a_caller_that_pauses_for_ten_minutes_loses_and_repeats_nothing() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1", "2"]);
    model.now = model.now + Duration::from_secs(600);
    put(&mut model, 0, &["3"]);
    assert_eq!(texts(&driven.available(&mut model)), ["3"]);
    assert_eq!(driven.state.stats.expired_iterators, 1);
}

#[test]
fn ledger_66_an_idle_shard_is_polled_rarely_and_its_iterator_stays_alive() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    let began = model.now;
    while model.now - began < Duration::from_secs(600) {
        driven.available(&mut model);
    }
    put(&mut model, 0, &["late"]);
    assert_eq!(texts(&driven.available(&mut model)), ["late"]);
    assert_eq!(driven.state.stats.expired_iterators, 0);
    let reads = driven.state.stats.reads;
    assert!((600..720).contains(&reads), "{reads} reads in ten minutes");
}

#[test]
fn ledger_45_a_failing_shard_is_asked_ever_more_rarely_and_given_up_with_its_reason() {
    let mut model = Model::new(1);
    model.faults.extend(std::iter::repeat_n(
        Some(Fault::Refuse(ErrorKind::Unavailable)),
        1_000,
    ));
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let Effect::Fail(error) = driven.next(&mut model) else {
        panic!()
    };
    assert_eq!(
        (error.kind(), error.shard_id()),
        (ErrorKind::Unavailable, Some("shardId-000000000000"))
    );
    assert!(error.elapsed().unwrap() >= Duration::from_secs(60));
    assert!(
        error.attempt_count() < 40,
        "{} attempts in a minute",
        error.attempt_count()
    );
    // Asked again, it goes on where it stood.
    model.faults.clear();
    put(&mut model, 0, &["1"]);
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
}

#[test]
fn time_in_which_nobody_waits_counts_towards_no_failure() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let failure = Some(Fault::Refuse(ErrorKind::Unavailable));
    model.faults.extend([None, failure, failure]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    while driven.state.stats.retries == 0 {
        if let Effect::Call(ticket, ask) = driven.step(&model, None) {
            driven.under_way.push((ticket, ask));
        }
        assert!(driven.answer(&mut model, 0).is_none());
    }
    driven.state.leave(model.now);
    model.now = model.now + Duration::from_secs(100);
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
    assert_eq!(driven.state.stats.retries, 2);
}

#[test]
fn a_failure_that_waiting_will_not_mend_is_told_at_once_and_nothing_is_lost() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    model
        .faults
        .push_back(Some(Fault::Refuse(ErrorKind::AccessDenied)));
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let Effect::Fail(error) = driven.next(&mut model) else {
        panic!()
    };
    assert_eq!(
        (error.kind(), error.attempt_count()),
        (ErrorKind::AccessDenied, 1)
    );
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
}

#[test]
fn ledger_48_a_position_inside_an_aggregate_resumes_behind_that_user_record() {
    let mut model = Model::new(1);
    let many = |texts: [&'static str; 3]| aggregate(texts.map(|text| (text, None, text))).unwrap();
    model.put(0, many(["1", "2", "3"]));
    model.put(0, many(["4", "5", "6"]));
    for taken in 1..=6 {
        let mut limited = settings(&model, Until::Now);
        limited.max_records = 1;
        let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, limited);
        let mut records: Vec<_> = (0..taken)
            .flat_map(|_| driven.batch(&mut model).records().collect::<Vec<_>>())
            .collect();
        records.extend(resumed(&mut model, &driven, Until::Now).rest(&mut model));
        assert_eq!(
            texts(&records),
            ["1", "2", "3", "4", "5", "6"],
            "resumed behind {taken}"
        );
        let subs: Vec<_> = records
            .iter()
            .map(|record| record.sub_sequence_number)
            .collect();
        assert_eq!(subs, [Some(0), Some(1), Some(2), Some(0), Some(1), Some(2)]);
    }
}

/// The service's clock, which stamps records, may be ahead of ours by any time, or behind.
#[test]
fn until_now_ends_behind_all_that_was_there_whatever_our_clock_says() {
    let day = Duration::from_secs(86_400);
    for is_behind in [true, false] {
        let mut model = Model::new(1);
        model.page = 1;
        for text in ["1", "2", "3"] {
            put(&mut model, 0, &[text]);
            model.now = model.now + Duration::from_millis(10);
        }
        let mut skewed = settings(&model, Until::Now);
        let wall = skewed.opened_wall.as_millis();
        let skew = day.as_millis() as u64;
        skewed.opened_wall = Timestamp::from_millis(match is_behind {
            true => wall - skew,
            false => wall + skew,
        });
        // Longer ago than the records lie apart.
        model.now = model.now + Duration::from_secs(60);
        let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, skewed);
        let mut records: Vec<_> = driven.batch(&mut model).records().collect();
        // Somebody goes on writing: that is not waited for.
        (0..50).for_each(|_| put(&mut model, 0, &["later"]));
        records.extend(driven.rest(&mut model));
        let all = texts(&records);
        assert_eq!(all[..3], ["1", "2", "3"]);
        assert!(all.len() < 10, "it ends: {}", all.len());
    }
}

#[test]
fn ledger_52_74_an_end_without_iterator_is_an_end_whether_null_absent_or_empty() {
    for fault in [None, Some(Fault::EmptyIterator)] {
        let mut model = Model::new(1);
        put(&mut model, 0, &["1"]);
        let [left, _] = model.split(0);
        put(&mut model, left, &["2"]);
        model.faults.extend([None, fault]);
        let records = Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model);
        assert_eq!(texts(&records), ["1", "2"], "{fault:?}");
    }
}

#[test]
fn ledger_74_a_missing_iterator_of_an_open_shard_does_not_end_it() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    model.faults.extend([None, None, Some(Fault::EarlyEnd)]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    put(&mut model, 0, &["2"]);
    assert_eq!(texts(&driven.available(&mut model)), ["2"]);
    assert_eq!(driven.state.stats.early_ends, 1);
}

#[test]
fn an_end_that_names_no_children_is_followed_by_a_listing() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    driven.available(&mut model);
    let [left, right] = model.split(0);
    put(&mut model, left, &["1"]);
    put(&mut model, right, &["2"]);
    model.faults.push_back(Some(Fault::Childless));
    let mut records = texts(&driven.available(&mut model));
    records.sort();
    assert_eq!(records, ["1", "2"]);
}

#[test]
fn a_server_that_gives_a_closed_shard_iterators_for_ever_is_read_to_the_end() {
    for until in [Until::Now, Until::Forever] {
        let mut model = Model::new(1);
        put(&mut model, 0, &["parent"]);
        let [left, _] = model.split(0);
        put(&mut model, left, &["child"]);
        model.faults = vec![Some(Fault::Endless); 12].into();
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, until);
        let first = driven.batch(&mut model);
        let second = driven.batch(&mut model);
        let records: Vec<_> = first.records().chain(second.records()).collect();
        assert_eq!(texts(&records), ["parent", "child"]);
    }
}

#[test]
fn ledger_53_a_shard_whose_parent_has_expired_is_read() {
    let mut model = Model::new(2);
    let [left, _] = model.split(0);
    put(&mut model, left, &["1"]);
    model.expire(0);
    let records = Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model);
    assert_eq!(texts(&records), ["1"]);
}

#[test]
fn a_shard_that_expires_while_it_is_read_is_counted_and_its_children_are_read() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2"]);
    model.page = 1;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(
        texts(&driven.batch(&mut model).records().collect::<Vec<_>>()),
        ["1"]
    );
    let [left, _] = model.split(0);
    put(&mut model, left, &["3"]);
    let ahead = driven.available(&mut model);
    model.expire(0);
    let records = [ahead, driven.available(&mut model)].concat();
    assert_eq!(texts(&records).last().map(String::as_str), Some("3"));
}

#[test]
fn grandchildren_are_read_whose_parents_expired_before_they_were_seen() {
    let mut model = Model::new(2);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    let [gone, left] = model.split(0);
    let grandchildren = model.split(gone);
    for shard in [left, grandchildren[0], grandchildren[1]] {
        put(&mut model, shard, &["a record"]);
    }
    // Younger shards of the other parent are known first, while the calls of this one hang.
    let [_, youngest] = model.split(1);
    let hangs = |(_, ask): &(u64, Ask)| match ask {
        Ask::Iterator { shard, .. } => shard.get() == 0,
        Ask::Read { iterator, .. } => iterator.starts_with("0/"),
        _ => false,
    };
    while !driven.state.shards.contains_key(&ShardId::new(youngest)) {
        match driven.step(&model, None) {
            Effect::Call(ticket, ask) => driven.under_way.push((ticket, ask)),
            Effect::Wait(Some(at)) => model.now = model.now.max(at),
            _ => {}
        }
        if let Some(index) = driven.under_way.iter().position(|call| !hangs(call)) {
            assert!(driven.answer(&mut model, index).is_none());
        }
    }
    model.expire(0);
    model.expire(gone);
    assert_eq!(driven.available(&mut model).len(), 3);
}

#[test]
fn a_child_that_expired_before_its_parents_end_is_looked_for_with_its_own_children() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    let [gone, left] = model.split(0);
    let grandchildren = model.split(gone);
    for shard in [left, grandchildren[0], grandchildren[1]] {
        put(&mut model, shard, &["a record"]);
    }
    model.expire(gone);
    assert_eq!(driven.available(&mut model).len(), 3);
}

#[test]
fn ledger_71_a_server_that_goes_back_is_not_repeated_to_the_caller() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2", "3", "4"]);
    model.page = 2;
    model.faults.extend([None, None, Some(Fault::Rewind)]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2", "3", "4"]);
    assert_eq!(driven.state.stats.repeated, 1);
}

#[test]
fn ledger_66_empty_answers_before_data_are_read_past() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    model.faults.extend([
        None,
        Some(Fault::Empty),
        Some(Fault::Empty),
        Some(Fault::Empty),
    ]);
    let records = Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model);
    assert_eq!(texts(&records), ["1"]);
}

#[test]
fn ledger_84_an_answer_to_a_call_that_is_no_longer_waited_for_is_ignored() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let outcome = model.answer(&Ask::Read {
        iterator: format!("0/0/0/{}/0", ORIGIN.as_secs() - 10).into(),
        limit: 1_000,
    });
    let foreign = Event {
        ticket: 999,
        outcome,
    };
    assert!(matches!(
        driven.step(&model, Some(foreign)),
        Effect::Call(..)
    ));
    assert_eq!(driven.state.stats.reads, 0);
}

#[test]
fn ledger_9_a_stream_that_is_made_again_while_it_is_read_is_a_typed_error() {
    let mut model = Model::new(2);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    driven.available(&mut model);
    model.now = model.now + Duration::from_secs(3);
    model.recreate(2);
    let Effect::Fail(error) = driven.next(&mut model) else {
        panic!()
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("made again"), "{error}");
}

#[test]
fn positions_of_another_stream_are_refused_before_anything_is_read() {
    let mut model = Model::new(2);
    let foreign = model.put(0, "1");
    model.now = model.now + Duration::from_secs(3);
    model.recreate(1);
    let after = Position::After {
        sequence_number: foreign,
        sub_sequence_number: None,
    };
    for (stream, shard) in [("orders", 0), ("orders", 1), ("other", 0)] {
        let mut positions = Positions::of_stream(stream);
        positions.set(ShardId::new(shard), after);
        let error = Start::Positions(positions)
            .plan("orders", model.list(), model.now)
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn latest_is_fixed_when_opening_returns() {
    let mut model = Model::new(2);
    put(&mut model, 0, &["before"]);
    let mut driven = Driven::open(&mut model, Start::Latest, Until::Forever);
    put(&mut model, 0, &["after"]);
    let [left, _] = model.split(1);
    put(&mut model, left, &["child"]);
    let mut records = texts(&driven.available(&mut model));
    records.sort();
    assert_eq!(records, ["after", "child"]);
}

#[test]
fn latest_survives_an_expired_iterator_without_losing_what_came_meanwhile() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["before"]);
    model.now = model.now + Duration::from_secs(60);
    let mut driven = Driven::open(&mut model, Start::Latest, Until::Forever);
    put(&mut model, 0, &["1"]);
    model.now = model.now + Duration::from_secs(400);
    put(&mut model, 0, &["2"]);
    assert_eq!(texts(&driven.available(&mut model)), ["1", "2"]);
}

#[test]
fn a_time_to_start_and_a_time_to_end_are_kept() {
    let mut model = Model::new(1);
    let mut times = Vec::new();
    for text in ["1", "2", "3", "4"] {
        model.now = model.now + Duration::from_secs(100);
        times.push(model.wall());
        put(&mut model, 0, &[text]);
        if text == "2" {
            model.now = model.now + Duration::from_secs(1);
        }
    }
    let mut driven = Driven::open(&mut model, Start::At(times[1]), Until::At(times[2]));
    assert_eq!(texts(&driven.rest(&mut model)), ["2", "3"]);
    // What was read past the end is not passed over by the position.
    assert_eq!(
        texts(&resumed(&mut model, &driven, Until::Now).rest(&mut model)),
        ["4"]
    );
}

#[test]
fn until_a_time_follows_into_children_that_were_made_before_it() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let [left, _] = model.split(0);
    put(&mut model, left, &["2"]);
    let time = model.wall();
    model.now = model.now + Duration::from_secs(100);
    put(&mut model, left, &["3"]);
    let records = Driven::open(&mut model, Start::TrimHorizon, Until::At(time)).rest(&mut model);
    assert_eq!(texts(&records), ["1", "2"]);
}

#[test]
fn a_throttled_shard_is_read_at_the_services_pace_from_then_on() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["x"; 50]);
    model.page = 1;
    model
        .faults
        .extend([None, Some(Fault::Refuse(ErrorKind::Throttled))]);
    let began = model.now;
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(driven.rest(&mut model).len(), 50);
    let elapsed = model.now - began;
    assert!(
        elapsed >= Duration::from_millis(9_500) && elapsed < Duration::from_secs(11),
        "{elapsed:?}"
    );
}

#[test]
fn an_aggregate_outside_the_shards_range_is_reported_dropped_or_dropped_whole_as_asked() {
    for (filter, expected, dropped) in [
        (RangeFilter::Report, vec!["in", "out", "in2"], 0),
        (RangeFilter::Drop, vec!["in", "in2"], 1),
        (RangeFilter::Kcl, vec![], 3),
    ] {
        let mut model = Model::new(2);
        let (low, high) = (Some(HashKey::MIN), Some(HashKey::MAX));
        model.put(
            0,
            aggregate([("k", low, "in"), ("k", high, "out"), ("k", low, "in2")]).unwrap(),
        );
        put(&mut model, 0, &["plain"]);
        let mut chosen = settings(&model, Until::Now);
        chosen.decoding.range_filter = filter;
        let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
        let records = driven.rest(&mut model);
        assert_eq!(
            texts(&records),
            [expected, vec!["plain"]].concat(),
            "{filter:?}"
        );
        assert!(
            records
                .iter()
                .all(|record| record.in_range == (record.data != "out"))
        );
        let stats = driven.state.stats;
        assert_eq!((stats.out_of_range, stats.dropped), (1, dropped));
    }
}

#[test]
fn ledger_23_27_damaged_aggregates_and_look_alikes_come_whole_between_their_neighbours() {
    let mut model = Model::new(1);
    let good = aggregate([("k", None, "1"), ("k", None, "2")]).unwrap();
    let mut damaged = good.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    model.put(0, good.clone());
    model.put(0, damaged.clone());
    model.put(0, "plain");
    model.put(0, good);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let records = driven.rest(&mut model);
    assert_eq!(records.len(), 6);
    assert_eq!(
        (&records[2].data[..], records[2].sub_sequence_number),
        (&damaged[..], None)
    );
    assert_eq!(driven.state.stats.outcomes.look_alikes, 1);
}

#[test]
fn glue_headers_are_taken_away_on_request_inside_aggregates_too_and_kept_where_data_is_compressed()
{
    let framed =
        |compression: u8, data: &str| [&[3, compression], &[7; 16][..], data.as_bytes()].concat();
    let records = [
        framed(0, "a"),
        framed(5, "z"),
        b"plain".to_vec(),
        framed(0, ""),
    ];
    for strip in [false, true] {
        let mut model = Model::new(1);
        model.put(0, framed(0, "alone"));
        let within = records
            .iter()
            .map(|data| ("k", Some(HashKey::new(1)), data.as_slice()));
        model.put(0, aggregate(within).unwrap());
        let mut chosen = settings(&model, Until::Now);
        chosen.decoding.strip_glue = strip;
        let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
        let read: Vec<_> = driven
            .rest(&mut model)
            .into_iter()
            .map(|record| record.data.to_vec())
            .collect();
        let stats = driven.state.stats;
        let expected = match strip {
            false => [&[framed(0, "alone")][..], &records].concat(),
            true => vec![
                b"alone".to_vec(),
                b"a".to_vec(),
                framed(5, "z"),
                b"plain".to_vec(),
                vec![],
            ],
        };
        assert_eq!(read, expected);
        let counted = if strip { (3, 1) } else { (0, 0) };
        assert_eq!((stats.glue_headers, stats.glue_compressed), counted);
    }
}

#[test]
fn ledger_27_plain_and_aggregated_records_come_whole_in_every_order_of_the_two() {
    for order in 0..1_u32 << 6 {
        let mut model = Model::new(1);
        let mut expected = Vec::new();
        for place in 0..6 {
            let alone = format!("{place}");
            if order >> place & 1 == 0 {
                model.put(0, alone.clone());
                expected.push((alone, None));
            } else {
                let within = [format!("{place}a"), format!("{place}b")];
                let records = within.iter().map(|text| ("k", Some(HashKey::new(1)), text));
                model.put(0, aggregate(records).unwrap());
                expected.extend(within.into_iter().zip([Some(0), Some(1)]));
            }
        }
        let records = Driven::open(&mut model, Start::TrimHorizon, Until::Now).rest(&mut model);
        let subs = records.iter().map(|record| record.sub_sequence_number);
        let read: Vec<_> = texts(&records).into_iter().zip(subs).collect();
        assert_eq!(read, expected, "order {order:06b}");
    }
}
