//! Each thing that must stop a rotation: refused with its own reason, before anything is written to the cloud.

mod rig;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::Duration;

use keywheel::memory::WorldSettings;
use keywheel::model::{KeyId, KeyState, KeyVersionId, Timestamp};
use rig::seed::{KEY_AGE, Tenancy};
use rig::{Rig, said};

/// Runs `rotate KEY --yes`; requires an exit code, words in what it says, and that nothing was written.
async fn refused(rig: &Rig, key: &KeyId, code: i32, words: &[&str]) -> Output {
    let before = rig.tenancy.world.writes();
    let output = rig.run(&["rotate", key.as_str(), "--yes"]).await;
    let said = said(&output);
    for word in words {
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{word:?} in {said}");
    }
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(rig.tenancy.world.writes(), before, "nothing is written to the cloud: {said}");
    output
}

/// A rig whose managed key is made by `make`, and what it refuses with.
async fn key_is_refused(make: impl FnOnce(&Tenancy) -> KeyId, words: &[&str]) {
    let mut key = None;
    let made = |tenancy: &Tenancy| key.insert(make(tenancy)).clone();
    let rig = Rig::started(WorldSettings::lab(), Timestamp::now, made).await;
    let key = key.expect("it was made");
    refused(&rig, &key, 6, words).await;
}

