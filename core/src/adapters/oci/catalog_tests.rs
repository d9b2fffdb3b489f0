//! A pass over a region, as a far end with two compartments shows it.

use super::super::loopback::{FarEnd, Said, Seen, ashburn, not_found, ok, ok_with, phoenix, refused};
use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::adapters::oci::ListedEtags;
use crate::model::{Kind, TypesFrom};
use crate::ports::SearchTypes;

const KEY: &str = "ocid1.key.oc1.iad.v.k";

fn compartment(name: &str) -> Compartment {
    let id = CompartmentId::parse(format!("ocid1.compartment.oc1..{name}")).expect("a compartment");
    Compartment { id, name: name.to_owned(), parent: None }
}

fn selector(tag: Option<&str>) -> Selector {
    Selector {
        key: KeyId::parse(KEY).expect("a key"),
        kinds: vec![Kind::Bucket],
        compartments: vec![compartment("one"), compartment("two")],
        tag: tag.map(|value| TagSelector { namespace: None, key: "rotate".to_owned(), value: value.to_owned() }),
    }
}

/// Compartment one has bucket `a` (our key) and, on a second page, `b` (Oracle's); two may not be listed.
fn far(seen: &Seen) -> Said {
    let bucket = |name: &str, key: &str| {
        ok(&format!(
            "{{\"name\":\"{name}\",\"id\":\"ocid1.bucket.oc1.iad.{name}\",\"compartmentId\":\"ocid1.compartment.oc1..one\",\
             \"kmsKeyId\":{key},\"freeformTags\":{{\"rotate\":\"yes\"}}}}"
        ))
    };
    let summary = |name: &str| {
        format!("[{{\"name\":\"{name}\",\"compartmentId\":\"ocid1.compartment.oc1..one\",\"namespace\":\"ns\"}}]")
    };
    let hit = |kind: &str, id: &str, compartment: &str, value: &str| {
        format!(
            "{{\"resourceType\":\"{kind}\",\"identifier\":\"{id}\",\"compartmentId\":\"ocid1.compartment.oc1..{compartment}\",\
             \"displayName\":\"n\",\"freeformTags\":{{\"rotate\":\"{value}\"}}}}"
        )
    };
    match seen.call().as_str() {
        "GET /n" => ok("\"ns\""),
        "GET /n/ns/b" if seen.target.contains("oc1..two") => not_found(),
        "GET /n/ns/b" if seen.target.contains("page=p2") => ok(&summary("b")),
        "GET /n/ns/b" => ok_with(&[("opc-next-page", "p2")], &summary("a")),
        "GET /n/ns/b/a" => bucket("a", "\"ocid1.key.oc1.iad.v.k\""),
        "GET /n/ns/b/b" => bucket("b", "null"),
        "POST /20180409/resources" => ok(&format!(
            "{{\"items\":[{},{},{},{},{}]}}",
            hit("Bucket", "ocid1.bucket.oc1.iad.a", "one", "yes"),
            hit("Bucket", "ocid1.bucket.oc1.iad.cased", "one", "YES"),
            hit("Bucket", "ocid1.bucket.oc1.iad.elsewhere", "three", "yes"),
            hit("Key", KEY, "one", "yes"),
            hit("Volume", "ocid1.volume.oc1.iad.v", "two", "yes"),
        )),
        _ => not_found(),
    }
}

/// Goes through a whole pass, with a new catalog for every page: a cursor survives its process.
async fn pass(far: &FarEnd, selector: &Selector) -> (Vec<Candidate>, Vec<Coverage>) {
    let (mut candidates, mut coverage, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = Catalog::new(far.client()).dependents(selector, &ashburn(), cursor).await.expect("a page").value;
        candidates.extend(page.candidates);
        coverage.extend(page.coverage);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return (candidates, coverage),
        }
    }
}

