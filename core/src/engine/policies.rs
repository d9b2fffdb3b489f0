//! Looking at IAM policies before a successor takes over. Reads only; what they mean is for `rotation` to say.

use std::collections::BTreeSet;

use super::Engine;
use crate::Result;
use crate::model::CompartmentId;
use crate::rotation::{Preflight, Seen, has_successor, judge_policies};

impl Engine {
    /// The same preflight, unless a leg moves dependents to a successor and a policy names the key by its OCID.
    pub(super) async fn with_policies(
        &self,
        seen: &Seen,
        preflight: Preflight,
        mut places: BTreeSet<CompartmentId>,
    ) -> Result<Preflight> {
        let checked = match preflight {
            Preflight::Go(checked) if has_successor(&checked) => *checked,
            other => return Ok(other),
        };
        places.insert(seen.key.compartment.clone());
        let places: Vec<_> = places.into_iter().collect();
        let read = self.learn(self.ports.catalog.policies(&places)).await?.value;
        Ok(judge_policies(checked, &seen.key.id, seen.head.as_ref(), read.as_ref(), &self.settings))
    }
}
