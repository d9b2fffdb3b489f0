//! What is asked of a bucket, what its answers mean, and how many calls it takes.

use super::*;
use crate::Landed;
use crate::adapters::oci::loopback::{FarEnd, Said, Seen, ashburn, not_found, ok, ok_with, refused};
use crate::adapters::oci::{Rekeyers, Topic};
use crate::model::{LineHash, NamespaceName, ResourceId, Tags, TopicId, WorkRequestId};
use crate::ports::{Notice, Notifier as _, Severity};

const KEY: &str = "ocid1.key.oc1.iad.v.k";

fn bucket(name: &str) -> Dependent {
    Dependent {
        id: ResourceId::parse(format!("ocid1.bucket.oc1.iad.{name}")).expect("an OCID"),
        kind: Kind::Bucket,
        region: ashburn(),
        compartment: CompartmentId::parse("ocid1.compartment.oc1..c").expect("a compartment"),
        name: name.to_owned(),
        namespace: Some(NamespaceName::parse("ns").expect("a namespace")),
        availability_domain: None,
        tags: Tags::default(),
    }
}

fn step(kind: StepKind) -> StepRequest {
    StepRequest {
        dependent: bucket("b"),
        step: kind,
        key: KeyId::parse(KEY).expect("a key"),
        if_match: Some(Etag::parse("e1").expect("an etag")),
    }
}

fn ticket(id: &str, name: &str) -> Ticket {
    Ticket { work_request: WorkRequestId::parse(id).expect("an id"), dependent: bucket(name).id }
}

fn work_request(id: &str, kind: &str, status: &str, accepted: &str, resources: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"operationType\":\"{kind}\",\"status\":\"{status}\",\"resources\":{resources},\
         \"timeAccepted\":\"2026-11-22T{accepted}Z\",\"percentComplete\":1.0}}"
    )
}

#[tokio::test]
async fn observe_sees_the_owning_service() {
    let far = FarEnd::start(|_, before| match before {
        0 => ok_with(&[("etag", "e1")], &format!("{{\"name\":\"b\",\"id\":\"ocid1.bucket.oc1.iad.b\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\"kmsKeyId\":\"{KEY}\"}}")),
        1 => ok("{\"name\":\"b\",\"id\":\"ocid1.bucket.oc1.iad.b\",\"compartmentId\":\"ocid1.compartment.oc1..c\",\"kmsKeyId\":\"\",\"etag\":\"e2\",\"isReadOnly\":true}"),
        2 => ok("{\"name\":\"b\",\"id\":\"ocid1.bucket.oc1.iad.another\",\"compartmentId\":\"ocid1.compartment.oc1..c\"}"),
        _ => not_found(),
    })
    .await;
    let rekeyers = Rekeyers::new(far.client());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(rekeyers.observe(&bucket("b")).await.expect("answered"));
    }
    assert_eq!((seen[0].value.presence, seen[0].value.key.as_ref().map(KeyId::as_str)), (Presence::Ready, Some(KEY)));
    assert_eq!((seen[1].value.presence, &seen[1].value.key), (Presence::Busy, &None));
    assert_eq!(seen[1].etag.as_ref().map(Etag::as_str), Some("e2"));
    assert_eq!((seen[2].value.presence, &seen[2].etag), (Presence::NotVisible, &None), "another bucket took its name");
    assert_eq!(seen[3].value.presence, Presence::NotVisible);
    assert!(seen[3].server_date.is_some());
}

#[tokio::test]
async fn a_rewrap_gives_a_ticket_and_covers_the_whole_bucket() {
    let far =
        FarEnd::start(|_, _| Said::Answer(202, vec![("opc-work-request-id", "wr-1".to_owned())], String::new())).await;
    let begun = Rekeyers::new(far.client()).begin(&step(StepKind::Rewrap)).await.expect("begun").value;
    assert_eq!(begun, Begun::Working(WorkRequestId::parse("wr-1").expect("an id")));
    let [seen] = far.seen().try_into().expect("one request");
    assert_eq!(seen.line(), "POST /n/ns/b/b/actions/reencrypt", "never the key-only variant");
    assert!(!seen.headers.contains_key("opc-retry-token") && !seen.headers.contains_key("if-match"));
}