#[tokio::test]
async fn a_bucket_whose_listed_etag_is_the_one_that_was_read_is_not_read_again() {
    let change = Arc::new(AtomicU32::new(0));
    let changes = Arc::clone(&change);
    let far = FarEnd::start(move |seen, _| {
        let body = |name: &str, more: &str| {
            // Bucket `b` is given another key between two passes.
            let etag = if name == "b" { changes.load(Ordering::Relaxed) } else { 0 };
            format!(
                "{{\"name\":\"{name}\",\"compartmentId\":\"ocid1.compartment.oc1..one\",\"etag\":\"e{etag}\"{more}}}"
            )
        };
        let read = |name: &str| {
            let key = if changes.load(Ordering::Relaxed) > 0 && name == "b" { "other" } else { "k" };
            let more = format!(",\"id\":\"ocid1.bucket.oc1.iad.{name}\",\"kmsKeyId\":\"ocid1.key.oc1.iad.v.{key}\"");
            ok(&body(name, &more))
        };
        match seen.call().as_str() {
            "GET /n" => ok("\"ns\""),
            "GET /n/ns/b" if seen.target.contains("oc1..two") => not_found(),
            "GET /n/ns/b" => ok(&format!("[{},{}]", body("a", ""), body("b", ""))),
            "GET /n/ns/b/a" => read("a"),
            "GET /n/ns/b/b" => read("b"),
            _ => not_found(),
        }
    })
    .await;
    let catalog = Catalog::new(far.client_with(|settings| settings.listed_etags = ListedEtags::Believed));
    let keys = async || -> Vec<KeyHint> {
        let page = catalog.dependents(&selector(None), &ashburn(), None).await.expect("a page").value;
        page.candidates.into_iter().map(|candidate| candidate.key).collect()
    };
    let hint = |name: &str| KeyHint::Key(KeyId::parse(format!("ocid1.key.oc1.iad.v.{name}")).expect("a key"));
    assert_eq!(keys().await, [hint("k"), hint("k")]);
    assert_eq!(keys().await, [hint("k"), hint("k")]);
    assert_eq!((far.count("GET /n/ns/b/a"), far.count("GET /n/ns/b/b")), (1, 1), "nothing has changed");
    change.store(1, Ordering::Relaxed);
    assert_eq!(keys().await, [hint("k"), hint("other")]);
    assert_eq!((far.count("GET /n/ns/b/a"), far.count("GET /n/ns/b/b")), (1, 2));
}

/// A listing says when a bucket was made: so the same one need not be read for its OCID, and its key is left open.
#[tokio::test]
async fn a_bucket_that_was_under_the_key_is_known_again_until_another_has_its_name() {
    let remade = Arc::new(AtomicU32::new(0));
    let made = Arc::clone(&remade);
    let far = FarEnd::start(move |seen, _| {
        let (day, id) = if made.load(Ordering::Relaxed) == 0 { ("01", "b") } else { ("02", "b2") };
        let body = |more: &str| {
            format!(
                "{{\"namespace\":\"ns\",\"name\":\"b\",\"compartmentId\":\"ocid1.compartment.oc1..one\",\"timeCreated\":\"2026-01-{day}T00:00:00Z\"{more}}}"
            )
        };
        match seen.call().as_str() {
            "GET /n" => ok("\"ns\""),
            "GET /n/ns/b" if seen.target.contains("oc1..two") => not_found(),
            "GET /n/ns/b" => ok(&format!("[{}]", body(""))),
            "GET /n/ns/b/b" => ok(&body(&format!(",\"id\":\"ocid1.bucket.oc1.iad.{id}\",\"kmsKeyId\":\"{KEY}\""))),
            _ => not_found(),
        }
    })
    .await;
    let catalog = Catalog::new(far.client());
    let look = async |selector: &Selector| -> (String, KeyHint) {
        let page = catalog.dependents(selector, &ashburn(), None).await.expect("a page").value;
        let [candidate] = page.candidates.try_into().expect("one bucket");
        (candidate.dependent.id.to_string(), candidate.key)
    };
    let ours = selector(None);
    let other = Selector { key: KeyId::parse("ocid1.key.oc1.iad.v.other").expect("a key"), ..selector(None) };
    let read = KeyHint::Key(KeyId::parse(KEY).expect("a key"));
    let is_b = |key: KeyHint| ("ocid1.bucket.oc1.iad.b".to_owned(), key);
    assert_eq!(look(&ours).await, is_b(read.clone()));
    assert_eq!(look(&ours).await, is_b(KeyHint::Unknown), "the same bucket, not read again");
    assert_eq!(far.count("GET /n/ns/b/b"), 1);
    assert_eq!(look(&other).await, is_b(read.clone()), "it may have come to the other key: read");
    remade.store(1, Ordering::Relaxed);
    assert_eq!(look(&ours).await, ("ocid1.bucket.oc1.iad.b2".to_owned(), read), "another bucket of that name");
    assert_eq!(far.count("GET /n/ns/b/b"), 3);
}

