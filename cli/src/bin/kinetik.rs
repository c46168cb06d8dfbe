//! The `kinetik` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(kinetik_cli::main(std::env::args_os()))
}
