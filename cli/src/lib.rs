//! The `kinetik` command as a function, so that the Python wheel and the npm package can offer it too.
//!
//! Data goes to standard output, everything else to standard error; a closed pipe ends a command quietly. Exit codes:
//! 0 done, 1 some records failed, 2 wrong usage, 3 the service or the way to it failed, or standard output.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use kinetik::{Error, ErrorKind};

mod filter;
mod format;
mod key;
mod lines;
mod log;
mod look;
mod put;
mod reach;
mod serve;
mod tail;
mod units;

/// An Amazon Kinesis on this machine, and a look at streams anywhere.
#[derive(Debug, Parser)]
#[command(name = "kinetik", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What is logged to standard error: off, error, warn, info, debug or trace.
    #[arg(
        long,
        global = true,
        env = "KINETIK_LOG",
        default_value = "warn",
        value_name = "LEVEL"
    )]
    log: log::Level,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve an in-memory Kinesis to any AWS SDK, until SIGTERM or SIGINT.
    Serve(serve::Options),
    /// Put the lines of standard input into a stream.
    Put(put::Options),
    /// Write the records of a stream as they arrive.
    Tail(tail::Options),
    /// List the streams of an account, one name a line.
    Streams(look::Streams),
    /// List the shards of a stream with their hash key ranges and shares of the ring.
    Shards(look::Shards),
    /// Tell which shard a partition key belongs to.
    Explain(look::Explain),
}

/// How a command ended early.
#[derive(Debug)]
enum Failure {
    /// The service, the way to it, or an argument.
    Error(Error),
    /// Nobody reads what is written any more.
    ClosedPipe,
    /// Some records were not delivered, as was told.
    Records,
}

/// Runs the command with its arguments, the program's own name first. Returns the exit code.
pub fn main<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> u8 {
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version come this way too, with code 0.
            let _ = usage.print();
            return u8::try_from(usage.exit_code()).unwrap_or(2);
        }
    };
    log::start(arguments.log);
    let outcome = match arguments.command {
        Command::Serve(options) => serve::run(options),
        Command::Put(options) => options.run(),
        Command::Tail(options) => options.run(),
        Command::Streams(options) => options.run(),
        Command::Shards(options) => options.run(),
        Command::Explain(options) => options.run(),
    };
    match outcome {
        Ok(()) | Err(Failure::ClosedPipe) => 0,
        Err(Failure::Records) => 1,
        Err(Failure::Error(error)) => {
            let _ = writeln!(io::stderr(), "kinetik: {error}");
            exit_code(&error)
        }
    }
}

fn parse<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<Arguments, clap::Error> {
    let mut command = Arguments::command();
    // An empty variable is as good as none; as a value it would switch TLS on.
    if std::env::var_os("KINETIK_TLS").is_some_and(|value| value.is_empty()) {
        command = command.mut_subcommand("serve", |serve| {
            serve.mut_arg("tls", |tls| tls.env(None::<&'static str>))
        });
    }
    Arguments::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// The caller's mistakes are told apart from the service's.
fn exit_code(error: &Error) -> u8 {
    let of_the_caller = error.aws_code().is_none()
        && matches!(
            error.kind(),
            ErrorKind::InvalidArgument | ErrorKind::InvalidType
        );
    if of_the_caller { 2 } else { 3 }
}

/// Writes a line of data to standard output.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(unwritten)
}

/// Why standard output was not written: a reader that left is no error.
fn unwritten(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => {
            let text = format!("standard output cannot be written: {error}");
            Failure::Error(Error::new(ErrorKind::Internal, text))
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}
