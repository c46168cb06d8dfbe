//! What puts and the sender find in the intake, without either.

use super::super::arena::Tag;
use super::super::stored::Records;
use super::*;
use crate::time::Timestamp;
use std::sync::atomic::AtomicU32;
use std::task::Wake;

#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn intake(max_bytes: usize, max_records: u64) -> Intake<u32> {
    let budget = Arc::new(Budget::new(max_bytes, max_records));
    let clock = Clock::manual(Timestamp::EPOCH);
    Intake::new(budget, Overhead::AGGREGATED, clock)
}

fn entry(data: &[u8]) -> Entry<'_> {
    Entry {
        key: b"key",
        data,
        explicit_hash_key: None,
        tag: Tag::Counted,
    }
}

fn fetch(intake: &Intake<u32>, bell: &Arc<Bell>, park: Park) -> Option<Haul<u32>> {
    let waker = Waker::from(Arc::clone(bell));
    match intake.poll_fetch(&mut Context::from_waker(&waker), park, false) {
        Poll::Ready(haul) => Some(haul),
        Poll::Pending => None,
    }
}

#[test]
fn an_idle_sender_is_woken_once_for_many_records() {
    let (intake, bell) = (intake(1 << 20, 1_000), Arc::new(Bell::default()));
    assert!(fetch(&intake, &bell, Park::Idle).is_none());
    for _ in 0..10 {
        intake.put(&entry(b"x")).unwrap();
    }
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    let haul = fetch(&intake, &bell, Park::Idle).unwrap();
    assert_eq!(haul.arenas.len(), 1);
    assert_eq!(haul.arenas[0].tally.records, 10);
}

#[test]
fn a_gathering_sender_is_woken_by_a_full_arena_or_a_note() {
    let (intake, bell) = (intake(64 << 20, 10_000), Arc::new(Bell::default()));
    assert!(fetch(&intake, &bell, Park::Gathering).is_none());
    let data = [0; 1_000];
    for _ in 0..60 {
        intake.put(&entry(&data)).unwrap();
    }
    assert_eq!(bell.0.load(Ordering::Relaxed), 0);
    for _ in 0..10 {
        intake.put(&entry(&data)).unwrap();
    }
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(
        fetch(&intake, &bell, Park::Gathering).unwrap().arenas.len(),
        2
    );
    assert!(fetch(&intake, &bell, Park::Gathering).is_none());
    intake.leave(7);
    assert_eq!(bell.0.load(Ordering::Relaxed), 2);
    assert_eq!(fetch(&intake, &bell, Park::Gathering).unwrap().notes, [7]);
}

#[test]
fn a_full_budget_refuses_and_takes_again_when_room_comes_back() {
    let (intake, bell) = (intake(1 << 18, 1_000_000), Arc::new(Bell::default()));
    let mut taken = 0_u64;
    let error = loop {
        match intake.put(&entry(&[1; 500])) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(intake.budget.used() <= intake.budget.share_of_records());
    };
    assert_eq!(error.kind(), ErrorKind::BufferFull);
    assert_eq!(intake.accepted().records, taken);
    assert!(!intake.is_ready());
    let haul = fetch(&intake, &bell, Park::Idle).unwrap();
    assert!(haul.was_full);
    assert!(fetch(&intake, &bell, Park::Gathering).is_none());
    let rung = bell.0.load(Ordering::Relaxed);
    assert!(intake.put(&entry(&[1; 500])).is_err());
    assert_eq!(bell.0.load(Ordering::Relaxed), rung + 1);
    assert!(fetch(&intake, &bell, Park::Gathering).unwrap().was_full);
    for arena in haul.arenas {
        let bytes = arena.seal(intake.pool());
        for stored in Records::from(&bytes, 0) {
            intake.budget.release(stored.promise(intake.overhead()));
        }
    }
    assert!(intake.is_ready());
    intake.pool().trim();
    assert_eq!(intake.budget.used(), 0);
    assert!(intake.put(&entry(&[1; 500])).is_ok());
}

#[test]
fn kept_buffers_do_not_stand_in_the_way_of_whoever_waits_for_room() {
    let intake = intake(1 << 18, 1_000);
    let buffers: Vec<_> = std::iter::from_fn(|| intake.pool().buffer(8 << 10)).collect();
    assert!(intake.is_above_high_water() && !intake.is_ready());
    for buffer in buffers {
        intake.pool().give_back(buffer);
    }
    assert!(intake.budget.used() > intake.budget.high_water());
    assert!(intake.is_ready(), "they are free for any record");
    intake.set_max_record(usize::MAX);
    assert!(
        intake
            .put(&entry(&vec![0; intake.max_record() - 3]))
            .is_ok()
    );
}

#[test]
fn a_patient_intake_opens_another_arena_for_records_that_come_late() {
    let clock = Clock::manual(Timestamp::EPOCH);
    let budget = Arc::new(Budget::new(1 << 20, 1_000));
    let intake = Intake::<u32>::new(budget, Overhead::AGGREGATED, clock.clone());
    let intake = intake.patient(Duration::from_millis(100));
    for wait in [0, 100, 1, 100] {
        clock.advance(Duration::from_millis(wait));
        intake.put(&entry(b"x")).unwrap();
    }
    let haul = fetch(&intake, &Arc::default(), Park::Idle).unwrap();
    let opened = haul.arenas.iter().map(|arena| arena.opened.as_nanos());
    assert_eq!(opened.collect::<Vec<_>>(), [0, 101_000_000]);
}

#[test]
fn the_largest_record_is_taken_by_a_budget_at_its_high_water_mark() {
    let intake = intake(1 << 20, 1_000);
    intake.set_max_record(usize::MAX);
    let data = vec![0; intake.max_record() - 3];
    assert!(intake.budget.try_charge(intake.budget.high_water()));
    assert!(intake.put(&entry(&data)).is_ok());
    let larger = vec![0; intake.max_record() - 2];
    let error = intake.put(&entry(&larger)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
}

#[test]
fn many_stop_at_the_first_that_is_not_taken() {
    let intake = intake(1 << 20, 1_000);
    let large = vec![0; intake.max_record() + 1];
    let (taken, outcome) = intake.put_many(&[entry(b"a"), entry(&large), entry(b"c")]);
    assert_eq!(taken, 1);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::RecordTooLarge);
    assert_eq!(intake.accepted(), Tally::one(4));
}

#[test]
fn a_shut_intake_says_why() {
    for (why, kind) in [
        (Shut::Closed, ErrorKind::Closed),
        (Shut::Dead, ErrorKind::Internal),
    ] {
        let intake = intake(1 << 20, 10);
        intake.shut(why);
        assert_eq!(intake.put(&entry(b"x")).unwrap_err().kind(), kind);
        assert!(intake.is_ready(), "nobody waits for a shut intake");
    }
}
