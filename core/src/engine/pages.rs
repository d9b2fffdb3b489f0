//! Re-keying: drives the pages of a rotation, several at once, and closes each in the main stream.
//!
//! What happens within one page is `page_driver`'s business; here are only the claim, the shares and the books.

use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::book::Book;
use super::claim::Held;
use super::page_answers::Target;
use super::page_driver::{Page, PageDriver, SILENT};
use super::progress::Progress;
use super::{Done, Engine};
use crate::model::Timestamp;
use crate::rotation::page::Goal;
use crate::rotation::{Fact, PageClosed, State};
use crate::{Error, Result};

/// Pages driven at once.
const PAGES_AT_ONCE: usize = 8;

impl Engine {
    /// Drives pages; returns when they are closed, time is up, or somebody paused.
    pub(super) async fn rekey_pages(
        &self,
        main: &mut Book<State>,
        held: &Held,
        pages: &[u32],
        deadline: Option<Timestamp>,
    ) -> Done {
        let state = self.state(main)?;
        let rid = state.rid.clone();
        let targets = pages.iter().map(|page| target(state, *page)).collect::<Result<Vec<_>>>()?;
        let mut settings = self.settings.clone();
        settings.budgets.in_flight = (settings.budgets.in_flight / pages.len().clamp(1, PAGES_AT_ONCE)).max(1);
        let mut waiting = pages.iter().copied().zip(&targets);
        let mut running = FuturesUnordered::new();
        // From here on the pages have the turn: it is somebody else's while all of them only wait.
        let mut left = None;
        // A place that does not answer ends its own pages for now; the others are seen through.
        let mut out_of_reach: Option<Error> = None;
        loop {
            while running.len() < PAGES_AT_ONCE {
                let Some((number, target)) = waiting.next() else { break };
                let page = Page { number, target, worker: held.turn().join() };
                let page = PageDriver::drive(self, held, &rid, page, &settings, deadline);
                running.push(page.map(move |result| (number, result)));
            }
            if running.is_empty() {
                drop(left);
                self.stand_in_line(held).await?;
                return out_of_reach.map_or(Ok(()), Err);
            }
            left.get_or_insert_with(|| held.turn().hand_over());
            let renew = self.ports.clock.sleep_until(held.renew_at(self.settings.margins.claim_ttl));
            let finished = match select(running.next(), renew).await {
                Either::Left((finished, _)) => finished,
                Either::Right(_) => {
                    self.keep(held).await?;
                    continue;
                }
            };
            let Some((number, result)) = finished else { continue };
            let (head, counts) = match result {
                Ok(Some(closed)) => closed,
                Ok(None) => continue,
                Err(error) if error.operation() == SILENT => {
                    out_of_reach = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.record(main, held, vec![Fact::PageClosed(PageClosed { page: number, head, counts })]).await?;
            let state = self.state(main)?;
            let (done, total) = (state.counts.total(), state.dependents());
            self.say(Progress::Dependents { rotation: rid.clone(), done, total });
        }
    }
}

/// What a page's dependents move to: what their leg has in use; for late ones of no leg, what is in use.
fn target(state: &State, page: u32) -> Result<Target> {
    let kind = state.pages.get(&page).map(|page| &page.opened.kind);
    let leg = kind.and_then(|kind| state.leg_of(kind)).map(|(_, leg)| leg).filter(|leg| leg.in_use.is_some());
    let leg = leg.or_else(|| state.legs.iter().rev().find(|leg| leg.in_use.is_some()));
    let in_use = leg.and_then(|leg| Some((leg, leg.in_use.as_ref()?, leg.target.as_ref()?)));
    let (leg, in_use, target) =
        in_use.ok_or_else(|| Error::bug("rekey_pages", "re-keying before the version is in use"))?;
    let goal = Goal {
        key: target.key.clone().unwrap_or_else(|| state.opened.name.key.clone()),
        version: in_use.version.clone(),
        is_only_version: leg.is_successor(),
    };
    Ok(Target { goal, in_use_since: in_use.seen_at })
}
