//! Volume backup policies, their assignments to volumes and groups, and groups as far as they can be assigned one.
//!
//! A policy may copy what it backs up to another region; the key that such copies get is a field of the assignment.
//! Nothing here changes an assignment but somebody else: Oracle has no call that updates one (SDK 2.189.0), and creating
//! another in its place is not keywheel's. No backup is taken by a policy of itself; a test takes it.

use std::collections::BTreeMap;

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::operations as op;
use super::paging::page_of;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, Etag, KeyId, Region, ResourceId, Timestamp};

/// A backup policy as ListVolumeBackupPolicies tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPolicyInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Region that holds it.
    pub region: Region,
    /// Compartment that holds it; `None`: Oracle defined it.
    pub compartment: Option<CompartmentId>,
    /// Its display name.
    pub name: String,
    /// The region that it copies to, if it does.
    pub destination: Option<Region>,
    /// When it was created.
    pub time_created: Timestamp,
}

/// An assignment of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// The policy.
    pub policy: ResourceId,
    /// The volume or group that is backed up.
    pub asset: ResourceId,
    /// The key of copies in the destination's region; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// When it was made.
    pub time_created: Timestamp,
}

/// A volume group, of which World knows that it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeGroupInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Region that holds it.
    pub region: Region,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Its display name.
    pub name: String,
    /// The volumes in it.
    pub members: Vec<ResourceId>,
    /// When it was created.
    pub time_created: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct BackupPolicies {
    /// In order of creation.
    policies: Vec<BackupPolicyInfo>,
    /// By what is backed up, which has one at most.
    assignments: BTreeMap<ResourceId, AssignmentInfo>,
    /// In order of creation.
    groups: Vec<VolumeGroupInfo>,
}

impl State {
    /// Where a volume or group is, if the caller may see it there.
    fn asset_at(&self, ctx: &Ctx, region: &Region, asset: &ResourceId) -> Result<(), No> {
        let block = self.blocks.by_id.get(asset).map(|record| (&record.info.region, &record.info.compartment));
        let group = || self.backup.groups.iter().find(|group| group.id == *asset);
        let place = block.or_else(|| group().map(|group| (&group.region, &group.compartment)));
        match place {
            Some((at, compartment)) if at == region && self.may_see(ctx, compartment) => Ok(()),
            _ => Err(No::not_found(asset.as_str())),
        }
    }
}

impl World {
    /// ListVolumeBackupPolicies of one compartment; without one, those that Oracle defined.
    pub fn list_backup_policies(
        &self,
        call: &Call,
        region: &Region,
        compartment: Option<&CompartmentId>,
        query: &PageQuery,
    ) -> Told<Listing<BackupPolicyInfo>> {
        let about = compartment.map_or("", CompartmentId::as_str);
        self.read(&op::LIST_VOLUME_BACKUP_POLICIES, call, region, about, |state, ctx| {
            if let Some(compartment) = compartment {
                state.check_compartment(ctx, compartment)?;
            }
            let all = state.backup.policies.iter();
            let here = all.filter(|policy| policy.region == *region && policy.compartment.as_ref() == compartment);
            page_of(&state.settings, query, here, |policy| policy.id.as_str(), Clone::clone).map(Yes::new)
        })
    }

    /// GetVolumeBackupPolicy.
    pub fn get_backup_policy(&self, call: &Call, region: &Region, id: &ResourceId) -> Told<BackupPolicyInfo> {
        self.read(&op::GET_VOLUME_BACKUP_POLICY, call, region, id.as_str(), |state, ctx| {
            let found = state.backup.policies.iter().find(|policy| policy.id == *id && policy.region == *region);
            let is_seen = |policy: &&BackupPolicyInfo| policy.compartment.iter().all(|one| state.may_see(ctx, one));
            let policy = found.filter(is_seen).ok_or_else(|| No::not_found(id.as_str()))?;
            Ok(Yes::new(policy.clone()).etag(Etag::parse("bp1").expect("letters and digits")))
        })
    }