fn born() -> Timestamp {
    Timestamp::now() - KEY_AGE
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_key() {
    let make = |t: &Tenancy| t.world.add_key(&t.vault, &t.compartment, "k", born()).state(KeyState::Disabled).done();
    key_is_refused(make, &["disabled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_to_be_deleted() {
    let make = |t: &Tenancy| {
        let key = t.world.add_key(&t.vault, &t.compartment, "k", born()).done();
        t.world.others_set_key_state(&key, KeyState::PendingDeletion);
        key
    };
    key_is_refused(make, &["deletion"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_replica_vault() {
    let make = |t: &Tenancy| {
        let vault = t.world.add_vault(&t.home, &t.compartment, "copy").is_replica().done();
        t.world.add_key(&vault, &t.compartment, "k", born()).done()
    };
    key_is_refused(make, &["replica"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_key() {
    key_is_refused(|t| t.world.add_key(&t.vault, &t.compartment, "k", born()).external().done(), &["external"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asymmetric_key() {
    let make = |t: &Tenancy| t.world.add_key(&t.vault, &t.compartment, "k", born()).shape("RSA", 256).done();
    key_is_refused(make, &["asymmetric", "RSA"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_key() {
    key_is_refused(|t| t.world.add_key(&t.vault, &t.compartment, "k", born()).imported().done(), &["imported"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_oci_rotates_by_itself() {
    let make = |t: &Tenancy| t.world.add_key(&t.vault, &t.compartment, "k", born()).auto_rotating(60).done();
    key_is_refused(make, &["OCI rotates this key by itself"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_whose_quota_is_used_up() {
    let rig = Rig::start().await;
    rig.edit_config("versions_per_vault = 100 ", "versions_per_vault = 1 ");
    let key = rig.tenancy.key.clone();
    refused(&rig, &key, 6, &["1 versions of 1", "limit"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_dependents_than_the_blast_radius() {
    let rig = Rig::start().await;
    rig.edit_config("blast_radius = 500 ", "blast_radius = 5 ");
    let key = rig.tenancy.key.clone();
    refused(&rig, &key, 3, &["18 dependents", "blast radius of 5", "limits.blast_radius"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_named_that_is_not_current() {
    let rig = Rig::start().await;
    let named = KeyVersionId::parse("ocid1.keyversion.oc1.iad.aaaa.somebodyelses").expect("an OCID");
    let args = ["rotate", rig.tenancy.key.as_str(), "--yes", "--now", "--supersedes", named.as_str()];
    let output = rig.run(&args).await;
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert!(said(&output).contains("not current any more"), "{}", said(&output));
    assert_eq!(rig.tenancy.world.writes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off() {
    let ahead = || Timestamp::now() + Duration::from_secs(600);
    let rig = Rig::started(WorldSettings::lab(), ahead, |tenancy| tenancy.key.clone()).await;
    let key = rig.tenancy.key.clone();
    let output = rig.run(&["rotate", key.as_str(), "--yes"]).await;
    assert_ne!(output.status.code(), Some(0));
    assert!(said(&output).contains("clock"), "{}", said(&output));
    assert_eq!(rig.tenancy.world.versions(&key).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_key_of_somebody_else() {
    let rig = Rig::start().await;
    let other = rig.emulator.new_user().write_config(&rig.folder.0.join("other")).expect("a folder");
    std::fs::copy(other.key_path, rig.folder.0.join("oci/key.pem")).expect("a file");
    let key = rig.tenancy.key.clone();
    refused(&rig, &key, 2, &["fingerprint"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_passphrase() {
    let rig = Rig::start().await;
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/adapters/oci/credentials/fixtures/pbes2.pem");
    std::fs::copy(fixture, rig.folder.0.join("oci/key.pem")).expect("a fixture");
    std::fs::write(rig.folder.0.join("passphrase"), "not this one\n").expect("a file");
    rig.edit_config("# passphrase_file = \"~/.oci/passphrase\"", "passphrase_file = \"passphrase\"");
    let key = rig.tenancy.key.clone();
    let output = refused(&rig, &key, 2, &["passphrase"]).await;
    assert!(!said(&output).contains("not this one"), "a passphrase is never repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_region() {
    let rig = Rig::start().await;
    rig.edit_oci_config("region=us-ashburn-1", "region=us-nowhere-1");
    let key = rig.tenancy.key.clone();
    refused(&rig, &key, 2, &["us-nowhere-1"]).await;
}

/// Rotates once, so that there is a journal to damage.
async fn rig_with_journal() -> Rig {
    let rig = Rig::start().await;
    rig.kill_at("append mint_intended:after#1").await;
    rig
}

/// Runs `resume` against a damaged journal: refused, and neither cloud nor file changes.
async fn journal_is_refused(rig: &Rig, words: &[&str]) {
    let (writes, bytes) = (rig.tenancy.world.writes(), std::fs::read(rig.folder.journal()).expect("a file"));
    let output = rig.run(&["resume"]).await;
    let said = said(&output);
    assert!(matches!(output.status.code(), Some(1 | 6)), "{said}");
    for word in words {
        assert!(said.to_lowercase().contains(word), "{word:?} in {said}");
    }
    assert_eq!(rig.tenancy.world.writes(), writes, "nothing is written to the cloud");
    assert_eq!(std::fs::read(rig.folder.journal()).expect("a file"), bytes, "the journal is not changed");
}

/// Changes the file as no keywheel would, and folds the log into it.
fn tamper(rig: &Rig, sql: &str) {
    let file = rusqlite::Connection::open(rig.folder.journal()).expect("a file");
    file.execute_batch(sql).expect("valid SQL");
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("valid SQL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_from_the_future() {
    let rig = rig_with_journal().await;
    tamper(&rig, "PRAGMA user_version = 4711;");
    journal_is_refused(&rig, &["newer"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_no_journal() {
    let rig = Rig::start().await;
    std::fs::write(rig.folder.journal(), "dear diary, today nothing was rotated at all").expect("a file");
    let key = rig.tenancy.key.clone();
    refused(&rig, &key, 6, &["sqlite"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_journal() {
    let rig = rig_with_journal().await;
    tamper(&rig, "");
    let journal = rig.folder.journal();
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o400)).expect("ours");
    if std::fs::OpenOptions::new().append(true).open(&journal).is_ok() {
        eprintln!("skipped: this user may write to read-only files");
        return;
    }
    journal_is_refused(&rig, &["written"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_journal() {
    let rig = rig_with_journal().await;
    let other = rusqlite::Connection::open(rig.folder.journal()).expect("a file");
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;").expect("nobody else has it");
    let writes = rig.tenancy.world.writes();
    let output = rig.run(&["resume"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).to_lowercase().contains("lock"), "{}", said(&output));
    assert_eq!(rig.tenancy.world.writes(), writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_a_changed_line() {
    let rig = rig_with_journal().await;
    let file = rusqlite::Connection::open(rig.folder.journal()).expect("a file");
    let read = "SELECT sql FROM sqlite_master WHERE name = 'lines_no_update'";
    let trigger: String = file.query_row(read, [], |row| row.get(0)).expect("the wall against updates");
    drop(file);
    let change =
        "UPDATE lines SET text = replace(text, '\"generation\":1', '\"generation\":2') WHERE stream LIKE 'r/%'";
    tamper(&rig, &format!("DROP TRIGGER lines_no_update; {change}; {trigger};"));
    journal_is_refused(&rig, &["hash"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_a_lost_line() {
    let rig = rig_with_journal().await;
    let file = rusqlite::Connection::open(rig.folder.journal()).expect("a file");
    let read = "SELECT sql FROM sqlite_master WHERE name = 'lines_no_delete'";
    let trigger: String = file.query_row(read, [], |row| row.get(0)).expect("the wall against deletes");
    drop(file);
    let lose = "DELETE FROM lines WHERE stream GLOB 'r/*' AND stream NOT GLOB 'r/*/p/*' AND seq = 2";
    tamper(&rig, &format!("DROP TRIGGER lines_no_delete; {lose}; {trigger};"));
    journal_is_refused(&rig, &["lines before it are missing"]).await;
}
