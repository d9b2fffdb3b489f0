//! Strategies for proptest: tenancies, faults and schedules to test automation with, yours or ours.
//!
//! Everything drawn stays within what [`Margins::lab`](crate::model::Margins::lab) assumes: a rotation under it ends,
//! or asks for a person. What breaks an assumption is the simulator's business, not this file's.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::Lab;
use super::executor::{Task, run_all};
use crate::memory::{FaultPlan, Strikes, WorldSettings};
use crate::model::Settings;
use crate::ports::Clock;

/// A tenancy to be.
#[derive(Debug, Clone)]
pub struct Tenancy {
    /// Buckets under the key.
    pub buckets: usize,
    /// How slow and how strict it is.
    pub world: WorldSettings,
}

impl Tenancy {
    /// Makes it: one key that is due, its buckets, a rotator's settings.
    #[must_use]
    pub fn lab(&self) -> Lab {
        Lab::build(self.buckets, Settings::lab(), self.world.clone())
    }
}

/// Tenancies of up to a dozen buckets, each delay between nothing and what the lab's margins allow.
pub fn tenancies() -> impl Strategy<Value = Tenancy> {
    let millis = |most: u64| (0..=most).prop_map(Duration::from_millis);
    let lags = (millis(3000), millis(8000), millis(1900), millis(8000), millis(2900));
    let work = (millis(500), millis(3000));
    (1_usize..=12, 1_u64..=1000, lags, work, 1_usize..=8, any::<bool>(), any::<bool>()).prop_map(
        |(buckets, seed, (enabled, flip, list, replica, search), (wait, duration), page_size, empty_pages, tokens)| {
            let world = WorldSettings {
                seed,
                enabled_delay: enabled,
                flip_delay: flip,
                list_lag: list,
                replica_lag: replica,
                search_lag: search,
                work_request_wait: wait,
                work_request_duration: duration,
                page_size,
                empty_pages,
                honours_tokens: tokens,
                ..WorldSettings::lab()
            };
            Tenancy { buckets, world }
        },
    )
}

type Fault = fn(FaultPlan, u32) -> FaultPlan;

/// Up to four things that go wrong, each at one of the first calls of its operation.
pub fn faults() -> impl Strategy<Value = FaultPlan> {
    let kinds: Vec<Fault> = vec![
        |plan, nth| plan.lose_request("create_version", nth),
        |plan, nth| plan.lose_answer("create_version", nth),
        |plan, nth| plan.delay("create_version", nth, Duration::from_secs(3)),
        |plan, nth| plan.delay("create_version", nth, Duration::from_secs(30)),
        |plan, nth| plan.invalidate_token("create_version", nth),
        |plan, nth| plan.throttle("create_version", Strikes::First(nth)),
        |plan, nth| plan.status_before("create_version", nth, 409, "IncorrectState"),
        |plan, nth| plan.status_after("create_version", nth, 503, "ServiceUnavailable"),
        |plan, nth| plan.flip_late(nth, Duration::from_secs(20)),
        |plan, nth| plan.status_before("list_versions", nth, 503, "ServiceUnavailable"),
        |plan, nth| plan.lose_answer("describe_key", nth),
        |plan, nth| plan.throttle("observe", Strikes::First(nth)),
        |plan, nth| plan.lose_answer("rewrap", nth),
        |plan, nth| plan.lose_request("rewrap", nth),
        |plan, nth| plan.work_request_lost(nth),
    ];
    vec((prop::sample::select(kinds), 1_u32..=3), 0..=4)
        .prop_map(|faults| faults.into_iter().fold(FaultPlan::new(), |plan, (fault, nth)| fault(plan, nth)))
}

/// Something that somebody does while a rotation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happening {
    /// OCI's auto-rotation mints a version.
    AutoRotation,
    /// Somebody else mints a version.
    ForeignMint,
    /// A bucket is created under the key.
    NewBucket,
}

/// What happens when, counted from the beginning of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule(pub Vec<(Duration, Happening)>);

/// Up to four happenings within the first minute.
pub fn schedules() -> impl Strategy<Value = Schedule> {
    let what = prop_oneof![1 => Just(Happening::AutoRotation), 1 => Just(Happening::ForeignMint), 2 => Just(Happening::NewBucket)];
    // An odd number of milliseconds: nothing happens in the very instant of something else.
    let when = (0_u64..30_000).prop_map(|millis| Duration::from_millis(2 * millis + 1));
    vec((when, what), 0..=4).prop_map(|mut happenings| {
        happenings.sort_by_key(|(when, _)| *when);
        Schedule(happenings)
    })
}

impl Schedule {
    /// Runs a future to its end while the schedule plays, in virtual time.
    pub fn run<'a, T: 'a>(&'a self, lab: &'a Lab, future: impl Future<Output = T> + 'a) -> T {
        let tasks: Vec<Task<'a, Option<T>>> =
            vec![Box::pin(async { Some(future.await) }), Box::pin(async { self.play(lab).await })];
        run_all(&lab.clock, tasks).into_iter().flatten().next().expect("the first task has a result")
    }

    async fn play<T>(&self, lab: &Lab) -> Option<T> {
        let start = lab.clock.now();
        for (number, (when, what)) in self.0.iter().enumerate() {
            lab.clock.sleep_until(start + *when).await;
            match what {
                Happening::AutoRotation => drop(lab.world.auto_rotate(&lab.key)),
                Happening::ForeignMint => drop(lab.world.foreign_mint(&lab.key)),
                Happening::NewBucket => drop(lab.add_bucket(super::HOME, 0, &format!("arrives-{number}"))),
            }
        }
        None
    }
}
