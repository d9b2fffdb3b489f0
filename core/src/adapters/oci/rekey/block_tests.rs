//! What is asked of volumes and backups, what their answers mean, and how many calls it takes.

use super::*;
use crate::adapters::oci::Rekeyers;
use crate::adapters::oci::loopback::{FarEnd, ashburn, not_found, ok, ok_with, refused};
use crate::model::{CompartmentId, Etag, KeyId, ResourceId, Tags, WorkRequestId};
use crate::{Landed, Retry};

const KEY: &str = "ocid1.key.oc1.iad.v.k";

fn dependent(kind: &Kind) -> Dependent {
    Dependent {
        id: ResourceId::parse("ocid1.volume.oc1.iad.v").expect("an OCID"),
        kind: kind.clone(),
        region: ashburn(),
        compartment: CompartmentId::parse("ocid1.compartment.oc1..c").expect("a compartment"),
        name: "data".to_owned(),
        namespace: None,
        availability_domain: None,
        tags: Tags::default(),
    }
}

fn assign(kind: &Kind) -> StepRequest {
    StepRequest {
        dependent: dependent(kind),
        step: StepKind::AssignKey,
        key: KeyId::parse(KEY).expect("a key"),
        if_match: Some(Etag::parse("e1").expect("an etag")),
    }
}

fn volume(state: &str, key: &str) -> String {
    format!(
        "{{\"id\":\"ocid1.volume.oc1.iad.v\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\
         \"lifecycleState\":\"{state}\",\"kmsKeyId\":{key},\"novelty\":[1]}}"
    )
}

#[tokio::test]
async fn a_state_that_is_not_known_is_busy_and_no_key_is_oracles() {
    let key = format!("\"{KEY}\"");
    let said = [
        ("AVAILABLE", key.as_str(), Presence::Ready, Some(KEY)),
        ("PROVISIONING", "null", Presence::Busy, None),
        ("RESTORING", "\"\"", Presence::Busy, None),
        ("REQUEST_RECEIVED", "null", Presence::Busy, None),
        ("TERMINATING", key.as_str(), Presence::Busy, Some(KEY)),
        ("FAULTY", "null", Presence::Busy, None),
        ("HIBERNATING", "null", Presence::Busy, None),
        ("TERMINATED", key.as_str(), Presence::Terminated, Some(KEY)),
    ];
    let bodies: Vec<String> = said.iter().map(|(state, key, ..)| volume(state, key)).collect();
    let far = FarEnd::start(move |_, before| ok_with(&[("etag", "e7")], &bodies[before])).await;
    let rekeyers = Rekeyers::new(far.client());
    for (state, _, presence, key) in said {
        let seen = rekeyers.observe(&dependent(&Kind::BlockVolume)).await.expect("answered");
        assert_eq!((seen.value.presence, seen.value.key.as_ref().map(KeyId::as_str)), (presence, key), "{state}");
        assert_eq!(seen.etag.as_ref().map(Etag::as_str), Some("e7"));
    }
}

#[tokio::test]
async fn an_answer_about_another_volume_or_a_key_that_is_none_is_not_believed() {
    let bodies = [volume("AVAILABLE", "null").replace("iad.v", "iad.w"), volume("AVAILABLE", "\"a key\"")];
    let far = FarEnd::start(move |_, before| ok(&bodies[before])).await;
    let rekeyers = Rekeyers::new(far.client());
    for _ in 0..2 {
        let error = rekeyers.observe(&dependent(&Kind::BlockVolume)).await.expect_err("not believed");
        assert_eq!(error.operation(), "get_volume", "{error}");
    }
}

#[tokio::test]
async fn every_kind_is_assigned_its_key_by_one_put_with_the_etag_and_nothing_else() {
    let far = FarEnd::start(|_, _| ok_with(&[("etag", "e2")], &format!("{{\"kmsKeyId\":\"{KEY}\"}}"))).await;
    let rekeyers = Rekeyers::new(far.client());
    let lines = [
        (Kind::BlockVolume, "PUT /20160918/volumes/ocid1.volume.oc1.iad.v/kmsKey"),
        (Kind::BootVolume, "PUT /20160918/bootVolumes/ocid1.volume.oc1.iad.v/kmsKey"),
        (Kind::BlockVolumeBackup, "PUT /20160918/volumeBackups/ocid1.volume.oc1.iad.v"),
        (Kind::BootVolumeBackup, "PUT /20160918/bootVolumeBackups/ocid1.volume.oc1.iad.v"),
    ];
    for (kind, _) in &lines {
        let begun = rekeyers.begin(&assign(kind)).await.expect("assigned");
        assert_eq!((begun.value, begun.etag.as_ref().map(Etag::as_str)), (Begun::Done, Some("e2")));
    }
    let seen = far.seen();
    assert_eq!(seen.len(), lines.len());
    for (seen, (_, line)) in seen.iter().zip(lines) {
        assert_eq!(seen.line(), line);
        assert_eq!(seen.headers["if-match"], "e1");
        assert!(!seen.headers.contains_key("opc-retry-token"));
        assert_eq!(seen.body, format!("{{\"kmsKeyId\":\"{KEY}\"}}"));
    }
}

