//! Least privilege, tried: a rotation of a mixed key with exactly the statements that keywheel prints, and without each.
//!
//! World holds the principal to its own copy of Oracle's tables, services to the grants. A statement that could be
//! removed without anybody noticing is one too many.

use std::collections::BTreeSet;

use keywheel::Rotated;
use keywheel::adapters::oci::iam::{IamSubject, IamWants, iam_policy};
use keywheel::memory::{Caller, FaultPlan, World, WorldSettings};
use keywheel::model::{Kind, Report, Settings, TagName};
use keywheel::testkit::Lab;
use keywheel::testkit::{ELSEWHERE, HOME};

/// What goes wrong by itself, so that what was sent and not heard of is looked for too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Calm,
    Troubled,
}

/// A key under buckets, volumes, backups, a cluster, a node pool, an instance configuration and
/// an assignment of a backup policy, in two regions.
fn tenancy(day: Day) -> Lab {
    let mut settings = Settings::lab();
    settings.policy.intent_register = Some(TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() });
    for name in [HOME, ELSEWHERE] {
        settings.scope.regions.insert(name.parse().expect("a region"));
    }
    let world_settings = WorldSettings { needs_service_grants: true, ..WorldSettings::lab() };
    let mut lab = Lab::build(5, settings, world_settings).moving(World::kinds());
    for (kind, name) in [(Kind::BlockVolume, "block"), (Kind::BootVolume, "boot")] {
        let volume = lab.add_volume(&kind, HOME, 0, name);
        lab.add_backup(&volume, "backup");
        lab.world.add_replica(&volume, &ELSEWHERE.parse().expect("a region"), "replica").done();
    }
    for kind in [Kind::Cluster, Kind::InstanceConfiguration, Kind::NodePool] {
        let holder = lab.add_holder(&kind, HOME, 1, "holder");
        lab.holders.push(holder);
    }
    let (home, away) = (HOME.parse().expect("a region"), ELSEWHERE.parse().expect("a region"));
    let far = lab.world.add_volume(&away, &lab.compartments[0], "far").done();
    let nightly = lab.world.add_backup_policy(&away, Some(&lab.compartments[0]), "nightly", Some(&home));
    lab.world.others_assign_backup_policy(&far, &nightly, Some(&lab.key));
    if day == Day::Troubled {
        let faults = FaultPlan::new().lose_answer("reencrypt_bucket", 1).lose_request("update_node_pool", 1);
        lab.world.faults(faults);
    }
    lab
}

fn printed(lab: &Lab) -> Vec<String> {
    let settings = &lab.settings;
    let subject = IamSubject::parse("dynamic-group keyrotator").expect("a subject");
    let wants = IamWants {
        settings,
        has_topic: false,
        metrics: None,
        audit_bucket: None,
        has_audit_log: false,
        reads_audit_events: false,
        subject,
        keys_in: None,
    };
    iam_policy(&wants).statements.into_iter().map(|statement| statement.text).collect()
}

/// What came of a rotation.
struct Told {
    /// The report, or why there is none.
    result: Result<Box<Report>, String>,
    /// Calls that were refused, by World's names; `…'s key` if it is the key that was refused.
    refused: BTreeSet<String>,
}

impl Told {
    fn is_like(&self, other: &Self) -> bool {
        match (&self.result, &other.result) {
            (Ok(one), Ok(two)) => {
                (one.verdict, &one.summary.counts, &one.findings) == (two.verdict, &two.summary.counts, &two.findings)
            }
            _ => false,
        }
    }
}

/// Rotates under these statements; `None`: as somebody whom no policy holds back.
fn rotated(day: Day, statements: Option<&[String]>) -> Told {
    let lab = tenancy(day);
    let all = [
        "Allow service blockstorage, oke, objectstorage-us-ashburn-1, objectstorage-us-phoenix-1 to use keys in tenancy",
    ];
    let texts: Vec<&str> = statements.map_or(all.to_vec(), |texts| texts.iter().map(String::as_str).collect());
    lab.world.add_policy(&lab.world.tenancy_id(), "keywheel", &texts);
    if statements.is_some() {
        lab.world.restrict(&Caller::keywheel(), "dynamic-group keyrotator");
    }
    let result = match lab.run(lab.rotator().rotate(&lab.key)) {
        Ok(Rotated::Completed(report)) => Ok(report),
        other => Err(format!("{other:?}")),
    };
    let refused = lab.world.log().into_iter().filter(|entry| matches!(entry.status, 400 | 404)).map(|entry| {
        let is_about_the_key = entry.code == "RelatedResourceNotAuthorizedOrNotFound";
        if is_about_the_key { format!("{}'s key", entry.operation) } else { entry.operation.to_owned() }
    });
    Told { result, refused: refused.collect() }
}

/// Every way to take one thing away: a permission out of a list, or a whole statement; with what is left.
fn diminished(all: &[String]) -> Vec<(String, Vec<String>)> {
    let mut ways = Vec::new();
    for (at, text) in all.iter().enumerate() {
        let mut rest = all.to_vec();
        rest.remove(at);
        let list = text.split_once(" to {").and_then(|(head, tail)| Some((head, tail.split_once('}')?)));
        match list.map(|(head, (list, tail))| (head, list.split(", ").collect::<Vec<_>>(), tail)) {
            Some((head, list, tail)) if list.len() > 1 => {
                for one in &list {
                    let kept: Vec<_> = list.iter().copied().filter(|other| other != one).collect();
                    let less = format!("{head} to {{{}}}{tail}", kept.join(", "));
                    ways.push(((*one).to_owned(), rest.iter().cloned().chain([less]).collect()));
                }
            }
            Some((_, list, _)) => ways.push((list[0].to_owned(), rest)),
            None => {
                let name = text.split(" to ").next().expect("a subject").trim_start_matches("Allow ");
                ways.push((if text.contains("key-delegate") { "key-delegate" } else { name }.to_owned(), rest));
            }
        }
    }
    ways
}

