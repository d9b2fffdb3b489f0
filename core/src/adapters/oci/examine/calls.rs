//! Trying each call that a config needs: listings with one item, reads of what was listed, and nothing that writes.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::super::answer::{Answer, shown};
use super::super::call::Call;
use super::super::iam::{About, NeededCall};
use super::super::operation::Operation;
use super::{OciExaminer, shown_by};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CallSeen, CompartmentId, KeyId, PlaceSeen, Region, ShownBy, Timestamp, Tried, VaultId};

/// Places in which one call is tried; beyond, they are counted.
const PLACES_MAX: usize = 10;
/// Regions in which something to read is looked for.
const REGIONS_MAX: usize = 4;
/// The minutes of the audit log that are asked for.
const EVENTS_SPAN: Duration = Duration::from_secs(60);

/// Something that was listed, or why nothing was.
#[derive(Clone)]
enum Listed {
    /// Answered; what it named first, if anything.
    First(Option<String>),
    /// Not answered.
    Not(Tried),
}

/// Where keys are managed, as far as it could be found out.
struct Kms {
    vault: Option<(VaultId, Region, Url)>,
    key: Option<KeyId>,
    /// Whether each is known to exist: it was listed, and not only named.
    is_vault_listed: bool,
    is_key_listed: bool,
    trouble: String,
}

struct Run<'a> {
    examiner: &'a OciExaminer,
    /// Where resources are looked for: something to read may be in any of them.
    regions: Vec<Region>,
    visible: BTreeSet<CompartmentId>,
    kms: Kms,
    listed: HashMap<(Operation, Region, CompartmentId), Listed>,
}

/// Whether a listing is asked for by a compartment alone.
pub(super) fn is_listing(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::ListVaults
            | O::ListPolicies
            | O::ListBuckets
            | O::ListWorkRequests
            | O::ListVolumes
            | O::ListBootVolumes
            | O::ListVolumeBackups
            | O::ListBootVolumeBackups
            | O::ListBlockVolumeReplicas
            | O::ListBootVolumeReplicas
            | O::ListVolumeBackupPolicies
            | O::ListVolumeGroups
            | O::ListClusters
            | O::ListNodePools
            | O::ListInstanceConfigurations
    )
}

/// The listing whose first item a read is tried on, and the place holder for it.
fn read_after(operation: Operation) -> Option<(Operation, &'static str)> {
    use Operation as O;
    Some(match operation {
        O::GetBucket => (O::ListBuckets, "bucketName"),
        O::GetWorkRequest => (O::ListWorkRequests, "workRequestId"),
        O::GetVolume => (O::ListVolumes, "volumeId"),
        O::GetBootVolume => (O::ListBootVolumes, "bootVolumeId"),
        O::GetVolumeBackup => (O::ListVolumeBackups, "volumeBackupId"),
        O::GetBootVolumeBackup => (O::ListBootVolumeBackups, "bootVolumeBackupId"),
        O::GetBlockVolumeReplica => (O::ListBlockVolumeReplicas, "blockVolumeReplicaId"),
        O::GetBootVolumeReplica => (O::ListBootVolumeReplicas, "bootVolumeReplicaId"),
        O::GetVolumeBackupPolicy => (O::ListVolumeBackupPolicies, "policyId"),
        O::GetVolumeBackupPolicyAssignment => (O::GetVolumeBackupPolicyAssetAssignment, "policyAssignmentId"),
        O::GetCluster => (O::ListClusters, "clusterId"),
        O::GetNodePool => (O::ListNodePools, "nodePoolId"),
        O::GetInstanceConfiguration => (O::ListInstanceConfigurations, "instanceConfigurationId"),
        _ => return None,
    })
}

/// Two whole minutes that have passed.
pub(super) fn events_window(examiner: &OciExaminer) -> (Timestamp, Timestamp) {
    let minute = examiner.clock.now().as_second() / 60 * 60;
    let until = Timestamp::from_second(minute).unwrap_or(Timestamp::UNIX_EPOCH);
    (until - EVENTS_SPAN, until)
}

