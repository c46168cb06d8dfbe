//! One who measures, writing in whatever format is asked for.

use parking_lot::Mutex;

use super::{Emf, Export, Format, Otlp, Plain, Prometheus};
use crate::time::Timestamp;

/// OpenTelemetry's own variable for the name of a service.
const SERVICE_VARIABLE: &str = "OTEL_SERVICE_NAME";

/// Writes the values of one who measures, and remembers what was told.
#[derive(Debug)]
pub(crate) struct Writer {
    start: Timestamp,
    emf: Mutex<Emf>,
}

impl Writer {
    /// Values are counted from `start` on; CloudWatch has them in `namespace`.
    pub fn new(start: Timestamp, namespace: &str) -> Self {
        Self {
            start,
            emf: Mutex::new(Emf::new(namespace)),
        }
    }

    /// The text of what `export` names, which is called once, and in [`Format::Emf`] by one at a time.
    pub fn write(
        &self,
        format: Format,
        now: Timestamp,
        export: impl FnOnce(&mut dyn Export),
    ) -> String {
        match format {
            Format::Json => {
                let mut plain = Plain::default();
                export(&mut plain);
                plain.finish()
            }
            Format::Prometheus => {
                let mut text = Prometheus::new("kinetik_");
                export(&mut text);
                text.finish()
            }
            Format::Emf => {
                let mut emf = self.emf.lock();
                export(&mut *emf);
                emf.write(now)
            }
            Format::Otlp => {
                let mut otlp = Otlp::new(self.start, now);
                export(&mut otlp);
                let service = std::env::var(SERVICE_VARIABLE);
                otlp.finish(service.as_deref().unwrap_or("kinetik"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_tells_the_value_and_the_emf_only_once() {
        let writer = Writer::new(Timestamp::EPOCH, "Shop");
        let text = |format| {
            writer.write(format, Timestamp::from_millis(1), |to| {
                to.counter("UserRecordsPut", &[("StreamName", "orders")], 3);
            })
        };
        let json: serde_json::Value = serde_json::from_str(&text(Format::Json)).expect("JSON");
        assert_eq!(json["UserRecordsPut"], 3);
        assert!(
            text(Format::Prometheus).contains("kinetik_UserRecordsPut{StreamName=\"orders\"} 3")
        );
        assert!(text(Format::Emf).contains("\"Namespace\":\"Shop\""));
        assert_eq!(text(Format::Emf), "");
        assert!(text(Format::Otlp).contains("\"asInt\":\"3\""));
    }
}
