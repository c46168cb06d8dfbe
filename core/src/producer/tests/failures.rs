//! Failures: where they go until somebody takes them, and what they tell.

use super::*;

fn denied() -> api::Refusal {
    api::Refusal::access_denied("not yours")
}

#[test]
fn a_failure_callback_that_panics_loses_no_record() {
    let config = stuck(Some(denied())).buffer_records(10);
    let config = config.on_failure(|_| panic!("the callback's own mistake"));
    let producer = Producer::open_blocking("orders", config).unwrap();
    for round in 0..3 {
        for n in 0..10 {
            producer.put("key", format!("{round} {n}")).unwrap();
        }
        let error = producer.flush_blocking(WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeliveryFailed);
        let failures = producer.take_failures();
        let payloads: BTreeSet<_> = failures.into_iter().map(|one| one.data).collect();
        assert_eq!(payloads.len(), 10, "and their room is free again");
    }
    assert!(producer.close_blocking(WAIT).is_ok(), "all were taken");
}

#[test]
fn failures_of_counted_records_come_as_reports_where_that_is_asked_and_free_their_room() {
    for reports in [Reports::None, Reports::Failures, Reports::All] {
        let config = stuck(Some(denied())).buffer_records(10);
        let config = config.reports(reports).report_counted(true);
        come_as_reports(&Producer::open_blocking("orders", config).unwrap());
    }
}

fn come_as_reports(producer: &Producer) {
    for _ in 0..3 {
        for _ in 0..10 {
            producer.put("key", "payload").unwrap();
        }
        producer.flush_blocking(WAIT).unwrap_err();
        let mut reports = Vec::new();
        assert_eq!(producer.poll_reports(usize::MAX, &mut reports), 10);
        for report in reports {
            assert_eq!(report.opaque, 0);
            assert_eq!(report.outcome.unwrap_err().data, "payload");
        }
    }
    assert!(producer.take_failures().is_empty());
    producer.close_blocking(WAIT).unwrap();
}

#[test]
fn a_close_does_not_end_well_while_nobody_took_what_failed() {
    for is_reported in [false, true] {
        let config = stuck(Some(denied())).report_counted(is_reported);
        let producer = Producer::open_blocking("orders", config).unwrap();
        producer.put("key", "payload").unwrap();
        producer.flush_blocking(WAIT).unwrap_err();
        let error = producer.close_blocking(WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeliveryFailed, "{error}");
        assert!(producer.close_blocking(WAIT).is_ok(), "it is closed");
    }
}

#[test]
fn opening_gives_up_when_its_time_has_passed() {
    let transport: Arc<dyn Transport> = Arc::new(Silent);
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(transport);
    let config = config.open_timeout(Duration::from_millis(20));
    let error = Producer::open_blocking("orders", config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let text = error.to_string();
    assert!(
        text.contains("open_timeout") && text.contains("orders"),
        "{text}"
    );
}

#[test]
fn an_expired_record_tells_where_it_was_refused_how_often_and_what_to_do() {
    let refusal = api::Refusal::throughput_exceeded("Rate exceeded for shard.");
    let config = stuck(Some(refusal.with_request_id("a-request")));
    let config = config
        .linger(Linger::Fixed(Duration::ZERO))
        .deadline(Duration::from_millis(50));
    let producer = Producer::open_blocking("orders", config).unwrap();
    producer.put("a-private-key", "payload").unwrap();
    producer.flush_blocking(WAIT).unwrap_err();
    let [failure] = &producer.take_failures()[..] else {
        panic!("one record was put")
    };
    let error = &failure.error;
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert_eq!(error.operation_name(), Some("PutRecords"));
    assert_eq!(error.stream_name(), Some("orders"));
    assert_eq!(error.shard_id(), Some("shardId-000000000000"));
    assert_eq!(
        error.aws_code(),
        Some("ProvisionedThroughputExceededException")
    );
    assert_eq!(error.request_id(), Some("a-request"));
    assert_eq!(error.attempt_count(), failure.attempts);
    let text = error.to_string();
    for part in [
        "within its deadline of 0.1 s; the last attempt: Rate exceeded for shard. A shard takes",
        "one key (hash ",
        "alone is 100 % of all bytes",
        "Spread the keys or split the shard",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("a-private-key"), "{text}");
    producer.close_blocking(WAIT).unwrap();
}

#[test]
fn failures_that_were_given_back_hold_room_and_go_to_the_callback_or_are_kept() {
    let (sender, receiver) = mpsc::channel();
    let config = stuck(Some(denied())).on_failure(move |failures| {
        sender.send(failures.len()).unwrap();
    });
    let producer = Producer::open_blocking("orders", config).unwrap();
    let submission = producer.submit("key", "payload").unwrap();
    let outcome = producer.block_on(submission.outcome()).unwrap();
    let failure = *outcome.unwrap_err();
    let core = producer.core().unwrap();
    let before = core.intake.budget.used();
    producer.hand_over(vec![failure.clone()]);
    assert_eq!(receiver.recv().unwrap(), 1);
    let _ = producer.flush_blocking(WAIT);
    assert_eq!(core.intake.budget.used(), before, "the callback has it");
    let held = 2 * failure.held();
    producer.put_back(vec![failure.clone(), failure]);
    assert!(receiver.try_recv().is_err(), "it refused them");
    assert_eq!(core.intake.budget.used(), before + held);
    assert_eq!(producer.take_failures().len(), 2);
    assert_eq!(core.intake.budget.used(), before);
}

#[test]
fn what_a_closed_producer_leaves_makes_room_for_its_group() {
    let config = || stuck(None).buffer_group("left").buffer_records(16);
    let producer = Producer::open_blocking("orders", config()).unwrap();
    let other = Producer::open_blocking("orders", config()).unwrap();
    while producer.put("key", "payload").is_ok() {}
    assert!(other.put("key", "payload").is_err());
    producer.close_blocking(Duration::ZERO).unwrap_err();
    other.put("key", "payload").unwrap();
    assert!(producer.take_pending().len() >= 12);
}

#[test]
fn a_lazy_producer_takes_the_first_record_that_its_stream_takes() {
    let engine = engine(1);
    let client = crate::client::Client::new(
        Arc::new(Memory::new(engine.clone())),
        crate::client::ClientConfig::default(),
    );
    let raise = client.update_max_record_size(api::UpdateMaxRecordSizeInput {
        stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
        max_record_size_in_kib: Some(10_240),
        ..Default::default()
    });
    Runtime::shared().unwrap().block_on(raise).unwrap();
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
    let producer = Producer::open_blocking("orders", config.lazy(true)).unwrap();
    producer.put("key", vec![7; 2 << 20]).unwrap();
    producer.close_blocking(WAIT).unwrap();
    assert_eq!(stored(&engine)[0].1.len(), 2 << 20);
}
