//! Three regions, sixty compartments, forty keys, with silent no-ops, failing work requests, denied compartments and one
//! region down: the report is exactly right against World's truth.

use std::collections::{BTreeMap, BTreeSet};

use keywheel::Rotated;
use keywheel::memory::FaultPlan;
use keywheel::model::{
    CompartmentId, Coverage, CoverageState, DueState, FindingKind, KeyId, Kind, LookedAt, Report, ResourceId, StreamId,
    TypesFrom, Verdict,
};

use super::build::{DOWN, HOME, Hung, Put, Tenancy, WEST, region};

/// Counts of one kind: found, open, rekeyed, manual, blocked.
type Row = [u64; 5];

/// What a report must say, from World's truth.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    is_paused: bool,
    kinds: BTreeMap<Kind, Row>,
    exceptions: BTreeSet<ResourceId>,
    untagged: BTreeSet<ResourceId>,
    elsewhere: BTreeSet<ResourceId>,
    holes: BTreeSet<Coverage>,
    looked_at: Vec<LookedAt>,
}

fn is_block(kind: &Kind) -> bool {
    !matches!(kind, Kind::Bucket | Kind::Cluster)
}

/// Whether a resource's data hangs on other material than when it was put there.
fn has_moved(tenancy: &Tenancy, hung: &Hung, put: &Put) -> bool {
    match put.kind {
        Kind::Cluster => false,
        _ => tenancy.world.wrapping(&put.id).is_some_and(|now| now.key != hung.key || now.version != hung.superseded),
    }
}

fn expected(tenancy: &Tenancy, hung: &Hung, denied: &[CompartmentId], managed: &BTreeSet<KeyId>) -> Expected {
    let is_seen = |put: &&Put| !denied.contains(&put.compartment) && put.region != region(DOWN);
    let seen: Vec<&Put> = hung.resources.iter().filter(is_seen).collect();
    let stays = seen.iter().any(|put| is_block(&put.kind) && !has_moved(tenancy, hung, put));
    // What forbids several versions and stayed holds back the version that the others wait for.
    let mut all = Expected { is_paused: stays && seen.iter().any(|put| !is_block(&put.kind)), ..Expected::default() };
    for put in &seen {
        let row = all.kinds.entry(put.kind.clone()).or_default();
        row[0] += 1;
        let column = match (is_block(&put.kind), has_moved(tenancy, hung, put)) {
            (false, _) if all.is_paused => 1,
            (_, true) => 2,
            (_, false) if put.kind == Kind::Cluster => 3,
            (_, false) => 4,
        };
        row[column] += 1;
        if column > 2 {
            all.exceptions.insert(put.id.clone());
        }
        if !put.is_tagged {
            all.untagged.insert(put.id.clone());
        }
    }
    // What is under a key that nobody manages here is where it does not belong, as is what is under Oracle's.
    let unmanaged = tenancy.keys.iter().filter(|hung| !managed.contains(&hung.key)).flat_map(|hung| &hung.resources);
    let tagged = tenancy.strays.iter().chain(unmanaged).filter(|put| put.is_tagged);
    all.elsewhere = tagged.filter(is_seen).map(|put| put.id.clone()).collect();
    cover(tenancy, hung, denied, &mut all);
    all
}

