//! Monitoring: custom metrics that were posted, kept for tests to read. What OCI documents is refused here (oci-api §6.7).
//!
//! Which mistakes refuse the whole call and which only a part is not documented: World refuses the part where a part can be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::answer::{Call, No, Told, Yes};
use super::operations as op;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, Region, Timestamp};

/// Streams that one call may name.
const STREAMS_MAX: usize = 50;
const DIMENSIONS_MAX: usize = 20;
const OLD: Duration = Duration::from_secs(2 * 3600);
const EARLY: Duration = Duration::from_secs(600);

/// One metric of a PostMetricData call.
#[derive(Debug, Clone, PartialEq)]
pub struct PostedMetric {
    /// Namespace.
    pub namespace: String,
    /// Compartment.
    pub compartment: CompartmentId,
    /// Name.
    pub name: String,
    /// Dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Instants and values.
    pub datapoints: Vec<(Timestamp, f64)>,
}

impl PostedMetric {
    /// Why it cannot be taken, if so.
    fn objection(&self, now: Timestamp) -> Option<&'static str> {
        let starts_with_letter = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_of = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        let is_reserved = ["oci_", "oracle_"].iter().any(|prefix| self.namespace.starts_with(prefix));
        let is_key = |key: &str| (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        let is_value = |value: &str| (1..=512).contains(&value.chars().count());
        if !starts_with_letter(&self.namespace) || !is_of(&self.namespace, "_") || is_reserved {
            return Some("the namespace is not valid");
        }
        if !starts_with_letter(&self.name) || !is_of(&self.name, "._-$") {
            return Some("the metric name is not valid");
        }
        if !(1..=DIMENSIONS_MAX).contains(&self.dimensions.len()) {
            return Some("a metric has 1 to 20 dimensions");
        }
        if !self.dimensions.iter().all(|(key, value)| is_key(key) && is_value(value)) {
            return Some("a dimension is not valid");
        }
        let is_near = |at: Timestamp| at > now - OLD && at < now + EARLY;
        let all_near = !self.datapoints.is_empty() && self.datapoints.iter().all(|(at, _)| is_near(*at));
        (!all_near).then_some("a timestamp is not within two hours past and ten minutes ahead")
    }
}

impl State {
    fn post(
        &mut self,
        ctx: &Ctx,
        posted: Vec<PostedMetric>,
        is_atomic: bool,
    ) -> Result<Vec<(PostedMetric, String)>, No> {
        let streams: BTreeSet<_> = posted.iter().map(|one| (&one.namespace, &one.name, &one.dimensions)).collect();
        if streams.is_empty() || streams.len() > STREAMS_MAX {
            return Err(No::invalid("metricData holds 1 to 50 metric streams"));
        }
        for metric in &posted {
            self.check_compartment(ctx, &metric.compartment)?;
        }
        let mut failed = Vec::new();
        let mut taken = Vec::new();
        for metric in posted {
            match metric.objection(ctx.now) {
                Some(why) => failed.push((metric, why.to_owned())),
                None => taken.push(metric),
            }
        }
        match failed.first() {
            Some((_, why)) if is_atomic => Err(No::new(400, "InvalidParameter", why.clone())),
            _ => {
                self.metrics.extend(taken);
                Ok(failed)
            }
        }
    }
}

impl World {
    /// PostMetricData; answers with what was not taken, and why.
    pub fn post_metric_data(
        &self,
        call: &Call,
        region: &Region,
        posted: Vec<PostedMetric>,
        is_atomic: bool,
    ) -> Told<Vec<(PostedMetric, String)>> {
        self.write(&op::POST_METRIC_DATA, call, region, "metrics", move |state, ctx| {
            state.post(ctx, posted, is_atomic).map(Yes::new)
        })
    }

    /// Metrics that were taken, oldest first.
    #[must_use]
    pub fn posted_metrics(&self) -> Vec<PostedMetric> {
        self.lock().metrics.clone()
    }
}
