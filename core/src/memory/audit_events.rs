//! The audit log: what was done to vaults and keys, shown only after a while, as Oracle's is (oci-api §6.6).
//!
//! Requests that are refused leave no event here; whether they do in OCI matters to nobody who asks this log.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::{Call, Caller, Listing, No, PageQuery, Told, Yes};
use super::operations as op;
use super::paging::page_of;
use super::translate::{page, reply};
use super::world::{Ctx, State, World};
use crate::error::Result;
use crate::model::{AuditEvent, CompartmentId, KeyId, KeyVersionId, Region, RequestId, Timestamp, VaultId};
use crate::ports::{AuditLog, Cursor, Page, Reply};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The log's id for it.
    pub id: String,
    /// The operation, such as `CreateKeyVersion`.
    pub operation: String,
    /// When it happened.
    pub at: Timestamp,
    /// When the log shows it.
    pub processed: Timestamp,
    /// Where.
    pub region: Region,
    /// Compartment of what it was about.
    pub compartment: CompartmentId,
    /// What it was about: the key and not the version, unless `audit_names_versions`; of a new key the vault. Oracle does not
    /// document which.
    pub resource: String,
    /// Who asked.
    pub principal: Arc<str>,
    /// What the service called the request.
    pub request_id: RequestId,
    /// The request's retry token, where World's log shows headers.
    pub retry_token: Option<String>,
}

impl State {
    /// Writes down that a call which changes a vault or a key has acted.
    pub(super) fn audit(&mut self, ctx: &Ctx, subject: &str) {
        if ctx.operation.service != "kms" {
            return;
        }
        let token = ctx.call.token.clone();
        // The answer to this call gets the next number.
        let request = format!("{:032X}", self.requests + 1);
        self.audit_as(ctx.now, (&camel(ctx.operation.name), &request), subject, &ctx.call.caller.principal, token);
    }

    /// The same for what somebody does beside the ports, by a request that World never saw.
    pub(super) fn audit_others(&mut self, at: Timestamp, operation: &str, subject: &str, principal: &Arc<str>) {
        let request = format!("OTHERS{:026X}", self.audit.len());
        self.audit_as(at, (operation, &request), subject, principal, None);
    }

    /// The same for a deletion of a version: whether an event names the version or its key, Oracle does not document.
    pub(super) fn audit_of_version(
        &mut self,
        at: Timestamp,
        operation: &str,
        (key, version): (&KeyId, &KeyVersionId),
        principal: &Arc<str>,
    ) {
        self.audit_others(at, operation, key.as_str(), principal);
        let names_version = self.settings.audit_names_versions;
        if let Some(event) = self.audit.last_mut().filter(|_| names_version) {
            event.resource = version.to_string();
        }
    }

    fn audit_as(
        &mut self,
        at: Timestamp,
        (operation, request): (&str, &str),
        subject: &str,
        principal: &Arc<str>,
        token: Option<String>,
    ) {
        let vault_of = |state: &Self, id: &str| {
            let vault = VaultId::parse(id).ok().and_then(|id| state.kms.vaults.get(&id))?;
            Some((vault.vault.region.clone(), vault.vault.compartment.clone()))
        };
        let key = KeyId::parse(subject).ok().and_then(|id| self.kms.keys.get(&id));
        let place = match key {
            Some(key) => self.kms.vaults.get(&key.vault).map(|v| (v.vault.region.clone(), key.compartment.clone())),
            None => vault_of(self, subject),
        };
        let Some((region, compartment)) = place else { return };
        let request_id = RequestId::parse(request).expect("hex digits and letters are graphic");
        let record = AuditRecord {
            id: format!("event-{:08}", self.audit.len()),
            operation: operation.to_owned(),
            at,
            processed: at + self.settings.audit_lag,
            region,
            compartment,
            resource: subject.to_owned(),
            principal: Arc::clone(principal),
            request_id,
            retry_token: token.filter(|_| self.settings.audit_shows_headers),
        };
        self.audit.push(record);
    }

    fn list_events(
        &mut self,
        ctx: &Ctx,
        compartment: &CompartmentId,
        (from, until): (Timestamp, Timestamp),
        query: &PageQuery,
    ) -> std::result::Result<Listing<AuditRecord>, No> {
        if [from, until].iter().any(|at| at.as_millisecond() % 60_000 != 0) {
            return Err(No::invalid("startTime and endTime have a granularity of one minute"));
        }
        if from >= until {
            return Err(No::invalid("startTime must be before endTime"));
        }
        self.check_compartment(ctx, compartment)?;
        let is_there = |record: &&AuditRecord| {
            record.region == ctx.region
                && record.compartment == *compartment
                && record.processed >= from
                && record.processed < until
                && record.processed <= ctx.now
        };
        let found = self.audit.iter().filter(is_there);
        page_of(&self.settings, query, found, |record| record.id.as_str(), Clone::clone)
    }
}

/// `create_key_version` as `CreateKeyVersion`.
fn camel(name: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('_').map(word).collect()
}

impl World {
    /// ListEvents: those processed in `[from, until)`, both whole minutes.
    pub fn list_audit_events(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        within: (Timestamp, Timestamp),
        query: &PageQuery,
    ) -> Told<Listing<AuditRecord>> {
        self.read(&op::LIST_EVENTS, call, region, compartment.as_str(), |state, ctx| {
            state.list_events(ctx, compartment, within, query).map(Yes::new)
        })
    }

    /// The audit log of this World, as the principal `keywheel`.
    #[must_use]
    pub fn audit_log(self: &Arc<Self>) -> Arc<dyn AuditLog> {
        Arc::new(AuditLogView { world: Arc::clone(self), caller: Caller::keywheel() })
    }
}

struct AuditLogView {
    world: Arc<World>,
    caller: Caller,
}

#[async_trait]
impl AuditLog for AuditLogView {
    async fn events(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        from: Timestamp,
        until: Timestamp,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<AuditEvent>>> {
        let query = PageQuery { limit: None, page: cursor.map(|cursor| cursor.0) };
        let told = self.world.list_audit_events(&Call::by(&self.caller), region, compartment, (from, until), &query);
        let event = |record: AuditRecord| AuditEvent {
            id: record.id,
            operation: record.operation,
            at: record.at,
            resource: Some(record.resource),
            principal: Some(record.principal.to_string()),
            request_id: Some(record.request_id),
            retry_token: record.retry_token,
            is_refused: false,
        };
        let shown =
            |page: Page<AuditRecord>| Page { items: page.items.into_iter().map(event).collect(), next: page.next };
        Ok(page(reply("list_events", told)?).map(shown))
    }
}
