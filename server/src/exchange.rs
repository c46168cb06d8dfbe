//! One request and its answer.

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use kinetik::api::{Answer, Form, Refusal};
use kinetik::time::Moment;
use kinetik::transport::Fault;

use crate::control;
use crate::door::{Verdict, is_preflight};
use crate::gate::{self, Admitted};
use crate::intake::{self, Cut};
use crate::listen::{Ending, Lost, Shared};
use crate::reply::{Body, identify, last, reply};
use crate::stream::events;

/// Answers one request; an error closes the connection without an answer.
pub(crate) async fn answer(shared: &Shared, request: Request<Incoming>) -> Ending {
    let is_head = request.method() == Method::HEAD;
    let (head, mut body) = request.into_parts();
    let ending = enter(shared, &head, &mut body).await;
    if !body.is_end_stream() && ending.is_ok() {
        intake::discard(shared, body);
    }
    let mut response = ending?;
    if is_head {
        leave_body_out(&mut response);
    }
    Ok(response)
}

async fn enter(shared: &Shared, head: &Parts, body: &mut Incoming) -> Ending {
    let page = match shared.door.judge(head) {
        Verdict::Enter(page) => page,
        Verdict::Refuse(response) => return Ok(last(response)),
    };
    if let Some(page) = &page
        && is_preflight(head)
    {
        let mut response = page.preflight(&head.headers);
        identify(&mut response, &shared.rng);
        // The second id is left out here alone (reference/kinesis-api.md 3.4).
        response.headers_mut().remove("x-amz-id-2");
        return Ok(response);
    }
    let mut response = respond(shared, head, body).await?;
    if let Some(page) = &page {
        page.admit(&mut response);
    }
    identify(&mut response, &shared.rng);
    Ok(response)
}

async fn respond(shared: &Shared, head: &Parts, body: &mut Incoming) -> Ending {
    let is_control = control::is_control(head);
    if head.method != Method::POST && !is_control {
        return Ok(gate::not_ours());
    }
    let taken = match intake::take(shared, head, body).await {
        Ok(taken) => taken,
        Err(cut) => return Ok(last(cut_off(head, cut))),
    };
    if is_control {
        return Ok(control::answer(shared, head, &taken.bytes));
    }
    let Admitted { form, call } = match gate::admit(shared.verifier.as_ref(), head, &taken.bytes) {
        Ok(admitted) => admitted,
        Err(response) => return Ok(response),
    };
    let outcome = shared.service.call(call, Moment::MAX).await;
    // The engine has copied what it keeps.
    drop(taken);
    match outcome {
        Ok(Answer::SubscribeToShard(subscription)) => Ok(events(shared, form, subscription)),
        Ok(answer) => Ok(success(shared, form, &answer)),
        Err(Fault::Refused(refusal)) => Ok(gate::refused(form, &refusal)),
        Err(Fault::NotSent(_) | Fault::Lost(_)) => Err(Lost),
    }
}

fn success(shared: &Shared, form: Form, answer: &Answer) -> Response<Body> {
    let bytes = form.encode_answer(answer);
    match intake::hold(&shared.room, bytes.len()) {
        Ok(room) => reply(200, Some(form.content_type()), Body::new(bytes, Some(room))),
        Err(_) => gate::refused(form, &busy()),
    }
}

fn busy() -> Refusal {
    Refusal::new(
        "ServiceUnavailable",
        Some("The server holds as many bodies as it may; try again.".into()),
    )
}

/// An answer to HEAD tells how long its body would be. Over HTTP/2 hyper would send that body, a protocol error.
fn leave_body_out(response: &mut Response<Body>) {
    let body = std::mem::take(response.body_mut());
    if let Some(length) = body.size_hint().exact() {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// The answer to a body that was not read to its end.
fn cut_off(head: &Parts, cut: Cut) -> Response<Body> {
    match cut {
        Cut::NoLength => reply(411, None, Body::default()),
        // The service answers without a body (reference/kinesis-api.md 3.4).
        Cut::TooLarge => reply(413, None, Body::default()),
        Cut::TooSlow => reply(408, None, Body::default()),
        Cut::NoRoom => gate::refused(gate::form(head).unwrap_or(Form::Json), &busy()),
        Cut::Broken => reply(400, None, Body::default()),
    }
}
