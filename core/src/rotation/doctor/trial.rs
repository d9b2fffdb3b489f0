//! What the mints on a throw-away key say of A1, A2, A3, A6 and A7.

use std::time::Duration;

use super::count::{Count, is_refused};
use super::judge::Draft;
use super::seen::{Answer, Sent, Step, Trial};
use super::words::span;
use crate::model::{KeyVersion, KeyVersionId, Margins};

const RECOUNT: &str = "the last list cannot be believed to show everything, so nothing can be counted";

/// Whether versions may be counted; says why not.
fn counts(draft: &mut Draft, count: &Count<'_>, trusts_lists: bool) -> bool {
    let may = count.is_complete && trusts_lists;
    if !may && !draft.is_broken() {
        draft.see(RECOUNT);
    }
    may
}

pub(super) fn token(draft: &mut Draft, count: &Count<'_>, trusts_lists: bool) {
    let Some((first, repeats)) = count.repeated() else {
        draft.see("not shown: the service refused to mint, so there was nothing to repeat");
        return;
    };
    let versions = count.by_token(first);
    if versions.len() > 1 {
        draft.broken(
            format!("one token was sent {} times and made {}: {}", 1 + repeats.len(), versions.len(), names(&versions)),
            "retry tokens do not protect here: only the date fence does; name no_retry_token in policy.accept_risks, and tell Oracle",
        );
        return;
    }
    if !counts(draft, count, trusts_lists) {
        return;
    }
    let last = repeats.last().map_or(first, |last| *last);
    match (&first.answer, &last.answer) {
        (Answer::Made { version: one, .. }, Answer::Made { version: other, .. }) if one == other => {
            draft.holds(format!(
                "one token was sent twice, {} apart: both answers name {one}, and the list shows no other",
                span(last.at.duration_since(first.at).unsigned_abs())
            ));
        }
        (_, Answer::Made { version, .. }) if versions.len() == 1 => {
            draft.holds(format!(
                "the first answer was lost; the same token then named {version}, and the list shows no other"
            ));
        }
        (_, Answer::Doubtful { code: Some(code), .. }) if code == "InvalidatedRetryToken" => {
            draft.holds("the token was declared used up when it came again, and the list shows one version");
        }
        (_, answer) => draft.see(format!("not shown: the repeat was answered with {}", said(answer))),
    }
    draft.see("that a token lives for 24 hours was not waited for");
}

pub(super) fn list(draft: &mut Draft, trial: &Trial, count: &Count<'_>, margins: &Margins) {
    let lag = margins.list_lag;
    if count.made.is_empty() {
        draft.see("not shown: no version was made");
        return;
    }
    for (id, (number, created)) in &count.made {
        let shows = |versions: &[KeyVersion]| versions.iter().any(|version| version.id == **id);
        // A look may be older than the version: only those dated after it was made count.
        let looks: Vec<_> = trial.looks.iter().filter_map(|look| Some((look.date?, shows(&look.versions)))).collect();
        let missed =
            looks.iter().filter(|(date, is_shown)| *date >= *created + lag && !is_shown).map(|(date, _)| *date);
        let first = looks.iter().find(|(_, is_shown)| *is_shown).map(|(date, _)| date.duration_since(*created));
        let first = first.map(|age| if age.is_negative() { Duration::ZERO } else { age.unsigned_abs() });
        let step = trial.sends[*number].step.word();
        match (missed.max(), first) {
            (Some(missed), first) => {
                let missed = missed.duration_since(*created).unsigned_abs();
                let then = first.map_or_else(|| "never".to_owned(), |age| format!("{} after", span(age)));
                draft.broken(
                    format!("{id} ({step}) was not listed {} after it was made; it was {then}", span(missed)),
                    "raise list_lag above what was seen; until then a lost answer may be settled too early",
                );
            }
            (None, Some(age)) if age <= lag => {
                draft.holds(format!("{id} ({step}) was listed at the latest {} after it was made", span(age)));
            }
            (None, Some(age)) => draft.see(format!("{id} was first looked for {} after it was made", span(age))),
            (None, None) => draft.see(format!("{id} was not looked for later than λ after it was made")),
        }
    }
}

