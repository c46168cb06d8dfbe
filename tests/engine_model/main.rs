//! Random programs of all core operations against an engine and against a model of plain lists and maps, in virtual
//! time. The model is a second description of the service, written from reference/kinesis-api.md; it takes over from
//! the engine only what the service chooses freely: sequence numbers, consumer ARNs, tokens, the lineage of
//! UpdateShardCount and the shards of distribution AUTO, and judges those by their rules.

mod address;
mod answers;
mod consumers;
mod growth;
mod lifetime;
mod listing;
mod modes;
mod paging;
mod policies;
mod program;
mod quotas;
mod reading;
mod records;
mod resharding;
mod settings;
mod shards;
mod streams;
mod subscriptions;
mod tags;
mod tally;
mod world;

use std::cell::RefCell;

use kinetik::api::Operation;
use proptest::test_runner::{Config, TestRunner};

use program::program;
use tally::Tally;
use world::World;

const CASES: u32 = 10_000;

/// The operations that have nothing to do with queues or channels: reference/kinesis-api.md 1.3.
fn core_operations() -> Vec<Operation> {
    let is_core =
        |one: &Operation| !one.name().contains("Queue") && !one.name().contains("Channel");
    Operation::ALL.into_iter().filter(is_core).collect()
}

#[test]
fn an_engine_answers_every_core_operation_as_plain_lists_do() {
    let tally = RefCell::new(Tally::default());
    let config = Config {
        cases: CASES,
        source_file: Some(file!()),
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&program(), |program| {
        let mut world = World::new(program.setting);
        for step in program.steps {
            world.run(step);
        }
        world.compare();
        tally.borrow_mut().add(&world.tally);
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
    let operations = core_operations();
    assert_eq!(operations.len(), 40);
    let gaps = tally.borrow().gaps(&operations);
    assert!(
        gaps.is_empty(),
        "of {CASES} programs none reached: {gaps:?}"
    );
}
