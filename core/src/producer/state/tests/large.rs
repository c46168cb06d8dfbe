//! Records that are more than a shard's limit tolerates at once.

use super::*;

const LARGE: usize = 900_000;

impl World {
    /// Lets time pass, every request being answered well at once.
    fn serve(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            if let Some(request) = self.requests.pop_front() {
                self.answer(&request, &[]);
            } else if self.state.wake_at(self.now).is_none_or(|at| at > until) || !self.advance() {
                break;
            }
        }
        self.now = self.now.max(until);
    }
}

#[test]
fn small_records_pass_large_ones_that_wait_for_their_turn() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut world = World::new(settings(aggregate), 1);
        let large = [(); 5].map(|()| world.try_put("k", LARGE).unwrap());
        world.settle();
        world.serve(100 * MS);
        let mut waited = Vec::new();
        for _ in 0..20 {
            let (small, put) = (world.put("k"), world.now);
            world.settle();
            while !world.receipts.contains_key(&small) {
                world.serve(MS);
            }
            waited.push(world.now - put);
            world.serve(50 * MS);
        }
        let longest = waited.iter().max().unwrap();
        assert!(*longest <= 70 * MS, "{aggregate:?}: {waited:?}");
        assert!(
            !world.receipts.contains_key(&large[4]),
            "the last large one is still to come"
        );
        world.finish();
        let seconds = (world.now - Moment::ZERO).as_secs_f64();
        assert!(seconds < 5.0 * LARGE as f64 / f64::from(1 << 20) + 0.5);
        let stored = large.map(|number| world.receipts[&number].sequence_number);
        assert!(stored.is_sorted(), "large ones keep their order");
        world.assert_all_room_is_back();
    }
}

#[test]
fn in_ordered_mode_nothing_passes() {
    let mut ordered = settings(Aggregate::Yes);
    ordered.ordered = true;
    let mut world = World::new(ordered, 1);
    let numbers = [LARGE, LARGE, 0, LARGE, 0].map(|size| world.try_put("k", size).unwrap());
    world.settle();
    world.finish();
    let stored = numbers.map(|number| world.receipts[&number].sequence_number);
    assert!(stored.is_sorted(), "{stored:?}");
}
