//! Which form bodies have: what was set, or what the endpoint shows that it understands.

use std::sync::atomic::{AtomicU8, Ordering};

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, SERVER};

use crate::api::Form;
use crate::transport::Wire;

/// What is known of one endpoint; shared by all its requests.
pub(super) struct Negotiation {
    state: AtomicU8,
}

/// JSON, by setting or because the endpoint knows nothing else.
const JSON: u8 = 0;
/// JSON, until an answer says that it comes from a server of kinetik.
const JSON_SO_FAR: u8 = 1;
/// CBOR, and no answer has come in it yet.
const CBOR_SO_FAR: u8 = 2;
/// CBOR, and that was understood, or it was set.
const CBOR: u8 = 3;

impl Negotiation {
    pub(super) fn new(wire: Wire, is_aws: bool) -> Self {
        let state = match wire {
            Wire::Json => JSON,
            Wire::Cbor => CBOR,
            Wire::Auto if is_aws => CBOR_SO_FAR,
            Wire::Auto => JSON_SO_FAR,
        };
        Self {
            state: AtomicU8::new(state),
        }
    }

    /// The form of the next request.
    pub(super) fn form(&self) -> Form {
        match self.state.load(Ordering::Relaxed) {
            JSON | JSON_SO_FAR => Form::Json,
            _ => Form::Cbor,
        }
    }

    /// Whether the form is settled: then a request need not be kept for another try in another form.
    pub(super) fn is_settled(&self) -> bool {
        self.state.load(Ordering::Relaxed) != CBOR_SO_FAR
    }

    /// Learns from an answer to a request that was sent in `form`. True if the endpoint shows that it did not understand
    /// it: then nothing was done, and the request is to be sent again as JSON.
    pub(super) fn was_misread(&self, form: Form, status: StatusCode, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let answered = text(CONTENT_TYPE).unwrap_or_default();
        if form == Form::Json {
            if text(SERVER).is_some_and(|server| server.starts_with("kinetik/")) {
                self.go_on(JSON_SO_FAR, CBOR);
            }
            return false;
        }
        let is_in_form = Form::from_content_type(answered) == Some(Form::Cbor)
            || answered.starts_with("application/vnd.amazon.eventstream");
        if is_in_form || status == StatusCode::OK {
            self.go_on(CBOR_SO_FAR, CBOR);
            return false;
        }
        // A server's own failure may come from something before it, and may have come after the fact: only the next
        // request goes as JSON. Once CBOR was understood, no such answer changes anything.
        let is_new = self.go_on(CBOR_SO_FAR, JSON);
        let is_other = self.state.load(Ordering::Relaxed) == JSON;
        (is_new || is_other) && status.is_client_error() && is_about_form(status)
    }

    fn go_on(&self, from: u8, to: u8) -> bool {
        let ordering = Ordering::Relaxed;
        let swapped = self.state.compare_exchange(from, to, ordering, ordering);
        swapped.is_ok()
    }
}

/// Statuses with which servers meet what they cannot read; not those of proxies that want to be asked otherwise.
fn is_about_form(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 403 | 404 | 406 | 415 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str, server: &str) -> HeaderMap {
        HeaderMap::from_iter([
            (CONTENT_TYPE, content_type.parse().unwrap()),
            (SERVER, server.parse().unwrap()),
        ])
    }

    const CBOR_TYPE: &str = "application/x-amz-cbor-1.1";

    #[test]
    fn aws_is_asked_in_cbor_and_other_servers_in_json_until_they_say_who_they_are() {
        assert_eq!(Negotiation::new(Wire::Auto, true).form(), Form::Cbor);
        let other = Negotiation::new(Wire::Auto, false);
        other.was_misread(Form::Json, StatusCode::OK, &headers("", "nginx"));
        assert_eq!(other.form(), Form::Json);
        other.was_misread(Form::Json, StatusCode::OK, &headers("", "kinetik/1"));
        assert_eq!(other.form(), Form::Cbor);
        let fixed = Negotiation::new(Wire::Json, true);
        fixed.was_misread(Form::Json, StatusCode::OK, &headers("", "kinetik/1"));
        assert_eq!(fixed.form(), Form::Json);
    }

    #[test]
    fn an_endpoint_that_does_not_understand_is_asked_again_in_json_from_then_on() {
        let wire = Negotiation::new(Wire::Auto, true);
        let refused = headers("application/x-amz-json-1.1", "x");
        assert!(wire.was_misread(Form::Cbor, StatusCode::BAD_REQUEST, &refused));
        assert_eq!(wire.form(), Form::Json);
        // Others that were under way in CBOR are sent again too.
        assert!(wire.was_misread(Form::Cbor, StatusCode::NOT_FOUND, &refused));
    }

    #[test]
    fn a_failure_of_the_server_is_not_repeated_at_once() {
        let wire = Negotiation::new(Wire::Auto, true);
        let failed = headers("text/html", "x");
        assert!(!wire.was_misread(Form::Cbor, StatusCode::BAD_GATEWAY, &failed));
        assert_eq!(wire.form(), Form::Json);
    }

    #[test]
    fn what_was_understood_once_stays() {
        let wire = Negotiation::new(Wire::Auto, true);
        let good = headers(CBOR_TYPE, "x");
        assert!(!wire.was_misread(Form::Cbor, StatusCode::BAD_REQUEST, &good));
        let page = headers("text/html", "x");
        assert!(!wire.was_misread(Form::Cbor, StatusCode::NOT_FOUND, &page));
        assert_eq!(wire.form(), Form::Cbor);
    }
}
