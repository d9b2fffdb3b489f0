//! R9: two deployments with journals of their own, a key between them, and retry tokens that do not hold (A1 off).
//!
//! Without a register they make two versions, and these tests would see it; with one, at most one.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use keywheel::memory::{FaultPlan, MemoryAuditSink, MemoryJournal, SeededRandom, Strikes, World, WorldSettings};
use keywheel::model::{FindingKind, KeyId, Settings, StrategyPolicy, StreamId, TagName, Tags, Timestamp};
use keywheel::rotation::{Reading, Register, read_register};
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::executor::{Task, run_all};
use keywheel::{Rotated, Rotator};

use crate::story::{LONG, Story};

fn place() -> TagName {
    TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() }
}

fn settings() -> Settings {
    let mut settings = Settings::lab();
    settings.policy.intent_register = Some(place());
    settings
}

/// Lists lag as long as A2 lets them, tokens are ignored: only waiting and the register are left.
fn world() -> WorldSettings {
    WorldSettings { list_lag: Duration::from_millis(1900), honours_tokens: false, ..WorldSettings::lab() }
}

fn quiet() -> Duration {
    Settings::lab().margins.quiet_period()
}

/// What stands in the register now.
fn reading(world: &World, key: &KeyId) -> Reading {
    read_register(&world.key(key).expect("it exists").tags, &place())
}

fn written(world: &World, key: &KeyId) -> Register {
    match reading(world, key) {
        Reading::Written(register) => register,
        other => panic!("{other:?}"),
    }
}

/// Somebody else replaces the key's tags.
fn retag(world: &Arc<World>, key: &KeyId, change: impl FnOnce(&mut Tags)) {
    let store = world.key_store();
    let read = store.describe_key(key).now_or_never().expect("in memory").expect("it exists");
    let mut tags = read.value.tags;
    change(&mut tags);
    let etag = read.etag.expect("a key has an etag");
    store.set_tags(key, &tags, &etag).now_or_never().expect("in memory").expect("the etag is fresh");
}

fn set(world: &Arc<World>, key: &KeyId, value: &str) {
    retag(world, key, |tags| {
        tags.defined.entry("keywheel".to_owned()).or_default().insert("intent".to_owned(), value.to_owned());
    });
}

/// Two deployments over one tenancy.
struct Two {
    lab: Lab,
    journals: [Arc<MemoryJournal>; 2],
    processes: Cell<u64>,
}

impl Two {
    fn with(settings: Settings) -> Self {
        let lab = Lab::build(2, settings, world());
        let journals = [Arc::clone(&lab.journal), MemoryJournal::new()];
        Self { lab, journals, processes: Cell::new(0) }
    }

    /// A process of the n-th deployment.
    fn rotator(&self, nth: usize, points: &Arc<Points>) -> Rotator {
        self.processes.set(self.processes.get() + 1);
        let mut ports = self.lab.ports();
        ports.journal = Arc::clone(&self.journals[nth]) as _;
        ports.random = Arc::new(SeededRandom::new(1000 * self.processes.get()));
        Rotator::with_ports(self.lab.settings.clone(), points.over(ports))
    }

    fn complete(&self, nth: usize) {
        let rotator = self.rotator(nth, &Points::new(At::Nowhere));
        let rotated = self.lab.run(rotator.rotate(&self.lab.key)).expect("nothing stops it");
        assert!(matches!(rotated, Rotated::Completed(_) | Rotated::NotDue { .. }), "{rotated:?}");
    }

    fn die_at(&self, nth: usize, point: &str) {
        let points = Points::new(At::parse(point));
        let rotator = self.rotator(nth, &points);
        let ended = self.lab.run_until_crash(&points, rotator.rotate(&self.lab.key));
        assert!(ended.is_none(), "it did not die at {point}: {ended:?}");
    }

    /// Both at once, each call as long on its way as its deployment's lag says.
    fn together(&self, lags_ms: [u64; 2]) {
        let slow = lags_ms
            .map(Duration::from_millis)
            .map(|lag| Points::with_lag(At::Nowhere, Arc::new(self.lab.clock.clone()), Box::new(move |_| lag)));
        let (one, other) = (self.rotator(0, &slow[0]), self.rotator(1, &slow[1]));
        let tasks: Vec<Task<'_, _>> = vec![Box::pin(one.rotate(&self.lab.key)), Box::pin(other.rotate(&self.lab.key))];
        for rotated in run_all(&self.lab.clock, tasks) {
            assert!(matches!(rotated, Ok(Rotated::Completed(_) | Rotated::NotDue { .. })), "{rotated:?}");
        }
    }

