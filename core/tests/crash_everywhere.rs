//! Every append and every port call is a crash point, before and after. Whatever dies where, a second run
//! ends where an undisturbed one would have: one version, every dependent moved and accounted for.
//!
//! Then the same in pairs: the second run dies too, at each of its points. `make sim` runs all pairs
//! (`CRASH_PAIRS=all`), the ordinary tests every 97th.
#![allow(
    clippy::disallowed_methods,
    reason = "the long lane is asked for through the environment, and uses every core"
)]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use keywheel::Rotated;
use keywheel::model::Verdict;
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Effects, Points};

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
        ends_well(&lab, &Points::new(At::Nowhere), 1, &how);
    }
}

/// Runs once more and judges what it comes to. A crash after the end leaves nothing due; the ended rotation is what
/// we judge then.
fn ends_well(lab: &Lab, points: &std::sync::Arc<Points>, nth: u64, how: &str) {
    let rotator = lab.mortal_rotator(points, nth);
    let rotated = lab.run(async {
        match rotator.rotate(&lab.key).await? {
            Rotated::NotDue { .. } => {
                let all = rotator.history(Some(&lab.key)).await?;
                Ok(Rotated::Completed(Box::new(rotator.status(&all[0].rotation).await?)))
            }
            other => Ok::<_, keywheel::Error>(other),
        }
    });
    assert_ended_well(lab, &rotated.unwrap_or_else(|error| panic!("{how}: {error:?}")), how);
    lab.run(rotator.verify_journal()).unwrap_or_else(|error| panic!("{how}: {error}"));
}

/// Dies at `first`, then at `second`, then ends. `false`: the second run has no such point.
fn dies_twice(first: usize, second: usize) -> bool {
    let lab = Lab::with_buckets(2);
    let crash = Points::new(At::Index(first));
    let died = lab.run_until_crash(&crash, lab.mortal_rotator(&crash, 0).rotate(&lab.key));
    assert!(died.is_none(), "{first}: it did not die");
    let again = Points::new(At::Index(second));
    let ended = lab.run_until_crash(&again, lab.mortal_rotator(&again, 1).rotate(&lab.key));
    let how = format!("died at {first}, {:?}, then at {second}, {:?}", crash.hit(), again.hit());
    ends_well(&lab, &Points::new(At::Nowhere), 2, &how);
    ended.is_none()
}

#[test]
fn whatever_two_points_it_dies_at_a_third_run_ends_well() {
    let every = if std::env::var("CRASH_PAIRS").is_ok_and(|pairs| pairs == "all") { 1 } else { 97 };
    let counting = Points::new(At::Nowhere);
    let lab = Lab::with_buckets(2);
    lab.run(lab.mortal_rotator(&counting, 0).rotate(&lab.key)).expect("nothing goes wrong");
    let points = counting.count();
    let (next, pairs) = (AtomicUsize::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(1, Ordering::Relaxed);
                    if first >= points {
                        return;
                    }
                    // Another remainder for each first point, so that a sample does not always miss the same ones.
                    let mut second = first * 7 % every;
                    while dies_twice(first, second) {
                        pairs.fetch_add(1, Ordering::Relaxed);
                        second += every;
                    }
                }
            });
        }
    });
    let pairs = pairs.into_inner();
    println!("{pairs} pairs of {points} first points, every {every}.");
    assert!(pairs as usize * every > points * points / 4, "only {pairs} pairs");
}

#[test]
fn an_effect_that_reaches_the_world_twice_happens_once() {
    let lab = Lab::with_buckets(4);
    let twice = Points::with_effects(At::Nowhere, Effects::Twice);
    ends_well(&lab, &twice, 0, "every mint and every step sent twice");
    let sent = lab.world.log().into_iter().filter(|entry| entry.operation == "create_key_version").count();
    assert_eq!(sent, 2, "the mint was not sent twice");
    assert!(lab.buckets.iter().all(|bucket| lab.world.reencrypts_of(bucket) == 2), "a step was not sent twice");
}

#[test]
fn effects_done_twice_and_a_death_at_any_point_make_one_version_all_the_same() {
    let counting = Points::with_effects(At::Nowhere, Effects::Twice);
    let lab = Lab::with_buckets(2);
    lab.run(lab.mortal_rotator(&counting, 0).rotate(&lab.key)).expect("nothing goes wrong");
    for index in 0..counting.count() {
        let lab = Lab::with_buckets(2);
        let crash = Points::with_effects(At::Index(index), Effects::Twice);
        let died = lab.run_until_crash(&crash, lab.mortal_rotator(&crash, 0).rotate(&lab.key));
        let how = format!("twice, died at {index}, {:?}", crash.hit());
        assert!(died.is_none(), "{how}: it did not die");
        ends_well(&lab, &Points::with_effects(At::Nowhere, Effects::Twice), 1, &how);
    }
}
