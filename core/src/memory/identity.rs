//! Identity: one tenancy, its compartment tree, its regions.
//!
//! Who may see what is decided in `world`; this file only knows what there is.

use std::collections::BTreeMap;

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::operations as op;
use super::paging::page_of;
use super::world::{Ctx, State, World};
use crate::model::{Compartment, CompartmentId, IamPolicy, NamespaceName, Region, Timestamp};

/// A compartment as GetCompartment tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompartmentInfo {
    /// Its OCID and name.
    pub compartment: Compartment,
    /// The compartment that holds it; `None` for the tenancy.
    pub parent: Option<CompartmentId>,
    /// When it was created.
    pub time_created: Timestamp,
}

/// An IAM policy as ListPolicies tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Its OCID, name, place and statements.
    pub policy: IamPolicy,
    /// When it was created.
    pub time_created: Timestamp,
}

/// A region the tenancy subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its identifier.
    pub region: Region,
    /// Its short code (`iad`), or the identifier where World knows none.
    pub code: String,
    /// Whether identity changes go there.
    pub is_home: bool,
}

/// The tenancy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// Its OCID; the root compartment.
    pub id: CompartmentId,
    /// Its name.
    pub name: String,
    /// Its home region.
    pub home: Region,
    /// Its Object Storage namespace.
    pub namespace: NamespaceName,
}

#[derive(Debug, Default)]
pub(super) struct Identity {
    tenancy: Option<Tenancy>,
    regions: Vec<Region>,
    compartments: BTreeMap<CompartmentId, CompartmentInfo>,
    order: Vec<CompartmentId>,
    /// In order of creation.
    pub(super) policies: Vec<PolicyInfo>,
}

/// Codes of a few regions (oci-api §1.4); World needs them only for what it shows.
fn code_of(region: &Region) -> String {
    let known = [("eu-frankfurt-1", "fra"), ("uk-london-1", "lhr"), ("us-ashburn-1", "iad"), ("us-phoenix-1", "phx")];
    let found = known.iter().find(|(name, _)| *name == region.as_str());
    found.map_or_else(|| region.as_str().to_owned(), |(_, code)| (*code).to_owned())
}

/// The availability domains of a region: three, by name.
pub(super) fn availability_domains(region: &Region) -> Vec<String> {
    let place = region.as_str().to_uppercase();
    (1..=3).map(|n| format!("Wrld:{place}-AD-{n}")).collect()
}

impl State {
    /// Makes the tenancy; part of making a World.
    pub(super) fn found_tenancy(&mut self, home: &Region) {
        let id = CompartmentId::parse(format!("ocid1.tenancy.oc1..aaaaw{}", self.settings.seed)).expect("our own OCID");
        let namespace = NamespaceName::parse(format!("ns{}", self.settings.seed)).expect("letters and digits");
        let compartment = Compartment { id: id.clone(), name: "tenancy".to_owned(), parent: None };
        let info = CompartmentInfo { compartment, parent: None, time_created: Timestamp::UNIX_EPOCH };
        self.identity.tenancy =
            Some(Tenancy { id: id.clone(), name: "tenancy".to_owned(), home: home.clone(), namespace });
        self.identity.regions.push(home.clone());
        self.identity.order.push(id.clone());
        self.identity.compartments.insert(id, info);
    }

    pub(super) fn tenancy(&self) -> &Tenancy {
        self.identity.tenancy.as_ref().expect("a World is founded with its tenancy")
    }

    pub(super) fn subscribe(&mut self, region: &Region) {
        if !self.identity.regions.contains(region) {
            self.identity.regions.push(region.clone());
        }
    }

    pub(super) fn insert_compartment(&mut self, name: &str, parent: &CompartmentId, now: Timestamp) -> CompartmentId {
        let id = CompartmentId::parse(self.ocid("compartment", "")).expect("World's own OCID");
        let compartment = Compartment { id: id.clone(), name: name.to_owned(), parent: Some(parent.clone()) };
        let info = CompartmentInfo { compartment, parent: Some(parent.clone()), time_created: now };
        self.identity.compartments.insert(id.clone(), info);
        self.identity.order.push(id.clone());
        id
    }

    /// 404 for a compartment that is not there or may not be seen.
    pub(super) fn check_compartment(&self, ctx: &Ctx, compartment: &CompartmentId) -> Result<(), No> {
        let is_there = self.identity.compartments.contains_key(compartment);
        if is_there && self.may_see(ctx, compartment) { Ok(()) } else { Err(No::not_found(compartment.as_str())) }
    }

    fn is_below(&self, child: &CompartmentInfo, ancestor: &CompartmentId) -> bool {
        child.parent.as_ref().is_some_and(|parent| self.is_within(parent, ancestor))
    }

