//! What a producer sent, entry by entry, and what it was told: seen from outside, where nothing can be concealed.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::time::Duration;

use kinetik::api::{Answer, PutRecordsInput};
use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::error::{Error, ErrorKind};
use kinetik::time::Moment;
use kinetik::transport::{Applied, Fault};

use crate::history::{Sent, Told, Wire};

/// The log of all requests, and what they may be.
#[derive(Default)]
pub struct WireLog {
    wire: Wire,
    requests: Vec<Range<usize>>,
    limits: Limits,
    pub outages: Vec<(u64, Duration)>,
}

/// How large requests and aggregates may be, by the producer's settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub aggregate_bytes: usize,
    pub request_bytes: usize,
}

/// The service's own: entries of a PutRecords call.
const ENTRIES: usize = 500;

impl WireLog {
    pub fn new(limits: Limits, outages: &[(Moment, Moment)]) -> Self {
        Self {
            limits,
            outages: outages.iter().map(|(from, to)| (0, *to - *from)).collect(),
            ..Self::default()
        }
    }

    /// Notes a request, of which nothing is told yet; its number.
    pub fn sends(&mut self, at: Moment, input: &PutRecordsInput) -> usize {
        let entries = input.records.as_deref().unwrap_or_default();
        let first = self.wire.sent.len();
        let mut whole = 0;
        for entry in entries {
            let data = entry.data.clone().unwrap_or_default();
            let key = entry.partition_key.as_deref().unwrap_or_default();
            let bytes = data.len() + key.len();
            whole += bytes;
            let print = print(&data, key, entry.explicit_hash_key.as_deref());
            let from = self.wire.ids.len();
            match deaggregate(&data, Mode::Strict) {
                Ok(Deaggregated::Aggregated(records)) => {
                    let ids = records.iter().map(|record| id_of(record.data()));
                    self.wire.ids.extend(ids);
                    if records.len() > 1 && data.len() > self.limits.aggregate_bytes {
                        let text = format!("an aggregate of {} bytes", data.len());
                        self.wire.oversized.push(text);
                    }
                }
                _ => self.wire.ids.push(id_of(&data)),
            }
            self.wire.sent.push(Sent {
                at,
                ids: from..self.wire.ids.len(),
                print,
                bytes,
                company: entries.len(),
                told: Told::Doubt,
            });
        }
        if entries.len() > ENTRIES || entries.len() > 1 && whole > self.limits.request_bytes {
            let text = format!("a request of {} entries and {whole} bytes", entries.len());
            self.wire.oversized.push(text);
        }
        self.requests.push(first..self.wire.sent.len());
        self.requests.len() - 1
    }

    /// The records of a request.
    pub fn ids_of(&self, request: usize) -> impl Iterator<Item = u64> {
        let sent = &self.wire.sent[self.requests[request].clone()];
        let ids = sent
            .iter()
            .flat_map(|sent| &self.wire.ids[sent.ids.clone()]);
        ids.copied()
    }

    /// Notes what was told of a request.
    pub fn told(&mut self, request: usize, answer: &Result<Answer, Fault>) {
        let sent = &mut self.wire.sent[self.requests[request].clone()];
        match answer {
            Ok(Answer::PutRecords(output)) if output.records.len() == sent.len() => {
                for (sent, entry) in sent.iter_mut().zip(&output.records) {
                    let place = entry
                        .shard_id
                        .as_deref()
                        .zip(entry.sequence_number.as_deref());
                    sent.told = match (entry.refusal(), place) {
                        (Some(refusal), _) => of_error(&Error::from(refusal), Applied::No),
                        (None, Some((shard, number))) => {
                            let place = (shard.parse(), number.parse());
                            let (Ok(shard), Ok(number)) = place else {
                                continue;
                            };
                            Told::Stored(shard, number)
                        }
                        (None, None) => Told::Doubt,
                    };
                }
            }
            Ok(_) => sent.iter_mut().for_each(|sent| sent.told = Told::Doubt),
            Err(fault) => {
                let applied = fault.applied();
                let error = fault
                    .clone()
                    .into_error(kinetik::api::Operation::PutRecords);
                let told = of_error(&error, applied);
                sent.iter_mut().for_each(|sent| sent.told = told);
            }
        }
    }

    /// All that was sent.
    pub fn take(&mut self) -> Wire {
        let mut wire = std::mem::take(&mut self.wire);
        wire.outages = std::mem::take(&mut self.outages);
        wire
    }
}

fn of_error(error: &Error, applied: Applied) -> Told {
    let kind = error.kind();
    if applied == Applied::Maybe || kind == ErrorKind::Unavailable {
        return Told::Doubt;
    }
    // Judged here by the service's own words, not by the verdict of the code that is tested.
    let is_passing = matches!(
        kind,
        ErrorKind::Throttled
            | ErrorKind::Connection
            | ErrorKind::NotFound
            | ErrorKind::ResourceInUse
    ) || kind == ErrorKind::Unauthenticated
        && error.retry() == kinetik::Retry::Now;
    match is_passing {
        true => Told::Refused(kind),
        false => Told::Forbidden(kind),
    }
}

/// The id that a record's data begins with.
pub fn id_of(data: &[u8]) -> u64 {
    u64::from_le_bytes(data[..8].try_into().expect("eight bytes"))
}

fn print(data: &[u8], key: &str, explicit: Option<&str>) -> u64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(data);
    hasher.write(key.as_bytes());
    hasher.write(explicit.unwrap_or_default().as_bytes());
    hasher.finish()
}
