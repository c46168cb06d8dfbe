//! Input that is wrong: servers that answer what they should not, records that are damaged, positions of elsewhere. Each is a
//! typed error or a recovery that is counted; nothing is lost in silence.

use std::time::Duration;

use super::super::config::{Start, Until};
use super::super::position::{Position, Positions};
use super::super::state::{Ask, Effect};
use super::model::{Driven, Fault, Model, put, settings, texts};
use crate::codec::digest::md5;
use crate::codec::{MAGIC, aggregate};
use crate::error::{Error, ErrorKind};
use crate::time::Moment;
use crate::types::ShardId;

const MINUTE: Duration = Duration::from_secs(60);

/// What the caller is told; panics if it is anything else.
fn failure(driven: &mut Driven, model: &mut Model) -> Error {
    match driven.next(model) {
        Effect::Fail(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ledger_74_a_server_that_gives_the_same_iterator_for_ever_is_read_by_positions() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2", "3", "4", "5"]);
    model.page = 2;
    model.faults = [vec![None], vec![Some(Fault::Same); 100]].concat().into();
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2", "3", "4", "5"]);
    let asked = model.asked.iter();
    let iterators = asked.filter(|ask| matches!(ask, Ask::Iterator { .. }));
    assert_eq!(iterators.count(), 4, "one more whenever it stood still");
}

#[test]
fn ledger_74_at_the_tip_the_same_iterator_is_as_good_as_another() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    model.faults = vec![Some(Fault::Same); 20].into();
    assert!(driven.available(&mut model).is_empty());
    put(&mut model, 0, &["1"]);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    assert_eq!(driven.state.stats.retries, 0);
}

#[test]
fn a_server_that_stands_still_for_ever_is_asked_rarely_and_given_up_with_its_reason() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let still = [None, Some(Fault::EmptySame)];
    model.faults = still.iter().copied().cycle().take(1_000).collect();
    let began = model.now;
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("iterator"), "{error}");
    assert!(model.now - began >= MINUTE && error.attempt_count() < 40);
    model.faults.clear();
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
}

#[test]
fn a_server_whose_iterators_are_always_expired_is_given_up_with_its_reason() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let expired = [None, Some(Fault::Refuse(ErrorKind::ExpiredIterator))];
    model.faults = expired.iter().copied().cycle().take(1_000).collect();
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::ExpiredIterator);
    assert!(error.attempt_count() < 40);
    model.faults.clear();
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
}

#[test]
fn a_server_that_has_more_and_never_gives_it_is_asked_at_most_five_times_a_second() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    model.faults = vec![Some(Fault::Empty); 100].into();
    let began = model.now;
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    let took = model.now - began;
    assert!(driven.state.stats.empty_reads >= 100);
    assert!(took >= Duration::from_secs(16), "{took:?}");
}

#[test]
fn a_null_or_empty_iterator_of_a_position_is_told_and_reading_goes_on_behind_it() {
    for is_text in [false, true] {
        let mut model = Model::new(1);
        put(&mut model, 0, &["1"]);
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
        let expired = Some(Fault::Refuse(ErrorKind::ExpiredIterator));
        model
            .faults
            .extend([expired, Some(Fault::NoIterator(is_text))]);
        let error = failure(&mut driven, &mut model);
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(error.shard_id(), Some("shardId-000000000000"));
        assert!(error.message().contains("without an iterator"), "{error}");
        assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
    }
}

#[test]
fn records_without_numbers_are_told_and_not_handed_out() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    model.faults.extend([None, Some(Fault::Unnumbered)]);
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("sequence number"), "{error}");
    assert_eq!(texts(&driven.rest(&mut model)), ["1"]);
}

