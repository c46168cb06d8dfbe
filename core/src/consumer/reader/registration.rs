//! The consumer that a reader subscribes with: found or registered, waited for, and deregistered if it is its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytestring::ByteString;

use crate::api::{
    ConsumerStatus, DeregisterStreamConsumerInput, DescribeStreamConsumerInput,
    DescribeStreamSummaryInput, RegisterStreamConsumerInput,
};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::rng::Rng;
use crate::types::limits::NAME_MAX_CHARS;
use crate::types::{StreamArn, StreamName, StreamRef};

/// Which consumer a reader uses, and whether it may have registered one of its own.
pub(super) struct Registration {
    stream: StreamRef,
    choice: Choice,
    /// Our own was asked for, and may exist even if the answer was lost.
    is_asked_for: AtomicBool,
}

enum Choice {
    Own(ByteString),
    Named(ByteString),
    Arn(ByteString),
}

/// Shortest and longest pause between looks at a consumer that is not ready. DescribeStreamConsumer takes 20 calls/s.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// How long a consumer may take to become active.
const PATIENCE: Duration = Duration::from_secs(120);

impl Registration {
    /// The consumer with this name or ARN, which was checked; without one, our own.
    pub fn new(stream: &StreamRef, given: Option<&str>, rng: &Rng) -> Self {
        let choice = match given {
            Some(arn) if is_arn(arn) => Choice::Arn(arn.into()),
            Some(name) => Choice::Named(name.into()),
            None => Choice::Own(format!("kinetik-{:016x}", rng.next_u64()).into()),
        };
        Self {
            stream: stream.clone(),
            choice,
            is_asked_for: AtomicBool::new(false),
        }
    }

    /// The ARN of the consumer, once it is active.
    pub async fn ready(&self, client: &Client) -> Result<ByteString> {
        let clock = client.clock();
        let (until, mut pause) = (clock.now() + PATIENCE, PAUSES.0);
        let mut is_registered = false;
        while clock.now() < until {
            match self.look(client).await? {
                Some((arn, ConsumerStatus::Active)) => return Ok(arn),
                None if !is_registered => {
                    self.register(client).await?;
                    is_registered = true;
                    continue;
                }
                // Gone again: one of the same name was still being deleted.
                None => is_registered = false,
                Some(_) => {}
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        let text = format!("the consumer was not active within {PATIENCE:?}");
        Err(Error::new(ErrorKind::TimedOut, text).operation("DescribeStreamConsumer"))
    }

    /// Deregisters our own consumer, if there may be one. One that was given stays.
    pub async fn withdraw(&self, client: &Client) -> Result<()> {
        let Choice::Own(name) = &self.choice else {
            return Ok(());
        };
        if !self.is_owed() {
            return Ok(());
        }
        match self.deregister(client, name).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Not before: whoever gives this up or sees it fail may try again.
        self.is_asked_for.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn deregister(&self, client: &Client, name: &ByteString) -> Result<()> {
        let input = DeregisterStreamConsumerInput {
            stream_arn: Some(self.stream_arn(client).await?),
            consumer_name: Some(name.clone()),
            ..Default::default()
        };
        client.send(input).await.map(drop)
    }

    /// Whether there may be a consumer that only this reader needs.
    pub fn is_owed(&self) -> bool {
        self.is_asked_for.load(Ordering::Relaxed)
    }

    /// The consumer's ARN and status; `None` when it does not exist and may be registered.
    async fn look(&self, client: &Client) -> Result<Option<(ByteString, ConsumerStatus)>> {
        let mut input = DescribeStreamConsumerInput::default();
        match &self.choice {
            Choice::Own(_) if !self.is_owed() => return Ok(None),
            Choice::Arn(arn) => input.consumer_arn = Some(arn.clone()),
            Choice::Own(name) | Choice::Named(name) => {
                input.stream_arn = Some(self.stream_arn(client).await?);
                input.consumer_name = Some(name.clone());
            }
        }
        match client.send(input).await {
            Ok(output) => {
                let consumer = output.consumer_description;
                let status = ConsumerStatus::parse(&consumer.consumer_status);
                let status = status.unwrap_or(ConsumerStatus::Creating);
                Ok(Some((consumer.consumer_arn, status)))
            }
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && !matches!(self.choice, Choice::Arn(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn register(&self, client: &Client) -> Result<()> {
        let name = match &self.choice {
            Choice::Own(name) => {
                self.is_asked_for.store(true, Ordering::Relaxed);
                name
            }
            Choice::Named(name) => name,
            Choice::Arn(_) => return Ok(()),
        };
        let input = RegisterStreamConsumerInput {
            stream_arn: Some(self.stream_arn(client).await?),
            consumer_name: Some(name.clone()),
            ..Default::default()
        };
        match client.send(input).await {
            // It is there already: by another reader, or because an earlier answer was lost.
            Err(error) if error.kind() == ErrorKind::ResourceInUse => Ok(()),
            Err(error) => {
                if error.aws_code().is_some() && error.retry() == Retry::Never {
                    // Refused for good: there is none to be deregistered.
                    self.is_asked_for.store(false, Ordering::Relaxed);
                }
                Err(error)
            }
            Ok(_) => Ok(()),
        }
    }

    async fn stream_arn(&self, client: &Client) -> Result<ByteString> {
        let (stream_name, stream_arn) = self.stream.members();
        if let Some(arn) = stream_arn {
            return Ok(arn);
        }
        let input = DescribeStreamSummaryInput {
            stream_name,
            ..Default::default()
        };
        let output = client.send(input).await?;
        Ok(output.stream_description_summary.stream_arn)
    }
}

/// Refuses what can be no consumer of the stream, by name or ARN. That of another stream would have its records taken for
/// ours.
pub(super) fn check(stream: &StreamRef, given: &str) -> Result<()> {
    let refused = |problem: String| Err(Error::invalid("consumer", problem));
    if !is_arn(given) {
        // Names of consumers follow the rule of those of streams.
        return match StreamName::new(given) {
            Ok(_) => Ok(()),
            Err(_) => refused(format!(
                "expected a name of 1 to {NAME_MAX_CHARS} characters of a-z A-Z 0-9 _ . -, or an ARN, got {} bytes",
                given.len()
            )),
        };
    }
    let Some((theirs, _)) = given.split_once("/consumer/") else {
        return refused("expected the ARN of a consumer: STREAM_ARN/consumer/NAME:NUMBER".into());
    };
    match is_of(stream, theirs) {
        true => Ok(()),
        false => refused(format!(
            "is the ARN of another stream's consumer; expected that of a consumer of {stream}, or its name"
        )),
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// Whether a consumer's stream can be this one; what has not the form of a stream's ARN is for the service to judge.
fn is_of(stream: &StreamRef, theirs: &str) -> bool {
    match theirs.parse::<StreamArn>().ok() {
        None => true,
        Some(theirs) => match stream {
            StreamRef::Name(ours) => theirs.name() == ours,
            StreamRef::Arn(ours) => theirs == *ours,
        },
    }
}
