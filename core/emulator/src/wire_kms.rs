//! KMS on the wire: vaults on the region's port, keys and versions on their vault's.
//!
//! Field names and which field is missing from which listing are Oracle's; values are World's.

use std::sync::Arc;

use keywheel::memory::{KeyUpdate, NewKey, VaultEndpoint, VaultInfo, VersionInfo, World};
use keywheel::model::{
    AutoRotation, CompartmentId, Key, KeyId, KeyShape, KeyVersionId, ProtectionMode, VaultId, VaultSummary,
};
use serde_json::{Value, json};

use crate::asked::{Asked, Fields};
use crate::endpoints::Endpoint;
use crate::errors::{Answered, Failure, HttpAnswer, HttpRefusal};
use crate::shared::Shared;
use crate::wire::{heard, heard_array, heard_json, instant};

/// The vault a regional path names, as seen in the port's region.
fn vault_in_path(asked: &Asked<'_>) -> Result<VaultEndpoint, HttpRefusal> {
    Ok(VaultEndpoint { vault: asked.path_id::<VaultId>(0)?, region: asked.region().clone() })
}

/// The vault whose port was asked.
fn vault_of_port<'a>(asked: &Asked<'a>) -> &'a VaultEndpoint {
    match asked.endpoint() {
        Endpoint::Vault(vault) => vault,
        Endpoint::Metadata { .. } | Endpoint::Region(_) => {
            unreachable!("the route sends key operations to vault ports only")
        }
    }
}

fn url(shared: &Arc<Shared>, vault: &VaultId, region: &keywheel::model::Region) -> Result<String, Failure> {
    let endpoint = VaultEndpoint { vault: vault.clone(), region: region.clone() };
    shared
        .vault_url(endpoint)
        .map_err(|error| HttpRefusal::new(500, "InternalServerError", format!("no port is free: {error}")).into())
}

pub(crate) fn list_vaults(shared: &Arc<Shared>, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let told = shared.world.list_vaults(&asked.call(), asked.region(), &compartment, &asked.page_query()?);
    heard(told, |listing| {
        let show = |vault: VaultSummary| {
            let url = url(shared, &vault.id, &vault.region)?;
            // What the model's summary leaves out and Oracle's does not.
            let more = shared.world.vault(&vault.id);
            Ok(json!({
                "id": vault.id, "compartmentId": vault.compartment, "displayName": vault.name,
                "lifecycleState": vault.state, "vaultType": vault.vault_type,
                "cryptoEndpoint": url, "managementEndpoint": url,
                "timeCreated": more.as_ref().map(|more| instant(more.vault.time_created)),
                "freeformTags": more.as_ref().map(|more| &more.tags.freeform),
                "definedTags": more.as_ref().map(|more| &more.tags.defined),
            }))
        };
        let items = listing.items.into_iter().map(show).collect::<Result<Vec<Value>, Failure>>()?;
        Ok(HttpAnswer::json(&items).maybe("opc-next-page", listing.next))
    })
}

pub(crate) fn get_vault(shared: &Arc<Shared>, asked: &Asked<'_>) -> Answered {
    let at = vault_in_path(asked)?;
    heard(shared.world.get_vault(&asked.call(), &at), |info: VaultInfo| {
        let VaultInfo { vault, is_replicable, tags } = info;
        let url = url(shared, &vault.id, &vault.region)?;
        Ok(HttpAnswer::json(&json!({
            "id": vault.id, "compartmentId": vault.compartment, "displayName": vault.name,
            "lifecycleState": vault.state, "vaultType": vault.vault_type,
            "isPrimary": vault.is_primary, "isVaultReplicable": is_replicable,
            "cryptoEndpoint": url, "managementEndpoint": url,
            // World has no wrapping keys; the field is required and its spelling is Oracle's.
            "wrappingkeyId": vault.id.as_str().replacen("ocid1.vault.", "ocid1.key.", 1),
            "timeCreated": instant(vault.time_created), "timeOfDeletion": vault.time_of_deletion.map(instant), "restoredFromVaultId": null,
            "replicaDetails": null, "freeformTags": tags.freeform, "definedTags": tags.defined,
        })))
    })
}

