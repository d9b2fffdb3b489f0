//! The list of rotations: stream `registry`. Appending `rotation_opened` here first is R6's lock.
//!
//! One open rotation per lineage. Nothing here knows how a rotation stands; only that it is open.

use std::collections::{BTreeMap, BTreeSet};

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
    /// A rotation moves dependents of its key to a successor: from here on the two are of one lineage.
    SuccessorNamed {
        /// Which rotation.
        rid: RotationId,
        /// The key that takes over.
        successor: KeyId,
    },
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
        /// A completed one that left nothing on its key: the successor.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_key: Option<KeyId>,
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
    /// The successor that everything moved to, of one that left nothing on its key.
    pub target_key: Option<KeyId>,
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
    /// The key that each successor took over from.
    pub predecessors: BTreeMap<KeyId, KeyId>,
    /// The newest successor of each lineage, by its root.
    pub heads: BTreeMap<KeyId, KeyId>,
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
                    target_key: None,
                    is_clean: false,
                };
                self.rotations.insert(opening.rid.clone(), registered);
                true
            }
            RegistryFact::SuccessorNamed { rid, successor } => {
                let Some(rotation) = self.rotations.get(rid) else { return false };
                let opened = &rotation.opened;
                if self.predecessors.contains_key(successor) || opened.name.key == *successor {
                    return false;
                }
                self.predecessors.insert(successor.clone(), opened.name.key.clone());
                self.heads.insert(opened.lineage_root.clone(), successor.clone());
                true
            }
            RegistryFact::RotationClosed { rid, how, until, target, target_key, is_clean } => {
                let Some(rotation) = self.rotations.get_mut(rid).filter(|rotation| rotation.closed.is_none()) else {
                    return false;
                };
                rotation.closed = Some(how.clone());
                rotation.until = *until;
                rotation.target = target.clone();
                rotation.target_key = target_key.clone();
                rotation.is_clean = *is_clean;
                self.open.retain(|_, open| open != rid);
                true
            }
        }
    }

    /// The root of a key's lineage; a key without predecessors is its own.
    #[must_use]
    pub fn root_of(&self, key: &KeyId) -> KeyId {
        let mut root = key;
        // A successor is named once, so the chain ends; the bound is for a journal that somebody wrote by hand.
        for _ in 0..=self.predecessors.len() {
            let Some(before) = self.predecessors.get(root) else { break };
            root = before;
        }
        root.clone()
    }

    /// The key that dependents of this one move to, if its lineage has a newer one.
    #[must_use]
    pub fn head_after(&self, key: &KeyId) -> Option<&KeyId> {
        self.heads.get(&self.root_of(key)).filter(|head| *head != key && !self.is_before(head, key))
    }

    /// Whether one key comes before another in their lineage.
    fn is_before(&self, one: &KeyId, other: &KeyId) -> bool {
        let mut at = other;
        for _ in 0..=self.predecessors.len() {
            let Some(before) = self.predecessors.get(at) else { return false };
            if before == one {
                return true;
            }
            at = before;
        }
        false
    }

    /// Every key that took over from one of these, or from one that did.
    #[must_use]
    pub fn successors_of<'a>(&self, keys: impl Iterator<Item = &'a KeyId>) -> Vec<KeyId> {
        let keys: BTreeSet<&KeyId> = keys.collect();
        let after = |successor: &&KeyId| keys.iter().any(|key| self.is_before(key, successor));
        self.predecessors.keys().filter(after).cloned().collect()
    }

    /// Whether a rotation ended here that left nothing on the key: it is retained and exempt from age rules.
    #[must_use]
    pub fn is_predecessor(&self, key: &KeyId) -> bool {
        let is_end = |r: &&Registered| r.opened.name.key == *key && r.closed.as_deref() == Some("completed");
        let last = self.order.iter().rev().filter_map(|rid| self.rotations.get(rid)).find(is_end);
        last.is_some_and(|rotation| rotation.target_key.is_some())
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
        let same_key = of_key.filter(|rotation| rotation.target_key.is_none());
        same_key.filter_map(|rotation| Some((rotation.target.as_ref()?, rotation.is_clean)))
    }

    /// Until when a cancelled rotation holds a key's `due` back.
    #[must_use]
    pub fn held_until(&self, key: &KeyId) -> Option<Timestamp> {
        self.rotations.values().filter(|rotation| rotation.opened.name.key == *key).filter_map(|r| r.until).max()
    }
}
