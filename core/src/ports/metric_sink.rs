//! Where metrics go after each tick. Losing them never costs a rotation anything.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::Metric;

/// Takes metrics.
///
/// 1. `Ok` means that the far end took every one; a part that it refused is an error that counts them.
///    (`a_200_that_refuses_a_part_is_an_error`)
/// 2. Sending the same metrics again is harmless: they carry their own time.
///    (`the_same_metrics_may_be_sent_again`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait MetricSink: Send + Sync {
    /// A name for logs.
    fn name(&self) -> String;

    /// Sends metrics, all of one moment.
    async fn record(&self, metrics: &[Metric]) -> Result<()>;
}
