//! The rules on hand-written histories: a good one, and each way to spoil it.

use super::*;
use crate::history::{Life, Lineage, Resume, Sent, Told};
use kinetik::producer::{Ledger, Tally};
use kinetik::time::Moment;
use kinetik::types::{SequenceNumber, ShardId};

fn sequence(number: u32) -> SequenceNumber {
    (0..number).fold(SequenceNumber::ZERO, |number, _| number.next())
}

fn place(shard: u32, number: u32) -> Place {
    Place {
        shard: ShardId::new(shard),
        sequence: sequence(number),
        sub: None,
    }
}

fn read(id: u64, shard: u32, number: u32) -> Read {
    Read {
        id,
        place: place(shard, number),
        in_range: true,
    }
}

fn ms(ms: u64) -> Moment {
    Moment::ZERO + Duration::from_millis(ms)
}

fn put(id: u64, end: End) -> Put {
    Put {
        id,
        key: id,
        at: ms(0),
        ends: vec![end],
        ended: ms(100),
    }
}

fn delivered(place: Place) -> End {
    End::Delivered {
        place,
        may_be_duplicate: false,
    }
}

fn given_back(persisted: Persisted, kind: ErrorKind) -> End {
    End::GivenBack { persisted, kind }
}

/// An entry with one record.
fn sent(history: &mut History, at: u64, id: u64, print: u64, told: Told) {
    let from = history.wire.ids.len();
    history.wire.ids.push(id);
    history.wire.sent.push(Sent {
        at: ms(at),
        ids: from..from + 1,
        print,
        bytes: 10,
        company: 1,
        told,
    });
}

fn stored(shard: u32, number: u32) -> Told {
    Told::Stored(ShardId::new(shard), sequence(number))
}

const FORBIDDEN: Told = Told::Forbidden(ErrorKind::AccessDenied);

/// Two delivered, one refused, one given back: a run without fault.
fn good() -> History {
    let tally = |records| Tally {
        records,
        bytes: records,
    };
    let reads = vec![read(1, 0, 1), read(2, 1, 1)];
    let refused = End::Refused {
        kind: ErrorKind::BufferFull,
        had_room: false,
    };
    let mut history = History {
        puts: vec![
            put(1, delivered(place(0, 1))),
            put(2, delivered(place(1, 1))),
            put(3, refused),
            put(4, given_back(Persisted::No, ErrorKind::AccessDenied)),
        ],
        lives: vec![Life {
            reads_again: Some(reads.clone()),
            of_kcl: [1, 2].into(),
            reads,
            lineage: vec![Lineage {
                shard: ShardId::new(1),
                parents: vec![ShardId::new(0)],
            }],
        }],
        ledger: Ledger {
            accepted: tally(3),
            delivered: tally(2),
            failed: tally(1),
            pending: tally(0),
        },
        peak_bytes: 10,
        max_bytes: 10,
        deadline: Duration::from_secs(120),
        is_deadline_ample: true,
        closed_in_time: true,
        ..History::default()
    };
    sent(&mut history, 0, 1, 11, Told::Refused(ErrorKind::Throttled));
    sent(&mut history, 1, 1, 11, Told::Doubt);
    sent(&mut history, 2, 1, 11, stored(0, 1));
    sent(&mut history, 2, 2, 12, stored(1, 1));
    sent(&mut history, 2, 4, 14, FORBIDDEN);
    history
}

fn broken(spoil: impl FnOnce(&mut History)) -> Vec<Rule> {
    let mut history = good();
    spoil(&mut history);
    check(&history).into_keys().collect()
}

/// Changes what is read, both times.
fn reads(history: &mut History, spoil: impl Fn(&mut Vec<Read>)) {
    let life = &mut history.lives[0];
    spoil(&mut life.reads);
    life.reads_again.iter_mut().for_each(spoil);
}

#[test]
fn a_run_without_fault_passes() {
    assert_eq!(check(&good()), BTreeMap::new());
}

#[test]
fn a_lost_write_is_found() {
    let found = broken(|history| {
        reads(history, |reads| reads.truncate(1));
        history.lives[0].of_kcl.remove(&2);
    });
    assert_eq!(found, [Rule::LostWrite, Rule::Routing]);
    let elsewhere = broken(|history| reads(history, |reads| reads[1].place = place(1, 9)));
    assert_eq!(elsewhere, [Rule::LostWrite]);
}

#[test]
fn a_record_that_kcl_drops_is_a_lost_write() {
    let found = broken(|history| history.lives[0].of_kcl.retain(|id| *id != 2));
    assert_eq!(found, [Rule::LostWrite]);
}