    pub(super) fn compartment(&self, id: &CompartmentId) -> Option<&CompartmentInfo> {
        self.identity.compartments.get(id)
    }

    /// A compartment and all that hold it, up to the root.
    pub(super) fn upwards<'a>(&'a self, from: &'a CompartmentId) -> impl Iterator<Item = &'a CompartmentId> {
        std::iter::successors(Some(from), |id| self.compartment(id)?.parent.as_ref())
    }

    /// Whether a compartment is another or lies below it.
    pub(super) fn is_within(&self, compartment: &CompartmentId, ancestor: &CompartmentId) -> bool {
        self.upwards(compartment).any(|id| id == ancestor)
    }
}

/// How deep ListCompartments looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only direct children.
    Children,
    /// The whole subtree; the root only (oci-api §4).
    Subtree,
}

impl World {
    /// The tenancy's OCID, which is the root compartment's.
    #[must_use]
    pub fn tenancy_id(&self) -> CompartmentId {
        self.lock().tenancy().id.clone()
    }

    /// The tenancy's Object Storage namespace.
    #[must_use]
    pub fn namespace(&self) -> NamespaceName {
        self.lock().tenancy().namespace.clone()
    }

    /// Regions the tenancy subscribes to, home first.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        self.lock().identity.regions.clone()
    }

    /// GetTenancy.
    pub fn get_tenancy(&self, call: &Call, region: &Region, tenancy: &CompartmentId) -> Told<Tenancy> {
        self.read(&op::GET_TENANCY, call, region, tenancy.as_str(), |state, _| {
            let found = state.tenancy();
            if found.id == *tenancy { Ok(Yes::new(found.clone())) } else { Err(No::not_found(tenancy.as_str())) }
        })
    }

    /// GetCompartment.
    pub fn get_compartment(&self, call: &Call, region: &Region, id: &CompartmentId) -> Told<CompartmentInfo> {
        self.read(&op::GET_COMPARTMENT, call, region, id.as_str(), |state, ctx| {
            state.check_compartment(ctx, id)?;
            Ok(Yes::new(state.identity.compartments[id].clone()))
        })
    }

    /// ListCompartments with `accessLevel=ANY`: the names of denied compartments are still listed.
    pub fn list_compartments(
        &self,
        call: &Call,
        region: &Region,
        parent: &CompartmentId,
        depth: Depth,
        query: &PageQuery,
    ) -> Told<Listing<CompartmentInfo>> {
        self.read(&op::LIST_COMPARTMENTS, call, region, parent.as_str(), |state, ctx| {
            state.check_compartment(ctx, parent)?;
            if depth == Depth::Subtree && state.tenancy().id != *parent {
                return Err(No::invalid("compartmentIdInSubtree is for the root compartment"));
            }
            let all = state.identity.order.iter().map(|id| &state.identity.compartments[id]);
            let below = all.filter(|info| match depth {
                Depth::Children => info.parent.as_ref() == Some(parent),
                Depth::Subtree => state.is_below(info, parent),
            });
            page_of(&state.settings, query, below, |info| info.compartment.id.as_str(), Clone::clone).map(Yes::new)
        })
    }

    /// ListPolicies of one compartment: those attached to it, not those above it.
    pub fn list_policies(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        name: Option<&str>,
        query: &PageQuery,
    ) -> Told<Listing<PolicyInfo>> {
        self.read(&op::LIST_POLICIES, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let all = state.identity.policies.iter().map(|info| (&info.policy, info));
            let here = all.filter(|(policy, _)| policy.compartment == *compartment);
            let named = here.filter(|(policy, _)| name.is_none_or(|name| policy.name == name)).map(|(_, info)| info);
            page_of(&state.settings, query, named, |info| info.policy.id.as_str(), Clone::clone).map(Yes::new)
        })
    }

    /// ListAvailabilityDomains of a region: three, by name.
    pub fn list_availability_domains(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
    ) -> Told<Vec<String>> {
        self.read(&op::LIST_AVAILABILITY_DOMAINS, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            Ok(Yes::new(availability_domains(region)))
        })
    }

    /// ListRegionSubscriptions.
    pub fn list_region_subscriptions(
        &self,
        call: &Call,
        region: &Region,
        tenancy: &CompartmentId,
    ) -> Told<Vec<Subscription>> {
        self.read(&op::LIST_REGION_SUBSCRIPTIONS, call, region, tenancy.as_str(), |state, _| {
            let found = state.tenancy();
            if found.id != *tenancy {
                return Err(No::not_found(tenancy.as_str()));
            }
            let subscription = |region: &Region| Subscription {
                region: region.clone(),
                code: code_of(region),
                is_home: *region == found.home,
            };
            Ok(Yes::new(state.identity.regions.iter().map(subscription).collect()))
        })
    }
}
