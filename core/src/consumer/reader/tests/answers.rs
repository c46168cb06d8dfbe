//! How much an answer is asked for, and what room it takes.

use super::super::batch::{Batch, Entry};
use super::super::config::{Start, Until};
use super::super::state::{Ask, Effect};
use super::model::{Driven, Fault, Model, settings};
use crate::error::ErrorKind;

/// What each read of a shard asked for, whose records have these bytes.
fn limits(model: &mut Model, records: impl Iterator<Item = usize>) -> Vec<usize> {
    for bytes in records {
        model.put(0, vec![b'.'; bytes - "k".len()]);
    }
    let before = model.asked.len();
    Driven::open(model, Start::TrimHorizon, Until::Now).rest(model);
    let limit = |ask: &Ask| match ask {
        Ask::Read { limit, .. } => Some(*limit),
        _ => None,
    };
    model.asked[before..].iter().filter_map(limit).collect()
}

#[test]
fn answers_are_asked_for_that_are_as_large_as_what_a_shard_gives_in_a_second() {
    let mut model = Model::new(1);
    model.page = usize::MAX;
    let asked = limits(&mut model, std::iter::repeat_n(1_024, 4_000));
    assert_eq!(asked, [1_000, 2_048, 2_048, 2_048], "2 MiB");
}

#[test]
fn small_records_are_asked_for_by_as_many_as_the_service_gives_and_large_ones_by_a_few() {
    let mut small = Model::new(1);
    small.page = usize::MAX;
    let asked = limits(&mut small, std::iter::repeat_n(100, 12_000));
    assert_eq!(asked[..3], [1_000, 10_000, 10_000]);
    let mut large = Model::new(1);
    large.page = 8;
    let asked = limits(
        &mut large,
        std::iter::repeat_n(1 << 20, 64).chain([100; 300]),
    );
    assert_eq!((asked[0], &asked[1..9]), (1_000, &[16; 8][..]));
    let left = asked[9..].iter();
    assert!(
        left.eq(&[10_000; 38]),
        "the first small ones tell: {asked:?}"
    );
}

#[test]
fn an_answer_that_does_not_come_in_time_is_asked_for_by_half_and_by_more_again_once_some_come() {
    let mut model = Model::new(1);
    model.page = 8;
    let late = Some(Fault::Refuse(ErrorKind::TimedOut));
    model.faults = [vec![None, None], vec![late; 5]].concat().into();
    let asked = limits(&mut model, std::iter::repeat_n(1 << 20, 40));
    assert_eq!(asked[..11], [1_000, 16, 8, 4, 2, 1, 1, 2, 3, 4, 6]);
}

#[test]
fn an_answer_that_is_cut_into_batches_takes_little_more_room_than_its_records_and_is_charged_for_it()
 {
    const RECORDS: usize = 1_000;
    let mut model = Model::new(1);
    for _ in 0..RECORDS {
        model.put(0, "0123456789");
    }
    let mut chosen = settings(&model, Until::Now);
    chosen.max_records = 10;
    let mut driven = Driven::open_with(&mut model, Start::TrimHorizon, chosen);
    let first = driven.batch(&mut model);
    let bytes = RECORDS * ("k".len() + "0123456789".len() + size_of::<Entry>());
    let charged = driven.state.held();
    assert!(
        charged >= bytes + RECORDS / 10 * size_of::<Batch>(),
        "{charged}"
    );
    let mut room = first.entries.capacity();
    while let Effect::HandOut(batch) = driven.next(&mut model) {
        assert_eq!(batch.len(), 10);
        room += batch.entries.capacity();
    }
    assert!(room <= RECORDS * 2, "{room}");
    assert_eq!(driven.state.held(), 0);
}
