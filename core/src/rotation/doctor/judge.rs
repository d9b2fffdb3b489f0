//! The verdicts on A1 to A7. What was not tested is unknown; what was tested holds or is broken.

use std::time::Duration;

use jiff::SignedDuration;

use super::count::Count;
use super::seen::{ClockSample, Contender, JournalProbe, Observed, Told, Trial};
use super::trial;
use super::words::{offset, span};
use crate::model::{ASSUMPTIONS, Ambiguity, Check, CheckVerdict, Margins, Risk, Section, Settings, Source, Standing};

/// Where a check stands before its verdict.
pub(super) struct Draft {
    check: Check,
}

impl Draft {
    fn new(id: &str, title: &str, value: String, standing: Standing, source: &str) -> Self {
        let source = Source { standing, text: source.to_owned() };
        let (id, title) = (id.to_owned(), title.to_owned());
        let check = Check { id, title, value, source, verdict: CheckVerdict::Unknown, seen: Vec::new(), do_next: None };
        Self { check }
    }

    pub(super) fn see(&mut self, text: impl Into<String>) {
        self.check.seen.push(text.into());
    }

    pub(super) fn broken(&mut self, text: impl Into<String>, do_next: &str) {
        self.check.verdict = CheckVerdict::Broken;
        self.check.do_next.get_or_insert_with(|| do_next.to_owned());
        self.see(text);
    }

    pub(super) fn holds(&mut self, text: impl Into<String>) {
        if self.check.verdict != CheckVerdict::Broken {
            self.check.verdict = CheckVerdict::Holds;
        }
        self.see(text);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.check.verdict == CheckVerdict::Broken
    }

    fn next(&mut self, do_next: &str) {
        self.check.do_next.get_or_insert_with(|| do_next.to_owned());
    }
}

/// Judges everything that was observed.
#[must_use]
pub fn assumptions(observed: &Observed, settings: &Settings) -> Section {
    let margins = &settings.margins;
    let count = observed.trial.as_ref().map(|trial| (trial, Count::of(trial, margins)));
    let count = count.as_ref().map(|(trial, count)| (*trial, count));
    let list = list(observed, count, margins);
    let trusts_lists = !list.is_broken();
    let drafts = [
        token(observed, count, settings, trusts_lists),
        list,
        fence(observed, count, margins, trusts_lists),
        journal(observed),
        clock(observed, margins),
        refusal(observed, count, settings, trusts_lists),
        one_shot(count),
    ];
    let checks = drafts.into_iter().map(|draft| draft.check).collect();
    Section { name: ASSUMPTIONS.to_owned(), checks }
}

const NOT_LIVE: &str = "not tested: that takes mints; `doctor --live KEY` does it on a throw-away key";

fn untested(observed: &Observed) -> String {
    observed.held_back.clone().unwrap_or_else(|| NOT_LIVE.to_owned())
}

type Counted<'a> = Option<(&'a Trial, &'a Count<'a>)>;

fn token(observed: &Observed, count: Counted<'_>, settings: &Settings, trusts_lists: bool) -> Draft {
    let margins = &settings.margins;
    let mut draft = Draft::new(
        "A1",
        "two sends with one token make at most one version",
        format!("token_life = {}", span(margins.token_life)),
        Standing::Documented,
        "API reference of CreateKeyVersion: opc-retry-token is remembered for 24 hours unless it is invalidated earlier",
    );
    let documented = Duration::from_secs(24 * 3600);
    if margins.token_life > documented {
        draft.broken(
            format!("token_life is longer than the {} that Oracle documents", span(documented)),
            "set token_life to less than 24h",
        );
    }
    if observed.missing_promises.contains(&Risk::NoRetryToken) {
        draft.see("the key store's adapter does not promise it: policy.accept_risks must name no_retry_token");
    }
    match count {
        None => draft.see(untested(observed)),
        Some((_, count)) => trial::token(&mut draft, count, trusts_lists),
    }
    if settings.policy.ambiguity == Ambiguity::Fast {
        draft.see("policy.ambiguity = fast rests on this alone");
        if draft.is_broken() {
            draft.check.do_next = Some("set policy.ambiguity = \"standard\" before anything is rotated".to_owned());
        }
    }
    draft
}

