//! `[metrics]`: where OCI Monitoring keeps what each tick tells.

use std::str::FromStr as _;

use super::problem::Problem;
use super::reader::Table;
use crate::model::{CompartmentId, Region};

/// The namespace unless the config names one.
const NAMESPACE_DEFAULT: &str = "keywheel";

/// A namespace of custom metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsTarget {
    /// The namespace.
    pub namespace: String,
    /// The compartment whose metrics they are.
    pub compartment: CompartmentId,
    /// The region that keeps them.
    pub region: Region,
}

pub(super) fn metrics(mut table: Table<'_>, found: &mut Vec<Problem>) -> Option<MetricsTarget> {
    let is_namespace = |text: &str| {
        let is_reserved = ["oci_", "oracle_"].iter().any(|prefix| text.to_ascii_lowercase().starts_with(prefix));
        let is_sound = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_sound && !is_reserved { Ok(text.to_owned()) } else { Err("OCI Monitoring does not take this name") }
    };
    let remedy = "write letters, digits and underscores, a letter first, and neither oci_ nor oracle_ before them";
    let namespace = table.parsed("namespace", is_namespace, remedy, found);
    let compartment = table.parsed("compartment", CompartmentId::from_str, "write the OCID of a compartment", found);
    let region = table.parsed("region", Region::from_str, "write the region that keeps the metrics", found);
    if table.is_present() {
        for (key, is_there) in [("compartment", table.has("compartment")), ("region", table.has("region"))] {
            if !is_there {
                table.problem(key, "it is missing", "write where the metrics belong, or delete [metrics]", found);
            }
        }
    }
    table.finish(found);
    let namespace = namespace.unwrap_or_else(|| NAMESPACE_DEFAULT.to_owned());
    Some(MetricsTarget { namespace, compartment: compartment?, region: region? })
}
