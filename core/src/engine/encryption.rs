//! StartStreamEncryption and StopStreamEncryption: records are told to be encrypted; no key is ever used.

use std::sync::Arc;

use bytestring::ByteString;

use super::rolling::Rolling;
use super::{Inner, Now};
use crate::api::{EncryptionType, Refusal, StartStreamEncryptionInput, StopStreamEncryptionInput};

/// Starts, and stops, of a stream within a rolling day. Source: AWS, StartStreamEncryption.
const CHANGES: usize = 25;

/// Since when and with which key the records of a stream are encrypted.
#[derive(Debug, Default)]
pub(super) struct Encryption {
    /// The key, while it is on.
    pub key: Option<ByteString>,
    pub spans: Spans,
    starts: Rolling,
    stops: Rolling,
}

/// Arrival times of encrypted records, in milliseconds: from, and up to. Clones are handles.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Arc<[(u64, u64)]>);

impl Spans {
    /// What the answer to a put or a record read tells of one that arrived then: nothing unless it is encrypted.
    /// Source: kinesalite's tests and LocalStack's recordings of AWS.
    #[inline]
    pub fn encryption_of(&self, arrived: u64) -> Option<ByteString> {
        let covers = |(from, to): &(u64, u64)| (*from..*to).contains(&arrived);
        self.0
            .iter()
            .any(covers)
            .then(|| EncryptionType::Kms.into())
    }
}

impl Encryption {
    /// What describes it.
    pub fn kind(&self) -> EncryptionType {
        match self.key {
            Some(_) => EncryptionType::Kms,
            None => EncryptionType::None,
        }
    }

    fn start(&mut self, key: ByteString, from: u64) {
        if self.key.replace(key).is_none() {
            let new = [(from, u64::MAX)];
            self.spans = Spans(self.spans.0.iter().copied().chain(new).collect());
        }
    }

    fn stop(&mut self, at: u64) {
        if self.key.take().is_some()
            && let [before @ .., (from, _)] = &*self.spans.0
        {
            let ended = [(*from, at)];
            self.spans = Spans(before.iter().copied().chain(ended).collect());
        }
    }
}

impl Inner {
    pub(super) fn start_encryption(
        &self,
        now: Now,
        input: &StartStreamEncryptionInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        check_type(input.encryption_type.as_deref())?;
        let key = input.key_id.clone().unwrap_or_default();
        let active_again = (now.wall + self.config.state_delay).as_millis();
        stream.change(|state| {
            state.active(stream.named())?;
            let encryption = &mut state.profile.encryption;
            if encryption.starts.is_used_up(now.moment, self.most(CHANGES)) {
                return Err(quota("StartStreamEncryption"));
            }
            encryption.starts.note(now.moment);
            encryption.start(key, active_again);
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
        })
    }

    /// Stopping what was never started changes nothing; what AWS says to it is not known.
    pub(super) fn stop_encryption(
        &self,
        now: Now,
        input: &StopStreamEncryptionInput,
    ) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        check_type(input.encryption_type.as_deref())?;
        let active_again = (now.wall + self.config.state_delay).as_millis();
        stream.change(|state| {
            state.active(stream.named())?;
            let encryption = &mut state.profile.encryption;
            if encryption.stops.is_used_up(now.moment, self.most(CHANGES)) {
                return Err(quota("StopStreamEncryption"));
            }
            encryption.stops.note(now.moment);
            encryption.stop(active_again);
            state.update(self.settled_at(now), Vec::new(), now, &self.memory);
            Ok(())
        })
    }
}

/// The only value is KMS. Source: AWS; the text is kinetik's.
fn check_type(kind: Option<&str>) -> Result<(), Refusal> {
    match kind.and_then(EncryptionType::parse) {
        Some(EncryptionType::Kms) => Ok(()),
        _ => Err(Refusal::invalid_argument("EncryptionType must be KMS.")),
    }
}

/// kinetik's text.
#[cold]
fn quota(operation: &str) -> Refusal {
    Refusal::limit_exceeded(format!(
        "{operation} cannot be called more than {CHANGES} times in a rolling 24-hour period for a stream."
    ))
}
