//! Values as CloudWatch reads them from log lines: the embedded metric format.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{Export, Histogram, unit_of};
use crate::time::Timestamp;

/// Dimensions that one metric may have. Source: the format's specification.
const MOST_DIMENSIONS: usize = 30;

/// Writes what happened since it last wrote as log lines that CloudWatch turns into metrics: by its agent, or by
/// Lambda, which reads them from standard output.
///
/// Counters become what was added to them, histograms statistic sets of what they took; what did not change is not
/// told. Labels become dimensions.
///
/// ```
/// use kinetik::metrics::{Emf, Export};
/// use kinetik::time::Timestamp;
///
/// let mut emf = Emf::new("Shop");
/// emf.counter("UserRecordsPut", &[("StreamName", "orders")], 3);
/// let lines = emf.write(Timestamp::from_millis(1_700_000_000_000));
/// assert!(lines.contains(r#""UserRecordsPut":3"#) && lines.ends_with("}\n"));
/// emf.counter("UserRecordsPut", &[("StreamName", "orders")], 5);
/// assert!(emf.write(Timestamp::from_millis(1_700_000_060_000)).contains(r#""UserRecordsPut":2"#));
/// ```
#[derive(Debug)]
pub struct Emf {
    namespace: String,
    before: Values,
    now: Values,
}

/// By labels and name.
type Values = BTreeMap<Vec<(&'static str, String)>, BTreeMap<&'static str, Value>>;

#[derive(Clone, Debug)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Box<Histogram>),
}

impl Emf {
    /// Nothing was told yet, so all there is will be.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            before: Values::new(),
            now: Values::new(),
        }
    }

    /// The lines of what was exported to it since it last wrote, each with its line feed; empty if nothing happened.
    pub fn write(&mut self, at: Timestamp) -> String {
        let mut now = std::mem::take(&mut self.now);
        let mut lines = String::new();
        for (labels, values) in &mut now {
            let before = self.before.get(labels);
            let mut told = Map::new();
            for (name, value) in values {
                let before = before.and_then(|before| before.get(name));
                if let Some(json) = value.since(before) {
                    told.insert((*name).to_owned(), json);
                }
                // Counted before what was told already: that stays told.
                if let Some(before) = before.filter(|before| before.is_ahead_of(value)) {
                    *value = before.clone();
                }
            }
            if !told.is_empty() {
                lines.push_str(&self.line(at, labels, told));
                lines.push('\n');
            }
        }
        self.before = now;
        lines
    }

    fn line(
        &self,
        at: Timestamp,
        labels: &[(&'static str, String)],
        told: Map<String, Json>,
    ) -> String {
        let labels = &labels[..labels.len().min(MOST_DIMENSIONS)];
        let names: Vec<_> = labels.iter().map(|(label, _)| *label).collect();
        let metric = |name: &String| json!({ "Name": name, "Unit": unit_of(name) });
        let metrics: Vec<_> = told.keys().map(metric).collect();
        let mut line = Map::new();
        let directive =
            json!({ "Namespace": self.namespace, "Dimensions": [names], "Metrics": metrics });
        line.insert(
            "_aws".into(),
            json!({ "Timestamp": at.as_millis(), "CloudWatchMetrics": [directive] }),
        );
        for (label, text) in labels {
            line.insert((*label).to_owned(), text.as_str().into());
        }
        line.extend(told);
        Json::Object(line).to_string()
    }

    fn note(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: Value) {
        let labels = labels
            .iter()
            .map(|(label, text)| (*label, (*text).to_owned()));
        let values = self.now.entry(labels.collect()).or_default();
        values.insert(name, value);
    }
}

impl Value {
    /// Whether more was counted than in the other.
    fn is_ahead_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Counter(one), Self::Counter(other)) => one > other,
            (Self::Histogram(one), Self::Histogram(other)) => one.count() > other.count(),
            _ => false,
        }
    }

    /// What was added since `before`, if anything was.
    fn since(&self, before: Option<&Self>) -> Option<Json> {
        match (self, before) {
            (Self::Counter(now), Some(Self::Counter(before))) => added(now.saturating_sub(*before)),
            (Self::Counter(now), _) => added(*now),
            (Self::Gauge(now), _) => Some(json!(now)),
            (Self::Histogram(now), Some(Self::Histogram(before))) => set(&now.since(before)),
            (Self::Histogram(now), _) => set(now),
        }
    }
}

