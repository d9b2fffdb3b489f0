//! Every append and every port call is a crash point, before and after. Whatever dies where, a second run
//! ends where an undisturbed one would have: one version, every dependent moved and accounted for.
//!
//! Then the same in pairs: the second run dies too, at each of its points. The ordinary tests take every 97th pair,
//! `make sim` all of one leg (`CRASH_PAIRS=all`) and every 41st of two; `CRASH_PAIRS=every` takes really all, and
//! with `CRASH_SLICE=k/n` those whose first point leaves the remainder k when divided by n, so that n runs take all.
#![allow(
    clippy::disallowed_methods,
    reason = "the long lane is asked for through the environment, and uses every core"
)]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use keywheel::Rotated;
use keywheel::model::{Kind, Verdict};
use keywheel::testkit::crash::{At, Effects, Points};
use keywheel::testkit::{HOME, Lab};

/// What is rotated: a key of buckets has one leg, a mixed one a successor first and then a version.
#[derive(Debug, Clone, Copy)]
enum Of {
    Buckets(usize),
    Mixed(usize, usize),
    /// Mixed, with a node pool that follows to the successor and a cluster that is left to a person.
    Oke(usize, usize),
}

impl Of {
    fn lab(self) -> Lab {
        match self {
            Self::Buckets(buckets) => Lab::with_buckets(buckets),
            Self::Mixed(buckets, volumes) => Lab::mixed(buckets, volumes),
            Self::Oke(buckets, volumes) => {
                let mut lab = Lab::mixed(buckets, volumes);
                let oke = [Kind::Cluster, Kind::NodePool].map(|kind| lab.add_holder(&kind, HOME, 1, "oke"));
                lab.kinds.extend([Kind::Cluster, Kind::NodePool]);
                lab.holders.extend(oke);
                lab
            }
        }
    }

    fn legs(self) -> u32 {
        match self {
            Self::Buckets(_) => 1,
            Self::Mixed(..) | Self::Oke(..) => 2,
        }
    }
}

fn assert_ended_well(of: Of, lab: &Lab, rotated: &Rotated, how: &str) {
    let Rotated::Completed(report) = rotated else { panic!("{how}: {rotated:?}") };
    let current = lab.current();
    assert_ne!(current, lab.superseded, "{how}: nothing was minted");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "{how}: minted more than once");
    assert_eq!(lab.not_on(&current), [], "{how}: a bucket hangs on the superseded version");
    let successors = lab.world.keys_minted_by_us();
    assert_eq!(successors.len() + 1, of.legs() as usize, "{how}: {successors:?}");
    for block in lab.volumes.iter().chain(&lab.backups) {
        assert_eq!(lab.wrapping_key(block).as_ref(), successors.first(), "{how}: {block} did not move");
    }
    let holders: Vec<_> = lab.holders.iter().filter_map(|holder| lab.world.holder(holder)).collect();
    let (pools, clusters): (Vec<_>, Vec<_>) = holders.into_iter().partition(|holder| holder.kind == Kind::NodePool);
    for pool in &pools {
        assert_eq!(pool.key.as_ref(), successors.first(), "{how}: {} makes nodes under the predecessor", pool.name);
        assert_eq!(pool.settings, "{\"size\":3}", "{how}: {} lost what it makes its nodes with", pool.name);
    }
    assert!(clusters.iter().all(|cluster| cluster.key.as_ref() == Some(&lab.key)), "{how}: nothing moves a cluster");
    let moved = (lab.buckets.len() + lab.volumes.len() + lab.backups.len() + pools.len()) as u64;
    let left = clusters.len() as u64;
    let counts = &report.summary.counts;
    // A conditional step that was sent twice is refused the second time; the resource then shows that it has moved.
    assert_eq!(counts.with("rekeyed") + counts.with("already"), moved, "{how}: {report}");
    assert_eq!(counts.with("manual"), left, "{how}: {report}");
    assert_eq!(counts.total(), moved + left, "{how}: {report}");
    let verdict = if left == 0 { Verdict::Clean } else { Verdict::WithExceptions };
    assert_eq!(report.verdict, Some(verdict), "{how}: {report}");
    assert_eq!(report.census.ours + report.census.presumed, of.legs(), "{how}: {:?}", report.census);
    assert_eq!(report.census.others, 0, "{how}: {:?}", report.census);
}

#[test]
fn an_undisturbed_rotation_moves_every_bucket_with_one_mint() {
    let lab = Lab::with_buckets(7);
    let rotator = lab.rotator();
    let rotated = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert_ended_well(Of::Buckets(7), &lab, &rotated, "undisturbed");
    let again = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert!(matches!(again, Rotated::NotDue { .. }), "{again:?}");
    lab.run(rotator.verify_journal()).expect("the chain is whole");
}

fn dies_everywhere(of: Of, effects: Effects) -> usize {
    let counting = Points::with_effects(At::Nowhere, effects);
    let lab = of.lab();
    lab.run(lab.mortal_rotator(&counting, 0).rotate(&lab.key)).expect("nothing goes wrong");
    for index in 0..counting.count() {
        let lab = of.lab();
        let crash = Points::with_effects(At::Index(index), effects);
        let died = lab.run_until_crash(&crash, lab.mortal_rotator(&crash, 0).rotate(&lab.key));
        let how = format!("{of:?}, died at {index}, {:?}", crash.hit());
        assert!(died.is_none(), "{how}: it did not die");
        ends_well(of, &lab, &Points::with_effects(At::Nowhere, effects), 1, &how);
    }
    counting.count()
}

