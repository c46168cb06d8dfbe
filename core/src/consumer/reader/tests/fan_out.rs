//! Whole readers by subscriptions, over an engine of this process in virtual time, while the way to it goes wrong.

use std::time::Duration;

use super::super::{Mode, Reader, ReaderConfig, Start, Until};
use super::model::texts;
use super::way::{ARN, SECOND, Trouble, World, available, within};
use crate::api::{DeregisterStreamConsumerInput, Refusal, RegisterStreamConsumerInput};
use crate::error::ErrorKind;
use crate::time::Moment;
use crate::transport::Endpoint;

#[tokio::test(start_paused = true)]
async fn records_are_pushed_as_they_arrive_and_the_readers_own_consumer_goes_with_it() {
    let world = World::new(2);
    world.put("a", "before");
    let mut reader = world.open(Start::Latest).await;
    assert_eq!(world.consumers().len(), 1);
    for n in 0..20 {
        let before = world.clock.now();
        world.put("a", n.to_string());
        assert_eq!(
            texts(&within(&mut reader, SECOND).await),
            [n.to_string()],
            "{n}"
        );
        assert_eq!(world.clock.now(), before);
        world.clock.sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(reader.stats().reads, 0);
    reader.close().await.unwrap();
    assert_eq!(world.consumers(), []);
    assert_eq!(
        reader.next_batch().await.unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_deregisters_its_consumer_and_leaves_one_that_was_given() {
    let world = World::new(1);
    drop(world.open(Start::Latest).await);
    world.clock.sleep(SECOND).await;
    assert_eq!(world.consumers(), []);

    let named = world
        .config(Start::TrimHorizon, Mode::FanOut)
        .consumer("billing");
    world.put("a", "1");
    for _ in 0..2 {
        let mut reader = Reader::open("orders", named.clone()).await.unwrap();
        assert_eq!(texts(&within(&mut reader, 10 * SECOND).await), ["1"]);
        reader.close().await.unwrap();
        let names: Vec<_> = world
            .consumers()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["billing"]);
    }
    let (_, arn) = world.consumers().remove(0);
    let by_arn = world
        .config(Start::TrimHorizon, Mode::FanOut)
        .consumer(&*arn);
    world.clock.sleep(5 * SECOND).await;
    let mut reader = Reader::open("orders", by_arn).await.unwrap();
    assert_eq!(texts(&within(&mut reader, 10 * SECOND).await), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn children_follow_their_parent_at_once() {
    let world = World::new(1);
    let mut reader = world.open(Start::TrimHorizon).await;
    world.put("a", "parent");
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["parent"]);
    world.split(0, 1 << 127);
    world.clock.sleep(2 * SECOND).await;
    world.put("a", "child");
    let before = world.clock.now();
    assert_eq!(texts(&within(&mut reader, 10 * SECOND).await), ["child"]);
    assert!(world.clock.now() - before < SECOND);
    assert_eq!(reader.positions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_renewed_before_five_minutes_without_gap_or_repetition() {
    let world = World::new(1);
    let mut reader = world.open(Start::TrimHorizon).await;
    let mut read = Vec::new();
    for n in 0..3_000_u32 {
        world.put("a", n.to_string());
        read.extend(within(&mut reader, SECOND).await);
        world.clock.sleep(Duration::from_millis(500)).await;
    }
    let expected: Vec<_> = (0..3_000).map(|n: u32| n.to_string()).collect();
    assert_eq!(texts(&read), expected);
    let times: Vec<_> = world.subscribed().iter().map(|(at, _)| *at).collect();
    assert!((6..9).contains(&times.len()), "{times:?}");
    let longest = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap();
    assert!(longest < Duration::from_secs(300), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn ledger_66_a_half_open_subscription_is_replaced_where_the_last_event_said() {
    let world = World::new(1);
    world.script([Trouble::Stall(1)]);
    let mut reader = world.open(Start::TrimHorizon).await;
    world.put("a", "1");
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["1"]);
    world.put("a", "2");
    let before = world.clock.now();
    assert_eq!(texts(&within(&mut reader, 60 * SECOND).await), ["2"]);
    assert!(world.clock.now() - before <= 35 * SECOND);
    assert_eq!(reader.stats().silences, 1);
}

#[tokio::test(start_paused = true)]
async fn ledger_46_an_event_of_a_subscription_that_was_replaced_is_not_handed_out() {
    let world = World::new(1);
    let lost = std::iter::repeat_n(Trouble::LoseAnswer, 5);
    world.script(
        [Trouble::Stall(1), Trouble::Break(2), Trouble::End(1)]
            .into_iter()
            .chain(lost),
    );
    let mut reader = world.open(Start::TrimHorizon).await;
    let mut read = Vec::new();
    for n in 0..200_u32 {
        world.put("a", n.to_string());
        read.extend(within(&mut reader, SECOND).await);
    }
    read.extend(available(&mut reader, 60 * SECOND).await);
    let expected: Vec<_> = (0..200).map(|n: u32| n.to_string()).collect();
    assert_eq!(texts(&read), expected);
    assert_eq!(reader.stats().repeated, 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_pauses_longer_than_a_subscription_lives_misses_and_repeats_nothing() {
    let world = World::new(1);
    let mut reader = world.open(Start::TrimHorizon).await;
    let mut read = Vec::new();
    for n in 0..40_u32 {
        world.put("a", n.to_string());
        if n % 10 == 3 {
            world.clock.sleep(Duration::from_secs(400)).await;
        }
        read.extend(within(&mut reader, SECOND).await);
    }
    read.extend(available(&mut reader, 60 * SECOND).await);
    let expected: Vec<_> = (0..40).map(|n: u32| n.to_string()).collect();
    assert_eq!(texts(&read), expected);
    assert_eq!(reader.stats().silences, 0);
}

#[tokio::test(start_paused = true)]
async fn ledger_45_a_service_that_refuses_subscriptions_is_asked_rarely_and_given_up_with_its_reason()
 {
    let world = World::new(1);
    let refusals = std::iter::repeat_n(Trouble::Refuse(Refusal::internal_failure()), 1_000);
    world.script(refusals);
    let mut reader = world.open(Start::TrimHorizon).await;
    let error = reader.next_batch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(world.subscriptions() < 30, "{}", world.subscriptions());
    world.script([]);
    world.put("a", "1");
    assert_eq!(texts(&within(&mut reader, 60 * SECOND).await), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_within_five_seconds_of_the_last_is_waited_for() {
    let world = World::new(1);
    world.script([Trouble::LoseAnswer]);
    let mut reader = world.open(Start::TrimHorizon).await;
    world.put("a", "1");
    assert_eq!(texts(&within(&mut reader, 60 * SECOND).await), ["1"]);
    assert!(world.clock.now() - Moment::ZERO < 12 * SECOND);
    assert!(world.subscriptions() <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_reader_whose_consumer_another_one_uses_says_so_and_in_auto_polls() {
    let world = World::new(1);
    let config = |mode| world.config(Start::TrimHorizon, mode).consumer("shared");
    let mut first = Reader::open("orders", config(Mode::FanOut)).await.unwrap();
    world.put("a", "1");
    assert_eq!(texts(&within(&mut first, 10 * SECOND).await), ["1"]);
    world.clock.sleep(6 * SECOND).await;
    let mut second = Reader::open("orders", config(Mode::FanOut)).await.unwrap();
    assert_eq!(texts(&within(&mut second, 10 * SECOND).await), ["1"]);
    let error = first.next_batch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceInUse);
    assert!(error.message().contains("another reader"), "{error}");
    drop(first);

    world.clock.sleep(6 * SECOND).await;
    drop(second);
    let mut first = Reader::open("orders", config(Mode::Auto)).await.unwrap();
    assert_eq!(texts(&within(&mut first, 10 * SECOND).await), ["1"]);
    world.clock.sleep(6 * SECOND).await;
    let mut second = Reader::open("orders", config(Mode::FanOut)).await.unwrap();
    assert_eq!(texts(&within(&mut second, 10 * SECOND).await), ["1"]);
    world.put("a", "2");
    assert_eq!(texts(&within(&mut first, 10 * SECOND).await), ["2"]);
    let stats = first.stats();
    assert_eq!((stats.takeovers, stats.fallbacks), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn auto_polls_where_no_consumer_can_be_had_or_subscriptions_keep_failing() {
    let world = World::new(1);
    let input = RegisterStreamConsumerInput {
        stream_arn: Some(ARN.into()),
        consumer_name: Some("other".into()),
        ..Default::default()
    };
    world.engine.call(&input.into()).unwrap();
    let full = crate::engine::Fault::fail("RegisterStreamConsumer", "LimitExceededException");
    world.engine.faults().push(full.unwrap().times(u32::MAX));
    world.put("a", "1");
    let refused = Reader::open("orders", world.config(Start::TrimHorizon, Mode::FanOut)).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::LimitExceeded);
    let auto = world.config(Start::TrimHorizon, Mode::Auto);
    let mut reader = Reader::open("orders", auto.clone()).await.unwrap();
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["1"]);
    assert_eq!(reader.stats().fallbacks, 1);
    let refused = crate::engine::Fault::fail("DeregisterStreamConsumer", "InternalFailure");
    world.engine.faults().push(refused.unwrap());
    reader.close().await.expect("nothing to deregister");
    world.engine.faults().clear();

    let named = auto.consumer("other");
    let denied = Refusal::new("AccessDeniedException", Some("no".into()));
    let not_found = Refusal::new("ResourceNotFoundException", Some("no".into()));
    for trouble in [
        Trouble::Refuse(denied),
        Trouble::Refuse(Refusal::internal_failure()),
        Trouble::Break(0),
        Trouble::End(0),
        Trouble::Refuse(not_found),
    ] {
        world.script(std::iter::repeat_n(trouble, 10));
        let mut reader = Reader::open("orders", named.clone()).await.unwrap();
        assert_eq!(texts(&within(&mut reader, 60 * SECOND).await), ["1"]);
        assert_eq!(reader.stats().fallbacks, 1);
        world.script([]);
        world.clock.sleep(6 * SECOND).await;
    }
    let bounded = named.until(Until::Now);
    let mut reader = Reader::open("orders", bounded).await.unwrap();
    let before = world.subscriptions();
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["1"]);
    assert_eq!(world.subscriptions(), before);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_was_deregistered_meanwhile_is_registered_again() {
    let world = World::new(1);
    let mut reader = world.open(Start::TrimHorizon).await;
    world.put("a", "1");
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["1"]);
    let (_, arn) = world.consumers().remove(0);
    let input = DeregisterStreamConsumerInput {
        consumer_arn: Some(arn.clone()),
        ..Default::default()
    };
    world.engine.call(&input.into()).unwrap();
    world.put("a", "2");
    let mut read = within(&mut reader, 60 * SECOND).await;
    world.put("a", "3");
    read.extend(available(&mut reader, 30 * SECOND).await);
    assert_eq!(texts(&read), ["2", "3"]);
    assert_ne!(world.consumers()[0].1, arn);
}

#[tokio::test(start_paused = true)]
async fn until_now_reads_what_was_there_and_ends() {
    let world = World::new(3);
    for n in 0..50 {
        world.put(&format!("key-{n}"), n.to_string());
    }
    let config = world.config(Start::TrimHorizon, Mode::FanOut);
    let mut reader = Reader::open("orders", config.until(Until::Now))
        .await
        .unwrap();
    let mut read = Vec::new();
    while let Some(batch) = reader.next_batch().await.unwrap() {
        read.extend(batch.records());
    }
    assert_eq!(read.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_handed_out_is_bounded_over_all_subscriptions() {
    let world = World::new(8);
    let piece = vec![b'x'; 100 << 10];
    for n in 0..200 {
        world.put(&format!("key-{n}"), piece.clone());
    }
    let config = world
        .config(Start::TrimHorizon, Mode::FanOut)
        .buffer_bytes(256 << 10)
        .max_records(1);
    let mut reader = Reader::open("orders", config).await.unwrap();
    let mut most = 0;
    let mut read = 0;
    while read < 200 {
        read += within(&mut reader, 10 * SECOND).await.len();
        most = most.max(reader.held());
    }
    // One event of two mebibytes may come when there is just room left.
    assert!(most < (256 << 10) + (3 << 20), "{most}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_of_this_process_is_read_by_subscriptions_without_a_wrapper() {
    let world = World::new(1);
    world.put("a", "1");
    let config = ReaderConfig::new(Start::TrimHorizon)
        .mode(Mode::FanOut)
        .endpoint(Endpoint::Engine(world.engine.clone()))
        .clock(world.clock.clone());
    let mut reader = Reader::open("orders", config).await.unwrap();
    assert_eq!(texts(&within(&mut reader, SECOND).await), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_end_before_they_tell_anything_are_given_up_with_their_reason() {
    let world = World::new(1);
    world.script(std::iter::repeat_n(Trouble::End(0), 1_000));
    let mut reader = world.open(Start::TrimHorizon).await;
    let told = world
        .clock
        .before(world.clock.now() + 600 * SECOND, reader.next_batch());
    let error = told.await.expect("no silence").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    world.script([]);
    world.put("a", "1");
    assert_eq!(texts(&within(&mut reader, 60 * SECOND).await), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_of_another_stream_is_refused_when_opening() {
    let world = World::new(1);
    let open = |stream: &'static str, consumer: String| {
        let config = world.config(Start::TrimHorizon, Mode::FanOut);
        Reader::open(stream, config.consumer(consumer))
    };
    let other = ARN.replace("orders", "others");
    let elsewhere = ARN.replace("000000000000", "111111111111");
    for (stream, theirs) in [("orders", &other), (ARN, &other), (ARN, &elsewhere)] {
        let error = open(stream, format!("{theirs}/consumer/c:1"))
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::InvalidArgument,
            "{stream} {theirs}"
        );
        assert!(error.message().starts_with("consumer:"), "{error}");
    }
    let error = open("orders", format!("{elsewhere}/consumer/c:1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "the service's word");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_could_not_be_deregistered_goes_with_the_next_close_or_with_the_reader() {
    let world = World::new(1);
    for is_closed_again in [true, false] {
        let mut reader = world.open(Start::Latest).await;
        let refused =
            crate::engine::Fault::fail("DeregisterStreamConsumer", "LimitExceededException");
        world.engine.faults().push(refused.unwrap().times(u32::MAX));
        reader.close().await.unwrap_err();
        world.engine.faults().clear();
        assert_eq!(world.consumers().len(), 1);
        if is_closed_again {
            reader.close().await.unwrap();
        }
        drop(reader);
        world.clock.sleep(SECOND).await;
        assert_eq!(world.consumers(), []);
    }
}