#[tokio::test]
async fn a_rewrap_accepted_without_a_ticket_has_landed() {
    let far = FarEnd::start(|_, _| ok("")).await;
    let error = Rekeyers::new(far.client()).begin(&step(StepKind::Rewrap)).await.expect_err("no ticket");
    assert_eq!(error.landed(), Landed::Yes);
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let far = FarEnd::start(|_, _| refused(412, "NoEtagMatch")).await;
    let error = Rekeyers::new(far.client()).begin(&step(StepKind::AssignKey)).await.expect_err("stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No));
    let [seen] = far.seen().try_into().expect("one request");
    assert_eq!(
        (seen.headers["if-match"].as_str(), seen.body.as_str()),
        ("e1", format!("{{\"kmsKeyId\":\"{KEY}\"}}").as_str())
    );
    let unconditional = StepRequest { if_match: None, ..step(StepKind::AssignKey) };
    assert_eq!(Rekeyers::new(far.client()).begin(&unconditional).await.expect_err("a bug").kind(), ErrorKind::Bug);
}

fn listing(seen: &Seen) -> Said {
    let named = |name: &str| format!("[{{\"metadata\":{{\"BUCKET\":\"{name}\",\"NAMESPACE\":\"ns\"}}}}]");
    match seen.call().as_str() {
        "GET /workRequests" if seen.target.contains("page=2") => {
            ok(&format!("[{}]", work_request("wr-2", "REENCRYPT", "FAILED", "11:00:00", &named("b"))))
        }
        "GET /workRequests" => ok_with(
            &[("opc-next-page", "2")],
            &format!(
                "[{},{},{}]",
                work_request("wr-4", "COPY_OBJECT", "COMPLETED", "12:00:00", &named("b")),
                work_request("wr-3", "REENCRYPT", "IN_PROGRESS", "12:00:00", "[]"),
                work_request("wr-1", "REENCRYPT", "COMPLETED", "12:00:00", &named("a")),
            ),
        ),
        "GET /workRequests/wr-1" => ok(&work_request("wr-1", "REENCRYPT", "COMPLETED", "12:00:00", &named("a"))),
        "GET /workRequests/wr-3" => ok(&work_request(
            "wr-3",
            "REENCRYPT",
            "IN_PROGRESS",
            "12:00:00",
            "[{\"identifier\":\"ocid1.bucket.oc1.iad.b\"}]",
        )),
        _ => not_found(),
    }
}

#[tokio::test]
async fn tickets_are_polled_together() {
    let far = FarEnd::start(|seen, _| listing(seen)).await;
    let tickets = [ticket("wr-1", "a"), ticket("wr-2", "b"), ticket("wr-9", "b")];
    let reports = Rekeyers::new(far.client()).poll(&tickets, &[bucket("b"), bucket("a")]).await.expect("answered");
    let states: BTreeMap<_, _> =
        reports.value.iter().map(|one| (one.ticket.work_request.as_str(), one.state.clone())).collect();
    assert_eq!(states["wr-1"], TicketState::Completed);
    assert_eq!(states["wr-2"], TicketState::Failed("the service says FAILED".to_owned()));
    assert_eq!(states["wr-9"], TicketState::Lost);
    assert_eq!(far.calls(), ["GET /workRequests", "GET /workRequests", "GET /workRequests/wr-9"]);
    assert!(reports.server_date.is_some());
}

#[tokio::test]
async fn one_ticket_is_asked_for_by_its_id() {
    let far = FarEnd::start(|seen, _| listing(seen)).await;
    let reports =
        Rekeyers::new(far.client()).poll(&[ticket("wr-1", "a")], &[bucket("a")]).await.expect("answered").value;
    assert_eq!(reports[0].state, TicketState::Completed);
    assert_eq!(far.calls(), ["GET /workRequests/wr-1"]);
    let stranger = Rekeyers::new(far.client()).poll(&[ticket("wr-1", "a")], &[]).await;
    assert_eq!(stranger.expect_err("its dependent is not named").kind(), ErrorKind::Bug);
}

#[tokio::test]
async fn find_shows_what_was_begun_for_this_bucket_since_then() {
    let far = FarEnd::start(|seen, _| listing(seen)).await;
    let rekeyers = Rekeyers::new(far.client());
    let find = async |since: &str| -> Vec<String> {
        let since = format!("2026-11-22T{since}Z").parse().expect("a timestamp");
        let found = rekeyers.find(&bucket("b"), since).await.expect("answered").value;
        found.into_iter().map(|one| one.ticket.work_request.to_string()).collect()
    };
    assert_eq!(find("12:00:00.7").await, ["wr-3"], "whole seconds of the service count");
    assert_eq!(find("10:00:00").await, ["wr-3", "wr-2"]);
    assert!(find("12:00:01").await.is_empty());
}

#[tokio::test]
async fn a_kind_without_an_adapter_is_never_touched() {
    let far = FarEnd::start(|_, _| ok("{}")).await;
    let rekeyers = Rekeyers::new(far.client());
    let kind = Kind::Other("queue".to_owned());
    assert!(rekeyers.describe(&kind).is_none() && rekeyers.describe(&Kind::Bucket).is_some());
    let queue = Dependent { kind, ..bucket("b") };
    let begin = StepRequest { dependent: queue.clone(), ..step(StepKind::Rewrap) };
    assert_eq!(rekeyers.begin(&begin).await.expect_err("refused").kind(), ErrorKind::Refused);
    assert!(rekeyers.observe(&queue).await.is_err());
    assert!(far.seen().is_empty());
}

#[tokio::test]
async fn a_notice_is_published_with_its_dedupe_key() {
    let far =
        FarEnd::start(|_, _| Said::Answer(202, vec![], "{\"messageId\":\"m-1\",\"timeStamp\":null}".to_owned())).await;
    let topic = Topic::new(far.client(), TopicId::parse("ocid1.onstopic.oc1.iad.t").expect("a topic"));
    let notice = Notice {
        dedupe_key: "n-7".to_owned(),
        severity: Severity::Info,
        title: "rotated".to_owned(),
        body: "all is well".to_owned(),
        rotation: None,
        chain_head: LineHash::genesis(),
    };
    assert_eq!(topic.notify(&notice).await.expect("accepted").value, "m-1");
    let [seen] = far.seen().try_into().expect("one request");
    assert_eq!(seen.line(), "POST /20181201/topics/ocid1.onstopic.oc1.iad.t/messages");
    assert!(seen.body.contains("notice n-7") && seen.body.contains("chain head 000"), "{}", seen.body);
}
