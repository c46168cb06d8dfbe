//! The format once more, read by prost: what the codec is compared with.

use bytes::Bytes;
use kinetik::codec::{Deaggregated, MAGIC, Mode, Raw, deaggregate};
use md5::{Digest, Md5};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct AggregatedRecord {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub partition_keys: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub explicit_hash_keys: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "3")]
    pub records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Record {
    #[prost(uint64, optional, tag = "1")]
    pub partition_key_index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub data: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    pub tags: Vec<Tag>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tag {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub value: Option<Vec<u8>>,
}

/// A body in its frame, the digest right.
pub fn framed(body: &[u8]) -> Bytes {
    [&MAGIC[..], body, &Md5::digest(body)[..]].concat().into()
}

/// One user record as plain values: key, explicit hash key, data, tags.
pub type Read = (
    Vec<u8>,
    Option<u128>,
    Vec<u8>,
    Vec<(Vec<u8>, Option<Vec<u8>>)>,
);

/// What a body means, in the words of reference/producer.md 1.4.
#[derive(Debug, PartialEq)]
pub enum Meaning {
    Invalid,
    /// The records before the first bad one, and whether there is a bad one.
    Records(Vec<Read>, bool),
}

/// What prost makes of a body.
pub fn expected(body: &[u8]) -> Meaning {
    let Some(body) = without_strangers(body, &[(1, 2), (2, 2), (3, 2)], true) else {
        return Meaning::Invalid;
    };
    let Ok(message) = AggregatedRecord::decode(&body[..]) else {
        return Meaning::Invalid;
    };
    let complete = |record: &Record| {
        record.partition_key_index.is_some()
            && record.data.is_some()
            && record.tags.iter().all(|tag| tag.key.is_some())
    };
    if !message.records.iter().all(complete) {
        return Meaning::Invalid;
    }
    let mut records = Vec::new();
    for record in &message.records {
        match resolved(&message, record) {
            Some(read) => records.push(read),
            None => return Meaning::Records(records, true),
        }
    }
    Meaning::Records(records, false)
}

fn resolved(message: &AggregatedRecord, record: &Record) -> Option<Read> {
    let entry = |table: &[Vec<u8>], index| table.get(usize::try_from(index).ok()?).cloned();
    let key = entry(&message.partition_keys, record.partition_key_index?)?;
    let hash_key = match record.explicit_hash_key_index {
        None => None,
        Some(index) => {
            let digits = entry(&message.explicit_hash_keys, index)?;
            if digits.len() > 39 || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            Some(String::from_utf8(digits).ok()?.parse().ok()?)
        }
    };
    let tags = record
        .tags
        .iter()
        .map(|tag| (tag.key.clone().unwrap_or_default(), tag.value.clone()));
    Some((key, hash_key, record.data.clone()?, tags.collect()))
}

/// What the codec makes of the same body, asked in both modes.
pub fn found(body: &[u8]) -> Meaning {
    let data = framed(body);
    match deaggregate(&data, Mode::Kcl).expect("the KCL's mode refuses nothing") {
        Deaggregated::Raw(raw) => {
            assert_eq!(raw, Raw::InvalidBody);
            let strict = deaggregate(&data, Mode::Strict).expect("raw in both modes");
            assert!(matches!(strict, Deaggregated::Raw(Raw::InvalidBody)));
            Meaning::Invalid
        }
        Deaggregated::Aggregated(aggregated) => {
            let records: Vec<_> = aggregated
                .iter()
                .enumerate()
                .map(|(index, record)| {
                    assert_eq!(record.sub_sequence_number(), index as u64);
                    let tags = record
                        .tags()
                        .map(|tag| (tag.key.to_vec(), tag.value.map(<[u8]>::to_vec)));
                    (
                        record.key().to_vec(),
                        record.explicit_hash_key().map(|key| key.get()),
                        record.data().to_vec(),
                        tags.collect(),
                    )
                })
                .collect();
            assert_eq!(records.len(), aggregated.len());
            let strict = deaggregate(&data, Mode::Strict);
            assert_eq!(strict.is_err(), aggregated.lost() > 0);
            if let Err(error) = strict {
                assert_eq!(error.record_index(), Some(records.len()));
            }
            Meaning::Records(records, aggregated.lost() > 0)
        }
    }
}

/// The same message without fields that have a known number and another wire type: protobuf's own readers in Java
/// and C step over those as unknown, prost alone refuses them. `None` for bytes that are no message.
fn without_strangers(mut bytes: &[u8], known: &[(u64, u64)], descend: bool) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    while !bytes.is_empty() {
        let start = bytes;
        let tag = varint(&mut bytes)?;
        let (number, kind) = (tag >> 3, tag & 7);
        if number == 0 || tag > u64::from(u32::MAX) {
            return None;
        }
        let value = bytes;
        skip(&mut bytes, number, kind)?;
        let strange = known
            .iter()
            .any(|&(known, wire)| known == number && wire != kind);
        if strange {
            continue;
        }
        let inner: &[(u64, u64)] = match (descend, number, known.len()) {
            (true, 3, 3) => &[(1, 0), (2, 0), (3, 2), (4, 2)],
            (true, 4, 4) => &[(1, 2), (2, 2)],
            _ => {
                kept.extend_from_slice(&start[..start.len() - bytes.len()]);
                continue;
            }
        };
        let mut content = &value[..value.len() - bytes.len()];
        varint(&mut content)?;
        let content = without_strangers(content, inner, inner.len() == 4)?;
        prost::encoding::encode_varint(tag, &mut kept);
        prost::encoding::encode_varint(content.len() as u64, &mut kept);
        kept.extend(content);
    }
    Some(kept)
}

fn skip(bytes: &mut &[u8], number: u64, kind: u64) -> Option<()> {
    let len = match kind {
        0 => return varint(bytes).map(drop),
        1 => 8,
        2 => varint(bytes)?,
        5 => 4,
        3 => loop {
            let tag = varint(bytes)?;
            match (tag >> 3, tag & 7) {
                (0, _) => return None,
                (end, 4) => return (end == number).then_some(()),
                (inner, kind) => skip(bytes, inner, kind)?,
            }
        },
        _ => return None,
    };
    *bytes = bytes.get(usize::try_from(len).ok()?..)?;
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u128;
    for shift in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u128::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            return u64::try_from(value).ok();
        }
    }
    None
}
