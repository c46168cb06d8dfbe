//! Bodies written straight from shapes, members in the order of the general path.

use bytes::Bytes;
use bytestring::ByteString;

use crate::api::{
    GetRecordsOutput, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput,
    PutRecordsRequestEntry, PutRecordsResultEntry, Record, SubscribeToShardEvent,
};
use crate::time::Timestamp;

/// What can be written by hand.
pub(super) trait Body {
    /// Writes it; `None` if it is unusual.
    fn write(&self, form: &mut impl Written) -> Option<()>;
}

/// A body in one form, piece by piece.
pub(super) trait Written {
    /// Opens an object.
    fn open(&mut self);
    /// Ends an object.
    fn close(&mut self);
    /// Stands between two members, and between two elements.
    fn between(&mut self);
    /// A member that is a string; `None` if it cannot be written as it is.
    fn text(&mut self, name: &Name, text: &str) -> Option<()>;
    /// A member that is a blob.
    fn blob(&mut self, name: &Name, bytes: &Bytes);
    /// A member that is true or false.
    fn truth(&mut self, name: &Name, truth: bool);
    /// A member that is a whole number.
    fn number(&mut self, name: &Name, number: u64);
    /// A member that is a time.
    fn time(&mut self, name: &Name, time: Timestamp);
    /// Opens a member that is a list.
    fn open_list(&mut self, name: &Name);
    /// Ends a list.
    fn close_list(&mut self);
}

/// The name of a member.
pub(super) struct Name {
    /// As it is.
    pub plain: &'static str,
    /// As JSON begins a string: `"Data":"`. Without its last quote, any other member.
    pub json: &'static str,
}

macro_rules! name {
    ($name:literal) => {
        &Name {
            plain: $name,
            json: concat!("\"", $name, "\":\""),
        }
    };
}

/// Takes the bytes of a body: once to measure them, once to write them.
pub(super) trait Out {
    /// Whether what is unusual is to be looked for: when the body is measured.
    const JUDGES: bool;

    /// Bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Bytes as they are, of which the body may hold a handle.
    #[inline]
    fn share(&mut self, bytes: &Bytes) {
        self.put(bytes);
    }

    /// Bytes in base64.
    fn base64(&mut self, bytes: &[u8]);
}

impl<O: Out> Out for &mut O {
    const JUDGES: bool = O::JUDGES;

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }

    #[inline]
    fn share(&mut self, bytes: &Bytes) {
        (**self).share(bytes);
    }

    #[inline]
    fn base64(&mut self, bytes: &[u8]) {
        (**self).base64(bytes);
    }
}

/// Counts bytes.
#[derive(Default)]
pub(super) struct Size(pub usize);

impl Out for Size {
    const JUDGES: bool = true;

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.0 += base64_simd::STANDARD.encoded_length(bytes.len());
    }
}

impl Out for Vec<u8> {
    const JUDGES: bool = false;

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn base64(&mut self, bytes: &[u8]) {
        base64_simd::STANDARD.encode_append(bytes, self);
    }
}

/// Blobs of so many bytes cost less as a part of their own than copied.
const SHARED: usize = 4 << 10;

/// Counts what [`Parts`] copies.
#[derive(Default)]
pub(super) struct Copied {
    pub bytes: usize,
    pub shared: usize,
}

impl Out for Copied {
    const JUDGES: bool = true;

    fn put(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
    }

    fn share(&mut self, bytes: &Bytes) {
        match bytes.len() < SHARED {
            true => self.put(bytes),
            false => self.shared += 1,
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.bytes += base64_simd::STANDARD.encoded_length(bytes.len());
    }
}

/// A body whose large blobs stay where they are.
pub(super) struct Parts {
    copied: Vec<u8>,
    /// Each with how much of what is copied stands before it.
    shared: Vec<(usize, Bytes)>,
}

impl Parts {
    pub(super) fn with_room(room: &Copied) -> Self {
        Self {
            copied: Vec::with_capacity(room.bytes),
            shared: Vec::with_capacity(room.shared),
        }
    }

    /// The parts, none of them empty.
    pub(super) fn finish(self) -> Vec<Bytes> {
        let copied = Bytes::from(self.copied);
        let mut parts = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut at = 0;
        for (until, blob) in self.shared {
            parts.extend([copied.slice(at..until), blob]);
            at = until;
        }
        parts.push(copied.slice(at..));
        parts.retain(|part| !part.is_empty());
        parts
    }
}

impl Out for Parts {
    const JUDGES: bool = false;

    fn put(&mut self, bytes: &[u8]) {
        self.copied.extend_from_slice(bytes);
    }

    fn share(&mut self, bytes: &Bytes) {
        match bytes.len() < SHARED {
            true => self.put(bytes),
            false => self.shared.push((self.copied.len(), bytes.clone())),
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.copied.base64(bytes);
    }
}

/// Writes the members that are there, with what stands between them.
struct Object<'a, W> {
    form: &'a mut W,
    is_empty: bool,
}

impl<'a, W: Written> Object<'a, W> {
    fn open(form: &'a mut W) -> Self {
        form.open();
        Self {
            form,
            is_empty: true,
        }
    }

