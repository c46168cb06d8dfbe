//! The server's memory when it is filled beyond what it may take: as a whole process, by what the kernel says of it.
#![cfg(target_os = "linux")]

mod served;

use std::sync::Arc;

use bytes::Bytes;
use kinetik::api::{Answer, Call, PutRecordsInput, PutRecordsOutput, PutRecordsRequestEntry};
use kinetik::runtime::Runtime;
use kinetik::time::Moment;
use kinetik::transport::{Connect, Credentials, Endpoint, Transport};
use served::Served;

/// Beside it a process holds requests under way and what its allocator keeps: some 10 to 35 MB, whatever the cap.
const CAP: usize = 256 << 20;

/// A server of that size, and the way to it.
struct Filled {
    served: Served,
    service: Arc<dyn Transport>,
}

impl Filled {
    fn start(when_full: &str) -> Self {
        let served = Served::start(&[
            "--quotas",
            "off",
            "--memory",
            "256MiB",
            "--when-full",
            when_full,
            "--stream",
            "orders:16",
        ]);
        let endpoint: Endpoint = served.endpoint.parse().unwrap();
        let connect = Connect {
            region: Some("us-east-1".into()),
            credentials: Some(Credentials::new("test", "test", None)),
            ..Connect::default()
        };
        Self {
            served,
            service: endpoint.connect(&connect).unwrap(),
        }
    }

    /// Puts so many records of this size, each with a key of its own.
    fn put(&self, turn: usize, count: usize, size: usize) -> PutRecordsOutput {
        let data = Bytes::from(vec![turn as u8; size]);
        let record = |n: usize| PutRecordsRequestEntry {
            partition_key: Some(format!("key-{turn}-{n}").into()),
            data: Some(data.clone()),
            ..Default::default()
        };
        let input = PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some((0..count).map(record).collect()),
            ..Default::default()
        };
        let call = self.service.call(Call::from(input), Moment::MAX);
        match Runtime::shared().unwrap().block_on(call) {
            Ok(Answer::PutRecords(output)) => output,
            other => panic!("no answer: {:?}", other.map(|_| ())),
        }
    }

    fn resident(&self) -> usize {
        let path = format!("/proc/{}/status", self.served.process.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
        kib.parse::<usize>().unwrap() << 10
    }

    /// Fills it to three times its cap with records of all sizes; returns how many were refused, and the reason.
    fn fill(&self) -> (usize, Option<String>) {
        let (mut put, mut refused, mut reason, mut most) = (0, 0, None, 0);
        for turn in 0.. {
            let (count, size) = [(500, 1_000), (500, 20), (100, 10_000), (1, 1_000_000)][turn % 4];
            let output = self.put(turn, count, size);
            refused += output.failed_record_count.unwrap_or_default() as usize;
            let texts = output.records.into_iter();
            reason = reason.or_else(|| texts.filter_map(|entry| entry.error_message).next());
            put += count * size;
            most = most.max(self.resident());
            if put > 3 * CAP {
                break;
            }
        }
        assert!(most > CAP / 2, "it was not filled: {most}");
        let bound = CAP + CAP / 4;
        assert!(most <= bound, "{most} bytes resident, {bound} allowed");
        (refused, reason.map(|reason| reason.to_string()))
    }
}

#[test]
fn a_server_that_throttles_when_full_stays_within_its_memory_and_says_why() {
    let (refused, reason) = Filled::start("throttle").fill();
    assert!(refused > 0);
    let reason = reason.unwrap();
    assert!(reason.contains("memory"), "{reason}");
}

#[test]
fn a_server_that_trims_when_full_stays_within_its_memory_and_refuses_nothing() {
    let (refused, reason) = Filled::start("trim").fill();
    assert_eq!((refused, reason), (0, None));
}
