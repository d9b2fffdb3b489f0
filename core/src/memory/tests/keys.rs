//! KMS: lags, tokens, dates, states, quotas, replicas, rates.

use std::collections::BTreeSet;

use super::super::log::NotYet;
use super::super::{Call, Caller, KeyUpdate, NewKey, Note, PageQuery, VaultEndpoint, WorldSettings};
use super::{code, lab, region, secs, us};
use crate::model::{KeyShape, KeyState, Origin, ProtectionMode, ReplicaState, Tags};

fn slow() -> WorldSettings {
    WorldSettings {
        enabled_delay: secs(5),
        flip_delay: secs(20),
        list_lag: secs(10),
        replica_lag: secs(40),
        ..WorldSettings::instant()
    }
}

#[test]
fn a_version_is_enabled_then_current_and_never_the_other_way() {
    let lab = lab(slow());
    let old = lab.current();
    let minted = lab.mint(&us()).expect("a version is minted").value.version;
    assert_eq!(minted.state, KeyState::Creating);
    lab.clock.advance(secs(10));
    let told = lab.world.get_key_version(&us(), &lab.at, &lab.key, &minted.id).expect("it is listed");
    assert_eq!(told.value.version.state, KeyState::Enabled);
    assert_eq!(lab.current(), old, "ENABLED is not yet current");
    assert_eq!(lab.world.not_yets(NotYet::Flip), 1);
    lab.clock.advance(secs(10));
    assert_eq!(lab.current(), minted.id);
    assert_eq!(lab.world.not_yets(NotYet::Flip), 1);
}

#[test]
fn a_version_is_listed_only_after_the_list_lag() {
    let lab = lab(slow());
    let minted = lab.minted();
    assert!(!lab.listed().contains(&minted));
    let hidden = lab.world.get_key_version(&us(), &lab.at, &lab.key, &minted);
    assert_eq!(code(hidden).0, 404);
    assert_eq!(lab.world.not_yets(NotYet::List), 1);
    lab.clock.advance(secs(10));
    assert!(lab.listed().contains(&minted));
}

#[test]
fn a_replica_lags_behind_its_primary() {
    let lab = lab(slow());
    let minted = lab.mint(&us()).expect("a version is minted").value.version;
    let id = minted.replication_id.expect("the vault is replicated");
    let status = || lab.world.get_replication_status(&us(), &lab.at, &id).expect("it can be asked").value;
    assert_eq!(status()[0].state, ReplicaState::Replicating);
    assert_eq!(lab.world.not_yets(NotYet::Replica), 1);
    lab.clock.advance(secs(40));
    assert_eq!((status()[0].state, &status()[0].region), (ReplicaState::Replicated, &region("us-phoenix-1")));
}

#[test]
fn a_replica_is_read_and_never_changed() {
    let lab = lab(WorldSettings::instant());
    let replica = VaultEndpoint { region: region("us-phoenix-1"), ..lab.at.clone() };
    let key = lab.world.get_key(&us(), &replica, &lab.key).expect("a replica can be read").value;
    assert_eq!((key.is_primary, key.region), (Some(false), region("us-phoenix-1")));
    assert_eq!(code(lab.world.create_key_version(&us(), &replica, &lab.key)), (409, "IncorrectState"));
    assert_eq!(code(lab.world.update_key(&us(), &replica, &lab.key, KeyUpdate::default())).0, 409);
    let elsewhere = VaultEndpoint { region: region("eu-frankfurt-1"), ..lab.at.clone() };
    assert_eq!(code(lab.world.get_key(&us(), &elsewhere, &lab.key)), (404, "NotAuthorizedOrNotFound"));
}

#[test]
fn one_token_makes_one_version_for_its_principal_key_and_life() {
    let lab = lab(WorldSettings::instant());
    let first = lab.mint(&us().token("t")).expect("a version is minted").value.version.id;
    lab.clock.advance(secs(24 * 3600 - 1));
    let again = lab.mint(&us().token("t")).expect("the first answer again").value.version.id;
    assert_eq!(first, again);
    assert_eq!(lab.world.log().last().expect("a log").note, Some(Note::TokenReplay));
    let other = Call::by(&Caller::somebody_else()).token("t");
    assert_ne!(lab.mint(&other).expect("another principal's token is another").value.version.id, first);
    lab.clock.advance(secs(1));
    assert_ne!(lab.mint(&us().token("t")).expect("the token is forgotten").value.version.id, first);
    assert_eq!((lab.world.minted_by_us(&lab.key), lab.world.minted_by(&lab.key, "somebody-else")), (2, 1));
}

