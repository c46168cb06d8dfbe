//! Shapes read straight from bodies.

use bytes::Bytes;
use bytestring::ByteString;

use crate::api::{
    GetRecordsOutput, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput,
    PutRecordsRequestEntry, PutRecordsResultEntry, Record, SubscribeToShardEvent,
};
use crate::time::Timestamp;
use crate::types::limits;

/// A cursor over a body. Each step gives up (`None`) on what it does not expect.
pub(super) trait Source: Sized {
    /// Reads an object, member by member; an empty one is unusual.
    fn object(&mut self, member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()>;

    /// Reads a list of at most so many elements.
    fn list<T>(
        &mut self,
        most: usize,
        element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>>;

    /// A string, as a slice of the body.
    fn text(&mut self) -> Option<ByteString>;

    /// A blob: as a slice of the body, or empty until [`Source::fill`] is asked.
    fn blob(&mut self) -> Option<Bytes>;

    /// A whole number from 0.
    fn number(&mut self) -> Option<i64>;

    /// A time.
    fn time(&mut self) -> Option<Timestamp>;

    /// Gives all blobs that were met what they hold, in their order.
    fn fill<'b>(&self, blobs: impl Iterator<Item = &'b mut Bytes>) -> Option<()>;

    /// Ends the body.
    fn end(self) -> Option<()>;
}

/// Sets a member that must not have come before: of two, the general path takes the last.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.is_none().then(|| *slot = Some(value))
}

pub(super) fn put_record(mut scan: impl Source) -> Option<PutRecordInput> {
    let mut input = PutRecordInput::default();
    scan.object(|scan, name| match name {
        b"StreamName" => once(&mut input.stream_name, scan.text()?),
        b"StreamARN" => once(&mut input.stream_arn, scan.text()?),
        b"Data" => once(&mut input.data, scan.blob()?),
        b"PartitionKey" => once(&mut input.partition_key, scan.text()?),
        b"ExplicitHashKey" => once(&mut input.explicit_hash_key, scan.text()?),
        b"SequenceNumberForOrdering" => once(&mut input.sequence_number_for_ordering, scan.text()?),
        _ => None,
    })?;
    scan.fill([input.data.as_mut()?].into_iter())?;
    scan.end()?;
    Some(input)
}

pub(super) fn put_records(mut scan: impl Source) -> Option<PutRecordsInput> {
    let mut input = PutRecordsInput::default();
    scan.object(|scan, name| match name {
        b"Records" => {
            let most = limits::PUT_RECORDS_MAX_ENTRIES;
            once(&mut input.records, scan.list(most, put_records_entry)?)
        }
        b"StreamName" => once(&mut input.stream_name, scan.text()?),
        b"StreamARN" => once(&mut input.stream_arn, scan.text()?),
        _ => None,
    })?;
    let entries = input.records.as_mut()?.iter_mut();
    scan.fill(entries.filter_map(|entry| entry.data.as_mut()))?;
    scan.end()?;
    Some(input)
}

fn put_records_entry(scan: &mut impl Source) -> Option<PutRecordsRequestEntry> {
    let mut entry = PutRecordsRequestEntry::default();
    scan.object(|scan, name| match name {
        b"Data" => once(&mut entry.data, scan.blob()?),
        b"PartitionKey" => once(&mut entry.partition_key, scan.text()?),
        b"ExplicitHashKey" => once(&mut entry.explicit_hash_key, scan.text()?),
        _ => None,
    })?;
    entry.data.is_some().then_some(entry)
}

pub(super) fn get_records(mut scan: impl Source) -> Option<GetRecordsOutput> {
    let mut records = None;
    let mut output = GetRecordsOutput::default();
    scan.object(|scan, name| match name {
        b"Records" => {
            let most = limits::GET_RECORDS_MAX_RECORDS;
            once(&mut records, scan.list(most, record)?)
        }
        b"NextShardIterator" => once(&mut output.next_shard_iterator, scan.text()?),
        b"MillisBehindLatest" => once(&mut output.millis_behind_latest, scan.number()?),
        _ => None,
    })?;
    output.records = records?;
    scan.fill(output.records.iter_mut().map(|record| &mut record.data))?;
    scan.end()?;
    Some(output)
}

pub(super) fn event(mut scan: impl Source) -> Option<SubscribeToShardEvent> {
    let (mut records, mut millis_behind_latest) = (None, None);
    let mut event = SubscribeToShardEvent::default();
    scan.object(|scan, name| match name {
        b"Records" => {
            let most = limits::GET_RECORDS_MAX_RECORDS;
            once(&mut records, scan.list(most, record)?)
        }
        b"ContinuationSequenceNumber" => {
            once(&mut event.continuation_sequence_number, scan.text()?)
        }
        b"MillisBehindLatest" => once(&mut millis_behind_latest, scan.number()?),
        _ => None,
    })?;
    event.records = records?;
    event.millis_behind_latest = millis_behind_latest?;
    scan.fill(event.records.iter_mut().map(|record| &mut record.data))?;
    scan.end()?;
    Some(event)
}

fn record(scan: &mut impl Source) -> Option<Record> {
    let (mut record, mut sequence_number, mut data) = (Record::default(), None, None);
    scan.object(|scan, name| match name {
        b"SequenceNumber" => once(&mut sequence_number, scan.text()?),
        b"ApproximateArrivalTimestamp" => {
            once(&mut record.approximate_arrival_timestamp, scan.time()?)
        }
        b"Data" => once(&mut data, scan.blob()?),
        b"PartitionKey" => once(&mut record.partition_key, scan.text()?),
        b"EncryptionType" => once(&mut record.encryption_type, scan.text()?),
        _ => None,
    })?;
    record.sequence_number = sequence_number?;
    record.data = data?;
    Some(record)
}

pub(super) fn put_record_answer(mut scan: impl Source) -> Option<PutRecordOutput> {
    let (mut shard_id, mut sequence_number, mut encryption_type) = (None, None, None);
    scan.object(|scan, name| match name {
        b"ShardId" => once(&mut shard_id, scan.text()?),
        b"SequenceNumber" => once(&mut sequence_number, scan.text()?),
        b"EncryptionType" => once(&mut encryption_type, scan.text()?),
        _ => None,
    })?;
    scan.end()?;
    Some(PutRecordOutput {
        shard_id: shard_id?,
        sequence_number: sequence_number?,
        encryption_type,
    })
}

pub(super) fn put_records_answer(mut scan: impl Source) -> Option<PutRecordsOutput> {
    let mut records = None;
    let mut output = PutRecordsOutput::default();
    scan.object(|scan, name| match name {
        b"FailedRecordCount" => {
            let count = i32::try_from(scan.number()?).ok()?;
            once(&mut output.failed_record_count, count)
        }
        b"Records" => {
            let most = limits::PUT_RECORDS_MAX_ENTRIES;
            once(&mut records, scan.list(most, put_records_result)?)
        }
        b"EncryptionType" => once(&mut output.encryption_type, scan.text()?),
        _ => None,
    })?;
    scan.end()?;
    output.records = records?;
    Some(output)
}

fn put_records_result(scan: &mut impl Source) -> Option<PutRecordsResultEntry> {
    let mut entry = PutRecordsResultEntry::default();
    scan.object(|scan, name| match name {
        b"SequenceNumber" => once(&mut entry.sequence_number, scan.text()?),
        b"ShardId" => once(&mut entry.shard_id, scan.text()?),
        b"ErrorCode" => once(&mut entry.error_code, scan.text()?),
        b"ErrorMessage" => once(&mut entry.error_message, scan.text()?),
        _ => None,
    })?;
    Some(entry)
}
