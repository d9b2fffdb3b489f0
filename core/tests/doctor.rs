//! `doctor` names the assumption that is broken, and no other; a healthy service gets `holds` on all that it tests.
//!
//! Every scenario is a World, or a journal, that breaks one promise; virtual time only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use keywheel::memory::{FaultPlan, MemoryJournal, NotYet, SeededRandom, Skew, WorldSettings};
use keywheel::model::{
    Ambiguity, CheckVerdict, Checkup, Forecast, Head, KeyId, RunnerId, SealedLine, Settings, StreamId, Tags, Timestamp,
};
use keywheel::ports::{Append, Claim, Journal, Ports};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{Lab, executor};
use keywheel::{Error, ErrorKind, Result, Retry, Rotator};
use serde_json::Value;

const TESTED: [&str; 6] = ["A1", "A2", "A3", "A4", "A5", "A6"];

/// A lab with a key that may be thrown away.
struct Clinic {
    lab: Lab,
    key: KeyId,
}

impl Clinic {
    fn open() -> Self {
        Self::with(Settings::lab(), WorldSettings::lab())
    }

    fn with(settings: Settings, world: WorldSettings) -> Self {
        let lab = Lab::build(2, settings, world);
        let key = throw_away(&lab, "true");
        Self { lab, key }
    }

    fn live(&self) -> Checkup {
        self.live_over(self.lab.ports())
    }

    fn live_over(&self, ports: Ports) -> Checkup {
        let rotator = Rotator::with_ports(self.lab.settings.clone(), ports);
        self.lab.run(rotator.doctor(Some(&self.key))).expect("the key may be thrown away")
    }

    fn refused(&self, key: &KeyId) -> Error {
        self.lab.run(self.lab.rotator().doctor(Some(key))).expect_err("this key must not be touched")
    }

    fn minted(&self) -> usize {
        self.lab.world.minted_by_us(&self.key)
    }

    /// Facts of doctor's stream by name, with their bodies.
    fn told(&self) -> Vec<(String, Value)> {
        let lines = self.lab.journal.lines(&StreamId::doctor());
        let told = |line: &SealedLine| {
            let value: Value = serde_json::from_str(&line.text).expect("a line is JSON");
            (value["fact"].as_str().unwrap_or_default().to_owned(), value["body"].clone())
        };
        lines.iter().map(told).collect()
    }

    fn names(&self) -> Vec<String> {
        self.told().into_iter().map(|(name, _)| name).collect()
    }
}

fn throw_away(lab: &Lab, value: &str) -> KeyId {
    let mut tags = Tags::default();
    tags.freeform.insert("keywheel-throw-away".to_owned(), value.to_owned());
    let created = lab.clock.now() - Duration::from_secs(86_400);
    let compartment = lab.world.add_compartment("scratch", &lab.world.tenancy_id());
    lab.world.add_key(&lab.vault, &compartment, "scratch", created).tags(tags).done()
}

fn verdict(checkup: &Checkup, id: &str) -> CheckVerdict {
    checkup.check(id).unwrap_or_else(|| panic!("no {id} in {checkup}")).verdict
}

/// This one is broken and no other.
#[track_caller]
fn only(checkup: &Checkup, broken: &str) {
    let found: Vec<_> = checkup.broken().map(|check| check.id.as_str()).collect();
    assert_eq!(found, [broken], "{checkup}");
    let check = checkup.check(broken).expect("it was found");
    assert!(check.do_next.is_some(), "a person is told what to do: {checkup}");
}

#[track_caller]
fn all_hold(checkup: &Checkup) {
    for id in TESTED {
        assert_eq!(verdict(checkup, id), CheckVerdict::Holds, "{id}\n{checkup}");
    }
    assert_eq!(verdict(checkup, "A7"), CheckVerdict::Ours, "{checkup}");
}

#[test]
fn a_healthy_service_gets_holds_on_everything_that_is_tested() {
    for world in [WorldSettings::lab(), WorldSettings::instant()] {
        let clinic = Clinic::with(Settings::lab(), WorldSettings { skew_limit: Duration::from_secs(5), ..world });
        let checkup = clinic.live();
        all_hold(&checkup);
        assert_eq!(clinic.minted(), Forecast::of(&clinic.lab.settings.margins).versions as usize);
        let names = clinic.names();
        assert_eq!((names[0].as_str(), names[1].as_str()), ("journal_probed", "live_begun"), "{names:?}");
        assert_eq!(names.last().map(String::as_str), Some("checkup_ended"));
        clinic.lab.run(clinic.lab.rotator().verify_journal()).expect("doctor's lines are lines like any other");
    }
}

