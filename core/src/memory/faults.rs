//! Named faults: what goes wrong, at which call. Data only; World strikes with it.
//!
//! A fault is named after what the caller lives through. Operations may be named as World does
//! (`create_key_version`) or as the ports do (`create_version`).

use std::collections::BTreeSet;
use std::time::Duration;

use super::clock::Skew;
use crate::model::{CompartmentId, Region};

/// Which calls of an operation a fault strikes, counted from when the plan was given to World.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strikes {
    /// Every one.
    Every,
    /// The first so many.
    First(u32),
    /// Exactly this one, from 1.
    Nth(u32),
}

impl From<u32> for Strikes {
    fn from(nth: u32) -> Self {
        Self::Nth(nth)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    DateOff(Skew),
    Delay(Duration),
    DelayProcessing(Duration),
    FlipLate(Duration),
    InvalidateToken,
    LoseAnswer,
    LoseRequest,
    LoseWorkRequest,
    SilentNoOp,
    StatusAfter(u16, &'static str),
    StatusBefore(u16, &'static str),
    WorkRequestFails,
}

#[derive(Debug, Clone)]
struct Rule {
    operation: &'static str,
    strikes: Strikes,
    seen: u32,
    hits: u32,
    fault: Fault,
}

/// What shall go wrong.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    rules: Vec<Rule>,
    pub(super) regions_down: BTreeSet<Region>,
    pub(super) denied: BTreeSet<CompartmentId>,
}

/// World's name for an operation that a port calls otherwise.
fn canonical(operation: &str) -> &str {
    match operation {
        "assign_key" => "update_bucket",
        "create_version" => "create_key_version",
        "describe_key" => "get_key",
        "describe_vault" => "get_vault",
        "list_versions" => "list_key_versions",
        "notify" => "publish_message",
        "observe" => "get_bucket",
        "replication" => "get_replication_status",
        "rewrap" => "reencrypt_bucket",
        "search" => "search_resources",
        "set_tags" => "update_key",
        "usage" => "get_vault_usage",
        other => other,
    }
}

impl FaultPlan {
    /// Nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn rule(mut self, operation: &str, strikes: impl Into<Strikes>, fault: Fault) -> Self {
        let name = canonical(operation);
        let operation = super::operations::named(name)
            .unwrap_or_else(|| panic!("a fault names an operation of World; there is no {operation:?}"))
            .name;
        self.rules.push(Rule { operation, strikes: strikes.into(), seen: 0, hits: 0, fault });
        self
    }

    /// The request never arrives; the caller waits in vain.
    #[must_use]
    pub fn lose_request(self, operation: &str, strikes: impl Into<Strikes>) -> Self {
        self.rule(operation, strikes, Fault::LoseRequest)
    }

    /// The request acts, its answer never arrives.
    #[must_use]
    pub fn lose_answer(self, operation: &str, strikes: impl Into<Strikes>) -> Self {
        self.rule(operation, strikes, Fault::LoseAnswer)
    }

    /// The service refuses before it acts.
    #[must_use]
    pub fn status_before(self, operation: &str, strikes: impl Into<Strikes>, status: u16, code: &'static str) -> Self {
        self.rule(operation, strikes, Fault::StatusBefore(status, code))
    }

    /// The service acts and answers with an error all the same.
    #[must_use]
    pub fn status_after(self, operation: &str, strikes: impl Into<Strikes>, status: u16, code: &'static str) -> Self {
        self.rule(operation, strikes, Fault::StatusAfter(status, code))
    }

    /// The answer is dated by another clock than the one that checks signatures.
    #[must_use]
    pub fn date_off(self, operation: &str, strikes: impl Into<Strikes>, skew: Skew) -> Self {
        self.rule(operation, strikes, Fault::DateOff(skew))
    }

    /// 429.
    #[must_use]
    pub fn throttle(self, operation: &str, strikes: impl Into<Strikes>) -> Self {
        self.rule(operation, strikes, Fault::StatusBefore(429, "TooManyRequests"))
    }

    /// The request is held up on the way: it arrives (and is checked) later, when the caller no longer listens.
    #[must_use]
    pub fn delay(self, operation: &str, strikes: impl Into<Strikes>, by: Duration) -> Self {
        self.rule(operation, strikes, Fault::Delay(by))
    }

    /// The request is accepted now and acts later, without an answer: more than P of A3, if long enough.
    #[must_use]
    pub fn delay_processing(self, operation: &str, strikes: impl Into<Strikes>, by: Duration) -> Self {
        self.rule(operation, strikes, Fault::DelayProcessing(by))
    }

    /// 409 `InvalidatedRetryToken`.
    #[must_use]
    pub fn invalidate_token(self, operation: &str, strikes: impl Into<Strikes>) -> Self {
        self.rule(operation, strikes, Fault::InvalidateToken)
    }

    /// The minted version becomes ENABLED in time and current this much later than usual.
    #[must_use]
    pub fn flip_late(self, strikes: impl Into<Strikes>, by: Duration) -> Self {
        self.rule("create_key_version", strikes, Fault::FlipLate(by))
    }

    /// A re-encrypt whose work request completes without moving anything.
    #[must_use]
    pub fn silent_no_op(self, strikes: impl Into<Strikes>) -> Self {
        self.rule("reencrypt_bucket", strikes, Fault::SilentNoOp)
    }

    /// The service answers 200 and changes nothing: an assignment of a key that is none, such as
    /// `update_volume_backup`.
    #[must_use]
    pub fn silent_no_op_on(self, operation: &str, strikes: impl Into<Strikes>) -> Self {
        let assigns = ["_kms_key", "_backup", "_node_pool"].iter().any(|end| operation.ends_with(end));
        assert!(assigns && operation.starts_with("update_"), "only assigning a key can be a silent no-op");
        self.rule(operation, strikes, Fault::SilentNoOp)
    }

    /// A re-encrypt whose work request fails.
    #[must_use]
    pub fn work_request_fails(self, strikes: impl Into<Strikes>) -> Self {
        self.rule("reencrypt_bucket", strikes, Fault::WorkRequestFails)
    }

    /// A re-encrypt whose work request the service forgets at once; the data does move.
    #[must_use]
    pub fn work_request_lost(self, strikes: impl Into<Strikes>) -> Self {
        self.rule("reencrypt_bucket", strikes, Fault::LoseWorkRequest)
    }

    /// A change of a node pool whose work request fails.
    #[must_use]
    pub fn pool_work_fails(self, strikes: impl Into<Strikes>) -> Self {
        self.rule("update_node_pool", strikes, Fault::WorkRequestFails)
    }

    /// A change of a node pool whose work request the service forgets at once; the pool does change.
    #[must_use]
    pub fn pool_work_lost(self, strikes: impl Into<Strikes>) -> Self {
        self.rule("update_node_pool", strikes, Fault::LoseWorkRequest)
    }

    /// Every service of a region answers 503 while the plan is in force.
    #[must_use]
    pub fn region_down(mut self, region: &Region) -> Self {
        self.regions_down.insert(region.clone());
        self
    }

    /// Nobody may see this compartment while the plan is in force: 404.
    #[must_use]
    pub fn deny_compartment(mut self, compartment: &CompartmentId) -> Self {
        self.denied.insert(compartment.clone());
        self
    }

    /// How often each fault struck, in the order they were named.
    pub(super) fn hits(&self) -> Vec<u32> {
        self.rules.iter().map(|rule| rule.hits).collect()
    }

    /// Counts one call and returns what strikes it.
    pub(super) fn strike(&mut self, operation: &'static str) -> Struck {
        let mut struck = Struck::default();
        for rule in self.rules.iter_mut().filter(|rule| rule.operation == operation) {
            rule.seen = rule.seen.saturating_add(1);
            let hits = match rule.strikes {
                Strikes::Every => true,
                Strikes::First(count) => rule.seen <= count,
                Strikes::Nth(nth) => rule.seen == nth,
            };
            if hits {
                rule.hits += 1;
                struck.0.push(rule.fault.clone());
            }
        }
        struck
    }
}

/// The faults that strike one call.
#[derive(Debug, Default)]
pub(super) struct Struck(Vec<Fault>);

impl Struck {
    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.0.contains(fault)
    }

    pub(super) fn pick<T>(&self, choose: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(choose)
    }
}
