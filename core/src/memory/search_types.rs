//! The types that Resource Search lists, and the fields each can be asked by.
//!
//! What is not listed is not found. One list for every region.

use super::answer::{Call, Told, Yes};
use super::operations as op;
use super::world::World;
use crate::model::Region;

/// A type as ListResourceTypes tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// By Search's spelling, e.g. `Bucket`.
    pub name: &'static str,
    /// Fields that only it has.
    pub fields: &'static [&'static str],
}

const TYPES: &[(&str, &[&str])] = &[
    ("BlockVolumeReplica", &[]),
    ("BootVolume", &[]),
    ("BootVolumeBackup", &[]),
    ("BootVolumeReplica", &[]),
    ("Bucket", &["namespace"]),
    ("ClustersCluster", &[]),
    ("ClustersNodePool", &[]),
    ("InstanceConfiguration", &[]),
    ("Key", &["vaultId"]),
    ("Vault", &[]),
    ("Volume", &[]),
    ("VolumeBackup", &[]),
];

impl World {
    /// ListResourceTypes.
    pub fn list_resource_types(&self, call: &Call, region: &Region) -> Told<Vec<ResourceType>> {
        self.read(&op::LIST_RESOURCE_TYPES, call, region, "", |state, _| {
            let listed = TYPES.iter().filter(|(name, _)| !state.unlisted_types.contains(name));
            Ok(Yes::new(listed.map(|(name, fields)| ResourceType { name, fields }).collect()))
        })
    }

    /// Search does not know this type any more: it neither lists nor finds it.
    ///
    /// # Panics
    /// If it never knew it.
    pub fn others_unlist_type(&self, name: &str) {
        let known = TYPES.iter().find(|(known, _)| *known == name);
        let (name, _) = known.unwrap_or_else(|| panic!("Search has no type {name:?}"));
        self.lock().unlisted_types.insert(name);
    }
}
