//! Shapes read straight from bodies.

use bytes::Bytes;

use super::scan::{Scan, once};
use crate::api::{
    GetRecordsOutput, PutRecordInput, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry,
    PutRecordsResultEntry, Record,
};
use crate::types::limits;

/// Stands for a blob until all are decoded.
const LATER: Bytes = Bytes::new();

pub(super) fn put_record(mut scan: Scan<'_>) -> Option<PutRecordInput> {
    let mut input = PutRecordInput::default();
    scan.object(|scan, name| match name {
        b"StreamName" => once(&mut input.stream_name, scan.text()?),
        b"StreamARN" => once(&mut input.stream_arn, scan.text()?),
        b"Data" => once(&mut input.data, scan.blob().map(|()| LATER)?),
        b"PartitionKey" => once(&mut input.partition_key, scan.text()?),
        b"ExplicitHashKey" => once(&mut input.explicit_hash_key, scan.text()?),
        b"SequenceNumberForOrdering" => once(&mut input.sequence_number_for_ordering, scan.text()?),
        _ => None,
    })?;
    let mut blobs = scan.decoded()?;
    scan.end()?;
    input.data = Some(input.data.and_then(|_| blobs.next())?);
    Some(input)
}

pub(super) fn put_records(mut scan: Scan<'_>) -> Option<PutRecordsInput> {
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
    let blobs = scan.decoded()?;
    scan.end()?;
    for (entry, blob) in input.records.as_mut()?.iter_mut().zip(blobs) {
        entry.data = Some(blob);
    }
    Some(input)
}

fn put_records_entry(scan: &mut Scan<'_>) -> Option<PutRecordsRequestEntry> {
    let mut entry = PutRecordsRequestEntry::default();
    scan.object(|scan, name| match name {
        b"Data" => once(&mut entry.data, scan.blob().map(|()| LATER)?),
        b"PartitionKey" => once(&mut entry.partition_key, scan.text()?),
        b"ExplicitHashKey" => once(&mut entry.explicit_hash_key, scan.text()?),
        _ => None,
    })?;
    entry.data.is_some().then_some(entry)
}

pub(super) fn get_records(mut scan: Scan<'_>) -> Option<GetRecordsOutput> {
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
    let blobs = scan.decoded()?;
    scan.end()?;
    for (record, blob) in output.records.iter_mut().zip(blobs) {
        record.data = blob;
    }
    Some(output)
}

fn record(scan: &mut Scan<'_>) -> Option<Record> {
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
    data.map(|()| record)
}

pub(super) fn put_records_answer(mut scan: Scan<'_>) -> Option<PutRecordsOutput> {
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

fn put_records_result(scan: &mut Scan<'_>) -> Option<PutRecordsResultEntry> {
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