#[test]
fn production_margins_hold_in_a_world_that_is_as_slow_as_production() {
    let settings = Settings { margins: keywheel::model::Margins::production(), ..Settings::lab() };
    let clinic = Clinic::with(settings, WorldSettings::production());
    let began = clinic.lab.clock.now();
    all_hold(&clinic.live());
    let took = clinic.lab.clock.now().duration_since(began).unsigned_abs();
    let forecast = Forecast::of(&clinic.lab.settings.margins).duration;
    assert!(took <= forecast, "took {took:?}, forecast {forecast:?}");
    assert!(took * 10 > forecast * 8, "took {took:?}, forecast {forecast:?}");
    assert!(clinic.lab.world.not_yets(NotYet::List) > 0, "a version that was not listed yet was waited for");
}

#[test]
fn without_a_throw_away_key_nothing_is_minted_and_only_what_was_tested_holds() {
    let clinic = Clinic::open();
    let writes = clinic.lab.world.writes();
    let checkup = clinic.lab.run(clinic.lab.rotator().doctor(None)).expect("nothing is in the way");
    assert_eq!(clinic.lab.world.writes(), writes, "the cloud is only read");
    for (id, wanted) in [
        ("A1", CheckVerdict::Unknown),
        ("A2", CheckVerdict::Unknown),
        ("A3", CheckVerdict::Unknown),
        ("A4", CheckVerdict::Holds),
        ("A5", CheckVerdict::Holds),
        ("A6", CheckVerdict::Unknown),
        ("A7", CheckVerdict::Ours),
    ] {
        assert_eq!(verdict(&checkup, id), wanted, "{id}\n{checkup}");
    }
    let value = |id: &str| checkup.check(id).expect("it is there").value.clone();
    assert_eq!(value("A1"), "token_life = 10m");
    assert_eq!(value("A3"), "Δ = 5s, P = 2s");
    assert_eq!(clinic.names(), ["journal_probed"]);
}

#[test]
fn a_service_that_forgets_tokens_is_named_by_doctor() {
    let clinic = Clinic::with(Settings::lab(), WorldSettings { honours_tokens: false, ..WorldSettings::lab() });
    only(&clinic.live(), "A1");
    assert_eq!(clinic.minted(), 2);
}

#[test]
fn whoever_trusts_tokens_alone_is_told_to_stop_when_they_are_forgotten() {
    let mut settings = Settings::lab();
    settings.policy.ambiguity = Ambiguity::Fast;
    let clinic = Clinic::with(settings, WorldSettings { honours_tokens: false, ..WorldSettings::lab() });
    let checkup = clinic.live();
    only(&checkup, "A1");
    let do_next = checkup.check("A1").and_then(|check| check.do_next.clone());
    assert!(do_next.is_some_and(|next| next.contains("policy.ambiguity = \"standard\"")), "{checkup}");
}

#[test]
fn a_service_that_forgets_tokens_behind_a_lost_answer_is_named_by_doctor() {
    let clinic = Clinic::with(Settings::lab(), WorldSettings { honours_tokens: false, ..WorldSettings::lab() });
    clinic.lab.world.faults(FaultPlan::new().lose_answer("create_version", 3));
    only(&clinic.live(), "A1");
    assert_eq!(clinic.minted(), 2);
}

#[test]
fn a_token_that_still_works_after_a_lost_answer_holds() {
    let clinic = Clinic::open();
    clinic.lab.world.faults(FaultPlan::new().lose_answer("create_version", 3));
    let checkup = clinic.live();
    assert_eq!((verdict(&checkup, "A1"), checkup.broken().count()), (CheckVerdict::Holds, 0), "{checkup}");
    assert_eq!(verdict(&checkup, "A2"), CheckVerdict::Unknown, "nobody looked in time: {checkup}");
    assert_eq!(clinic.minted(), 1);
}

