//! `kinetik serve` without quotas, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use kinetik::api::{
    CreateStreamInput, DeleteStreamInput, DescribeStreamSummaryInput, Request, StreamStatus,
};
use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::{Reader, ReaderConfig, Start, Until};
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

    /// How many user records a stream has; then it is gone, and its memory free.
    pub(crate) fn take(&self, stream: &str) -> usize {
        let count = async {
            let config = ReaderConfig::new(Start::TrimHorizon).until(Until::Now);
            let name = stream.parse().expect("a name");
            let mut reader = Reader::over(self.client.clone(), name, config).await?;
            let mut count = 0;
            while let Some(batch) = reader.next_batch().await? {
                count += batch.len();
            }
            Ok::<_, kinetik::Error>(count)
        };
        let runtime = Runtime::shared().expect("a runtime");
        let count = runtime.block_on(count).expect("the stream is read");
        self.ask(DeleteStreamInput {
            stream_name: Some(stream.into()),
            ..Default::default()
        });
        count
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
