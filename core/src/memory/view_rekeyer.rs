//! The `ReKeyer` port as a view over World: hands each dependent to the file of its kind's family.
//!
//! Nothing is moved here. A view may be told to move some kinds only; of the others it says that it moves none.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::{Call, Caller};
use super::world::World;
use super::{
    blocks, holders, view_backup_policies, view_rekeyer_block, view_rekeyer_bucket, view_rekeyer_holder,
    view_rekeyer_pool,
};
use crate::error::{Error, Result};
use crate::model::{Dependent, Kind, Timestamp};
use crate::ports::{Begun, KindSpec, Observation, ReKeyer, Reply, StepRequest, Ticket, TicketReport};

pub(super) struct ReKeyerView {
    pub(super) world: Arc<World>,
    caller: Caller,
    kinds: Vec<Kind>,
}

impl World {
    /// Moves this World's dependents, as the principal `keywheel`.
    #[must_use]
    pub fn rekeyer(self: &Arc<Self>) -> Arc<dyn ReKeyer> {
        self.rekeyer_as(&Caller::keywheel())
    }

    /// Moves this World's dependents, as another principal.
    #[must_use]
    pub fn rekeyer_as(self: &Arc<Self>, caller: &Caller) -> Arc<dyn ReKeyer> {
        self.rekeyer_view(caller, &Self::kinds())
    }

    /// Moves dependents of these kinds only, as the principal `keywheel`: other kinds cost no listing then.
    #[must_use]
    pub fn rekeyer_of(self: &Arc<Self>, kinds: &[Kind]) -> Arc<dyn ReKeyer> {
        self.rekeyer_view(&Caller::keywheel(), kinds)
    }

    /// Buckets and block storage: what most tests move.
    #[must_use]
    pub fn movable_kinds() -> Vec<Kind> {
        let mut kinds = vec![Kind::Bucket];
        kinds.extend(blocks::KINDS);
        kinds
    }

    /// Every kind that a World's dependents can be of, sources and those that are only found and read included.
    #[must_use]
    pub fn kinds() -> Vec<Kind> {
        let mut kinds = Self::movable_kinds();
        kinds.extend(blocks::REPLICAS);
        kinds.extend(holders::KINDS);
        kinds.push(Kind::BackupPolicyAssignment);
        kinds
    }

    fn rekeyer_view(self: &Arc<Self>, caller: &Caller, kinds: &[Kind]) -> Arc<dyn ReKeyer> {
        Arc::new(ReKeyerView { world: Arc::clone(self), caller: caller.clone(), kinds: kinds.to_vec() })
    }
}

/// The files that move dependents.
enum Family {
    Assignment,
    Block,
    Bucket,
    Holder,
    Pool,
}

impl ReKeyerView {
    pub(super) fn call(&self) -> Call {
        Call::by(&self.caller)
    }

    fn family(&self, operation: &'static str, dependent: &Dependent) -> Result<Family> {
        match &dependent.kind {
            kind if !self.kinds.contains(kind) => {
                Err(Error::refused(operation, "this port does not move the kind").with("kind", kind))
            }
            Kind::BackupPolicyAssignment => Ok(Family::Assignment),
            Kind::Bucket => Ok(Family::Bucket),
            Kind::NodePool => Ok(Family::Pool),
            kind if holders::family(kind).is_some() => Ok(Family::Holder),
            _ => Ok(Family::Block),
        }
    }
}

#[async_trait]
impl ReKeyer for ReKeyerView {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        match kind {
            kind if !self.kinds.contains(kind) => None,
            Kind::BackupPolicyAssignment => Some(view_backup_policies::spec()),
            Kind::Bucket => Some(view_rekeyer_bucket::spec()),
            Kind::NodePool => Some(view_rekeyer_pool::spec()),
            kind => view_rekeyer_block::spec(kind).or_else(|| view_rekeyer_holder::spec(kind)),
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        self.kinds.clone()
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        match self.family("observe", dependent)? {
            Family::Assignment => self.observe_assignment(dependent),
            Family::Block => self.observe_block(dependent),
            Family::Bucket => self.observe_bucket(dependent),
            Family::Holder | Family::Pool => self.observe_holder(dependent),
        }
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        match self.family("begin", &step.dependent)? {
            Family::Block => self.begin_block(step),
            Family::Bucket => self.begin_bucket(step),
            Family::Assignment | Family::Holder => view_rekeyer_holder::refuse(step),
            Family::Pool => self.begin_pool(step),
        }
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        // Only buckets and node pools have work requests: every ticket there is names one of them.
        let pool =
            |ticket: &Ticket| dependents.iter().find(|one| one.id == ticket.dependent && one.kind == Kind::NodePool);
        let (pools, buckets): (Vec<_>, Vec<_>) = tickets.iter().cloned().partition(|ticket| pool(ticket).is_some());
        let mut whole = self.poll_buckets(&buckets, dependents)?;
        for ticket in pools {
            let dependent = pool(&ticket).expect("it was found a moment ago");
            let part = self.poll_pool(&ticket, dependent)?;
            whole.value.push(part.value);
            whole.server_date = whole.server_date.or(part.server_date);
            whole.request_id = whole.request_id.or(part.request_id);
        }
        Ok(whole)
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        match self.family("find", dependent)? {
            // Nothing about these goes on under a work request.
            Family::Assignment | Family::Block | Family::Holder => Ok(Reply::bare(Vec::new())),
            Family::Bucket => self.find_bucket(dependent, since),
            Family::Pool => self.find_pool(dependent, since),
        }
    }
}
