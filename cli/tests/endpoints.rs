//! The hosts that kinetik chooses, against botocore's endpoint rules and partition table. Skipped loudly without botocore
//! (`make peers` installs it), failed with `KINETIK_PEERS=required`.

mod peers;

use std::process::Command;

use bytes::Bytes;
use kinetik::api::{Call, Form, Operation};
use kinetik::transport::{AccountIdEndpointMode, AwsHosts};
use serde_json::Value;

#[test]
fn every_call_goes_where_botocores_endpoint_rules_send_it() {
    let test = "every_call_goes_where_botocores_endpoint_rules_send_it";
    let Some(python) = peers::python(test) else {
        return;
    };
    let walked = Command::new(python)
        .arg(peers::root().join("tests/sdk/endpoint_rules.py"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{error}");
    let walked = String::from_utf8(walked.stdout).unwrap();
    let (mut hosts, mut refused) = (0, 0);
    for line in walked.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        match (answer(&case), case["url"].as_str()) {
            (Ok(url), Some(expected)) => {
                hosts += 1;
                assert_eq!(url, expected, "{line}");
            }
            (Err(text), None) => {
                refused += 1;
                let expected = case["error"].as_str().unwrap();
                let is_worded = expected.contains("ARN");
                assert!(!is_worded || text.contains(expected), "{line}: {text}");
            }
            (ours, _) => panic!("{line}: {ours:?}"),
        }
    }
    assert!(hosts > 15_000 && refused > 5_000, "{hosts} {refused}");
}

/// The URL or the error's text.
fn answer(case: &Value) -> Result<String, String> {
    let text = |name: &str| case[name].as_str();
    let is_on = |name: &str| case[name].as_bool().unwrap();
    let mut hosts = AwsHosts::new(text("region").unwrap()).unwrap();
    hosts.fips = is_on("fips");
    hosts.dual_stack = is_on("dual_stack");
    hosts.account_mode = match text("mode").unwrap() {
        "preferred" => AccountIdEndpointMode::Preferred,
        "disabled" => AccountIdEndpointMode::Disabled,
        _ => AccountIdEndpointMode::Required,
    };
    let call = call(text("operation").unwrap(), &case["input"]);
    let url = hosts.url(&call, text("account"));
    url.map(|url| url.to_string())
        .map_err(|error| error.message().to_owned())
}

fn call(operation: &str, input: &Value) -> Call {
    let operation = Operation::from_name(operation).unwrap();
    let body = Bytes::from(input.to_string());
    Form::Json.decode_call(operation, &body).unwrap()
}
