//! Logging to standard error.

use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How much kinetik itself logs; libraries below it log warnings and errors at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level(LevelFilter);

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(level) if !text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Self(level)),
            _ => Err("expected off, error, warn, info, debug or trace".into()),
        }
    }
}

/// Logs from now on, unless the process logs elsewhere already.
pub(crate) fn start(level: Level) {
    let targets = Targets::new()
        .with_default(level.0.min(LevelFilter::WARN))
        .with_target("kinetik", level.0)
        .with_target("kinetik_server", level.0);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    let _ = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
}
