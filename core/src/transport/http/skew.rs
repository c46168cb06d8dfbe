//! How far the service's clock is ahead of this machine's, as its refusals tell.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use hyper::header::{DATE, HeaderMap};

use crate::api::Refusal;
use crate::time::Timestamp;

/// A difference that does not explain a refused signature: the service allows five minutes.
const HARMLESS_NANOS: u64 = 4 * 60 * 1_000_000_000;

/// The correction of one endpoint, shared by all its requests.
///
/// It is learnt from refusals alone, because only they are certain not to come from a cache; and from each by the time
/// that the refused request was signed with, so that of many requests under way each is corrected once
/// (reference/reliability.md, row 68).
#[derive(Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// This machine's time as the service has it.
    pub(super) fn corrected(&self, wall: Timestamp) -> Timestamp {
        let nanos = wall.as_nanos();
        Timestamp::from_nanos(nanos.saturating_add_signed(self.0.load(Ordering::Relaxed)))
    }

    /// Learns from a refusal of a request that was signed with the time `signed`, and answered when this machine's clock
    /// showed `wall`. Whether signing it again, with the time as it is known now, can help.
    pub(super) fn learn(
        &self,
        refusal: &Refusal,
        headers: &HeaderMap,
        signed: Timestamp,
        wall: Timestamp,
    ) -> bool {
        let Some(theirs) = is_about_time(refusal).then(|| date(headers)).flatten() else {
            return false;
        };
        if theirs.as_nanos().abs_diff(signed.as_nanos()) < HARMLESS_NANOS {
            return false;
        }
        let ahead = theirs
            .as_nanos()
            .wrapping_sub(wall.as_nanos())
            .cast_signed();
        self.0.store(ahead, Ordering::Relaxed);
        true
    }
}

/// Refusals that a wrong clock can be the reason of.
fn is_about_time(refusal: &Refusal) -> bool {
    matches!(
        refusal.code(),
        "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "AuthFailure"
    )
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_nanos(u64::try_from(since.as_nanos()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    /// An hour and a second before.
    const THERE: &str = "Tue, 14 Nov 2023 21:13:19 GMT";

    fn learn(skew: &Skew, code: &'static str, date: &str, signed: Timestamp) -> bool {
        let headers = HeaderMap::from_iter([(DATE, date.parse().unwrap())]);
        skew.learn(&Refusal::new(code, None), &headers, signed, HERE)
    }

    #[test]
    fn a_refused_signature_corrects_the_clock_once() {
        let skew = Skew::default();
        assert!(learn(&skew, "InvalidSignatureException", THERE, HERE));
        let corrected = skew.corrected(HERE);
        assert_eq!(corrected.as_secs(), 1_700_000_000 - 3_601);
        // The same refusal of a request that was signed with the right time has another reason.
        assert!(!learn(&skew, "InvalidSignatureException", THERE, corrected));
        assert_eq!(skew.corrected(HERE), corrected);
    }

    #[test]
    fn nothing_else_moves_the_clock() {
        let skew = Skew::default();
        assert!(!learn(&skew, "ResourceNotFoundException", THERE, HERE));
        assert!(!learn(
            &skew,
            "InvalidSignatureException",
            "yesterday",
            HERE
        ));
        let near = "Tue, 14 Nov 2023 22:10:20 GMT";
        assert!(!learn(&skew, "InvalidSignatureException", near, HERE));
        assert_eq!(skew.corrected(HERE), HERE);
    }
}
