//! The official OCI CLI, unmodified, as a client: the commands that people type.
//!
//! Looks for the CLI at `KEYWHEEL_OCI_CLI`. Without it the test skips loudly, unless
//! `KEYWHEEL_REQUIRE` names `oci-cli`.
#![allow(clippy::disallowed_methods, reason = "the CLI is found through the environment, on the wall clock")]

mod common;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use common::lab::Lab;
use keywheel::memory::WorldSettings;
use serde_json::Value;

const INSTALL: &str = "target/venv/bin/pip install oci-cli==3.95.1";

/// The CLI with a config; every command goes to one endpoint.
struct Cli {
    program: PathBuf,
    config: PathBuf,
}

impl Cli {
    fn find(config: PathBuf) -> Option<Self> {
        if let Some(program) = std::env::var_os("KEYWHEEL_OCI_CLI").map(common::from_root) {
            let program = program.canonicalize().expect("KEYWHEEL_OCI_CLI names a program");
            return Some(Self { program, config });
        }
        let required = std::env::var("KEYWHEEL_REQUIRE").unwrap_or_default();
        let text = format!("SKIPPED: no official CLI.\n  {INSTALL}\n  export KEYWHEEL_OCI_CLI=target/venv/bin/oci\n");
        assert!(!required.split(',').any(|lane| lane == "oci-cli"), "KEYWHEEL_REQUIRE asks for it. {text}");
        // Past the test harness, which swallows what a passing test prints.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        None
    }

    /// What a command printed, or OCI's code if it failed; a tilde stands for a space within one argument.
    fn run(&self, endpoint: &str, command: &str) -> Result<Value, String> {
        let output = Command::new(&self.program)
            .args(command.split(' ').map(|argument| argument.replace('~', " ")))
            .args(["--endpoint", endpoint, "--no-retry", "--config-file"])
            .arg(&self.config)
            .env("OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING", "True")
            .env("SUPPRESS_LABEL_WARNING", "True")
            .output()
            .expect("the CLI starts");
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null));
        }
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let body = err.find('{').and_then(|at| serde_json::from_str::<Value>(&err[at..]).ok());
        Err(body.and_then(|body| body["code"].as_str().map(str::to_owned)).unwrap_or(err))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_cli_rotates_a_key_and_reencrypts_a_bucket() {
    let settings = WorldSettings { kms_per_second: None, skew_limit: Duration::from_secs(300), ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let Some(cli) = Cli::find(lab.config.config_path.clone()) else { return };
    let (home, vault_url) = (lab.at_home(""), lab.at_vault(""));
    let (compartment, key, namespace) = (lab.compartment.clone(), lab.key.clone(), lab.world.namespace());
    let vault = lab.vault.clone();
    let seen = tokio::task::spawn_blocking(move || {
        let vaults =
            cli.run(&home, &format!("kms management vault list --compartment-id {compartment}")).expect("vaults");
        assert_eq!(vaults["data"][0]["id"], vault.as_str());
        let read = cli.run(&vault_url, &format!("kms management key get --key-id {key}")).expect("a key");
        assert_eq!(read["data"]["lifecycle-state"], "ENABLED");
        let made =
            cli.run(&vault_url, &format!("kms management key-version create --key-id {key}")).expect("a version");
        assert_eq!(made["data"]["lifecycle-state"], "CREATING");
        let found = cli.run(&home, "search resource structured-search --query-text query~bucket~resources");
        assert_eq!(found.expect("a page")["data"]["items"][0]["display-name"], "ledger");
        let asked = cli.run(&home, &format!("os bucket reencrypt -ns {namespace} --bucket-name ledger"));
        assert!(asked.expect("a work request")["opc-work-request-id"].is_string());
        let none = cli.run(&vault_url, &format!("kms management key get --key-id {key}x"));
        assert_eq!(none, Err("NotAuthorizedOrNotFound".to_owned()));
    });
    seen.await.expect("the commands hold");
    assert_eq!(lab.world.minted_by(&lab.key, &lab.config.user), 1);
    assert_eq!(lab.world.reencrypts_of(&bucket), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_cli_gives_volumes_and_backups_another_key() {
    let settings = WorldSettings { kms_per_second: None, skew_limit: Duration::from_secs(300), ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    let other = lab.world.add_key(&lab.vault, &lab.compartment, "cards-2", lab.world.now()).done();
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "data").key(&lab.key).done();
    let boot = lab.world.add_boot_volume(&lab.home, &lab.compartment, "boot").key(&lab.key).done();
    let (backup, boot_backup) = (lab.world.add_backup(&volume, "b").done(), lab.world.add_backup(&boot, "bb").done());
    let Some(cli) = Cli::find(lab.config.config_path.clone()) else { return };
    let (home, compartment, key) = (lab.at_home(""), lab.compartment.clone(), other.clone());
    let ids = [volume.clone(), boot.clone(), backup.clone(), boot_backup.clone()];
    let seen = tokio::task::spawn_blocking(move || {
        let [volume, boot, backup, boot_backup] = ids;
        let listed = cli.run(&home, &format!("bv volume list --compartment-id {compartment}")).expect("volumes");
        assert_eq!(listed["data"][0]["id"], volume.as_str());
        for (command, id) in [
            ("bv volume-kms-key update --volume-id", &volume),
            ("bv boot-volume-kms-key update --boot-volume-id", &boot),
            ("bv backup update --volume-backup-id", &backup),
            ("bv boot-volume-backup update --boot-volume-backup-id", &boot_backup),
        ] {
            let told = cli.run(&home, &format!("{command} {id} --kms-key-id {key}")).expect(command);
            assert_eq!(told["data"]["kms-key-id"], key.as_str(), "{command}");
        }
        let deleted = cli.run(&home, &format!("bv volume-kms-key delete --force --volume-id {volume}"));
        assert_eq!(deleted, Err("MethodNotAllowed".to_owned()));
    });
    seen.await.expect("the commands hold");
    for moved in [volume, boot, backup, boot_backup] {
        assert_eq!(lab.world.wrapping(&moved).map(|wrapping| wrapping.key), Some(other.clone()));
    }
}
