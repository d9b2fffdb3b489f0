//! One open rotation per lineage (R6): ending the one that was overtaken, and what the next takes over from it.
//!
//! The registry has said so first, in one append with the next one's opening; what is here is done again by whoever
//! drives the next one, until it is done. A runner of the overtaken one sees it at its next append.

use super::Engine;
use super::book::Book;
use super::drive::Ending;
use crate::model::{Dependent, Outcome, RotationId};
use crate::rotation::{Fact, State};
use crate::{ErrorKind, Result};

/// Rotations in a row that may each have been overtaken before they had looked at anything.
const CHAIN_MAX: usize = 1000;

impl Engine {
    /// Ends a rotation that the registry calls overtaken, and gives back what it had reserved.
    pub(super) async fn end_overtaken(&self, before: &RotationId, by: &RotationId) -> super::Done {
        let is_open = {
            let main = self.main_book(before).await?;
            !self.state(&main)?.is_terminal()
        };
        if is_open {
            match self.intervene(before, |_| Ok(Some(Fact::Overtaken { by: by.clone() }))).await {
                // Its own runner was faster and closed its books.
                Err(error) if error.kind() == ErrorKind::Refused => {}
                other => other?,
            }
        }
        let main = self.main_book(before).await?;
        let vault = self.state(&main)?.opened.vault.clone();
        self.unregister(before, &vault, &Ending::overtaken()).await
    }

    /// Dependents without a good end in the rotations that this one overtook.
    pub(super) async fn inherited(&self, main: &Book<State>) -> Result<Vec<Dependent>> {
        let mut left = Vec::new();
        let mut before = self.state(main)?.opened.overtakes.clone();
        for _ in 0..CHAIN_MAX {
            let Some(rid) = before else { break };
            let book = self.main_book(&rid).await?;
            for report in self.dependents(&rid).await? {
                if report.outcome.as_ref().is_none_or(is_unfinished) {
                    left.push(report.dependent);
                }
            }
            let state = self.state(&book)?;
            // One that ended its first pass had looked at everything that those before it left.
            before = state.opened.overtakes.clone().filter(|_| !state.passes.contains_key(&0));
        }
        Ok(left)
    }
}

fn is_unfinished(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Blocked { .. } | Outcome::Manual { .. } | Outcome::Partial { .. })
}
