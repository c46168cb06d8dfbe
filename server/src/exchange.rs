//! One request and its answer.

use hyper::body::Incoming;
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
    let (head, body) = request.into_parts();
    let page = match shared.door.judge(&head) {
        Verdict::Enter(page) => page,
        Verdict::Refuse(response) => return Ok(last(response)),
    };
    if let Some(page) = &page
        && is_preflight(&head)
    {
        return Ok(page.preflight(&head.headers));
    }
    let mut response = respond(shared, &head, body).await?;
    if let Some(page) = &page {
        page.admit(&mut response);
    }
    identify(&mut response, &shared.rng);
    Ok(response)
}

async fn respond(shared: &Shared, head: &Parts, body: Incoming) -> Ending {
    let is_control = control::is_control(head);
    if head.method != Method::POST && !is_control {
        return Ok(gate::not_ours());
    }
    let taken = match intake::take(shared, head, body).await {
        Ok(taken) => taken,
        Err(cut) => return Ok(last(cut_off(cut))),
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

/// The answer to a body that was not read to its end.
fn cut_off(cut: Cut) -> Response<Body> {
    match cut {
        Cut::NoLength => reply(411, None, Body::default()),
        // The service answers without a body (reference/kinesis-api.md 3.4).
        Cut::TooLarge => reply(413, None, Body::default()),
        Cut::TooSlow => reply(408, None, Body::default()),
        Cut::NoRoom => gate::refused(Form::Json, &busy()),
        Cut::Broken => reply(400, None, Body::default()),
    }
}
