//! What became of the records of a put, and the answer made of it.

use bytestring::ByteString;

use super::sequence::{DIGITS, Numerals, ascii};
use super::shard::{ID_LEN, constant_id, id_text};
use crate::api::{PutRecordOutput, PutRecordsOutput, PutRecordsResultEntry, Refusal};
use crate::types::ShardId;

/// The outcomes of a request's records, in the order of the request.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub each: Vec<Outcome>,
    /// Shard ids and sequence numbers of all stored records: one allocation, which the whole answer shares.
    text: Vec<u8>,
    /// How much of it is written.
    written: usize,
    /// The ids of the shards that took records.
    shards: Vec<ShardText>,
    reasons: Vec<Refusal>,
}

/// A shard's id: a constant, or where it stands in the answer's text.
#[derive(Debug)]
enum ShardText {
    Constant(ByteString),
    At(usize),
}

/// What became of one record: which of the answer's shards took it and where the text of its number stands, or which
/// refusal it met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Stored { shard: u32, number_at: u32 },
    Refused { reason: u32 },
}

impl Outcomes {
    /// Room for the outcomes of so many records.
    pub fn new(records: usize) -> Self {
        let unset = Outcome::Refused { reason: 0 };
        Self {
            each: vec![unset; records],
            text: vec![0; records * DIGITS],
            written: 0,
            shards: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// Takes in a shard's id, and gives the number by which [`Outcomes::stored`] knows it.
    pub fn shard(&mut self, id: ShardId) -> u32 {
        self.shards.push(match constant_id(id) {
            Some(constant) => ShardText::Constant(constant),
            None => {
                let at = self.written;
                self.written += ID_LEN;
                self.text.resize(self.text.len() + ID_LEN, 0);
                self.text[at..at + ID_LEN].copy_from_slice(&id_text(id));
                ShardText::At(at)
            }
        });
        self.shards.len() as u32 - 1
    }

    /// The outcome of a record that got this number on a shard.
    #[inline]
    pub fn stored(&mut self, shard: u32, number: &Numerals) -> Outcome {
        let number_at = self.written;
        if let Some(place) = self.text[number_at..].first_chunk_mut() {
            number.write(place);
            self.written += DIGITS;
        }
        Outcome::Stored {
            shard,
            number_at: number_at as u32,
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
    pub fn answer(self, encryption_type: Option<ByteString>) -> PutRecordsOutput {
        let text = ascii(self.text.into());
        let mut failed = 0;
        let entry = |outcome: Outcome| match outcome {
            Outcome::Stored { shard, number_at } => PutRecordsResultEntry::stored(
                self.shards[shard as usize].of(&text),
                part(&text, number_at as usize, DIGITS),
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
            encryption_type,
        }
    }

    /// The answer of PutRecord, which puts one.
    pub fn only(mut self, encryption_type: Option<ByteString>) -> Result<PutRecordOutput, Refusal> {
        match self.each[0] {
            Outcome::Stored { shard, number_at } => {
                let text = ascii(self.text.into());
                Ok(PutRecordOutput {
                    shard_id: self.shards[shard as usize].of(&text),
                    sequence_number: part(&text, number_at as usize, DIGITS),
                    encryption_type,
                })
            }
            Outcome::Refused { reason } => Err(self.reasons.swap_remove(reason as usize)),
        }
    }
}

impl ShardText {
    #[inline]
    fn of(&self, text: &ByteString) -> ByteString {
        match self {
            Self::Constant(constant) => constant.clone(),
            Self::At(at) => part(text, *at, ID_LEN),
        }
    }
}

#[inline]
fn part(text: &ByteString, at: usize, length: usize) -> ByteString {
    text.slice_ref(&text[at..at + length])
}