#[test]
fn an_acknowledged_record_of_a_deleted_stream_must_have_been_there() {
    let other_life = |history: &mut History| {
        let mut life = history.lives[0].clone();
        life.reads_again = None;
        history.lives.insert(0, life);
        history.lives[1].reads.clear();
        history.lives[1].reads_again = Some(Vec::new());
        history.lives[1].of_kcl.clear();
    };
    assert_eq!(broken(other_life), []);
    let found = broken(|history| {
        other_life(history);
        history.lives[0].reads.pop();
        history.lives[0].of_kcl.remove(&2);
    });
    assert_eq!(found, [Rule::LostWrite, Rule::Routing]);
}

#[test]
fn a_phantom_is_found() {
    for id in [3, 4] {
        let found = broken(|history| reads(history, |reads| reads.push(read(id, 1, 2))));
        assert_eq!(found, [Rule::Phantom]);
    }
}

#[test]
fn a_duplicate_is_found_unless_its_receipt_told_of_it() {
    let twice = |history: &mut History| reads(history, |reads| reads.push(read(2, 1, 2)));
    assert_eq!(broken(twice), [Rule::Duplicate]);
    let told = broken(|history| {
        twice(history);
        let place = place(1, 1);
        history.puts[1].ends = vec![End::Delivered {
            place,
            may_be_duplicate: true,
        }];
    });
    assert_eq!(told, []);
}

#[test]
fn two_reads_of_a_place_must_agree() {
    let found = broken(|history| {
        let again = history.lives[0].reads_again.as_mut().expect("read twice");
        again[1].id = 1;
    });
    assert_eq!(found, [Rule::InconsistentOffset]);
}

#[test]
fn a_reader_that_goes_back_or_skips_is_found() {
    let back = broken(|history| {
        reads(history, |reads| reads.push(read(2, 1, 0)));
        history.puts[1].ends = vec![End::Delivered {
            place: place(1, 1),
            may_be_duplicate: true,
        }];
    });
    assert_eq!(back, [Rule::NonmonotonicPoll]);
    let skipped = broken(|history| {
        let again = history.lives[0].reads_again.as_mut().expect("read twice");
        again.truncate(1);
    });
    assert_eq!(skipped, [Rule::NonmonotonicPoll]);
}

#[test]
fn a_child_before_its_parent_is_found() {
    let found = broken(|history| reads(history, |reads| reads.reverse()));
    assert_eq!(found, [Rule::ParentBeforeChild]);
}

#[test]
fn a_record_with_no_end_or_two_is_found() {
    let none = broken(|history| history.puts[0].ends.clear());
    assert_eq!(none, [Rule::Conservation]);
    let twice = broken(|history| {
        let end = history.puts[0].ends[0];
        history.puts[0].ends.push(end);
    });
    assert_eq!(twice, [Rule::Conservation]);
    let miscounted = broken(|history| history.ledger.delivered.records = 1);
    assert_eq!(miscounted, [Rule::Conservation]);
}

#[test]
fn what_is_left_in_time_is_found() {
    let left = broken(|history| {
        history.ledger.pending = history.ledger.failed;
        history.ledger.failed = Tally::default();
    });
    assert_eq!(left, [Rule::Unseen]);
    let unflushed = broken(|history| history.unflushed.push(1));
    assert_eq!(unflushed, [Rule::Unseen]);
}

#[test]
fn swapped_records_and_those_after_a_hole_are_found_in_ordered_mode() {
    let one_key = |history: &mut History| {
        history.is_ordered = true;
        history.puts.iter_mut().for_each(|put| put.key = 7);
    };
    assert_eq!(broken(one_key), []);
    let swapped = |history: &mut History| {
        let [first, second] = [0, 1].map(|put: usize| history.puts[put].ends.clone());
        reads(history, |reads| (reads[0].id, reads[1].id) = (2, 1));
        (history.puts[0].ends, history.puts[1].ends) = (second, first);
    };
    assert_eq!(broken(swapped), []);
    let found = broken(|history| {
        one_key(history);
        swapped(history);
    });
    assert_eq!(found, [Rule::NonmonotonicSend]);
    let after_a_hole = |history: &mut History| {
        one_key(history);
        // The record that was given back is put first.
        let hole = history.puts.pop().expect("four were put");
        history.puts.insert(0, Put { id: 0, ..hole });
        let last = history.wire.ids.len() - 1;
        history.wire.ids[last] = 0;
    };
    assert_eq!(broken(after_a_hole), [Rule::NonmonotonicSend]);
    let mended = broken(|history| {
        after_a_hole(history);
        history.resumes.push(Resume {
            key: Some(7),
            before: 1,
        });
    });
    assert_eq!(mended, []);
}

