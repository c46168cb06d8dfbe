//! A client in a process of its own, so that its CPU time and memory are nobody else's.
//!
//! A worker says `ready`. Each line `COUNT` of its input is a round of so many records, answered with two numbers when all
//! are acknowledged: seconds of CPU time of the client, and of wall time. Some also know the line `COUNT RATE`: so many
//! records a second, answered with median and p99 of the seconds from put to acknowledgement.

use std::fmt::Display;
use std::fs::{read_dir, read_to_string};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running client; killed when dropped.
pub struct Worker {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts it and waits until it is ready; else says why it is not.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.map_err(|error| format!("does not start: {error}"))?;
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut worker = Self {
            process,
            input,
            output: output.lines(),
        };
        while worker.line()? != "ready" {}
        Ok(worker)
    }

    /// Asks for a round and gives the two numbers of its answer.
    pub fn ask(&mut self, round: impl Display) -> Result<(f64, f64), String> {
        let asked = writeln!(self.input, "{round}");
        asked.map_err(|error| format!("ended: {error}"))?;
        loop {
            // What a library prints beside the answer is passed over.
            let line = self.line()?;
            if let Some((first, second)) = line.split_once(' ')
                && let (Ok(first), Ok(second)) = (first.parse(), second.parse())
            {
                return Ok((first, second));
            }
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let line = self.output.next();
        let line = line.ok_or("ended before its answer; what it says stands above")?;
        line.map_err(|error| error.to_string())
    }

    /// Resident memory in MiB of the process and those that it started.
    pub fn resident(&self) -> f64 {
        let resident = |process: u32| {
            let status = read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u32>().ok());
            f64::from(kib.unwrap_or(0)) / 1024.0
        };
        let own = self.process.id();
        let children = threads(own).flat_map(|thread| {
            let children = read_to_string(format!("{thread}/children")).unwrap_or_default();
            children
                .split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<_>>()
        });
        resident(own) + children.map(resident).sum::<f64>()
    }

    /// Seconds of CPU time so far of the threads that it has.
    pub fn cpu_seconds(&self) -> f64 {
        let nanos = threads(self.process.id()).filter_map(|thread| {
            let text = read_to_string(format!("{thread}/schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        nanos.sum::<u64>() as f64 * 1e-9
    }
}

/// The folders of a process's threads.
fn threads(process: u32) -> impl Iterator<Item = String> {
    let tasks = read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten();
    tasks.filter_map(|task| Some(task.ok()?.path().display().to_string()))
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
