//! A pass: a walk over the catalog whose finds are written down as pages.
//!
//! A page's own stream is written first, then the main stream names it by hash. A page that was written
//! but never named (we died in between) is adopted by whoever passes next.

use std::collections::HashSet;

use super::book::Book;
use super::claim::Held;
use super::progress::Progress;
use super::walk::{Group, Walk};
use super::{Done, Engine};
use crate::Result;
use crate::journal::Replay;
use crate::model::{Dependent, EvidenceScope, Outcome, ResourceId, StreamId};
use crate::rotation::page::{self, Inventory, PageFact};
use crate::rotation::{Fact, Leg, PageOpened, PassEnded, State, UNMOVED, wants_successor};

impl Engine {
    /// Walks the catalog and records what was not known. Errors are the pass's; what was written stays.
    pub(super) async fn pass(&self, main: &mut Book<State>, held: &Held, pass: u32) -> Done {
        if self.state(main)?.pass_open != Some(pass) {
            main.append(self, Some(held.fence()), &[Fact::PassBegun { pass }]).await?;
            self.said(main, &[Fact::PassBegun { pass }]);
        }
        let mut known = HashSet::new();
        let pages: Vec<u32> = self.state(main)?.pages.keys().copied().collect();
        let mut stayed = Vec::new();
        for number in pages {
            self.recall(main, number, &mut known, &mut stayed).await?;
        }
        while self.adopt_orphan(main, held, &mut known).await? {}
        let key = self.state(main)?.opened.name.key.clone();
        let key_regions = self.key_regions(self.state(main)?).await?;
        let mut walk = Walk::new(self, &key, key_regions).await?;
        Box::pin(self.keep_scopes()).await;
        if pass == 0 {
            stayed = self.inherited(main).await?;
        }
        walk.inherit(stayed);
        let state = self.state(main)?;
        // Before the legs are known, what forbids several versions makes one of its own.
        let makes_successor = state.legs.is_empty() || state.legs.iter().any(Leg::is_successor);
        let purpose = state.purpose();
        Box::pin(walk.enroll(purpose, makes_successor)).await?;
        let mut added = 0;
        while let Some(groups) = walk.next(&known).await? {
            self.keep(held).await?;
            for group in groups {
                known.extend(group.items.iter().map(|item| item.dependent.id.clone()));
                added += group.items.len() as u64;
                self.write_pages(main, held, pass, group).await?;
            }
            let (candidates, found) = (walk.seen.candidates, added);
            self.say(Progress::Looking { rotation: self.state(main)?.rid.clone(), candidates, found });
        }
        let (looked_at, key_regions, holes) = (walk.looked_at(), walk.key_regions(), walk.holes());
        let seen = walk.seen;
        let ended = PassEnded {
            pass,
            added,
            candidates: seen.candidates,
            search_only: seen.search_only,
            holes,
            listed: seen.listed,
            looked_at,
            key_regions,
            scopes: seen.scopes,
            findings: seen.findings,
        };
        self.record(main, held, vec![Fact::PassEnded(ended)]).await
    }

    /// Learns the ids of a page that is known already. What ended `gone` is not among them: should it come back, it is
    /// found like anything new. What stayed where it was is forgotten if exceptions are to be
    /// looked at again: the catalog finds it anew, or it is asked for by name at the end.
    async fn recall(
        &self,
        main: &Book<State>,
        number: u32,
        known: &mut HashSet<ResourceId>,
        stayed: &mut Vec<Dependent>,
    ) -> Done {
        let state = self.state(main)?;
        let is_again = state.pages.get(&number).is_some_and(|page| page.is_looked_at_again);
        let has_gone = state.pages.get(&number).is_some_and(|page| page.counts.with("gone") > 0);
        if is_again || has_gone {
            if let Some(page) = self.page_book(main, number).await?.state() {
                for (item, progress) in page.inventory.items.iter().zip(&page.progress) {
                    let word = progress.outcome.as_ref().map(Outcome::word);
                    if is_again && word.is_some_and(|word| UNMOVED.contains(&word)) {
                        stayed.push(item.dependent.clone());
                    } else if word != Some("gone") {
                        known.insert(item.dependent.id.clone());
                    }
                }
            }
            return Ok(());
        }
        let stream = StreamId::page(&self.state(main)?.rid, number);
        // The inventory is the page's first line; what became of its dependents is of no interest here.
        let lines = self.ports.journal.read(&stream, 0, 1).await?;
        let mut replay = Replay::<PageFact>::new(stream);
        for recorded in replay.page(&lines) {
            if let PageFact::PageInventory(inventory) = recorded?.fact {
                known.extend(inventory.items.into_iter().map(|item| item.dependent.id));
            }
        }
        Ok(())
    }