#[test]
fn ledger_23_aggregates_with_a_sound_digest_over_a_broken_body_come_whole_and_are_counted() {
    let framed = |body: &[u8]| [&MAGIC, body, &md5(body)].concat();
    // A key of ten bytes of which one is there; and a record that names the sixth of one key.
    let cut = framed(&[0x0a, 10, b'k']);
    let keyless = framed(&[0x0a, 1, b'k', 0x1a, 5, 0x08, 5, 0x1a, 1, b'x']);
    let mut model = Model::new(1);
    model.put(0, aggregate([("k", None, "1"), ("k", None, "2")]).unwrap());
    model.put(0, cut.clone());
    model.put(0, keyless.clone());
    put(&mut model, 0, &["3"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let records = driven.rest(&mut model);
    assert_eq!(texts(&records[..2]), ["1", "2"]);
    for (record, whole) in records[2..].iter().zip([&cut, &keyless]) {
        assert_eq!(
            (&record.data[..], record.sub_sequence_number),
            (&whole[..], None)
        );
    }
    assert_eq!(texts(&records[4..]), ["3"]);
    let outcomes = driven.state.stats.outcomes;
    assert_eq!((outcomes.look_alikes, outcomes.corrupt), (1, 1));
}

#[test]
fn a_shard_that_vanished_since_its_position_was_saved_is_counted_and_its_children_are_read() {
    let mut model = Model::new(2);
    let read = model.put(0, "read");
    put(&mut model, 0, &["unread"]);
    let [left, _] = model.split(0);
    put(&mut model, left, &["child"]);
    model.expire(0);
    let mut saved = Positions::of_stream("orders");
    let after = Position::After {
        sequence_number: read,
        sub_sequence_number: None,
    };
    saved.set(ShardId::new(0), after);
    saved.set(ShardId::new(1), Position::TrimHorizon);
    let mut driven = Driven::open(&mut model, Start::Positions(saved.clone()), Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["child"]);
    assert_eq!(driven.state.stats.vanished_shards, 1);

    saved.set(ShardId::new(0), Position::End);
    let driven = Driven::open(&mut model, Start::Positions(saved), Until::Now);
    assert_eq!(
        driven.state.stats.vanished_shards, 0,
        "it was read to its end"
    );
}

#[test]
fn a_position_inside_what_is_no_aggregate_repeats_that_record_rather_than_losing_it() {
    let mut model = Model::new(1);
    let plain = model.put(0, "plain");
    put(&mut model, 0, &["next"]);
    let mut saved = Positions::of_stream("orders");
    let inside = Position::After {
        sequence_number: plain,
        sub_sequence_number: Some(7),
    };
    saved.set(ShardId::new(0), inside);
    let mut driven = Driven::open(&mut model, Start::Positions(saved), Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["plain", "next"]);
}

#[test]
fn what_waits_to_be_handed_out_is_bounded_over_all_shards_that_are_polled() {
    const PIECE: usize = 10 << 10;
    let mut model = Model::new(16);
    for shard in 0..16 {
        for _ in 0..50 {
            model.put(shard, vec![b'x'; PIECE]);
        }
    }
    model.page = 5;
    let mut chosen = settings(&model, Until::Now);
    chosen.buffer_bytes = 200 << 10;
    chosen.concurrency = 64;
    chosen.max_records = 1;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
    let (mut most, mut read) = (0, 0);
    while let Effect::HandOut(batch) = driven.next(&mut model) {
        read += batch.len();
        most = most.max(driven.state.held());
    }
    assert_eq!(read, 16 * 50);
    assert!(most <= (200 << 10) + 6 * PIECE, "{most}");
}

#[test]
fn lag_and_backlog_tell_what_the_caller_was_not_given() {
    let mut model = Model::new(1);
    model.put(0, aggregate([("k", None, "1"), ("k", None, "2")]).unwrap());
    put(&mut model, 0, &["3"]);
    let mut chosen = settings(&model, Until::Forever);
    chosen.max_records = 1;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
    let lag = |driven: &Driven| {
        let [lag] = driven.state.lag()[..] else {
            panic!()
        };
        (
            lag.millis_behind_latest,
            lag.backlog.map(|left| left.records),
        )
    };
    assert_eq!(lag(&driven), (None, None));
    let mut left = Vec::new();
    for _ in 0..3 {
        driven.batch(&mut model);
        left.push(lag(&driven));
    }
    assert_eq!(left, [2, 1, 0].map(|left| (Some(0), Some(left))));
    assert_eq!(
        driven.state.lag()[0].backlog.map(|left| left.bytes),
        Some(0)
    );

    model.page = 1;
    put(&mut model, 0, &["4"]);
    model.now = model.now + Duration::from_secs(5);
    put(&mut model, 0, &["5"]);
    driven.batch(&mut model);
    let (behind, backlog) = lag(&driven);
    assert!(
        behind >= Some(5_000) && backlog.is_none(),
        "{behind:?} {backlog:?}"
    );
    let mut text = crate::metrics::Prometheus::new("");
    driven.state.lag()[0].export("orders", &mut text);
    let label = r#"{stream="orders",shard="shardId-000000000000"}"#;
    let text = text.finish();
    assert!(
        text.contains(&format!("reader_millis_behind_latest{label} 500")),
        "{text}"
    );
    assert!(!text.contains("backlog"), "not known: {text}");
    assert!(model.now - Moment::ZERO < MINUTE);
}

#[test]
fn credentials_that_were_renewed_and_a_clock_that_was_corrected_cost_one_more_call() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2"]);
    model.page = 1;
    // The transport advises to try again where the reason of a refusal is gone.
    let mended = Some(Fault::RefuseForNow(ErrorKind::Unauthenticated));
    model.faults.extend([mended, None, mended, None, mended]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2"]);
    assert_eq!(driven.state.stats.retries, 3);
    assert!(model.now - Moment::ZERO < Duration::from_secs(1));
}

#[test]
fn a_server_that_claims_the_tip_too_early_is_read_to_the_end_all_the_same() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2", "3", "4", "5"]);
    model.page = 2;
    model.faults = vec![Some(Fault::AtTip); 10].into();
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2", "3", "4", "5"]);
    assert!(
        model.now - Moment::ZERO < Duration::from_millis(100),
        "it does not wait"
    );
}

#[test]
fn a_server_that_gives_its_last_record_again_and_again_has_an_end_and_is_asked_rarely() {
    for until in [Until::Now, Until::Forever] {
        let mut model = Model::new(1);
        put(&mut model, 0, &["1", "2", "3"]);
        let repeats = std::iter::repeat_n(Some(Fault::Again(0)), 1_000);
        model.faults = [None, None].into_iter().chain(repeats).collect();
        let mut driven = Driven::open(&mut model, Start::TrimHorizon, until);
        let read = match until {
            Until::Now => driven.rest(&mut model),
            _ => driven.available(&mut model),
        };
        assert_eq!(texts(&read), ["1", "2", "3"]);
        let reads = driven.state.stats.reads;
        let most = if until == Until::Now { 8 } else { 40 };
        assert!(reads <= most, "{reads} reads in half a minute");
    }
}

#[test]
fn a_server_that_goes_back_for_ever_and_says_that_there_is_more_is_given_up_with_its_reason() {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    model.faults = vec![Some(Fault::Again(5_000)); 1_000].into();
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.attempt_count() < 40, "{}", error.attempt_count());
    assert!(driven.state.stats.repeated > 5);
    model.faults.clear();
    put(&mut model, 0, &["2"]);
    assert_eq!(texts(&driven.available(&mut model)), ["2"]);
}

