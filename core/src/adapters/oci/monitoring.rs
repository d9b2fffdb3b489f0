//! The `MetricSink` port over OCI Monitoring: PostMetricData, fifty streams at a time (oci-api §6.7).
//!
//! A 200 may refuse a part of what was sent; that part is counted, never dropped in silence. Nothing is kept for later: the next
//! tick tells how things stand then.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::client::Client;
use super::operation::Operation;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Metric, Region, Timestamp, to_seconds};
use crate::ports::MetricSink;

/// The service takes no more streams in one call.
const STREAMS_PER_CALL_MAX: usize = 50;
/// The service wants at least one dimension; what has none of its own gets this one.
const ONLY_DIMENSION: (&str, &str) = ("program", "keywheel");

/// A namespace of custom metrics in one compartment and region.
pub struct Monitoring {
    client: Arc<Client>,
    namespace: String,
    compartment: CompartmentId,
    region: Region,
}

impl Monitoring {
    /// Metrics go to this namespace.
    #[must_use]
    pub fn new(client: Arc<Client>, namespace: String, compartment: CompartmentId, region: Region) -> Self {
        Self { client, namespace, compartment, region }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Post<'a> {
    metric_data: Vec<Data<'a>>,
    batch_atomicity: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    namespace: &'a str,
    compartment_id: &'a CompartmentId,
    name: &'a str,
    dimensions: BTreeMap<&'a str, &'a str>,
    metadata: BTreeMap<&'static str, &'static str>,
    datapoints: [Datapoint; 1],
}

#[derive(Debug, Serialize)]
struct Datapoint {
    timestamp: Timestamp,
    value: f64,
    count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    failed_metrics_count: u64,
    failed_metrics: Option<Vec<Failed>>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    message: String,
}

#[async_trait]
impl MetricSink for Monitoring {
    fn name(&self) -> String {
        format!("OCI Monitoring, namespace {}", self.namespace)
    }

    async fn record(&self, metrics: &[Metric]) -> Result<()> {
        let (mut refused, mut why) = (0, None);
        for part in metrics.chunks(STREAMS_PER_CALL_MAX) {
            let metric_data = part.iter().map(|metric| self.data(metric)).collect();
            let call = Call::new(Operation::PostMetricData, &self.region)
                .json(&Post { metric_data, batch_atomicity: "NON_ATOMIC" })?;
            let posted: Posted = self.client.send(&call).await?.json()?;
            refused += posted.failed_metrics_count;
            let first = posted.failed_metrics.into_iter().flatten().next();
            why = why.or(first.map(|failed| failed.message));
        }
        if refused == 0 {
            return Ok(());
        }
        let message = "OCI Monitoring took the call and refused some of its metrics";
        Err(Error::new(ErrorKind::Refused, Operation::PostMetricData.name(), message)
            .with("refused", refused)
            .with("of", metrics.len())
            .with("why", why.unwrap_or_default()))
    }
}

impl Monitoring {
    fn data<'a>(&'a self, metric: &'a Metric) -> Data<'a> {
        let mut dimensions: BTreeMap<&str, &str> =
            metric.dimensions.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        if dimensions.is_empty() {
            dimensions.insert(ONLY_DIMENSION.0, ONLY_DIMENSION.1);
        }
        Data {
            namespace: &self.namespace,
            compartment_id: &self.compartment,
            name: &metric.name,
            dimensions,
            metadata: BTreeMap::from([("unit", metric.unit.word())]),
            datapoints: [Datapoint { timestamp: to_seconds(metric.at), value: metric.value, count: 1 }],
        }
    }
}
