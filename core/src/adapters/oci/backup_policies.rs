//! Backup policy assignments: found through the volumes and groups that they back up, and read.
//!
//! An assignment names the key of copies that its policy makes in another region (`xrcKmsKeyId`). It can only be asked for
//! volume by volume, so the policies are listed first, and assignments are read only if one of them copies or may not be
//! seen. Reads only: no call of Oracle's changes an assignment, and making another in its place is a person's.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::locate::is_hidden;
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{Compartment, CompartmentId, Dependent, FoundBy, KeyId, Kind, Region, ResourceId, Tags};
use crate::ports::{Candidate, Copies, KeyHint};

/// Every call that finding and reading them takes, for their permissions.
pub(crate) const CALLS: [Operation; 7] = [
    Operation::ListVolumeBackupPolicies,
    Operation::GetVolumeBackupPolicy,
    Operation::GetVolumeBackupPolicyAssetAssignment,
    Operation::GetVolumeBackupPolicyAssignment,
    Operation::ListVolumes,
    Operation::ListBootVolumes,
    Operation::ListVolumeGroups,
];

/// Each asset of a page is asked for by itself, so a page stays a matter of seconds.
const ASSETS_PER_PAGE: u32 = 100;
const READS_AT_ONCE: usize = 8;

/// What is backed up, in the order in which it is looked at: the word of a page token, and the listing.
const BACKED_UP: [(&str, Operation); 3] = [
    ("volume", Operation::ListVolumes),
    ("boot_volume", Operation::ListBootVolumes),
    ("group", Operation::ListVolumeGroups),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    destination_region: Option<String>,
}

