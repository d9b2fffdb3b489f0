//! Where is looked, and what Search and List say of each other.

use std::collections::BTreeSet;
use std::time::Duration;

use keywheel::Rotated;
use keywheel::memory::{Caller, WorldSettings};
use keywheel::model::{
    Alone, CompartmentId, CoverageState, FindingKind, Kind, Report, Settings, TagSelector, TypesFrom, Verdict,
};
use keywheel::testkit::{HOME, Lab};

use super::build::region;

fn completed(rotated: keywheel::Result<Rotated>) -> Report {
    match rotated {
        Ok(Rotated::Completed(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// A lab with a tag, and one tagged bucket more than it had.
fn tagged() -> Lab {
    let mut lab = Lab::with_buckets(0);
    lab.settings.tag = Some(TagSelector { namespace: None, key: "keywheel".into(), value: "yes".into() });
    lab
}

#[test]
fn a_tree_is_looked_at_with_all_that_is_below_it_and_nothing_beside_it() {
    let mut lab = Lab::with_buckets(0);
    let (apps, data) = (lab.compartments[0].clone(), lab.compartments[1].clone());
    let below = lab.world.add_compartment("below", &apps);
    let deep = lab.world.add_compartment("deep", &below);
    let put = |place: &CompartmentId, name: &str| lab.world.add_bucket(&region(HOME), place, name).key(&lab.key).done();
    let inside: BTreeSet<_> = [put(&apps, "a"), put(&below, "b"), put(&deep, "c")].into();
    let beside = put(&data, "d");
    lab.settings.scope.compartment_trees = [apps].into();
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    let found = lab.run(lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    assert_eq!(found.into_iter().map(|one| one.dependent.id).collect::<BTreeSet<_>>(), inside);
    assert_eq!(lab.world.wrapping_version(&beside), Some(lab.superseded.clone()), "out of scope is left alone");
    lab.settings.scope.compartments = [data].into();
    let found = lab.run(lab.rotator().plan(&lab.key)).expect("a read").dependents;
    assert_eq!(found.values().sum::<u64>(), 4, "a compartment by name beside a tree");
}

#[test]
fn a_compartment_that_is_named_and_cannot_be_seen_is_a_hole_and_not_silence() {
    let mut lab = Lab::with_buckets(2);
    let nowhere = CompartmentId::parse("ocid1.compartment.oc1..nowhere").expect("an OCID");
    lab.settings.scope.compartments = [lab.compartments[0].clone(), nowhere.clone()].into();
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    let holes = report.coverage.iter().filter(|hole| hole.compartment.as_ref() == Some(&nowhere));
    assert_eq!(holes.map(|hole| &hole.state).collect::<Vec<_>>(), [&CoverageState::Denied; 2], "in both regions");
}

#[test]
fn keys_are_looked_for_where_they_are_said_to_be_and_a_refusal_there_is_no_silence() {
    let unhurried = WorldSettings { kms_per_second: None, ..WorldSettings::lab() };
    let mut lab = Lab::build(1, Settings::lab(), unhurried);
    let described = lab.run(lab.rotator().ports().key_store.describe_key(&lab.key)).expect("a read");
    let (keys, beside) = (described.value.compartment, lab.compartments[1].clone());
    let created = lab.world.now() - Duration::from_secs(86_400);
    let elsewhere = lab.world.add_key(&lab.vault, &beside, "elsewhere", created).done();
    let (here, vault) = (lab.key.clone(), lab.vault.clone());
    lab.settings.scope.keys.clear();
    lab.settings.scope.vaults = [vault].into();
    let seen = |lab: &Lab| -> keywheel::Result<BTreeSet<_>> {
        Ok(lab.run(lab.rotator().due())?.into_iter().map(|row| row.key).collect())
    };
    assert_eq!(seen(&lab).expect("a read"), [here.clone(), elsewhere].into(), "said nowhere: everywhere");
    lab.settings.scope.key_compartments = [keys.clone()].into();
    drop(lab.world.take_log());
    assert_eq!(seen(&lab).expect("a read"), [here.clone()].into());
    let asked: BTreeSet<_> =
        lab.world.take_log().into_iter().filter(|one| one.operation == "list_keys").map(|one| one.subject).collect();
    assert_eq!(asked, [keys.to_string()].into());

    lab.settings.scope.key_compartments.insert(beside.clone());
    lab.world.deny_compartment(&Caller::keywheel(), &beside);
    assert_eq!(seen(&lab).expect("a read"), [here].into(), "the others are shown");
    lab.settings.scope.key_compartments = [beside.clone()].into();
    let error = seen(&lab).expect_err("nothing else is in scope");
    assert!(error.to_string().contains(beside.as_str()), "{error}");
}

#[test]
fn what_lists_alone_show_is_counted_and_named_and_is_no_exception() {
    let lab = tagged();
    let bucket = |name: &str| lab.world.add_bucket(&region(HOME), &lab.compartments[0], name).key(&lab.key);
    drop(bucket("both").tag("keywheel", "yes").done());
    lab.clock.advance(Duration::from_secs(60));
    // From now on the index hears of what is new only in an hour.
    lab.world.configure(|settings| settings.search_lag = Duration::from_secs(3600));
    let young = bucket("young").tag("keywheel", "yes").created(lab.world.now()).done();
    drop(bucket("untagged").created(lab.world.now()).done());
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    let row = report.looked_at.iter().find(|row| row.region == region(HOME) && row.kind.is_some()).expect("buckets");
    assert_eq!((row.search_only.count, row.list_only.count), (0, 1), "what has no tag is nothing for Search: {row:?}");
    assert_eq!(row.list_only.named, std::slice::from_ref(&young));
    let said: Vec<_> = report.findings.iter().filter(|finding| finding.kind == FindingKind::ListAlone).collect();
    assert!(said.len() == 1 && said[0].text.contains(young.as_str()), "{said:?}");
    assert_eq!(report.verdict, Some(Verdict::Clean), "everything was moved");
}

#[test]
fn what_search_alone_shows_is_moved_and_said_to_be_shown_by_nothing_else() {
    let lab = tagged();
    let put = |number: usize| {
        let bucket = lab.world.add_bucket(&region(HOME), &lab.compartments[0], &format!("bucket-{number}"));
        bucket.key(&lab.key).tag("keywheel", "yes").done()
    };
    let all: Vec<_> = (0..7).map(put).collect();
    lab.clock.advance(Duration::from_secs(60));
    lab.world.deny_operation(&Caller::keywheel(), "list_buckets");
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    assert!(all.iter().all(|one| lab.world.wrapping_version(one) == Some(lab.current())), "it was moved");
    let row = report.looked_at.iter().find(|row| row.region == region(HOME) && row.kind.is_some()).expect("buckets");
    assert_eq!((row.search_only.count, row.list_only.count, row.listed), (7, 0, 0), "{row:?}");
    assert_eq!(row.search_only.named.len(), Alone::NAMED_MAX);
    let said = report.findings.iter().find(|finding| finding.kind == FindingKind::SearchAlone).expect("a finding");
    assert!(said.text.contains("could not be listed") && said.text.ends_with("and 2 more"), "{}", said.text);
}

#[test]
fn a_key_that_is_managed_here_too_is_no_place_where_a_tag_does_not_belong() {
    let mut lab = tagged();
    let keys = lab.compartments[0].clone();
    let created = lab.world.now();
    let [other, strange] = ["other", "strange"].map(|name| lab.world.add_key(&lab.vault, &keys, name, created).done());
    let put = |name: &str, key| {
        let bucket = lab.world.add_bucket(&region(HOME), &lab.compartments[0], name);
        bucket.key(key).tag("keywheel", "yes").done()
    };
    let (mine, managed, unmanaged) = (put("mine", &lab.key), put("managed", &other), put("unmanaged", &strange));
    lab.clock.advance(Duration::from_secs(60));
    lab.settings.scope.keys.insert(other);
    let findings = lab.run(lab.rotator().plan(&lab.key)).expect("a read").findings;
    let elsewhere = findings.iter().filter(|finding| finding.kind == FindingKind::TaggedElsewhere);
    assert_eq!(elsewhere.map(|one| one.subject.as_str()).collect::<Vec<_>>(), [unmanaged.as_str()], "{mine} {managed}");
}

#[test]
fn where_nothing_can_be_under_the_key_only_copies_and_tags_are_looked_for() {
    let mut lab = Lab::mixed(1, 1);
    let far = region("eu-frankfurt-1");
    lab.world.add_region(&far);
    let copy = lab.world.others_copy_backup(&lab.backups[0], &far, None);
    lab.settings.tag = Some(TagSelector { namespace: None, key: "keywheel".into(), value: "yes".into() });
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    let kinds: Vec<_> = report.looked_at.iter().filter(|row| row.region == far).map(|row| row.kind.clone()).collect();
    assert_eq!(kinds, [None, Some(Kind::BlockVolumeBackup), Some(Kind::BootVolumeBackup)]);
    assert!(!report.key_regions.contains(&far) && report.key_regions.len() == 2, "{:?}", report.key_regions);
    let downgraded = report.findings.iter().find(|finding| finding.kind == FindingKind::CopyUnderOraclesKey);
    assert_eq!(downgraded.map(|finding| finding.subject.as_str()), Some(copy.as_str()));
    assert!(lab.world.log().iter().all(|entry| entry.region != far || entry.operation != "list_buckets"));
}

#[test]
fn a_type_that_search_does_not_list_is_said_and_lists_show_the_kind_all_the_same() {
    let mut lab = Lab::mixed(1, 0);
    lab.settings.tag = Some(TagSelector { namespace: None, key: "keywheel".into(), value: "yes".into() });
    let volume = lab.world.add_volume(&region(HOME), &lab.compartments[0], "tagged").key(&lab.key);
    let volume = volume.tag("keywheel", "yes").done();
    lab.clock.advance(Duration::from_secs(60));
    lab.world.others_unlist_type("Volume");
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    assert_ne!(lab.wrapping_key(&volume), Some(lab.key.clone()), "it was moved");
    let row = |kind: Option<Kind>| report.looked_at.iter().find(|row| row.region == region(HOME) && row.kind == kind);
    assert_eq!(row(None).and_then(|row| row.types), Some(TypesFrom::Service));
    assert!(row(Some(Kind::BlockVolume)).expect("it was listed").not_searchable, "{:?}", report.looked_at);
    assert!(!row(Some(Kind::BootVolume)).expect("it was listed").not_searchable);
    assert!(format!("{report}").contains("does not list the type of a block volume"), "{report}");
}

#[test]
fn types_that_search_does_not_show_are_taken_from_the_documentation_and_that_is_said() {
    let lab = tagged();
    let bucket = lab.world.add_bucket(&region(HOME), &lab.compartments[0], "one").key(&lab.key);
    drop(bucket.tag("keywheel", "yes").done());
    lab.clock.advance(Duration::from_secs(60));
    lab.world.deny_operation(&Caller::keywheel(), "list_resource_types");
    let report = completed(lab.run(lab.rotator().rotate(&lab.key)));
    let searched: Vec<_> = report.looked_at.iter().filter(|row| row.kind.is_none()).map(|row| row.types).collect();
    assert_eq!(searched, [Some(TypesFrom::Documented); 2], "in both regions");
    assert!(format!("{report}").contains("documented names"), "{report}");
    assert_eq!(report.verdict, Some(Verdict::Clean), "it was found all the same");
}