/// Tries each of them, in order.
pub(super) async fn try_all(examiner: &OciExaminer, needed: Vec<NeededCall>) -> Vec<CallSeen> {
    let mut visible: BTreeSet<_> = [examiner.client.tenancy().clone()].into();
    if let Ok(found) = examiner.client.compartments().await {
        visible.extend(found.into_iter().map(|one| one.id));
    }
    let scope = &examiner.premises.settings.scope;
    let mut regions: Vec<Region> = scope.regions.iter().take(REGIONS_MAX).cloned().collect();
    if regions.is_empty() {
        regions = examiner.regions().await;
        regions.truncate(REGIONS_MAX);
    }
    let kms = kms(examiner, &visible).await;
    let mut run = Run { examiner, regions, visible, kms, listed: HashMap::new() };
    let mut seen = Vec::new();
    for call in needed {
        seen.push(run.call(call).await);
    }
    seen
}

/// A vault and a key of the config: those named, else the first that are listed where keys are.
async fn kms(examiner: &OciExaminer, visible: &BTreeSet<CompartmentId>) -> Kms {
    let scope = &examiner.premises.settings.scope;
    let mut kms = Kms {
        vault: None,
        key: scope.keys.first().cloned(),
        is_vault_listed: false,
        is_key_listed: false,
        trouble: "the config names neither a vault nor a key".to_owned(),
    };
    let place = match (scope.vaults.first(), scope.keys.first()) {
        (Some(vault), _) => examiner.locator.vault("doctor", vault).await,
        (None, Some(key)) => examiner.locator.key("doctor", key).await,
        (None, None) => return kms,
    };
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            kms.trouble = error.to_string();
            return kms;
        }
    };
    let places = if scope.key_compartments.is_empty() { visible } else { &scope.key_compartments };
    for compartment in places.iter().take(PLACES_MAX) {
        let vaults = Call::new(Operation::ListVaults, &place.region).query("compartmentId", compartment);
        if let Ok(ids) = ids(examiner, &vaults).await {
            kms.is_vault_listed |= ids.iter().any(|id| id == place.vault.as_str());
        }
        let keys = Call::new(Operation::ListKeys, &place.region).at_vault(&place.endpoint);
        if let Ok(ids) = ids(examiner, &keys.query("compartmentId", compartment)).await {
            let named = kms.key.as_ref().map(ToString::to_string);
            let found = named.as_ref().or(ids.first()).filter(|key| ids.contains(key));
            if let Some(Ok(key)) = found.map(KeyId::parse) {
                (kms.key, kms.is_key_listed) = (Some(key), true);
            }
        }
        if kms.is_vault_listed && kms.is_key_listed {
            break;
        }
    }
    if kms.key.is_none() {
        kms.trouble = "no key is listed in the vault".to_owned();
    }
    kms.vault = Some((place.vault, place.region, place.endpoint));
    kms
}

/// What the first page of a listing names.
async fn ids(examiner: &OciExaminer, call: &Call) -> Result<Vec<String>> {
    Ok(named(&examiner.read(call).await?))
}

/// OCIDs of a listing, or names where there are none.
fn named(answer: &Answer) -> Vec<String> {
    let Ok(body) = answer.json::<Value>() else { return Vec::new() };
    let items = body.get("items").or_else(|| body.get("objects")).unwrap_or(&body);
    let id = |item: &Value| ["id", "name"].iter().find_map(|field| Some(item.get(field)?.as_str()?.to_owned()));
    items.as_array().into_iter().flatten().filter_map(id).collect()
}