/// What can be looked at of the places that matter to a key, and what cannot.
fn cover(tenancy: &Tenancy, hung: &Hung, denied: &[CompartmentId], all: &mut Expected) {
    let places = u32::try_from(tenancy.compartments.len() + 1).expect("61, with the root");
    let denied_count = u32::try_from(denied.len()).expect("few");
    let own = |name: &str| hung.region == region(name) || (hung.region == region(HOME) && name == WEST);
    for name in [DOWN, HOME, WEST] {
        let is_copied = |kind: &&Kind| matches!(kind, Kind::BlockVolumeBackup | Kind::BootVolumeBackup);
        let kinds = tenancy.kinds.iter().filter(|kind| own(name) || is_copied(kind)).cloned().map(Some);
        for kind in kinds.chain([None]) {
            let mut row = LookedAt::new(&region(name), kind.as_ref());
            let hole = |compartment: Option<&CompartmentId>, state| {
                let (region, compartment) = (region(name), compartment.cloned());
                Coverage { region, compartment, kind: kind.clone(), state }
            };
            match (&kind, name) {
                (_, DOWN) => {
                    row.unreachable = kind.as_ref().map_or(1, |_| places);
                    all.holes.insert(hole(None, CoverageState::Unreachable));
                }
                (None, _) => (row.listed, row.types) = (1, Some(TypesFrom::Service)),
                (Some(_), _) => {
                    (row.listed, row.denied) = (places - denied_count, denied_count);
                    all.holes.extend(denied.iter().map(|place| hole(Some(place), CoverageState::Denied)));
                }
            }
            all.looked_at.push(row);
        }
    }
    all.looked_at.sort_by(|one, other| (&one.region, &one.kind).cmp(&(&other.region, &other.kind)));
}

fn said(report: &Report) -> Expected {
    let subjects = |wanted: FindingKind| -> BTreeSet<ResourceId> {
        let named = report.findings.iter().filter(|finding| finding.kind == wanted);
        named.map(|finding| ResourceId::parse(finding.subject.as_str()).expect("a resource")).collect()
    };
    let rows = report.kinds.iter().map(|kind| {
        assert_eq!((kind.already, kind.gone, kind.excluded, kind.partial), (0, 0, 0, 0), "{kind:?}");
        (kind.kind.clone(), [kind.found, kind.open, kind.rekeyed, kind.manual, kind.blocked])
    });
    Expected {
        is_paused: report.summary.paused.is_some(),
        kinds: rows.collect(),
        exceptions: report.exceptions.iter().map(|exception| exception.dependent.id.clone()).collect(),
        untagged: subjects(FindingKind::Untagged),
        elsewhere: subjects(FindingKind::TaggedElsewhere),
        holes: report.coverage.iter().cloned().collect(),
        looked_at: report.looked_at.clone(),
    }
}

#[test]
fn a_tenancy_with_everything_wrong_in_it_is_reported_exactly_as_it_is() {
    let mut tenancy = Tenancy::build(5);
    let denied: Vec<CompartmentId> = [3, 17, 31, 44, 58].map(|nth| tenancy.compartments[nth].clone()).into();
    // Vaults whose keys live all over the tenancy; one of them cannot be reached, its keys are known by name.
    tenancy.settings.scope.vaults = tenancy.vaults.iter().cloned().collect();
    tenancy.settings.scope.keys =
        tenancy.keys.iter().filter(|hung| hung.region == region(DOWN)).map(|hung| hung.key.clone()).collect();
    let mut plan = FaultPlan::new()
        .silent_no_op_on("update_boot_volume_backup", keywheel::memory::Strikes::Every)
        .work_request_fails(keywheel::memory::Strikes::First(40))
        .region_down(&region(DOWN));
    for place in &denied {
        plan = plan.deny_compartment(place);
    }
    // Keys in a denied compartment are not seen either: they are not in scope, and nobody turns them.
    let dues = {
        tenancy.world.faults(plan);
        tenancy.run(tenancy.rotator().due()).expect("two regions answer")
    };
    let is_hidden = |hung: &&Hung| !dues.iter().any(|row| row.key == hung.key);
    let managed: BTreeSet<KeyId> = dues.iter().map(|row| row.key.clone()).collect();
    let hidden = tenancy.keys.iter().filter(is_hidden).count();
    let blocked = dues.iter().filter(|row| matches!(row.due.state, DueState::Blocked)).count();
    assert_eq!((dues.len(), blocked), (40 - hidden, 8), "those of the region that is down, and no others");
    assert!(hidden > 0 && hidden < 6, "{hidden}");

    let results = tenancy.run(tenancy.rotator().rotate_due()).expect("one region down stops only its own");
    assert_eq!(results.len(), 32 - hidden);
    let (mut totals, mut paused) = (Row::default(), 0);
    for (key, rotated) in &results {
        let hung = tenancy.keys.iter().find(|hung| hung.key == *key).expect("a key that was put there");
        let wanted = expected(&tenancy, hung, &denied, &managed);
        let (report, rotation) = match rotated {
            Ok(Rotated::Completed(report)) => ((**report).clone(), report.summary.rotation.clone()),
            Ok(Rotated::Paused { rotation, .. }) => {
                (tenancy.run(tenancy.rotator().status(rotation)).expect("a read"), rotation.clone())
            }
            other => panic!("{key}: {other:?}"),
        };
        assert_eq!(said(&report), wanted, "{key}\n{report}");
        let verdict = (!wanted.is_paused).then_some(Verdict::WithExceptions);
        assert_eq!(report.verdict, verdict, "nothing is clean where places could not be looked at");
        assert_eq!(report.summary.dependents, wanted.kinds.values().map(|row| row[0]).sum::<u64>());
        if report.verdict.is_some() {
            let named = report.findings.iter().filter(|finding| finding.kind == FindingKind::CoverageHole);
            let named: BTreeSet<&str> = named.map(|finding| finding.subject.as_str()).collect();
            let places = denied.iter().map(CompartmentId::as_str).chain([DOWN]).collect();
            assert_eq!(named, places, "each place once, not once for every kind");
        }
        for row in wanted.kinds.values() {
            totals.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
        }
        paused += usize::from(wanted.is_paused);
        small(&tenancy, &rotation);
    }
    // The tenancy is one in which each of these happens; else the test would show little.
    assert!(totals.iter().all(|total| *total > 0) && paused > 0 && paused < results.len(), "{totals:?} {paused}");
    assert!(totals[2] > totals[4], "most was moved: {totals:?}");
}

