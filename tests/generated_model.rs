//! The committed tables of the service model are what the generator makes of botocore's model today.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use kinetik_tests::root;

#[test]
#[expect(clippy::print_stderr, reason = "a skipped comparison must be seen")]
fn peer_botocore_model_makes_the_committed_tables() {
    let peers = root().join("build/peers-venv");
    if !has_model(&peers) {
        let required = env::var("KINETIK_PEERS").is_ok_and(|value| value == "required");
        assert!(
            !required,
            "no botocore in {}: run `make peers`",
            peers.display()
        );
        eprintln!(
            "SKIPPED: no botocore in {}; `make peers` installs it",
            peers.display()
        );
        return;
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("model");
    let run = Command::new("python3")
        .arg(root().join("tools/api/generate.py"))
        .args([&peers, &made])
        .output()
        .expect("python3");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let committed = root().join("core/src/api/model");
    for entry in fs::read_dir(&committed).expect("the tables") {
        let name = entry.expect("a file").file_name();
        let old = fs::read(committed.join(&name)).expect("a committed file");
        let new = fs::read(made.join(&name)).expect("a file that the generator makes");
        assert!(
            old == new,
            "{} is stale: run tools/api/generate.py build/peers-venv core/src/api/model",
            name.display()
        );
    }
}

/// Whether botocore lies in this virtual environment.
fn has_model(peers: &Path) -> bool {
    let model = "site-packages/botocore/data/kinesis/2013-12-02";
    fs::read_dir(peers.join("lib")).is_ok_and(|mut versions| {
        versions.any(|python| python.is_ok_and(|python| python.path().join(model).is_dir()))
    })
}
