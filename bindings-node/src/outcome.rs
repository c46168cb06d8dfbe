//! What became of records, as JavaScript has it: receipts, failures, rejections and the ledger.

use kinetik::producer::{FailedAttempts, Failure, Ledger, Receipt, Tally};
use napi::sys::{napi_env, napi_value};

use crate::{errors, js};

/// What the promise of a failed record is rejected with: its error, which brings the record along but does not show it.
pub fn rejection(env: napi_env, failure: &Failure) -> napi_value {
    let error = errors::to_js(env, &failure.error);
    let record = given_back(env, failure, error);
    js::set_hidden(env, error, c"failure", record);
    error
}

/// Where a record was stored.
pub fn receipt(env: napi_env, receipt: &Receipt) -> napi_value {
    let object = js::object(env);
    js::set(
        env,
        object,
        c"shardId",
        js::string(env, &receipt.shard_id.to_string()),
    );
    let sequence = js::string(env, &receipt.sequence_number.to_string());
    js::set(env, object, c"sequenceNumber", sequence);
    if let Some(sub) = receipt.sub_sequence_number {
        js::set(
            env,
            object,
            c"subSequenceNumber",
            js::number(env, sub as f64),
        );
    }
    js::set(
        env,
        object,
        c"attempts",
        js::number(env, receipt.attempts.into()),
    );
    let attempts = failed_attempts(env, &receipt.failed_attempts);
    js::set(env, object, c"failedAttempts", attempts);
    let duplicate = js::boolean(env, receipt.may_be_duplicate);
    js::set(env, object, c"mayBeDuplicate", duplicate);
    object
}

/// Failed records, given back.
pub fn failures(env: napi_env, failures: &[Failure]) -> napi_value {
    js::array(
        env,
        failures
            .iter()
            .map(|failure| given_back(env, failure, errors::to_js(env, &failure.error))),
    )
}

/// A failed record with an error that was made already.
fn given_back(env: napi_env, failure: &Failure, error: napi_value) -> napi_value {
    let object = js::object(env);
    let key = String::from_utf8_lossy(&failure.key);
    js::set(env, object, c"key", js::string(env, &key));
    js::set(env, object, c"data", js::buffer(env, &failure.data));
    if let Some(hash) = failure.explicit_hash_key {
        js::set(env, object, c"explicitHashKey", js::bigint(env, hash.get()));
    }
    js::set(env, object, c"error", error);
    js::set(
        env,
        object,
        c"persisted",
        js::string(env, failure.persisted.name()),
    );
    js::set(
        env,
        object,
        c"attempts",
        js::number(env, failure.attempts.into()),
    );
    let attempts = failed_attempts(env, &failure.failed_attempts);
    js::set(env, object, c"failedAttempts", attempts);
    object
}

fn failed_attempts(env: napi_env, attempts: &FailedAttempts) -> napi_value {
    let told = attempts.iter().map(|attempt| {
        let object = js::object(env);
        let sent_at = js::date(env, attempt.sent_at.as_millis() as f64);
        js::set(env, object, c"sentAt", sent_at);
        let took = js::number(env, attempt.took.as_secs_f64() * 1e3);
        js::set(env, object, c"tookMs", took);
        js::set(env, object, c"error", errors::to_js(env, &attempt.error));
        object
    });
    js::array(env, told.collect::<Vec<_>>().into_iter())
}

/// The account.
pub fn ledger(env: napi_env, ledger: Ledger) -> napi_value {
    let object = js::object(env);
    let set = |name, tally: Tally| {
        let pair = js::object(env);
        js::set(env, pair, c"records", js::number(env, tally.records as f64));
        js::set(env, pair, c"bytes", js::number(env, tally.bytes as f64));
        js::set(env, object, name, pair);
    };
    set(c"accepted", ledger.accepted);
    set(c"delivered", ledger.delivered);
    set(c"failed", ledger.failed);
    set(c"pending", ledger.pending);
    object
}
