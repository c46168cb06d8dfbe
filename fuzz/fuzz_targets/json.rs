//! Bodies of requests and answers in JSON 1.1: what is read is judged, and what is written of it is read back alike.
#![no_main]

use kinetik::api::Form;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| kinetik_fuzz::body::check(Form::Json, input.0, input.1));
