//! A real `kill -9` of a real child at named points, then `resume`: one version, every bucket on it, chains whole; of
//! a mixed key also one successor, and every volume and backup on it.
//!
//! The crash tests in memory visit every point; these show that a process that dies as processes die, with its
//! file, its locks and its sockets, is no different.

#![allow(
    clippy::disallowed_methods,
    reason = "deaths run side by side, and the long lane is asked for through the environment"
)]

mod rig;

use keywheel::memory::NotYet;
use rig::Rig;

/// Kills a rotation at a point, resumes it, and checks everything.
async fn survives(point: &str) {
    let rig = Rig::start().await;
    rig.kill_at(point).await;
    rig.resume_and_check().await;
}

macro_rules! deaths {
    ($($(#[$doc:meta])* $name:ident at $point:literal;)*) => {
        $($(#[$doc])* #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survives($point).await;
        })*
    };
}

deaths! {
    it_may_die_with_the_rotation_only_in_the_registry at "append rotation_opened:after#1";
    it_may_die_with_a_page_that_the_rotation_does_not_know at "append page_opened:before#2";
    it_may_die_in_the_middle_of_its_inventory at "append page_opened:after#3";
    it_may_die_after_the_intent_before_the_send at "append mint_intended:after#1";
    it_may_die_after_the_mint_before_its_answer at "create_version:after#1";
    it_may_die_after_the_answer_was_written_down at "append created:after#1";
    it_may_die_after_the_flip_was_seen at "append in_use:before#1";
    it_may_die_at_the_replica_gate at "replication:after#1";
    it_may_die_after_a_steps_intent_before_the_send at "append step_intended:after#3";
    it_may_die_after_a_re_encrypt_before_its_answer at "begin:after#5";
    it_may_die_between_two_steps at "append step_begun:after#4";
    it_may_die_after_an_outcome_before_its_page_is_closed at "append page_closed:before#1";
    it_may_die_after_a_page_was_closed at "append page_closed:after#2";
    it_may_die_before_the_last_fact at "append completed:before#1";
    it_may_die_after_the_last_fact_with_its_lineage_still_taken at "append completed:after#1";
    it_may_die_with_its_reservation_still_held at "append rotation_closed:before#1";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_die_while_it_waits_for_the_flip() {
    let rig = Rig::start().await;
    rig.kill_at("describe_key:after#6").await;
    let (world, key) = (&rig.tenancy.world, &rig.tenancy.key);
    assert_eq!(world.versions(key).len(), 2, "the version is minted");
    assert!(world.not_yets(NotYet::Flip) > 0, "and was seen not to be current yet");
    rig.resume_and_check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_may_die_twice_in_one_mint() {
    let rig = Rig::start().await;
    rig.kill_at("create_version:after#1").await;
    rig.kill_during(&["resume"], "append sighted:after#1").await;
    rig.resume_and_check().await;
}

/// A death in a rotation of a mixed key, and what World's books must hold at that moment.
#[derive(Clone, Copy)]
struct Death {
    /// What is true of it, for whoever reads a failure.
    when: &'static str,
    point: &'static str,
    /// Where the resumed run dies too, if it does.
    again_at: Option<&'static str>,
    successors: usize,
    versions: usize,
}

impl Death {
    /// A death while no successor exists, at the first point of this name.
    const fn before_any_successor(when: &'static str, point: &'static str) -> Self {
        Self { when, point, again_at: None, successors: 0, versions: 1 }
    }

    /// A death while the successor exists and the key still has one version.
    const fn under_a_successor(when: &'static str, point: &'static str) -> Self {
        Self { successors: 1, ..Self::before_any_successor(when, point) }
    }

    const fn again_at(self, point: &'static str) -> Self {
        Self { again_at: Some(point), ..self }
    }

    /// Kills a rotation of a mixed key there, resumes it, and checks everything.
    async fn survived(self) {
        let rig = Rig::mixed().await;
        rig.kill_at(self.point).await;
        let (world, key) = (&rig.tenancy.world, &rig.tenancy.key);
        let made = (rig.tenancy.successors().len(), world.versions(key).len());
        assert_eq!(made, (self.successors, self.versions), "successors and versions when it died {}", self.when);
        if let Some(point) = self.again_at {
            rig.kill_during(&["resume"], point).await;
        }
        rig.resume_and_check().await;
    }
}

/// Lets them die side by side: most of the time of each is waiting.
async fn survive(deaths: &[Death]) {
    let started: Vec<_> = deaths.iter().map(|death| (death.when, tokio::spawn(death.survived()))).collect();
    for (when, death) in started {
        death.await.unwrap_or_else(|error| panic!("it died {when}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_key_has_one_successor_wherever_its_mint_dies() {
    survive(&[
        Death::before_any_successor("after the intent before the send", "append mint_intended:after#1"),
        Death::under_a_successor("after the successor was made before its answer", "create_key:after#1"),
        Death::under_a_successor("after the answer was written down", "append created:after#1"),
        Death::under_a_successor("after the mint, and again once it was listed", "create_key:after#1")
            .again_at("append sighted:after#1"),
        Death::under_a_successor("after the mint, and again once it was adopted", "create_key:after#1")
            .again_at("append adopted:after#1"),
        Death::under_a_successor("before the lineage knew the successor", "append successor_named:before#1"),
        Death::under_a_successor("after the lineage knew it, before it was in use", "append successor_named:after#1"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_key_has_one_version_more_wherever_one_leg_ends_and_the_other_begins() {
    let minted = Death::under_a_successor("after the version was minted before its answer", "create_version:after#1");
    survive(&[
        Death::under_a_successor("after the successor was in use", "append in_use:after#1"),
        Death::under_a_successor("after a volume's intent before the send", "append step_intended:after#2"),
        Death::under_a_successor("after a volume was moved before its answer", "begin:after#3"),
        Death::under_a_successor("after the last volume had left the key", "append rekeyed:after#1"),
        Death::under_a_successor("after the version's intent before the send", "append mint_intended:after#2"),
        Death { versions: 2, ..minted },
    ])
    .await;
}

/// A small generator: the same seed kills at the same moments.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound).expect("small")
    }
}

/// Dies after fewer than `most` events, is resumed, dies again, until it gets through. Returns how often it died.
async fn random_deaths(rig: Rig, seed: u64, most: u64) -> u32 {
    let (mut chance, mut deaths) = (Chance(seed), 0);
    let mut args = vec!["rotate", "--yes", "--json"];
    for _ in 0..3 {
        if !rig.kill_after_lines(&args, 1 + chance.below(most)).await {
            break;
        }
        deaths += 1;
        // Killed before anything was opened, there is nothing to resume: the rotation starts over.
        let open = rig.run(&["list", "--json"]).await;
        args = if open.stdout.is_empty() { args } else { vec!["resume", "--json"] };
    }
    let output = rig.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "seed {seed}: {}", rig::said(&output));
    rig.assert_sound().await;
    deaths
}

/// Twenty rotations, or as many as the long lane asks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_killed_at_random_moments_all_end_well() {
    let asked = std::env::var("KILLED_ROTATIONS").ok().and_then(|text| text.parse::<u64>().ok());
    let (rotations, mut died) = (asked.unwrap_or(20), 0);
    for first in (0..rotations).step_by(10) {
        let death = |seed: u64| async move { random_deaths(Rig::start().await, seed, 150).await };
        let deaths = (first..rotations.min(first + 10)).map(|seed| (seed, tokio::spawn(death(seed))));
        for (seed, death) in deaths.collect::<Vec<_>>() {
            died += death.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
    }
    println!("{died} kills in {rotations} rotations: one version each, no dependent lost");
    assert!(u64::from(died) >= rotations, "too few of them died to mean anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_of_a_mixed_key_killed_at_random_moments_all_end_well() {
    let death = |number: u64| async move { random_deaths(Rig::mixed().await, number, 300).await };
    let deaths = (20..25).map(|number| (number, tokio::spawn(death(number))));
    for (seed, death) in deaths.collect::<Vec<_>>() {
        death.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}
