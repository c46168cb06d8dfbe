//! Bodies written straight from shapes, members in the order of the general path.

use bytes::Bytes;
use bytestring::ByteString;

use crate::api::{
    GetRecordsOutput, PutRecordInput, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry,
    PutRecordsResultEntry, Record,
};
use crate::time::Timestamp;

/// What can be written by hand.
pub(super) trait Body {
    /// Writes it; `None` if it is unusual.
    fn write(&self, sink: &mut impl Sink) -> Option<()>;
}

/// Takes the pieces of a body: once to measure them, once to write them.
pub(super) trait Sink {
    /// JSON as it stands.
    fn raw(&mut self, json: &str);

    /// A string between quotes that stand in the raw pieces; `None` if it needs an escape.
    fn text(&mut self, text: &str) -> Option<()>;

    /// A blob in base64, likewise.
    fn blob(&mut self, bytes: &Bytes);
}

/// Counts bytes and looks for characters that need an escape.
#[derive(Default)]
pub(super) struct Size(usize);

impl Size {
    pub(super) fn bytes(&self) -> usize {
        self.0
    }
}

impl Sink for Size {
    fn raw(&mut self, json: &str) {
        self.0 += json.len();
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.0 += text.len();
        is_plain(text).then_some(())
    }

    fn blob(&mut self, bytes: &Bytes) {
        self.0 += base64_simd::STANDARD.encoded_length(bytes.len());
    }
}

/// Without early exit, so that it runs in vectors.
fn is_plain(text: &str) -> bool {
    let special = |c: u8| (c < b' ') | (c == b'"') | (c == b'\\');
    !text.bytes().fold(false, |found, c| found | special(c))
}

/// Writes what [`Size`] has looked at before.
impl Sink for Vec<u8> {
    fn raw(&mut self, json: &str) {
        self.extend_from_slice(json.as_bytes());
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.extend_from_slice(text.as_bytes());
        Some(())
    }

    fn blob(&mut self, bytes: &Bytes) {
        base64_simd::STANDARD.encode_append(bytes, self);
    }
}

/// Separates members: the opening brace before the first, a comma before the others.
struct Object<'a, S> {
    sink: &'a mut S,
    next: &'static str,
}

impl<'a, S: Sink> Object<'a, S> {
    fn open(sink: &'a mut S) -> Self {
        Self { sink, next: "{" }
    }

    /// The start of a member; `name` is written with its quotes and colon.
    fn member(&mut self, name: &'static str) -> &mut S {
        self.sink.raw(self.next);
        self.next = ",";
        self.sink.raw(name);
        self.sink
    }

    /// A string, if it is there; `name` ends with the opening quote.
    fn text(&mut self, name: &'static str, text: Option<&ByteString>) -> Option<()> {
        if let Some(text) = text {
            let sink = self.member(name);
            sink.text(text)?;
            sink.raw("\"");
        }
        Some(())
    }

    fn blob(&mut self, name: &'static str, bytes: Option<&Bytes>) {
        if let Some(bytes) = bytes {
            let sink = self.member(name);
            sink.blob(bytes);
            sink.raw("\"");
        }
    }

    fn truth(&mut self, name: &'static str, truth: Option<bool>) {
        if let Some(truth) = truth {
            self.member(name).raw(if truth { "true" } else { "false" });
        }
    }

    fn number(&mut self, name: &'static str, number: Option<i64>) -> Option<()> {
        if let Some(number) = number {
            let digits = Digits::of(u64::try_from(number).ok()?);
            self.member(name).raw(digits.as_str());
        }
        Some(())
    }

    fn time(&mut self, name: &'static str, time: Option<Timestamp>) {
        let Some(millis) = time.map(Timestamp::as_millis) else {
            return;
        };
        let sink = self.member(name);
        sink.raw(Digits::of(millis / 1000).as_str());
        let fraction = millis % 1000;
        if fraction > 0 {
            sink.raw(".");
            // The leading 1 keeps the zeros behind the point.
            sink.raw(&Digits::of(fraction + 1000).as_str()[1..]);
        }
    }

