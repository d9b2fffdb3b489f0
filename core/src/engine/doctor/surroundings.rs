//! Looking around for `doctor`: endpoints and calls through the examiner, policies through the catalog, and what the journal
//! shows of calls that nobody may try. Reads only.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::{Engine, corrupt};
use crate::Result;
use crate::journal::{Facts, PAGE_LINES, Recorded, Replay};
use crate::model::{CompartmentId, PoliciesRead, RotationId, Section, StreamId};
use crate::rotation::Fact;
use crate::rotation::doctor::{PageSteps, RightsAsked, Shown, connectivity, permissions, rights};
use crate::rotation::meta::MetaFact;
use crate::rotation::page::PageFact;

/// Rotations whose facts are looked at, the newest first.
const ROTATIONS_MAX: usize = 8;
/// Pages of each.
const PAGES_MAX: usize = 64;
/// Lines of each of their streams.
const LINES_MAX: usize = 4 * PAGE_LINES;
/// What is older than a cryptoperiod and this says nothing of today's rights.
const GRACE: Duration = Duration::from_secs(30 * 86_400);

impl Engine {
    /// Connectivity, permissions and over-broad rights, where somebody can be asked.
    pub(super) async fn surroundings(&self, subject: Option<&str>) -> Result<Vec<Section>> {
        let Some(examiner) = self.ports.examiner.clone() else { return Ok(Vec::new()) };
        self.examine("what the journal shows of rights", None);
        let shown = self.shown().await?;
        self.examine("endpoints", None);
        let endpoints = examiner.endpoints().await;
        self.examine("permissions", None);
        let calls = examiner.calls(subject.map(str::to_owned)).await;
        self.examine("policies", None);
        // Where the config needs it, the call was tried already: a refusal more rings no alarm.
        let is_wanted = subject.is_some() || calls.iter().any(|call| call.operation == "list_policies");
        let read = self.policies_for_doctor(is_wanted).await;
        let asked = subject.map_or(RightsAsked::OfAnybody, RightsAsked::Of);
        let since = self.ports.clock.now() - self.settings.policy.cryptoperiod - GRACE;
        Ok(vec![
            connectivity(&endpoints, &shown, &self.settings.margins),
            permissions(&calls, &shown, since),
            rights(read.as_ref().map_err(Clone::clone), asked),
        ])
    }

    /// Policies, unless reading them would be a refusal that nobody asked for: then why not.
    async fn policies_for_doctor(&self, is_wanted: bool) -> Result<PoliciesRead, String> {
        if !is_wanted {
            return Err("this config needs no POLICY_READ, so policies were not read; --subject reads them".to_owned());
        }
        let scope = &self.settings.scope;
        let named = [&scope.key_compartments, &scope.compartments, &scope.compartment_trees];
        let places: BTreeSet<CompartmentId> = named.into_iter().flatten().cloned().collect();
        let places: Vec<_> = places.into_iter().collect();
        match self.learn(self.ports.catalog.policies(&places)).await {
            Ok(reply) => reply.value.ok_or_else(|| "this catalog reads no IAM policies".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the newest rotations and the sinks show of calls that change something.
    async fn shown(&self) -> Result<Shown> {
        let mut shown = Shown::default();
        self.each(&StreamId::meta(), usize::MAX, |recorded: Recorded<MetaFact>| {
            if let MetaFact::SinkAdvanced { sink, .. } = &recorded.fact {
                shown.sink(recorded.entry.at, sink);
            }
        })
        .await?;
        let registry = self.registry().await?;
        let newest: Vec<RotationId> = registry
            .state()
            .map(|registry| registry.order.iter().rev().take(ROTATIONS_MAX).cloned().collect())
            .unwrap_or_default();
        for rid in newest {
            let mut pages = Vec::new();
            self.each(&StreamId::rotation(&rid), LINES_MAX, |recorded: Recorded<Fact>| {
                if let Fact::PageOpened(opened) = &recorded.fact {
                    pages.push(opened.page);
                }
                shown.fact(recorded.entry.at, &recorded.fact);
            })
            .await?;
            for page in pages.into_iter().take(PAGES_MAX) {
                let mut steps = PageSteps::default();
                self.each(&StreamId::page(&rid, page), LINES_MAX, |recorded: Recorded<PageFact>| {
                    shown.page_fact(recorded.entry.at, &recorded.fact, &mut steps);
                })
                .await?;
            }
        }
        Ok(shown)
    }

    /// Reads a stream from its first line, as far as a look goes.
    async fn each<F: Facts>(
        &self,
        stream: &StreamId,
        lines_max: usize,
        mut look: impl FnMut(Recorded<F>),
    ) -> Result<()> {
        let mut replay = Replay::<F>::new(stream.clone());
        for _ in 0..lines_max / PAGE_LINES {
            let lines = self.ports.journal.read(stream, replay.head().next_seq, PAGE_LINES).await?;
            for line in &lines {
                if let Some(recorded) = replay.line(line).map_err(|error| corrupt(stream, line.seq, &error))? {
                    look(recorded);
                }
            }
            if lines.len() < PAGE_LINES {
                break;
            }
        }
        Ok(())
    }
}
