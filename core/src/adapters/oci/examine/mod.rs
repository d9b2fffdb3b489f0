//! The `Examiner` port over OCI: asks every endpoint of a config once, and tries each reading call that the config needs.
//!
//! Nothing here changes anything: a call that does is never sent, only looked up in the journal by whoever asked. What comes
//! of it is not judged here.

mod calls;
mod endpoints;

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::Answer;
use super::audit_bucket::AuditBucketPlace;
use super::call::Call;
use super::client::Client;
use super::iam::{IamSubject, IamWants, NeededCall, needed_calls};
use super::locate::Locator;
use super::operation::Operation;
use crate::error::{ErrorKind, Result};
use crate::model::{CallSeen, CompartmentId, EndpointSeen, Kind, Region, Settings, ShownBy, StepKind};
use crate::ports::{Clock, Examiner};

/// What a config uses of a tenancy.
#[derive(Debug, Clone)]
pub struct Premises {
    /// Policy and scope.
    pub settings: Settings,
    /// The region of the topic that notices go to, if any.
    pub topic: Option<Region>,
    /// Compartment and region that metrics are sent to, if any.
    pub metrics: Option<(CompartmentId, Region)>,
    /// The bucket that the audit trail is copied to, if any.
    pub audit_bucket: Option<AuditBucketPlace>,
    /// The region of the log that the audit trail is copied to, if any.
    pub audit_log: Option<Region>,
    /// Whether Oracle's audit log is asked who made a version.
    pub reads_audit_events: bool,
}

/// Looks at a tenancy for `doctor`.
pub struct OciExaminer {
    client: Arc<Client>,
    locator: Locator,
    clock: Arc<dyn Clock>,
    premises: Premises,
}

impl OciExaminer {
    /// An examiner of what a config uses.
    #[must_use]
    pub fn new(client: Arc<Client>, clock: Arc<dyn Clock>, premises: Premises) -> Self {
        Self { locator: Locator::new(Arc::clone(&client)), client, clock, premises }
    }

    /// Sends a reading call, again only if it comes too soon: an endpoint that is in trouble is named apart, and does not hold
    /// up each call that is tried there.
    async fn read(&self, call: &Call) -> Result<Answer> {
        match self.client.ask_once(call).await {
            Err(error) if error.kind() == ErrorKind::Throttled => self.client.send(call).await,
            other => other,
        }
    }

    /// Regions that the tenancy subscribes to, as far as they are shown, and those that the config names.
    async fn regions(&self) -> Vec<Region> {
        let home = self.client.region();
        let mut regions = self.client.regions_for("").await.unwrap_or_else(|_| vec![home.clone()]);
        let named = self.premises.settings.scope.regions.iter().filter(|region| !regions.contains(region));
        let named: Vec<_> = named.cloned().collect();
        regions.extend(named);
        regions
    }

    fn needed(&self, subject: Option<&str>) -> Vec<NeededCall> {
        let premises = &self.premises;
        // Whoever asks has checked it; what is no subject is not put into a statement.
        let subject = subject.and_then(|text| IamSubject::parse(text).ok()).unwrap_or_default();
        needed_calls(&IamWants {
            settings: &premises.settings,
            has_topic: premises.topic.is_some(),
            metrics: premises.metrics.as_ref().map(|(compartment, _)| compartment),
            audit_bucket: premises.audit_bucket.as_ref().map(|place| place.bucket.as_str()),
            has_audit_log: premises.audit_log.is_some(),
            reads_audit_events: premises.reads_audit_events,
            subject,
            keys_in: None,
        })
    }
}

#[async_trait]
impl Examiner for OciExaminer {
    async fn endpoints(&self) -> Vec<EndpointSeen> {
        endpoints::ask(self).await
    }

    async fn calls(&self, subject: Option<String>) -> Vec<CallSeen> {
        calls::try_all(self, self.needed(subject.as_deref())).await
    }
}

/// What in the journal shows that a call works; `None`: it is read, and tried instead.
fn shown_by(operation: Operation) -> Option<ShownBy> {
    use Operation as O;
    let assigned = |kind| ShownBy::Step(kind, StepKind::AssignKey);
    Some(match operation {
        O::CreateKey => ShownBy::MintedKey,
        O::CreateKeyVersion => ShownBy::MintedVersion,
        O::UpdateKey => ShownBy::Register,
        O::UpdateBucket => assigned(Kind::Bucket),
        O::ReencryptBucket => ShownBy::Step(Kind::Bucket, StepKind::Rewrap),
        O::UpdateVolumeKmsKey => assigned(Kind::BlockVolume),
        O::UpdateBootVolumeKmsKey => assigned(Kind::BootVolume),
        O::UpdateVolumeBackup => assigned(Kind::BlockVolumeBackup),
        O::UpdateBootVolumeBackup => assigned(Kind::BootVolumeBackup),
        O::UpdateNodePool => assigned(Kind::NodePool),
        // Seen in passing: the end of a step is read from its work request.
        O::GetWorkRequest => ShownBy::StepEnd(Kind::Bucket),
        O::GetClusterWorkRequest => ShownBy::StepEnd(Kind::NodePool),
        O::PublishMessage => ShownBy::Notice("topic ".to_owned()),
        O::PutObject => ShownBy::Sink("bucket ".to_owned()),
        O::PutLogs => ShownBy::Sink("log ".to_owned()),
        operation if operation.mutates() => ShownBy::Unrecorded,
        _ => return None,
    })
}