#[test]
fn an_iterator_that_the_server_does_not_know_is_replaced_behind_the_last_record() {
    let unknown = Some(Fault::Refuse(ErrorKind::InvalidArgument));
    let mut model = Model::new(1);
    put(&mut model, 0, &["1", "2"]);
    model.page = 1;
    model.faults.extend([None, None, unknown]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2"]);
    assert_eq!(driven.state.stats.retries, 1);

    // The new one is not known either.
    model.faults.extend([None, unknown, None, None, unknown]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Now);
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(texts(&driven.rest(&mut model)), ["1", "2"]);
}

#[test]
fn an_iterator_that_is_not_known_because_the_stream_was_made_again_is_told_as_that() {
    let mut model = Model::new(1);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    driven.available(&mut model);
    model.now = model.now + Duration::from_secs(3);
    model.recreate(1);
    model.faults = vec![Some(Fault::Refuse(ErrorKind::InvalidArgument)), None].into();
    let error = failure(&mut driven, &mut model);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("made again"), "{error}");
}

#[test]
fn an_empty_answer_that_tells_no_distance_does_not_move_a_time_to_start() {
    let mut model = Model::new(1);
    let start = model.wall();
    put(&mut model, 0, &["1"]);
    model.now = model.now + MINUTE;
    model.faults.extend([None, Some(Fault::EmptyAfar)]);
    let mut driven = Driven::open(&mut model, Start::At(start), Until::Now);
    while !matches!(driven.next(&mut model), Effect::End) {}
    let saved = driven.state.positions("orders");
    assert_eq!(saved.get(ShardId::new(0)), Some(Position::At(start)));
    let mut resumed = Driven::open(&mut model, Start::Positions(saved), Until::Now);
    assert_eq!(texts(&resumed.rest(&mut model)), ["1"]);
}
