//! Values as Prometheus reads them: its text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Export, Histogram};

/// The shares of a histogram's values that are told.
const QUANTILES: [(f64, &str); 5] = [
    (0.5, "0.5"),
    (0.9, "0.9"),
    (0.99, "0.99"),
    (0.999, "0.999"),
    (1.0, "1"),
];

/// Collects values and writes them as Prometheus's text, each name behind one prefix; what is no letter or digit in a
/// name becomes `_`. Histograms are told as summaries.
///
/// ```
/// use kinetik::metrics::{Export, Prometheus};
///
/// let mut text = Prometheus::new("kinetik_");
/// text.counter("PutRecords.Success", &[("StreamName", "orders")], 3);
/// assert_eq!(
///     text.finish(),
///     "# TYPE kinetik_PutRecords_Success counter\nkinetik_PutRecords_Success{StreamName=\"orders\"} 3\n",
/// );
/// ```
#[derive(Debug)]
pub struct Prometheus {
    prefix: &'static str,
    /// The lines of each name: the format wants them together.
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug)]
struct Family {
    kind: &'static str,
    lines: String,
}

impl Prometheus {
    /// The media type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A text without values.
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            families: BTreeMap::new(),
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let name = sound(self.prefix, name);
            let _ = writeln!(text, "# TYPE {name} {}", family.kind);
            text.push_str(&family.lines);
        }
        text
    }

    fn line(
        &mut self,
        (name, kind): (&'static str, &'static str),
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let family = self.families.entry(name).or_insert_with(|| Family {
            kind,
            lines: String::new(),
        });
        let lines = &mut family.lines;
        lines.push_str(&sound(self.prefix, name));
        lines.push_str(suffix);
        for (at, (label, text)) in labels.iter().enumerate() {
            lines.push(if at == 0 { '{' } else { ',' });
            let _ = write!(lines, "{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            lines.push('}');
        }
        let _ = writeln!(lines, " {value}");
    }
}

impl Export for Prometheus {
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.line((name, "counter"), "", labels, value);
    }

    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.line((name, "gauge"), "", labels, value);
    }

    fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: &Histogram,
    ) {
        let family = (name, "summary");
        for (share, text) in QUANTILES {
            let mut labels = labels.to_vec();
            labels.push(("quantile", text));
            self.line(family, "", &labels, value.quantile(share));
        }
        self.line(family, "_sum", labels, value.sum());
        self.line(family, "_count", labels, value.count());
    }
}

fn sound(prefix: &str, name: &str) -> String {
    let sound = |letter: char| match letter.is_ascii_alphanumeric() {
        true => letter,
        false => '_',
    };
    prefix.chars().chain(name.chars().map(sound)).collect()
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_name_stand_together_and_labels_are_escaped() {
        let mut text = Prometheus::new("k_");
        for stream in ["a\"\\\n", "b"] {
            text.counter("records", &[("stream", stream)], 1);
            text.gauge("age", &[], 0.5);
        }
        let expected = "# TYPE k_age gauge\nk_age 0.5\nk_age 0.5\n# TYPE k_records counter\n\
                        k_records{stream=\"a\\\"\\\\\\n\"} 1\nk_records{stream=\"b\"} 1\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_histogram_is_a_summary_with_its_sum_and_count() {
        let mut values = Histogram::new();
        (1..=10).for_each(|value| values.record(value));
        let mut text = Prometheus::new("");
        text.histogram("size", &[("shard", "0")], &values);
        let text = text.finish();
        assert!(text.starts_with("# TYPE size summary\nsize{shard=\"0\",quantile=\"0.5\"} 5\n"));
        assert!(text.ends_with("size_sum{shard=\"0\"} 55\nsize_count{shard=\"0\"} 10\n"));
    }
}