/// A pass over all of this is one line of a few kilobytes.
fn small(tenancy: &Tenancy, rotation: &keywheel::model::RotationId) {
    let facts = tenancy.run(tenancy.rotator().facts(rotation)).expect("a read");
    let passes = facts.iter().filter(|fact| fact.contains("\"pass_ended\""));
    let longest = passes.map(String::len).max().expect("there was a pass");
    assert!(longest < 40_000, "{longest} bytes for one pass of {}", StreamId::rotation(rotation));
}

#[test]
fn a_region_that_is_down_holds_nobody_else_up_even_where_block_storage_must_be_seen() {
    let mut tenancy = Tenancy::build(6);
    tenancy.settings.policy.accept_risks.clear();
    tenancy.settings.scope.vaults = [tenancy.vaults[1].clone()].into();
    tenancy.world.region_down(&region(DOWN));
    let results = tenancy.run(tenancy.rotator().rotate_due()).expect("it answers");
    assert_eq!(results.len(), 16);
    for (key, rotated) in results {
        let Ok(Rotated::Completed(report)) = rotated else { panic!("{key}: {rotated:?}") };
        assert!(report.coverage.iter().all(|hole| hole.region == region(DOWN)), "{:?}", report.coverage);
        assert!(!report.coverage.is_empty() && report.key_regions == [region(WEST)]);
    }
    // The replica of the key's own vault is there: then it must be seen.
    let mut tenancy = Tenancy::build(6);
    tenancy.settings.policy.accept_risks.clear();
    let mixed = tenancy.keys.iter().find(|hung| {
        let has = |wanted: bool| hung.resources.iter().any(|put| is_block(&put.kind) == wanted);
        hung.region == region(HOME)
            && has(true)
            && has(false)
            && hung.resources.iter().any(|put| put.region == region(HOME))
    });
    let key = mixed.expect("there is one").key.clone();
    tenancy.settings.scope.keys = [key.clone()].into();
    tenancy.world.region_down(&region(WEST));
    let rotated = tenancy.run(tenancy.rotator().rotate(&key));
    let Ok(Rotated::Paused { why, .. }) = rotated else { panic!("{rotated:?}") };
    assert!(why.contains("could not be looked at") && why.contains(WEST), "{why}");
}
