//! What became of the records of a put, and the answer made of it.

use bytes::BytesMut;
use bytestring::ByteString;

use super::sequence::{DIGITS, Numerals, ascii};
use super::shard::{ID_LEN, id_text};
use crate::api::{PutRecordOutput, PutRecordsOutput, PutRecordsResultEntry, Refusal};
use crate::types::ShardId;

/// The outcomes of a request's records, in the order of the request.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub each: Vec<Outcome>,
    /// Shard ids and sequence numbers of all stored records: one allocation, which the whole answer shares.
    text: BytesMut,
    reasons: Vec<Refusal>,
}

/// What became of one record: where the text of its shard and number stands, or which refusal it met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Stored { shard_at: u32, number_at: u32 },
    Refused { reason: u32 },
}

impl Outcomes {
    /// Room for the outcomes of so many records.
    pub fn new(records: usize) -> Self {
        let unset = Outcome::Refused { reason: 0 };
        Self {
            each: vec![unset; records],
            text: BytesMut::with_capacity(records * DIGITS + ID_LEN * records.min(8)),
            reasons: Vec::new(),
        }
    }

    /// Writes a shard's id, and says where.
    pub fn shard(&mut self, id: ShardId) -> u32 {
        let at = self.text.len() as u32;
        self.text.extend_from_slice(&id_text(id));
        at
    }

    /// The outcome of a record that got this number on the shard whose id was written at `shard_at`.
    #[inline]
    pub fn stored(&mut self, shard_at: u32, number: &Numerals) -> Outcome {
        let number_at = self.text.len() as u32;
        self.text.extend_from_slice(number.text());
        Outcome::Stored {
            shard_at,
            number_at,
        }
    }

    /// The outcome of records that were refused so.
    pub fn reason(&mut self, refusal: Refusal) -> Outcome {
        self.reasons.push(refusal);
        Outcome::Refused {
            reason: self.reasons.len() as u32 - 1,
        }
    }

    /// The answer of PutRecords.
    pub fn answer(self) -> PutRecordsOutput {
        let text = ascii(self.text.freeze());
        let mut failed = 0;
        let entry = |outcome: Outcome| match outcome {
            Outcome::Stored {
                shard_at,
                number_at,
            } => PutRecordsResultEntry::stored(
                part(&text, shard_at, ID_LEN),
                part(&text, number_at, DIGITS),
            ),
            Outcome::Refused { reason } => {
                failed += 1;
                PutRecordsResultEntry::refused(self.reasons[reason as usize].clone())
            }
        };
        let records = self.each.into_iter().map(entry).collect();
        PutRecordsOutput {
            failed_record_count: Some(failed),
            records,
            encryption_type: None,
        }
    }

    /// The answer of PutRecord, which puts one.
    pub fn only(mut self) -> Result<PutRecordOutput, Refusal> {
        match self.each[0] {
            Outcome::Stored {
                shard_at,
                number_at,
            } => {
                let text = ascii(self.text.freeze());
                Ok(PutRecordOutput {
                    shard_id: part(&text, shard_at, ID_LEN),
                    sequence_number: part(&text, number_at, DIGITS),
                    encryption_type: None,
                })
            }
            Outcome::Refused { reason } => Err(self.reasons.swap_remove(reason as usize)),
        }
    }
}

fn part(text: &ByteString, at: u32, length: usize) -> ByteString {
    let at = at as usize;
    text.slice_ref(&text[at..at + length])
}
