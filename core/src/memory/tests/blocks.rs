//! Volumes and backups: what their data keys really hang on, and what OCI says of it.

use super::super::log::NotYet;
use super::super::{BlockAddress, BlockState, FaultPlan, PageQuery, WorldSettings};
use super::{Lab, code, lab, region, secs, us};
use crate::model::{KeyId, KeyState, Kind, ResourceId};

fn at(lab: &Lab, id: &ResourceId) -> BlockAddress {
    let info = lab.world.block(id).expect("it is there");
    BlockAddress { region: info.region, kind: info.kind, id: id.clone() }
}

fn volume(lab: &Lab, name: &str) -> ResourceId {
    lab.world.add_volume(&lab.at.region, &lab.compartment, name).key(&lab.key).done()
}

fn another_key(lab: &Lab) -> KeyId {
    lab.world.add_key(&lab.at.vault, &lab.compartment, "other", lab.world.now() - secs(86_400)).done()
}

fn assign(lab: &Lab, id: &ResourceId, key: &str) -> super::Told<super::super::BlockInfo> {
    lab.world.update_block_key(&us(), &at(lab, id), key)
}

fn hangs_on(lab: &Lab, id: &ResourceId) -> (KeyId, String) {
    let wrapping = lab.world.wrapping(id).expect("it is under a key");
    (wrapping.key, wrapping.version.to_string())
}

#[test]
fn the_same_key_again_makes_the_data_key_of_a_volume_anew_and_does_nothing_to_a_backup() {
    let lab = lab(WorldSettings::instant());
    let volume = volume(&lab, "v");
    let backup = lab.world.others_back_up(&volume, "b");
    let (old, new) = (lab.current(), lab.minted());
    assign(&lab, &volume, lab.key.as_str()).expect("it is accepted");
    assert_eq!(lab.world.wrapping_version(&volume), Some(new));
    let before = lab.world.get_block(&us(), &at(&lab, &backup)).expect("it can be read");
    let told = assign(&lab, &backup, lab.key.as_str()).expect("it is accepted");
    assert_ne!(told.etag, before.etag);
    assert_eq!(lab.world.wrapping_version(&backup), Some(old));
}

#[test]
fn where_the_guide_is_right_the_same_key_again_leaves_the_data_key_on_the_superseded_version() {
    let lab = lab(WorldSettings { same_key_regenerates: false, ..WorldSettings::instant() });
    let volume = volume(&lab, "v");
    let (old, before) = (lab.current(), lab.world.get_block(&us(), &at(&lab, &volume)).expect("it can be read"));
    let new = lab.minted();
    let told = assign(&lab, &volume, lab.key.as_str()).expect("it is accepted");
    assert_eq!(told.value.key, Some(lab.key.clone()));
    assert_ne!(told.etag, before.etag, "the etag alone says that something happened");
    assert_eq!(lab.world.wrapping_version(&volume), Some(old));
    let other = another_key(&lab);
    assign(&lab, &volume, other.as_str()).expect("another key is assigned");
    assign(&lab, &volume, lab.key.as_str()).expect("and the first one again");
    assert_eq!(lab.world.wrapping_version(&volume), Some(new), "now it was wrapped anew");
}

#[test]
fn a_backup_and_a_clone_stay_where_they_were_taken() {
    let lab = lab(WorldSettings::instant());
    let volume = volume(&lab, "v");
    let before = hangs_on(&lab, &volume);
    let (backup, clone) = (lab.world.others_back_up(&volume, "b"), lab.world.others_clone(&volume, "c"));
    lab.minted();
    let other = another_key(&lab);
    assign(&lab, &volume, other.as_str()).expect("it is assigned");
    assert_eq!(hangs_on(&lab, &volume).0, other);
    for left in [&backup, &clone] {
        assert_eq!(hangs_on(&lab, left), before);
        assert_eq!(lab.world.block(left).expect("it is there").source.as_ref(), Some(&volume));
    }
    let later = lab.world.others_back_up(&volume, "later");
    assert_eq!(hangs_on(&lab, &later).0, other);
    let restored = lab.world.others_restore(&backup, "r", None);
    assert_eq!((lab.world.block(&restored).expect("it is there").key, lab.world.wrapping(&restored)), (None, None));
    let restored = lab.world.others_restore(&backup, "r", Some(&lab.key));
    assert_eq!(lab.world.wrapping_version(&restored), Some(lab.current()));
    assert_eq!(lab.world.block(&restored).expect("it is there").kind, Kind::BlockVolume);
    // The source's key does not come along to another region.
    let copy = lab.world.others_copy_backup(&backup, &region("us-phoenix-1"), None);
    assert_eq!(lab.world.block(&copy).expect("it is there").key, None);
}

