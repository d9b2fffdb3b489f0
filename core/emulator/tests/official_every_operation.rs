//! Every operation of keywheel's table through the official OCI CLI and the official TypeScript SDK, unmodified.
//!
//! The table below has a row for each operation, in order. What was really done is counted by the emulator: an
//! operation without a row, or a row whose client did not get a good answer to that operation, fails.
#![allow(clippy::disallowed_methods, reason = "the clients are found through the environment, on the wall clock")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::lab::Lab;
use keywheel::adapters::operation::{Operation, Service};
use keywheel::memory::WorldSettings;
use serde_json::{Value, json};

const INSTALL_CLI: &str = "target/venv/bin/pip install oci-cli==3.95.1";
const INSTALL_SDK: &str = "npm install --prefix target/node-sdk, of the packages in .ci/lanes";

/// What an official client cannot do, and why. A row of it that comes true again fails, too.
const LACKING: &[(Client, Operation, &str)] = &[];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Cli,
    TypeScript,
}

/// One operation, as a command and as a call. `{names}` are filled from the facts, or from what was kept.
struct Row {
    operation: Operation,
    command: &'static str,
    call: &'static str,
    request: Value,
    /// What a later row needs of the answer.
    keep: &'static [&'static str],
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Operation::*;
    let row = |operation, command, call, request| Row { operation, command, call, request, keep: &[] };
    let keep = |row: Row, keep| Row { keep, ..row };
    vec![
        row(GetTenancy, "iam tenancy get --tenancy-id {tenancy}", "oci-identity.IdentityClient.getTenancy", json!({ "tenancyId": "{tenancy}" })),
        row(ListCompartments, "iam compartment list --compartment-id {tenancy}", "oci-identity.IdentityClient.listCompartments", json!({ "compartmentId": "{tenancy}" })),
        row(ListPolicies, "iam policy list --compartment-id {compartment}", "oci-identity.IdentityClient.listPolicies", json!({ "compartmentId": "{compartment}" })),
        row(ListAvailabilityDomains, "iam availability-domain list --compartment-id {compartment}", "oci-identity.IdentityClient.listAvailabilityDomains", json!({ "compartmentId": "{compartment}" })),
        row(ListRegionSubscriptions, "iam region-subscription list --tenancy-id {tenancy}", "oci-identity.IdentityClient.listRegionSubscriptions", json!({ "tenancyId": "{tenancy}" })),
        row(ListVaults, "kms management vault list --compartment-id {compartment}", "oci-keymanagement.KmsVaultClient.listVaults", json!({ "compartmentId": "{compartment}" })),
        row(GetVault, "kms management vault get --vault-id {vault}", "oci-keymanagement.KmsVaultClient.getVault", json!({ "vaultId": "{vault}" })),
        row(GetVaultUsage, "kms management vault usage get --vault-id {vault}", "oci-keymanagement.KmsVaultClient.getVaultUsage", json!({ "vaultId": "{vault}" })),
        row(ListVaultReplicas, "kms management vault list-vault-replicas --vault-id {vault}", "oci-keymanagement.KmsVaultClient.listVaultReplicas", json!({ "vaultId": "{vault}" })),
        row(ListKeys, "kms management key list --compartment-id {compartment}", "oci-keymanagement.KmsManagementClient.listKeys", json!({ "compartmentId": "{compartment}" })),
        row(CreateKey, "kms management key create --compartment-id {compartment} --display-name made --key-shape {shape}", "oci-keymanagement.KmsManagementClient.createKey",
            json!({ "createKeyDetails": { "compartmentId": "{compartment}", "displayName": "made", "keyShape": { "algorithm": "AES", "length": 32 } } })),
        row(GetKey, "kms management key get --key-id {key}", "oci-keymanagement.KmsManagementClient.getKey", json!({ "keyId": "{key}" })),
        row(UpdateKey, "kms management key update --force --key-id {key} --freeform-tags {tags}", "oci-keymanagement.KmsManagementClient.updateKey",
            json!({ "keyId": "{key}", "updateKeyDetails": { "freeformTags": { "a": "b" } } })),
        row(ListKeyVersions, "kms management key-version list --key-id {key}", "oci-keymanagement.KmsManagementClient.listKeyVersions", json!({ "keyId": "{key}" })),
        row(CreateKeyVersion, "kms management key-version create --key-id {key}", "oci-keymanagement.KmsManagementClient.createKeyVersion", json!({ "keyId": "{key}" })),
        keep(row(GetKeyVersion, "kms management key-version get --key-id {key} --key-version-id {version}", "oci-keymanagement.KmsManagementClient.getKeyVersion",
            json!({ "keyId": "{key}", "keyVersionId": "{version}" })), &["replication-id"]),
        row(GetReplicationStatus, "kms management replication-status-details get-replication-status --replication-id {replication-id}",
            "oci-keymanagement.KmsManagementClient.getReplicationStatus", json!({ "replicationId": "{replication-id}" })),
        row(SearchResources, "search resource structured-search --query-text query~all~resources", "oci-resourcesearch.ResourceSearchClient.searchResources",
            json!({ "searchDetails": { "type": "Structured", "query": "query all resources" } })),
        row(ListResourceTypes, "search resource-type list", "oci-resourcesearch.ResourceSearchClient.listResourceTypes", json!({})),
        row(GetNamespace, "os ns get", "oci-objectstorage.ObjectStorageClient.getNamespace", json!({})),
        row(ListBuckets, "os bucket list -ns {namespace} --compartment-id {compartment}", "oci-objectstorage.ObjectStorageClient.listBuckets",
            json!({ "namespaceName": "{namespace}", "compartmentId": "{compartment}" })),
        row(GetBucket, "os bucket get -ns {namespace} -bn ledger", "oci-objectstorage.ObjectStorageClient.getBucket",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger" })),
        row(UpdateBucket, "os bucket update -ns {namespace} -bn ledger --kms-key-id {key}", "oci-objectstorage.ObjectStorageClient.updateBucket",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger", "updateBucketDetails": { "kmsKeyId": "{key}" } })),
        keep(row(ReencryptBucket, "os bucket reencrypt -ns {namespace} --bucket-name ledger", "oci-objectstorage.ObjectStorageClient.reencryptBucket",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger" })), &["opc-work-request-id"]),
        row(ListWorkRequests, "os work-request list --compartment-id {compartment}", "oci-objectstorage.ObjectStorageClient.listWorkRequests", json!({ "compartmentId": "{compartment}" })),
        row(GetWorkRequest, "os work-request get --work-request-id {opc-work-request-id}", "oci-objectstorage.ObjectStorageClient.getWorkRequest",
            json!({ "workRequestId": "{opc-work-request-id}" })),
        row(ListObjects, "os object list -ns {namespace} -bn ledger", "oci-objectstorage.ObjectStorageClient.listObjects",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger" })),
        row(GetObject, "os object get -ns {namespace} -bn ledger --name there --file -", "oci-objectstorage.ObjectStorageClient.getObject",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger", "objectName": "there" })),
        row(HeadObject, "os object head -ns {namespace} -bn ledger --name there", "oci-objectstorage.ObjectStorageClient.headObject",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger", "objectName": "there" })),
        row(PutObject, "os object put -ns {namespace} -bn ledger --name there --force --no-multipart --file {config}", "oci-objectstorage.ObjectStorageClient.putObject",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger", "objectName": "there", "putObjectBody": "{}", "contentLength": 2 })),
        row(ListRetentionRules, "os retention-rule list -ns {namespace} --bucket-name ledger", "oci-objectstorage.ObjectStorageClient.listRetentionRules",
            json!({ "namespaceName": "{namespace}", "bucketName": "ledger" })),
        row(PutLogs, "logging-ingestion put-logs --log-id {log} --specversion 1.0 --log-entry-batches {entries}", "oci-loggingingestion.LoggingClient.putLogs",
            json!({ "logId": "{log}", "putLogsDetails": { "specversion": "1.0", "logEntryBatches": [{
                "source": "keywheel", "type": "audit", "defaultlogentrytime": "{now}", "entries": [{ "id": "1", "data": "{}" }],
            }] } })),
        row(ListVolumes, "bv volume list --compartment-id {compartment}", "oci-core.BlockstorageClient.listVolumes", json!({ "compartmentId": "{compartment}" })),
        row(GetVolume, "bv volume get --volume-id {volume}", "oci-core.BlockstorageClient.getVolume", json!({ "volumeId": "{volume}" })),
        row(UpdateVolumeKmsKey, "bv volume-kms-key update --volume-id {volume} --kms-key-id {other}", "oci-core.BlockstorageClient.updateVolumeKmsKey",
            json!({ "volumeId": "{volume}", "updateVolumeKmsKeyDetails": { "kmsKeyId": "{other}" } })),
        row(ListBootVolumes, "bv boot-volume list --compartment-id {compartment}", "oci-core.BlockstorageClient.listBootVolumes", json!({ "compartmentId": "{compartment}" })),
        row(GetBootVolume, "bv boot-volume get --boot-volume-id {boot}", "oci-core.BlockstorageClient.getBootVolume", json!({ "bootVolumeId": "{boot}" })),
        row(UpdateBootVolumeKmsKey, "bv boot-volume-kms-key update --boot-volume-id {boot} --kms-key-id {other}", "oci-core.BlockstorageClient.updateBootVolumeKmsKey",
            json!({ "bootVolumeId": "{boot}", "updateBootVolumeKmsKeyDetails": { "kmsKeyId": "{other}" } })),
        row(ListVolumeBackups, "bv backup list --compartment-id {compartment}", "oci-core.BlockstorageClient.listVolumeBackups", json!({ "compartmentId": "{compartment}" })),
        row(GetVolumeBackup, "bv backup get --volume-backup-id {backup}", "oci-core.BlockstorageClient.getVolumeBackup", json!({ "volumeBackupId": "{backup}" })),
        row(UpdateVolumeBackup, "bv backup update --volume-backup-id {backup} --kms-key-id {other}", "oci-core.BlockstorageClient.updateVolumeBackup",
            json!({ "volumeBackupId": "{backup}", "updateVolumeBackupDetails": { "kmsKeyId": "{other}" } })),
        row(ListBootVolumeBackups, "bv boot-volume-backup list --compartment-id {compartment}", "oci-core.BlockstorageClient.listBootVolumeBackups", json!({ "compartmentId": "{compartment}" })),
        row(GetBootVolumeBackup, "bv boot-volume-backup get --boot-volume-backup-id {boot-backup}", "oci-core.BlockstorageClient.getBootVolumeBackup",
            json!({ "bootVolumeBackupId": "{boot-backup}" })),
        row(UpdateBootVolumeBackup, "bv boot-volume-backup update --boot-volume-backup-id {boot-backup} --kms-key-id {other}",
            "oci-core.BlockstorageClient.updateBootVolumeBackup",
            json!({ "bootVolumeBackupId": "{boot-backup}", "updateBootVolumeBackupDetails": { "kmsKeyId": "{other}" } })),
        row(ListBlockVolumeReplicas, "bv block-volume-replica list --compartment-id {compartment}", "oci-core.BlockstorageClient.listBlockVolumeReplicas",
            json!({ "compartmentId": "{compartment}" })),
        row(GetBlockVolumeReplica, "bv block-volume-replica get --block-volume-replica-id {replica}", "oci-core.BlockstorageClient.getBlockVolumeReplica",
            json!({ "blockVolumeReplicaId": "{replica}" })),
        row(ListBootVolumeReplicas, "bv boot-volume-replica list --compartment-id {compartment}", "oci-core.BlockstorageClient.listBootVolumeReplicas",
            json!({ "compartmentId": "{compartment}" })),
        row(GetBootVolumeReplica, "bv boot-volume-replica get --boot-volume-replica-id {boot-replica}", "oci-core.BlockstorageClient.getBootVolumeReplica",
            json!({ "bootVolumeReplicaId": "{boot-replica}" })),
        row(ListVolumeBackupPolicies, "bv volume-backup-policy list --compartment-id {compartment}", "oci-core.BlockstorageClient.listVolumeBackupPolicies",
            json!({ "compartmentId": "{compartment}" })),
        row(GetVolumeBackupPolicy, "bv volume-backup-policy get --policy-id {backup-policy}", "oci-core.BlockstorageClient.getVolumeBackupPolicy",
            json!({ "policyId": "{backup-policy}" })),
        row(GetVolumeBackupPolicyAssetAssignment, "bv volume-backup-policy-assignment get-volume-backup-policy-asset-assignment --asset-id {volume}",
            "oci-core.BlockstorageClient.getVolumeBackupPolicyAssetAssignment", json!({ "assetId": "{volume}" })),
        row(GetVolumeBackupPolicyAssignment, "bv volume-backup-policy-assignment get --policy-assignment-id {assignment}",
            "oci-core.BlockstorageClient.getVolumeBackupPolicyAssignment", json!({ "policyAssignmentId": "{assignment}" })),
        row(ListVolumeGroups, "bv volume-group list --compartment-id {compartment}", "oci-core.BlockstorageClient.listVolumeGroups",
            json!({ "compartmentId": "{compartment}" })),
        row(ListClusters, "ce cluster list --compartment-id {compartment}", "oci-containerengine.ContainerEngineClient.listClusters", json!({ "compartmentId": "{compartment}" })),
        row(GetCluster, "ce cluster get --cluster-id {cluster}", "oci-containerengine.ContainerEngineClient.getCluster", json!({ "clusterId": "{cluster}" })),
        row(ListNodePools, "ce node-pool list --compartment-id {compartment}", "oci-containerengine.ContainerEngineClient.listNodePools", json!({ "compartmentId": "{compartment}" })),
        row(GetNodePool, "ce node-pool get --node-pool-id {pool}", "oci-containerengine.ContainerEngineClient.getNodePool", json!({ "nodePoolId": "{pool}" })),
        keep(row(UpdateNodePool, "ce node-pool update --force --node-pool-id {pool} --size 3 --kms-key-id {other}", "oci-containerengine.ContainerEngineClient.updateNodePool",
            json!({ "nodePoolId": "{pool}", "updateNodePoolDetails": { "nodeConfigDetails": { "size": 3, "kmsKeyId": "{other}" } } })), &["opc-work-request-id"]),
        row(ListClusterWorkRequests, "ce work-request list --compartment-id {compartment}", "oci-containerengine.ContainerEngineClient.listWorkRequests",
            json!({ "compartmentId": "{compartment}" })),
        row(GetClusterWorkRequest, "ce work-request get --work-request-id {opc-work-request-id}", "oci-containerengine.ContainerEngineClient.getWorkRequest",
            json!({ "workRequestId": "{opc-work-request-id}" })),
        row(ListInstanceConfigurations, "compute-management instance-configuration list --compartment-id {compartment}", "oci-core.ComputeManagementClient.listInstanceConfigurations",
            json!({ "compartmentId": "{compartment}" })),
        row(GetInstanceConfiguration, "compute-management instance-configuration get --instance-configuration-id {configuration}",
            "oci-core.ComputeManagementClient.getInstanceConfiguration", json!({ "instanceConfigurationId": "{configuration}" })),
        row(ListEvents, "audit event list --compartment-id {compartment} --start-time {hour} --end-time {minute}", "oci-audit.AuditClient.listEvents",
            json!({ "compartmentId": "{compartment}", "startTime": "{hour}", "endTime": "{minute}" })),
        row(PostMetricData, "monitoring metric-data post --metric-data {metrics}", "oci-monitoring.MonitoringClient.postMetricData",
            json!({ "postMetricDataDetails": { "metricData": [{
                "namespace": "keywheel", "compartmentId": "{compartment}", "name": "keys", "dimensions": { "a": "b" },
                "datapoints": [{ "timestamp": "{now}", "value": 1.0 }],
            }] } })),
        row(GetTopic, "ons topic get --topic-id {topic}", "oci-ons.NotificationControlPlaneClient.getTopic", json!({ "topicId": "{topic}" })),
        row(PublishMessage, "ons message publish --topic-id {topic} --title t --body b", "oci-ons.NotificationDataPlaneClient.publishMessage",
            json!({ "topicId": "{topic}", "messageDetails": { "title": "t", "body": "b" } })),
    ]
}

/// A cloud with one of everything that the rows name, and a version that has reached every list.
async fn lab() -> (Lab, BTreeMap<&'static str, String>) {
    let lab = Lab::new(WorldSettings {
        kms_per_second: None,
        messages_per_minute: None,
        skew_limit: Duration::from_secs(300),
        ..WorldSettings::instant()
    })
    .await;
    let (world, home, away, compartment) = (&lab.world, &lab.home, &lab.away, &lab.compartment);
    let other = world.add_key(&lab.vault, compartment, "cards-2", world.now()).done();
    let version = world.foreign_mint(&lab.key);
    world.add_bucket(home, compartment, "ledger").key(&lab.key).done();
    let volume = world.add_volume(home, compartment, "data").key(&lab.key).done();
    let boot = world.add_boot_volume(home, compartment, "boot").key(&lab.key).done();
    let (backup, boot_backup) = (world.add_backup(&volume, "b").done(), world.add_backup(&boot, "bb").done());
    let mirrored = world.add_volume(away, compartment, "mirrored").done();
    let boot_mirrored = world.add_boot_volume(away, compartment, "boot-mirrored").done();
    let policy = world.add_backup_policy(home, Some(compartment), "nightly", Some(away));
    let assignment = world.others_assign_backup_policy(&volume, &policy, None);
    let now = world.now().to_string();
    let facts = BTreeMap::from([
        ("tenancy", world.tenancy_id().to_string()),
        ("compartment", compartment.to_string()),
        ("vault", lab.vault.to_string()),
        ("key", lab.key.to_string()),
        ("other", other.to_string()),
        ("version", version.to_string()),
        ("namespace", world.namespace().to_string()),
        ("volume", volume.to_string()),
        ("boot", boot.to_string()),
        ("backup", backup.to_string()),
        ("boot-backup", boot_backup.to_string()),
        ("backup-policy", policy.to_string()),
        ("assignment", assignment.to_string()),
        ("replica", world.add_replica(&mirrored, home, "r").done().to_string()),
        ("boot-replica", world.add_replica(&boot_mirrored, home, "br").done().to_string()),
        ("cluster", world.add_cluster(home, compartment, "c").key(&lab.key).done().to_string()),
        ("pool", world.add_node_pool(home, compartment, "p").key(&lab.key).done().to_string()),
        ("configuration", world.add_instance_configuration(home, compartment, "i").key(&lab.key).done().to_string()),
        ("topic", world.add_topic(home, compartment, "rotations").to_string()),
        ("config", lab.config.config_path.display().to_string()),
        ("shape", r#"{"algorithm":"AES","length":32}"#.to_owned()),
        ("tags", r#"{"a":"b"}"#.to_owned()),
        ("hour", minute(world.now() - Duration::from_secs(3600))),
        ("minute", minute(world.now())),
        ("now", now.clone()),
        ("log", world.add_custom_log(home, compartment).to_string()),
        (
            "entries",
            json!([{
                "source": "keywheel", "type": "audit", "defaultlogentrytime": now, "entries": [{ "id": "1", "data": "{}" }],
            }])
            .to_string(),
        ),
        (
            "metrics",
            json!([{
                "namespace": "keywheel", "compartmentId": compartment, "name": "keys", "dimensions": { "a": "b" },
                "datapoints": [{ "timestamp": now, "value": 1.0 }],
            }])
            .to_string(),
        ),
    ]);
    (lab, facts)
}

/// Audit wants whole minutes.
fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:00.000Z").to_string()
}

fn filled(text: &str, facts: &BTreeMap<&str, String>) -> String {
    facts.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The same inside JSON, where only names stand between braces.
fn filled_in(value: &Value, facts: &BTreeMap<&str, String>) -> Value {
    match value {
        Value::Array(all) => all.iter().map(|one| filled_in(one, facts)).collect(),
        Value::Object(all) => all.iter().map(|(name, one)| (name.clone(), filled_in(one, facts))).collect(),
        Value::String(text) => filled(text, facts).into(),
        other => other.clone(),
    }
}

fn is_done(client: Client, row: &Row) -> bool {
    !LACKING.iter().any(|(who, operation, _)| (*who, *operation) == (client, row.operation))
}

/// The rows that this client can do, what writes an object before what reads it.
fn ordered(client: Client) -> Vec<Row> {
    let mut rows: Vec<_> = rows().into_iter().filter(|row| is_done(client, row)).collect();
    rows.sort_by_key(|row| row.operation != Operation::PutObject);
    rows
}

fn endpoint(lab: &Lab, operation: Operation) -> String {
    if operation.service() == Service::KmsManagement { lab.at_vault("") } else { lab.at_home("") }
}

fn skip(lane: &str, what: &str, install: &str) {
    let required = std::env::var("KEYWHEEL_REQUIRE").unwrap_or_default();
    let text = format!("SKIPPED: {what}.\n  {install}\n");
    assert!(!required.split(',').any(|one| one == lane), "KEYWHEEL_REQUIRE asks for it. {text}");
    // Past the test harness, which swallows what a passing test prints.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Runs a client to its end, away from the emulator's own threads.
async fn ends_well(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ran").expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "after\n{out}\n{err}");
}

/// The emulator's count against the table, and against what is said to be lacking.
fn was_all_done(client: Client, lab: &Lab) {
    let done: BTreeSet<_> = lab.emulator.answered(&lab.config.user).into_keys().collect();
    for operation in Operation::all() {
        let lacking = LACKING.iter().find(|(who, one, _)| (*who, *one) == (client, *operation));
        match (done.contains(operation), lacking) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => panic!("{client:?} got no good answer to {}", operation.name()),
            (true, Some((_, _, why))) => panic!("{client:?} can do {} after all: {why}", operation.name()),
        }
    }
}

#[test]
fn every_operation_has_a_row() {
    let rows: Vec<_> = rows().iter().map(|row| row.operation).collect();
    assert_eq!(rows, Operation::all(), "one row for each operation, in the order of the table");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_cli_does_every_operation() {
    let Some(program) = std::env::var_os("KEYWHEEL_OCI_CLI").map(common::from_root) else {
        return skip("oci-cli", "no official CLI", INSTALL_CLI);
    };
    // The interpreter that the program itself names on its first line.
    let program = std::fs::read_to_string(program).expect("KEYWHEEL_OCI_CLI names a program");
    let python = program.lines().next().and_then(|line| line.strip_prefix("#!")).expect("a script of Python's");
    let (lab, facts) = lab().await;
    let row = |row: &Row| {
        let mut arguments: Vec<_> = row.command.split(' ').map(|one| filled(one, &facts).replace('~', " ")).collect();
        let config = &facts["config"];
        arguments.extend(
            ["--endpoint", &endpoint(&lab, row.operation), "--no-retry", "--config-file", config].map(str::to_owned),
        );
        json!({ "operation": row.operation.name(), "arguments": arguments, "keep": row.keep })
    };
    let rows: Vec<_> = ordered(Client::Cli).iter().map(row).collect();
    let mut command = Command::new(python.trim());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/every_command.py");
    command.arg(script).arg(json!(rows).to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
    ends_well(command).await;
    was_all_done(Client::Cli, &lab);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_sdk_does_every_operation() {
    let modules = std::env::var_os("KEYWHEEL_NODE_SDK").map(|folder| common::from_root(folder).join("node_modules"));
    let Some(modules) = modules.filter(|modules| modules.join("oci-ons").is_dir()) else {
        return skip("typescript-sdk", "no official TypeScript SDK, or not every package of it", INSTALL_SDK);
    };
    let (lab, facts) = lab().await;
    let row = |row: &Row| {
        json!({
            "operation": row.operation.name(), "call": row.call, "request": filled_in(&row.request, &facts),
            "endpoint": endpoint(&lab, row.operation), "keep": row.keep,
        })
    };
    let rows: Vec<_> = ordered(Client::TypeScript).iter().map(row).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/every_call.cjs");
    let asked = json!({ "config": facts["config"], "rows": rows }).to_string();
    let mut command = Command::new("node");
    command.arg(script).arg(asked).env("NODE_PATH", modules.canonicalize().expect("the folder was there"));
    ends_well(command).await;
    was_all_done(Client::TypeScript, &lab);
}
