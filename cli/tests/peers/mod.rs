//! The peers that tests compare with, installed by `make peers`.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Whether what a test needs is there; says so where it is not, and fails where it is required.
pub fn is_there(test: &str, needed: &Path) -> bool {
    if needed.exists() {
        return true;
    }
    let required = std::env::var("KINETIK_PEERS").is_ok_and(|value| value == "required");
    let missing = needed.display();
    assert!(!required, "{test}: no {missing}");
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test}: no {missing} (make peers)"
    );
    false
}

/// The interpreter that has boto3 and botocore.
pub fn python(test: &str) -> Option<PathBuf> {
    let python = root().join("build/peers-venv/bin/python");
    is_there(test, &python).then_some(python)
}