#[test]
fn an_update_of_a_backup_may_be_a_silent_no_op() {
    let lab = lab(WorldSettings::instant());
    let (volume, other) = (volume(&lab, "v"), another_key(&lab));
    let backup = lab.world.add_backup(&volume, "b").done();
    let before = hangs_on(&lab, &backup);
    lab.world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", 1));
    assign(&lab, &volume, other.as_str()).expect("volumes are spared");
    assert_eq!(hangs_on(&lab, &volume).0, other);
    assign(&lab, &backup, other.as_str()).expect("the service says 200");
    assert_eq!(hangs_on(&lab, &backup), before);
    assert_eq!(lab.world.get_block(&us(), &at(&lab, &backup)).expect("it can be read").value.key, Some(before.0));
    assign(&lab, &backup, other.as_str()).expect("the second one acts");
    assert_eq!(hangs_on(&lab, &backup).0, other);
}

#[test]
#[should_panic(expected = "silent no-op")]
fn a_silent_no_op_is_for_assignments() {
    let _ = FaultPlan::new().silent_no_op_on("get_volume", 1);
}

#[test]
fn a_key_must_be_enabled_and_resolve_in_the_region() {
    let lab = lab(WorldSettings::instant());
    let (far, near) = (region("eu-frankfurt-1"), region("us-phoenix-1"));
    lab.world.add_region(&far);
    let unresolvable = (400, "RelatedResourceNotAuthorizedOrNotFound");
    let away = lab.world.add_volume(&far, &lab.compartment, "far").done();
    assert_eq!(code(assign(&lab, &away, lab.key.as_str())), unresolvable);
    let beside = lab.world.add_volume(&near, &lab.compartment, "near").done();
    assign(&lab, &beside, lab.key.as_str()).expect("the vault has a replica there");
    let (here, other) = (volume(&lab, "v"), another_key(&lab));
    lab.world.others_set_key_state(&other, KeyState::Disabled);
    assert_eq!(code(assign(&lab, &here, other.as_str())), unresolvable);
    assert_eq!(code(assign(&lab, &here, "not an OCID")), (400, "InvalidParameter"));
    assert_eq!(code(assign(&lab, &here, "")), (400, "InvalidParameter"), "a volume never goes back to Oracle's key");
    let backup = lab.world.add_backup(&here, "b").done();
    assert_eq!(assign(&lab, &backup, "").expect("a backup may").value.key, None);
    assert_eq!(hangs_on(&lab, &here).0, lab.key);
}

#[test]
fn only_what_is_available_takes_a_key() {
    let lab = lab(WorldSettings { creation_delay: secs(60), ..WorldSettings::instant() });
    let now = lab.world.now();
    let young = lab.world.add_boot_volume(&lab.at.region, &lab.compartment, "young").key(&lab.key).created(now).done();
    let broken = lab.world.add_volume(&lab.at.region, &lab.compartment, "broken").faulty().done();
    let gone = volume(&lab, "gone");
    lab.world.others_terminate(&gone);
    let other = another_key(&lab);
    let state = |id: &ResourceId| lab.world.get_block(&us(), &at(&lab, id)).expect("it is shown").value.state;
    for (id, is) in [(&young, BlockState::Creating), (&broken, BlockState::Faulty), (&gone, BlockState::Terminated)] {
        assert_eq!(state(id), is);
        assert_eq!(code(assign(&lab, id, other.as_str())), (409, "IncorrectState"));
    }
    assert_eq!(lab.world.not_yets(NotYet::Creation), 1);
    assert_eq!(BlockState::Creating.word(&Kind::BootVolume), "PROVISIONING");
    assert_eq!(BlockState::Creating.word(&Kind::BootVolumeBackup), "CREATING");
    lab.clock.advance(secs(60));
    assert_eq!(state(&young), BlockState::Available);
    assign(&lab, &young, other.as_str()).expect("it is ready");
}