#[test]
fn bad_routing_is_found() {
    let outside = |history: &mut History| reads(history, |reads| reads[0].in_range = false);
    assert_eq!(broken(outside), [Rule::Routing]);
}

#[test]
fn more_than_is_allowed_is_found() {
    let held = broken(|history| history.peak_bytes = 11);
    assert_eq!(held, [Rule::Boundedness]);
    let large = broken(|history| history.wire.oversized.push("too much".to_owned()));
    assert_eq!(large, [Rule::Boundedness]);
    let burst = |pause: u64| {
        broken(|history| {
            history.bursts.push(1_000..1_100);
            for number in 0..50 {
                history.puts.push(put(
                    1_000 + number,
                    given_back(Persisted::Maybe, ErrorKind::Protocol),
                ));
                sent(history, number * pause, 1_000 + number, number, Told::Doubt);
                history.wire.sent.last_mut().expect("just sent").bytes = 100_000;
            }
            history.ledger.accepted.records += 50;
            history.ledger.failed.records += 50;
        })
    };
    assert_eq!(burst(1), [Rule::Boundedness]);
    assert_eq!(burst(100), []);
}

#[test]
fn a_refusal_or_a_failure_without_a_reason_is_found() {
    let refused = |kind, had_room| {
        broken(|history| history.puts[2].ends = vec![End::Refused { kind, had_room }])
    };
    assert_eq!(refused(ErrorKind::BufferFull, true), [Rule::Unfounded]);
    assert_eq!(refused(ErrorKind::RecordTooLarge, false), [Rule::Unfounded]);
    let failed = |kind, told, company| {
        broken(|history| {
            history.puts[3].ends = vec![given_back(Persisted::Maybe, kind)];
            let last = history.wire.sent.last_mut().expect("five were sent");
            (last.told, last.company) = (told, company);
        })
    };
    let throttled = Told::Refused(ErrorKind::Throttled);
    assert_eq!(
        failed(ErrorKind::AccessDenied, throttled, 1),
        [Rule::Unfounded]
    );
    assert_eq!(
        failed(ErrorKind::Throttled, throttled, 1),
        [Rule::Unfounded]
    );
    assert_eq!(failed(ErrorKind::Protocol, Told::Doubt, 1), []);
    // One bad record must not take others with it.
    let bad = ErrorKind::InvalidArgument;
    assert_eq!(failed(bad, Told::Forbidden(bad), 1), []);
    assert_eq!(failed(bad, Told::Forbidden(bad), 2), [Rule::Unfounded]);
}

#[test]
fn an_end_behind_the_deadline_and_one_by_it_that_need_not_be_are_found() {
    let expired = |after: u64, deadline: u64, is_ample| {
        broken(|history| {
            history.puts[3].ends = vec![given_back(Persisted::Maybe, ErrorKind::Expired)];
            history.puts[3].ended = ms(after);
            history.deadline = Duration::from_millis(deadline);
            history.is_deadline_ample = is_ample;
        })
    };
    assert_eq!(expired(3_000, 3_000, false), []);
    assert_eq!(expired(3_000, 3_000, true), [Rule::Late]);
    assert_eq!(expired(3_001, 3_000, false), [Rule::Late]);
    assert_eq!(expired(100, 3_000, false), [Rule::Late]);
}

#[test]
fn other_bytes_for_what_may_be_stored_are_found() {
    let found = broken(|history| history.wire.sent[2].print = 99);
    assert_eq!(found, [Rule::NotIdentical]);
    // What was refused may be taken apart.
    let taken_apart = broken(|history| history.wire.sent[0].print = 99);
    assert_eq!(taken_apart, []);
}

#[test]
fn what_is_sent_again_without_need_is_found() {
    let stored_well = broken(|history| sent(history, 5, 2, 12, stored(1, 1)));
    assert_eq!(stored_well, [Rule::SentInVain]);
    let forbidden = broken(|history| sent(history, 5, 4, 14, FORBIDDEN));
    assert_eq!(forbidden, [Rule::SentInVain]);
    let misrouted = broken(|history| {
        reads(history, |reads| {
            reads.insert(
                1,
                Read {
                    in_range: false,
                    ..read(2, 0, 2)
                },
            );
        });
        history.puts[1].ends = vec![End::Delivered {
            place: place(1, 1),
            may_be_duplicate: true,
        }];
        history.wire.sent[3].told = stored(0, 2);
        sent(history, 5, 2, 13, stored(1, 1));
    });
    assert_eq!(misrouted, []);
}

#[test]
fn calls_without_pause_in_an_outage_are_found() {
    let outage =
        |calls| broken(|history| history.wire.outages.push((calls, Duration::from_secs(2))));
    assert_eq!(outage(84), []);
    assert_eq!(outage(120), [Rule::Storm]);
}