#[test]
fn whatever_point_it_dies_at_a_second_run_ends_well() {
    assert!(dies_everywhere(Of::Buckets(4), Effects::Once) > 60, "too few points to mean anything");
}

#[test]
fn whatever_point_of_two_legs_it_dies_at_a_second_run_ends_well() {
    assert!(dies_everywhere(Of::Mixed(1, 1), Effects::Once) > 300, "too few points to mean anything");
}

#[test]
fn whatever_point_it_dies_at_with_clusters_and_node_pools_a_second_run_ends_well() {
    assert!(dies_everywhere(Of::Oke(1, 1), Effects::Once) > 350, "too few points to mean anything");
}

/// Runs once more and judges what it comes to. A crash after the end leaves nothing due; the ended rotation is what
/// we judge then.
fn ends_well(of: Of, lab: &Lab, points: &std::sync::Arc<Points>, nth: u64, how: &str) {
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
    assert_ended_well(of, lab, &rotated.unwrap_or_else(|error| panic!("{how}: {error:?}")), how);
    lab.run(rotator.verify_journal()).unwrap_or_else(|error| panic!("{how}: {error}"));
}

/// Dies at `first`, then at `second`, then ends. `false`: the second run has no such point.
fn dies_twice(of: Of, first: usize, second: usize) -> bool {
    let lab = of.lab();
    let crash = Points::new(At::Index(first));
    let died = lab.run_until_crash(&crash, lab.mortal_rotator(&crash, 0).rotate(&lab.key));
    assert!(died.is_none(), "{first}: it did not die");
    let again = Points::new(At::Index(second));
    let ended = lab.run_until_crash(&again, lab.mortal_rotator(&again, 1).rotate(&lab.key));
    let how = format!("{of:?}, died at {first}, {:?}, then at {second}, {:?}", crash.hit(), again.hit());
    ends_well(of, &lab, &Points::new(At::Nowhere), 2, &how);
    ended.is_none()
}

#[test]
fn whatever_two_points_it_dies_at_a_third_run_ends_well() {
    pairs(Of::Buckets(2), 97, 1);
}

#[test]
fn whatever_two_points_of_two_legs_it_dies_at_a_third_run_ends_well() {
    pairs(Of::Mixed(1, 1), 997, 41);
}

#[test]
fn whatever_two_points_it_dies_at_with_clusters_and_node_pools_a_third_run_ends_well() {
    pairs(Of::Oke(1, 1), 1499, 97);
}

/// Dies at a sample of the pairs of points; the long lane takes all of one leg's, and a denser sample of two legs'.
fn pairs(of: Of, sample: usize, dense: usize) {
    let every = match std::env::var("CRASH_PAIRS").as_deref() {
        Ok("every") => 1,
        Ok("all") => dense,
        _ => sample,
    };
    let counting = Points::new(At::Nowhere);
    let lab = of.lab();
    lab.run(lab.mortal_rotator(&counting, 0).rotate(&lab.key)).expect("nothing goes wrong");
    let points = counting.count();
    let (slice, slices) = slice();
    let (next, pairs) = (AtomicUsize::new(slice), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(slices, Ordering::Relaxed);
                    if first >= points {
                        return;
                    }
                    // Another remainder for each first point, so that a sample does not always miss the same ones.
                    let mut second = first * 7 % every;
                    while dies_twice(of, first, second) {
                        pairs.fetch_add(1, Ordering::Relaxed);
                        second += every;
                    }
                }
            });
        }
    });
    let pairs = pairs.into_inner();
    println!("{of:?}: {pairs} pairs of {points} first points, every {every}, slice {slice}/{slices}.");
    assert!(pairs as usize * every * slices > points * points / 4, "only {pairs} pairs");
}

/// Which part of the first points is taken; all of them unless `CRASH_SLICE` says `k/n`, with k below n.
fn slice() -> (usize, usize) {
    let Ok(text) = std::env::var("CRASH_SLICE") else { return (0, 1) };
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    let slice: (usize, usize) = parts.unwrap_or_else(|| panic!("CRASH_SLICE is k/n, not {text:?}"));
    assert!(slice.0 < slice.1, "CRASH_SLICE is k/n with k from 0 to n-1, not {text:?}");
    slice
}

#[test]
fn an_effect_that_reaches_the_world_twice_happens_once() {
    let lab = Lab::with_buckets(4);
    let twice = Points::with_effects(At::Nowhere, Effects::Twice);
    ends_well(Of::Buckets(4), &lab, &twice, 0, "every mint and every step sent twice");
    let sent = lab.world.log().into_iter().filter(|entry| entry.operation == "create_key_version").count();
    assert_eq!(sent, 2, "the mint was not sent twice");
    assert!(lab.buckets.iter().all(|bucket| lab.world.reencrypts_of(bucket) == 2), "a step was not sent twice");
}

#[test]
fn effects_done_twice_and_a_death_at_any_point_make_one_version_all_the_same() {
    dies_everywhere(Of::Buckets(2), Effects::Twice);
}

#[test]
fn effects_of_two_legs_done_twice_and_a_death_at_any_point_make_one_successor_all_the_same() {
    dies_everywhere(Of::Mixed(1, 1), Effects::Twice);
}

#[test]
fn effects_done_twice_with_clusters_and_node_pools_and_a_death_at_any_point_lose_nothing_of_a_pool() {
    dies_everywhere(Of::Oke(0, 1), Effects::Twice);
}
