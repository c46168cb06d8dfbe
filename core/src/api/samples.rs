//! Tests of every shape by the samples that the generator writes from the model.

use bytes::Bytes;
use serde_json::Value as Json;

use super::shape::SHOWN;
use super::{Call, Form, Operation, json};

fn samples() -> Json {
    serde_json::from_str(include_str!("model/samples.json")).expect("JSON")
}

fn each<'a>(samples: &'a Json, part: &str) -> impl Iterator<Item = (Operation, &'a Json)> {
    let part = samples[part].as_object().expect("an object");
    part.iter().map(|(name, body)| {
        let operation = Operation::from_name(name).expect("an operation");
        (operation, body)
    })
}

fn bytes(body: &Json) -> Bytes {
    serde_json::to_vec(body).expect("JSON").into()
}

fn general(operation: Operation, body: &Json) -> Call {
    let value = json::decode(&bytes(body)).expect("JSON");
    Call::from_value(operation, value, Form::Json).expect("a call")
}

#[test]
fn every_request_keeps_every_member_in_both_forms_and_is_valid() {
    let samples = samples();
    let mut count = 0;
    for (operation, body) in each(&samples, "calls") {
        let call = Form::Json
            .decode_call(operation, &bytes(body))
            .expect("a call");
        assert_eq!(call.operation(), operation);
        assert_eq!(Form::Json.encode_call(&call), bytes(body), "{operation:?}");
        let cbor = Form::Cbor.encode_call(&call);
        assert_eq!(Form::Cbor.decode_call(operation, &cbor).as_ref(), Ok(&call));
        assert_eq!(call.check(), Ok(()), "{operation:?}");
        count += 1;
    }
    assert_eq!(count, Operation::ALL.len());
}

#[test]
fn every_answer_keeps_every_member_in_both_forms() {
    let samples = samples();
    let mut count = 0;
    for (operation, body) in each(&samples, "answers") {
        let answer = Form::Json
            .decode_answer(operation, &bytes(body))
            .expect("an answer");
        assert_eq!(answer.operation(), operation);
        assert_eq!(
            Form::Json.encode_answer(&answer),
            bytes(body),
            "{operation:?}"
        );
        let cbor = Form::Cbor.encode_answer(&answer);
        let again = Form::Cbor
            .decode_answer(operation, &cbor)
            .expect("an answer");
        assert_eq!(
            Form::Json.encode_answer(&again),
            bytes(body),
            "{operation:?}"
        );
        count += 1;
    }
    let with_output = Operation::ALL
        .iter()
        .filter(|operation| !operation.has_empty_output());
    // One more has an output: a subscription, which is no single body.
    assert_eq!(count + 1, with_output.count());
}

#[test]
fn an_empty_request_lacks_exactly_what_the_model_requires() {
    let samples = samples();
    for (operation, _) in each(&samples, "calls") {
        let call = general(operation, &Json::Object(Default::default()));
        let cases = samples["violations"].as_array().expect("a list").iter();
        let required = cases.filter(|case| {
            case["operation"] == operation.name()
                && case["shown"] == "null"
                && case["at"].as_array().is_some_and(|at| at.len() == 1)
        });
        let names: Vec<_> = required
            .map(|case| case["path"].as_str().unwrap_or_default())
            .collect();
        let text = |name: &&str| {
            format!("Value null at '{name}' failed to satisfy constraint: Member must not be null")
        };
        match call.check() {
            Ok(()) => assert!(names.is_empty(), "{operation:?}"),
            Err(refusal) => {
                let items: Vec<String> = names.iter().map(text).collect();
                let plural = if items.len() == 1 { "" } else { "s" };
                let expected = format!(
                    "{} validation error{plural} detected: {}",
                    items.len(),
                    items.join("; ")
                );
                assert_eq!(refusal.message(), Some(&*expected), "{operation:?}");
            }
        }
    }
}

#[test]
fn every_constraint_of_the_model_is_told_in_the_service_words() {
    let samples = samples();
    let cases = samples["violations"].as_array().expect("a list");
    assert!(cases.len() > 500);
    for case in cases {
        let operation = Operation::from_name(case["operation"].as_str().expect("a name"))
            .expect("an operation");
        let mut body = samples["calls"][operation.name()].clone();
        let place = pointed(&mut body, &case["at"]);
        *place = expanded(&case["value"], place);
        let refusal = general(operation, &body).check().expect_err("a violation");
        let shown = match &case["shown"] {
            Json::Null => String::new(),
            Json::String(text) => format!("{text} "),
            long => {
                let text: String = expanded(long, &Json::Null)
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .take(SHOWN)
                    .collect();
                format!("'{text}' ")
            }
        };
        let path = case["path"].as_str().expect("a path");
        let rules = case["rules"].as_array().expect("a list");
        let item = |rule: &Json| {
            format!(
                "Value {shown}at '{path}' failed to satisfy constraint: {}",
                rule.as_str().unwrap_or_default()
            )
        };
        let mut expected: Vec<String> = rules.iter().map(item).collect();
        let message = refusal.message().unwrap_or_default();
        let (head, items) = message.split_once(" detected: ").expect("a head");
        let mut items: Vec<&str> = items.split("; ").collect();
        items.sort_unstable();
        expected.sort_unstable();
        assert_eq!(items, expected, "{operation:?}");
        let plural = if items.len() == 1 { "" } else { "s" };
        assert_eq!(head, format!("{} validation error{plural}", items.len()));
    }
}

/// The value at a path of member names and indices.
fn pointed<'a>(mut body: &'a mut Json, at: &Json) -> &'a mut Json {
    for step in at.as_array().expect("a list") {
        body = match step {
            Json::String(name) => &mut body[name],
            index => &mut body[index.as_u64().unwrap_or_default() as usize],
        };
    }
    body
}

/// Long values are told in short: more characters, more bytes, or more copies of the first element.
fn expanded(value: &Json, before: &Json) -> Json {
    let count = |name: &str| {
        value
            .get(name)
            .and_then(Json::as_u64)
            .map(|count| count as usize)
    };
    if let Some(more) = count("more") {
        return format!(
            "{}{}",
            value["text"].as_str().unwrap_or_default(),
            "1".repeat(more)
        )
        .into();
    }
    if let Some(size) = count("blob") {
        return base64_simd::STANDARD.encode_to_string(vec![0; size]).into();
    }
    match count("copies") {
        Some(copies) => vec![before[0].clone(); copies].into(),
        None => value.clone(),
    }
}
