//! What the journal shows of rights that nobody may try: which calls were accepted or refused, and when last.
//!
//! Filled by `engine::doctor` fact by fact. A newer answer outweighs an older one.

use std::collections::BTreeMap;

use crate::model::{Kind, ShownBy, StepKind, Timestamp};
use crate::rotation::Fact;
use crate::rotation::page::PageFact;

/// The last word on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWord {
    /// When, by the clock of whoever wrote it down.
    pub at: Timestamp,
    /// `None`: it was accepted. Else why it was refused.
    pub refused: Option<String>,
}

/// The last word on each call that changes something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    words: BTreeMap<ShownBy, LastWord>,
    announced: bool,
    last_mint: Option<ShownBy>,
}

/// What a page's steps are called while it is read.
#[derive(Debug, Clone, Default)]
pub struct PageSteps {
    kind: Option<Kind>,
    steps: BTreeMap<u32, StepKind>,
}

impl Shown {
    pub(super) fn tell(&mut self, what: ShownBy, at: Timestamp, refused: Option<String>) {
        let word = LastWord { at, refused };
        match self.words.get_mut(&what) {
            Some(known) if known.at > at => {}
            Some(known) => *known = word,
            None => drop(self.words.insert(what, word)),
        }
    }

    /// A fact of a rotation's own stream.
    pub fn fact(&mut self, at: Timestamp, fact: &Fact) {
        match fact {
            Fact::MintIntended(intent) => {
                self.announced = intent.mark.is_some();
                let is_key = intent.operation == "create_key";
                self.last_mint = Some(if is_key { ShownBy::MintedKey } else { ShownBy::MintedVersion });
            }
            Fact::Created(created) => {
                let what = if created.key.is_some() { ShownBy::MintedKey } else { ShownBy::MintedVersion };
                self.tell(what, at, None);
                // A mint is only sent once it was announced, where there is a register.
                if self.announced {
                    self.tell(ShownBy::Register, at, None);
                }
            }
            Fact::MintRefused(refused) if matches!(refused.status, 403 | 404) => {
                if let Some(what) = self.last_mint.clone() {
                    self.tell(what, at, Some(format!("[{} {}]", refused.status, refused.code)));
                }
            }
            Fact::NoticeSent(sent) if sent.accepted_as.is_some() => {
                self.tell(ShownBy::Notice(sort_of(&sent.notifier)), at, None);
            }
            _ => {}
        }
    }

    /// A fact of a page's stream.
    pub fn page_fact(&mut self, at: Timestamp, fact: &PageFact, page: &mut PageSteps) {
        match fact {
            PageFact::PageInventory(inventory) => page.kind = Some(inventory.kind.clone()),
            PageFact::StepIntended(intent) => drop(page.steps.insert(intent.item, intent.step)),
            PageFact::StepBegun(begun) => {
                if let (Some(kind), Some(step)) = (&page.kind, page.steps.get(&begun.item)) {
                    self.tell(ShownBy::Step(kind.clone(), *step), at, None);
                    if matches!(step, StepKind::AssignKey | StepKind::Reassign) {
                        self.tell(ShownBy::Assignment, at, None);
                    }
                }
            }
            PageFact::StepFailed(failed) if failed.is_missing && !failed.in_doubt => {
                if let (Some(kind), Some(step)) = (&page.kind, page.steps.get(&failed.item)) {
                    self.tell(ShownBy::Step(kind.clone(), *step), at, Some(failed.error.clone()));
                }
            }
            PageFact::StepCompleted(completed) => {
                if let (Some(kind), true) = (&page.kind, completed.finished_at.is_some()) {
                    self.tell(ShownBy::StepEnd(kind.clone()), at, None);
                }
            }
            _ => {}
        }
    }

    /// A sink took lines.
    pub fn sink(&mut self, at: Timestamp, name: &str) {
        self.tell(ShownBy::Sink(sort_of(name)), at, None);
    }

    /// The last word on something.
    #[must_use]
    pub fn word(&self, what: &ShownBy) -> Option<&LastWord> {
        // A key assigned once more goes through the same call.
        let again = match what {
            ShownBy::Step(kind, StepKind::AssignKey) => Some(ShownBy::Step(kind.clone(), StepKind::Reassign)),
            _ => None,
        };
        let words = [Some(what.clone()), again];
        words.iter().flatten().filter_map(|what| self.words.get(what)).max_by_key(|word| word.at)
    }
}

/// `topic `, `log `, `bucket `: the first word of a name says what sort it is.
fn sort_of(name: &str) -> String {
    name.split_once(' ').map_or_else(|| name.to_owned(), |(sort, _)| format!("{sort} "))
}