    fn list(&mut self, name: &'static str, items: &[impl Body]) -> Option<()> {
        let sink = self.member(name);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                sink.raw(",");
            }
            item.write(sink)?;
        }
        sink.raw("]");
        Some(())
    }

    /// Ends the object; `None` if it has no members, which the general path may write.
    fn close(self) -> Option<()> {
        self.sink.raw("}");
        (self.next == ",").then_some(())
    }
}

impl Body for PutRecordInput {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        object.text(r#""StreamName":""#, self.stream_name.as_ref())?;
        object.blob(r#""Data":""#, self.data.as_ref());
        object.text(r#""PartitionKey":""#, self.partition_key.as_ref())?;
        object.text(r#""ExplicitHashKey":""#, self.explicit_hash_key.as_ref())?;
        let ordering = self.sequence_number_for_ordering.as_ref();
        object.text(r#""SequenceNumberForOrdering":""#, ordering)?;
        object.text(r#""StreamARN":""#, self.stream_arn.as_ref())?;
        object.text(r#""StreamId":""#, self.stream_id.as_ref())?;
        object.truth(r#""DryRun":"#, self.dry_run);
        object.close()
    }
}

impl Body for PutRecordsInput {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        object.list(r#""Records":["#, self.records.as_deref()?)?;
        object.text(r#""StreamName":""#, self.stream_name.as_ref())?;
        object.text(r#""StreamARN":""#, self.stream_arn.as_ref())?;
        object.text(r#""StreamId":""#, self.stream_id.as_ref())?;
        object.truth(r#""DryRun":"#, self.dry_run);
        object.close()
    }
}

impl Body for PutRecordsRequestEntry {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        object.blob(r#""Data":""#, self.data.as_ref());
        object.text(r#""ExplicitHashKey":""#, self.explicit_hash_key.as_ref())?;
        object.text(r#""PartitionKey":""#, self.partition_key.as_ref())?;
        object.close()
    }
}

impl Body for PutRecordsOutput {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        let failed = self.failed_record_count.map(i64::from);
        object.number(r#""FailedRecordCount":"#, failed)?;
        object.list(r#""Records":["#, &self.records)?;
        object.text(r#""EncryptionType":""#, self.encryption_type.as_ref())?;
        object.close()
    }
}

impl Body for PutRecordsResultEntry {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        object.text(r#""SequenceNumber":""#, self.sequence_number.as_ref())?;
        object.text(r#""ShardId":""#, self.shard_id.as_ref())?;
        object.text(r#""ErrorCode":""#, self.error_code.as_ref())?;
        object.text(r#""ErrorMessage":""#, self.error_message.as_ref())?;
        object.close()
    }
}

impl Body for GetRecordsOutput {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        if self.child_shards.is_some() {
            return None;
        }
        let mut object = Object::open(sink);
        object.list(r#""Records":["#, &self.records)?;
        object.text(
            r#""NextShardIterator":""#,
            self.next_shard_iterator.as_ref(),
        )?;
        object.number(r#""MillisBehindLatest":"#, self.millis_behind_latest)?;
        object.close()
    }
}

impl Body for Record {
    fn write(&self, sink: &mut impl Sink) -> Option<()> {
        let mut object = Object::open(sink);
        object.text(r#""SequenceNumber":""#, Some(&self.sequence_number))?;
        let arrived = self.approximate_arrival_timestamp;
        object.time(r#""ApproximateArrivalTimestamp":"#, arrived);
        object.blob(r#""Data":""#, Some(&self.data));
        object.text(r#""PartitionKey":""#, self.partition_key.as_ref())?;
        object.text(r#""EncryptionType":""#, self.encryption_type.as_ref())?;
        object.close()
    }
}

/// A number in decimal, on the stack.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(mut number: u64) -> Self {
        let mut digits = Self {
            bytes: [b'0'; 20],
            start: 20,
        };
        while digits.start == 20 || number > 0 {
            digits.start -= 1;
            digits.bytes[digits.start] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        digits
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }
}
