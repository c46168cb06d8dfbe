//! EnableEnhancedMonitoring and DisableEnhancedMonitoring: which shard-level metrics a stream says to have.

use bytestring::ByteString;

use super::stream::Stream;
use super::{Inner, Now};
use crate::api::{
    DisableEnhancedMonitoringInput, EnableEnhancedMonitoringInput, EnhancedMetrics,
    EnhancedMonitoringOutput, MetricsName, Refusal,
};

impl Inner {
    pub(super) fn enable_monitoring(
        &self,
        now: Now,
        input: &EnableEnhancedMonitoringInput,
    ) -> Result<EnhancedMonitoringOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let named = named(input.shard_level_metrics.as_deref());
        change(&stream, |metric, is_on| is_on || named.contains(&metric))
    }

    pub(super) fn disable_monitoring(
        &self,
        now: Now,
        input: &DisableEnhancedMonitoringInput,
    ) -> Result<EnhancedMonitoringOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let named = named(input.shard_level_metrics.as_deref());
        change(&stream, |metric, is_on| is_on && !named.contains(&metric))
    }
}

/// In the form of descriptions: one entry, even for no metric. Source: kinesalite's tests.
pub(super) fn described(metrics: &[MetricsName]) -> Vec<EnhancedMetrics> {
    vec![EnhancedMetrics {
        shard_level_metrics: Some(texts(metrics)),
    }]
}

/// What was on before and is on now.
fn change(
    stream: &Stream,
    keeps: impl Fn(MetricsName, bool) -> bool,
) -> Result<EnhancedMonitoringOutput, Refusal> {
    stream.change(|state| {
        state.active(stream.named())?;
        let before = std::mem::take(&mut state.profile.metrics);
        let after = each().filter(|&metric| keeps(metric, before.contains(&metric)));
        state.profile.metrics = after.collect();
        Ok(EnhancedMonitoringOutput {
            stream_name: Some(stream.name.clone()),
            stream_arn: Some(stream.arn.clone()),
            current_shard_level_metrics: Some(texts(&before)),
            desired_shard_level_metrics: Some(texts(&state.profile.metrics)),
        })
    })
}

/// The metrics that a request names; ALL names every one.
fn named(texts: Option<&[ByteString]>) -> Vec<MetricsName> {
    let named = texts.unwrap_or_default().iter();
    let named: Vec<_> = named.filter_map(|text| MetricsName::parse(text)).collect();
    match named.contains(&MetricsName::All) {
        true => each().collect(),
        false => named,
    }
}

/// Every metric that there is.
fn each() -> impl Iterator<Item = MetricsName> {
    MetricsName::ALL
        .into_iter()
        .filter(|&metric| metric != MetricsName::All)
}

fn texts(metrics: &[MetricsName]) -> Vec<ByteString> {
    metrics.iter().map(|&metric| metric.into()).collect()
}
