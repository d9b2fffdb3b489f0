//! What the far end said, judged: whether each endpoint answers and shows the right time, and whether each call that a config
//! needs is let through.
//!
//! A right is `seen working` only where a call that takes it was answered, now or, of calls that change something, as the
//! journal shows. Nothing is inferred from anything else.

use std::time::Duration;

use jiff::SignedDuration;

use super::shown::Shown;
use super::words::{offset, span};
use crate::model::{
    CONNECTIVITY, CallSeen, Check, CheckVerdict, EndpointAnswer, EndpointSeen, Margins, PERMISSIONS, PlaceSeen,
    Section, ShownBy, Source, Standing, Timestamp, Tried,
};

/// Places that are named in one sentence; more are counted.
const NAMED_MAX: usize = 2;
/// Different things said of one call that are shown; more are counted.
const SAID_MAX: usize = 3;

/// One check for each endpoint.
#[must_use]
pub fn connectivity(seen: &[EndpointSeen], shown: &Shown, margins: &Margins) -> Section {
    let checks = seen.iter().enumerate().map(|(at, one)| endpoint(at + 1, one, shown, margins)).collect();
    Section { name: CONNECTIVITY.to_owned(), checks }
}

fn endpoint(number: usize, seen: &EndpointSeen, shown: &Shown, margins: &Margins) -> Check {
    let took = seen.came.duration_since(seen.asked).unsigned_abs();
    let mut said = Vec::new();
    let (mut value, mut verdict, mut do_next) = match &seen.answer {
        EndpointAnswer::Answered(words) => {
            said.push(words.clone());
            (format!("answered in {}", span(Duration::from_millis(millis(took)))), CheckVerdict::Holds, None)
        }
        EndpointAnswer::Refused(words) => {
            said.push(words.clone());
            (
                "refused".to_owned(),
                CheckVerdict::Broken,
                Some(
                    "it does not serve us: of a 401 check who signs (the key, its fingerprint, the session), and this machine's \
                     clock; of 5xx wait, and ask Oracle's status page",
                ),
            )
        }
        EndpointAnswer::NoAnswer(words) => {
            said.push(words.clone());
            (
                "no answer".to_owned(),
                CheckVerdict::Broken,
                Some(
                    "check that the name resolves here and that port 443 may be reached: routes, security lists, a service or NAT \
                     gateway, a proxy; leave the region out of scope.regions if it is not wanted",
                ),
            )
        }
        EndpointAnswer::OnlyWritten(what) => {
            said.push("it is only written to, and nothing is written to try it".to_owned());
            match shown.word(what).filter(|word| word.refused.is_none()) {
                Some(word) => said.push(format!("the journal shows that it took something on {}", day(word.at))),
                None => said.push("the journal shows nothing of it".to_owned()),
            }
            ("not asked".to_owned(), CheckVerdict::Unknown, None)
        }
    };
    if let Some(date) = seen.date {
        let (low, high) = off(seen, date);
        said.push(format!("its clock is between {} and {} from ours", offset(low), offset(high)));
        let least = if low.is_negative() && high.is_positive() {
            Duration::ZERO
        } else {
            low.unsigned_abs().min(high.unsigned_abs())
        };
        if least > margins.clock_offset_max && verdict == CheckVerdict::Holds {
            value = format!("{value}, clock off by {}", span(least));
            verdict = CheckVerdict::Broken;
            do_next =
                Some("set this machine's clock (NTP): OCI refuses requests whose date is more than 5 minutes off");
        }
    }
    Check {
        id: format!("C{number}"),
        title: format!("{} in {} ({}) answers", seen.service, seen.region, seen.host),
        value,
        source: Source { standing: Standing::Ours, text: "asked once, by a read".to_owned() },
        verdict,
        seen: said,
        do_next: do_next.map(str::to_owned),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What the date of an answer leaves open: it is cut to whole seconds, and it was written between the two looks.
fn off(seen: &EndpointSeen, date: Timestamp) -> (SignedDuration, SignedDuration) {
    (date.duration_since(seen.came), (date + Duration::from_secs(1)).duration_since(seen.asked))
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// One check for each call; `since`: what the journal holds from before says nothing any more.
#[must_use]
pub fn permissions(seen: &[CallSeen], shown: &Shown, since: Timestamp) -> Section {
    let checks = seen.iter().enumerate().map(|(at, one)| call(at + 1, one, shown, since)).collect();
    Section { name: PERMISSIONS.to_owned(), checks }
}

fn call(number: usize, seen: &CallSeen, shown: &Shown, since: Timestamp) -> Check {
    let with = |wanted: fn(&Tried) -> bool| -> Vec<&PlaceSeen> {
        seen.places.iter().filter(|place| wanted(&place.tried)).collect()
    };
    let worked = with(|tried| matches!(tried, Tried::Worked(_)));
    let denied = with(|tried| matches!(tried, Tried::Denied(_)));
    let rest = with(|tried| !matches!(tried, Tried::Worked(_) | Tried::Denied(_)));
    let mut said = Vec::new();
    [&denied, &rest, &worked].into_iter().for_each(|places| said.extend(grouped(places)));
    if seen.untried > 0 {
        said.push(format!("{} more places were not tried", seen.untried));
    }
    let word = seen.shown_by.as_ref().and_then(|what| shown.word(what)).filter(|word| word.at >= since);
    let mut verdict = match (denied.is_empty(), worked.is_empty()) {
        (false, _) => CheckVerdict::Denied,
        (true, false) => CheckVerdict::SeenWorking,
        (true, true) => CheckVerdict::Unknown,
    };
    match word {
        Some(word) => match &word.refused {
            None => {
                said.push(format!("the journal: it was accepted on {}", day(word.at)));
                if verdict == CheckVerdict::Unknown {
                    verdict = CheckVerdict::SeenWorking;
                }
            }
            Some(why) => {
                said.push(format!(
                    "the journal: it was refused on {}, and nothing later was accepted: {why}",
                    day(word.at)
                ));
                if verdict == CheckVerdict::Unknown {
                    verdict = CheckVerdict::Denied;
                }
            }
        },
        None => match seen.shown_by {
            Some(ShownBy::Unrecorded) => said.push("the journal does not record it".to_owned()),
            Some(_) => said.push(format!("the journal shows nothing of it since {}", day(since))),
            None => {}
        },
    }
    let first = denied.first().or(rest.first()).or(worked.first());
    let statement = first.map(|place| place.statement.clone());
    Check {
        id: format!("P{number}"),
        title: format!("{}: {}", seen.operation, seen.reason),
        value: if seen.permissions.is_empty() { "no permission".to_owned() } else { seen.permissions.join(", ") },
        source: Source { standing: seen.standing, text: seen.source.clone() },
        verdict,
        seen: said,
        do_next: statement.filter(|_| verdict != CheckVerdict::SeenWorking).map(|statement| match verdict {
            CheckVerdict::Denied => format!("add: {statement}"),
            _ => format!("it takes: {statement}"),
        }),
    }
}

/// One sentence for each thing that was said, with the places that it was said of.
fn grouped(places: &[&PlaceSeen]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for place in places {
        let (Tried::Denied(words) | Tried::Not(words) | Tried::Unclear(words) | Tried::Worked(words)) = &place.tried;
        match groups.iter_mut().find(|(known, _)| known == words) {
            Some((_, at)) => at.push(&place.place),
            None => groups.push((words, vec![&place.place])),
        }
    }
    let sentence = |(words, at): (&str, Vec<&str>)| {
        let named = at.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
        match at.len().saturating_sub(NAMED_MAX) {
            0 => format!("{words} ({named})"),
            more => format!("{words} ({named} and {more} more)"),
        }
    };
    let mut said: Vec<_> = groups.into_iter().map(sentence).collect();
    let more = said.len().saturating_sub(SAID_MAX);
    said.truncate(SAID_MAX);
    said.extend((more > 0).then(|| format!("and the like in {more} more places")));
    said
}

#[cfg(test)]
#[path = "surroundings_tests.rs"]
mod tests;
