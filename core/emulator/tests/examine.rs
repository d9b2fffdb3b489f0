//! What `doctor` says of endpoints, permissions and policies, over HTTP, against what World knows to be so.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;
#[path = "iam/tenancy.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod tenancy;

use std::collections::BTreeMap;

use keywheel::memory::{Caller, MemoryJournal};
use keywheel::model::{CONNECTIVITY, Check, CheckVerdict, Checkup, PERMISSIONS, RIGHTS, Section};
use keywheel::{Rotated, Rotator};
use tenancy::{SUBJECT, Tenancy, printed, tenancy};

fn section<'c>(checkup: &'c Checkup, name: &str) -> &'c Section {
    checkup.section(name).unwrap_or_else(|| panic!("{name} in {checkup}"))
}

/// Verdicts of permissions, by the call.
fn rights(checkup: &Checkup) -> BTreeMap<String, &Check> {
    let of = |check: &Check| check.title.split(':').next().expect("a name").to_owned();
    section(checkup, PERMISSIONS).checks.iter().map(|check| (of(check), check)).collect()
}

fn with(checkup: &Checkup, verdict: CheckVerdict) -> Vec<String> {
    let all = rights(checkup).into_iter().filter(|(_, check)| check.verdict == verdict);
    all.map(|(name, _)| name).collect()
}