#[tokio::test]
async fn without_an_etag_or_for_a_rewrap_nothing_is_sent() {
    let far = FarEnd::start(|_, _| ok("{}")).await;
    let rekeyers = Rekeyers::new(far.client());
    let bare = StepRequest { if_match: None, ..assign(&Kind::BootVolume) };
    let rewrap = StepRequest { step: StepKind::Rewrap, ..assign(&Kind::BlockVolumeBackup) };
    let again = StepRequest { step: StepKind::Reassign, ..assign(&Kind::BootVolumeBackup) };
    for (step, kind) in [(bare, ErrorKind::Bug), (rewrap, ErrorKind::Refused), (again, ErrorKind::Refused)] {
        let error = rekeyers.begin(&step).await.expect_err("nothing to send");
        assert_eq!((error.kind(), error.landed()), (kind, Landed::No), "{error}");
    }
    assert_eq!(far.seen().len(), 0);
}

#[tokio::test]
async fn a_refusal_is_sent_once_and_says_whether_it_landed() {
    let far = FarEnd::start(|_, before| match before {
        0 => refused(412, "NoEtagMatch"),
        1 => refused(409, "IncorrectState"),
        2 => refused(400, "RelatedResourceNotAuthorizedOrNotFound"),
        3 => not_found(),
        _ => refused(500, "InternalServerError"),
    })
    .await;
    let rekeyers = Rekeyers::new(far.client());
    let expected = [
        (ErrorKind::Conflict, Landed::No, Retry::Now),
        (ErrorKind::Conflict, Landed::No, Retry::Later(None)),
        // The key was made a moment ago, and may only be unknown yet.
        (ErrorKind::Refused, Landed::No, Retry::Later(None)),
        (ErrorKind::NotFound, Landed::No, Retry::Never),
        (ErrorKind::Unavailable, Landed::Maybe, Retry::Later(None)),
    ];
    for (sent, (kind, landed, retry)) in expected.into_iter().enumerate() {
        let error = rekeyers.begin(&assign(&Kind::BlockVolume)).await.expect_err("refused");
        assert_eq!((error.kind(), error.landed(), error.retry()), (kind, landed, retry), "{error}");
        assert_eq!(far.seen().len(), sent + 1, "a change is never sent twice by itself");
    }
}

#[tokio::test]
async fn a_ticket_of_block_storage_is_lost_because_nobody_made_it() {
    let far = FarEnd::start(|_, _| ok("{}")).await;
    let rekeyers = Rekeyers::new(far.client());
    let volume = dependent(&Kind::BlockVolume);
    let work_request = WorkRequestId::parse("wr-1").expect("an id");
    let ticket = Ticket { work_request, dependent: volume.id.clone() };
    let reports = rekeyers.poll(std::slice::from_ref(&ticket), std::slice::from_ref(&volume)).await.expect("answered");
    assert_eq!(reports.value[0].state, TicketState::Lost);
    let found = rekeyers.find(&volume, Timestamp::UNIX_EPOCH).await.expect("answered").value;
    assert_eq!((found, far.seen().len()), (Vec::new(), 0));
}

#[tokio::test]
async fn the_same_key_again_is_the_same_put_under_the_etag_for_volumes() {
    let far = FarEnd::start(|_, _| ok_with(&[("etag", "e2")], &format!("{{\"kmsKeyId\":\"{KEY}\"}}"))).await;
    let rekeyers = Rekeyers::new(far.client());
    for kind in [Kind::BlockVolume, Kind::BootVolume] {
        let again = StepRequest { step: StepKind::Reassign, ..assign(&kind) };
        assert_eq!(rekeyers.begin(&again).await.expect("accepted").value, Begun::Done);
        let bare = StepRequest { if_match: None, ..again };
        assert_eq!(rekeyers.begin(&bare).await.expect_err("it needs an etag").landed(), Landed::No);
    }
    let seen = far.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| seen.method == "PUT" && seen.headers["if-match"] == "e1"));
}

#[tokio::test]
async fn the_table_of_classes_that_a_config_may_name_is_what_the_adapters_have_steps_for() {
    use crate::model::{NAMED_KINDS, RekeyClass};
    let far = FarEnd::start(|_, _| ok("{}")).await;
    let rekeyers = Rekeyers::new(far.client());
    for (name, kind) in NAMED_KINDS {
        let spec = rekeyers.describe(&kind).unwrap_or_else(|| panic!("nothing moves a {name}"));
        for class in [RekeyClass::Forbids, RekeyClass::Ignores, RekeyClass::Rewraps, RekeyClass::Tolerates] {
            let is_possible = kind.possible_classes().contains(&class);
            assert_eq!(spec.as_class(class).is_some(), is_possible, "{name} {class:?}");
        }
        let is_undocumented = spec.as_class(RekeyClass::Rewraps).is_some_and(|spec| spec.is_undocumented());
        assert_eq!(is_undocumented, kind.is_rewrap_undocumented(), "{name}");
    }
}