impl Run<'_> {
    async fn call(&mut self, call: NeededCall) -> CallSeen {
        let mut places = Vec::new();
        let mut all: Vec<(CompartmentId, &String)> = Vec::new();
        for (place, statement) in &call.places {
            match place {
                Some(place) => all.push((place.clone(), statement)),
                None => all.extend(self.everywhere(&call).into_iter().map(|place| (place, statement))),
            }
        }
        let untried = all.len().saturating_sub(PLACES_MAX);
        for (place, statement) in all.into_iter().take(PLACES_MAX) {
            let tried = match call.operation.mutates() {
                true => Tried::Not("it changes something, so it is not tried".to_owned()),
                false => self.read(&call, &place).await,
            };
            places.push(PlaceSeen { place: place.to_string(), statement: statement.clone(), tried });
        }
        CallSeen {
            operation: match call.about {
                About::Delegate => "use key-delegate".to_owned(),
                _ => call.operation.name().to_owned(),
            },
            permissions: match call.about {
                About::Delegate => vec!["KEY_ASSOCIATE".to_owned(), "KEY_DISASSOCIATE".to_owned()],
                _ => {
                    let of_keys = |one: &&&str| !matches!(**one, "KEY_ASSOCIATE" | "KEY_DISASSOCIATE");
                    call.operation.permissions().iter().filter(of_keys).map(|one| (*one).to_owned()).collect()
                }
            },
            reason: call.reason.to_owned(),
            standing: call.standing,
            source: call.source,
            places,
            untried,
            shown_by: match call.about {
                About::Delegate => Some(ShownBy::Assignment),
                _ => shown_by(call.operation),
            },
        }
    }

    /// Where a statement about the whole tenancy is tried: at the root, and for what lies in compartments in those too.
    fn everywhere(&self, call: &NeededCall) -> Vec<CompartmentId> {
        let root = self.examiner.client.tenancy().clone();
        let is_of_compartments = is_listing(call.operation) && call.about != About::Policies
            || read_after(call.operation).is_some() && call.about != About::TrailBucket
            || call.operation == Operation::GetVolumeBackupPolicyAssetAssignment;
        match is_of_compartments && !call.operation.mutates() {
            true => [root.clone()].into_iter().chain(self.visible.iter().filter(|id| **id != root).cloned()).collect(),
            false => vec![root],
        }
    }

    async fn read(&mut self, call: &NeededCall, place: &CompartmentId) -> Tried {
        use Operation as O;
        let (tenancy, operation) = (self.examiner.client.tenancy().clone(), call.operation);
        let new = |operation| Call::new(operation, self.examiner.client.region());
        match operation {
            _ if call.about == About::TrailBucket => self.trail(operation).await,
            O::GetTenancy | O::ListRegionSubscriptions => {
                self.send(&new(operation).param("tenancyId", &tenancy), true).await
            }
            O::ListCompartments => {
                self.send(&new(operation).query("compartmentId", &tenancy).query("limit", &1), true).await
            }
            O::ListEvents => {
                let (from, until) = events_window(self.examiner);
                let call = new(operation).query("compartmentId", place).query("startTime", &from);
                self.send(&call.query("endTime", &until), self.visible.contains(place)).await
            }
            O::GetVault | O::GetVaultUsage | O::ListVaultReplicas | O::ListKeys => {
                self.at_vault(operation, place).await
            }
            O::GetKey | O::ListKeyVersions | O::GetKeyVersion | O::GetReplicationStatus => self.at_key(operation).await,
            O::GetVolumeBackupPolicyAssetAssignment => self.answered_somewhere(operation, place).await,
            O::GetClusterWorkRequest => {
                Tried::Not("its id is only known to whoever started it, so it is not tried".to_owned())
            }
            _ => match read_after(operation) {
                Some((list, param)) => self.first_of(operation, list, param, place).await,
                None => self.answered_somewhere(operation, place).await,
            },
        }
    }

    /// Sends a call; `is_there`: what it asks about is known to exist.
    async fn send(&self, call: &Call, is_there: bool) -> Tried {
        match self.examiner.read(call).await {
            Ok(_) => Tried::Worked(answered(call.operation)),
            Err(error) => refused(&error, is_there),
        }
    }

    /// The first answer that a region gives to a listing; statements hold in all of them.
    async fn answered_somewhere(&mut self, operation: Operation, place: &CompartmentId) -> Tried {
        let mut last = Tried::Not("there is no region to ask".to_owned());
        for region in self.regions.clone() {
            match self.list(operation, &region, place).await {
                Listed::First(_) => return Tried::Worked(answered(operation)),
                Listed::Not(why) => last = why,
            }
            // A refusal is one everywhere; only what says nothing is asked elsewhere.
            if matches!(last, Tried::Denied(_)) {
                break;
            }
        }
        last
    }

    async fn list(&mut self, operation: Operation, region: &Region, place: &CompartmentId) -> Listed {
        let at = (operation, region.clone(), place.clone());
        if let Some(known) = self.listed.get(&at) {
            return known.clone();
        }
        let listed = self.listed_now(operation, region, place).await;
        self.listed.insert(at, listed.clone());
        listed
    }

    async fn listed_now(&mut self, operation: Operation, region: &Region, place: &CompartmentId) -> Listed {
        let client = &self.examiner.client;
        let call = Call::new(operation, region).query("limit", &1);
        let call = match operation {
            Operation::ListBuckets => match client.namespace(region).await {
                Ok(namespace) => call.param("namespaceName", &namespace).query("compartmentId", place),
                Err(error) => return Listed::Not(refused(&error, false)),
            },
            Operation::GetVolumeBackupPolicyAssetAssignment => {
                match Box::pin(self.list(Operation::ListVolumes, region, place)).await {
                    Listed::First(Some(volume)) => Call::new(operation, region).query("assetId", &volume),
                    Listed::First(None) => {
                        return Listed::Not(Tried::Not("no volume is listed there, so none was asked for".to_owned()));
                    }
                    Listed::Not(_) => {
                        return Listed::Not(Tried::Not(
                            "volumes cannot be listed there, so none was asked for".to_owned(),
                        ));
                    }
                }
            }
            _ => call.query("compartmentId", place),
        };
        match self.examiner.read(&call).await {
            Ok(answer) => Listed::First(named(&answer).into_iter().next()),
            Err(error) => Listed::Not(refused(&error, self.visible.contains(place))),
        }
    }

    /// Reads the first that is listed in a place.
    async fn first_of(
        &mut self,
        operation: Operation,
        list: Operation,
        param: &'static str,
        place: &CompartmentId,
    ) -> Tried {
        let mut why = Tried::Not("there is no region to look in".to_owned());
        let mut found = None;
        for region in self.regions.clone() {
            match self.list(list, &region, place).await {
                Listed::First(Some(first)) => {
                    found = Some((region, first));
                    break;
                }
                Listed::First(None) => {
                    why = Tried::Not("nothing of it is listed there, so nothing was read".to_owned());
                }
                Listed::Not(_) => {
                    why = Tried::Not(format!("{} is not answered there, so nothing was read", list.name()));
                }
            }
        }
        let Some((region, first)) = found else { return why };
        let mut call = Call::new(operation, &region).param(param, &first);
        if operation == Operation::GetBucket {
            match self.examiner.client.namespace(&region).await {
                Ok(namespace) => call = call.param("namespaceName", &namespace),
                Err(error) => return refused(&error, false),
            }
        }
        self.send(&call, true).await
    }

    async fn at_vault(&self, operation: Operation, place: &CompartmentId) -> Tried {
        let Some((vault, region, endpoint)) = &self.kms.vault else {
            return Tried::Unclear(format!("no vault could be asked: {}", self.kms.trouble));
        };
        let call = Call::new(operation, region);
        match operation {
            Operation::ListKeys => {
                let call = call.at_vault(endpoint).query("compartmentId", place).query("limit", &1);
                self.send(&call, self.visible.contains(place)).await
            }
            _ => self.send(&call.param("vaultId", vault), self.kms.is_vault_listed).await,
        }
    }

    async fn at_key(&self, operation: Operation) -> Tried {
        let (Some((_, region, endpoint)), Some(key)) = (&self.kms.vault, &self.kms.key) else {
            return Tried::Unclear(format!("no key could be asked for: {}", self.kms.trouble));
        };
        let at = |operation| Call::new(operation, region).at_vault(endpoint);
        let get = at(Operation::GetKey).param("keyId", key);
        let is_there = self.kms.is_key_listed;
        match operation {
            Operation::GetKey => return self.send(&get, is_there).await,
            Operation::ListKeyVersions => {
                return self.send(&at(operation).param("keyId", key).query("limit", &1), is_there).await;
            }
            _ => {}
        }
        let current = match self.field(&get, "/currentKeyVersion").await {
            Ok(Some(current)) => current,
            Ok(None) => return Tried::Unclear("the key names no current version".to_owned()),
            Err(error) => return Tried::Unclear(format!("the key could not be read: {error}")),
        };
        let version = at(Operation::GetKeyVersion).param("keyId", key).param("keyVersionId", &current);
        if operation == Operation::GetKeyVersion {
            return self.send(&version, true).await;
        }
        match self.field(&version, "/replicaDetails/replicationId").await {
            Ok(Some(id)) => self.send(&at(operation).param("replicationId", &id), true).await,
            Ok(None) => {
                Tried::Not("the key's current version is not replicated, so there is nothing to ask".to_owned())
            }
            Err(error) => Tried::Unclear(format!("the version could not be read: {error}")),
        }
    }

    async fn field(&self, call: &Call, pointer: &str) -> Result<Option<String>> {
        let body: Value = self.examiner.read(call).await?.json()?;
        Ok(body.pointer(pointer).and_then(Value::as_str).map(str::to_owned))
    }

    /// The bucket that the trail is copied to, which only the config names.
    async fn trail(&self, operation: Operation) -> Tried {
        let Some(place) = &self.examiner.premises.audit_bucket else {
            return Tried::Not("the config names no bucket".to_owned());
        };
        let namespace = match &place.namespace {
            Some(namespace) => namespace.clone(),
            None => match self.examiner.client.namespace(&place.region).await {
                Ok(namespace) => namespace,
                Err(error) => return refused(&error, false),
            },
        };
        let at = |operation| {
            Call::new(operation, &place.region).param("namespaceName", &namespace).param("bucketName", &place.bucket)
        };
        let list = at(Operation::ListObjects).query("prefix", &place.prefix).query("limit", &1);
        match operation {
            Operation::ListObjects => self.send(&list, false).await,
            Operation::GetObject => match ids(self.examiner, &list).await.map(|ids| ids.into_iter().next()) {
                // Its headers take the same permission, and no data.
                Ok(Some(object)) => self.send(&at(Operation::HeadObject).param("objectName", &object), true).await,
                Ok(None) => Tried::Not("the bucket holds no copy yet, so nothing was read".to_owned()),
                Err(_) => Tried::Not("list_objects is not answered, so nothing was read".to_owned()),
            },
            _ => self.send(&at(operation), false).await,
        }
    }
}

fn answered(operation: Operation) -> String {
    format!("{} was answered", operation.name())
}

/// What a refusal says: OCI answers 404 both to who may not know and to who asks for nothing.
fn refused(error: &Error, is_there: bool) -> Tried {
    let said = shown(&error.to_string());
    match (error.status(), error.kind()) {
        (Some(403), _) => Tried::Denied(said),
        (Some(404), _) if is_there => Tried::Denied(format!("{said}; it is there, so it was refused")),
        (Some(404), _) | (None, ErrorKind::NotFound) => {
            Tried::Unclear(format!("{said}; OCI says the same of what is not there and of what may not be seen"))
        }
        _ => Tried::Unclear(said),
    }
}
