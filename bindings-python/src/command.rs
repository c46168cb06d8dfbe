//! The `kinetik` command, for the console script and `python -m kinetik`.

use pyo3::prelude::*;

/// Runs the command with its arguments, its own name first; its exit status.
#[pyfunction]
pub fn run_command(py: Python<'_>, arguments: Vec<String>) -> u8 {
    py.detach(|| kinetik_cli::main(arguments))
}