#[test]
fn a_world_that_forgets_tokens_mints_twice() {
    let lab = lab(WorldSettings { honours_tokens: false, ..WorldSettings::instant() });
    let first = lab.mint(&us().token("t")).expect("a version is minted").value.version.id;
    let second = lab.mint(&us().token("t")).expect("a version is minted").value.version.id;
    assert_ne!(first, second);
}

#[test]
fn a_date_is_a_fence_to_the_second() {
    let lab = lab(WorldSettings::instant());
    let date = lab.world.now();
    lab.clock.advance(secs(300));
    lab.mint(&us().dated(date)).expect("five minutes are allowed");
    lab.clock.advance(secs(1));
    assert_eq!(code(lab.mint(&us().dated(date))), (401, "NotAuthenticated"));
    assert_eq!(code(lab.mint(&us().dated(lab.world.now() + secs(301)))).0, 401);
    assert_eq!(lab.world.versions(&lab.key).len(), 2);
}

#[test]
fn the_date_is_checked_before_a_token_is_recognised() {
    let lab = lab(WorldSettings::instant());
    let call = us().dated(lab.world.now()).token("t");
    lab.mint(&call).expect("a version is minted");
    lab.clock.advance(secs(301));
    assert_eq!(code(lab.mint(&call)).0, 401);
}

#[test]
fn a_key_that_is_not_enabled_refuses() {
    let lab = lab(WorldSettings::instant());
    for state in [KeyState::Disabled, KeyState::PendingDeletion] {
        lab.world.others_set_key_state(&lab.key, state);
        assert_eq!(code(lab.mint(&us())), (409, "IncorrectState"));
    }
    lab.world.others_set_key_state(&lab.key, KeyState::Enabled);
    lab.minted();
}

#[test]
fn the_vaults_limit_counts_per_protection_mode_and_asymmetric_keys_twice() {
    let lab = lab(WorldSettings { versions_per_vault: 4, ..WorldSettings::instant() });
    let old = lab.world.now() - secs(86_400);
    let (vault, place) = (&lab.at.vault, &lab.compartment);
    let _ = lab.world.add_key(vault, place, "hsm", old).protection(ProtectionMode::Hsm).done();
    let _ = lab.world.add_key(vault, place, "rsa", old).shape("RSA", 256).done();
    lab.minted();
    let usage = lab.world.get_vault_usage(&us(), &lab.at).expect("usage can be read").value;
    assert_eq!((usage.software_keys, usage.software_key_versions, usage.key_versions), (2, 4, 1));
    assert_eq!(code(lab.mint(&us())), (400, "LimitExceeded"));
}

#[test]
fn a_stale_etag_is_refused_and_a_flip_makes_one_stale() {
    let lab = lab(slow());
    let etag = || lab.world.get_key(&us(), &lab.at, &lab.key).expect("a key can be read").etag.expect("it has one");
    let update = |etag: &crate::model::Etag| {
        let mut tags = Tags::default();
        tags.freeform.insert("a".to_owned(), "b".to_owned());
        let change = KeyUpdate { freeform: Some(tags.freeform), ..KeyUpdate::default() };
        lab.world.update_key(&us().if_match(etag.as_str()), &lab.at, &lab.key, change)
    };
    let before = etag();
    assert_eq!(update(&before).expect("the etag fits").value.tags.freeform["a"], "b");
    assert_eq!(code(update(&before)), (412, "NoEtagMatch"));
    let unflipped = etag();
    lab.minted();
    lab.clock.advance(secs(20));
    assert_eq!(code(update(&unflipped)), (412, "NoEtagMatch"));
}