    /// GetVolumeBackupPolicyAssetAssignment: none or one.
    pub fn list_asset_assignments(
        &self,
        call: &Call,
        region: &Region,
        asset: &ResourceId,
        query: &PageQuery,
    ) -> Told<Listing<AssignmentInfo>> {
        self.read(&op::GET_VOLUME_BACKUP_POLICY_ASSET_ASSIGNMENT, call, region, asset.as_str(), |state, ctx| {
            state.asset_at(ctx, region, asset)?;
            let one = state.backup.assignments.get(asset).into_iter();
            page_of(&state.settings, query, one, |found| found.id.as_str(), Clone::clone).map(Yes::new)
        })
    }

    /// GetVolumeBackupPolicyAssignment.
    pub fn get_assignment(&self, call: &Call, region: &Region, id: &ResourceId) -> Told<AssignmentInfo> {
        self.read(&op::GET_VOLUME_BACKUP_POLICY_ASSIGNMENT, call, region, id.as_str(), |state, ctx| {
            let found = state.backup.assignments.values().find(|one| one.id == *id);
            let found = found.filter(|one| state.asset_at(ctx, region, &one.asset).is_ok());
            let found = found.ok_or_else(|| No::not_found(id.as_str()))?;
            Ok(Yes::new(found.clone()).etag(Etag::parse("ba1").expect("letters and digits")))
        })
    }

    /// ListVolumeGroups of one compartment.
    pub fn list_volume_groups(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<VolumeGroupInfo>> {
        self.read(&op::LIST_VOLUME_GROUPS, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let all = state.backup.groups.iter();
            let here = all.filter(|group| group.region == *region && group.compartment == *compartment);
            page_of(&state.settings, query, here, |group| group.id.as_str(), Clone::clone).map(Yes::new)
        })
    }

    /// A backup policy; without a compartment it is one of Oracle's. With a destination it copies there.
    pub fn add_backup_policy(
        &self,
        region: &Region,
        compartment: Option<&CompartmentId>,
        name: &str,
        destination: Option<&Region>,
    ) -> ResourceId {
        let time_created = self.now() - super::seed_block::OLD;
        let mut state = self.lock();
        let id = ResourceId::parse(state.ocid("volumebackuppolicy", region.as_str())).expect("World's own OCID");
        state.backup.policies.push(BackupPolicyInfo {
            id: id.clone(),
            region: region.clone(),
            compartment: compartment.cloned(),
            name: name.to_owned(),
            destination: destination.cloned(),
            time_created,
        });
        id
    }

    /// A volume group of these volumes.
    pub fn add_volume_group(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        name: &str,
        members: &[ResourceId],
    ) -> ResourceId {
        let time_created = self.now() - super::seed_block::OLD;
        let mut state = self.lock();
        let id = ResourceId::parse(state.ocid("volumegroup", region.as_str())).expect("World's own OCID");
        state.backup.groups.push(VolumeGroupInfo {
            id: id.clone(),
            region: region.clone(),
            compartment: compartment.clone(),
            name: name.to_owned(),
            members: members.to_vec(),
            time_created,
        });
        id
    }

    /// Somebody assigns a policy to a volume or group, now; one that it had is silently gone.
    pub fn others_assign_backup_policy(
        &self,
        asset: &ResourceId,
        policy: &ResourceId,
        key: Option<&KeyId>,
    ) -> ResourceId {
        let (now, mut state) = self.settled();
        let region = asset.as_str().split('.').nth(3).unwrap_or_default().to_owned();
        let id = ResourceId::parse(state.ocid("volumebackuppolicyassignment", &region)).expect("World's own OCID");
        let made = AssignmentInfo {
            id: id.clone(),
            policy: policy.clone(),
            asset: asset.clone(),
            key: key.cloned(),
            time_created: now,
        };
        state.backup.assignments.insert(asset.clone(), made);
        id
    }

    /// Somebody takes an assignment away.
    pub fn others_unassign_backup_policy(&self, id: &ResourceId) {
        let (_, mut state) = self.settled();
        state.backup.assignments.retain(|_, one| one.id != *id);
    }

    /// An assignment as it is, whoever may see it.
    #[must_use]
    pub fn assignment(&self, id: &ResourceId) -> Option<AssignmentInfo> {
        let (_, state) = self.settled();
        state.backup.assignments.values().find(|one| one.id == *id).cloned()
    }
}