#[test]
fn a_list_that_lags_more_than_its_margin_is_named_by_doctor() {
    for lag in [3, 9, 3600] {
        let lag = Duration::from_secs(lag);
        let clinic = Clinic::with(Settings::lab(), WorldSettings { list_lag: lag, ..WorldSettings::lab() });
        let checkup = clinic.live();
        only(&checkup, "A2");
        for id in ["A1", "A6"] {
            assert_eq!(verdict(&checkup, id), CheckVerdict::Unknown, "a late list counts nothing: {id}\n{checkup}");
        }
    }
}

#[test]
fn a_current_version_that_is_not_listed_is_named_by_doctor_without_a_mint() {
    let world = WorldSettings { list_lag: Duration::from_secs(60), ..WorldSettings::lab() };
    let clinic = Clinic::with(Settings::lab(), world);
    clinic.lab.world.foreign_mint(&clinic.lab.key);
    clinic.lab.clock.advance(Duration::from_secs(10));
    let checkup = clinic.lab.run(clinic.lab.rotator().doctor(None)).expect("nothing is in the way");
    only(&checkup, "A2");
}

#[test]
fn a_service_that_takes_stale_dates_is_named_by_doctor() {
    let world = WorldSettings { skew_limit: Duration::from_secs(60), ..WorldSettings::lab() };
    let clinic = Clinic::with(Settings::lab(), world);
    only(&clinic.live(), "A3");
}

#[test]
fn a_service_that_acts_long_after_it_was_asked_is_named_by_doctor() {
    let clinic = Clinic::open();
    let plan = FaultPlan::new().delay_processing("create_version", 3, Duration::from_secs(9));
    clinic.lab.world.faults(plan);
    only(&clinic.live(), "A3");
    assert_eq!(clinic.minted(), 1);
}

#[test]
fn a_service_that_acts_on_what_it_refuses_is_named_by_doctor() {
    for (status, code) in [(409, "IncorrectState"), (429, "TooManyRequests")] {
        let clinic = Clinic::open();
        clinic.lab.world.faults(FaultPlan::new().status_after("create_version", 3, status, code));
        let checkup = clinic.live();
        only(&checkup, "A6");
        let seen = checkup.check("A6").expect("it is there").seen.join("\n");
        assert!(seen.contains(&status.to_string()), "{checkup}");
        assert_eq!(verdict(&checkup, "A1"), CheckVerdict::Holds, "{checkup}");
    }
}

#[test]
fn a_repeat_that_is_refused_and_acts_is_named_by_doctor() {
    let world = WorldSettings { honours_tokens: false, ..WorldSettings::lab() };
    let clinic = Clinic::with(Settings::lab(), world);
    clinic.lab.world.faults(FaultPlan::new().status_after("create_version", 4, 429, "TooManyRequests"));
    let checkup = clinic.live();
    let broken: Vec<_> = checkup.broken().map(|check| check.id.as_str()).collect();
    assert_eq!(broken, ["A1", "A6"], "{checkup}");
}

#[test]
fn a_refusal_that_means_it_holds() {
    let clinic = Clinic::open();
    clinic.lab.world.faults(FaultPlan::new().throttle("create_version", 3));
    let checkup = clinic.live();
    all_hold(&checkup);
    assert!(checkup.check("A6").expect("it is there").seen[0].contains("429"), "{checkup}");
    assert_eq!(clinic.minted(), 1);
}

#[test]
fn dates_that_jump_are_named_by_doctor_and_nothing_is_sent() {
    for skew in [Skew::Fast(Duration::from_secs(20)), Skew::Slow(Duration::from_secs(20))] {
        let clinic = Clinic::open();
        clinic.lab.world.faults(FaultPlan::new().date_off("describe_key", 2, skew));
        let checkup = clinic.live();
        only(&checkup, "A5");
        assert_eq!(clinic.minted(), 0);
        assert_eq!(verdict(&checkup, "A1"), CheckVerdict::Unknown, "{checkup}");
        assert!(checkup.check("A1").expect("it is there").seen[0].contains("nothing was sent"), "{checkup}");
    }
}

#[test]
fn dates_that_jump_less_than_the_margin_hold() {
    let clinic = Clinic::open();
    let plan = FaultPlan::new().date_off("describe_key", 2, Skew::Fast(Duration::from_secs(1)));
    clinic.lab.world.faults(plan);
    all_hold(&clinic.live());
}

