//! Credentials that expire while a reader reads, with a server that checks every signature.
//!
//! Each test runs in a process of its own, because AWS's chain of sources is led by a process's variables: to a profile
//! whose credentials a program gives, anew whenever it is asked.

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kinetik::api::SplitShardInput;
use kinetik::consumer::reader::{Mode, Next, Reader, ReaderConfig, Start};
use kinetik::time::Clock;
use kinetik::{Error, ErrorKind, Retry};
use kinetik_server::Server;

use super::front::Front;
use super::{LONG, put, reads, reads_past, server};

const FOLDER: &str = "KINETIK_TEST_KEYS";
const MOMENT: Duration = Duration::from_millis(10);

/// A source of credentials whose end is far off: that they have expired is the service's word.
struct Source(PathBuf);

impl Source {
    /// From now on.
    fn gives(&self, id: &str, secret: &str) {
        let document = format!(
            r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"{secret}","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}}"#
        );
        // At once, as whoever is asked may read it at any moment.
        let new = self.0.with_extension("new");
        std::fs::write(&new, document).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }
}

/// Runs a test of this file in a process whose variables lead to a source of credentials.
fn alone<F: FnOnce(&Source)>(body: F) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return body(&Source(Path::new(&folder).join("credentials.json")));
    }
    // The body is a closure of the test.
    let name = type_name::<F>().trim_end_matches("::{{closure}}");
    let (_, test) = name.split_once("::").unwrap();
    let folder = test.replace("::", "-");
    let folder = std::env::temp_dir().join(format!("kinetik-{folder}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let program = format!(
        "[default]\ncredential_process = /bin/cat {}\n",
        file("credentials.json")
    );
    std::fs::write(file("config"), program).unwrap();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", &folder)
        .env("AWS_CONFIG_FILE", file("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", file("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

/// A reader of a stream of one shard, which has read the numbers up to 100 with the key `OLD`.
fn reading(source: &Source, mode: Mode, is_tls: bool) -> (Server, Front, Reader) {
    let server = server(1, Clock::system(), &["OLD", "NEW"]);
    let front = Front::start(&server, is_tls);
    source.gives("OLD", "old");
    let config = ReaderConfig::new(Start::TrimHorizon)
        .mode(mode)
        .endpoint(front.endpoint())
        .connect(front.connect());
    let mut reader = Reader::open_blocking("orders", config).unwrap();
    put(&server, 0..100);
    reads(&mut reader, 0..100);
    (server, front, reader)
}

/// The key `OLD` expires, and there is more to read, behind a split: a subscription that has begun needs no key.
fn expire(server: &Server, front: &Front) {
    front.expire("OLD");
    let split = SplitShardInput {
        stream_name: Some("orders".into()),
        shard_to_split: Some("shardId-000000000000".into()),
        new_starting_hash_key: Some((1_u128 << 127).to_string().into()),
        ..Default::default()
    };
    server.engine().call(&split.into()).unwrap();
    put(server, 100..200);
}

#[test]
fn credentials_that_expire_are_replaced_and_nothing_is_lost_or_read_twice() {
    alone(|source| {
        for (mode, is_tls) in [
            (Mode::Polling, false),
            (Mode::Polling, true),
            (Mode::FanOut, false),
            (Mode::FanOut, true),
        ] {
            let (server, front, mut reader) = reading(source, mode, is_tls);
            source.gives("NEW", "new");
            expire(&server, &front);
            reads(&mut reader, 100..200);
            reader.close_blocking().unwrap();
            let stats = reader.stats();
            assert_eq!((stats.records, stats.repeated), (200, 0));
            let (asked, refused) = (front.asked_by("NEW").0, front.asked_by("OLD").1);
            assert!(asked > 0 && refused > 0, "{asked} {refused}");
        }
    });
}

#[test]
fn a_source_that_is_behind_is_asked_until_it_gives_others() {
    alone(|source| {
        for mode in [Mode::Polling, Mode::FanOut] {
            let (server, front, mut reader) = reading(source, mode, false);
            expire(&server, &front);
            while front.asked_by("OLD").1 < 4 {
                let next = reader.next_within_blocking(MOMENT).unwrap();
                assert!(matches!(next, Next::TimedOut), "{next:?}");
            }
            source.gives("NEW", "new");
            reads(&mut reader, 100..200);
            assert_eq!(reader.stats().repeated, 0);
        }
    });
}

#[test]
fn others_that_the_service_refuses_too_are_told_as_unauthenticated_and_reading_can_go_on() {
    alone(|source| {
        for mode in [Mode::Polling, Mode::FanOut] {
            for (id, secret, refusal) in [
                ("NOBODY", "new", "UnrecognizedClientException"),
                ("NEW", "canary", "InvalidSignatureException"),
            ] {
                let (server, front, mut reader) = reading(source, mode, false);
                source.gives(id, secret);
                expire(&server, &front);
                let is_told = |error: Error| {
                    assert_eq!(
                        (error.kind(), error.retry(), error.aws_code()),
                        (ErrorKind::Unauthenticated, Retry::Never, Some(refusal))
                    );
                    assert!(!format!("{error} {error:?}").contains("canary"));
                };
                is_told(reader.next_within_blocking(LONG).unwrap_err());
                if id == "NOBODY" {
                    source.gives("NEW", "new");
                    // Each shard tells for itself.
                    reads_past(&mut reader, 100..200, is_told);
                    assert_eq!(reader.stats().repeated, 0);
                }
            }
        }
    });
}
