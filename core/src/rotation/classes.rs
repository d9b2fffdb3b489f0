//! Classes by the owner's word: what is refused, and what is said of them everywhere.
//!
//! The class of a kind is a documented default of its adapter; an override is a statement of the owner's that nobody
//! can check, so it stands in every plan and report.

use crate::model::{Finding, FindingKind, Kind, RekeyClass, Risk, Settings};

/// A class that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Of which kind.
    pub kind: Kind,
    /// What the owner says.
    pub class: RekeyClass,
    /// What the adapter says; `None`: no adapter moves this kind.
    pub default: Option<RekeyClass>,
    /// Whether the kind has a step for it, or needs none.
    pub is_possible: bool,
    /// Whether it moves dependents by a step that Oracle does not document.
    pub is_undocumented: bool,
}

/// Why a rotation may not go on with these classes.
#[must_use]
pub(super) fn impossible(overrides: &[Override], settings: &Settings) -> Option<String> {
    let wrong = overrides.iter().find(|one| !one.is_possible);
    if let Some(Override { kind, class, .. }) = wrong {
        return Some(format!("a {kind} has no step for {:?}: take it out of [kinds]", class.word()));
    }
    let undocumented = overrides.iter().find(|one| one.is_undocumented)?;
    (!settings.policy.accept_risks.contains(&Risk::SameKeyVolumes)).then(|| {
        format!(
            "{} = \"rewraps\" gives every {} the key again that it has, which Oracle does not document: name \"same_key_volumes\" in policy.accept_risks, or take it out of [kinds]",
            undocumented.kind.word(),
            undocumented.kind
        )
    })
}

/// What every plan and report says of the owner's classes.
#[must_use]
pub fn override_findings(overrides: &[Override]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in overrides.iter().filter(|one| one.is_possible && one.default != Some(one.class)) {
        let default = one.default.map_or("nothing", RekeyClass::word);
        findings.push(Finding {
            kind: FindingKind::ClassOverridden,
            subject: one.kind.word().to_owned(),
            text: format!(
                "the owner says that it {} several versions of its key ([kinds]); the documented default is that it {default} them",
                one.class.word()
            ),
        });
        if one.is_undocumented {
            findings.push(Finding {
                kind: FindingKind::RiskAccepted,
                subject: one.kind.word().to_owned(),
                text: "same_key_volumes: each is given the key again that it has; Oracle does not document what that does to its data key".to_owned(),
            });
        }
    }
    findings
}
