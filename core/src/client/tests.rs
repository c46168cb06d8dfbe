//! Calls against a transport that follows a script, on paused time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::api::{
    GetRecordsInput, HashKeyRange, ListShardsInput, ListShardsOutput, PutRecordInput,
    PutRecordOutput, Refusal, SequenceNumberRange, Shard, SplitShardInput,
};
use crate::retry::Budget;
use crate::rng::Rng;
use crate::time::Timestamp;
use crate::transport::BoxFuture;
use crate::types::StreamRef;

type Reply = Result<Answer, Fault>;

/// Answers calls in the order of its script, or one way for ever, and remembers what it was asked.
struct Script {
    replies: Mutex<VecDeque<Option<Reply>>>,
    otherwise: fn() -> Option<Reply>,
    asked: Mutex<Vec<Call>>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Transport for Script {
    fn call(&self, call: Call, _: Moment) -> BoxFuture<'_, Reply> {
        self.asked.lock().push(call);
        let reply = self
            .replies
            .lock()
            .pop_front()
            .unwrap_or_else(self.otherwise);
        Box::pin(async move {
            match reply {
                Some(reply) => reply,
                None => std::future::pending().await,
            }
        })
    }
}

/// A script that goes on with `otherwise`; `None` in it never answers.
fn script(
    replies: impl IntoIterator<Item = Option<Reply>>,
    otherwise: fn() -> Option<Reply>,
) -> Arc<Script> {
    let replies = Mutex::new(replies.into_iter().collect());
    Arc::new(Script {
        replies,
        otherwise,
        asked: Mutex::default(),
    })
}

fn client(script: &Arc<Script>) -> Client {
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let config = ClientConfig {
        clock,
        rng: Rng::seeded(5),
        ..Default::default()
    };
    Client::new(Arc::clone(script) as Arc<dyn Transport>, config)
}

fn stored() -> Option<Reply> {
    Some(Ok(PutRecordOutput::default().into()))
}

fn unavailable() -> Option<Reply> {
    Some(Err(Refusal::internal_failure().into()))
}

fn throttled() -> Option<Reply> {
    Some(Err(
        Refusal::throughput_exceeded("Rate exceeded for shard").into()
    ))
}