    fn member(&mut self) -> &mut W {
        if !std::mem::take(&mut self.is_empty) {
            self.form.between();
        }
        self.form
    }

    fn text(&mut self, name: &Name, text: Option<&ByteString>) -> Option<()> {
        match text {
            Some(text) => self.member().text(name, text),
            None => Some(()),
        }
    }

    fn blob(&mut self, name: &Name, bytes: Option<&Bytes>) {
        if let Some(bytes) = bytes {
            self.member().blob(name, bytes);
        }
    }

    fn truth(&mut self, name: &Name, truth: Option<bool>) {
        if let Some(truth) = truth {
            self.member().truth(name, truth);
        }
    }

    fn number(&mut self, name: &Name, number: Option<i64>) -> Option<()> {
        if let Some(number) = number {
            let number = u64::try_from(number).ok()?;
            self.member().number(name, number);
        }
        Some(())
    }

    fn time(&mut self, name: &Name, time: Option<Timestamp>) {
        if let Some(time) = time {
            self.member().time(name, time);
        }
    }

    fn list(&mut self, name: &Name, items: &[impl Body]) -> Option<()> {
        let form = self.member();
        form.open_list(name);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                form.between();
            }
            item.write(form)?;
        }
        form.close_list();
        Some(())
    }

    /// Ends the object; `None` if it has no members, which the general path may write.
    fn close(self) -> Option<()> {
        self.form.close();
        (!self.is_empty).then_some(())
    }
}

impl Body for PutRecordInput {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.text(name!("StreamName"), self.stream_name.as_ref())?;
        object.blob(name!("Data"), self.data.as_ref());
        object.text(name!("PartitionKey"), self.partition_key.as_ref())?;
        object.text(name!("ExplicitHashKey"), self.explicit_hash_key.as_ref())?;
        let ordering = self.sequence_number_for_ordering.as_ref();
        object.text(name!("SequenceNumberForOrdering"), ordering)?;
        object.text(name!("StreamARN"), self.stream_arn.as_ref())?;
        object.text(name!("StreamId"), self.stream_id.as_ref())?;
        object.truth(name!("DryRun"), self.dry_run);
        object.close()
    }
}

impl Body for PutRecordsInput {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.list(name!("Records"), self.records.as_deref()?)?;
        object.text(name!("StreamName"), self.stream_name.as_ref())?;
        object.text(name!("StreamARN"), self.stream_arn.as_ref())?;
        object.text(name!("StreamId"), self.stream_id.as_ref())?;
        object.truth(name!("DryRun"), self.dry_run);
        object.close()
    }
}

impl Body for PutRecordsRequestEntry {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.blob(name!("Data"), self.data.as_ref());
        object.text(name!("ExplicitHashKey"), self.explicit_hash_key.as_ref())?;
        object.text(name!("PartitionKey"), self.partition_key.as_ref())?;
        object.close()
    }
}

impl Body for PutRecordOutput {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.text(name!("ShardId"), Some(&self.shard_id))?;
        object.text(name!("SequenceNumber"), Some(&self.sequence_number))?;
        object.text(name!("EncryptionType"), self.encryption_type.as_ref())?;
        object.close()
    }
}

impl Body for PutRecordsOutput {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        let failed = self.failed_record_count.map(i64::from);
        object.number(name!("FailedRecordCount"), failed)?;
        object.list(name!("Records"), &self.records)?;
        object.text(name!("EncryptionType"), self.encryption_type.as_ref())?;
        object.close()
    }
}

impl Body for PutRecordsResultEntry {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.text(name!("SequenceNumber"), self.sequence_number.as_ref())?;
        object.text(name!("ShardId"), self.shard_id.as_ref())?;
        object.text(name!("ErrorCode"), self.error_code.as_ref())?;
        object.text(name!("ErrorMessage"), self.error_message.as_ref())?;
        object.close()
    }
}

impl Body for GetRecordsOutput {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        if self.child_shards.is_some() {
            return None;
        }
        let mut object = Object::open(form);
        object.list(name!("Records"), &self.records)?;
        object.text(
            name!("NextShardIterator"),
            self.next_shard_iterator.as_ref(),
        )?;
        object.number(name!("MillisBehindLatest"), self.millis_behind_latest)?;
        object.close()
    }
}

impl Body for SubscribeToShardEvent {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        if self.child_shards.is_some() {
            return None;
        }
        let mut object = Object::open(form);
        object.list(name!("Records"), &self.records)?;
        let continuation = self.continuation_sequence_number.as_ref();
        object.text(name!("ContinuationSequenceNumber"), continuation)?;
        object.number(name!("MillisBehindLatest"), Some(self.millis_behind_latest))?;
        object.close()
    }
}

impl Body for Record {
    fn write(&self, form: &mut impl Written) -> Option<()> {
        let mut object = Object::open(form);
        object.text(name!("SequenceNumber"), Some(&self.sequence_number))?;
        let arrived = self.approximate_arrival_timestamp;
        object.time(name!("ApproximateArrivalTimestamp"), arrived);
        object.blob(name!("Data"), Some(&self.data));
        object.text(name!("PartitionKey"), self.partition_key.as_ref())?;
        object.text(name!("EncryptionType"), self.encryption_type.as_ref())?;
        object.close()
    }
}