impl Policy {
    fn copies(&self) -> bool {
        self.destination_region.as_deref().is_some_and(|region| !region.is_empty())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    id: ResourceId,
    asset_id: ResourceId,
    policy_id: ResourceId,
    xrc_kms_key_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset {
    id: ResourceId,
    display_name: Option<String>,
    lifecycle_state: Option<String>,
}

/// The page token with which a compartment's assignments begin to be read.
pub(crate) fn first_page() -> String {
    format!("{}:", BACKED_UP[0].0)
}

/// Whether assignments have to be read: some policy copies to another region, or some policies may not be listed. A
/// volume may be assigned a policy of any compartment, so every compartment that can be seen is asked.
pub(crate) async fn may_copy(client: &Client, region: &Region, compartments: &[Compartment]) -> Result<bool> {
    // Those that Oracle defined have no compartment.
    let mut places: Vec<_> = compartments.iter().map(|one| Some(one.id.clone())).collect();
    places.push(None);
    let asked = places.into_iter().map(|place| copies_from(client, region, place));
    let mut asked = stream::iter(asked).buffered(READS_AT_ONCE);
    while let Some(answer) = asked.next().await {
        if answer? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn copies_from(client: &Client, region: &Region, compartment: Option<CompartmentId>) -> Result<bool> {
    let mut page: Option<String> = None;
    loop {
        let mut call = Call::new(Operation::ListVolumeBackupPolicies, region);
        if let Some(compartment) = &compartment {
            call = call.query("compartmentId", compartment);
        }
        let answer = match client.send(&call.query("limit", &PAGE_ITEMS_MAX).page(page.as_deref())).await {
            Ok(answer) => answer,
            Err(error) if is_hidden(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        if answer.json::<Vec<Policy>>()?.iter().any(Policy::copies) {
            return Ok(true);
        }
        page.clone_from(&answer.witnesses.next_page);
        if page.is_none() {
            return Ok(false);
        }
    }
}

/// A part of a compartment's assignments.
pub(crate) struct Part {
    pub answer: Answer,
    pub candidates: Vec<Candidate>,
    /// Where to go on in the compartment.
    pub next: Option<String>,
    /// Something that is listed may not be asked for its assignment.
    pub hidden: bool,
}

/// Lists some of what is backed up in a compartment and reads the assignment of each.
pub(crate) async fn page(client: &Client, region: &Region, compartment: &CompartmentId, page: &str) -> Result<Part> {
    let (word, token) = page.split_once(':').unwrap_or((page, ""));
    let at = BACKED_UP.iter().position(|(name, _)| *name == word).unwrap_or_default();
    let (name, list) = BACKED_UP[at];
    let call = call_of(list, region, compartment, token);
    let answer = client.send(&call).await?;
    let assets: Vec<Asset> = answer.json()?;
    let next = match &answer.witnesses.next_page {
        Some(token) => Some(format!("{name}:{token}")),
        None => BACKED_UP.get(at + 1).map(|(name, _)| format!("{name}:")),
    };
    let alive = assets.into_iter().filter(|asset| asset.lifecycle_state.as_deref() != Some("TERMINATED"));
    let mut reads = stream::iter(alive.map(|asset| read(client, region, asset))).buffered(READS_AT_ONCE);
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    while let Some(part) = reads.next().await {
        match part? {
            Ok(part) => found.push(part),
            Err(asset) => unread.push(asset),
        }
    }
    drop(reads);
    let hidden = !unread.is_empty() && is_still_listed(client, &call, &unread).await?;
    let mut copies: HashMap<ResourceId, bool> = HashMap::new();
    let mut candidates = Vec::new();
    for (asset, assignments) in found {
        for assignment in assignments {
            // A key says it all; without one it matters whether there will be copies.
            let key = wire::key(assignment.xrc_kms_key_id.as_deref()).map_err(|why| answer.unreadable(&why))?;
            let is_bare_copy = match (&key, copies.get(&assignment.policy_id)) {
                (Some(_), _) => false,
                (None, Some(known)) => *known,
                (None, None) => {
                    let known = copies_by(client, region, &assignment.policy_id).await?;
                    copies.insert(assignment.policy_id.clone(), known);
                    known
                }
            };
            candidates.push(candidate(assignment, key, &asset, region, compartment, is_bare_copy));
        }
    }
    Ok(Part { answer, candidates, next, hidden })
}

fn call_of(list: Operation, region: &Region, compartment: &CompartmentId, token: &str) -> Call {
    let call = Call::new(list, region).query("compartmentId", compartment).query("limit", &ASSETS_PER_PAGE);
    call.page((!token.is_empty()).then_some(token))
}

/// Whether what could not be asked for is listed all the same: then we may not ask. Otherwise it has gone meanwhile.
async fn is_still_listed(client: &Client, call: &Call, unread: &[ResourceId]) -> Result<bool> {
    let again: Vec<Asset> = client.send(call).await?.json()?;
    let is_alive = |asset: &Asset| asset.lifecycle_state.as_deref() != Some("TERMINATED");
    Ok(again.iter().any(|asset| is_alive(asset) && unread.contains(&asset.id)))
}

/// An asset with its assignments, one at most; its OCID if we may not ask.
async fn read(client: &Client, region: &Region, asset: Asset) -> Result<Result<(Asset, Vec<Assignment>), ResourceId>> {
    let mut all = Vec::new();
    let mut page: Option<String> = None;
    loop {
        let call = Call::new(Operation::GetVolumeBackupPolicyAssetAssignment, region).query("assetId", &asset.id);
        match client.send(&call.page(page.as_deref())).await {
            Ok(answer) => {
                all.extend(answer.json::<Vec<Assignment>>()?);
                page.clone_from(&answer.witnesses.next_page);
            }
            Err(error) if is_hidden(&error) => return Ok(Err(asset.id)),
            Err(error) => return Err(error),
        }
        if page.is_none() {
            return Ok(Ok((asset, all)));
        }
    }
}

/// Whether a policy copies to another region. One that may not be read is not said to.
async fn copies_by(client: &Client, region: &Region, policy: &ResourceId) -> Result<bool> {
    match client.send(&Call::new(Operation::GetVolumeBackupPolicy, region).param("policyId", policy)).await {
        Ok(answer) => Ok(answer.json::<Policy>()?.copies()),
        Err(error) if is_hidden(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads one assignment; the key that it names.
pub(crate) async fn get(client: &Client, dependent: &Dependent) -> Result<(Answer, Option<KeyId>)> {
    let call = Call::new(Operation::GetVolumeBackupPolicyAssignment, &dependent.region);
    let answer = client.send(&call.param("policyAssignmentId", &dependent.id)).await?;
    let read: Assignment = answer.json()?;
    if read.id != dependent.id {
        return Err(answer.unreadable("the answer speaks of another resource"));
    }
    let key = wire::key(read.xrc_kms_key_id.as_deref()).map_err(|why| answer.unreadable(&why))?;
    Ok((answer, key))
}

fn candidate(
    assignment: Assignment,
    key: Option<KeyId>,
    asset: &Asset,
    region: &Region,
    compartment: &CompartmentId,
    is_bare_copy: bool,
) -> Candidate {
    let name = asset.display_name.clone().unwrap_or_else(|| asset.id.to_string());
    Candidate {
        dependent: Dependent {
            id: assignment.id,
            kind: Kind::BackupPolicyAssignment,
            region: region.clone(),
            compartment: compartment.clone(),
            name: format!("backup policy of {name}"),
            namespace: None,
            availability_domain: None,
            tags: Tags::default(),
        },
        found_by: FoundBy::List,
        key: key.map_or(KeyHint::OracleManaged, KeyHint::Key),
        copies: Copies { under_oracles_key: Vec::new(), of: is_bare_copy.then_some(assignment.asset_id) },
    }
}
