//! Backup policy assignments as the ports see them: found through what they back up, read, and left to a person.
//!
//! As the adapter does it over a wire: the policies first, and only if one of them copies to another region (or cannot be
//! seen) each volume's and group's assignment. A page token says where that is: `<what>:<token>`.

use std::collections::HashMap;

use super::answer::{Call, Listing, PageQuery, Refusal};
use super::backup_policies::AssignmentInfo;
use super::blocks::BlockState;
use super::translate::reply;
use super::view_rekeyer::ReKeyerView;
use super::world::World;
use crate::error::Result;
use crate::model::{
    Compartment, CompartmentId, Dependent, EvidenceScope, FoundBy, Grade, Kind, Region, RekeyClass, ResourceId, Tags,
};
use crate::ports::{Candidate, Copies, KeyHint, KindSpec, Observation, Presence, Reply};

/// What is backed up, in the order in which it is looked at.
const BACKED_UP: [&str; 3] = ["volume", "boot_volume", "group"];

const REMEDY: &str = "assign the policy again under the key that took over, in the destination's region";

/// What the kind can do: be read.
pub(super) fn spec() -> KindSpec {
    let permissions =
        ["BACKUP_POLICIES_INSPECT", "BACKUP_POLICY_ASSIGNMENT_INSPECT", "VOLUME_GROUP_INSPECT", "VOLUME_INSPECT"];
    KindSpec {
        class: RekeyClass::FixedSource,
        steps_same_key: Vec::new(),
        steps_new_key: Vec::new(),
        steps_undocumented: Vec::new(),
        best_grade: Grade::Unseen,
        scope: EvidenceScope::NewDataOnly,
        permissions: permissions.map(str::to_owned).to_vec(),
        listing_names_key: false,
        remedy: Some(REMEDY.to_owned()),
    }
}

impl ReKeyerView {
    pub(super) fn observe_assignment(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let seen = |presence, key| Observation { presence, key, version: None, held: Vec::new() };
        match self.world.get_assignment(&self.call(), &dependent.region, &dependent.id) {
            Ok(answer) => Ok(reply("observe", Ok(answer))?.map(|info| seen(Presence::Ready, info.key))),
            Err(refusal) if refusal.status == 404 => Ok(Reply {
                value: seen(Presence::NotVisible, None),
                etag: None,
                server_date: Some(refusal.date),
                request_id: Some(refusal.request_id),
            }),
            Err(refusal) => reply("observe", Err(refusal)),
        }
    }
}

/// Whether assignments have to be read: some policy copies to another region, or some policy may not be seen.
pub(super) fn may_copy(
    world: &World,
    call: &Call,
    region: &Region,
    compartments: &[Compartment],
) -> Result<bool, Refusal> {
    for place in compartments.iter().map(|one| Some(&one.id)).chain([None]) {
        let mut query = PageQuery::default();
        loop {
            match world.list_backup_policies(call, region, place, &query) {
                Ok(answer) if answer.value.items.iter().any(|policy| policy.destination.is_some()) => return Ok(true),
                Ok(answer) => query.page = answer.value.next,
                Err(refusal) if matches!(refusal.status, 403 | 404) => return Ok(true),
                Err(refusal) => return Err(refusal),
            }
            if query.page.is_none() {
                break;
            }
        }
    }
    Ok(false)
}

/// The page token with which a compartment's assignments begin to be read.
pub(super) fn first_page() -> String {
    format!("{}:", BACKED_UP[0])
}

/// A part of what is backed up in a compartment: its assignments, and where to go on.
pub(super) fn part(
    world: &World,
    call: &Call,
    region: &Region,
    compartment: &CompartmentId,
    page: &str,
) -> Result<(Vec<Candidate>, Option<String>), Refusal> {
    let (what, token) = page.split_once(':').unwrap_or((page, ""));
    let at = BACKED_UP.iter().position(|word| *word == what).unwrap_or_default();
    let query = PageQuery { page: (!token.is_empty()).then(|| token.to_owned()), limit: None };
    let (assets, more) = assets(world, call, region, compartment, at, &query)?;
    let next = match more {
        Some(token) => Some(format!("{}:{token}", BACKED_UP[at])),
        None => BACKED_UP.get(at + 1).map(|word| format!("{word}:")),
    };
    let mut copies = HashMap::new();
    let mut found = Vec::new();
    for (asset, name) in assets {
        for assignment in assignments(world, call, region, &asset)? {
            let is_copying = match copies.get(&assignment.policy) {
                Some(known) => *known,
                None => match world.get_backup_policy(call, region, &assignment.policy) {
                    Ok(answer) => answer.value.destination.is_some(),
                    Err(refusal) if matches!(refusal.status, 403 | 404) => false,
                    Err(refusal) => return Err(refusal),
                },
            };
            copies.insert(assignment.policy.clone(), is_copying);
            found.push(candidate(assignment, &name, region, compartment, is_copying));
        }
    }
    Ok((found, next))
}

/// OCID and name of something that is backed up.
type Asset = (ResourceId, String);

/// What one kind of listing shows: OCID and name of each, without what is gone.
fn assets(
    world: &World,
    call: &Call,
    region: &Region,
    compartment: &CompartmentId,
    at: usize,
    query: &PageQuery,
) -> Result<(Vec<Asset>, Option<String>), Refusal> {
    let kind = match BACKED_UP[at] {
        "volume" => Kind::BlockVolume,
        "boot_volume" => Kind::BootVolume,
        _ => {
            let Listing { items, next } = world.list_volume_groups(call, region, compartment, query)?.value;
            return Ok((items.into_iter().map(|group| (group.id, group.name)).collect(), next));
        }
    };
    let Listing { items, next } = world.list_blocks(call, region, &kind, compartment, None, query)?.value;
    let alive = items.into_iter().filter(|info| info.state != BlockState::Terminated);
    Ok((alive.map(|info| (info.id, info.name)).collect(), next))
}

/// All assignments of one of them: one at most, and a page may be empty.
fn assignments(
    world: &World,
    call: &Call,
    region: &Region,
    asset: &ResourceId,
) -> Result<Vec<AssignmentInfo>, Refusal> {
    let mut query = PageQuery::default();
    let mut all = Vec::new();
    loop {
        let Listing { items, next } = world.list_asset_assignments(call, region, asset, &query)?.value;
        all.extend(items);
        match next {
            Some(next) => query.page = Some(next),
            None => return Ok(all),
        }
    }
}

fn candidate(
    assignment: AssignmentInfo,
    name: &str,
    region: &Region,
    compartment: &CompartmentId,
    is_copying: bool,
) -> Candidate {
    let of = (is_copying && assignment.key.is_none()).then(|| assignment.asset.clone());
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
        key: assignment.key.map_or(KeyHint::OracleManaged, KeyHint::Key),
        copies: Copies { under_oracles_key: Vec::new(), of },
    }
}
