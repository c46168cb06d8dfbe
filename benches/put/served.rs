//! `kinetik serve` without quotas, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use kinetik::api::{
    CreateStreamInput, DeleteStreamInput, DescribeStreamSummaryInput, GetRecordsInput,
    GetShardIteratorInput, Request, StreamStatus,
};
use kinetik::client::{Client, ClientConfig};
use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::runtime::Runtime;
use kinetik::transport::{Connect, Endpoint};

pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
    /// What a client that verifies certificates is to trust.
    pub(crate) certificate: Option<PathBuf>,
    client: Client,
}

impl Served {
    pub(crate) fn start(tls: bool) -> Self {
        let mut command = Command::new(kinetik_tests::root().join("target/release/kinetik"));
        command.args(["serve", "--quotas=off", "--port=0", "--shard-limit=100000"]);
        let certificate = tls.then(|| {
            let name = format!("kinetik-put-{}.pem", std::process::id());
            std::env::temp_dir().join(name)
        });
        if let Some(file) = &certificate {
            command.args(["--tls", "--tls-certificate-file"]).arg(file);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("target/release/kinetik, which `make bench-client` builds");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let url = output.lines().find_map(|line| {
            let line = line.expect("text");
            line.strip_prefix("kinetik: listening on ")
                .map(str::to_owned)
        });
        let url = url.expect("its address");
        let connect = Connect {
            ca_bundle: certificate.clone(),
            ..Connect::default()
        };
        let client = Client::connect(&Endpoint::from(&*url), &connect, ClientConfig::default());
        Self {
            process,
            certificate,
            client: client.expect("an address"),
            url,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn ask<R: Request>(&self, input: R) -> R::Output {
        let runtime = Runtime::shared().expect("a runtime");
        let answer = runtime.block_on(self.client.send(input));
        answer.expect("the server answers")
    }

    pub(crate) fn create(&self, stream: &str, shards: i32) {
        self.ask(CreateStreamInput {
            stream_name: Some(stream.into()),
            shard_count: Some(shards),
            ..Default::default()
        });
        let is_active = || {
            let asked = DescribeStreamSummaryInput {
                stream_name: Some(stream.into()),
                ..Default::default()
            };
            let summary = self.ask(asked).stream_description_summary;
            summary.stream_status == StreamStatus::Active.name()
        };
        while !is_active() {}
    }

    /// How many user records a stream has; then it is gone, and its memory free. Asked shard by shard, since a reader keeps to
    /// the pace that the service allows.
    pub(crate) fn take(&self, stream: &str, shards: i32) -> usize {
        let ids = (0..shards).map(|shard| format!("shardId-{shard:012}"));
        let count = ids.map(|shard| self.count(stream, shard)).sum();
        self.ask(DeleteStreamInput {
            stream_name: Some(stream.into()),
            ..Default::default()
        });
        count
    }

    fn count(&self, stream: &str, shard: String) -> usize {
        let begin = self.ask(GetShardIteratorInput {
            stream_name: Some(stream.into()),
            shard_id: Some(shard.into()),
            shard_iterator_type: Some("TRIM_HORIZON".into()),
            ..Default::default()
        });
        let (mut shard_iterator, mut count) = (begin.shard_iterator, 0);
        loop {
            let answer = self.ask(GetRecordsInput {
                shard_iterator,
                ..Default::default()
            });
            for record in &answer.records {
                count += match deaggregate(&record.data, Mode::Strict).expect("it is sound") {
                    Deaggregated::Aggregated(records) => records.len(),
                    Deaggregated::Raw(_) => 1,
                };
            }
            if answer.millis_behind_latest == Some(0) {
                return count;
            }
            shard_iterator = answer.next_shard_iterator;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(file) = &self.certificate {
            let _ = std::fs::remove_file(file);
        }
    }
}