    /// Versions by either of us, once nothing is on its way any more.
    fn minted(&self) -> usize {
        self.lab.clock.advance(LONG);
        self.lab.world.settle();
        self.lab.world.minted_by_us(&self.lab.key)
    }
}

/// Each instant between the intent and what came of it.
const POINTS: [&str; 7] = [
    "append mint_intended:before",
    "append mint_intended:after",
    "set_tags:before",
    "set_tags:after",
    "create_version:before",
    "create_version:after",
    "append created:before",
];

#[test]
fn without_a_register_two_journals_make_two_versions_and_this_test_would_see_it() {
    let two = Two::with(Settings::lab());
    two.die_at(0, "create_version:after");
    two.complete(1);
    two.complete(0);
    assert_eq!(two.minted(), 2, "the token was their only guard");
    let two = Two::with(Settings::lab());
    two.together([0, 0]);
    assert_eq!(two.minted(), 2);
}

#[test]
fn with_a_register_at_most_one_version_is_made_wherever_one_of_them_dies() {
    for point in POINTS {
        let two = Two::with(settings());
        two.die_at(0, point);
        two.complete(1);
        two.complete(0);
        assert_eq!(two.minted(), 1, "one died at {point}");
    }
}

#[test]
fn with_a_register_at_most_one_version_is_made_whoever_comes_back_first() {
    for first in POINTS {
        for second in POINTS {
            let two = Two::with(settings());
            two.die_at(0, first);
            // The other may find a version to adopt, or wait so long that it does not get there.
            let points = Points::new(At::parse(second));
            let rotator = two.rotator(1, &points);
            let _ = two.lab.run_until_crash(&points, rotator.rotate(&two.lab.key));
            two.complete(0);
            two.complete(1);
            assert_eq!(two.minted(), 1, "one died at {first}, the other at {second}");
        }
    }
}

#[test]
fn two_deployments_that_run_at_once_make_one_version_between_them() {
    // In step with each other they announce for the same second; out of step each meets the other half-way.
    for lags in [[0, 0], [1, 1], [20, 20], [100, 100], [100, 0], [50, 60], [333, 200], [900, 20]] {
        let two = Two::with(settings());
        two.together(lags);
        assert_eq!(two.minted(), 1, "{lags:?} ms");
    }
}

#[test]
fn an_announced_mint_that_arrives_late_is_waited_for_and_adopted() {
    let two = Two::with(settings());
    two.lab.world.faults(FaultPlan::new().delay("create_version", 1, Duration::from_secs(4)));
    two.die_at(0, "create_version:after");
    let announced = written(&two.lab.world, &two.lab.key);
    two.complete(1);
    assert_eq!(two.minted(), 1);
    let lines = two.journals[1].streams_of_rotations();
    let adopted = lines.iter().find(|line| line.contains("\"fact\":\"adopted\"")).expect("it adopted");
    let at: serde_json::Value = serde_json::from_str(adopted).expect("a line is JSON");
    let at: Timestamp = at["at"].as_str().and_then(|at| at.parse().ok()).expect("a line has a time");
    assert!(at > announced.date + quiet(), "adopted at {at}, announced for {}", announced.date);
    assert!(!lines.iter().any(|line| line.contains("mint_intended")), "it sent nothing");
}

/// Runs with a register and a sink, and dies at the given point; how many points were passed.
fn run_with_everything(at: &At) -> usize {
    let lab = Lab::build(1, settings(), world());
    let sink = MemoryAuditSink::new();
    let run = |points: &Arc<Points>, seed| {
        let mut ports = points.over(lab.ports().audit_sink(Arc::clone(&sink) as _));
        ports.random = Arc::new(SeededRandom::new(seed));
        let rotator = Rotator::with_ports(lab.settings.clone(), ports);
        lab.run_until_crash(points, rotator.rotate(&lab.key))
    };
    let mortal = Points::new(at.clone());
    run(&mortal, 1);
    let ended = run(&Points::new(At::Nowhere), 2);
    assert!(matches!(ended, None | Some(Ok(Rotated::Completed(_) | Rotated::NotDue { .. }))), "{at:?}: {ended:?}");
    lab.clock.advance(LONG);
    lab.world.settle();
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "it died at {:?}", mortal.hit());
    assert_eq!(lab.not_on(&lab.current()), [], "it died at {:?}", mortal.hit());
    let forks = lab.journal.lines(&StreamId::meta()).iter().any(|line| line.text.contains("sink_forked"));
    assert!(!forks, "it died at {:?}", mortal.hit());
    mortal.count()
}