fn record() -> PutRecordInput {
    PutRecordInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_tried_again_and_their_tokens_come_back() {
    let script = script([unavailable(), throttled(), unavailable()], stored);
    let client = client(&script);
    client.put_record(record()).await.unwrap();
    assert_eq!(script.asked.lock().len(), 4);
    // The retry that succeeded is refunded; the two that failed are not.
    let left = Budget::CAPACITY - Budget::RETRY_COST - Budget::THROTTLE_COST;
    assert_eq!(client.config().budget.left(), left);
}

#[tokio::test(start_paused = true)]
async fn a_lasting_failure_is_not_tried_again_and_says_where_it_happened() {
    let refused = Refusal::resource_not_found("Shard shardId-000000000007 does not exist")
        .with_request_id("7f3");
    let script = script([Some(Err(refused.into()))], stored);
    let split = SplitShardInput {
        stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
        shard_to_split: Some("shardId-000000000007".into()),
        ..Default::default()
    };
    let error = client(&script).split_shard(split).await.unwrap_err();
    assert_eq!(script.asked.lock().len(), 1);
    assert_eq!(
        (error.kind(), error.attempt_count()),
        (ErrorKind::NotFound, 1)
    );
    assert_eq!(
        (error.operation_name(), error.stream_name()),
        (Some("SplitShard"), Some("orders"))
    );
    assert_eq!(
        (error.shard_id(), error.request_id()),
        (Some("shardId-000000000007"), Some("7f3"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttle_that_lasts_is_given_up_after_four_attempts_within_their_pauses() {
    let script = script([], throttled);
    let client = client(&script);
    let began = client.clock().now();
    let error = client.put_record(record()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.attempt_count()),
        (ErrorKind::Throttled, 4)
    );
    let elapsed = client.clock().now() - began;
    assert!(
        elapsed <= Duration::from_millis(200 + 400 + 800),
        "{elapsed:?}"
    );
    assert_eq!(error.elapsed(), Some(elapsed));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut_and_tried_again() {
    let script = script([None], stored);
    let client = client(&script);
    let began = client.clock().now();
    client.put_record(record()).await.unwrap();
    let elapsed = client.clock().now() - began;
    assert!(
        elapsed >= Duration::from_secs(10) && elapsed < Duration::from_secs(11),
        "{elapsed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_outlives_its_deadline() {
    let script = script([], || None);
    let client = client(&script);
    let deadline = client.clock().now() + Duration::from_secs(25);
    let error = client
        .call_until(record().into(), deadline)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(client.clock().now() <= deadline);
    assert_eq!(error.attempt_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn ledger_67_the_default_client_spends_its_retry_budget_and_then_stops_retrying() {
    let script = script([], unavailable);
    let client = client(&script);
    for _ in 0..100 {
        client.put_record(record()).await.unwrap_err();
    }
    let retries = script.asked.lock().len() - 100;
    assert_eq!(retries as u32, Budget::CAPACITY / Budget::RETRY_COST);
}

#[tokio::test(start_paused = true)]
async fn ledger_45_a_failing_first_request_is_not_repeated_without_a_pause() {
    let script = script([], unavailable);
    let client = client(&script);
    let began = client.clock().now();
    for _ in 0..10 {
        client
            .get_records(GetRecordsInput::default())
            .await
            .unwrap_err();
    }
    // Thirty pauses of up to 50, 100 and 200 ms with full jitter: about 1.75 s in all.
    assert!(client.clock().now() - began > Duration::from_millis(800));
}

#[test]
fn a_transport_that_completes_at_once_needs_no_runtime() {
    let script = script([], stored);
    let clock = Clock::following_runtime(Timestamp::EPOCH);
    let client = Client::new(
        script,
        ClientConfig {
            clock,
            ..Default::default()
        },
    );
    let call = pin!(client.put_record(record()));
    assert!(matches!(
        call.poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(Ok(_))
    ));
}

fn page(shards: std::ops::Range<u32>, next_token: Option<&str>) -> Option<Reply> {
    let shards = shards.map(|id| Shard {
        shard_id: format!("shardId-{id:012}").into(),
        hash_key_range: HashKeyRange {
            starting_hash_key: id.to_string().into(),
            ending_hash_key: id.to_string().into(),
        },
        sequence_number_range: SequenceNumberRange {
            starting_sequence_number: "1".into(),
            ..Default::default()
        },
        ..Default::default()
    });
    let shards = Some(shards.collect());
    Some(Ok(ListShardsOutput {
        shards,
        next_token: next_token.map(Into::into),
    }
    .into()))
}

#[tokio::test(start_paused = true)]
async fn ledger_16_a_page_token_is_sent_without_stream_or_filter() {
    let script = script(
        [page(0..1_000, Some("t")), page(1_000..1_500, None)],
        || None,
    );
    let arn: StreamRef = "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
        .parse()
        .unwrap();
    let shards = client(&script)
        .list_all_shards(&arn, Shards::Open)
        .await
        .unwrap();
    assert_eq!(shards.len(), 1_500);
    let asked = script.asked.lock();
    let [Call::ListShards(first), Call::ListShards(second)] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert!(
        first.stream_name.is_none() && first.stream_arn.is_some() && first.shard_filter.is_some()
    );
    assert_eq!(
        *second,
        ListShardsInput {
            next_token: Some("t".into()),
            ..Default::default()
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_whose_token_expires_starts_over_without_repeating_shards() {
    let expired = Some(Err(Refusal::expired_next_token("expired").into()));
    let script = script(
        [
            page(0..5, Some("t")),
            expired,
            page(0..5, Some("u")),
            page(5..8, None),
        ],
        || None,
    );
    let shards = client(&script)
        .list_all_shards(&"orders".parse().unwrap(), Shards::All)
        .await
        .unwrap();
    assert_eq!(
        shards
            .iter()
            .map(|shard| shard.id.get())
            .collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7]
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_never_ends_is_a_protocol_error() {
    let script = script([], || page(0..1, Some("again")));
    let error = client(&script)
        .list_all_shards(&"orders".parse().unwrap(), Shards::All)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_operation_is_a_protocol_error() {
    let script = script([page(0..1, None)], || None);
    let error = client(&script).put_record(record()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.operation_name()),
        (ErrorKind::Protocol, Some("PutRecord"))
    );
}

#[test]
fn shards_that_are_none_are_protocol_errors() {
    for (id, start, end) in [
        ("shard-x", "0", "1"),
        ("shardId-1", "5", "4"),
        ("shardId-1", "-1", "4"),
    ] {
        let hash_key_range = HashKeyRange {
            starting_hash_key: start.into(),
            ending_hash_key: end.into(),
        };
        let shard = Shard {
            shard_id: id.into(),
            hash_key_range,
            ..Default::default()
        };
        assert_eq!(shard_info(&shard).unwrap_err().kind(), ErrorKind::Protocol);
    }
}
