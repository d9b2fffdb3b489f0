//! What the ports say of a kind, and what its owner says instead.

use super::Engine;
use crate::model::Kind;
use crate::ports::KindSpec;
use crate::rotation::Override;

impl Engine {
    /// What a kind can do, as its owner classes it. An override that the kind has no step for stops every preflight;
    /// until somebody mends it the adapter's own word holds.
    pub(super) fn kind_spec(&self, kind: &Kind) -> Option<KindSpec> {
        let spec = self.ports.rekeyer.describe(kind)?;
        let wanted = self.settings.policy.classes.get(kind).and_then(|class| spec.as_class(*class));
        Some(wanted.unwrap_or(spec))
    }

    /// Every class that the settings name, beside what the ports say.
    pub(super) fn overrides(&self) -> Vec<Override> {
        let classes = self.settings.policy.classes.iter();
        let one = |(kind, class): (&Kind, &_)| {
            let spec = self.ports.rekeyer.describe(kind);
            let wanted = spec.as_ref().and_then(|spec| spec.as_class(*class));
            Override {
                kind: kind.clone(),
                class: *class,
                default: spec.map(|spec| spec.class),
                is_possible: wanted.is_some(),
                is_undocumented: wanted.is_some_and(|spec| spec.is_undocumented()),
            }
        };
        classes.map(one).collect()
    }
}
