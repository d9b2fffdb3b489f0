//! The official Python SDK, unmodified, as a client: what it reads is what Oracle's wire format says.
//!
//! Each test makes its own cloud and hands its facts to one script; a script prints a line per check.
//! Without the SDK these tests skip loudly, unless `KEYWHEEL_REQUIRE` names `python`.
#![allow(
    clippy::disallowed_methods,
    reason = "an interpreter is found through the environment and run on the wall clock"
)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use jiff::Timestamp;
use keywheel::memory::{FaultPlan, WorldSettings};
use serde_json::{Value, json};

const INSTALL: &str = "python3 -m venv target/venv && target/venv/bin/pip install oci==2.189.0";

fn interpreter() -> PathBuf {
    std::env::var_os("KEYWHEEL_PYTHON").map_or_else(|| PathBuf::from("python3"), common::from_root)
}

/// Whether the SDK is there; if not, says so where nobody can miss it.
fn has_sdk(python: &Path) -> bool {
    let import = Command::new(python).args(["-c", "import oci; print(oci.__version__)"]).output();
    if import.as_ref().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var("KEYWHEEL_REQUIRE").unwrap_or_default();
    let text = format!(
        "SKIPPED: {} has no package oci.\n  {INSTALL}\n  export KEYWHEEL_PYTHON=target/venv/bin/python\n",
        python.display()
    );
    assert!(!required.split(',').any(|lane| lane == "python"), "KEYWHEEL_REQUIRE asks for python. {text}");
    // Past the test harness, which swallows what a passing test prints.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
    false
}

/// Runs a script to its end; says whether there was an SDK to run it with.
#[must_use]
async fn holds(script: &'static str, facts: Value) -> bool {
    tokio::task::spawn_blocking(move || run(script, &facts)).await.expect("the script holds")
}

