//! Values as OpenTelemetry's collectors take them: the body of an OTLP request in JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Export, Histogram, unit_of};
use crate::time::Timestamp;

/// Collects values and writes the body that a collector takes by POST at `/v1/metrics`, with the content type
/// `application/json`. Values are cumulative, since `start`.
///
/// ```
/// use kinetik::metrics::{Export, Otlp};
/// use kinetik::time::Timestamp;
///
/// let mut otlp = Otlp::new(Timestamp::EPOCH, Timestamp::from_millis(60_000));
/// otlp.counter("UserRecordsPut", &[("StreamName", "orders")], 3);
/// let body = otlp.finish("shop");
/// assert!(body.contains(r#""asInt":"3""#) && body.contains(r#""stringValue":"shop""#));
/// ```
#[derive(Debug)]
pub struct Otlp {
    start: String,
    now: String,
    metrics: BTreeMap<&'static str, Metric>,
}

#[derive(Debug)]
struct Metric {
    kind: Kind,
    points: Vec<Json>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sum,
    Gauge,
    Histogram,
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;

impl Otlp {
    /// No values yet; those that come were counted from `start` to `now`.
    pub fn new(start: Timestamp, now: Timestamp) -> Self {
        Self {
            start: start.as_nanos().to_string(),
            now: now.as_nanos().to_string(),
            metrics: BTreeMap::new(),
        }
    }

    /// The body, the values being those of `service`.
    pub fn finish(self, service: &str) -> String {
        let metric = |(name, metric): (&'static str, Metric)| {
            let (kind, data) = match metric.kind {
                Kind::Sum => (
                    "sum",
                    json!({
                        "aggregationTemporality": CUMULATIVE,
                        "isMonotonic": true,
                        "dataPoints": metric.points,
                    }),
                ),
                Kind::Gauge => ("gauge", json!({ "dataPoints": metric.points })),
                Kind::Histogram => (
                    "histogram",
                    json!({
                        "aggregationTemporality": CUMULATIVE,
                        "dataPoints": metric.points,
                    }),
                ),
            };
            json!({ "name": name, "unit": ucum(name), kind: data })
        };
        let metrics: Vec<_> = self.metrics.into_iter().map(metric).collect();
        let scope = json!({ "name": "kinetik", "version": env!("CARGO_PKG_VERSION") });
        json!({
            "resourceMetrics": [{
                "resource": { "attributes": [attribute("service.name", service)] },
                "scopeMetrics": [{ "scope": scope, "metrics": metrics }],
            }],
        })
        .to_string()
    }

    fn point(
        &mut self,
        (name, kind): (&'static str, Kind),
        labels: &[(&'static str, &str)],
        mut point: Json,
    ) {
        let labels = labels.iter().map(|(label, text)| attribute(label, text));
        point["attributes"] = labels.collect();
        point["timeUnixNano"] = self.now.as_str().into();
        if !matches!(kind, Kind::Gauge) {
            point["startTimeUnixNano"] = self.start.as_str().into();
        }
        let metric = self.metrics.entry(name).or_insert_with(|| Metric {
            kind,
            points: Vec::new(),
        });
        metric.points.push(point);
    }
}

impl Export for Otlp {
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        // Numbers of 64 bits are texts in protobuf's JSON.
        self.point(
            (name, Kind::Sum),
            labels,
            json!({ "asInt": value.to_string() }),
        );
    }

    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.point((name, Kind::Gauge), labels, json!({ "asDouble": value }));
    }

    fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: &Histogram,
    ) {
        let octaves = value.octaves();
        let bounds: Vec<_> = octaves.iter().map(|(last, _)| *last as f64).collect();
        let counts = octaves.iter().map(|(_, count)| count.to_string());
        // Above the last bound there is nothing.
        let counts: Vec<_> = counts.chain(["0".to_owned()]).collect();
        let mut point = json!({
            "count": value.count().to_string(),
            "sum": value.sum() as f64,
            "explicitBounds": bounds,
            "bucketCounts": counts,
        });
        if value.count() > 0 {
            point["min"] = (value.min() as f64).into();
            point["max"] = (value.max() as f64).into();
        }
        self.point((name, Kind::Histogram), labels, point);
    }
}

fn attribute(name: &str, text: &str) -> Json {
    json!({ "key": name, "value": { "stringValue": text } })
}

/// A unit as OpenTelemetry writes it.
fn ucum(name: &str) -> &'static str {
    match unit_of(name) {
        "Bytes" => "By",
        "Milliseconds" => "ms",
        "Microseconds" => "us",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_name_are_points_of_one_metric() {
        let mut otlp = Otlp::new(Timestamp::from_millis(1), Timestamp::from_millis(2));
        otlp.counter("KinesisRecordsPut", &[("ShardId", "a")], 1);
        otlp.counter("KinesisRecordsPut", &[("ShardId", "b")], 2);
        otlp.gauge("UserRecordsPending", &[], 1.5);
        let body: Json = serde_json::from_str(&otlp.finish("s")).expect("JSON");
        let metrics = &body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
        let points = &metrics[0]["sum"]["dataPoints"];
        assert_eq!(points.as_array().map(Vec::len), Some(2));
        assert_eq!(points[1]["asInt"], "2");
        assert_eq!(points[1]["attributes"][0]["value"]["stringValue"], "b");
        assert_eq!(points[0]["startTimeUnixNano"], "1000000");
        assert_eq!(metrics[1]["gauge"]["dataPoints"][0]["asDouble"], 1.5);
    }

    #[test]
    fn a_histogram_has_one_count_more_than_bounds_and_they_add_up() {
        let mut otlp = Otlp::new(Timestamp::EPOCH, Timestamp::EPOCH);
        let mut times = Histogram::new();
        for time in [0, 3, 3, 700] {
            times.record(time);
        }
        otlp.histogram("RequestTime", &[], &times);
        let body: Json = serde_json::from_str(&otlp.finish("s")).expect("JSON");
        let metric = &body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
        assert_eq!(metric["unit"], "ms");
        let point = &metric["histogram"]["dataPoints"][0];
        let counts = point["bucketCounts"].as_array().expect("counts");
        let bounds = point["explicitBounds"].as_array().expect("bounds");
        assert_eq!(counts.len(), bounds.len() + 1);
        let sum: u64 = counts
            .iter()
            .map(|count| {
                count
                    .as_str()
                    .and_then(|text| text.parse::<u64>().ok())
                    .expect("a count")
            })
            .sum();
        assert_eq!(
            (sum, &point["count"], &point["sum"]),
            (4, &json!("4"), &json!(706.0))
        );
        assert_eq!((&point["min"], &point["max"]), (&json!(0.0), &json!(700.0)));
    }
}