fn list(observed: &Observed, count: Counted<'_>, margins: &Margins) -> Draft {
    let lag = margins.list_lag;
    let mut draft = Draft::new(
        "A2",
        "a version made at server time t is listed by t + λ",
        format!("λ = {}", span(lag)),
        Standing::Unverified,
        "Oracle documents no bound on how late ListKeyVersions may be; λ is a margin of ours",
    );
    for listed in observed.lists.iter().filter(|listed| !listed.has_current) {
        match listed.has_current_later {
            Some(false) => draft.broken(
                format!("{}: its current version was not listed, and still not {} later", listed.key, span(lag)),
                "raise list_lag until doctor finds it holding; until then a lost answer may be settled too early",
            ),
            _ => draft.see(format!("{}: its current version was listed late, but within λ", listed.key)),
        }
    }
    let (all, current) = (observed.lists.len(), observed.lists.iter().filter(|listed| listed.has_current).count());
    if all > 0 {
        let youngest = observed.lists.iter().filter_map(|listed| listed.youngest).min();
        let youngest = youngest.map_or_else(String::new, |age| format!("; the youngest version is {} old", span(age)));
        draft.see(format!("keys whose current version was listed: {current} of {all}{youngest}"));
    }
    match count {
        None => draft.see(untested(observed)),
        Some((trial, count)) => trial::list(&mut draft, trial, count, margins),
    }
    draft
}

fn fence(observed: &Observed, count: Counted<'_>, margins: &Margins, trusts_lists: bool) -> Draft {
    let mut draft = Draft::new(
        "A3",
        "a request signed with date d has no effect later than d + Δ + P",
        format!("Δ = {}, P = {}", span(margins.skew_limit), span(margins.processing)),
        Standing::Documented,
        "Request Signatures: a date more than 5 minutes off is refused with 401 (Δ). P, how long an accepted request may take \
         to act, is UNVERIFIED",
    );
    if observed.missing_promises.contains(&Risk::NoDateFence) {
        draft.see("the key store's adapter does not promise it: policy.accept_risks must name no_date_fence");
    }
    match count {
        None => draft.see(untested(observed)),
        Some((_, count)) => trial::fence(&mut draft, count, margins, trusts_lists),
    }
    draft
}

/// The verdict on two appends that wanted one place.
#[must_use]
pub fn journal_verdict(probe: &JournalProbe) -> (CheckVerdict, String) {
    let (one, other) = match probe {
        JournalProbe::Failed(why) => return (CheckVerdict::Unknown, format!("it could not be tried: {why}")),
        JournalProbe::Round(one, other) => (one, other),
    };
    let broken = |why: &str| (CheckVerdict::Broken, why.to_owned());
    let is = |contender: &Contender, told: &Told| contender.told == *told;
    if is(one, &Told::Stored) && is(other, &Told::Stored) {
        return broken("two appends on one head, and both were acknowledged: it does not compare");
    }
    let both = [one, other];
    if both.iter().any(|contender| is(contender, &Told::Stored) && !contender.is_there) {
        return broken("an append was acknowledged, and its line is not there: what it acknowledges does not stay");
    }
    let denied =
        |contender: &&Contender| matches!(contender.told, Told::Conflict | Told::Failed(_)) && contender.is_there;
    if both.iter().any(denied) {
        return broken("an append was told that it was not stored, and its line is there");
    }
    if one.is_there && other.is_there {
        return broken("the lines of two appends on one head are both there");
    }
    let won = both.iter().filter(|contender| contender.is_there).count();
    let lost = both.iter().filter(|contender| is(contender, &Told::Conflict)).count();
    match (won, lost) {
        (1, 1) => (
            CheckVerdict::Holds,
            "two appends on one head: one was stored and read back, the other was told Conflict and left nothing"
                .into(),
        ),
        (0, 2) => (CheckVerdict::Unknown, "others append all the time; neither of two appends came first".into()),
        _ => {
            let text = |contender: &Contender| match &contender.told {
                Told::Stored => "stored".to_owned(),
                Told::Conflict => "conflict".to_owned(),
                Told::Doubtful(why) | Told::Failed(why) => why.clone(),
            };
            (CheckVerdict::Unknown, format!("the test came to nothing: {}; {}", text(one), text(other)))
        }
    }
}

fn journal(observed: &Observed) -> Draft {
    let mut draft = Draft::new(
        "A4",
        "the journal compares before it appends, and what it acknowledged stays",
        observed.place.clone(),
        Standing::Ours,
        "every adapter is held to `ports::Journal`'s promises by one conformance suite",
    );
    match journal_verdict(&observed.journal) {
        (CheckVerdict::Broken, seen) => draft.broken(
            seen,
            "do not mint with this journal: move it to a local disk, or to a backend that keeps its promises",
        ),
        (CheckVerdict::Holds, seen) => draft.holds(seen),
        (_, seen) => {
            draft.see(seen);
            draft.next("look at the journal's place and permissions, then run doctor again");
        }
    }
    draft.see("that an acknowledged line survives a power cut cannot be shown from here");
    draft
}

/// What dates show of the clocks: the offset of ours, how sure that is, and by how much the dates contradict each other.
struct Clocks {
    offset: SignedDuration,
    uncertainty: Duration,
    contradiction: Duration,
}

