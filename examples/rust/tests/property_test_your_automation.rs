//! How a team property-tests its own automation over keywheel's fakes, with a proptest state machine.
//!
//! The automation is `NightlyJob`. The reference is what the team believes about it, in a few integers; proptest
//! draws nights, waits, strangers and lost answers, and shrinks whatever contradicts the belief.

use std::time::Duration;

use keywheel::testkit::Lab;
use keywheel_examples::{NightlyJob, lose_the_next_answer, versions_in_use};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

const DAY: Duration = Duration::from_secs(86_400);
const CRYPTOPERIOD_DAYS: u32 = 90;

/// What the team believes.
#[derive(Debug, Clone)]
struct Belief {
    /// Age of the current version.
    age_days: u32,
    /// Versions the job has made.
    minted: usize,
}

#[derive(Debug, Clone)]
enum Event {
    /// The job runs; perhaps the answer to its mint is lost.
    Night { lost: bool },
    /// Days go by without the job.
    Days(u32),
    /// Somebody rotates the key by hand.
    ByHand,
}

struct Believing;

impl ReferenceStateMachine for Believing {
    type State = Belief;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Belief> {
        Just(Belief { age_days: 100, minted: 0 }).boxed()
    }

    fn transitions(_: &Belief) -> BoxedStrategy<Event> {
        prop_oneof![
            3 => any::<bool>().prop_map(|lost| Event::Night { lost }),
            2 => (1_u32..120).prop_map(Event::Days),
            1 => Just(Event::ByHand),
        ]
        .boxed()
    }

    fn apply(mut belief: Belief, event: &Event) -> Belief {
        match event {
            Event::Night { .. } if belief.age_days >= CRYPTOPERIOD_DAYS => {
                belief.minted += 1;
                belief.age_days = 0;
            }
            Event::Night { .. } => {}
            Event::Days(days) => belief.age_days += days,
            Event::ByHand => belief.age_days = 0,
        }
        belief
    }
}

/// The real thing: a lab and the team's job over it.
struct Tenancy {
    lab: Lab,
    job: NightlyJob,
}

impl StateMachineTest for Tenancy {
    type SystemUnderTest = Self;
    type Reference = Believing;

    fn init_test(_: &Belief) -> Self {
        let lab = Lab::with_buckets(3);
        let job = NightlyJob::new(lab.rotator());
        Self { lab, job }
    }

    fn apply(tenancy: Self, _: &Belief, event: Event) -> Self {
        let lab = &tenancy.lab;
        match event {
            Event::Night { lost } => {
                let was_due = lab.world.versions(&lab.key).last().expect("a version").time_created
                    + CRYPTOPERIOD_DAYS * DAY
                    <= lab.clock.now();
                lose_the_next_answer(lab, lost);
                let worries = lab.run(tenancy.job.run()).expect("the job itself never fails");
                assert_eq!(worries, Vec::<String>::new());
                if was_due {
                    let current = lab.current();
                    assert!(versions_in_use(lab).iter().all(|version| version.as_ref() == Some(&current)));
                }
            }
            Event::Days(days) => lab.clock.advance(days * DAY),
            Event::ByHand => {
                lab.world.foreign_mint(&lab.key);
                lab.clock.advance(Duration::from_secs(10));
            }
        }
        tenancy
    }

    fn check_invariants(tenancy: &Self, belief: &Belief) {
        let lab = &tenancy.lab;
        assert_eq!(lab.world.minted_by_us(&lab.key), belief.minted, "one rotation mints one version");
        lab.run(lab.rotator().verify_journal()).expect("the journal's chain is whole");
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..Config::default() })]

    #[test]
    fn the_nightly_job_does_what_the_team_believes(sequential 1..16 => Tenancy);
}