#[test]
fn a_version_that_a_stranger_made_before_us_is_not_blamed_on_the_service() {
    let world = WorldSettings { list_lag: Duration::from_secs(2), ..WorldSettings::lab() };
    let clinic = Clinic::with(Settings::lab(), world);
    let theirs = clinic.lab.world.foreign_mint(&clinic.key);
    let checkup = clinic.live();
    all_hold(&checkup);
    let seen = &checkup.check("A7").expect("it is there").seen;
    assert!(seen.iter().any(|seen| seen.contains("somebody else") && seen.contains(theirs.as_str())), "{checkup}");
}

/// A journal that breaks its promises, over one that keeps them.
struct Liar {
    inner: Arc<MemoryJournal>,
    lie: Lie,
    has_acknowledged: AtomicBool,
}

#[derive(Clone, Copy)]
enum Lie {
    /// Says "stored" to whoever lost the race.
    ToTheLoser,
    /// Says "stored" to one and "conflict" to the next, and stores nothing.
    ToTheWinner,
    /// Says "conflict" and stores it.
    StoresWhatItRefuses,
}

#[async_trait]
impl Journal for Liar {
    fn place(&self) -> String {
        "a liar".to_owned()
    }

    async fn head(&self, stream: &StreamId) -> Result<Head> {
        self.inner.head(stream).await
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>> {
        self.inner.read(stream, from, limit).await
    }

    async fn append(&self, append: &Append) -> Result<Head> {
        match self.lie {
            Lie::ToTheLoser => match self.inner.append(append).await {
                Err(error) if error.kind() == ErrorKind::Conflict => Ok(append.head_after()),
                other => other,
            },
            Lie::ToTheWinner if !self.has_acknowledged.swap(true, Ordering::SeqCst) => Ok(append.head_after()),
            Lie::ToTheWinner => Err(Error::new(ErrorKind::Conflict, "append", "somebody else appended first")),
            Lie::StoresWhatItRefuses => {
                self.inner.append(append).await?;
                Err(Error::new(ErrorKind::Conflict, "append", "somebody else appended first"))
            }
        }
    }

    async fn streams(&self, prefix: &str, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix, after, limit).await
    }

    async fn epoch(&self, scope: &StreamId) -> Result<u64> {
        self.inner.epoch(scope).await
    }

    async fn claim(&self, scope: &StreamId, runner: &RunnerId, now: Timestamp, ttl: Duration) -> Result<Claim> {
        self.inner.claim(scope, runner, now, ttl).await
    }

