//! Subscriptions: what they speak, over how many connections, and what becomes of one whose connection is half-open.

use std::time::Duration;

use hyper::Version;
use kinetik::consumer::reader::{Mode, Next, Reader, ReaderConfig, Start};
use kinetik::time::Clock;
use kinetik::transport::{Connect, Credentials};

use super::front::Front;
use super::{put, reads, server};

fn config(front: &Front) -> ReaderConfig {
    let connect = Connect {
        credentials: Some(Credentials::new("AKID", "akid", None)),
        ..front.connect()
    };
    ReaderConfig::new(Start::TrimHorizon)
        .mode(Mode::FanOut)
        .endpoint(front.endpoint())
        .connect(connect)
}

/// The service demands HTTP/2 of SubscribeToShard.
#[test]
fn over_tls_all_speak_http2_each_subscription_on_a_connection_of_its_own_and_the_rest_on_one() {
    const SHARDS: u32 = 4;
    let server = server(SHARDS, Clock::system(), &["AKID"]);
    let front = Front::start(&server, true);
    put(&server, 0..200);
    let mut reader = Reader::open_blocking("orders", config(&front)).unwrap();
    reads(&mut reader, 0..200);
    put(&server, 200..400);
    reads(&mut reader, 200..400);
    reader.close_blocking().unwrap();

    let connections = front.connections();
    for connection in &connections {
        assert_eq!(connection.agreed.as_deref(), Some("h2"), "{connection:?}");
        let mut asked = connection.asked.iter();
        assert!(
            asked.all(|(_, version)| *version == Version::HTTP_2),
            "{connection:?}"
        );
    }
    let (subscriptions, others): (Vec<_>, Vec<_>) = connections
        .iter()
        .partition(|connection| connection.is_of_subscriptions());
    assert_eq!(subscriptions.len(), SHARDS as usize);
    for connection in subscriptions {
        assert_eq!(connection.asked.len(), 1, "{connection:?}");
    }
    assert_eq!(others.len(), 1, "{others:?}");
    let ended = others[0]
        .asked
        .last()
        .map(|(operation, _)| operation.as_str());
    assert_eq!(ended, Some("DeregisterStreamConsumer"));
}

#[test]
fn ledger_66_a_subscription_whose_socket_falls_silent_is_replaced_on_a_fresh_connection() {
    const SILENCE: Duration = Duration::from_secs(7);
    for is_tls in [false, true] {
        // It goes with real time until it is moved: over the silence, and over the five seconds between subscriptions.
        let clock = Clock::system().movable();
        let server = server(1, clock.clone(), &["AKID"]);
        let front = Front::start(&server, is_tls);
        let config = config(&front).silence(SILENCE).clock(clock.clone());
        let mut reader = Reader::open_blocking("orders", config).unwrap();
        put(&server, 0..50);
        reads(&mut reader, 0..50);
        let before = front.connections().len();

        front.silence_subscriptions();
        // The server sends these to nobody: its socket is as good as before.
        put(&server, 50..100);
        while reader.stats().silences == 0 {
            clock.advance(Duration::from_secs(1));
            let next = reader.next_within_blocking(Duration::ZERO).unwrap();
            assert!(matches!(next, Next::TimedOut), "{next:?}");
        }
        reads(&mut reader, 50..100);
        put(&server, 100..150);
        reads(&mut reader, 100..150);

        let connections = front.connections();
        assert_eq!(connections.len(), before + 1, "{connections:?}");
        let fresh = &connections[before];
        assert!(fresh.is_of_subscriptions() && fresh.asked.len() == 1);
        let stats = reader.stats();
        assert_eq!(
            (stats.silences, stats.subscriptions, stats.repeated),
            (1, 2, 0)
        );
    }
}