#[test]
fn ten_requests_a_second_and_class_pass() {
    let lab = lab(WorldSettings { kms_per_second: Some(10), ..WorldSettings::instant() });
    for _ in 0..10 {
        lab.current();
    }
    let read = || lab.world.get_key(&us(), &lab.at, &lab.key);
    assert_eq!(code(read()), (429, "TooManyRequests"));
    lab.mint(&us()).expect("writes are counted apart");
    lab.clock.advance(std::time::Duration::from_millis(100));
    read().expect("a tenth of a second later there is room for one");
    assert_eq!(code(read()).0, 429);
}

#[test]
fn others_mint_and_are_told_apart() {
    let lab = lab(WorldSettings::instant());
    let auto = lab.world.auto_rotate(&lab.key);
    lab.clock.advance(secs(1));
    let foreign = lab.world.foreign_mint(&lab.key);
    assert_eq!(lab.current(), foreign);
    let versions = lab.world.versions(&lab.key);
    let found = versions.iter().find(|version| version.id == auto).expect("it is there");
    assert!(found.is_auto_rotated);
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
}

#[test]
fn a_version_whose_deletion_is_scheduled_never_becomes_current() {
    let lab = lab(slow());
    let old = lab.current();
    let minted = lab.minted();
    lab.world.others_schedule_deletion(&lab.key, &minted);
    lab.clock.advance(secs(60));
    assert_eq!(lab.current(), old);
    let state = lab.world.versions(&lab.key).last().expect("two versions").state;
    assert_eq!(state, KeyState::PendingDeletion);
}

#[test]
fn a_listing_goes_on_where_it_was_although_items_go() {
    let lab = lab(WorldSettings { page_size: 3, empty_pages: true, ..WorldSettings::instant() });
    let mut names = BTreeSet::new();
    for n in 0..7 {
        lab.world.add_bucket(&lab.at.region, &lab.compartment, &format!("b{n}")).done();
    }
    let (mut page, mut sizes, namespace) = (PageQuery::default(), Vec::new(), lab.world.namespace());
    loop {
        let told = lab.world.list_buckets(&us(), &lab.at.region, &namespace, &lab.compartment, &page);
        let part = told.expect("buckets can be listed").value;
        sizes.push(part.items.len());
        if part.items.iter().any(|bucket| bucket.name == "b2") {
            let gone = part.items.iter().find(|bucket| bucket.name == "b2").expect("just seen").id.clone();
            lab.world.others_delete_bucket(&gone);
        }
        names.extend(part.items.into_iter().map(|bucket| bucket.name));
        match part.next {
            Some(next) => page.page = Some(next),
            None => break,
        }
    }
    assert_eq!((sizes, names.len()), (vec![0, 3, 3, 1], 7), "what had been shown last is gone, nothing is left out");
    page.page = Some("made-up".to_owned());
    let told = lab.world.list_buckets(&us(), &lab.at.region, &namespace, &lab.compartment, &page);
    assert_eq!(code(told), (400, "InvalidParameter"));
}

#[test]
fn keys_are_listed_by_the_vault_and_compartment_they_are_in() {
    let lab = lab(WorldSettings::instant());
    let elsewhere = lab.world.add_compartment("keys", &lab.world.tenancy_id());
    let old = lab.world.now() - secs(86_400);
    let far = lab.world.add_key(&lab.at.vault, &elsewhere, "far", old).imported().version(old + secs(60)).done();
    let listed = |compartment| {
        let told = lab.world.list_keys(&us(), &lab.at, compartment, &PageQuery::default());
        told.expect("keys can be listed").value.items.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&lab.compartment), vec![lab.key.clone()]);
    assert_eq!(listed(&elsewhere), vec![far.clone()]);
    let versions = lab.world.versions(&far);
    assert!(versions.iter().all(|version| version.origin == Origin::External));
    assert_eq!(versions.len(), 2);
}

#[test]
fn a_new_key_is_made_once_per_token() {
    let lab = lab(WorldSettings::instant());
    let new = NewKey {
        compartment: lab.compartment.clone(),
        name: "successor".to_owned(),
        shape: KeyShape { algorithm: "AES".to_owned(), length: 32, curve: None },
        protection: ProtectionMode::Hsm,
        tags: Tags::default(),
    };
    let make = || lab.world.create_key(&us().token("t"), &lab.at, new.clone()).expect("a key is made").value;
    let first = make();
    assert_eq!(make().id, first.id);
    assert_eq!(lab.world.versions(&first.id).len(), 1);
}