pub(crate) fn get_vault_usage(world: &World, asked: &Asked<'_>) -> Answered {
    heard_json(world.get_vault_usage(&asked.call(), &vault_in_path(asked)?), |usage| {
        json!({
            "keyCount": usage.keys, "keyVersionCount": usage.key_versions,
            "softwareKeyCount": usage.software_keys, "softwareKeyVersionCount": usage.software_key_versions,
        })
    })
}

pub(crate) fn list_vault_replicas(shared: &Arc<Shared>, asked: &Asked<'_>) -> Answered {
    let at = vault_in_path(asked)?;
    heard(shared.world.list_vault_replicas(&asked.call(), &at), |listing| {
        let show = |region: &keywheel::model::Region| {
            let url = url(shared, &at.vault, region)?;
            Ok(json!({ "region": region, "status": "CREATED", "cryptoEndpoint": url, "managementEndpoint": url }))
        };
        let items =
            listing.items.iter().map(|replica| show(&replica.region)).collect::<Result<Vec<Value>, Failure>>()?;
        Ok(HttpAnswer::json(&items).maybe("opc-next-page", listing.next))
    })
}

pub(crate) fn list_keys(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let told = world.list_keys(&asked.call(), vault_of_port(asked), &compartment, &asked.page_query()?);
    heard_array(told, |key| {
        // What the model's summary leaves out and Oracle's does not.
        let more = world.key(&key.id);
        let more = more.as_ref();
        let is_rotating = more.map(|more| more.auto_rotation.as_ref().is_some_and(|auto| auto.enabled));
        json!({
            "id": key.id, "compartmentId": key.compartment, "vaultId": key.vault, "displayName": key.name,
            "lifecycleState": key.state, "algorithm": key.algorithm, "externalKeyReferenceDetails": null,
            "protectionMode": more.map(|more| more.protection), "isAutoRotationEnabled": is_rotating,
            "timeCreated": more.map(|more| instant(more.time_created)),
            "freeformTags": more.map(|more| &more.tags.freeform), "definedTags": more.map(|more| &more.tags.defined),
        })
    })
}

fn key_json(key: &Key) -> Value {
    let auto = key.auto_rotation.as_ref();
    let schedule = auto.and_then(|auto| auto.interval_days).map(|days| json!({ "rotationIntervalInDays": days }));
    let KeyShape { algorithm, length, curve } = &key.shape;
    json!({
        "id": key.id, "vaultId": key.vault, "compartmentId": key.compartment, "displayName": key.name,
        "lifecycleState": key.state, "keyShape": { "algorithm": algorithm, "length": length, "curveId": curve },
        "protectionMode": key.protection, "currentKeyVersion": key.current_version, "isPrimary": key.is_primary,
        "isAutoRotationEnabled": auto.is_some_and(|auto| auto.enabled), "autoKeyRotationDetails": schedule,
        "replicaDetails": null,
        "externalKeyReferenceDetails": key.is_external.then(|| json!({ "externalKeyId": "external", "externalKeyVersionId": "1" })),
        "timeCreated": instant(key.time_created), "timeOfDeletion": key.time_of_deletion.map(instant),
        "restoredFromKeyId": null, "freeformTags": key.tags.freeform, "definedTags": key.tags.defined,
    })
}

pub(crate) fn get_key(world: &World, asked: &Asked<'_>) -> Answered {
    let key: KeyId = asked.path_id(0)?;
    heard_json(world.get_key(&asked.call(), vault_of_port(asked), &key), |key| key_json(&key))
}

pub(crate) fn create_key(world: &World, asked: &Asked<'_>) -> Answered {
    let body = asked.json()?;
    let new = NewKey {
        compartment: body.required_id("compartmentId")?,
        name: body.required_text("displayName")?.to_owned(),
        shape: key_shape(&body.required_object("keyShape")?)?,
        protection: match body.text("protectionMode")? {
            None | Some("HSM") => ProtectionMode::Hsm,
            Some("SOFTWARE") => ProtectionMode::Software,
            Some(_) => return Err(HttpRefusal::invalid("protectionMode", "must be HSM or SOFTWARE").into()),
        },
        tags: body.tags()?,
    };
    heard_json(world.create_key(&asked.call(), vault_of_port(asked), new), |key| key_json(&key))
}

