//! IAM policies of the compartments that matter: those named, those above them, the root. Read, never understood.

use std::collections::BTreeMap;

use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::locate::is_hidden;
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{CompartmentId, IamPolicy, PoliciesRead};

/// Reads the policies in force that govern these compartments.
pub(crate) async fn read(client: &Client, places: &[CompartmentId]) -> Result<PoliciesRead> {
    let mut read = PoliciesRead::default();
    for place in with_those_above(client, places).await? {
        of_compartment(client, &place, &mut read).await?;
    }
    Ok(read)
}

/// These compartments and those above them, the root first.
async fn with_those_above(client: &Client, places: &[CompartmentId]) -> Result<Vec<CompartmentId>> {
    let known = match client.compartments().await {
        Ok(known) => known,
        // Without leave to list compartments only the named ones and the root are known.
        Err(error) if is_hidden(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let above: BTreeMap<_, _> = known.into_iter().map(|one| (one.id, one.compartment_id)).collect();
    let mut all = vec![client.tenancy().clone()];
    for place in places {
        let mut next = Some(place.clone());
        while let Some(id) = next.take().filter(|id| !all.contains(id)) {
            next = above.get(&id).cloned().flatten();
            all.push(id);
        }
    }
    Ok(all)
}

async fn of_compartment(client: &Client, place: &CompartmentId, read: &mut PoliciesRead) -> Result<()> {
    let mut page: Option<String> = None;
    loop {
        let call = Call::new(Operation::ListPolicies, client.region())
            .query("compartmentId", place)
            .query("limit", &PAGE_ITEMS_MAX)
            .page(page.as_deref());
        let answer = match client.send(&call).await {
            Ok(answer) => answer,
            Err(error) if is_hidden(&error) => {
                read.unread.push(place.clone());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let found: Vec<wire::Policy> = answer.json()?;
        let in_force =
            found.into_iter().filter(|one| one.lifecycle_state.as_deref().is_none_or(|state| state == "ACTIVE"));
        read.policies.extend(in_force.map(|one| IamPolicy {
            id: one.id,
            name: one.name,
            compartment: one.compartment_id,
            statements: one.statements,
        }));
        page = answer.witnesses.next_page;
        if page.is_none() {
            return Ok(());
        }
    }
}
