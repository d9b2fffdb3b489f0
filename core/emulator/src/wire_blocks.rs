//! Volumes, boot volumes, their backups and replicas on the wire.
//!
//! Block storage answers at once and has no work requests. A volume's key has an address of its own; a backup's is a
//! field of the backup. Nothing here takes a key away from a volume.

use keywheel::memory::{BlockAddress, BlockInfo, ReplicaInfo, World};
use keywheel::model::{CompartmentId, KeyId, Kind};
use serde_json::{Value, json};

use crate::asked::{Asked, Fields};
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_array, heard_json, instant};

fn block_in_path(asked: &Asked<'_>, kind: &Kind) -> Result<BlockAddress, HttpRefusal> {
    Ok(BlockAddress { region: asked.region().clone(), kind: kind.clone(), id: asked.path_id(0)? })
}

fn volume_json(info: &BlockInfo) -> Value {
    let mut volume = common_json(info);
    let source = info.source.as_ref().map(|id| {
        let word = match (&info.kind, id.as_str().split('.').nth(1)) {
            (Kind::BootVolume, Some("bootvolume")) => "bootVolume",
            (Kind::BootVolume, _) => "bootVolumeBackup",
            (_, Some("volume")) => "volume",
            _ => "volumeBackup",
        };
        json!({ "type": word, "id": id })
    });
    volume["availabilityDomain"] = json!(info.availability_domain);
    volume["isHydrated"] = json!(true);
    volume["sourceDetails"] = json!(source);
    let (list, id) = match info.kind {
        Kind::BootVolume => ("bootVolumeReplicas", "bootVolumeReplicaId"),
        _ => ("blockVolumeReplicas", "blockVolumeReplicaId"),
    };
    let replica = |replica: &ReplicaInfo| {
        json!({
            "displayName": replica.name, id: replica.id, "availabilityDomain": replica.availability_domain,
            "kmsKeyId": replica.key,
        })
    };
    volume[list] = Value::Array(info.replicas.iter().map(replica).collect());
    volume["volumeGroupId"] = Value::Null;
    volume["vpusPerGB"] = json!(10);
    volume["sizeInMBs"] = json!(51_200);
    volume
}

fn backup_json(info: &BlockInfo) -> Value {
    let mut backup = common_json(info);
    let of = info.source.as_ref().and_then(|id| id.as_str().split('.').nth(1));
    // A backup that was copied from another region names that backup, and no volume of its own region.
    let source = match (&info.kind, of) {
        (Kind::BootVolumeBackup, Some("bootvolumebackup")) => "sourceBootVolumeBackupId",
        (Kind::BootVolumeBackup, _) => "bootVolumeId",
        (_, Some("volumebackup")) => "sourceVolumeBackupId",
        _ => "volumeId",
    };
    backup[source] = json!(info.source);
    backup["type"] = json!("FULL");
    backup["sourceType"] = json!("MANUAL");
    backup["timeRequestReceived"] = json!(instant(info.time_created));
    backup
}

fn replica_json(info: &BlockInfo) -> Value {
    let mut replica = common_json(info);
    let source = if info.kind == Kind::BootVolumeReplica { "bootVolumeId" } else { "blockVolumeId" };
    replica[source] = json!(info.source);
    replica["availabilityDomain"] = json!(info.availability_domain);
    replica["timeLastSynced"] = json!(instant(info.time_created));
    replica["volumeGroupReplicaId"] = Value::Null;
    replica
}

fn common_json(info: &BlockInfo) -> Value {
    json!({
        "id": info.id, "compartmentId": info.compartment, "displayName": info.name, "kmsKeyId": info.key,
        "lifecycleState": info.state.word(&info.kind), "timeCreated": instant(info.time_created),
        "sizeInGBs": 50, "freeformTags": info.tags.freeform, "definedTags": info.tags.defined, "systemTags": {},
    })
}

fn block_json(info: &BlockInfo) -> Value {
    match info.kind {
        Kind::BlockVolumeBackup | Kind::BootVolumeBackup => backup_json(info),
        Kind::BlockVolumeReplica | Kind::BootVolumeReplica => replica_json(info),
        _ => volume_json(info),
    }
}

/// Parameters by which OCI narrows a listing and World does not; answering with everything would be a lie.
const NOT_SERVED: &[&str] = &[
    "bootVolumeId",
    "clusterPlacementGroupId",
    "displayName",
    "lifecycleState",
    "sourceBootVolumeBackupId",
    "sourceVolumeBackupId",
    "volumeGroupId",
    "volumeGroupReplicaId",
    "volumeId",
];

pub(crate) fn list(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    if let Some(name) = NOT_SERVED.iter().find(|name| asked.query(name).is_some()) {
        let message = format!("the emulator does not narrow a listing by {name}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    // OCI lets volumes be listed without a compartment if they are narrowed otherwise; that is not served.
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let domain = asked.query("availabilityDomain");
    let (call, page) = (asked.call(), asked.page_query()?);
    heard_array(world.list_blocks(&call, asked.region(), kind, &compartment, domain, &page), |info| block_json(&info))
}

pub(crate) fn get(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    heard_json(world.get_block(&asked.call(), &block_in_path(asked, kind)?), |info| block_json(&info))
}

/// GetVolumeKmsKey and GetBootVolumeKmsKey: 404 under Oracle's key, as there is none to show.
pub(crate) fn get_key_of(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    let at = block_in_path(asked, kind)?;
    let told = world.get_block(&asked.call(), &at);
    if told.as_ref().is_ok_and(|answer| answer.value.key.is_none()) {
        return Err(HttpRefusal::not_found(at.id.as_str()).into());
    }
    heard_json(told, |info| json!({ "kmsKeyId": info.key }))
}

/// The key a body names: what is not the OCID of a key is refused before World hears of it.
fn key_in_body(body: &Fields) -> Result<KeyId, HttpRefusal> {
    body.required_id("kmsKeyId")
}

/// UpdateVolumeKmsKey and UpdateBootVolumeKmsKey.
pub(crate) fn update_volume_key(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    let at = block_in_path(asked, kind)?;
    let key = key_in_body(&asked.json()?)?;
    let told = world.update_block_key(&asked.call(), &at, key.as_str());
    heard_json(told, |info| json!({ "kmsKeyId": info.key }))
}

/// Fields of UpdateVolumeBackupDetails and UpdateBootVolumeBackupDetails that World does not change.
const NOT_CHANGED: &[&str] = &[
    "definedTags",
    "displayName",
    "freeformTags",
    "isIndefiniteRetentionEnabled",
    "isPreventDeletionEnabled",
    "isRetentionLockEnabled",
    "retentionPeriod",
];

/// UpdateVolumeBackup and UpdateBootVolumeBackup, of which World changes the key; the empty text is Oracle's.
pub(crate) fn update_backup(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    let at = block_in_path(asked, kind)?;
    let body = asked.json()?;
    if let Some(field) = NOT_CHANGED.iter().find(|field| body.has(field)) {
        let message = format!("the emulator does not change a backup's {field}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    let key = if body.text("kmsKeyId")? == Some("") { String::new() } else { key_in_body(&body)?.to_string() };
    heard_json(world.update_block_key(&asked.call(), &at, &key), |info| block_json(&info))
}
