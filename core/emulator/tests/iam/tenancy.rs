//! A tenancy with one of everything that keywheel re-keys and tells, rotated through the OCI adapters by somebody whom
//! policies hold back, or not.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

use std::collections::BTreeSet;
use std::sync::Arc;

use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::iam::{IamSubject, IamWants, iam_policy};
use keywheel::adapters::oci::{
    Audit, AuditBucket, AuditBucketPlace, Catalog, Client, ClientSettings, Endpoints, LoggingSink, Monitoring,
    OciExaminer, Premises, Rekeyers, Topic, VaultKeyStore,
};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{Caller, MemoryJournal, WorldSettings};
use keywheel::model::{CompartmentId, LogId, Report, Settings, TagName, TopicId};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator};

use crate::common::lab::Lab;

const TRAIL: &str = "trail";
/// Who rotates.
pub(crate) const SUBJECT: &str = "dynamic-group keyrotator";

/// Vaults and keys in one compartment, what they protect in another; a third that nobody speaks of.
pub(crate) struct Tenancy {
    pub(crate) lab: Lab,
    pub(crate) shops: CompartmentId,
    topic: TopicId,
    log: LogId,
}

/// A key under all kinds in two regions, a topic, a log and a bucket for the trail.
pub(crate) async fn tenancy() -> Tenancy {
    let settings = WorldSettings { kms_per_second: None, needs_service_grants: true, ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    let world = &lab.world;
    let shops = world.add_compartment("shops", &world.tenancy_id());
    let elsewhere = world.add_compartment("elsewhere", &world.tenancy_id());
    for (region, name) in [(&lab.home, "one"), (&lab.away, "two")] {
        world.add_bucket(region, &shops, name).key(&lab.key).done();
    }
    for volume in [
        world.add_volume(&lab.home, &shops, "volume").key(&lab.key).done(),
        world.add_boot_volume(&lab.home, &shops, "boot").key(&lab.key).done(),
    ] {
        world.add_backup(&volume, "backup").done();
        world.add_replica(&volume, &lab.away, "replica").done();
    }
    world.add_cluster(&lab.home, &shops, "cluster").key(&lab.key).done();
    world.add_node_pool(&lab.home, &shops, "pool").key(&lab.key).done();
    world.add_instance_configuration(&lab.home, &shops, "launch").key(&lab.key).done();
    let far = world.add_volume(&lab.away, &shops, "far").done();
    let nightly = world.add_backup_policy(&lab.away, Some(&shops), "nightly", Some(&lab.home));
    world.others_assign_backup_policy(&far, &nightly, Some(&lab.key));
    world.add_bucket(&lab.home, &elsewhere, TRAIL).done();
    let (topic, log) = (world.add_topic(&lab.home, &elsewhere, "notices"), world.add_custom_log(&lab.home, &elsewhere));
    Tenancy { lab, shops, topic, log }
}

impl Tenancy {
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::lab();
        settings.policy.intent_register = Some(TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() });
        settings.scope.vaults.insert(self.lab.vault.clone());
        settings.scope.key_compartments.insert(self.lab.compartment.clone());
        settings.scope.compartments.insert(self.shops.clone());
        settings.scope.regions.extend([self.lab.home.clone(), self.lab.away.clone()]);
        settings
    }

    fn client(&self) -> Arc<Client> {
        let mut endpoints = Endpoints::production();
        for region in self.lab.world.regions() {
            let url = self.lab.emulator.region_url(&region).expect("a port");
            endpoints = endpoints.with_override(region, &url).expect("a loopback URL");
        }
        let config_file = Some(self.lab.config.config_path.clone());
        let pace = PacePolicy { start: 500.0, kms_max: 500.0 };
        let settings = ClientSettings { config_file, endpoints, pace, ..ClientSettings::default() };
        Client::from_config_file(settings).expect("a config")
    }

    pub(crate) fn ports(&self, journal: Arc<MemoryJournal>) -> Ports {
        let (client, lab) = (self.client(), &self.lab);
        let place = AuditBucketPlace {
            region: lab.home.clone(),
            namespace: None,
            bucket: TRAIL.to_owned(),
            prefix: "keywheel/".to_owned(),
        };
        let metrics = Monitoring::new(Arc::clone(&client), "keywheel".into(), self.shops.clone(), lab.home.clone());
        let log = LoggingSink::new(Arc::clone(&client), self.log.clone(), lab.home.clone());
        let premises = Premises {
            settings: self.settings(),
            topic: Some(lab.home.clone()),
            metrics: Some((self.shops.clone(), lab.home.clone())),
            audit_bucket: Some(place.clone()),
            audit_log: Some(lab.home.clone()),
            reads_audit_events: true,
        };
        let examiner = OciExaminer::new(Arc::clone(&client), Arc::new(SystemClock), premises);
        Ports {
            key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
            catalog: Arc::new(Catalog::new(Arc::clone(&client))),
            rekeyer: Arc::new(Rekeyers::new(Arc::clone(&client))),
            audit: vec![Arc::new(log), Arc::new(AuditBucket::new(Arc::clone(&client), place))],
            notifiers: vec![Arc::new(Topic::new(Arc::clone(&client), self.topic.clone()))],
            metrics: vec![Arc::new(metrics)],
            journal,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            audit_log: Some(Arc::new(Audit::new(client))),
            examiner: Some(Arc::new(examiner)),
            pace: None,
        }
    }
}

