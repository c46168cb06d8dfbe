//! Every source of credentials, end to end: the command calls AWS's own host by name, through a proxy and over TLS with a
//! given root, signs with what a fake of the source hands out, and a server that checks signatures answers.

mod aws;

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::{ACCOUNT, Answered, Asked, Aws, KEY_ID, REGION, SECRET, document, plain_fake};

fn streams(variables: &BTreeMap<&'static str, String>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinetik"));
    let command = command.arg("streams").args(arguments).env_clear();
    command.envs(variables).output().unwrap()
}

/// The stream of the service is listed, and nothing of the credentials is said.
fn succeeds(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(output.stdout, b"orders\n");
    for secret in [SECRET, "token"] {
        assert!(!error.contains(secret), "{error}");
    }
}

fn no_tokens(_: &Asked) -> Answered {
    Answered::refused(404)
}

fn with(aws: &Aws, more: &[(&'static str, String)]) -> BTreeMap<&'static str, String> {
    let mut variables = aws.variables();
    variables.extend(more.iter().cloned());
    variables
}

fn kinesis() -> String {
    format!("kinesis.{REGION}.amazonaws.com")
}

/// STS's answer to an operation, in XML.
fn sts(operation: &str) -> Answered {
    Answered::ok(format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>\
         <AssumedRoleUser><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{KEY_ID}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </{operation}Result></{operation}Response>"
    ))
}

#[test]
fn keys_of_the_environment_and_of_a_profile_sign_and_wrong_ones_are_refused() {
    let aws = Aws::start("keys", no_tokens);
    let environment = |secret: &str| {
        with(
            &aws,
            &[
                ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
                ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
                ("AWS_SESSION_TOKEN", "a+token/=".to_owned()),
            ],
        )
    };
    succeeds(&streams(&environment(SECRET), &[]));
    assert_eq!(aws.hosts(), [kinesis()]);
    let refused = streams(&environment("canary-secret"), &[]);
    assert_eq!(refused.status.code(), Some(3));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("InvalidSignatureException"), "{error}");
    assert!(!error.contains("canary"), "{error}");

    let keys = format!("aws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n");
    aws.write("credentials", &format!("[default]\n{keys}[other]\n{keys}"));
    succeeds(&streams(&aws.variables(), &[]));
    // A profile that is asked for by name wins over the environment.
    succeeds(&streams(&environment("wrong"), &["--profile", "other"]));
}

#[test]
fn a_process_and_a_role_of_a_profile_are_asked_for_credentials() {
    let aws = Aws::start("roles", |asked| {
        let is_signed = asked.headers["authorization"].contains("Credential=AKIDOFTHESOURCE/");
        let is_role =
            asked.body.contains("Action=AssumeRole&") && asked.body.contains("role%2Freader");
        match is_signed && is_role {
            true => sts("AssumeRole"),
            false => Answered::refused(403),
        }
    });
    let script = aws.write(
        "credentials.sh",
        &format!(
            "echo '{{\"Version\":1,\"AccessKeyId\":\"{KEY_ID}\",\"SecretAccessKey\":\"{SECRET}\",\"SessionToken\":\"t\"}}'\n"
        ),
    );
    aws.write(
        "config",
        &format!(
            "[profile process]\ncredential_process = /bin/sh {}\n\
             [profile role]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/reader\nsource_profile = source\n\
             [profile source]\naws_access_key_id = AKIDOFTHESOURCE\naws_secret_access_key = s\n",
            script.display()
        ),
    );
    succeeds(&streams(&aws.variables(), &["--profile", "process"]));
    aws.hosts();
    succeeds(&streams(&aws.variables(), &["--profile", "role"]));
    // Its role belongs to an account, which has a host of its own.
    let hosts = aws.hosts();
    assert_eq!(hosts[0], format!("sts.{REGION}.amazonaws.com"));
    assert!(
        hosts[1].ends_with(&format!("kinesis.{REGION}.amazonaws.com")),
        "{hosts:?}"
    );
}

#[test]
fn single_sign_on_gives_credentials_for_the_hosts_of_its_account() {
    let aws = Aws::start("sso", |asked| {
        let is_asked = asked.line.starts_with("GET /federation/credentials?")
            && asked.line.contains("role_name=reader")
            && asked.line.contains(&format!("account_id={ACCOUNT}"));
        let has_token = asked
            .headers
            .get("x-amz-sso_bearer_token")
            .map(String::as_str);
        match is_asked && has_token == Some("the-sso-token") {
            true => Answered::ok(
                serde_json::json!({"roleCredentials": {
                    "accessKeyId": KEY_ID, "secretAccessKey": SECRET, "sessionToken": "t",
                    "expiration": 4_070_908_800_000_i64,
                }})
                .to_string(),
            ),
            false => Answered::refused(401),
        }
    });
    aws.write(
        "config",
        &format!(
            "[default]\nsso_start_url = https://example.awsapps.com/start\nsso_region = {REGION}\n\
             sso_account_id = {ACCOUNT}\nsso_role_name = reader\n"
        ),
    );
    // SHA-1 of the start URL.
    aws.write(
        ".aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json",
        &serde_json::json!({
            "accessToken": "the-sso-token", "expiresAt": "2099-01-01T00:00:00Z", "region": REGION,
            "startUrl": "https://example.awsapps.com/start",
        })
        .to_string(),
    );
    succeeds(&streams(&aws.variables(), &[]));
    let own = format!("{ACCOUNT}.control-kinesis.{REGION}.amazonaws.com");
    assert_eq!(
        aws.hosts(),
        [format!("portal.sso.{REGION}.amazonaws.com"), own]
    );
    let shared = with(
        &aws,
        &[("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled".to_owned())],
    );
    succeeds(&streams(&shared, &[]));
    assert_eq!(aws.hosts()[1], kinesis());
}

#[test]
fn a_web_identity_is_exchanged_for_credentials() {
    let aws = Aws::start("web", |asked| {
        let is_exchange = asked.body.contains("Action=AssumeRoleWithWebIdentity")
            && asked.body.contains("WebIdentityToken=the-web-token");
        match is_exchange {
            true => sts("AssumeRoleWithWebIdentity"),
            false => Answered::refused(403),
        }
    });
    let token = aws.write("token", "the-web-token");
    let mut variables = with(
        &aws,
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
            (
                "AWS_ROLE_ARN",
                format!("arn:aws:iam::{ACCOUNT}:role/reader"),
            ),
        ],
    );
    succeeds(&streams(&variables, &[]));
    // Who wants FIPS hosts wants them for what hands out the credentials too.
    aws.hosts();
    for (name, value) in [
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"),
    ] {
        variables.insert(name, value.to_owned());
    }
    succeeds(&streams(&variables, &[]));
    let hosts = ["sts-fips", "kinesis-fips"].map(|host| format!("{host}.{REGION}.amazonaws.com"));
    assert_eq!(aws.hosts(), hosts);
}

