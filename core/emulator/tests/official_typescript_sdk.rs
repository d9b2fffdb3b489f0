//! The official TypeScript SDK, unmodified, as a client: it signs `x-date` and writes names in mixed case.
//!
//! Looks for the SDK under `KEYWHEEL_NODE_SDK`, a folder with its `node_modules`. Without it the test
//! skips loudly, unless `KEYWHEEL_REQUIRE` names `typescript-sdk`.
#![allow(clippy::disallowed_methods, reason = "the SDK is found through the environment, on the wall clock")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::lab::Lab;
use keywheel::memory::WorldSettings;
use serde_json::json;

const INSTALL: &str = "npm install --prefix target/node-sdk oci-common oci-keymanagement oci-objectstorage";

/// Runs the script; says whether there was an SDK to run it with.
fn run(facts: &str) -> bool {
    let modules = std::env::var_os("KEYWHEEL_NODE_SDK").map(|folder| common::from_root(folder).join("node_modules"));
    let Some(modules) = modules.filter(|modules| modules.join("oci-keymanagement").is_dir()) else {
        let required = std::env::var("KEYWHEEL_REQUIRE").unwrap_or_default();
        let text =
            format!("SKIPPED: no official TypeScript SDK.\n  {INSTALL}\n  export KEYWHEEL_NODE_SDK=target/node-sdk\n");
        assert!(!required.split(',').any(|lane| lane == "typescript-sdk"), "KEYWHEEL_REQUIRE asks for it. {text}");
        // Past the test harness, which swallows what a passing test prints.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/kms.cjs");
    let modules = modules.canonicalize().expect("the folder was there");
    let output = Command::new("node").arg(script).arg(facts).env("NODE_PATH", modules).output().expect("node starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "kms.cjs failed after\n{out}\n{err}");
    assert!(out.lines().any(|line| line.starts_with("ok: ")), "kms.cjs checked nothing");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_sdk_rotates_a_key_and_writes_an_object() {
    let settings = WorldSettings { kms_per_second: None, skew_limit: Duration::from_secs(300), ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let facts = lab.facts(json!({ "bucket": "ledger" })).to_string();
    let ran = tokio::task::spawn_blocking(move || run(&facts)).await.expect("the script holds");
    if ran {
        assert_eq!(lab.world.minted_by(&lab.key, &lab.config.user), 1);
        assert_eq!(lab.world.reencrypts_of(&bucket), 1);
    }
}
