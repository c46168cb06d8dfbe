//! The core's events, brought to Python's module `logging`.
//!
//! An event may come from any thread, with a lock of the core held, so nothing here waits for Python: events go
//! through a bounded queue to a thread of their own, which starts with the first one.

use std::fmt::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use kinetik::fork;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::guarded;

/// Events that may wait; more are counted and told of.
const MOST_WAITING: usize = 1_000;
/// How long an event waits for another one's to be queued. In a forked child the lock may be held for ever.
const PATIENCE: Duration = Duration::from_millis(10);

/// `kinetik._log.tell`.
static TELL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Brings the core's events to `logging` from now on, unless this process has another subscriber.
///
/// # Errors
/// What importing Python's half of it raises.
pub fn install(py: Python<'_>) -> PyResult<()> {
    static ONCE: Once = Once::new();
    TELL.import(py, "kinetik._log", "tell")?;
    ONCE.call_once(|| {
        // The command has its own.
        let _ = tracing::subscriber::set_global_default(Bridge);
    });
    Ok(())
}

/// How many events were too many to tell since this was asked.
#[pyfunction]
pub fn lost_events() -> u64 {
    LOST.swap(0, Ordering::Relaxed)
}

/// An event on its way.
struct Line {
    level: Level,
    target: &'static str,
    message: String,
    fields: Vec<(&'static str, String)>,
}

/// Where events go, and the generation of forks whose thread takes them.
static QUEUE: Mutex<Option<(u32, SyncSender<Line>)>> = Mutex::new(None);
static LOST: AtomicU64 = AtomicU64::new(0);

struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("kinetik")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut line);
        if !queued(line) {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            name => self.fields.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => self.fields.push((name, value.to_owned())),
        }
    }
}

/// Hands an event to the thread, which is started if this process has none.
fn queued(line: Line) -> bool {
    let Some(mut queue) = QUEUE.try_lock_for(PATIENCE) else {
        return false;
    };
    let generation = fork::generation();
    if queue.as_ref().is_none_or(|(of, _)| *of != generation) {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let started = std::thread::Builder::new()
            .name("kinetik-log".into())
            .spawn(move || tell(&receiver));
        if started.is_err() {
            return false;
        }
        // The end of a parent's queue is of no use here, nor to be waited for.
        std::mem::forget(queue.replace((generation, sender)));
    }
    queue
        .as_ref()
        .is_some_and(|(_, sender)| sender.try_send(line).is_ok())
}

/// Tells Python of events for as long as it runs.
fn tell(events: &Receiver<Line>) {
    while let Ok(line) = events.recv() {
        // A handler that raises, even SystemExit, ends nothing: Python says what was wrong.
        let told = Python::try_attach(|py| {
            line.log(py)
                .unwrap_or_else(|error| guarded::report(py, error, None));
        });
        if told.is_none() {
            return;
        }
    }
}

impl Line {
    /// Has `kinetik._log` tell it.
    fn log(self, py: Python<'_>) -> PyResult<()> {
        let Some(tell) = TELL.get(py) else {
            return Ok(());
        };
        let level = match self.level {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let (logger, fields) = (self.logger(), PyDict::new(py));
        for (name, value) in self.fields {
            fields.set_item(name, value)?;
        }
        guarded::call(tell.bind(py), (logger, level, self.message, fields)).map(drop)
    }

    /// The part of the core that it comes from: `kinetik.producer` for `kinetik::producer::desk`.
    fn logger(&self) -> String {
        let mut path = self.target.split("::");
        let (house, room) = (path.next(), path.next());
        match (house, room) {
            (Some("kinetik"), Some(room)) => format!("kinetik.{room}"),
            (Some(house), _) => house.replace("kinetik_", "kinetik."),
            _ => "kinetik".to_owned(),
        }
    }
}
