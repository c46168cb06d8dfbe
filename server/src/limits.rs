//! How much of the machine clients may take.

use std::time::Duration;

/// The bounds that keep a hostile or broken client from hurting the others (reference/reliability.md 3b). None of
/// them is the service's own; those are the engine's business.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body, default 16 MiB: a full PutRecords (10 MiB) in base64, with keys and punctuation.
    pub body_bytes: usize,
    /// Bytes of request and answer bodies that all connections may hold together, default 256 MiB. An event of a
    /// subscription is such a body; where it has no room, the subscription ends.
    pub all_bodies_bytes: usize,
    /// The largest head of a request (request line and headers), default 16 KiB.
    pub head_bytes: usize,
    /// The most headers of a request, default 64.
    pub headers: usize,
    /// Connections at one time, default 4,096; for the next one that which has gone longest without a request is closed.
    pub connections: usize,
    /// Requests of one HTTP/2 connection at one time, default 128.
    pub streams: u32,
    /// How long a client may take to send a head, idling between two requests included; default 60 s.
    pub head_time: Duration,
    /// How long a client may pause within a body that it sends or reads, default 10 s. Over HTTP/2 a reader is left when
    /// all answers of its connection pause, within twice this time. What is left of a refused body is read for as long.
    pub stall_time: Duration,
    /// How long a client may take to send a whole body, default 60 s.
    pub body_time: Duration,
    /// How long a stopping server waits for answers that are on their way, default 1 s.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            all_bodies_bytes: 256 << 20,
            head_bytes: 16 << 10,
            headers: 64,
            connections: 4_096,
            streams: 128,
            head_time: Duration::from_secs(60),
            stall_time: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            stop_time: Duration::from_secs(1),
        }
    }
}