#[test]
fn a_death_at_any_point_leaves_one_version_with_register_and_sink() {
    let points = run_with_everything(&At::Nowhere);
    assert!(points > 50, "{points}");
    for point in 0..points {
        run_with_everything(&At::Index(point));
    }
}

/// Successor keys of the lab's key that carry keywheel's lineage tag.
fn successors(lab: &Lab) -> usize {
    let compartment = lab.world.key(&lab.key).expect("it exists").compartment;
    let listed = lab.run(lab.world.key_store().list_keys(&lab.vault, &compartment, None)).expect("keys are listed");
    let tag = &lab.settings.policy.lineage_tag;
    listed.value.items.iter().filter(|key| key.tags.defined.contains_key(&tag.namespace)).count()
}

#[test]
fn two_deployments_that_want_a_successor_make_one_between_them() {
    for register in [Some(place()), None] {
        let mut settings = Settings::lab();
        settings.policy.strategy = StrategyPolicy::NewKey;
        settings.policy.intent_register = register.clone().map(|place| TagName { namespace: "apart".into(), ..place });
        let two = Two::with(settings);
        two.lab.world.faults(FaultPlan::new().delay("create_key", 1, Duration::from_secs(4)));
        two.die_at(0, "create_key:after");
        let other = two.rotator(1, &Points::new(At::Nowhere));
        let rotated = two.lab.run(other.rotate(&two.lab.key)).expect("nothing stops it");
        two.lab.clock.advance(LONG);
        two.lab.world.settle();
        if register.is_none() {
            assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
            assert_eq!(successors(&two.lab), 2, "the token was their only guard");
            continue;
        }
        // It waited, and then found a key that somebody made under the name of this very rotation.
        let Rotated::Paused { why, .. } = rotated else { panic!("{rotated:?}") };
        assert!(why.contains("lineage tag"), "{why}");
        assert_eq!(successors(&two.lab), 1);
        two.complete(0);
        assert_eq!(successors(&two.lab), 1);
    }
}

#[test]
fn a_successor_does_not_inherit_the_register() {
    let mut settings = settings();
    settings.policy.strategy = StrategyPolicy::NewKey;
    settings.policy.intent_register = Some(TagName { namespace: "apart".into(), ..place() });
    let story = Story::with(settings, WorldSettings::lab());
    retag(&story.lab.world, &story.lab.key, |tags| {
        let date = story.lab.clock.now() - quiet() * 2;
        let old = format!("kw1 o=1 g=1 d={date} n=1 m=feedfeedfeedfeed v={}", story.lab.superseded);
        tags.defined.entry("apart".to_owned()).or_default().insert("intent".to_owned(), old);
        tags.defined.entry("ops".to_owned()).or_default().insert("rotate".to_owned(), "true".to_owned());
    });
    let rotated = story.drive(&story.lab.rotator());
    assert!(matches!(rotated, Ok(Rotated::Completed(_))), "{rotated:?}");
    let target = story.the("adopted").text("key");
    let successor = KeyId::parse(target).expect("a key");
    let tags = story.lab.world.key(&successor).expect("it exists").tags;
    assert!(!tags.defined.contains_key("apart") && tags.defined.contains_key("ops"), "{tags:?}");
    assert!(story.lab.world.key(&story.lab.key).expect("it exists").tags.defined.contains_key("apart"));
}

trait Lines {
    fn streams_of_rotations(&self) -> Vec<String>;
}

impl Lines for MemoryJournal {
    fn streams_of_rotations(&self) -> Vec<String> {
        let is_main = |stream: &StreamId| stream.as_str().starts_with("r/") && !stream.as_str().contains("/p/");
        let streams = self.lengths().into_keys().filter(is_main);
        streams.flat_map(|stream| self.lines(&stream)).map(|line| line.text).collect()
    }
}

fn story() -> Story {
    Story::with(settings(), WorldSettings { list_lag: Duration::from_millis(1900), ..WorldSettings::lab() })
}

fn faulty(plan: FaultPlan) -> Story {
    let story = story();
    story.lab.world.faults(plan);
    story
}

fn finding(story: &Story) -> Option<String> {
    let report = story.lab.run(story.lab.rotator().status(&story.rid)).expect("it is in the journal");
    report.findings.into_iter().find(|f| f.kind == FindingKind::RegisterUnreliable).map(|f| f.text)
}

