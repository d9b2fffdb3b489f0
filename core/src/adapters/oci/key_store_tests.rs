//! Finding vaults, passing over replicas, and sending a mint where it belongs.

use super::super::Endpoints;
use super::super::loopback::{FarEnd, Said, ashburn, client, not_found, ok, ok_with, phoenix, settings};
use super::*;
use crate::ErrorKind;
use crate::model::{RetryToken, VaultState};

const KEY: &str = "ocid1.key.oc1.iad.v.k";
const VERSION: &str = "ocid1.keyversion.oc1.iad.v.1";
const VAULT: &str = "ocid1.vault.oc1.iad.v.x";

fn key() -> KeyId {
    KeyId::parse(KEY).expect("a key")
}

fn vault() -> VaultId {
    VaultId::parse(VAULT).expect("a vault")
}

fn version() -> KeyVersionId {
    KeyVersionId::parse(VERSION).expect("a version")
}

fn vault_body(endpoint: &str, primary: bool) -> String {
    format!(
        "{{\"id\":\"{VAULT}\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\"displayName\":\"v\",\"lifecycleState\":\"ACTIVE\",\
         \"vaultType\":\"DEFAULT\",\"isPrimary\":{primary},\"managementEndpoint\":\"{endpoint}\",\"timeCreated\":\"2026-01-01T00:00:00Z\"}}"
    )
}

fn key_body() -> String {
    format!(
        "{{\"id\":\"{KEY}\",\"vaultId\":\"{VAULT}\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\"displayName\":\"k\",\
         \"lifecycleState\":\"ENABLED\",\"keyShape\":{{\"algorithm\":\"AES\",\"length\":32}},\"protectionMode\":\"HSM\",\
         \"currentKeyVersion\":\"{VERSION}\",\"timeCreated\":\"2026-01-01T00:00:00Z\"}}"
    )
}

fn version_body(replication: &str) -> String {
    format!(
        "{{\"id\":\"{VERSION}\",\"keyId\":\"{KEY}\",\"lifecycleState\":\"ENABLED\",\"origin\":\"INTERNAL\",\
         \"timeCreated\":\"2026-01-01T00:00:00Z\",\"replicaDetails\":{replication}}}"
    )
}

fn base(seen: &super::super::loopback::Seen) -> String {
    format!("http://{}", seen.headers["host"])
}