/// A tenancy whose principal is held to these statements of the printed ones.
async fn held(keep: impl Fn(&str) -> bool) -> Tenancy {
    let tenancy = tenancy().await;
    let statements = printed(&tenancy);
    let kept: Vec<&str> = statements.iter().map(String::as_str).filter(|text| keep(text)).collect();
    let world = &tenancy.lab.world;
    world.add_policy(&world.tenancy_id(), "keywheel", &kept);
    world.restrict(&Caller::new(&tenancy.lab.config.user), SUBJECT);
    tenancy
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tries_reads_only_and_says_which_permission_each_statement_brings() {
    let tenancy = held(|_| true).await;
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(MemoryJournal::new()));
    let before = rotator.doctor_for(None, SUBJECT).await.expect("a checkup");
    assert_eq!(tenancy.lab.world.writes(), 0, "nothing is changed");
    let refused: Vec<_> = tenancy.lab.world.log().into_iter().filter(|entry| entry.status >= 400).collect();
    assert!(refused.is_empty(), "who has what is needed is refused nothing: {refused:?}");
    assert_eq!(with(&before, CheckVerdict::Denied), Vec::<String>::new());
    // What changes something is not known before somebody did it, nor is what takes something that is not there.
    let unknown = [
        "create_key",
        "create_key_version",
        "get_cluster_work_request",
        "get_object",
        "get_work_request",
        "post_metric_data",
        "publish_message",
        "put_logs",
        "put_object",
        "reencrypt_bucket",
        "update_boot_volume_backup",
        "update_boot_volume_kms_key",
        "update_bucket",
        "update_key",
        "update_node_pool",
        "update_volume_backup",
        "update_volume_kms_key",
        "use key-delegate",
    ];
    assert_eq!(with(&before, CheckVerdict::Unknown), unknown);
    let endpoints = section(&before, CONNECTIVITY);
    let silent = endpoints.checks.iter().filter(|check| check.verdict != CheckVerdict::Holds);
    let silent: Vec<_> = silent.map(|check| check.title.split(' ').next().expect("a service")).collect();
    assert_eq!(silent, ["logging", "monitoring", "ons"], "these are only written to");
    assert!(endpoints.checks.iter().any(|check| check.title.starts_with("kms in us-ashburn-1")), "{endpoints:?}");

    let Ok(Rotated::Completed(_)) = rotator.rotate(&tenancy.lab.key).await else { panic!("it is rotated") };
    let after = rotator.doctor_for(None, SUBJECT).await.expect("a checkup");
    assert_eq!(with(&after, CheckVerdict::Denied), Vec::<String>::new());
    // Buckets were not given another key, and metrics leave no trace.
    assert_eq!(with(&after, CheckVerdict::Unknown), ["post_metric_data", "update_bucket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_refused_is_denied_with_the_statement_that_brings_it() {
    let missing = ["KEY_INSPECT", "VOLUME_BACKUP_INSPECT", "KEY_ROTATE", "OBJECT_CREATE"];
    let tenancy = held(|text| !missing.iter().any(|word| text.contains(word))).await;
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(MemoryJournal::new()));
    let checkup = rotator.doctor_for(None, SUBJECT).await.expect("a checkup");
    let rights = rights(&checkup);
    for call in ["list_keys", "list_volume_backups", "list_boot_volume_backups"] {
        let check = rights[call];
        assert_eq!(check.verdict, CheckVerdict::Denied, "{check:?}");
        let next = check.do_next.as_deref().expect("what to do");
        assert!(next.starts_with(&format!("add: Allow {SUBJECT} to {{")) && next.contains(&check.value), "{check:?}");
        assert!(check.seen[0].contains("404") && check.seen[0].contains("it is there"), "{check:?}");
    }
    // Nothing was listed that could be read, and a bucket that only the config names may not be there.
    for call in ["get_volume_backup", "get_key", "list_objects", "create_key_version"] {
        assert_eq!(rights[call].verdict, CheckVerdict::Unknown, "{:?}", rights[call]);
    }
    assert!(
        rights["list_objects"].seen[0].contains("OCI says the same of what is not there"),
        "{:?}",
        rights["list_objects"]
    );
    let words = checkup.broken().map(|check| check.id.clone()).collect::<Vec<_>>().join(", ");
    assert!(checkup.to_string().contains(&format!("BROKEN: {words}")), "{checkup}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mint_is_denied_by_the_journals_word_although_nobody_tries_it() {
    let tenancy = held(|text| !text.contains("KEY_CREATE")).await;
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(MemoryJournal::new()));
    let Ok(Rotated::Paused { .. }) = rotator.rotate(&tenancy.lab.key).await else { panic!("it is refused") };
    let checkup = rotator.doctor(None).await.expect("a checkup");
    assert_eq!(with(&checkup, CheckVerdict::Denied), ["create_key"]);
    let check = rights(&checkup)["create_key"];
    assert!(check.seen.iter().any(|said| said.contains("refused on")), "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_down_is_named_service_by_service_and_the_others_answer() {
    let tenancy = held(|_| true).await;
    tenancy.lab.world.region_down(&tenancy.lab.away);
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(MemoryJournal::new()));
    let checkup = rotator.doctor(None).await.expect("a checkup");
    for check in &section(&checkup, CONNECTIVITY).checks {
        let is_away = check.title.contains(tenancy.lab.away.as_str());
        // What World does not count as a call of the region answers all the same.
        let is_local = check.title.starts_with("search");
        assert!(is_local || is_away == (check.verdict == CheckVerdict::Broken), "{check:?}");
        assert!(!is_away || is_local || check.seen[0].contains("503"), "{check:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_allows_too_much_is_shown_and_what_is_not_understood_is_said() {
    let tenancy = held(|_| true).await;
    let world = &tenancy.lab.world;
    let broad = format!("Allow {SUBJECT} to use keys in tenancy");
    let strange = "Endorse group Admins to do something in tenancy Other";
    world.add_policy(
        &tenancy.lab.compartment,
        "more",
        &[&broad, strange, "Allow group Others to manage keys in tenancy"],
    );
    let rotator = Rotator::with_ports(tenancy.settings(), tenancy.ports(MemoryJournal::new()));
    let checkup = rotator.doctor_for(None, SUBJECT).await.expect("a checkup");
    let found: Vec<_> = checkup.too_broad().map(|check| check.title.clone()).collect();
    assert_eq!(found, [broad]);
    let summary = &section(&checkup, RIGHTS).checks[0];
    assert!(summary.seen.iter().any(|said| said.contains(strange)), "{summary:?}");
    assert!(summary.seen.iter().any(|said| said.contains("no proof")), "{summary:?}");
    assert!(checkup.broken().next().is_none(), "what is too much breaks nothing");
    let checkup = rotator.doctor(None).await.expect("a checkup");
    assert_eq!(checkup.too_broad().count(), 2, "of anybody");
}