fn states(coverage: &[Coverage]) -> Vec<(Option<&str>, CoverageState)> {
    let name = |one: &Coverage| match one.compartment.as_ref().map(|id| id.as_str().ends_with("one")) {
        Some(true) => Some("one"),
        Some(false) => Some("two"),
        None => None,
    };
    coverage.iter().map(|one| (name(one), one.state.clone())).collect()
}

#[tokio::test]
async fn a_pass_lists_searches_and_ends_with_coverage() {
    let far = FarEnd::start(|seen, _| far(seen)).await;
    let (candidates, coverage) = pass(&far, &selector(Some("yes"))).await;
    let seen: Vec<_> = candidates
        .iter()
        .map(|one| (one.dependent.id.as_str().rsplit('.').next().expect("a name"), one.found_by, one.key.clone()))
        .collect();
    let ours = KeyHint::Key(KeyId::parse(KEY).expect("a key"));
    assert_eq!(
        seen,
        [
            ("a", FoundBy::List, ours),
            ("b", FoundBy::List, KeyHint::OracleManaged),
            ("a", FoundBy::Search, KeyHint::Unknown),
            ("v", FoundBy::Search, KeyHint::Unknown),
        ]
    );
    assert_eq!(candidates[3].dependent.kind, Kind::BlockVolume);
    assert_eq!(
        states(&coverage),
        [(Some("one"), CoverageState::Listed), (Some("two"), CoverageState::Denied), (None, CoverageState::Listed)]
    );
}

#[tokio::test]
async fn without_a_tag_nothing_is_searched() {
    let far = FarEnd::start(|seen, _| far(seen)).await;
    let (candidates, coverage) = pass(&far, &selector(None)).await;
    assert_eq!((candidates.len(), coverage.len()), (2, 2));
    assert_eq!(far.count("POST /20180409"), 0);
}

#[tokio::test]
async fn a_listed_bucket_that_may_not_be_read_is_a_hole_in_coverage() {
    let far = FarEnd::start(|seen, _| if seen.call() == "GET /n/ns/b/a" { not_found() } else { far(seen) }).await;
    let (candidates, coverage) = pass(&far, &selector(None)).await;
    assert_eq!(candidates.len(), 1);
    assert_eq!(states(&coverage)[0], (Some("one"), CoverageState::Denied));
}

#[tokio::test]
async fn a_kind_without_an_adapter_is_unsupported() {
    let far = FarEnd::start(|seen, _| far(seen)).await;
    let selector = Selector { kinds: vec![Kind::Other("queue".to_owned()), Kind::Bucket], ..selector(None) };
    let (_, coverage) = pass(&far, &selector).await;
    assert_eq!(coverage.iter().filter(|one| one.state == CoverageState::Unsupported).count(), 2);
    assert_eq!(coverage.len(), 4);
}

#[tokio::test]
async fn a_listing_of_volumes_names_their_keys_and_passes_over_what_is_terminated() {
    let volume = |name: &str, state: &str, key: &str| {
        format!(
            "{{\"id\":\"ocid1.volume.oc1.iad.{name}\",\"compartmentId\":\"ocid1.compartment.oc1..one\",\
             \"lifecycleState\":\"{state}\",\"availabilityDomain\":\"AD-1\",\"kmsKeyId\":{key}}}"
        )
    };
    let key = format!("\"{KEY}\"");
    let first = format!("[{},{}]", volume("a", "AVAILABLE", &key), volume("gone", "TERMINATED", &key));
    let second = format!("[{},{}]", volume("b", "PROVISIONING", "null"), volume("c", "TERMINATING", "\"\""));
    let far = FarEnd::start(move |seen, _| match seen.call().as_str() {
        "GET /20160918/volumes" if seen.target.contains("oc1..two") => not_found(),
        "GET /20160918/volumes" if seen.target.contains("page=p2") => ok(&second),
        "GET /20160918/volumes" => ok_with(&[("opc-next-page", "p2")], &first),
        _ => Said::HangUp,
    })
    .await;
    let selector = Selector { kinds: vec![Kind::BlockVolume], ..selector(None) };
    let (candidates, coverage) = pass(&far, &selector).await;
    let seen: Vec<_> = candidates
        .iter()
        .map(|one| (one.dependent.id.as_str().rsplit('.').next().expect("a last part"), one.key.clone()))
        .collect();
    let ours = KeyHint::Key(KeyId::parse(KEY).expect("a key"));
    assert_eq!(seen, [("a", ours), ("b", KeyHint::OracleManaged), ("c", KeyHint::OracleManaged)]);
    assert!(candidates.iter().all(|one| one.dependent.availability_domain.as_deref() == Some("AD-1")));
    assert_eq!(states(&coverage), [(Some("one"), CoverageState::Listed), (Some("two"), CoverageState::Denied)]);
    assert_eq!(far.seen().len(), 3, "a volume is not read one by one");
}

