//! What the reader's state machine asks for, as calls and events of the service.

use std::sync::Arc;
use std::time::Duration;

use super::Reader;
use super::patience::for_as_long;
use crate::api::{
    Call, GetRecordsInput, GetShardIteratorInput, Interruption, Request, StartingPosition,
    SubscribeToShardInput, Subscription,
};
use crate::client::{Client, Shards};
use crate::consumer::reader::position::Position;
use crate::consumer::reader::shard::Cursor;
use crate::consumer::reader::state::{Ask, Event, Outcome, Pulled};
use crate::error::{Error, ErrorKind, Result};
use crate::planted::{Bug, planted};
use crate::transport::BoxFuture;
use crate::types::{SequenceNumber, ShardId, StreamRef};

/// How long a subscription that was silent is waited for once more.
const GRACE: Duration = Duration::from_secs(1);
/// How long a call may take whose caller looks for it hardly ever.
const LONGEST: Duration = Duration::from_secs(86_400);

impl Reader {
    /// One call of the state machine, as a future of its own.
    pub(super) fn call(&self, ticket: u64, ask: Ask) -> BoxFuture<'static, Event> {
        let (client, stream) = (self.client.clone(), self.stream.clone());
        let registration = Arc::clone(&self.registration);
        Box::pin(async move {
            let outcome = match ask {
                Ask::Iterator { shard, cursor } => {
                    let input = iterator_input(&stream, shard, cursor);
                    Outcome::Iterator(
                        once(&client, input)
                            .await
                            .map(|output| output.shard_iterator),
                    )
                }
                Ask::Read { iterator, limit } => {
                    let input = GetRecordsInput {
                        shard_iterator: Some(iterator),
                        limit: i32::try_from(limit).ok(),
                        stream_arn: stream.members().1,
                        ..Default::default()
                    };
                    Outcome::Read(once(&client, input).await)
                }
                // What is asked for rarely lies apart, so that the many reads are small.
                Ask::Consumer => Outcome::Consumer(Box::pin(registration.ready(&client)).await),
                Ask::Subscribe {
                    shard,
                    consumer,
                    cursor,
                    continuation,
                } => {
                    let input = SubscribeToShardInput {
                        consumer_arn: Some(consumer),
                        shard_id: Some(shard.to_string().into()),
                        starting_position: Some(starting_position(cursor, continuation)),
                        ..Default::default()
                    };
                    Outcome::Subscribed(once(&client, input).await)
                }
                Ask::Arrival { iterator } => {
                    if let Some(arrival) = client.transport().arrival(&iterator) {
                        arrival.await;
                    }
                    Outcome::Arrived
                }
                Ask::List => {
                    let listing = client.list_all_shards(&stream, Shards::All);
                    Outcome::Listed(Box::pin(listing).await)
                }
            };
            Event { ticket, outcome }
        })
    }

    /// The next event of a subscription, as a future of its own.
    pub(super) fn pull(
        &self,
        ticket: u64,
        mut subscription: Subscription,
    ) -> BoxFuture<'static, Event> {
        let (clock, silence) = (self.client.clock().clone(), self.silence);
        Box::pin(async move {
            let mut told = clock
                .before(clock.now() + silence, subscription.next())
                .await;
            while told.is_none() && planted(Bug::TrustsSilence) {
                told = clock
                    .before(clock.now() + silence, subscription.next())
                    .await;
            }
            if told.is_none() {
                // Nobody may have looked for that long: what waits in the connection is given a moment to come.
                told = clock.before(clock.now() + GRACE, subscription.next()).await;
            }
            let pulled = match told {
                None => Pulled::Silent,
                Some(None) => Pulled::Over,
                Some(Some(Ok(event))) => Pulled::Event(event, subscription),
                Some(Some(Err(Interruption::Refused(refusal)))) => Pulled::Cut(refusal.into()),
                Some(Some(Err(Interruption::Broken(error)))) => Pulled::Cut(error),
            };
            let outcome = Outcome::Pulled(pulled);
            Event { ticket, outcome }
        })
    }
}

/// One attempt of a call: the state machine retries by itself.
async fn once<I: Request>(client: &Client, input: I) -> Result<I::Output> {
    let call: Call = input.into();
    let (clock, timeout) = (client.clock(), client.config().request_timeout);
    let call = client.transport().call(call, clock.now() + LONGEST);
    let answer = match for_as_long(clock, timeout, call).await {
        Some(answer) => answer.map_err(|fault| fault.into_error(I::OPERATION))?,
        None => {
            let text = format!("no answer came within {timeout:.1?}");
            let error = Error::new(ErrorKind::TimedOut, text);
            return Err(error.operation(I::OPERATION.name()));
        }
    };
    I::output(answer).ok_or_else(|| {
        Error::new(
            ErrorKind::Protocol,
            "the answer belongs to another operation",
        )
        .operation(I::OPERATION.name())
    })
}

fn iterator_input(stream: &StreamRef, shard: ShardId, cursor: Cursor) -> GetShardIteratorInput {
    let (stream_name, stream_arn) = stream.members();
    let StartingPosition {
        r#type,
        sequence_number,
        timestamp,
    } = starting_position(cursor, None);
    GetShardIteratorInput {
        stream_name,
        stream_arn,
        shard_id: Some(shard.to_string().into()),
        shard_iterator_type: r#type,
        starting_sequence_number: sequence_number,
        timestamp,
        ..Default::default()
    }
}

/// A continuation is asked for by AT: should it name the next record, that one is not passed over, and should it name the
/// last one, that one is known.
fn starting_position(cursor: Cursor, continuation: Option<SequenceNumber>) -> StartingPosition {
    let mut position = StartingPosition::default();
    let kind = match (cursor, continuation) {
        (_, Some(_)) if planted(Bug::ResubscribesAtTip) => "LATEST",
        (_, Some(number)) => {
            position.sequence_number = Some(number.to_string().into());
            "AT_SEQUENCE_NUMBER"
        }
        (Cursor::Latest, None) => "LATEST",
        (Cursor::At(Position::TrimHorizon | Position::End), None) => "TRIM_HORIZON",
        (Cursor::At(Position::At(time)), None) => {
            position.timestamp = Some(time);
            "AT_TIMESTAMP"
        }
        (
            Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number,
            }),
            None,
        ) => {
            position.sequence_number = Some(sequence_number.to_string().into());
            // A record that was read in part is asked for once more.
            match sub_sequence_number {
                None if planted(Bug::ReadsAtInsteadOfAfter) => "AT_SEQUENCE_NUMBER",
                Some(_) if planted(Bug::SkipsRestOfAggregate) => "AFTER_SEQUENCE_NUMBER",
                None => "AFTER_SEQUENCE_NUMBER",
                Some(_) => "AT_SEQUENCE_NUMBER",
            }
        }
    };
    position.r#type = Some(kind.into());
    position
}
