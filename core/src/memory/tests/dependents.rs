//! Buckets, work requests, objects, topics: what really happens to data, and what OCI says of it.

use super::super::log::NotYet;
use super::super::{BucketAddress, BucketUpdate, FaultPlan, ObjectQuery, PageQuery, WorkStatus, WorldSettings};
use super::{Lab, code, lab, region, secs, us};
use crate::model::{KeyState, ResourceId, WorkRequestId};

fn slow() -> WorldSettings {
    WorldSettings {
        flip_delay: secs(20),
        work_request_wait: secs(2),
        work_request_duration: secs(8),
        ..WorldSettings::instant()
    }
}

struct Bucket {
    id: ResourceId,
    at: BucketAddress,
}

fn bucket(lab: &Lab, name: &str) -> Bucket {
    let id = lab.world.add_bucket(&lab.at.region, &lab.compartment, name).key(&lab.key).done();
    Bucket {
        id,
        at: BucketAddress { region: lab.at.region.clone(), namespace: lab.world.namespace(), name: name.to_owned() },
    }
}

fn rewrap(lab: &Lab, bucket: &Bucket) -> WorkRequestId {
    lab.world.reencrypt_bucket(&us(), &bucket.at).expect("a re-encrypt begins").value
}

fn status(lab: &Lab, id: &WorkRequestId) -> WorkStatus {
    lab.world.get_work_request(&us(), &lab.at.region, id).expect("it can be asked").value.status
}

#[test]
fn a_mint_moves_no_data_and_a_rewrap_does_when_it_ends() {
    let lab = lab(slow());
    let bucket = bucket(&lab, "b");
    let old = lab.current();
    let new = lab.minted();
    lab.clock.advance(secs(20));
    assert_eq!(lab.current(), new);
    assert_eq!(lab.world.wrapping_version(&bucket.id), Some(old.clone()));
    let work = rewrap(&lab, &bucket);
    assert_eq!(status(&lab, &work), WorkStatus::Accepted);
    lab.clock.advance(secs(6));
    let told = lab.world.get_work_request(&us(), &lab.at.region, &work).expect("it can be asked").value;
    assert_eq!((told.status, told.percent_complete), (WorkStatus::InProgress, 50));
    assert_eq!(lab.world.not_yets(NotYet::WorkRequest), 2);
    assert_eq!(lab.world.wrapping_version(&bucket.id), Some(old));
    lab.clock.advance(secs(4));
    assert_eq!(status(&lab, &work), WorkStatus::Completed);
    assert_eq!(lab.world.wrapping_version(&bucket.id), Some(new));
}

#[test]
fn a_rewrap_that_runs_before_the_flip_uses_the_superseded_version() {
    let lab = lab(slow());
    let bucket = bucket(&lab, "b");
    let old = lab.current();
    lab.minted();
    lab.clock.advance(secs(15));
    let work = rewrap(&lab, &bucket);
    lab.clock.advance(secs(60));
    assert_eq!(status(&lab, &work), WorkStatus::Completed);
    assert_ne!(lab.current(), old);
    assert_eq!(lab.world.wrapping_version(&bucket.id), Some(old), "it ran at 17 s, the flip came at 20 s");
}

#[test]
fn a_silent_no_op_completes_and_moves_nothing() {
    let lab = lab(slow());
    let bucket = bucket(&lab, "b");
    let old = lab.current();
    lab.minted();
    lab.clock.advance(secs(20));
    lab.world.faults(FaultPlan::new().silent_no_op(1));
    let work = rewrap(&lab, &bucket);
    lab.clock.advance(secs(10));
    assert_eq!(status(&lab, &work), WorkStatus::Completed);
    assert_eq!(lab.world.wrapping_version(&bucket.id), Some(old));
}

#[test]
fn a_work_request_may_fail_or_be_forgotten() {
    let lab = lab(slow());
    let bucket = bucket(&lab, "b");
    lab.world.faults(FaultPlan::new().work_request_fails(1).work_request_lost(2));
    let (failing, lost) = (rewrap(&lab, &bucket), rewrap(&lab, &bucket));
    lab.clock.advance(secs(10));
    assert_eq!(status(&lab, &failing), WorkStatus::Failed);
    assert_eq!(code(lab.world.get_work_request(&us(), &lab.at.region, &lost)).0, 404);
    let told = lab.world.list_work_requests(&us(), &lab.at.region, &lab.compartment, &PageQuery::default());
    let listed: Vec<_> = told.expect("they can be listed").value.items.into_iter().map(|info| info.id).collect();
    assert_eq!(listed, vec![failing.clone()]);
    lab.world.configure(|settings| settings.work_request_memory = Some(secs(60)));
    assert_eq!(status(&lab, &failing), WorkStatus::Failed);
    lab.clock.advance(secs(60));
    assert_eq!(code(lab.world.get_work_request(&us(), &lab.at.region, &failing)).0, 404);
    assert_eq!(lab.world.reencrypts_of(&bucket.id), 2);
}

#[test]
fn a_bucket_without_a_key_or_with_a_disabled_one_is_not_rewrapped() {
    let lab = lab(slow());
    lab.world.add_bucket(&lab.at.region, &lab.compartment, "oracles").done();
    let oracles = BucketAddress { name: "oracles".to_owned(), ..bucket(&lab, "b").at };
    assert_eq!(code(lab.world.reencrypt_bucket(&us(), &oracles)), (400, "InvalidParameter"));
    let other = bucket(&lab, "c");
    lab.world.others_set_key_state(&lab.key, KeyState::Disabled);
    let work = rewrap(&lab, &other);
    lab.clock.advance(secs(10));
    assert_eq!(status(&lab, &work), WorkStatus::Failed);
}

