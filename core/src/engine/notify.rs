//! Telling people that a rotation paused and how it ended: an announcing effect with an intent, sent again under the same key if
//! in doubt.
//!
//! A notifier that fails never holds a rotation up: after its budget of tries it is given up, and that is a fact. One that is
//! slow holds up no other key: whoever waits for it hands the turn on.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::book::Book;
use super::claim::Held;
use super::{Done, Engine};
use crate::Result;
use crate::ports::{Notice, Notifier, Severity};
use crate::rotation::announced::{NOBODY, is_owed, pause_key};
use crate::rotation::{Fact, NoticeIntended, NoticeSent, State};

/// How often a notice is sent before it is given up.
const TRIES: u32 = 3;
/// What was said by a service, or by a person, is foreign text of any length.
const WHY_CHARS_MAX: usize = 2000;

impl Engine {
    pub(super) async fn notify(&self, main: &mut Book<State>, held: &Held, dedupe_key: &str) -> Done {
        let names: Vec<String> = match self.ports.notifiers.as_slice() {
            [] => vec![NOBODY.to_owned()],
            notifiers => notifiers.iter().map(|notifier| notifier.name()).collect(),
        };
        for (index, name) in names.into_iter().enumerate() {
            if !is_owed(self.state(main)?, dedupe_key, &name, self.ports.clock.now()) {
                continue;
            }
            let intent = NoticeIntended { dedupe_key: dedupe_key.to_owned(), notifier: name.clone() };
            self.record(main, held, vec![Fact::NoticeIntended(intent)]).await?;
            let notice = notice(self.state(main)?, dedupe_key);
            let resting = held.turn().hand_over();
            let (accepted_as, given_up) = match self.ports.notifiers.get(index) {
                Some(notifier) => self.send_notice(held, notifier.as_ref(), &notice).await?,
                None => (None, Some("no notifier is configured".to_owned())),
            };
            drop(resting);
            // What is known is written down before anybody waits for a turn.
            let sent = NoticeSent { dedupe_key: dedupe_key.to_owned(), notifier: name, accepted_as, given_up };
            self.record(main, held, vec![Fact::NoticeSent(sent)]).await?;
            self.stand_in_line(held).await?;
        }
        Ok(())
    }

    /// What the notifier named it, or why it was given up. Keeps the claim alive meanwhile.
    async fn send_notice(
        &self,
        held: &Held,
        notifier: &dyn Notifier,
        notice: &Notice,
    ) -> Result<(Option<String>, Option<String>)> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut sending = pin!(notifier.notify(notice));
            let answer = loop {
                let renew = self.ports.clock.sleep_until(held.renew_at(self.settings.margins.claim_ttl));
                match select(sending.as_mut(), renew).await {
                    Either::Left((answer, _)) => break answer,
                    Either::Right(_) => self.keep(held).await?,
                }
            };
            match answer {
                Ok(reply) => return Ok((Some(reply.value), None)),
                Err(error) if tries >= TRIES || error.retry() == crate::Retry::Never => {
                    tracing::error!(notifier = notifier.name(), title = notice.title, %error, "a notice was not taken");
                    return Ok((None, Some(error.to_string())));
                }
                Err(error) => self.ports.clock.sleep_until(self.not_before(&error, tries)).await,
            }
        }
    }
}

fn notice(state: &State, dedupe_key: &str) -> Notice {
    let counts = &state.counts;
    let exceptions = ["blocked", "manual", "partial"].iter().map(|word| counts.with(word)).sum::<u64>();
    let moved = counts.with("rekeyed") + counts.with("already");
    let test = if state.opened.is_test { "TEST " } else { "" };
    let (rid, name) = (&state.rid, &state.opened.name);
    let paused = state.paused.as_ref().filter(|_| dedupe_key == pause_key(state));
    let (severity, title, story) = match paused {
        Some(paused) => {
            let (phase, why, do_next) = (state.word(), printable(&paused.why), printable(&paused.do_next));
            let (what, until) = match paused.is_outage {
                true => ("paused: the far end does not answer", "the next run looks again by itself."),
                false => ("paused and waits for a person", "until then it rests."),
            };
            let story = format!(
                "paused in phase {phase}: {why}\nwhat to do: {do_next}\n\
                 `keywheel status {rid}` shows how it stands, `keywheel resume {rid}` lets it go on; {until} \
                 This is told once for each pause.\n"
            );
            (Severity::Warning, format!("rotation {rid} {what}"), story)
        }
        None => {
            let severity = if exceptions > 0 { Severity::Warning } else { Severity::Info };
            let story = match (state.pauses, &state.last_pause) {
                (times, Some((at, last))) => {
                    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
                    format!("it was paused {times} and was resumed; last on {at}: {}\n", printable(&last.why))
                }
                (_, None) => String::new(),
            };
            (severity, format!("rotation {rid} re-keyed {moved} of {}", counts.total()), story)
        }
    };
    // While pages are open what became of their dependents is not counted yet.
    let dependents = if paused.is_some() { state.dependents() } else { counts.total() };
    Notice {
        dedupe_key: dedupe_key.to_owned(),
        severity,
        title: format!("{test}keywheel: {title}"),
        body: format!(
            "key {}\nsuperseded {}\n{story}\
             dependents {dependents}, on the new material {moved}, exceptions {exceptions}{}\n\
             chain head {} (fact {} of the rotation's own stream)\n",
            name.key,
            name.superseded,
            if paused.is_some() { " (of pages that are done)" } else { "" },
            state.head,
            state.facts,
        ),
        rotation: Some(state.rid.clone()),
        chain_head: state.head.clone(),
    }
}

/// Foreign text on one line and of bounded length.
fn printable(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(WHY_CHARS_MAX).map(printable).collect();
    if text.chars().nth(WHY_CHARS_MAX).is_some() {
        short.push_str(" … (cut)");
    }
    short
}