    async fn renew(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim> {
        self.inner.renew(claim, now, ttl).await
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        self.inner.release(claim).await
    }
}

#[test]
fn a_journal_that_lies_is_named_by_doctor_and_nothing_is_sent() {
    for (lie, words) in [
        (Lie::ToTheLoser, "both were acknowledged"),
        (Lie::ToTheWinner, "its line is not there"),
        (Lie::StoresWhatItRefuses, "told that it was not stored, and its line is there"),
    ] {
        let clinic = Clinic::open();
        let inner = Arc::clone(&clinic.lab.journal);
        let journal = Arc::new(Liar { inner, lie, has_acknowledged: AtomicBool::new(false) });
        let checkup = clinic.live_over(Ports { journal, ..clinic.lab.ports() });
        only(&checkup, "A4");
        assert!(checkup.check("A4").expect("it is there").seen[0].contains(words), "{words:?} in {checkup}");
        assert_eq!(clinic.minted(), 0, "no mint without a journal");
    }
}

#[test]
fn a_journal_that_is_full_is_unknown_and_nothing_is_sent() {
    let clinic = Clinic::open();
    clinic.lab.journal.fail_when(|_| Some(keywheel::memory::Failure::Full));
    let checkup = clinic.live();
    assert_eq!(verdict(&checkup, "A4"), CheckVerdict::Unknown, "{checkup}");
    assert_eq!((checkup.broken().count(), clinic.minted()), (0, 0), "{checkup}");
}

#[test]
fn a_key_that_somebody_may_need_is_refused_with_a_way_to_make_another() {
    let clinic = Clinic::open();
    let no_tag = clinic.refused(&clinic.lab.key);
    assert_eq!(no_tag.kind(), ErrorKind::Refused, "{no_tag}");
    assert!(no_tag.message().contains("keywheel-throw-away = true"), "{no_tag}");
    let other_value = throw_away(&clinic.lab, "yes");
    assert_eq!(clinic.refused(&other_value).kind(), ErrorKind::Refused);

    let home = keywheel::model::Region::parse("us-ashburn-1").expect("a region");
    let compartment = &clinic.lab.compartments[0];
    let _ = clinic.lab.world.add_bucket(&home, compartment, "precious").key(&clinic.key).done();
    let precious = clinic.refused(&clinic.key);
    assert!(precious.message().contains("1 resources are under this key"), "{precious}");
    assert_eq!(clinic.minted(), 0);
    assert_eq!(clinic.names().iter().filter(|name| *name != "journal_probed").count(), 0, "nothing was intended");
}

#[test]
fn a_vault_without_room_for_the_worst_case_is_refused() {
    let mut settings = Settings::lab();
    settings.budgets.versions_per_vault = 7;
    let clinic = Clinic::with(settings, WorldSettings::lab());
    let error = clinic.refused(&clinic.key);
    assert!(error.message().contains("2 of 7 versions"), "{error}");
}

#[test]
fn a_doctor_that_was_killed_is_explained_by_the_journal_and_waited_for() {
    let clinic = Clinic::open();
    let points = Points::new(At::parse("create_version:after#3"));
    let rotator = clinic.lab.mortal_rotator(&points, 1);
    let died = clinic.lab.run_until_crash(&points, rotator.doctor(Some(&clinic.key)));
    assert!(died.is_none(), "it was killed");
    assert_eq!(clinic.names().last().map(String::as_str), Some("live_intended"), "the intent was there first");
    let (_, intent) = clinic.told().pop().expect("a line");
    assert_eq!((intent["step"].as_str(), intent["key"].as_str()), (Some("mint"), Some(clinic.key.as_str())));

    let error = clinic.refused(&clinic.key);
    let Retry::Later(Some(after)) = error.retry() else { panic!("{error:?}") };
    assert!(after <= clinic.lab.settings.margins.quiet_period() + Duration::from_secs(2), "{after:?}");
    clinic.lab.clock.advance(after);
    all_hold(&clinic.live());
    assert_eq!(clinic.minted(), 2, "one of the dead, one of the living");
}

#[test]
fn two_doctors_do_not_mint_on_one_key_side_by_side() {
    let clinic = Clinic::open();
    let rotator = |seed| {
        let random = Arc::new(SeededRandom::new(seed));
        Rotator::with_ports(clinic.lab.settings.clone(), Ports { random, ..clinic.lab.ports() })
    };
    let rotators = [rotator(11), rotator(12)];
    let task = |rotator: &Rotator| -> executor::Task<'static, _> {
        let (rotator, key) = (rotator.clone(), clinic.key.clone());
        Box::pin(async move { rotator.doctor(Some(&key)).await })
    };
    let results = executor::run_all(&clinic.lab.clock, rotators.iter().map(task).collect());
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 1));
    all_hold(done[0].as_ref().expect("it is the one that went on"));
    let error = refused[0].as_ref().expect_err("it was refused");
    assert!(error.message().contains("another checkup"), "{error}");
    assert_eq!(clinic.minted(), 1);
}

#[test]
fn two_checkups_use_different_tokens_and_every_send_has_its_intent() {
    let clinic = Clinic::open();
    clinic.live();
    clinic.lab.clock.advance(Duration::from_secs(60));
    all_hold(&clinic.live());
    let told = clinic.told();
    let of =
        |name: &str| told.iter().filter(|(fact, _)| fact == name).map(|(_, body)| body.clone()).collect::<Vec<_>>();
    let (intents, answers) = (of("live_intended"), of("live_answered"));
    assert_eq!((intents.len(), answers.len()), (8, 8));
    let tokens: std::collections::BTreeSet<_> = intents.iter().map(|intent| intent["token"].to_string()).collect();
    assert_eq!(tokens.len(), 6, "a repeat has the mint's token, everything else its own");
    let sent: Vec<_> = clinic.lab.world.log().into_iter().filter(|one| one.operation == "create_key_version").collect();
    let journaled = |date: &Timestamp| intents.iter().any(|intent| intent["date"] == date.to_string());
    assert!(sent.iter().all(|one| one.date.as_ref().is_some_and(journaled)), "every date was journaled");
    assert_eq!(sent.len(), 8, "each intent was sent once");
}
