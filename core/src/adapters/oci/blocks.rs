//! What the kinds of block storage have in common: their calls, and how their listings are read.
//!
//! Finds only; which key a resource uses is changed in `rekey/block.rs`.

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{CompartmentId, Dependent, FoundBy, Kind, Region};
use crate::ports::{Candidate, KeyHint};

/// The calls of one kind.
#[derive(Debug)]
pub(crate) struct Calls {
    pub list: Operation,
    pub get: Operation,
    /// `None`: no call of Oracle's gives this kind another key by itself.
    pub update: Option<Operation>,
    /// The place holder of the OCID in paths.
    pub id: &'static str,
}

static VOLUME: Calls = Calls {
    list: Operation::ListVolumes,
    get: Operation::GetVolume,
    update: Some(Operation::UpdateVolumeKmsKey),
    id: "volumeId",
};
static BOOT_VOLUME: Calls = Calls {
    list: Operation::ListBootVolumes,
    get: Operation::GetBootVolume,
    update: Some(Operation::UpdateBootVolumeKmsKey),
    id: "bootVolumeId",
};
static VOLUME_BACKUP: Calls = Calls {
    list: Operation::ListVolumeBackups,
    get: Operation::GetVolumeBackup,
    update: Some(Operation::UpdateVolumeBackup),
    id: "volumeBackupId",
};
static BOOT_VOLUME_BACKUP: Calls = Calls {
    list: Operation::ListBootVolumeBackups,
    get: Operation::GetBootVolumeBackup,
    update: Some(Operation::UpdateBootVolumeBackup),
    id: "bootVolumeBackupId",
};

static VOLUME_REPLICA: Calls = Calls {
    list: Operation::ListBlockVolumeReplicas,
    get: Operation::GetBlockVolumeReplica,
    update: None,
    id: "blockVolumeReplicaId",
};
static BOOT_VOLUME_REPLICA: Calls = Calls {
    list: Operation::ListBootVolumeReplicas,
    get: Operation::GetBootVolumeReplica,
    update: None,
    id: "bootVolumeReplicaId",
};

/// The six kinds.
pub(crate) const KINDS: [Kind; 6] = [
    Kind::BlockVolume,
    Kind::BootVolume,
    Kind::BlockVolumeBackup,
    Kind::BootVolumeBackup,
    Kind::BlockVolumeReplica,
    Kind::BootVolumeReplica,
];

/// The calls of a kind; `None` if it is not block storage.
pub(crate) fn calls(kind: &Kind) -> Option<&'static Calls> {
    match kind {
        Kind::BlockVolume => Some(&VOLUME),
        Kind::BlockVolumeBackup => Some(&VOLUME_BACKUP),
        Kind::BlockVolumeReplica => Some(&VOLUME_REPLICA),
        Kind::BootVolume => Some(&BOOT_VOLUME),
        Kind::BootVolumeBackup => Some(&BOOT_VOLUME_BACKUP),
        Kind::BootVolumeReplica => Some(&BOOT_VOLUME_REPLICA),
        _ => None,
    }
}

/// Whether a kind is a volume and not a backup.
pub(crate) fn is_volume(kind: &Kind) -> bool {
    matches!(kind, Kind::BlockVolume | Kind::BootVolume)
}

/// One page of a kind in a compartment. Without an availability domain all of them are listed (SDK 2.189.0).
pub(crate) async fn page(
    client: &Client,
    calls: &Calls,
    region: &Region,
    compartment: &CompartmentId,
    page: Option<&str>,
) -> Result<(Answer, Vec<wire::Block>)> {
    let call =
        Call::new(calls.list, region).query("compartmentId", compartment).query("limit", &PAGE_ITEMS_MAX).page(page);
    let answer = client.send(&call).await?;
    let found = answer.json()?;
    Ok((answer, found))
}

/// A listed resource as a candidate, with the key that the listing names.
pub(crate) fn candidate(block: wire::Block, kind: &Kind, region: &Region) -> Result<Candidate, String> {
    let key = block.key()?.map_or(KeyHint::OracleManaged, KeyHint::Key);
    let copies = block.copies();
    let dependent = Dependent {
        name: block.display_name.unwrap_or_else(|| block.id.to_string()),
        id: block.id,
        kind: kind.clone(),
        region: region.clone(),
        compartment: block.compartment_id,
        namespace: None,
        availability_domain: block.availability_domain,
        tags: wire::tags(block.freeform_tags, block.defined_tags),
    };
    Ok(Candidate { dependent, found_by: FoundBy::List, key, copies })
}