#[tokio::test]
async fn a_region_that_does_not_answer_is_unreachable_as_a_whole() {
    let far = FarEnd::start(|seen, _| if seen.call() == "GET /n" { far(seen) } else { Said::HangUp }).await;
    let (_, coverage) = pass(&far, &selector(Some("yes"))).await;
    let unreachable = CoverageState::Unreachable;
    assert_eq!(
        states(&coverage),
        [(Some("one"), unreachable.clone()), (Some("two"), unreachable.clone()), (None, unreachable)]
    );
    assert_eq!(far.count("GET /n/ns/b"), 3, "tried three times, for one compartment");
}

#[tokio::test]
async fn wrong_credentials_and_throttling_are_errors_not_verdicts() {
    for (status, code) in [(401, "NotAuthenticated"), (429, "TooManyRequests")] {
        let far = FarEnd::start(move |_, _| refused(status, code)).await;
        let error = Catalog::new(far.client()).dependents(&selector(None), &ashburn(), None).await.expect_err(code);
        assert_eq!(error.status(), Some(status));
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let far = FarEnd::start(|seen, _| far(seen)).await;
    let catalog = Catalog::new(far.client());
    for cursor in ["garbage", "e30"] {
        let cursor = Some(Cursor(cursor.to_owned()));
        assert!(catalog.dependents(&selector(None), &ashburn(), cursor).await.is_err());
    }
    let step = Step::List { kind: Kind::Bucket, compartment: compartment("nine").id, page: None, hidden: false };
    assert!(catalog.dependents(&selector(None), &ashburn(), Some(step.cursor())).await.is_err());
    assert!(far.seen().is_empty());
}

#[tokio::test]
async fn scopes_hold_ready_regions_and_the_root() {
    let far = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20160918/tenancies/ocid1.tenancy.oc1..t/regionSubscriptions" => ok(
            r#"[{"regionName":"us-ashburn-1","status":"READY","isHomeRegion":true},{"regionName":"us-phoenix-1","status":"IN_PROGRESS"}]"#,
        ),
        "GET /20160918/tenancies/ocid1.tenancy.oc1..t" => ok(r#"{"id":"ocid1.tenancy.oc1..t","name":"acme"}"#),
        "GET /20160918/compartments" => ok(
            r#"[{"id":"ocid1.compartment.oc1..one","name":"one","lifecycleState":"ACTIVE"},{"id":"ocid1.compartment.oc1..x","name":"x","lifecycleState":"DELETED"}]"#,
        ),
        _ => not_found(),
    })
    .await;
    let scopes = Catalog::new(far.client()).scopes().await.expect("answered").value;
    assert_eq!(scopes.regions, [ScopedRegion { region: ashburn(), is_home: true }]);
    assert_eq!(scopes.compartments.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["acme", "one"]);
}

#[test]
fn a_place_named_twice_is_looked_at_once_and_the_pass_ends() {
    let mut selector = selector(Some("yes"));
    selector.kinds.push(Kind::Bucket);
    selector.compartments.push(compartment("one"));
    let (mut seen, mut step) = (Vec::new(), Step::after(&selector, None));
    while let Some(at) = step.take().filter(|_| seen.len() < 100) {
        if let Step::List { kind, compartment, .. } = &at {
            step = Step::after(&selector, Some((kind, compartment)));
        }
        seen.push(at);
    }
    assert_eq!(seen.len(), 3, "two compartments and Search: {seen:?}");
}

/// A client at home in a region that answers nothing but 503, with this other region.
fn away_from_home(home: &FarEnd, other: &FarEnd) -> Arc<Client> {
    home.client_with(|settings| {
        settings.endpoints = settings.endpoints.clone().with_override(phoenix(), &other.base).expect("loopback");
    })
}