/// The statements that keywheel prints for this tenancy, all of it in use.
pub(crate) fn printed(tenancy: &Tenancy) -> Vec<String> {
    let wants = IamWants {
        settings: &tenancy.settings(),
        has_topic: true,
        metrics: Some(&tenancy.shops),
        audit_bucket: Some(TRAIL),
        has_audit_log: true,
        reads_audit_events: true,
        subject: IamSubject::parse(SUBJECT).expect("a subject"),
        keys_in: None,
    };
    iam_policy(&wants).statements.into_iter().map(|statement| statement.text).collect()
}

/// The printed statements, of a tenancy like all others here.
pub(crate) async fn all_statements() -> Vec<String> {
    printed(&tenancy().await)
}

/// What came of two runs over everything that is due, and a checkup.
pub(crate) struct Told {
    /// The report of the first run, or why there is none.
    pub(crate) result: Result<Box<Report>, String>,
    /// Calls that were refused, with what they asked about; `…'s key` if it is the key that was refused.
    pub(crate) refused: BTreeSet<(String, String)>,
    /// Whether a notice, metrics, a line in the log and an object in the bucket arrived.
    pub(crate) beside: [bool; 4],
}

impl Told {
    /// Whether both reports say the same of the same world.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let told = |report: &Report| {
            let findings: Vec<_> = report.findings.iter().map(|one| (one.kind, one.subject.clone())).collect();
            (report.verdict, report.summary.counts.clone(), findings)
        };
        match (&self.result, &other.result) {
            (Ok(one), Ok(two)) => told(one) == told(two),
            _ => false,
        }
    }
}

/// Rotates under statements made of the tenancy's; `None`: as somebody whom no policy holds back. Then another process
/// looks again, with the first one's journal.
pub(crate) async fn rotated(change: Option<&(dyn Fn(Vec<String>) -> Vec<String> + Sync)>) -> Told {
    let tenancy = tenancy().await;
    let lab = &tenancy.lab;
    let regions = [&lab.home, &lab.away].map(|region| format!("objectstorage-{region}")).join(", ");
    let all = vec![format!("Allow service blockstorage, oke, {regions} to use keys in tenancy")];
    let texts = change.map_or(all, |change| change(printed(&tenancy)));
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    lab.world.add_policy(&lab.world.tenancy_id(), "keywheel", &texts);
    if change.is_some() {
        lab.world.restrict(&Caller::new(&lab.config.user), SUBJECT);
    }
    let journal = MemoryJournal::new();
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(Arc::clone(&journal)));
    let result = match rotator.rotate_due().await {
        Ok(mut all) => match all.pop() {
            Some((_, Ok(Rotated::Completed(report)))) => Ok(report),
            other => Err(format!("{other:?}")),
        },
        Err(error) => Err(error.to_string()),
    };
    let other = Rotator::with_ports(tenancy.settings(), tenancy.ports(journal));
    if let Ok(rows) = other.due().await {
        other.attribute_new(&rows).await;
    }
    let _ = other.rotate_due().await;
    let _ = other.doctor(None).await;
    let (mut refused, mut done) = (BTreeSet::new(), BTreeSet::new());
    for entry in lab.world.log() {
        if !matches!(entry.status, 400 | 403 | 404) {
            done.insert(entry.operation);
            continue;
        }
        let is_about_the_key = entry.code == "RelatedResourceNotAuthorizedOrNotFound";
        let name = if is_about_the_key { format!("{}'s key", entry.operation) } else { entry.operation.to_owned() };
        refused.insert((name, entry.subject));
    }
    let beside = ["publish_message", "post_metric_data", "put_logs", "put_object"].map(|name| done.contains(name));
    Told { result, refused, beside }
}
