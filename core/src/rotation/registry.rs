//! The list of rotations: stream `registry`. Appending `rotation_opened` here first is R6's lock.
//!
//! One open rotation per lineage. Nothing here knows how a rotation stands; only that it is open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{KeyId, KeyVersionId, RotationId, RotationName, Timestamp};
use crate::safeguard::{Safeguard, is_on};

/// A fact of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RegistryFact {
    /// A rotation may exist from here on; whoever sees this creates its stream if it is missing.
    RotationOpened(Box<RegisteredOpening>),
    /// It ended.
    RotationClosed {
        /// Which.
        rid: RotationId,
        /// `completed`, `cancelled` or `overtaken`.
        how: String,
        /// A cancelled one holds `due` back until then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// A completed one: the version that everything moved to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<KeyVersionId>,
        /// A completed one: whether nothing was left out.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_clean: bool,
    },
}

/// Everything needed to create a missing main stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredOpening {
    /// Its short name.
    pub rid: RotationId,
    /// The first fact of its stream.
    pub opened: super::fact::Opened,
}

/// One rotation as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its first fact.
    pub opened: super::fact::Opened,
    /// How it ended, if it did.
    pub closed: Option<String>,
    /// Until when `due` is held back.
    pub until: Option<Timestamp>,
    /// The version that everything moved to, of a completed one.
    pub target: Option<KeyVersionId>,
    /// Whether it was completed without exceptions.
    pub is_clean: bool,
}

/// What the registry adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Every rotation.
    pub rotations: BTreeMap<RotationId, Registered>,
    /// Open ones by lineage root.
    pub open: BTreeMap<KeyId, RotationId>,
    /// In the order they were opened.
    pub order: Vec<RotationId>,
    /// Request ids that opened one, by key.
    pub requests: BTreeMap<(KeyId, String), RotationId>,
}

impl Registry {
    /// Applies one fact; `false` if it cannot follow.
    #[must_use]
    pub fn apply(&mut self, fact: &RegistryFact) -> bool {
        match fact {
            RegistryFact::RotationOpened(opening) => {
                let root = &opening.opened.lineage_root;
                let is_taken = self.open.contains_key(root) && is_on(Safeguard::OneOpenRotation);
                if is_taken || self.rotations.contains_key(&opening.rid) {
                    return false;
                }
                self.open.insert(root.clone(), opening.rid.clone());
                self.order.push(opening.rid.clone());
                if let Some(request) = &opening.opened.request_id {
                    let key = opening.opened.name.key.clone();
                    self.requests.insert((key, request.clone()), opening.rid.clone());
                }
                let registered = Registered {
                    opened: opening.opened.clone(),
                    closed: None,
                    until: None,
                    target: None,
                    is_clean: false,
                };
                self.rotations.insert(opening.rid.clone(), registered);
                true
            }
            RegistryFact::RotationClosed { rid, how, until, target, is_clean } => {
                let Some(rotation) = self.rotations.get_mut(rid).filter(|rotation| rotation.closed.is_none()) else {
                    return false;
                };
                rotation.closed = Some(how.clone());
                rotation.until = *until;
                rotation.target = target.clone();
                rotation.is_clean = *is_clean;
                self.open.retain(|_, open| open != rid);
                true
            }
        }
    }

    /// The open rotation of a key's lineage.
    #[must_use]
    pub fn open_for(&self, lineage_root: &KeyId) -> Option<&RotationId> {
        self.open.get(lineage_root)
    }

    /// The ordinal that a new rotation of these two gets: 1, or one more than a cancelled one.
    #[must_use]
    pub fn next_name(&self, key: &KeyId, superseded: &KeyVersionId) -> RotationName {
        let taken = self
            .rotations
            .values()
            .map(|rotation| &rotation.opened.name)
            .filter(|name| name.key == *key && name.superseded == *superseded)
            .map(|name| name.ordinal)
            .max()
            .unwrap_or(0);
        RotationName { key: key.clone(), superseded: superseded.clone(), ordinal: taken + 1 }
    }

    /// The versions that a key's completed rotations moved everything to, and whether nothing was left out.
    pub fn ended_on(&self, key: &KeyId) -> impl Iterator<Item = (&KeyVersionId, bool)> {
        let of_key = self.rotations.values().filter(move |rotation| rotation.opened.name.key == *key);
        of_key.filter_map(|rotation| Some((rotation.target.as_ref()?, rotation.is_clean)))
    }

    /// Until when a cancelled rotation holds a key's `due` back.
    #[must_use]
    pub fn held_until(&self, key: &KeyId) -> Option<Timestamp> {
        self.rotations.values().filter(|rotation| rotation.opened.name.key == *key).filter_map(|r| r.until).max()
    }
}