pub(super) fn fence(draft: &mut Draft, count: &Count<'_>, margins: &Margins, trusts_lists: bool) {
    let (limit, life) = (margins.skew_limit, margins.skew_limit + margins.processing);
    const NEXT: &str = "the date fence does not protect here: raise skew_limit and processing above what was seen, or \
                        name no_date_fence in policy.accept_risks";
    let mut refused = None;
    for (_, sent) in count.of_step(Step::Stale) {
        let age = span(sent.at.duration_since(sent.date).unsigned_abs());
        match &sent.answer {
            Answer::Made { version, .. } => {
                draft.broken(format!("a mint dated {age} ago, more than Δ = {}, made {version}", span(limit)), NEXT);
            }
            Answer::Refused { status: Some(401), .. } => refused = Some(age),
            other => draft.see(format!("a mint dated {age} ago was answered with {}", said(other))),
        }
    }
    let mut slowest = None;
    for (version, sent, created) in count.dated() {
        let age = created.duration_since(sent.date);
        let age = if age.is_negative() { Duration::ZERO } else { age.unsigned_abs() };
        let is_told = matches!(&sent.answer, Answer::Made { version: named, .. } if named == version);
        if age > life && !(is_told && sent.step == Step::Stale) {
            draft.broken(format!("{version} was made {} after its request's date", span(age)), NEXT);
        } else if sent.step == Step::Mint && is_told {
            slowest = slowest.max(Some(age));
        }
    }
    if let Some(slowest) = slowest {
        draft.see(format!("accepted mints acted at the latest {} after their date", span(slowest)));
    }
    let Some(age) = refused else { return };
    if draft.is_broken() || !counts(draft, count, trusts_lists) {
        return;
    }
    draft.holds(format!("a mint dated {age} ago was refused with 401, and nothing appeared"));
}

pub(super) fn refusal(draft: &mut Draft, count: &Count<'_>, trusts_lists: bool) {
    for (version, sent) in count.after_refusal() {
        draft.broken(
            format!("{} was answered with {}, and yet {} appeared", subject(sent), said(&sent.answer), version.id),
            "set policy.ambiguity = \"strict\": refusals are then settled like lost answers",
        );
    }
    let steps = [Step::Stale, Step::Nowhere, Step::Mint, Step::Repeat];
    let refused: Vec<_> = steps
        .iter()
        .flat_map(|step| count.of_step(*step))
        .map(|(_, sent)| sent)
        .filter(|sent| is_refused(sent))
        .collect();
    let (refused, unsent): (Vec<_>, Vec<_>) = refused.into_iter().partition(|sent| is_answered(&sent.answer));
    for sent in unsent {
        draft.see(format!("{}: {}", sent.step.word(), said(&sent.answer)));
    }
    if refused.is_empty() {
        draft.see("not shown: the service itself refused nothing");
        return;
    }
    let list: Vec<_> = refused.iter().map(|sent| format!("{} ({})", said(&sent.answer), sent.step.word())).collect();
    if draft.is_broken() || !counts(draft, count, trusts_lists) {
        return;
    }
    draft.holds(format!("refused, and nothing appeared: {}", list.join(", ")));
    draft.see("400, 403, 412 and, unless listed above, 409 and 429 cannot be provoked without harm and were not");
}

pub(super) fn one_shot(draft: &mut Draft, trial: &Trial, count: &Count<'_>) {
    let answered: Vec<_> = trial.sends.iter().filter_map(|sent| request_id(&sent.answer)).collect();
    draft.see(format!(
        "mints asked of the port: {}; answered by the service: {}; versions that appeared: {}",
        trial.sends.len(),
        answered.len(),
        count.made.len() + count.extra.len()
    ));
    if !answered.is_empty() {
        draft.see(format!("Oracle's audit log must show these requests and no other: {}", answered.join(", ")));
    }
    let strangers = count.strangers();
    if !strangers.is_empty() {
        draft.see(format!("made before anything was sent, so by somebody else: {}", names(&strangers)));
    }
    if let Some(stopped) = &trial.stopped {
        draft.see(format!("the mints ended early: {stopped}"));
    }
    if trial.holes > 0 {
        draft.see(format!("dependents could not be looked for in {} places; the key's tag was believed", trial.holes));
    }
}

fn request_id(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Made { request_id, .. } | Answer::Refused { request_id, .. } => {
            request_id.as_ref().map(|id| id.as_str())
        }
        Answer::Doubtful { .. } => None,
    }
}

fn names(versions: &[&KeyVersionId]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn subject(sent: &Sent) -> String {
    format!("a mint ({}) dated {}", sent.step.word(), sent.date)
}

/// Whether the service itself refused; an adapter may do so before anything is sent.
fn is_answered(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { status: Some(_), .. })
}

/// An answer in a few words.
fn said(answer: &Answer) -> String {
    match answer {
        Answer::Made { version, .. } => format!("success, naming {version}"),
        Answer::Refused { status: Some(status), code, .. } => {
            format!("{status} {}", code.as_deref().unwrap_or_default()).trim_end().to_owned()
        }
        Answer::Refused { status: None, why, .. } => format!("a refusal before anything was sent: {why}"),
        Answer::Doubtful { why, .. } => format!("no definitive answer: {why}"),
    }
}