/// No call is refused; the report says what was not moved.
const REPORT: &str = "(the report)";
/// Only the adapters call it; `core/emulator/tests/iam.rs` takes it away over HTTP.
const OVER_HTTP: &str = "(over HTTP)";

/// Where policies may not be listed, every volume is asked for its assignment instead: the same report, at more calls.
const SAVES_READS: &str = "BACKUP_POLICIES_INSPECT";

/// What is taken away, and the step that then fails.
const STEPS: &[(&str, &str)] = &[
    ("TENANCY_INSPECT", "list_region_subscriptions"),
    ("COMPARTMENT_INSPECT", "get_compartment"),
    ("POLICY_READ", "list_policies"),
    ("VAULT_INSPECT", OVER_HTTP),
    ("VAULT_READ", "get_vault"),
    ("KEY_INSPECT", "list_key_versions"),
    ("KEY_READ", "get_key"),
    ("KEY_ROTATE", "create_key_version"),
    ("KEY_CREATE", "create_key"),
    ("VAULT_CREATE_KEY", "create_key"),
    ("KEY_UPDATE", "update_key"),
    ("key-delegate", "update_volume_kms_key's key"),
    ("BUCKET_INSPECT", "list_buckets"),
    ("BUCKET_READ", "get_bucket"),
    ("BUCKET_UPDATE", "reencrypt_bucket"),
    ("OBJECT_READ", OVER_HTTP),
    ("OBJECT_INSPECT", "list_work_requests"),
    ("VOLUME_INSPECT", "list_volumes"),
    ("VOLUME_UPDATE", "update_volume_kms_key"),
    ("VOLUME_BACKUP_INSPECT", "list_volume_backups"),
    ("BOOT_VOLUME_BACKUP_INSPECT", "list_boot_volume_backups"),
    ("VOLUME_BACKUP_UPDATE", "update_volume_backup"),
    ("BOOT_VOLUME_BACKUP_UPDATE", "update_boot_volume_backup"),
    ("VOLUME_REPLICA_INSPECT", "list_block_volume_replicas"),
    ("BACKUP_POLICIES_INSPECT", "list_volume_backup_policies"),
    ("BACKUP_POLICY_ASSIGNMENT_INSPECT", "get_volume_backup_policy_asset_assignment"),
    ("VOLUME_GROUP_INSPECT", "list_volume_groups"),
    ("CLUSTER_INSPECT", "list_clusters"),
    ("CLUSTER_READ", "get_cluster"),
    ("CLUSTER_NODE_POOL_INSPECT", "list_node_pools"),
    ("CLUSTER_NODE_POOL_READ", "get_node_pool"),
    ("CLUSTER_WORK_REQUEST_READ", "get_cluster_work_request"),
    ("CLUSTER_NODE_POOL_UPDATE", "update_node_pool"),
    ("INSTANCE_CONFIGURATION_INSPECT", "list_instance_configurations"),
    ("INSTANCE_CONFIGURATION_READ", "get_instance_configuration"),
    ("service blockstorage", "update_volume_kms_key's key"),
    ("service objectstorage-us-ashburn-1", REPORT),
    ("service objectstorage-us-phoenix-1", REPORT),
    ("service oke", "update_node_pool's key"),
];

#[test]
fn a_mixed_key_is_rotated_with_exactly_the_printed_statements_as_without_any_limits() {
    for day in [Day::Calm, Day::Troubled] {
        let free = rotated(day, None);
        let held = rotated(day, Some(&printed(&tenancy(day))));
        assert_eq!(held.refused, BTreeSet::new(), "{day:?}");
        assert!(held.is_like(&free), "{day:?}: {:?}", held.result);
        let report = held.result.expect("it was completed");
        let outcomes = ["rekeyed", "manual"].map(|outcome| report.summary.counts.with(outcome));
        assert_eq!((outcomes, report.summary.dependents), ([10, 3], 13), "{report}");
    }
}

#[test]
fn without_any_one_permission_a_named_step_fails_and_the_report_is_another() {
    let all = printed(&tenancy(Day::Calm));
    let whole = [Day::Calm, Day::Troubled].map(|day| (day, rotated(day, Some(&all))));
    let ways = diminished(&all);
    let names: Vec<&str> = ways.iter().map(|(name, _)| name.as_str()).collect();
    let wanted: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, wanted, "each statement and permission has a step here, and no other");
    for ((name, less), (_, step)) in ways.iter().zip(STEPS) {
        let told: Vec<_> = whole.iter().map(|(day, whole)| (rotated(*day, Some(less)), whole)).collect();
        let is_refused = told.iter().any(|(told, _)| told.refused.contains(*step));
        let is_noticed = told.iter().any(|(told, whole)| !told.is_like(whole));
        let refused: Vec<_> = told.iter().map(|(told, _)| &told.refused).collect();
        match *step {
            OVER_HTTP => assert!(!is_noticed, "{name}: it is noticed here; name the step: {refused:?}"),
            REPORT => assert!(is_noticed, "{name}: nobody misses it"),
            step if *name == SAVES_READS => assert!(is_refused && !is_noticed, "{name}: {step}: {refused:?}"),
            step => assert!(is_refused && is_noticed, "{name}: {step} should be refused, and noticed: {refused:?}"),
        }
    }
}