#[tokio::test]
async fn a_home_region_that_is_down_does_not_keep_the_buckets_of_another_from_being_listed() {
    let home = FarEnd::start(|_, _| refused(503, "ServiceUnavailable")).await;
    let other = FarEnd::start(|seen, _| far(seen)).await;
    let catalog = Catalog::new(away_from_home(&home, &other));
    let mut selector = selector(None);
    // Whether a backup policy copies is known only with every compartment, and those are shown at home.
    selector.kinds.insert(0, Kind::BackupPolicyAssignment);
    let page = catalog.dependents(&selector, &phoenix(), None).await.expect("a page").value;
    let unreachable = [Some("one"), Some("two")].map(|place| (place, CoverageState::Unreachable));
    assert_eq!(states(&page.coverage), unreachable);
    let page = catalog.dependents(&selector, &phoenix(), page.next).await.expect("a page").value;
    assert_eq!(page.candidates.len(), 1, "the first page of buckets");
    assert_eq!(home.count("GET /n"), 0, "every region knows the namespace");
}

#[tokio::test]
async fn without_subscriptions_the_regions_are_asked_that_are_known_otherwise() {
    let home = FarEnd::start(|_, before| match before {
        0 => ok(r#"[{"regionName":"us-ashburn-1"},{"regionName":"eu-frankfurt-1"}]"#),
        _ => refused(503, "ServiceUnavailable"),
    })
    .await;
    let client = home.client();
    let frankfurt = Region::parse("eu-frankfurt-1").expect("a region");
    let (here, away) = ("ocid1.key.oc1.iad.v.k", "ocid1.key.oc1.phx.v.k");
    assert_eq!(client.regions_for(here).await.expect("answered"), [ashburn(), frankfurt.clone()]);
    assert_eq!(client.regions_for(away).await.expect("known"), [ashburn(), frankfurt, phoenix()]);
    let fresh = home.client();
    assert_eq!(fresh.regions_for(away).await.expect("the OCID names one"), [ashburn(), phoenix()]);
    assert!(fresh.regions_for(here).await.expect_err("nothing else is known").is_out_of_reach());
}

#[tokio::test]
async fn the_types_of_search_are_read_once_and_what_it_lacks_is_told() {
    let far = FarEnd::start(|seen, _| match seen.call().as_str() {
        "GET /20180409/resourceTypes" if seen.target.contains("page=p2") => ok(r#"[{"name":"BUCKET","fields":[]}]"#),
        "GET /20180409/resourceTypes" => ok_with(&[("opc-next-page", "p2")], r#"[{"name":"Key"}]"#),
        _ => far(seen),
    })
    .await;
    let catalog = Catalog::new(far.client());
    let mut selector = selector(Some("yes"));
    selector.kinds = vec![Kind::Bucket, Kind::BlockVolume];
    for _ in 0..2 {
        let cursor = Some(Step::Search { page: None }.cursor());
        let page = catalog.dependents(&selector, &ashburn(), cursor).await.expect("a page").value;
        assert_eq!(page.search, Some(SearchTypes { from: TypesFrom::Service, unlisted: vec![Kind::BlockVolume] }));
        let kinds: Vec<_> = page.candidates.iter().map(|one| one.dependent.kind.clone()).collect();
        assert_eq!(kinds, [Kind::Bucket, Kind::Other("volume".to_owned())], "no listed type says what it is");
    }
    assert_eq!(far.count("GET /20180409/resourceTypes"), 2, "two pages, once");
}

#[tokio::test]
async fn where_search_does_not_show_its_types_documented_names_are_used_and_that_is_told() {
    let far = FarEnd::start(|seen, _| far(seen)).await;
    let catalog = Catalog::new(far.client());
    for asked in 1..3 {
        let cursor = Some(Step::Search { page: None }.cursor());
        let page = catalog.dependents(&selector(Some("yes")), &ashburn(), cursor).await.expect("a page").value;
        assert_eq!(page.search, Some(SearchTypes { from: TypesFrom::Documented, unlisted: Vec::new() }));
        assert_eq!(page.candidates[0].dependent.kind, Kind::Bucket);
        assert_eq!(far.count("GET /20180409/resourceTypes"), asked, "it may be shown another time");
    }
}
