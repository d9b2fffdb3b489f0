//! Least privilege over the wire: a mixed key is rotated through the OCI adapters with exactly the printed statements, and
//! without each of them a named call is refused. The sweep over every permission, in memory, is `core/tests/iam.rs`.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;
#[path = "iam/tenancy.rs"]
mod tenancy;

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures_util::{StreamExt as _, stream};

use tenancy::{Told, all_statements, rotated};

/// Tenancies beside each other: each is nearly all waiting.
const AT_ONCE: usize = 16;

/// What the report says without a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    /// Something was not done.
    Another,
    /// The same: it is beside the rotation, or saves calls only.
    TheSame,
}
use Report::{Another, TheSame};

/// No call is refused: a service finds by itself that it may not use the key, which only the report tells.
const BY_ITSELF: &str = "(no call)";

/// Each statement by its first permission, the call that is refused without it, and what the report says.
const STATEMENTS: &[(&str, &str, Report)] = &[
    ("TENANCY_INSPECT", "list_region_subscriptions", Another),
    ("POLICY_READ", "list_policies", Another),
    ("VAULT_INSPECT", "get_vault", Another),
    ("KEY_INSPECT", "list_keys", Another),
    ("KEY_ROTATE", "create_key_version", Another),
    ("KEY_CREATE", "create_key", Another),
    ("KEY_UPDATE", "update_key", Another),
    ("use key-delegate", "update_volume_kms_key's key", Another),
    ("BUCKET_INSPECT", "list_buckets", Another),
    ("BUCKET_UPDATE", "reencrypt_bucket", Another),
    ("OBJECT_READ", "get_work_request", Another),
    ("VOLUME_INSPECT", "list_volumes", Another),
    ("VOLUME_UPDATE", "update_volume_kms_key", Another),
    ("VOLUME_BACKUP_INSPECT", "list_volume_backups", Another),
    ("VOLUME_BACKUP_UPDATE", "update_volume_backup", Another),
    ("VOLUME_REPLICA_INSPECT", "list_block_volume_replicas", Another),
    // Every volume is asked for its assignment instead: the same report, at more calls.
    ("BACKUP_POLICIES_INSPECT", "list_volume_backup_policies", TheSame),
    ("BACKUP_POLICY_ASSIGNMENT_INSPECT", "get_volume_backup_policy_asset_assignment", Another),
    ("CLUSTER_INSPECT", "list_clusters", Another),
    ("CLUSTER_NODE_POOL_INSPECT", "list_node_pools", Another),
    ("CLUSTER_NODE_POOL_UPDATE", "update_node_pool", Another),
    ("INSTANCE_CONFIGURATION_INSPECT", "list_instance_configurations", Another),
    ("ONS_TOPIC_PUBLISH", "publish_message", TheSame),
    ("METRIC_WRITE", "post_metric_data", TheSame),
    ("AUDIT_EVENT_READ", "list_events", TheSame),
    ("BUCKET_READ", "list_objects", TheSame),
    ("LOG_CONTENT_PUSH", "put_logs", TheSame),
    ("service blockstorage", "update_volume_kms_key's key", Another),
    ("service objectstorage-us-ashburn-1", BY_ITSELF, Another),
    ("service objectstorage-us-phoenix-1", BY_ITSELF, Another),
    ("service oke", "update_node_pool's key", Another),
];

/// Permissions that only the adapters use, so that no sweep in memory can miss them: the statement by its first permission,
/// which of its permissions, and the call that is refused without it.
const PERMISSIONS: &[(&str, &str, &str)] = &[
    ("VAULT_INSPECT", "VAULT_INSPECT", "list_vault_replicas"),
    ("OBJECT_READ", "OBJECT_READ", "get_work_request"),
    ("BUCKET_READ", "BUCKET_READ", "get_bucket"),
    ("BUCKET_READ", "OBJECT_READ", "get_object"),
    ("BUCKET_READ", "OBJECT_INSPECT", "list_objects"),
    ("BUCKET_READ", "OBJECT_CREATE", "put_object"),
];

/// What a statement is called here.
fn name(text: &str) -> String {
    let rest = text.strip_prefix("Allow ").expect("a statement");
    match (rest.starts_with("service "), rest.split_once('{')) {
        (true, _) => rest.split(" to ").next().expect("a subject").to_owned(),
        (_, Some((_, list))) => list.split([',', '}']).next().expect("a permission").to_owned(),
        _ => rest.split(" to ").nth(1).and_then(|what| what.split(" in ").next()).expect("a verb").to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_key_is_rotated_over_http_with_exactly_the_printed_statements_as_without_any_limits() {
    let (free, held) = tokio::join!(rotated(None), rotated(Some(&|all| all)));
    assert_eq!(held.refused, BTreeSet::new());
    assert!(held.is_like(&free), "{:?}\n{:?}", held.result, free.result);
    assert_eq!(held.beside, free.beside, "notices, metrics and copies of the trail");
    let report = held.result.expect("it was completed");
    let outcomes = ["rekeyed", "manual"].map(|outcome| report.summary.counts.with(outcome));
    assert_eq!((outcomes, report.summary.dependents), ([7, 3], 10), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_statement_a_named_call_is_refused() {
    let all = all_statements().await;
    let names: Vec<String> = all.iter().map(|text| name(text)).collect();
    let wanted: Vec<&str> = STATEMENTS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, wanted, "each statement has a call here, and no other");
    let whole = rotated(Some(&|all| all)).await;
    let tries = STATEMENTS.iter().map(|row| async move {
        let without = |mut all: Vec<String>| {
            all.retain(|text| name(text) != row.0);
            all
        };
        (row, rotated(Some(&without)).await)
    });
    let tried: Vec<_> = stream::iter(tries).buffer_unordered(AT_ONCE).collect().await;
    for ((name, call, report), told) in tried {
        check_refused(name, call, &told);
        assert_eq!(told.is_like(&whole), *report == TheSame, "{name}: {:?}", told.result);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_permission_that_only_adapters_use_a_named_call_is_refused() {
    let tries = PERMISSIONS.iter().map(|(statement, permission, call)| async move {
        let found = Mutex::new(0);
        let told = rotated(Some(&|mut all: Vec<String>| {
            for text in all.iter_mut().filter(|text| name(text) == *statement) {
                *found.lock().expect("one at a time") += 1;
                *text = text.replacen(permission, "NOTHING", 1);
            }
            all
        }))
        .await;
        assert_eq!(*found.lock().expect("one at a time"), 1, "{statement}");
        (permission, call, told)
    });
    let tried: Vec<_> = stream::iter(tries).buffer_unordered(AT_ONCE).collect().await;
    for (permission, call, told) in tried {
        check_refused(permission, call, &told);
    }
}

fn check_refused(name: &str, call: &str, told: &Told) {
    if call == BY_ITSELF {
        assert_eq!(told.refused, BTreeSet::new(), "{name}: name the call");
        return;
    }
    assert!(told.refused.iter().any(|(refused, _)| refused == call), "{name}: {call} not in {:?}", told.refused);
}