#[test]
fn a_container_is_asked_directly_and_asked_again_when_the_service_refuses_what_it_gave() {
    let aws = Aws::start("container", no_tokens);
    let times = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&times);
    let port = plain_fake(move |request| {
        let has_token = request.headers.get("authorization").map(String::as_str);
        if request.line != "GET /creds" || has_token != Some("the-container-token") {
            return Answered::refused(403);
        }
        match asked.fetch_add(1, Ordering::Relaxed) {
            // It was rotated meanwhile: the service does not know it any more.
            0 => Answered::ok(document("AKIDOFYESTERDAY", "old")),
            _ => Answered::ok(document(KEY_ID, SECRET)),
        }
    });
    let variables = with(
        &aws,
        &[
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                format!("http://127.0.0.1:{port}/creds"),
            ),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                "the-container-token".to_owned(),
            ),
            // This machine is never asked through it.
            ("HTTP_PROXY", "http://127.0.0.1:1".to_owned()),
        ],
    );
    succeeds(&streams(&variables, &[]));
    assert_eq!(times.load(Ordering::Relaxed), 2);
}

#[test]
fn an_instance_is_asked_with_a_token_of_the_second_version_alone() {
    let aws = Aws::start("instance", no_tokens);
    let port = plain_fake(|request| {
        let token = request
            .headers
            .get("x-aws-ec2-metadata-token")
            .map(String::as_str);
        match (request.line.as_str(), token) {
            ("PUT /latest/api/token", None) => Answered(
                200,
                vec![("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned())],
                "the-instance-token".to_owned(),
            ),
            (line, Some("the-instance-token")) => match line.rsplit_once("security-credentials/") {
                Some((_, "")) => Answered::ok("role"),
                Some((_, "role")) => Answered::ok(document(KEY_ID, SECRET)),
                _ => Answered::refused(404),
            },
            _ => Answered::refused(401),
        }
    });
    let variables = with(
        &aws,
        &[
            ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
            (
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                format!("http://127.0.0.1:{port}"),
            ),
        ],
    );
    succeeds(&streams(&variables, &[]));
}

#[test]
fn without_any_source_the_error_names_them_all() {
    let aws = Aws::start("nothing", no_tokens);
    let output = streams(&aws.variables(), &[]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("no source of credentials has any"),
        "{error}"
    );
    assert!(aws.hosts().is_empty());
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_the_call_at_once() {
    let aws = Aws::start("untrusted", no_tokens);
    let other = rcgen::generate_simple_self_signed(["other.test".to_owned()]).unwrap();
    let bundle = aws.write("other.pem", &other.cert.pem());
    let variables = with(
        &aws,
        &[
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ],
    );
    let output = streams(&variables, &["--ca-bundle", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("TLS") && error.contains("ca_bundle"),
        "{error}"
    );
    // One connection: trying again would show the same certificate.
    assert_eq!(aws.hosts(), [kinesis()]);
}
