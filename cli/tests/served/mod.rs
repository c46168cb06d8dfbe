//! `kinetik serve` in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running server; killed when dropped.
pub struct Served {
    /// Its process.
    pub process: Child,
    /// What it said that clients call it by.
    pub endpoint: String,
}

impl Served {
    /// One on a free port, with further options.
    pub fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
        Self::of(
            command
                .args(["serve", "--port", "0"])
                .args(options)
                .env_clear(),
        )
    }

    /// The server of a command, once it says where it listens.
    pub fn of(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let endpoint = line.trim().strip_prefix("kinetik: listening on ");
        Self {
            endpoint: endpoint.unwrap().to_owned(),
            process,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