#[test]
fn one_kind_of_one_compartment_is_listed_and_one_availability_domain_if_wanted() {
    let lab = lab(WorldSettings { page_size: 2, ..WorldSettings::instant() });
    let elsewhere = lab.world.add_compartment("elsewhere", &lab.world.tenancy_id());
    let here = &lab.at.region;
    for nth in 1..=3 {
        lab.world.add_volume(here, &lab.compartment, &format!("v{nth}")).domain(nth).done();
    }
    let moved = lab.world.add_volume(here, &lab.compartment, "moved").domain(3).done();
    lab.world.others_move_block(&moved, &elsewhere);
    lab.world.add_boot_volume(here, &lab.compartment, "boot").done();
    let list = |kind, compartment, domain: Option<&str>| {
        let (mut page, mut names) = (PageQuery::default(), Vec::new());
        loop {
            let told = lab.world.list_blocks(&us(), here, &kind, compartment, domain, &page);
            let part = told.expect("they can be listed").value;
            names.extend(part.items.into_iter().map(|info| info.name));
            match part.next {
                Some(next) => page = PageQuery::at(Some(&next)),
                None => return names,
            }
        }
    };
    assert_eq!(list(Kind::BlockVolume, &lab.compartment, None), ["v1", "v2", "v3"]);
    assert_eq!(list(Kind::BlockVolume, &lab.compartment, Some("Wrld:US-ASHBURN-1-AD-2")), ["v2"]);
    assert_eq!(list(Kind::BlockVolume, &elsewhere, None), ["moved"]);
    assert_eq!(list(Kind::BootVolume, &lab.compartment, None), ["boot"]);
    assert_eq!(list(Kind::BlockVolumeBackup, &lab.compartment, None), Vec::<String>::new());
    lab.world.others_forget(&moved);
    assert_eq!(list(Kind::BlockVolume, &elsewhere, None), Vec::<String>::new());
}

#[test]
fn what_one_may_not_do_looks_like_what_is_not_there() {
    let lab = lab(WorldSettings::instant());
    let (volume, other) = (volume(&lab, "v"), another_key(&lab));
    let hidden = (404, "NotAuthorizedOrNotFound");
    lab.world.deny_operation(&super::Caller::keywheel(), "update_volume_kms_key");
    assert_eq!(code(assign(&lab, &volume, other.as_str())), hidden);
    let boot = BlockAddress { kind: Kind::BootVolume, ..at(&lab, &volume) };
    assert_eq!(code(lab.world.get_block(&us(), &boot)), hidden, "it is a volume of another kind");
    let elsewhere = BlockAddress { region: region("us-phoenix-1"), ..at(&lab, &volume) };
    assert_eq!(code(lab.world.get_block(&us(), &elsewhere)), hidden);
    lab.world.deny_compartment(&super::Caller::keywheel(), &lab.compartment);
    assert_eq!(code(lab.world.get_block(&us(), &at(&lab, &volume))), hidden);
    assert_eq!(hangs_on(&lab, &volume).0, lab.key);
}

#[test]
fn search_finds_block_storage_by_its_own_type_names() {
    let lab = lab(WorldSettings { search_lag: secs(30), creation_delay: secs(60), ..WorldSettings::instant() });
    let (here, now) = (&lab.at.region, lab.world.now());
    let volume = lab.world.add_volume(here, &lab.compartment, "v").tag("team", "blue").created(now).done();
    let backup = lab.world.add_backup(&volume, "b").done();
    let boot = lab.world.add_boot_volume(here, &lab.compartment, "boot").done();
    lab.world.add_backup(&boot, "boot-backup").done();
    let found = |query: &str| {
        let told = lab.world.search_resources(&us(), here, query, &PageQuery::default());
        let items = told.expect("the query is understood").value.items;
        items.into_iter().map(|item| (item.display_name, item.lifecycle_state)).collect::<Vec<_>>()
    };
    let pair = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(found("query volume resources"), []);
    assert_eq!(found("query volumebackup resources"), [pair("b", "AVAILABLE")]);
    assert_eq!(found("query bootvolume, bootvolumebackup resources").len(), 2);
    lab.clock.advance(secs(30));
    assert_eq!(found("query volume resources where freeformTags.key = 'team'"), [pair("v", "PROVISIONING")]);
    lab.clock.advance(secs(60));
    assert_eq!(found("query volume resources"), [pair("v", "AVAILABLE")]);
    lab.world.others_terminate(&backup);
    lab.clock.advance(secs(30));
    assert_eq!(found("query volumebackup resources"), [pair("b", "TERMINATED")]);
    lab.world.others_forget(&backup);
    lab.clock.advance(secs(30));
    assert_eq!(found("query volumebackup resources"), []);
}
