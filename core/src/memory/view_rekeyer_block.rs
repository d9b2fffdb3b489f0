//! Block storage as the `ReKeyer` port sees it: one conditional call says which key, and that is all.
//!
//! Under the same key only volumes, and only where it is asked for: Oracle does not document it
//! (oci-api §0 fact 3). Nothing here waits; the service answers when it is done.

use super::blocks::{BlockAddress, BlockInfo, BlockState, family, is_backup};
use super::translate::reply;
use super::view_rekeyer::ReKeyerView;
use crate::error::{Error, Result};
use crate::model::{Dependent, EvidenceScope, Grade, Kind, RekeyClass};
use crate::ports::{Begun, KindSpec, Observation, Presence, Reply, StepKind, StepRequest, unusable_key};

/// What a kind of block storage can do; `None` for any other kind.
pub(super) fn spec(kind: &Kind) -> Option<KindSpec> {
    let family = family(kind)?;
    if !family.is_changed() {
        return Some(KindSpec {
            class: RekeyClass::Forbids,
            steps_same_key: Vec::new(),
            steps_new_key: Vec::new(),
            steps_undocumented: Vec::new(),
            best_grade: Grade::Unseen,
            scope: EvidenceScope::Unknown,
            permissions: vec!["VOLUME_REPLICA_INSPECT".to_owned()],
            listing_names_key: false,
            remedy: Some("give the replica its key by its volume's list of replicas, then resume".to_owned()),
        });
    }
    let of_its_own: &[&str] = match kind {
        Kind::BlockVolumeBackup => &["VOLUME_BACKUP_INSPECT", "VOLUME_BACKUP_UPDATE"],
        Kind::BootVolumeBackup => &["BOOT_VOLUME_BACKUP_INSPECT", "BOOT_VOLUME_BACKUP_UPDATE"],
        _ => &["VOLUME_UPDATE"],
    };
    let mut permissions: Vec<&str> = ["KEY_ASSOCIATE", "KEY_DISASSOCIATE", "VOLUME_INSPECT"].into();
    permissions.extend(of_its_own);
    permissions.sort_unstable();
    Some(KindSpec {
        class: RekeyClass::Forbids,
        steps_same_key: Vec::new(),
        steps_new_key: vec![StepKind::AssignKey],
        steps_undocumented: (!is_backup(kind)).then_some(StepKind::Reassign).into_iter().collect(),
        best_grade: Grade::VersionSeen,
        scope: EvidenceScope::DataKey,
        permissions: permissions.into_iter().map(str::to_owned).collect(),
        listing_names_key: true,
        remedy: None,
    })
}

impl ReKeyerView {
    pub(super) fn observe_block(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let seen = |presence, key| Observation { presence, key, version: None, held: Vec::new() };
        match self.world.get_block(&self.call(), &address_of(dependent)) {
            Ok(answer) => Ok(reply("observe", Ok(answer))?.map(|info| seen(presence_of(&info), info.key))),
            Err(refusal) if refusal.status == 404 => Ok(Reply {
                value: seen(Presence::NotVisible, None),
                etag: None,
                server_date: Some(refusal.date),
                request_id: Some(refusal.request_id),
            }),
            Err(refusal) => reply("observe", Err(refusal)),
        }
    }

    pub(super) fn begin_block(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        match step.step {
            _ if family(&step.dependent.kind).is_some_and(|family| !family.is_changed()) => {
                super::view_rekeyer_holder::refuse(step)
            }
            StepKind::Reassign if is_backup(&step.dependent.kind) => {
                Err(Error::refused("reassign", "the same key again does nothing to a backup")
                    .with("kind", &step.dependent.kind))
            }
            StepKind::AssignKey | StepKind::Reassign => {
                let etag = step
                    .if_match
                    .as_ref()
                    .ok_or_else(|| Error::bug("assign_key", "a conditional step needs the etag that was observed"))?;
                let call = self.call().if_match(etag.as_str());
                let told = self.world.update_block_key(&call, &address_of(&step.dependent), step.key.as_str());
                Ok(reply("assign_key", told).map_err(unusable_key)?.map(|_| Begun::Done))
            }
            StepKind::Rewrap => Err(Error::refused("rewrap", "block storage has no re-wrap; assign another key")
                .with("kind", &step.dependent.kind)),
        }
    }
}

fn address_of(dependent: &Dependent) -> BlockAddress {
    BlockAddress { region: dependent.region.clone(), kind: dependent.kind.clone(), id: dependent.id.clone() }
}

fn presence_of(info: &BlockInfo) -> Presence {
    match info.state {
        BlockState::Available => Presence::Ready,
        BlockState::Creating | BlockState::Faulty => Presence::Busy,
        BlockState::Terminated => Presence::Terminated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_block_storage_forbids_versions_and_every_kind_needs_its_own_permissions() {
        let needs = |kind| spec(&kind).expect("block storage").permissions;
        assert_eq!(needs(Kind::BlockVolume), needs(Kind::BootVolume));
        assert!(needs(Kind::BlockVolume).contains(&"VOLUME_UPDATE".to_owned()));
        assert!(needs(Kind::BootVolumeBackup).contains(&"BOOT_VOLUME_BACKUP_UPDATE".to_owned()));
        assert!(!needs(Kind::BlockVolumeBackup).contains(&"VOLUME_UPDATE".to_owned()));
        assert_eq!(spec(&Kind::Bucket), None);
    }
}
