//! Services use keys only as policies let them, where World is told to ask.

use super::{Lab, code, lab, region, secs, us};
use crate::memory::{
    BlockAddress, BucketAddress, BucketUpdate, HolderAddress, PoolChange, WorkStatus, World, WorldSettings,
};
use crate::model::{KeyId, Kind, ResourceId};

const REFUSED: (u16, &str) = (400, "RelatedResourceNotAuthorizedOrNotFound");

/// A lab that asks policies, with a key that takes over and nobody yet may use.
fn asking() -> (Lab, KeyId) {
    let lab = lab(WorldSettings { needs_service_grants: true, ..WorldSettings::instant() });
    let next = lab.world.add_key(&lab.at.vault, &lab.compartment, "next", lab.world.now()).done();
    (lab, next)
}

fn volume(lab: &Lab) -> BlockAddress {
    let id = lab.world.add_volume(&lab.at.region, &lab.compartment, "v").key(&lab.key).done();
    BlockAddress { region: lab.at.region.clone(), kind: Kind::BlockVolume, id }
}

fn write(lab: &Lab, policy: &ResourceId, statement: &str) {
    lab.world.others_rewrite_policy(policy, &[statement]);
}

#[test]
fn a_volume_takes_a_key_that_a_statement_about_its_service_covers_and_no_other() {
    let (lab, next) = asking();
    let at = volume(&lab);
    let assign = || lab.world.update_block_key(&us(), &at, next.as_str());
    assert_eq!(code(assign()), REFUSED, "no policy at all");
    let policy = lab.world.add_policy(&lab.world.tenancy_id(), "p", &[]);
    let narrow = [
        format!("Allow service blockstorage to use keys in tenancy where target.key.id = '{}'", lab.key),
        "Allow service oke to use keys in tenancy".to_owned(),
        "Allow service blockstorage to use keys in compartment elsewhere".to_owned(),
        "Allow service blockstorage to read keys in tenancy".to_owned(),
    ];
    for statement in &narrow {
        write(&lab, &policy, statement);
        assert_eq!(code(assign()), REFUSED, "{statement}");
    }
    assert_eq!(lab.world.block(&at.id).and_then(|block| block.key), Some(lab.key.clone()), "nothing moved");
    let wide = [
        "Allow service blockstorage to use keys in tenancy".to_owned(),
        "ALLOW SERVICE oke, blockstorage TO USE keys IN compartment Apps".to_owned(),
        format!("Allow service blockstorage to manage keys in compartment id {}", lab.compartment),
        format!("Allow service blockstorage to use keys in tenancy where target.vault.id='{}'", lab.at.vault),
        format!(
            "Allow service blockstorage to use keys in tenancy where ANY {{target.key.id='{}', target.key.id='{next}'}}",
            lab.key
        ),
    ];
    for statement in &wide {
        write(&lab, &policy, statement);
        assert_eq!(assign().expect("it is covered").value.key, Some(next.clone()), "{statement}");
    }
}

#[test]
fn a_policy_is_in_force_where_it_is_attached_and_below() {
    let (lab, next) = asking();
    let at = volume(&lab);
    let beside = lab.world.add_compartment("beside", &lab.world.tenancy_id());
    lab.world.add_policy(&beside, "p", &["Allow service blockstorage to use keys in compartment apps"]);
    assert_eq!(code(lab.world.update_block_key(&us(), &at, next.as_str())), REFUSED);
    lab.world.add_policy(&lab.compartment, "p", &["Allow service blockstorage to use keys in compartment apps"]);
    lab.world.update_block_key(&us(), &at, next.as_str()).expect("it is attached where the key is");
}

#[test]
fn a_node_pool_and_a_bucket_ask_for_services_of_their_own_and_a_re_wrap_without_one_fails() {
    let (lab, next) = asking();
    let only = |service: &str| {
        lab.world.add_policy(
            &lab.world.tenancy_id(),
            service,
            &[&format!("Allow service {service} to use keys in tenancy where target.key.id = '{next}'")],
        )
    };
    let pool = lab.world.add_node_pool(&lab.at.region, &lab.compartment, "pool").key(&lab.key).done();
    let at = HolderAddress { region: lab.at.region.clone(), kind: Kind::NodePool, id: pool };
    let change = PoolChange { key: Some(next.to_string()), settings: "{}".to_owned() };
    let update = || lab.world.update_node_pool(&us(), &at, &change);
    only("blockstorage");
    assert_eq!(code(update()), REFUSED);
    only("oke");
    update().expect("oke may");

    let bucket = lab.world.add_bucket(&lab.at.region, &lab.compartment, "b").key(&lab.key).done();
    let place = BucketAddress {
        region: lab.at.region.clone(),
        namespace: lab.world.namespace(),
        name: lab.world.bucket(&bucket).expect("it is there").address.name,
    };
    let assign = BucketUpdate { key: Some(next.to_string()), ..BucketUpdate::default() };
    only("objectstorage-us-phoenix-1");
    assert_eq!(code(lab.world.update_bucket(&us(), &place, assign.clone())), REFUSED);
    let ends = |world: &World| {
        let work = world.reencrypt_bucket(&us(), &place).expect("it is accepted").value;
        lab.clock.advance(secs(1));
        world.get_work_request(&us(), &region("us-ashburn-1"), &work).expect("it is shown").value.status
    };
    assert_eq!(ends(&lab.world), WorkStatus::Failed, "its own key is not granted to the service either");
    only("objectstorage-us-ashburn-1");
    lab.world.update_bucket(&us(), &place, assign).expect("it is covered");
    assert_eq!(ends(&lab.world), WorkStatus::Completed);
}

#[test]
fn a_world_that_does_not_ask_lets_every_service_use_every_key() {
    let lab = lab(WorldSettings::instant());
    let next = lab.world.add_key(&lab.at.vault, &lab.compartment, "next", lab.world.now()).done();
    lab.world.update_block_key(&us(), &volume(&lab), next.as_str()).expect("nobody asks");
}