fn key_shape(shape: &Fields) -> Result<KeyShape, HttpRefusal> {
    let algorithm = shape.required_text("algorithm")?;
    let lengths: &[u32] = match algorithm {
        "AES" => &[16, 24, 32],
        "RSA" => &[256, 384, 512],
        "ECDSA" => &[32, 48, 66],
        _ => return Err(HttpRefusal::invalid("keyShape.algorithm", "must be AES, RSA or ECDSA")),
    };
    let length = shape.number("length")?.ok_or_else(|| HttpRefusal::missing("keyShape.length"))?;
    if !lengths.contains(&length) {
        return Err(HttpRefusal::invalid("keyShape.length", "is not a length of this algorithm, in bytes"));
    }
    Ok(KeyShape { algorithm: algorithm.to_owned(), length, curve: shape.text("curveId")?.map(str::to_owned) })
}

pub(crate) fn update_key(world: &World, asked: &Asked<'_>) -> Answered {
    let key: KeyId = asked.path_id(0)?;
    let body = asked.json()?;
    let interval_days = match body.object("autoKeyRotationDetails")? {
        Some(details) => details.number("rotationIntervalInDays")?,
        None => None,
    };
    if interval_days.is_some_and(|days| !(60..=365).contains(&days)) {
        let field = "autoKeyRotationDetails.rotationIntervalInDays";
        return Err(HttpRefusal::invalid(field, "must be from 60 to 365").into());
    }
    let change = KeyUpdate {
        name: body.text("displayName")?.map(str::to_owned),
        freeform: body.freeform_tags()?,
        defined: body.defined_tags()?,
        auto_rotation: body.flag("isAutoRotationEnabled")?.map(|enabled| AutoRotation { enabled, interval_days }),
    };
    heard_json(world.update_key(&asked.call(), vault_of_port(asked), &key, change), |key| key_json(&key))
}

/// What ListKeyVersions tells: no replica details, so whoever waits for a replica asks for each.
fn version_summary_json(info: &VersionInfo) -> Value {
    let version = &info.version;
    json!({
        "id": version.id, "keyId": version.key, "vaultId": info.vault, "compartmentId": info.compartment,
        "lifecycleState": version.state, "origin": version.origin, "isAutoRotated": version.is_auto_rotated,
        "timeCreated": instant(version.time_created), "timeOfDeletion": version.time_of_deletion.map(instant),
        "externalKeyReferenceDetails": null,
    })
}

/// The same with what only GetKeyVersion and CreateKeyVersion tell.
fn version_json(info: &VersionInfo) -> Value {
    let mut version = version_summary_json(info);
    let replication = info.version.replication_id.as_ref();
    version["isPrimary"] = json!(info.is_primary);
    version["replicaDetails"] = json!(replication.map(|id| json!({ "replicationId": id })));
    version["restoredFromKeyVersionId"] = Value::Null;
    // World's keys are symmetric; RSA and ECDSA versions would show a PEM here.
    version["publicKey"] = Value::Null;
    version
}

pub(crate) fn list_key_versions(world: &World, asked: &Asked<'_>) -> Answered {
    let key: KeyId = asked.path_id(0)?;
    let told = world.list_key_versions(&asked.call(), vault_of_port(asked), &key, &asked.page_query()?);
    heard_array(told, |version| version_summary_json(&version))
}

pub(crate) fn create_key_version(world: &World, asked: &Asked<'_>) -> Answered {
    let key: KeyId = asked.path_id(0)?;
    if asked.json()?.text("externalKeyVersionId")?.is_some() {
        return Err(HttpRefusal::invalid("externalKeyVersionId", "is for external keys only").into());
    }
    heard_json(world.create_key_version(&asked.call(), vault_of_port(asked), &key), |made| version_json(&made))
}

pub(crate) fn get_key_version(world: &World, asked: &Asked<'_>) -> Answered {
    let (key, version): (KeyId, KeyVersionId) = (asked.path_id(0)?, asked.path_id(1)?);
    let told = world.get_key_version(&asked.call(), vault_of_port(asked), &key, &version);
    heard_json(told, |version| version_json(&version))
}

pub(crate) fn get_replication_status(world: &World, asked: &Asked<'_>) -> Answered {
    let told = world.get_replication_status(&asked.call(), vault_of_port(asked), asked.path(0));
    heard_json(told, |regions| {
        let details: Vec<Value> =
            regions.iter().map(|one| json!({ "region": one.region, "status": one.state })).collect();
        json!({ "replicaDetails": details })
    })
}