/// How long after the beginning the first mint was intended.
fn waited(story: &Story) -> Duration {
    let intent = story.told("mint_intended").remove(0);
    intent.at.duration_since(story.the("checked").at).unsigned_abs()
}

#[test]
fn the_register_is_written_between_intent_and_mint_and_every_other_tag_stays() {
    let story = story();
    retag(&story.lab.world, &story.lab.key, |tags| {
        tags.freeform.insert("owner".to_owned(), "payments".to_owned());
        tags.defined.entry("KeyWheel".to_owned()).or_default().insert("managed".to_owned(), "yes".to_owned());
        tags.defined.entry("ops".to_owned()).or_default().insert("rotate".to_owned(), "true".to_owned());
    });
    let before = story.lab.world.key(&story.lab.key).expect("it exists").tags;
    story.complete();
    let intent = story.the("mint_intended");
    let register = written(&story.lab.world, &story.lab.key);
    assert_eq!((register.ordinal, register.generation, register.count), (1, 1, 1));
    assert_eq!((register.date, register.mark), (intent.time("date"), intent.text("mark")));
    assert_eq!(register.newest, story.lab.superseded.as_str());
    let mut after = story.lab.world.key(&story.lab.key).expect("it exists").tags;
    let ours = after.defined.get_mut("KeyWheel").expect("spelled as it was").remove("intent");
    assert!(ours.is_some() && after == before, "{after:?}");
    let log: Vec<_> = story.lab.world.log().into_iter().map(|entry| entry.operation).collect();
    let of = |operation| log.iter().rposition(|name| *name == operation).expect("it was called");
    assert!(of("update_key") < of("create_key_version"));
    assert_eq!((story.minted(), waited(&story) < quiet()), (1, true));
    assert_eq!(finding(&story), None);
}

#[test]
fn without_a_register_no_tag_is_touched() {
    let story = Story::begin();
    story.complete();
    assert!(story.lab.world.log().iter().all(|entry| entry.operation != "update_key"));
    assert!(story.the("mint_intended").body.get("mark").is_none());
}

#[test]
fn a_register_that_somebody_else_wrote_first_is_a_refusal_of_our_own_and_nothing_is_sent() {
    let story = story();
    let date = story.lab.world.now() + Duration::from_secs(1);
    let stranger = format!("kw1 o=1 g=1 d={date} n=1 m=feedfeedfeedfeed v={}", story.lab.superseded);
    let theirs = stranger.clone();
    story.before("mint_intended", 1, move |scene| set(&scene.world, &scene.key, &theirs));
    story.complete();
    let refused = story.the("mint_refused");
    assert_eq!((refused.text("code").as_str(), refused.number("status")), ("not sent: register", 412));
    let intents = story.told("mint_intended");
    assert_eq!((intents.len(), story.minted()), (2, 1));
    assert!(intents[1].time("date") > date + quiet(), "the stranger's mint was waited for");
    let sends = story.lab.world.log().into_iter().filter(|entry| entry.operation == "create_key_version").count();
    assert_eq!(sends, 1);
}

#[test]
fn a_register_whose_answer_was_lost_is_never_followed_by_its_mint_and_nobody_waits_for_himself() {
    for plan in [
        FaultPlan::new().lose_answer("set_tags", 1),
        FaultPlan::new().lose_request("set_tags", 1),
        FaultPlan::new().status_after("set_tags", 1, 503, "ServiceUnavailable"),
        FaultPlan::new().throttle("set_tags", Strikes::First(2)),
    ] {
        let story = faulty(plan.clone());
        story.complete();
        let refused = story.told("mint_refused");
        assert!(!refused.is_empty() && refused.iter().all(|told| told.text("code") == "not sent: register"));
        assert_eq!((story.told("mint_intended").len(), story.minted()), (refused.len() + 1, 1), "{plan:?}");
        let intents = story.told("mint_intended");
        let apart = intents[intents.len() - 1].at.duration_since(intents[0].at).unsigned_abs();
        assert!(apart < quiet(), "{apart:?}: it waited for its own register, {plan:?}");
        let sends = story.lab.world.log().into_iter().filter(|entry| entry.operation == "create_key_version").count();
        assert_eq!(sends, 1);
    }
}

#[test]
fn leave_to_tag_that_is_missing_asks_for_a_person() {
    let story = faulty(FaultPlan::new().status_before("set_tags", Strikes::Every, 404, "NotAuthorizedOrNotFound"));
    let (why, do_next) = story.pause();
    assert!(why.contains("NotAuthorizedOrNotFound") || why.contains("404"), "{why}");
    assert!(do_next.contains("policy"), "{do_next}");
    assert_eq!(story.minted(), 0);
    story.lab.world.faults(FaultPlan::new());
    story.lab.run(story.lab.rotator().resume(&story.rid)).expect("the permission is back");
    assert_eq!((story.minted(), finding(&story)), (1, None));
}

