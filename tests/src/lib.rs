//! What the tests of the whole house share.

pub mod peers;

/// The README's Rust quick start, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the root")
        .to_owned()
}

/// Every file below `folder` whose name ends in `.ending`, sorted, without build outputs.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !matches!(
                    &*name,
                    "target" | "build" | "node_modules" | ".git" | ".venv"
                ) {
                    folders.push(path);
                }
            } else if name.ends_with(&format!(".{ending}")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