/// One region with one vault at the same address. `indexed`: whether Search shows the key.
fn one_vault(seen: &super::super::loopback::Seen, indexed: bool) -> Said {
    let hit = format!(
        "{{\"items\":[{{\"resourceType\":\"Key\",\"identifier\":\"{KEY}\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\
         \"additionalDetails\":{{\"vaultId\":\"{VAULT}\"}}}}]}}"
    );
    match seen.call().as_str() {
        "GET /20160918/tenancies/ocid1.tenancy.oc1..t/regionSubscriptions" => {
            ok(r#"[{"regionName":"us-ashburn-1","regionKey":"IAD","status":"READY","isHomeRegion":true}]"#)
        }
        "GET /20160918/compartments" if seen.target.contains("page=p2") => {
            ok(r#"[{"id":"ocid1.compartment.oc1..c","name":"c","lifecycleState":"ACTIVE"}]"#)
        }
        "GET /20160918/compartments" => ok_with(&[("opc-next-page", "p2")], "[]"),
        "POST /20180409/resources" => ok(if indexed { &hit } else { "{\"items\":[]}" }),
        "GET /20180608/vaults" if seen.target.contains("compartment.oc1..c") => {
            ok(&format!("[{}]", vault_body(&base(seen), true)))
        }
        "GET /20180608/vaults" => not_found(),
        "GET /20180608/vaults/ocid1.vault.oc1.iad.v.x" => ok(&vault_body(&base(seen), true)),
        "GET /20180608/keys/ocid1.key.oc1.iad.v.k" => ok_with(&[("etag", "e1")], &key_body()),
        "POST /20180608/keys/ocid1.key.oc1.iad.v.k/keyVersions" => ok(&version_body("null")),
        _ => not_found(),
    }
}

fn mint() -> VersionMint {
    VersionMint {
        key: key(),
        token: RetryToken::parse("t").expect("a token"),
        date: "2026-11-22T19:04:30Z".parse().expect("a timestamp"),
        body: String::new(),
    }
}

#[tokio::test]
async fn a_key_is_found_through_search_and_then_remembered() {
    let far = FarEnd::start(|seen, _| one_vault(seen, true)).await;
    let store = VaultKeyStore::new(far.client());
    let found = store.describe_key(&key()).await.expect("found");
    assert_eq!((found.value.region, found.value.current_version), (ashburn(), version()));
    assert_eq!(found.etag.expect("an etag").as_str(), "e1");
    assert!(found.server_date.is_some() && found.request_id.is_some());
    let before = far.seen().len();
    store.describe_key(&key()).await.expect("found");
    assert_eq!(far.seen().len(), before + 1);
    let query = far.seen().into_iter().find(|seen| seen.method == "POST").expect("a search").body;
    assert!(
        query.contains("query key resources return allAdditionalFields where identifier = 'ocid1.key.oc1.iad.v.k'")
    );
}

#[tokio::test]
async fn a_key_that_search_does_not_show_is_found_by_inventory() {
    let far = FarEnd::start(|seen, _| one_vault(seen, false)).await;
    let store = VaultKeyStore::new(far.client());
    assert_eq!(store.describe_key(&key()).await.expect("found").value.id, key());
    assert_eq!(far.count("GET /20180608/vaults"), 3, "two compartments listed, one vault read: {:?}", far.calls());
}

#[tokio::test]
async fn a_key_that_nobody_has_is_not_found() {
    let far = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20180608/keys/ocid1.key.oc1.iad.v.k" => not_found(),
        _ => one_vault(seen, false),
    })
    .await;
    let error = VaultKeyStore::new(far.client()).create_version(&mint()).await.expect_err("no vault has it");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::NotFound, crate::Landed::No));
    assert!(error.to_string().contains("KEY_READ"), "{error}");
    assert_eq!(far.count("POST /20180608"), 0);
}

#[tokio::test]
async fn a_mint_sends_exactly_what_was_journaled() {
    let far = FarEnd::start(|seen, _| one_vault(seen, true)).await;
    let minted = VaultKeyStore::new(far.client()).create_version(&mint()).await.expect("minted");
    assert_eq!(minted.value.id, version());
    let sent: Vec<_> = far.seen().into_iter().filter(|seen| seen.target.ends_with("/keyVersions")).collect();
    let [sent] = sent.try_into().expect("exactly one mint");
    assert_eq!((sent.body.as_str(), sent.headers["opc-retry-token"].as_str()), ("", "t"));
    assert_eq!(sent.headers["date"], "Sun, 22 Nov 2026 19:04:30 GMT");
    assert_eq!(sent.headers["content-length"], "0");
}

#[tokio::test]
async fn a_vault_endpoint_that_is_not_loopback_is_refused_and_never_called() {
    let far = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20180608/vaults/ocid1.vault.oc1.iad.v.x" => {
            ok(&vault_body("https://a-management.kms.us-ashburn-1.oraclecloud.com", true))
        }
        _ => one_vault(seen, true),
    })
    .await;
    let error = VaultKeyStore::new(far.client()).create_version(&mint()).await.expect_err("a lab stays in the lab");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(far.count("POST /20180608"), 0);
}

/// Two regions: the client's own holds the replica. `primary` answers for the other.
async fn two_regions(
    primary: impl Fn(&super::super::loopback::Seen) -> Said + Send + Sync + 'static,
) -> (FarEnd, FarEnd, VaultKeyStore) {
    let other = FarEnd::start(move |seen, _| primary(seen)).await;
    let home = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20160918/tenancies/ocid1.tenancy.oc1..t/regionSubscriptions" => {
            ok(r#"[{"regionName":"us-ashburn-1","status":"READY"},{"regionName":"us-phoenix-1","status":"READY"}]"#)
        }
        "GET /20180608/vaults/ocid1.vault.oc1.iad.v.x" => ok(&vault_body(&base(seen), false)),
        _ => one_vault(seen, true),
    })
    .await;
    let endpoints = Endpoints::production()
        .with_override(ashburn(), &home.base)
        .and_then(|endpoints| endpoints.with_override(phoenix(), &other.base))
        .expect("loopback");
    let store = VaultKeyStore::new(client(settings(endpoints)));
    (home, other, store)
}