#[test]
fn a_register_older_than_the_quiet_period_is_history() {
    let story = story();
    let date = story.lab.world.now() - quiet() - Duration::from_secs(1);
    let old = format!("kw1 o=1 g=1 d={date} n=1 m=feedfeedfeedfeed v={}", story.lab.superseded);
    set(&story.lab.world, &story.lab.key, &old);
    story.complete();
    assert!(waited(&story) < quiet(), "{:?}", waited(&story));
    assert_eq!((story.minted(), finding(&story)), (1, None));
}

#[test]
fn a_register_of_the_future_is_ignored_and_reported() {
    let ages = ["9999-12-30T22:00:00Z".to_owned(), "2026-11-22T13:00:00Z".to_owned()];
    for date in ages {
        let story = story();
        let future = format!("kw1 o=1 g=1 d={date} n=1 m=feedfeedfeedfeed v={}", story.lab.superseded);
        set(&story.lab.world, &story.lab.key, &future);
        story.complete();
        assert!(waited(&story) < quiet(), "{:?}", waited(&story));
        let text = finding(&story).expect("it is reported");
        assert!(text.contains("future") && text.contains(&date), "{text}");
        assert_eq!((story.minted(), story.told("noted").len()), (1, 1));
    }
}

#[test]
fn what_is_no_register_costs_one_quiet_period_and_is_reported() {
    for junk in ["", "true", "kw2 from=tomorrow", "kw1 o=1 g=1 d=-9999-01-01T00:00:00Z n=1 m=a"] {
        let story = story();
        set(&story.lab.world, &story.lab.key, junk);
        story.complete();
        let held = story.the("mint_deferred");
        assert!(waited(&story) > quiet() && waited(&story) < quiet() * 2, "{:?} for {junk:?}", waited(&story));
        assert!(story.the("mint_intended").time("date") > held.time("until"));
        assert!(finding(&story).is_some_and(|text| text.contains("something else")), "{junk:?}");
        assert_eq!(story.minted(), 1);
    }
}

#[test]
fn a_process_that_dies_while_it_waits_does_not_wait_twice() {
    let story = story();
    set(&story.lab.world, &story.lab.key, "true");
    story.die_at("append mint_deferred:after");
    story.lab.clock.advance(quiet() + Duration::from_secs(2));
    let back = story.lab.clock.now();
    story.complete();
    assert_eq!(story.told("mint_deferred").len(), 1);
    let intent = story.the("mint_intended").at;
    assert!(intent.duration_since(back).unsigned_abs() < quiet(), "back at {back}, intended at {intent}");
}

#[test]
fn a_register_that_vanished_costs_one_quiet_period() {
    let story = faulty(FaultPlan::new().throttle("create_version", 1));
    // Terraform puts the tags back as it knows them, between our refused mint and the next.
    story.before("mint_refused", 1, |scene| retag(&scene.world, &scene.key, |tags| tags.defined.clear()));
    story.complete();
    let intents = story.told("mint_intended");
    assert_eq!((intents.len(), story.told("mint_deferred").len(), story.minted()), (2, 1, 1));
    assert!(intents[1].at.duration_since(intents[0].at).unsigned_abs() > quiet());
    assert!(finding(&story).is_some_and(|text| text.contains("is gone")));
}

#[test]
fn a_register_that_names_a_version_we_do_not_see_is_waited_for_and_then_a_persons_business() {
    let story = story();
    let date = story.lab.world.now() - quiet() - Duration::from_secs(60);
    let unseen = format!("kw1 o=1 g=1 d={date} n=2 m=feedfeedfeedfeed v=ocid1.keyversion.oc1.iad.aaaa.unseen");
    set(&story.lab.world, &story.lab.key, &unseen);
    let (why, do_next) = story.pause();
    assert!(why.contains("not listed") && do_next.contains("remove the tag"), "{why}; {do_next}");
    assert_eq!((story.minted(), story.told("mint_intended").len()), (0, 0));
    retag(&story.lab.world, &story.lab.key, |tags| tags.defined.clear());
    story.lab.run(story.lab.rotator().resume(&story.rid)).expect("nothing stands there any more");
    assert_eq!((story.minted(), story.told("mint_deferred").len()), (1, 0), "we never wrote one: nothing vanished");
}
