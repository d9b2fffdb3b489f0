//! IAM policies as they are read: who attached which statements where, word for word. Nothing here understands them.

use serde::{Deserialize, Serialize};

use super::{CompartmentId, ResourceId};

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IamPolicy {
    /// Its OCID.
    pub id: ResourceId,
    /// Its name, foreign text.
    pub name: String,
    /// The compartment that it is attached to.
    pub compartment: CompartmentId,
    /// Its statements, foreign text.
    pub statements: Vec<String>,
}

/// What could be read of the policies that govern some compartments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PoliciesRead {
    /// Policies in force, of these compartments, those above them and the root.
    pub policies: Vec<IamPolicy>,
    /// Compartments whose policies we may not list.
    pub unread: Vec<CompartmentId>,
}