impl Clocks {
    fn of(samples: &[ClockSample]) -> Option<Self> {
        // A date is cut to whole seconds: the far end's clock showed something in [date, date + 1 s) between the two
        // looks at ours.
        let second = Duration::from_secs(1);
        let low = |sample: &ClockSample| sample.date.duration_since(sample.came);
        let high = |sample: &ClockSample| (sample.date + second).duration_since(sample.asked);
        let width = |sample: &ClockSample| (high(sample) - low(sample)).unsigned_abs();
        let best = samples.iter().min_by_key(|sample| width(sample))?;
        let (lowest, highest) = (samples.iter().map(high).min()?, samples.iter().map(low).max()?);
        Some(Self {
            offset: low(best) + SignedDuration::try_from(width(best) / 2).unwrap_or_default(),
            uncertainty: width(best) / 2,
            contradiction: if highest > lowest { (highest - lowest).unsigned_abs() } else { Duration::ZERO },
        })
    }
}

/// The verdict on the dates of several answers.
#[must_use]
pub fn clock_verdict(samples: &[ClockSample], margins: &Margins) -> CheckVerdict {
    match Clocks::of(samples) {
        None => CheckVerdict::Unknown,
        Some(seen) if seen.uncertainty > margins.clock_error || seen.contradiction > margins.clock_error => {
            CheckVerdict::Broken
        }
        // One answer contradicts nobody.
        Some(_) if samples.len() < 2 => CheckVerdict::Unknown,
        Some(_) => CheckVerdict::Holds,
    }
}

fn clock(observed: &Observed, margins: &Margins) -> Draft {
    let error = margins.clock_error;
    let mut draft = Draft::new(
        "A5",
        "our estimate of the server's time is off by at most ε",
        format!("ε = {}", span(error)),
        Standing::Unverified,
        "measured from the Date of answers (whole seconds); that all servers of a service share one time is not documented",
    );
    let Some(seen) = Clocks::of(&observed.clock) else {
        draft.see(observed.clock_trouble.clone().unwrap_or_else(|| "no answer carried a date".to_owned()));
        draft.next("without the server's time keywheel refuses to mint; see that the service can be reached");
        return draft;
    };
    let said = format!(
        "{} answers: the server's clock is {} from ours, known to {}",
        observed.clock.len(),
        offset(seen.offset),
        span(seen.uncertainty)
    );
    let is_broken = clock_verdict(&observed.clock, margins) == CheckVerdict::Broken;
    match is_broken {
        true if seen.contradiction > error => draft.broken(
            format!("{said}; the dates contradict each other by {}", span(seen.contradiction)),
            "see that the local clock does not jump (NTP); if the far end's does, raise clock_error above the jump",
        ),
        true => draft.broken(
            format!("{said}; keywheel refuses to mint with that"),
            "answers take too long to tell the time by; use a faster link or raise clock_error",
        ),
        false => draft.holds(said),
    }
    if let Some(trouble) = &observed.clock_trouble {
        draft.see(trouble.clone());
    }
    if seen.offset.unsigned_abs() > margins.clock_offset_max {
        draft.see(format!(
            "that is more than clock_offset_max = {}: nothing is started",
            span(margins.clock_offset_max)
        ));
        draft.next("set this machine's clock (NTP)");
    }
    draft
}

fn refusal(observed: &Observed, count: Counted<'_>, settings: &Settings, trusts_lists: bool) -> Draft {
    let value = match settings.policy.ambiguity {
        Ambiguity::Fast => "ambiguity = fast: refusals are believed, and lost answers are asked for again (A1)",
        Ambiguity::Standard => "ambiguity = standard: refusals are believed",
        Ambiguity::Strict => "ambiguity = strict: refusals are settled like lost answers",
    };
    let mut draft = Draft::new(
        "A6",
        "400, 401, 403, 404, 409 IncorrectState, 412, 429 mean that nothing happened",
        value.to_owned(),
        Standing::Unverified,
        "API Errors: a table of causes; that none of them follows an effect is common practice, \
         not documented",
    );
    match count {
        None => draft.see(untested(observed)),
        Some((_, count)) => trial::refusal(&mut draft, count, trusts_lists),
    }
    draft
}

fn one_shot(count: Counted<'_>) -> Draft {
    let mut draft = Draft::new(
        "A7",
        "the transport sends a journaled request at most once",
        "no retry, no redirect, no refresh-and-resend, a connection of its own".to_owned(),
        Standing::Ours,
        "shown by counting at the far end: the tests of `adapters::oci::transport` and of the emulator count requests",
    );
    draft.check.verdict = CheckVerdict::Ours;
    match count {
        None => draft.see("nothing was sent; this side cannot count what arrives at the other"),
        Some((trial, count)) => trial::one_shot(&mut draft, trial, count),
    }
    draft
}
