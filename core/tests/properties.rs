//! Properties of a rotation under any tenancy, faults and schedule that `testkit::strategies` draws.
//!
//! Judged by World alone; the same strategies are for users, so what holds here holds for their automation.

use keywheel::memory::FaultPlan;
use keywheel::model::Outcome;
use keywheel::testkit::strategies::{faults, schedules, tenancies};
use keywheel::{Retry, Rotated};
use proptest::prelude::*;

proptest! {
    // The same cases on every machine: what a new case would find, the simulator finds by its seeds.
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_goes_wrong_at_most_one_version_is_ours_and_every_dependent_has_an_outcome(
        tenancy in tenancies(),
        plan in faults(),
        schedule in schedules(),
    ) {
        let lab = tenancy.lab();
        lab.world.faults(plan);
        let rotator = lab.rotator();
        let mut rotated = schedule.run(&lab, rotator.rotate(&lab.key));
        // What fails before it is open is tried again; what pauses is mended by a person and resumed.
        for _ in 0..5 {
            rotated = match rotated {
                Ok(Rotated::Paused { rotation, .. }) => {
                    lab.world.faults(FaultPlan::new());
                    lab.run(rotator.resume(&rotation))
                }
                Err(error) if error.retry() != Retry::Never => lab.run(rotator.rotate(&lab.key)),
                ended => {
                    rotated = ended;
                    break;
                }
            };
        }
        lab.clock.advance(std::time::Duration::from_secs(3600));
        lab.world.settle();
        prop_assert!(lab.world.minted_by_us(&lab.key) <= 1);
        let report = match rotated {
            Ok(Rotated::Completed(report)) => report,
            // A stranger was faster than our first look.
            Ok(Rotated::NotDue { .. }) => {
                prop_assert_eq!(lab.world.minted_by_us(&lab.key), 0);
                return Ok(());
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let dependents = lab.run(rotator.dependents(&report.summary.rotation)).expect("a read");
        prop_assert!(dependents.len() >= lab.buckets.len());
        for dependent in dependents {
            let on = lab.world.wrapping_version(&dependent.dependent.id);
            match dependent.outcome {
                Some(Outcome::Rekeyed { .. }) => prop_assert_ne!(on, Some(lab.superseded.clone())),
                Some(_) => {}
                None => prop_assert!(false, "{} has no outcome", dependent.dependent.id),
            }
        }
        lab.run(rotator.verify_journal()).expect("the chain is whole");
    }
}
