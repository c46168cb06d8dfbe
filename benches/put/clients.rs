//! The clients that are compared, and how their workers are started.

use std::path::PathBuf;
use std::process::Command;

use kinetik_tests::{peers, root};

use crate::own;

/// What a worker puts where.
pub(crate) struct Place<'a> {
    pub(crate) url: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) size: usize,
    /// Different keys; the peers have [`KEYS`].
    pub(crate) keys: usize,
}

pub(crate) const KEYS: usize = 256;

/// A client, by the words that its worker is told.
#[derive(Clone)]
pub(crate) enum Client {
    /// kinetik in Rust, by the words of [`own`].
    Own(String),
    RustSdk,
    /// A client of put.py, in the Python that can import this module.
    Python(&'static str, &'static str),
    /// A client of put.mjs.
    Node(&'static str),
    /// The KPL, whose process is a JVM with a daemon.
    Kpl,
}

impl Client {
    /// The command of its worker; else why there is none.
    pub(crate) fn command(&self, place: &Place<'_>) -> Result<Command, String> {
        let script = |name: &str| root().join("benches/peers").join(name);
        let mut command = match self {
            Self::Own(how) => {
                let mut own = Command::new(std::env::current_exe().expect("this program"));
                own.args([own::ARGUMENT, how]);
                own
            }
            Self::RustSdk => Command::new(installed("build/rust-sdk/release/put")?),
            Self::Python(client, module) => {
                let mut python = Command::new(python(module)?);
                python.arg(script("put.py")).arg(client);
                python.env("PYTHONPATH", root().join("bindings-python/python"));
                python
            }
            Self::Node(client) => {
                let mut node = Command::new("node");
                node.arg(script("put.mjs")).arg(client);
                node.env("NODE_NO_WARNINGS", "1");
                installed("tests/peers/node_modules/@aws-sdk/client-kinesis")?;
                node
            }
            Self::Kpl => {
                let jars = installed("build/java/lib")?;
                let mut java = Command::new("java");
                java.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
                java.arg("-cp").arg(jars.join("*")).arg(script("Put.java"));
                java
            }
        };
        command.args([place.url, place.stream, &place.size.to_string()]);
        if matches!(self, Self::Own(_)) {
            command.arg(place.keys.to_string());
        }
        Ok(command)
    }
}

fn installed(place: &str) -> Result<PathBuf, String> {
    let place = root().join(place);
    match place.exists() {
        true => Ok(place),
        false => Err(format!("{} is not there", place.display())),
    }
}

/// The Python of this module: that of the other peers, that of the producers of [`Client::Python`], or any for kinetik,
/// which stands in this repository.
fn python(module: &str) -> Result<PathBuf, String> {
    match module {
        "kinetik" => Ok("python3".into()),
        "boto3" => peers::python(module).ok_or_else(|| "it is not installed".into()),
        _ => installed("build/put-venv/bin/python"),
    }
}
