//! What producers and readers have counted, as texts.

use std::ffi::c_char;

use bytes::Bytes;
use kinetik_core::metrics::Format;

use crate::bytes::{give, kinetik_bytes, out, text as text_of};
use crate::producer::{PRODUCERS, kinetik_producer};
use crate::reader::{READERS, kinetik_reader};
use crate::status::{guard, kinetik_status};

/// Tells what a producer has counted since it was opened, by KPL's names (docs/metrics.md). format is "json", "prometheus"
/// (text 0.0.4), "emf" (lines for CloudWatch of what happened since this was last asked for) or "otlp" (the JSON body of an
/// OpenTelemetry request). Never blocks. Give the text back with kinetik_bytes_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_metrics(
    producer: kinetik_producer,
    format: *const c_char,
    text: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("text", text) }?;
        // SAFETY: the caller passes NULL or a string.
        let format: Format = unsafe { text_of("format", format) }?.parse()?;
        let told = PRODUCERS.get(producer.handle)?.metrics_text(format)?;
        *place = give(Bytes::from(told));
        Ok(())
    })
}

/// Tells how evenly a producer's records spread, as a JSON object: the hottest "keys" and "shards" with their shares, the
/// "aggregation_ratio", the "busiest_second", "shards_needed" and "is_one_key_too_much". It holds partition keys. Never blocks.
/// Give the text back with kinetik_bytes_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_skew(
    producer: kinetik_producer,
    json: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("json", json) }?;
        let report = PRODUCERS.get(producer.handle)?.skew();
        *place = give(Bytes::from(report.json()));
        Ok(())
    })
}

/// Tells what a reader has counted and how far it is behind, in a format of kinetik_producer_metrics(). Waits for a poll
/// under way in another thread. Give the text back with kinetik_bytes_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reader_metrics(
    reader: kinetik_reader,
    format: *const c_char,
    text: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("text", text) }?;
        // SAFETY: the caller passes NULL or a string.
        let format: Format = unsafe { text_of("format", format) }?.parse()?;
        let opened = READERS.get(reader.handle)?;
        let told = opened.lock()?.metrics().text(format);
        *place = give(Bytes::from(told));
        Ok(())
    })
}