#[test]
fn a_new_key_is_for_new_data_until_the_bucket_is_rewrapped() {
    let lab = lab(WorldSettings::instant());
    let bucket = bucket(&lab, "b");
    let old = lab.current();
    let age = lab.world.now() - secs(86_400);
    let other = lab.world.add_key(&lab.at.vault, &lab.compartment, "other", age).done();
    let etag = lab.world.get_bucket(&us(), &bucket.at).expect("it can be read").etag.expect("it has one");
    let assign = BucketUpdate { key: Some(other.to_string()), ..BucketUpdate::default() };
    let call = us().if_match(etag.as_str());
    let told = lab.world.update_bucket(&call, &bucket.at, assign.clone()).expect("the etag fits").value;
    assert_eq!(told.key, Some(other.clone()));
    assert_eq!(code(lab.world.update_bucket(&call, &bucket.at, assign)), (412, "NoEtagMatch"));
    lab.world.put_object(&us(), &bucket.at, "new", b"x".to_vec()).expect("it is written");
    let new = lab.world.current_version(&other);
    assert_eq!(lab.world.wrapping_versions(&bucket.id), [old, new.clone()].into());
    rewrap(&lab, &bucket);
    assert_eq!(lab.world.wrapping_versions(&bucket.id), [new].into());
}

#[test]
fn a_key_of_another_region_cannot_be_assigned() {
    let lab = lab(WorldSettings::instant());
    let far = region("eu-frankfurt-1");
    lab.world.add_region(&far);
    lab.world.add_bucket(&far, &lab.compartment, "far").done();
    let at = BucketAddress { region: far, namespace: lab.world.namespace(), name: "far".to_owned() };
    let assign = |key: &str| BucketUpdate { key: Some(key.to_owned()), ..BucketUpdate::default() };
    let told = lab.world.update_bucket(&us(), &at, assign(lab.key.as_str()));
    assert_eq!(code(told), (400, "RelatedResourceNotAuthorizedOrNotFound"));
    // The vault has a replica there.
    lab.world.add_bucket(&region("us-phoenix-1"), &lab.compartment, "near").done();
    let near = BucketAddress { region: region("us-phoenix-1"), name: "near".to_owned(), ..at };
    let told = lab.world.update_bucket(&us(), &near, assign(lab.key.as_str())).expect("a replica serves");
    assert_eq!(told.value.key, Some(lab.key.clone()));
    let told = lab.world.update_bucket(&us(), &near, assign("")).expect("the empty text is Oracle's key");
    assert_eq!(told.value.key, None);
}

#[test]
fn objects_are_created_and_replaced_under_conditions() {
    let lab = lab(WorldSettings::instant());
    let bucket = bucket(&lab, "b");
    let put = |call: super::Call, bytes: &[u8]| lab.world.put_object(&call, &bucket.at, "lease", bytes.to_vec());
    assert_eq!(code(put(us().if_match("o1"), b"0")), (412, "NoEtagMatch"));
    let first = put(us().if_absent(), b"1").expect("it was absent").etag.expect("it has one");
    assert_eq!(code(put(us().if_absent(), b"2")), (412, "IfNoneMatchFailed"));
    let second = put(us().if_match(first.as_str()), b"3").expect("the etag fits").etag.expect("it has one");
    assert_eq!(code(put(us().if_match(first.as_str()), b"4")), (412, "NoEtagMatch"));
    let told = lab.world.get_object(&us(), &bucket.at, "lease").expect("it can be read");
    assert_eq!((told.value.as_slice(), told.etag), (&b"3"[..], Some(second)));
    assert_eq!(code(lab.world.head_object(&us(), &bucket.at, "none")).0, 404);
}

#[test]
fn objects_are_listed_by_prefix_and_start() {
    let lab = lab(WorldSettings { page_size: 2, ..WorldSettings::instant() });
    let bucket = bucket(&lab, "b");
    for name in ["a/1", "j/1", "j/2", "j/3", "k/1"] {
        lab.world.put_object(&us(), &bucket.at, name, Vec::new()).expect("it is written");
    }
    let list = |start: Option<String>| {
        let query = ObjectQuery { prefix: Some("j/".to_owned()), start, limit: None };
        let told = lab.world.list_objects(&us(), &bucket.at, &query).expect("they can be listed").value;
        (told.objects.into_iter().map(|object| object.name).collect::<Vec<_>>(), told.next_start_with)
    };
    let (names, next) = list(None);
    assert_eq!((names, next.as_deref()), (vec!["j/1".to_owned(), "j/2".to_owned()], Some("j/3")));
    assert_eq!(list(next), (vec!["j/3".to_owned()], None));
}

#[test]
fn a_topic_takes_64_kb_and_sixty_a_minute() {
    let lab = lab(WorldSettings { messages_per_minute: Some(60), ..WorldSettings::instant() });
    let topic = lab.world.add_topic(&lab.at.region, &lab.compartment, "t");
    let publish = |body: &str| lab.world.publish_message(&us(), &lab.at.region, &topic, Some("title"), body);
    assert_eq!(code(publish(&"x".repeat(64_000))), (413, "PayloadTooLarge"));
    assert_eq!(code(publish(&"\n".repeat(32_000))), (413, "PayloadTooLarge"), "what JSON escapes counts twice");
    for _ in 0..60 {
        publish("body").expect("it is accepted");
    }
    assert_eq!(code(publish("body")), (429, "TooManyRequests"));
    lab.clock.advance(secs(1));
    publish("body").expect("a second later there is room for one");
    assert_eq!(lab.world.messages(&topic).len(), 61);
}
