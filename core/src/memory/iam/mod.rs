//! What a principal may do: World's own policies, read as far as they speak of principals.
//!
//! Only a principal that World was told to [`restrict`](World::restrict) is held to policies; everybody else may do
//! everything. Which call needs what is World's own copy of Oracle's tables (`permissions`): the adapters' is never read
//! here, so that one mistake is not made twice. What services may do with keys is in `grants`.

mod permissions;
mod statement;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::answer::Caller;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, KeyId};
use permissions::{KEY_ASSOCIATE, VAULT_CREATE_KEY, needed, to_find};
use statement::Statement;

/// What a call is about, as far as conditions ask.
#[derive(Debug, Clone, Copy, Default)]
struct Target<'a> {
    key: Option<&'a KeyId>,
    bucket: Option<&'a str>,
}

/// Who is held to policies, and what policies call them (`dynamic-group keyrotator`), in lower case.
#[derive(Debug, Default)]
pub(super) struct Restricted(BTreeMap<Arc<str>, String>);

impl World {
    /// From now on policies decide what this principal may do; `subject` is what they call it, such as
    /// `dynamic-group keyrotator`.
    pub fn restrict(&self, caller: &Caller, subject: &str) {
        self.lock().restricted.0.insert(Arc::clone(&caller.principal), subject.trim().to_ascii_lowercase());
    }
}

impl State {
    /// Whether the principal has all that its call needs in a compartment.
    pub(super) fn is_allowed(&self, ctx: &Ctx, compartment: &CompartmentId) -> bool {
        self.has_all(ctx, needed(ctx.operation.name), compartment)
    }

    /// The same for a call about a bucket or what is in it, which conditions may name.
    pub(super) fn may_see_bucket(&self, ctx: &Ctx, compartment: &CompartmentId, bucket: &str) -> bool {
        let target = Target { key: None, bucket: Some(bucket) };
        self.is_open(ctx, compartment)
            && needed(ctx.operation.name).iter().all(|permission| self.has(ctx, permission, compartment, target))
    }

    /// The same for a vault that a call goes through: a call about keys needs nothing of the vault, unless it makes one.
    pub(super) fn is_allowed_in_vault(&self, ctx: &Ctx, compartment: &CompartmentId) -> bool {
        match ctx.operation.name {
            "create_key" => self.has_all(ctx, &[VAULT_CREATE_KEY], compartment),
            "get_vault" | "get_vault_usage" | "list_vault_replicas" => self.is_allowed(ctx, compartment),
            _ => true,
        }
    }

    /// Whether Search shows a resource of this type: silently not, without the right to list it.
    pub(super) fn is_found(&self, ctx: &Ctx, resource_type: &str, compartment: &CompartmentId) -> bool {
        self.has_all(ctx, &[to_find(resource_type)], compartment)
    }

    /// Whether the principal may give this key to a resource.
    pub(super) fn may_associate(&self, ctx: &Ctx, key: &KeyId, compartment: &CompartmentId) -> bool {
        self.has(ctx, KEY_ASSOCIATE, compartment, Target { key: Some(key), bucket: None })
    }

    /// Calls about the tenancy itself, which name no compartment.
    pub(super) fn is_allowed_in_tenancy(&self, ctx: &Ctx) -> bool {
        !matches!(ctx.operation.name, "get_tenancy" | "list_region_subscriptions")
            || self.is_allowed(ctx, &self.tenancy().id)
    }

    fn has_all(&self, ctx: &Ctx, permissions: &[&str], compartment: &CompartmentId) -> bool {
        if self.restricted.0.is_empty() {
            return true;
        }
        let key = KeyId::parse(&*ctx.subject).ok();
        let target = Target { key: key.as_ref(), bucket: None };
        permissions.iter().all(|permission| self.has(ctx, permission, compartment, target))
    }

    fn has(&self, ctx: &Ctx, permission: &str, compartment: &CompartmentId, target: Target<'_>) -> bool {
        let Some(subject) = self.restricted.0.get(&ctx.call.caller.principal) else { return true };
        let operation = ctx.operation.name.replace('_', "");
        let value = |variable: &str| match variable {
            "request.operation" => Some(operation.as_str()),
            "target.bucket.name" => target.bucket,
            "target.key.id" => target.key.map(KeyId::as_str),
            "target.vault.id" => Some(self.kms.keys.get(target.key?)?.vault.as_str()),
            // A condition that World does not know is one that does not hold.
            _ => None,
        };
        self.identity.policies.iter().any(|info| {
            // A policy speaks of the compartment that it is attached to and of what lies below.
            self.is_within(compartment, &info.policy.compartment)
                && info.policy.statements.iter().any(|text| {
                    let text = text.trim().to_ascii_lowercase();
                    Statement::parse(&text).is_some_and(|statement| {
                        statement.subject == subject
                            && statement.gives(permission)
                            && self.covers(&statement.place, &info.policy.compartment, compartment)
                            && statement.condition.holds(&value)
                    })
                })
        })
    }
}
