//! The `kinetik` command, for `bin/kinetik.js`.

use napi::Env;
use napi_derive::napi;

use crate::errors::guard;

/// Runs the command with its arguments, its own name first; its exit status.
#[napi]
pub fn run_command(env: Env, arguments: Vec<String>) -> napi::Result<u32> {
    guard(env.raw(), || {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // Node's own handlers would be asked first, and end the process.
            // SAFETY: the default disposition runs no code, and this process is the command's alone.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(kinetik_cli::main(arguments).into())
    })
}