    /// Names a page that was written but not named. `false`: there is none.
    async fn adopt_orphan(&self, main: &mut Book<State>, held: &Held, known: &mut HashSet<ResourceId>) -> Result<bool> {
        let number = next_page(self.state(main)?);
        let book = self.page_book(main, number).await?;
        let Some(state) = book.state() else {
            return Ok(false);
        };
        known.extend(state.inventory.items.iter().map(|item| item.dependent.id.clone()));
        let opened = opened(&state.inventory, first_hash(self, &book).await?);
        self.record(main, held, vec![Fact::PageOpened(opened)]).await?;
        Ok(true)
    }

    async fn write_pages(&self, main: &mut Book<State>, held: &Held, pass: u32, group: Group) -> Done {
        let (purpose, policy) = (self.state(main)?.purpose(), self.settings.policy.strategy);
        let spec = self.kind_spec(&group.kind);
        // What is enrolled is given a key in any case, be it this one.
        let is_given = |class| group.enrolled_from.is_some() || wants_successor(Some(class), purpose, policy);
        let moved = spec.as_ref().map(|spec| spec.steps(is_given(spec.class)));
        let (steps, scope) = moved.unwrap_or((Vec::new(), EvidenceScope::Unknown));
        let remedy = spec.and_then(|spec| spec.remedy);
        let size = self.settings.budgets.page_size.clamp(1, 1000);
        for items in group.items.chunks(size) {
            let number = next_page(self.state(main)?);
            let inventory = Inventory {
                page: number,
                pass,
                region: group.region.clone(),
                compartment: group.compartment.clone(),
                kind: group.kind.clone(),
                key: self.state(main)?.opened.name.key.clone(),
                steps: steps.clone(),
                remedy: remedy.clone(),
                scope,
                items: items.to_vec(),
                enrolled_from: group.enrolled_from.clone(),
            };
            let mut book = self.page_book(main, number).await?;
            book.append(self, Some(held.fence()), &[PageFact::PageInventory(Box::new(inventory.clone()))]).await?;
            let opened = opened(&inventory, book.head().hash.clone());
            self.record(main, held, vec![Fact::PageOpened(opened)]).await?;
        }
        Ok(())
    }

    pub(super) async fn page_book(&self, main: &Book<State>, number: u32) -> Result<Book<page::State>> {
        Book::open(self, StreamId::page(&self.state(main)?.rid, number)).await
    }
}

async fn first_hash(engine: &Engine, book: &Book<page::State>) -> Result<crate::model::LineHash> {
    let lines = engine.ports.journal.read(book.stream(), 0, 1).await?;
    let first = lines.into_iter().next();
    Ok(first.expect("a page with a state has a first line").hash)
}

fn next_page(state: &State) -> u32 {
    state.pages.keys().next_back().map_or(1, |last| last + 1)
}

fn opened(inventory: &Inventory, hash: crate::model::LineHash) -> PageOpened {
    PageOpened {
        page: inventory.page,
        pass: inventory.pass,
        region: inventory.region.clone(),
        compartment: inventory.compartment.clone(),
        kind: inventory.kind.clone(),
        is_enrolled: inventory.enrolled_from.is_some(),
        dependents: u32::try_from(inventory.items.len()).expect("a page holds at most 1,000"),
        hash,
    }
}
