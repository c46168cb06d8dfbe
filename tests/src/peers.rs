//! Where the peers are that tests and benchmarks compare kinetik with.
//!
//! They are installed by `make peers`. A missing one is a loud skip; with `KINETIK_PEERS=required` it is a failure.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::root;

/// A Python that has this module: `$KINETIK_PEERS_PYTHON`, or that of `build/peers-venv`.
pub fn python(module: &str) -> Option<PathBuf> {
    let chosen = std::env::var_os("KINETIK_PEERS_PYTHON").map(PathBuf::from);
    let python = chosen.unwrap_or_else(|| root().join("build/peers-venv/bin/python"));
    let imports = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    imports.then_some(python).or_else(|| missing(module))
}

/// A Node for which this package is installed in `tests/peers/node_modules`.
pub fn node(package: &str) -> Option<PathBuf> {
    let installed = root()
        .join("tests/peers/node_modules")
        .join(package)
        .exists();
    installed
        .then(|| "node".into())
        .or_else(|| missing(package))
}

/// Whether a peer is where it is installed.
pub fn installed(place: &Path, peer: &str) -> Option<()> {
    match place.exists() {
        true => Some(()),
        false => missing(peer).map(|_| ()),
    }
}

/// A script beside the peers.
pub fn script(name: &str) -> PathBuf {
    root().join("tests/peers").join(name)
}

#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn missing(peer: &str) -> Option<PathBuf> {
    assert!(
        std::env::var_os("KINETIK_PEERS").is_none_or(|value| value != "required"),
        "the peer {peer} is not installed, and KINETIK_PEERS=required: run `make peers`"
    );
    eprintln!("SKIPPED: the peer {peer} is not installed; `make peers` installs it");
    None
}
