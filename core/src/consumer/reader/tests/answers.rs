//! How much an answer is asked for.

use super::super::config::{Start, Until};
use super::super::state::Ask;
use super::model::{Driven, Model};

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