fn run(script: &str, facts: &Value) -> bool {
    let python = interpreter();
    if !has_sdk(&python) {
        return false;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let output = Command::new(&python)
        .arg(&path)
        .arg(facts.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the interpreter starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{script}\n{out}");
    assert!(output.status.success(), "{script} failed after\n{out}\n{err}");
    assert!(out.lines().any(|line| line.starts_with("ok: ")), "{script} checked nothing");
    true
}

/// Lags long enough to be seen by a slow interpreter, short enough to wait for; no rate limit.
fn unhurried() -> WorldSettings {
    WorldSettings {
        kms_per_second: None,
        messages_per_minute: None,
        skew_limit: Duration::from_secs(300),
        ..WorldSettings::lab()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_rotates_a_key() {
    let lab = Lab::new(unhurried()).await;
    let other = lab.world.add_vault(&lab.home, &lab.compartment, "other").done();
    let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
    let key = |vault, name: &str| lab.world.add_key(vault, &lab.compartment, name, a_year_ago).done();
    let _elsewhere = key(&other, "elsewhere");
    let mut keys: Vec<_> = (0..4).map(|n| key(&lab.vault, &format!("more-{n}"))).collect();
    keys.push(lab.key.clone());
    let facts = lab.facts(json!({ "vaults": [lab.vault, other], "keys": keys }));
    let ran = holds("kms.py", facts).await;
    if ran {
        assert_eq!(lab.world.minted_by(&lab.key, &lab.config.user), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_meets_401_and_429() {
    let lab = Lab::new(WorldSettings { kms_per_second: Some(5), ..unhurried() }).await;
    let files = tempfile::tempdir().expect("a folder");
    let other = lab.emulator.new_user().write_config(files.path()).expect("a config");
    let facts = lab.facts(json!({
        "other_key_file": other.key_path, "per_second": 5,
        "vault_url": lab.emulator.vault_url(&lab.vault).expect("a port"),
    }));
    let _ = holds("refusals.py", facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_finds_what_there_is() {
    let lab = Lab::new(unhurried()).await;
    let inner = lab.world.add_compartment("inner", &lab.compartment);
    let bucket = |n: usize, tag: &str| {
        let name = format!("bucket-{n}");
        lab.world.add_bucket(&lab.home, &inner, &name).key(&lab.key).tag("backup-encryption", tag).done()
    };
    let tagged: Vec<_> = (0..5).map(|n| bucket(n, "true")).collect();
    let _untagged = bucket(5, "false");
    let statements = [format!(
        "Allow service objectstorage-us-ashburn-1 to use keys in tenancy where target.key.id = '{}'",
        lab.key
    )];
    let policy = |name: &str| lab.world.add_policy(&lab.compartment, name, &[statements[0].as_str()]);
    let policies = ["one", "two"].map(|name| json!([policy(name), statements]));
    let facts = lab.facts(json!({ "compartments": [lab.compartment, inner], "tagged": tagged, "policies": policies }));
    let _ = holds("identity_and_search.py", facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_reencrypts_a_bucket_and_writes_objects() {
    let lab = Lab::new(unhurried()).await;
    let names: Vec<_> = (0..5).map(|n| format!("bucket-{n}")).collect();
    let bucket = |name: &String| lab.world.add_bucket(&lab.home, &lab.compartment, name).key(&lab.key).done();
    let buckets: Vec<_> = names.iter().map(bucket).collect();
    let before = lab.world.wrapping_version(&buckets[0]);
    let minted = lab.world.foreign_mint(&lab.key);
    // The flip must have passed before the script asks for anything.
    tokio::time::sleep(lab.world.settings().flip_delay + Duration::from_millis(100)).await;
    let facts = lab.facts(json!({ "buckets": names }));
    let ran = holds("storage.py", facts).await;
    if ran {
        assert_eq!(lab.world.wrapping_version(&buckets[0]), Some(minted));
        assert_eq!(lab.world.wrapping_version(&buckets[1]), before);
        assert_eq!(lab.world.reencrypts_of(&buckets[0]), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_publishes_a_notice() {
    let lab = Lab::new(unhurried()).await;
    let topic = lab.world.add_topic(&lab.home, &lab.compartment, "rotations");
    let facts = lab.facts(json!({ "topic": topic }));
    let ran = holds("notices.py", facts).await;
    if ran {
        assert_eq!(lab.world.messages(&topic).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_gives_volumes_and_backups_another_key() {
    let lab = Lab::new(unhurried()).await;
    let (world, now) = (&lab.world, lab.world.now());
    let successor = world.add_key(&lab.vault, &lab.compartment, "cards-2", now - Duration::from_secs(3600)).done();
    let volume = |n: usize| {
        let seed = world.add_volume(&lab.home, &lab.compartment, &format!("volume-{n}")).key(&lab.key);
        seed.domain(1 + n % 2).done()
    };
    let mut volumes: Vec<_> = (0..5).map(volume).collect();
    let far_off = now + Duration::from_secs(3600);
    let young = world.add_volume(&lab.home, &lab.compartment, "young").key(&lab.key).ready(far_off).done();
    volumes.push(young.clone());
    let boot = world.add_boot_volume(&lab.home, &lab.compartment, "boot").key(&lab.key).done();
    let (backup, boot_backup) = (world.add_backup(&volumes[0], "b").done(), world.add_backup(&boot, "bb").done());
    world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", 1));
    let facts = lab.facts(json!({
        "successor": successor, "volumes": volumes, "young": young, "boot": boot,
        "backup": backup, "boot_backup": boot_backup,
    }));
    let ran = holds("blocks.py", facts).await;
    if ran {
        for moved in [&volumes[0], &boot, &backup, &boot_backup] {
            assert_eq!(world.wrapping_version(moved), Some(world.current_version(&successor)));
        }
        assert_eq!(world.wrapping_version(&volumes[1]), Some(world.current_version(&lab.key)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_sends_what_the_transcript_of_block_storage_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("blocks_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        // What a newer SDK sends is put into the file from here, once it has been looked at.
        assert_eq!(seen, transcript::block_storage(), "recorded:\n{seen:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_posts_metrics_as_the_transcript_says_and_the_emulator_takes_them() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("metrics_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::metrics(), "recorded:\n{seen:#}");
        let _ = holds("metrics.py", lab.facts(json!({}))).await;
        assert_eq!(lab.world.posted_metrics().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_puts_log_entries_and_reads_rules_as_the_transcript_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::with_body(&json!({ "items": [] }));
    let mut facts = transcript::audit_sink_facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("audit_sinks_transcript.py", lab.facts(facts)).await;
    if ran {
        let mut seen = recorder.seen();
        transcript::without_precision(&mut seen);
        assert_eq!(seen, transcript::audit_sinks(), "recorded:\n{seen:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_puts_log_entries_and_reads_retention_rules() {
    let lab = Lab::new(unhurried()).await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "trail").done();
    lab.world.add_retention_rule(&bucket, "hold", None, None);
    lab.world.add_retention_rule(&bucket, "year", Some(keywheel::memory::Span::Years(1)), Some(lab.world.now()));
    let log = lab.world.add_custom_log(&lab.home, &lab.compartment);
    let facts = json!({ "log": log, "bucket": "trail", "namespace": lab.world.namespace() });
    if holds("audit_sinks.py", lab.facts(facts)).await {
        assert_eq!(lab.world.log_lines(&log).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_reads_audit_events_and_asks_as_the_transcript_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("audit_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::audit_events(), "recorded:\n{seen:#}");
        lab.world.configure(|settings| settings.audit_lag = Duration::ZERO);
        let vault_url = lab.emulator.vault_url(&lab.vault).expect("a port");
        let _ = holds("audit.py", lab.facts(json!({ "vault_url": vault_url }))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_lists_policies_as_the_transcript_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("policies_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::policies(), "recorded:\n{seen:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_finds_clusters_pools_and_configurations() {
    let lab = Lab::new(unhurried()).await;
    let cluster = |n: usize| lab.world.add_cluster(&lab.home, &lab.compartment, &format!("c-{n}")).key(&lab.key).done();
    let clusters: Vec<_> = (0..5).map(cluster).collect();
    let oracles = lab.world.add_cluster(&lab.home, &lab.compartment, "oracles").done();
    let pool = |n: usize| lab.world.add_node_pool(&lab.home, &lab.compartment, &format!("p-{n}")).key(&lab.key).done();
    let pools: Vec<_> = (0..2).map(pool).collect();
    let made = lab.world.now() - Duration::from_secs(3600);
    let successor = lab.world.add_key(&lab.vault, &lab.compartment, "next", made).done();
    let seed = lab.world.add_instance_configuration(&lab.home, &lab.compartment, "i").key(&lab.key);
    let configuration = seed.more_key(&successor).done();
    let facts = lab.facts(json!({
        "clusters": clusters, "oracles": oracles, "pools": pools, "successor": successor, "configuration": configuration,
    }));
    let _ = holds("holders.py", facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_sends_what_the_transcript_of_holders_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("holders_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::holders(), "recorded:\n{seen:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_updates_a_node_pool_as_the_transcript_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::with_body(&transcript::node_pool());
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("node_pool_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::node_pool_update(), "recorded:\n{seen:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_finds_backup_policies_and_what_they_are_assigned_to() {
    let lab = Lab::new(unhurried()).await;
    let (world, home) = (&lab.world, &lab.home);
    let policy = world.add_backup_policy(home, Some(&lab.compartment), "nightly", Some(&lab.away));
    let plain = world.add_backup_policy(home, Some(&lab.compartment), "weekly", None);
    let gold = world.add_backup_policy(home, None, "gold", None);
    let volume = world.add_volume(home, &lab.compartment, "data").done();
    let assignment = world.others_assign_backup_policy(&volume, &policy, Some(&lab.key));
    let group = world.add_volume_group(home, &lab.compartment, "db", std::slice::from_ref(&volume));
    let facts = lab.facts(json!({
        "policy": policy, "plain": plain, "gold": gold, "volume": volume, "assignment": assignment, "group": group,
    }));
    let _ = holds("backup_policies.py", facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_sends_what_the_transcript_of_backup_policies_says() {
    let lab = Lab::new(unhurried()).await;
    let recorder = Recorder::start();
    let mut facts = transcript::facts();
    facts["region"] = json!(recorder.url());
    let ran = holds("backup_policies_transcript.py", lab.facts(facts)).await;
    if ran {
        let seen = recorder.seen();
        assert_eq!(seen, transcript::backup_policies(), "recorded:\n{seen:#}");
    }
}

/// How many versions of the key were minted in somebody's name.
fn minted(lab: &Lab, principal: &str) -> usize {
    lab.world.minted_by(&lab.key, principal)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_is_a_session_a_function_an_instance_and_a_pod() {
    let lab = Lab::new(unhurried()).await;
    let files = tempfile::tempdir().expect("a folder");
    let (emulator, hour) = (&lab.emulator, Duration::from_secs(3600));
    let dir = |name: &str| files.path().join(name);
    let session = emulator.new_session(&dir("session"), hour).expect("written");
    let resource = emulator.new_resource(&dir("function"), hour).expect("written");
    let instance = emulator.new_instance().expect("a port");
    let pod = emulator.new_pod(&dir("pod")).expect("written");
    // The SDK renews a minute before the end: a token of less is renewed for every call.
    emulator.set_token_life(Duration::from_secs(120));
    let facts = lab.facts(json!({
        "vault_url": emulator.vault_url(&lab.vault).expect("a port"),
        "session": { "config": session.config_path },
        "resource": { "rpst": resource.rpst, "private_pem": resource.private_pem, "region": resource.region },
        "instance": { "metadata": instance.metadata_url },
        "pod": { "token": pod.token_path, "ca": pod.ca_path, "proxymux": pod.proxymux_url },
    }));
    let ran = holds("principals.py", facts).await;
    if ran {
        for principal in [session.principal(), resource.principal(), instance.principal(), pod.principal()] {
            assert_eq!(minted(&lab, principal), 1, "{principal}");
        }
        assert!(emulator.tokens_issued() >= 3, "the instance's token was fetched again after it was refused");
    }
}
