//! Values as one JSON object.

use serde_json::{Map, Value as Json, json};

use super::{Export, Histogram};

/// Collects values into one JSON object, each by its name. Values of a shard lie below `shards` and its id, those of an
/// error below their name and its code; the stream's name is left out.
#[derive(Debug, Default)]
pub(crate) struct Plain(Map<String, Json>);

impl Plain {
    /// The object's text.
    pub fn finish(self) -> String {
        Json::Object(self.0).to_string()
    }

    fn put(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: Json) {
        let label = |wanted| {
            let found = labels.iter().find(|(label, _)| *label == wanted);
            found.map(|(_, text)| (*text).to_owned())
        };
        let mut place = &mut self.0;
        if let Some(shard) = label("ShardId") {
            place = within(within(place, "shards".to_owned()), shard);
        }
        match label("ErrorCode") {
            Some(code) => within(place, name.to_owned()).insert(code, value),
            None => place.insert(name.to_owned(), value),
        };
    }
}

/// The object below this name, made if there is none.
fn within(object: &mut Map<String, Json>, name: String) -> &mut Map<String, Json> {
    let place = object.entry(name).or_insert_with(|| json!({}));
    match place {
        Json::Object(inner) => inner,
        _ => unreachable!("names of values and of groups differ"),
    }
}

impl Export for Plain {
    fn counter(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.put(name, labels, value.into());
    }

    fn gauge(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let is_whole = value.fract() == 0.0 && value.abs() < 2_f64.powi(53);
        let value = match is_whole {
            true => (value as i64).into(),
            false => value.into(),
        };
        self.put(name, labels, value);
    }

    fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        value: &Histogram,
    ) {
        let told = json!({
            "count": value.count(),
            "sum": value.sum(),
            "min": value.min(),
            "p50": value.quantile(0.5),
            "p90": value.quantile(0.9),
            "p99": value.quantile(0.99),
            "max": value.max(),
        });
        self.put(name, labels, told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_and_errors_have_objects_of_their_own() {
        let mut plain = Plain::default();
        let stream = ("StreamName", "orders");
        plain.counter("UserRecordsPut", &[stream], 3);
        plain.counter("UserRecordsPut", &[stream, ("ShardId", "a")], 3);
        plain.counter("ErrorsByCode", &[stream, ("ErrorCode", "Throttled")], 1);
        let mut times = Histogram::new();
        times.record(2);
        plain.histogram("RequestTime", &[stream], &times);
        let value: Json = serde_json::from_str(&plain.finish()).expect("JSON");
        assert_eq!(value["UserRecordsPut"], 3);
        assert_eq!(value["shards"]["a"]["UserRecordsPut"], 3);
        assert_eq!(value["ErrorsByCode"], json!({ "Throttled": 1 }));
        assert_eq!(value["RequestTime"]["p99"], 2);
    }
}
