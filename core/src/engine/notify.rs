//! Telling people how it ended: an announcing effect with an intent, sent again under the same key if in doubt.
//!
//! A notifier that fails never holds a rotation up: after its budget of tries it is given up, and that is a fact.

use super::book::Book;
use super::claim::Held;
use super::{Done, Engine};
use crate::ports::{Notice, Severity};
use crate::rotation::{Fact, NoticeIntended, NoticeSent, State};

/// Stands for "nobody": recorded so that the journal says that nobody was told.
const NOBODY: &str = "nobody";

impl Engine {
    pub(super) async fn notify(&self, main: &mut Book<State>, held: &Held, dedupe_key: &str) -> Done {
        let names: Vec<String> = match self.ports.notifiers.as_slice() {
            [] => vec![NOBODY.to_owned()],
            notifiers => notifiers.iter().map(|notifier| notifier.name()).collect(),
        };
        for (index, name) in names.into_iter().enumerate() {
            let is_settled = |state: &State| {
                state.notices.get(&(dedupe_key.to_owned(), name.clone())).is_some_and(|notice| notice.settled)
            };
            if is_settled(self.state(main)?) {
                continue;
            }
            let intent = NoticeIntended { dedupe_key: dedupe_key.to_owned(), notifier: name.clone() };
            self.record(main, held, vec![Fact::NoticeIntended(intent)]).await?;
            let notice = self.notice(self.state(main)?, dedupe_key);
            let mut sent = NoticeSent {
                dedupe_key: dedupe_key.to_owned(),
                notifier: name.clone(),
                accepted_as: None,
                given_up: Some("no notifier is configured".to_owned()),
            };
            if let Some(notifier) = self.ports.notifiers.get(index) {
                let mut tries = 0;
                loop {
                    tries += 1;
                    match notifier.notify(&notice).await {
                        Ok(reply) => {
                            (sent.accepted_as, sent.given_up) = (Some(reply.value), None);
                            break;
                        }
                        Err(error) if tries >= 3 || error.retry() == crate::Retry::Never => {
                            sent.given_up = Some(error.to_string());
                            break;
                        }
                        Err(error) => self.ports.clock.sleep_until(self.not_before(&error, tries)).await,
                    }
                }
            }
            self.record(main, held, vec![Fact::NoticeSent(sent)]).await?;
        }
        Ok(())
    }

    fn notice(&self, state: &State, dedupe_key: &str) -> Notice {
        let counts = &state.counts;
        let exceptions = ["blocked", "manual", "partial"].iter().map(|word| counts.with(word)).sum::<u64>();
        let severity = if exceptions > 0 { Severity::Warning } else { Severity::Info };
        let key = &state.opened.name.key;
        let moved = counts.with("rekeyed") + counts.with("already");
        let test = if state.opened.is_test { "TEST " } else { "" };
        Notice {
            dedupe_key: dedupe_key.to_owned(),
            severity,
            title: format!("{test}keywheel: rotation {} re-keyed {moved} of {}", state.rid, counts.total()),
            body: format!(
                "key {key}\nsuperseded {}\ndependents {}, on the new material {moved}, exceptions {exceptions}\n\
                 chain head {} (fact {} of the rotation's own stream)\n",
                state.opened.name.superseded,
                counts.total(),
                state.head,
                state.facts,
            ),
            rotation: Some(state.rid.clone()),
            chain_head: state.head.clone(),
        }
    }
}
