//! P4: what a signed call costs a client in CPU, beside a bare RSA-2048 signature in the same process.
//!
//! The same read, many times, against a far end without limits; nothing is journaled and nothing decided. What a whole
//! rotation costs by call, its journal included, stands in the other rows.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use keywheel::adapters::oci::Rekeyers;
use keywheel::model::Dependent;
use keywheel::ports::ReKeyer as _;
use serde_json::{Value, json};

use crate::bad;
use crate::client::{bare_signature, connect, cpu_seconds};

/// How many are open at once.
const AT_ONCE: usize = 16;
const CALLS: u32 = 3_000;

/// Reads one bucket again and again.
pub(crate) async fn calls(dir: &Path, place: &Value) -> std::io::Result<Value> {
    let client = connect(place, f64::from(u16::MAX))?;
    let rekeyers = Arc::new(Rekeyers::new(client));
    let bucket: Dependent = serde_json::from_value(place["sample"].clone())?;
    // Connections are opened before it counts.
    read(&rekeyers, &bucket, 200).await?;
    let cpu = cpu_seconds();
    read(&rekeyers, &bucket, CALLS).await?;
    let cpu = (cpu_seconds() - cpu) / f64::from(CALLS);
    Ok(json!({ "calls": CALLS, "call_cpu": cpu, "signature_cpu": bare_signature(&dir.join("key.pem"))? }))
}

async fn read(rekeyers: &Arc<Rekeyers>, bucket: &Dependent, calls: u32) -> std::io::Result<()> {
    let mut answers = stream::iter(0..calls).map(|_| rekeyers.observe(bucket)).buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        answer.map_err(bad)?;
    }
    Ok(())
}
