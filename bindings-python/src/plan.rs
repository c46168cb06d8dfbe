//! What a producer is opened with: settings by their names, and the failure callback.

use std::sync::Arc;
use std::time::Duration;

use kinetik::Error;
use kinetik::producer::{Aggregate, ProducerConfig, Reports};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::buffer;
use crate::endpoint;
use crate::errors::{OrRaise, wrong_type};
use crate::logging;
use crate::setting::setting;
use crate::teller::Callback;

/// How long a put waits for room without the setting `put_timeout`.
const PUT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a flush or close may take without the setting `flush_timeout`.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// What a producer is made of.
pub struct Plan {
    /// The core's settings, the failure callback among them.
    pub config: ProducerConfig,
    /// How long a put waits for room.
    pub put_timeout: Duration,
    /// How long a flush or close may take.
    pub flush_timeout: Duration,
    /// The failure callback.
    pub callback: Option<Arc<Callback>>,
}

impl Plan {
    /// The settings by their names.
    pub fn read(settings: &Bound<'_, PyDict>, on_failure: Option<Py<PyAny>>) -> PyResult<Self> {
        logging::install(settings.py())?;
        let mut plan = Self {
            config: ProducerConfig::new(Aggregate::No).reports(Reports::All),
            put_timeout: PUT_TIMEOUT,
            flush_timeout: FLUSH_TIMEOUT,
            callback: None,
        };
        if settings
            .get_item("aggregate")?
            .is_none_or(|said| said.is_none())
        {
            let text = "must be said: True = KPL format, which every reader must de-aggregate; False = each record as it is";
            return Err(Error::invalid("aggregate", text)).or_raise(settings.py());
        }
        for (name, value) in settings.iter() {
            let name = buffer::text("setting", &name)?;
            if !value.is_none() {
                plan.set(name, &value)?;
            }
        }
        if let Some(callback) = on_failure {
            let callback = callback.into_bound(settings.py());
            if !callback.is_callable() {
                return Err(wrong_type("on_failure", "a function", &callback));
            }
            let callback = callback.unbind();
            let callback = Callback::new(callback);
            plan.callback = Some(callback.clone());
            let call = move |failures: Vec<_>| callback.call(&failures);
            plan.config = plan.config.on_failure(call);
        }
        Ok(plan)
    }

    fn set(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        if name == "endpoint" {
            let endpoint = endpoint::read(Some(value))?;
            self.config = self.config.clone().endpoint(endpoint);
            return Ok(());
        }
        if name == "reports" {
            let text = "in Python futures (submit, put_and_wait) and on_failure are the reports; leave it out";
            return Err(Error::invalid(name, text)).or_raise(py);
        }
        let value = setting(name, value)?;
        self.config.set(name, &value).or_raise(py)?;
        self.keep(name, &value);
        Ok(())
    }

    /// Keeps the times for which the binding itself waits; the core has found the value sound.
    fn keep(&mut self, name: &str, value: &str) {
        let (name, unit) = match name.strip_suffix("_ms") {
            Some(name) => (name, 1e-3),
            None => (name, 1.0),
        };
        let kept = match name {
            "put_timeout" => &mut self.put_timeout,
            "flush_timeout" => &mut self.flush_timeout,
            _ => return,
        };
        let number = value.parse::<f64>().ok();
        let time = number.and_then(|number| Duration::try_from_secs_f64(number * unit).ok());
        *kept = time.unwrap_or(*kept);
    }
}