#[tokio::test]
async fn a_replica_is_passed_over_for_its_primary() {
    let (home, other, store) = two_regions(|seen| one_vault(seen, true)).await;
    assert_eq!(store.describe_key(&key()).await.expect("found").value.region, phoenix());
    store.create_version(&mint()).await.expect("minted");
    assert_eq!((home.count("POST /20180608"), other.count("POST /20180608")), (0, 1));
}

#[tokio::test]
async fn a_replica_refuses_to_mint_before_anything_is_sent() {
    let (home, other, store) = two_regions(|_| not_found()).await;
    let error = store.create_version(&mint()).await.expect_err("no primary shows");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("replica_region us-ashburn-1"), "{error}");
    assert_eq!((home.count("POST /20180608"), other.count("POST /20180608")), (0, 0));
    let described = store.describe_vault(&vault()).await.expect("a replica can be looked at").value;
    assert_eq!((described.is_primary, described.region), (Some(false), ashburn()));
}

#[tokio::test]
async fn replication_is_asked_for_by_the_versions_own_id() {
    let far = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20180608/keys/ocid1.key.oc1.iad.v.k/keyVersions/ocid1.keyversion.oc1.iad.v.1" => {
            ok(&version_body("{\"replicationId\":\"rep-1\"}"))
        }
        "GET /20180608/replicaOperations/rep-1/status" => {
            ok(r#"{"replicaDetails":[{"region":"us-phoenix-1","status":"REPLICATING"}]}"#)
        }
        _ => one_vault(seen, true),
    })
    .await;
    let status = VaultKeyStore::new(far.client()).replication(&key(), &version()).await.expect("answered").value;
    assert_eq!(status, [ReplicaStatus { region: phoenix(), state: ReplicaState::Replicating }]);
}

#[tokio::test]
async fn a_version_without_a_replication_keeps_the_gate_of_a_replicated_vault_shut() {
    for (replicas, expected) in
        [(r#"[{"region":"us-phoenix-1","status":"CREATED"}]"#, vec![ReplicaState::Unknown]), ("[]", vec![])]
    {
        let far = FarEnd::start(move |seen, _| match seen.call().as_str() {
            "GET /20180608/vaults/ocid1.vault.oc1.iad.v.x/actions/listReplicas" => ok(replicas),
            "GET /20180608/keys/ocid1.key.oc1.iad.v.k/keyVersions/ocid1.keyversion.oc1.iad.v.1" => {
                ok(&version_body("null"))
            }
            _ => one_vault(seen, true),
        })
        .await;
        let status = VaultKeyStore::new(far.client()).replication(&key(), &version()).await.expect("answered").value;
        assert_eq!(status.into_iter().map(|one| one.state).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_vault_that_may_not_be_asked_for_replicas_is_described_without() {
    let far = FarEnd::start(|seen, _| one_vault(seen, true)).await;
    let described = VaultKeyStore::new(far.client()).describe_vault(&vault()).await.expect("described").value;
    assert_eq!((described.state, described.replicas), (VaultState::Active, vec![]));
}

#[tokio::test]
async fn paging_is_complete() {
    let far = FarEnd::start(|seen, _| {
        if !seen.call().ends_with("/keyVersions") {
            one_vault(seen, true)
        } else if seen.target.contains("page=two") {
            ok(&format!("[{}]", version_body("null")))
        } else {
            ok_with(&[("opc-next-page", "two")], "[]")
        }
    })
    .await;
    let store = VaultKeyStore::new(far.client());
    let all = crate::ports::KeyStoreExt::all_versions(&store, &key()).await.expect("both pages").value;
    assert_eq!(all.len(), 1);
}