fn added(count: u64) -> Option<Json> {
    (count > 0).then(|| count.into())
}

/// A statistic set, as CloudWatch's own agents write it.
fn set(values: &Histogram) -> Option<Json> {
    (values.count() > 0).then(|| {
        json!({
            "Min": values.min(),
            "Max": values.max(),
            "Count": values.count(),
            "Sum": values.sum(),
        })
    })
}

impl Export for Emf {
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.note(name, labels, Value::Counter(value));
    }

    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.note(name, labels, Value::Gauge(value));
    }

    fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: &Histogram,
    ) {
        self.note(name, labels, Value::Histogram(Box::new(value.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &str) -> Vec<Json> {
        let parse = |line: &str| serde_json::from_str(line).expect("a line is one JSON object");
        lines.lines().map(parse).collect()
    }

    #[test]
    fn each_set_of_labels_is_a_line_whose_directive_names_its_dimensions_and_units() {
        let mut emf = Emf::new("KinesisProducerLibrary");
        let stream = ("StreamName", "orders");
        emf.counter("UserRecordsDataPut", &[stream], 700);
        emf.gauge("UserRecordsPending", &[stream], 4.0);
        emf.counter("UserRecordsPut", &[stream, ("ShardId", "shardId-1")], 7);
        let lines = parsed(&emf.write(Timestamp::from_millis(60_000)));
        let directives: Vec<_> = lines
            .iter()
            .map(|line| &line["_aws"]["CloudWatchMetrics"][0])
            .collect();
        assert_eq!(directives[0]["Namespace"], "KinesisProducerLibrary");
        assert_eq!(directives[0]["Dimensions"], json!([["StreamName"]]));
        assert_eq!(
            directives[0]["Metrics"],
            json!([
                { "Name": "UserRecordsDataPut", "Unit": "Bytes" },
                { "Name": "UserRecordsPending", "Unit": "Count" },
            ])
        );
        assert_eq!(
            directives[1]["Dimensions"],
            json!([["StreamName", "ShardId"]])
        );
        assert_eq!(
            (&lines[1]["ShardId"], &lines[1]["UserRecordsPut"]),
            (&json!("shardId-1"), &json!(7))
        );
        assert_eq!(lines[0]["_aws"]["Timestamp"], 60_000);
    }

    #[test]
    fn each_time_only_what_was_added_is_told() {
        let mut emf = Emf::new("N");
        let mut times = Histogram::new();
        times.record(5);
        emf.counter("Calls", &[], 2);
        emf.histogram("RequestTime", &[], &times);
        let first = &parsed(&emf.write(Timestamp::EPOCH))[0];
        assert_eq!(
            first["RequestTime"],
            json!({ "Min": 5, "Max": 5, "Count": 1, "Sum": 5 })
        );
        times.record_many(9, 3);
        emf.counter("Calls", &[], 2);
        emf.histogram("RequestTime", &[], &times);
        let second = &parsed(&emf.write(Timestamp::EPOCH))[0];
        assert_eq!(
            second["RequestTime"],
            json!({ "Min": 9, "Max": 9, "Count": 3, "Sum": 27 })
        );
        assert_eq!(second.get("Calls"), None);
        emf.histogram("RequestTime", &[], &times);
        assert_eq!(emf.write(Timestamp::EPOCH), "");
    }

    /// Two who ask at once may write in another order than they counted in.
    #[test]
    fn counts_that_come_late_are_told_no_second_time() {
        let mut emf = Emf::new("N");
        let mut told = 0;
        for count in [1, 3, 2, 4] {
            let mut times = Histogram::new();
            times.record_many(5, count);
            emf.counter("Calls", &[], count);
            emf.histogram("RequestTime", &[], &times);
            for line in parsed(&emf.write(Timestamp::EPOCH)) {
                assert_eq!(line["Calls"], line["RequestTime"]["Count"]);
                told += line["Calls"].as_u64().expect("a count");
            }
        }
        assert_eq!(told, 4);
    }
}
