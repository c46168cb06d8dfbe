//! Real SDKs beside boto3 against `kinetik serve`. Skipped loudly without them (`make peers` installs them), failed with
//! `KINETIK_PEERS=required`.

mod peers;
mod served;

use std::process::Command;

use peers::{is_there, python, root};
use served::Served;

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

#[test]
fn the_javascript_sdk_puts_reads_reshards_and_subscribes_over_http2() {
    let test = "the_javascript_sdk_puts_reads_reshards_and_subscribes_over_http2";
    let package = root().join("tests/peers/node_modules/@aws-sdk/client-kinesis");
    if !is_there(test, &package) {
        return;
    }
    let server = Served::start(&[]);
    let script = root().join("tests/sdk/js_v3.mjs");
    succeeds(Command::new("node").arg(script).arg(&server.endpoint));
}

#[test]
fn the_rust_sdk_puts_reads_reshards_and_subscribes() {
    let test = "the_rust_sdk_puts_reads_reshards_and_subscribes";
    let program = root().join("build/rust-sdk/debug/rust-sdk");
    if !is_there(test, &program) {
        return;
    }
    let server = Served::start(&[]);
    succeeds(Command::new(program).arg(&server.endpoint));
}

#[test]
fn boto3_trusts_the_made_certificate_that_it_is_given_and_no_other() {
    let test = "boto3_trusts_the_made_certificate_that_it_is_given_and_no_other";
    let Some(python) = python(test) else {
        return;
    };
    let certificate = std::env::temp_dir().join(format!("kinetik-{}.pem", std::process::id()));
    let file = certificate.to_str().unwrap();
    let server = Served::start(&["--tls", "--tls-certificate-file", file]);
    assert!(
        server.endpoint.starts_with("https://"),
        "{}",
        server.endpoint
    );
    let script = root().join("tests/sdk/tls_smoke.py");
    let mut command = Command::new(python);
    succeeds(command.arg(script).arg(&server.endpoint).arg(file));
    std::fs::remove_file(certificate).unwrap();
}

#[test]
fn boto3_comes_in_with_the_right_key_alone() {
    let test = "boto3_comes_in_with_the_right_key_alone";
    let Some(python) = python(test) else {
        return;
    };
    let server = Served::start(&["--credentials", "AKIDKINETIK:a/b+c"]);
    let script = root().join("tests/sdk/signed_smoke.py");
    let mut command = Command::new(python);
    succeeds(
        command
            .arg(script)
            .args([&server.endpoint, "AKIDKINETIK", "a/b+c"]),
    );
}
