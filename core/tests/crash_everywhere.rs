//! Every append and every port call is a crash point, before and after. Whatever dies where, a second run
//! ends where an undisturbed one would have: one version, every dependent moved and accounted for.

use keywheel::Rotated;
use keywheel::model::Verdict;
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Points};

fn assert_ended_well(lab: &Lab, rotated: &Rotated, how: &str) {
    let Rotated::Completed(report) = rotated else { panic!("{how}: {rotated:?}") };
    let current = lab.current();
    assert_ne!(current, lab.superseded, "{how}: nothing was minted");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "{how}: minted more than once");
    assert_eq!(lab.not_on(&current), [], "{how}: a bucket hangs on the superseded version");
    assert_eq!(report.summary.counts.with("rekeyed"), lab.buckets.len() as u64, "{how}: {report}");
    assert_eq!(report.summary.counts.total(), lab.buckets.len() as u64, "{how}: {report}");
    assert_eq!(report.verdict, Some(Verdict::Clean), "{how}: {report}");
    assert_eq!(report.census.ours + report.census.presumed, 1, "{how}: {:?}", report.census);
    assert_eq!(report.census.others, 0, "{how}: {:?}", report.census);
}

#[test]
fn an_undisturbed_rotation_moves_every_bucket_with_one_mint() {
    let lab = Lab::with_buckets(7);
    let rotator = lab.rotator();
    let rotated = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert_ended_well(&lab, &rotated, "undisturbed");
    let again = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert!(matches!(again, Rotated::NotDue { .. }), "{again:?}");
    lab.run(rotator.verify_journal()).expect("the chain is whole");
}

#[test]
fn whatever_point_it_dies_at_a_second_run_ends_well() {
    let counting = Points::new(At::Nowhere);
    let lab = Lab::with_buckets(4);
    lab.run(lab.mortal_rotator(&counting, 0).rotate(&lab.key)).expect("nothing goes wrong");
    let points = counting.passed();
    assert!(points.len() > 60, "only {} points: {points:?}", points.len());
    for index in 0..points.len() {
        let lab = Lab::with_buckets(4);
        let crash = Points::new(At::Index(index));
        let died = lab.run_until_crash(&crash, lab.mortal_rotator(&crash, 0).rotate(&lab.key));
        let how = format!("died at {index}, {:?}", crash.hit());
        assert!(died.is_none(), "{how}: it did not die");
        let rotator = lab.mortal_rotator(&Points::new(At::Nowhere), 1);
        let rotated = lab.run(async {
            // A crash after the end leaves nothing due; the ended rotation is what we judge.
            match rotator.rotate(&lab.key).await? {
                Rotated::NotDue { .. } => {
                    let all = rotator.history(Some(&lab.key)).await?;
                    Ok(Rotated::Completed(Box::new(rotator.status(&all[0].rotation).await?)))
                }
                other => Ok::<_, keywheel::Error>(other),
            }
        });
        assert_ended_well(&lab, &rotated.unwrap_or_else(|error| panic!("{how}: {error:?}")), &how);
        lab.run(rotator.verify_journal()).unwrap_or_else(|error| panic!("{how}: {error}"));
    }
}
