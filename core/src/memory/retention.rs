//! Retention rules of buckets, as ListRetentionRules tells them.
//!
//! Rules are told and not enforced: World's clients never overwrite what a rule would keep, and there is no deletion here.

use super::answer::{Call, Told, Yes};
use super::buckets::BucketAddress;
use super::operations as op;
use super::world::World;
use crate::model::{ResourceId, Timestamp};

/// How long a rule keeps an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "OCI's two words")]
pub enum Span {
    Days(u32),
    Years(u32),
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For how long after its last change an object is kept; `None`: while the rule is there.
    pub span: Option<Span>,
    /// From when on it is locked.
    pub locked_at: Option<Timestamp>,
    /// When it was made.
    pub time_created: Timestamp,
}

impl World {
    /// Somebody's rule for a bucket; it is there at once.
    pub fn add_retention_rule(
        &self,
        bucket: &ResourceId,
        name: &str,
        span: Option<Span>,
        locked_at: Option<Timestamp>,
    ) {
        let time_created = self.now();
        let mut state = self.lock();
        let id = format!("rule-{}", state.next_id());
        let rule = RetentionRule { id, name: name.to_owned(), span, locked_at, time_created };
        state.buckets.rules.entry(bucket.clone()).or_default().insert(0, rule);
    }

    /// Somebody turned a bucket's versioning on.
    pub fn turn_versioning_on(&self, bucket: &ResourceId) {
        self.lock().buckets.versioned.insert(bucket.clone());
    }

    /// Whether a bucket's versioning is on.
    #[must_use]
    pub fn is_versioned(&self, bucket: &ResourceId) -> bool {
        self.lock().buckets.versioned.contains(bucket)
    }

    /// ListRetentionRules, the youngest first.
    pub fn list_retention_rules(&self, call: &Call, at: &BucketAddress) -> Told<Vec<RetentionRule>> {
        self.read(&op::LIST_RETENTION_RULES, call, &at.region, &at.name, |state, ctx| {
            let bucket = state.bucket_at(ctx, at)?;
            Ok(Yes::new(state.buckets.rules.get(&bucket).cloned().unwrap_or_default()))
        })
    }
}
