//! Walking the catalog: candidates in, dependents of one key out, in groups of one region, compartment, kind.
//!
//! Reads only. `plan` counts what comes out; a pass writes it down.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Engine;
use super::enroll::Enrolling;
use super::reconcile::{Looked, Sighting, folded};
use super::scopes::Known;
use super::silence::Silence;
use crate::model::{
    CompartmentId, Coverage, CoverageState, Dependent, EnrolledFrom, Finding, FindingKind, FoundBy, KeyId, Kind,
    LookedAt, Region, RememberedScopes, ResourceId,
};
use crate::ports::{Candidate, CatalogPage, Copies, Cursor, KeyHint, Presence, Selector};
use crate::rotation::page::Item;
use crate::{Error, ErrorKind, Result};

/// Dependents of one region, compartment and kind.
pub(super) struct Group {
    pub region: Region,
    pub compartment: CompartmentId,
    pub kind: Kind,
    /// They are under this, and enrolled.
    pub enrolled_from: Option<EnrolledFrom>,
    pub items: Vec<Item>,
}

/// Findings of one kind that are named; beyond them the place itself is one.
const NAMED_MAX: usize = 100;

/// Kinds that are looked at in every region: copies of what is under the key, and what names the key for copies.
const ACROSS: [Kind; 3] = [Kind::BackupPolicyAssignment, Kind::BlockVolumeBackup, Kind::BootVolumeBackup];

/// Copies that are remembered until what they are copies of was found.
const COPIES_MAX: usize = 10_000;

/// What a whole walk saw besides its groups.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub candidates: u64,
    pub found: u64,
    pub search_only: u64,
    pub listed: u64,
    pub holes: Vec<Coverage>,
    pub findings: Vec<Finding>,
    /// Regions and compartments are those of an earlier look.
    pub scopes: Option<RememberedScopes>,
}

/// A walk over regions, one catalog page at a time.
pub(super) struct Walk<'a> {
    pub(super) engine: &'a Engine,
    pub(super) selector: Selector,
    /// What is looked at where nothing can be under the key: copies, and by the tag.
    elsewhere: Selector,
    /// Where resources can be under the key; `None`: not known, so anywhere.
    pub(super) key_regions: Option<BTreeSet<Region>>,
    /// Keys that are managed here: what is under one of them is where it belongs.
    pub(super) managed: BTreeSet<KeyId>,
    /// Keys of the key's own lineage: what hangs on one is moved by a rotation of its own.
    pub(super) kin: BTreeSet<KeyId>,
    pub(super) enrolling: Option<Enrolling>,
    /// What was enrolled, and from where.
    enrolled: HashMap<ResourceId, EnrolledFrom>,
    looked: Looked,
    regions: VecDeque<Region>,
    cursor: Option<Cursor>,
    /// What is still to be asked for in the region, where a service was given up.
    narrowed: Option<Selector>,
    silence: Silence,
    inherited: Vec<Dependent>,
    /// What is under Oracle's key and a copy of something that may be under ours: copy and source.
    copies: Vec<(Candidate, ResourceId)>,
    /// Places whose kind was listed to the end.
    listed: HashSet<Place>,
    pub seen: Seen,
}

type Place = (Region, CompartmentId, Kind);

impl<'a> Walk<'a> {
    /// A walk over everything in scope. `key_regions`: where resources can be under the key, if that is known.
    pub(super) async fn new(engine: &'a Engine, key: &KeyId, key_regions: Option<BTreeSet<Region>>) -> Result<Self> {
        let Known { scopes, remembered } = Box::pin(engine.scopes()).await?;
        let scope = &engine.settings.scope;
        let compartments = engine.in_scope(scopes.compartments);
        let regions: VecDeque<Region> = scopes
            .regions
            .into_iter()
            .map(|region| region.region)
            .filter(|region| scope.regions.is_empty() || scope.regions.contains(region))
            .collect();
        let all = engine.ports.rekeyer.kinds();
        let (kinds, left_out): (Vec<Kind>, Vec<Kind>) = all.into_iter().partition(|kind| scope.wants(kind));
        let may_hold = |region: &&Region| key_regions.as_ref().is_none_or(|regions| regions.contains(region));
        let hole = |region: &Region, kind: &Kind| Coverage {
            region: region.clone(),
            compartment: None,
            kind: Some(kind.clone()),
            state: CoverageState::LeftOut,
        };
        let here = regions.iter().filter(may_hold);
        let holes: Vec<Coverage> =
            here.flat_map(|region| left_out.iter().map(move |kind| hole(region, kind))).collect();
        let mut looked = Looked::default();
        for hole in &holes {
            looked.count(hole, u32::try_from(compartments.len()).unwrap_or(u32::MAX));
        }
        let across = kinds.iter().filter(|kind| ACROSS.contains(kind)).cloned().collect();
        let selector = Selector { key: key.clone(), kinds, compartments, tag: engine.settings.tag.clone() };
        let elsewhere = Selector { kinds: across, ..selector.clone() };
        let managed = engine.managed().await?;
        let kin = engine.kin_of(key).await?;
        Ok(Self {
            engine,
            selector,
            elsewhere,
            key_regions,
            managed,
            kin,
            enrolling: None,
            enrolled: HashMap::new(),
            looked,
            regions,
            cursor: None,
            narrowed: None,
            silence: Silence::default(),
            inherited: Vec::new(),
            copies: Vec::new(),
            listed: HashSet::new(),
            seen: Seen { holes, scopes: remembered, ..Seen::default() },
        })
    }

    /// Looks at these too, at the end: what an overtaken rotation left unfinished and the catalog may not show.
    pub(super) fn inherit(&mut self, dependents: Vec<Dependent>) {
        self.inherited = dependents;
    }

    /// The next groups; `None` at the end. Resources in `known` are passed over without being read.
    pub(super) async fn next(&mut self, known: &HashSet<ResourceId>) -> Result<Option<Vec<Group>>> {
        let Some(region) = self.regions.front().cloned() else {
            self.compare_copies(known);
            if self.inherited.is_empty() {
                return Ok(None);
            }
            let left = std::mem::take(&mut self.inherited).into_iter().map(|dependent| Candidate {
                dependent,
                found_by: FoundBy::Journal,
                key: KeyHint::Unknown,
                copies: Copies::default(),
            });
            let left: Vec<Candidate> = left.filter(|candidate| !known.contains(&candidate.dependent.id)).collect();
            let mine = self.under_the_key(left).await?;
            return Ok(Some(self.group(mine)));
        };
        let may_hold = self.key_regions.as_ref().is_none_or(|regions| regions.contains(&region));
        let whole = if may_hold { &self.selector } else { &self.elsewhere };
        let selector = self.narrowed.as_ref().unwrap_or(whole);
        let reply = self.engine.ports.catalog.dependents(selector, &region, self.cursor.take()).await?;
        let CatalogPage { candidates, coverage, search, mut next } = reply.value;
        if let Some(types) = search {
            self.looked.searched_by(&region, &types);
        }
        self.silence.hear(&coverage, self.engine.settings.budgets.unreachable_after);
        let spared = self.silence_after(&region, coverage, selector.clone());
        let is_over = spared.as_ref().is_some_and(|left| left.kinds.is_empty() && left.tag.is_none());
        if spared.is_some() {
            next = None;
        }
        self.seen.candidates += candidates.len() as u64;
        let tag = self.selector.tag.as_ref();
        let sightings: Vec<Sighting> = candidates.iter().map(|candidate| Sighting::of(candidate, tag)).collect();
        let fresh: Vec<Candidate> =
            candidates.into_iter().filter(|candidate| !known.contains(&candidate.dependent.id)).collect();
        let mine = self.under_the_key(fresh).await?;
        let ids: HashSet<&ResourceId> = mine.iter().map(|candidate| &candidate.dependent.id).collect();
        for sighting in sightings.into_iter().filter(|one| known.contains(&one.id) || ids.contains(&one.id)) {
            self.looked.sight(sighting);
        }
        self.cursor = next;
        if let Some(left) = spared.filter(|_| !is_over) {
            self.narrowed = Some(left);
        } else if self.cursor.is_none() {
            self.narrowed = None;
            self.silence = Silence::default();
            self.looked.leave(&region);
            self.regions.pop_front();
        }
        Ok(Some(self.group(mine)))
    }

    /// What was looked at, by region and kind.
    pub(super) fn looked_at(&self) -> Vec<LookedAt> {
        self.looked.rows()
    }

    /// Where resources can be under the key; empty: not known.
    pub(super) fn key_regions(&self) -> Vec<Region> {
        self.key_regions.iter().flatten().cloned().collect()
    }

    /// What could not be looked at.
    pub(super) fn holes(&self) -> Vec<Coverage> {
        folded(&self.seen.holes, self.selector.compartments.len())
    }

    /// Accounts for what an answer said, and for places that nobody is asked for any more because of it. What is left to
    /// be asked for then is asked for from the start.
    fn silence_after(&mut self, region: &Region, coverage: Vec<Coverage>, selector: Selector) -> Option<Selector> {
        self.account(coverage);
        let (kinds, unasked) = self.silence.spared(&selector)?;
        tracing::warn!(%region, places = unasked.len(), "a service does not answer; what is left of its places is not asked for in this pass");
        let hole = |(compartment, kind)| Coverage {
            region: region.clone(),
            compartment: Some(compartment),
            kind: Some(kind),
            state: CoverageState::Unreachable,
        };
        self.account(unasked.into_iter().map(hole).collect());
        Some(Selector { kinds, ..selector })
    }

    fn account(&mut self, coverage: Vec<Coverage>) {
        for part in coverage {
            if !self.silence.is_first(&part) {
                continue;
            }
            self.looked.count(&part, 1);
            match part.state {
                CoverageState::Listed => {
                    self.seen.listed += 1;
                    if let (Some(compartment), Some(kind)) = (part.compartment, part.kind) {
                        self.listed.insert((part.region, compartment, kind));
                    }
                }
                _ => self.seen.holes.push(part),
            }
        }
    }

    /// Keeps those that the owning service says are under the key. A tag never decides that.
    async fn under_the_key(&mut self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let mut mine = Vec::new();
        let mut waiting: VecDeque<Candidate> = VecDeque::new();
        for candidate in candidates {
            match &candidate.key {
                KeyHint::Unknown => waiting.push_back(candidate),
                KeyHint::Key(key) => {
                    let key = Some(key.clone());
                    self.judge(candidate, key.as_ref(), &[], &mut mine);
                }
                KeyHint::OracleManaged => self.judge(candidate, None, &[], &mut mine),
            }
        }
        let rekeyer = &self.engine.ports.rekeyer;
        let mut reading = FuturesUnordered::new();
        let (mut unanswered, mut silence) = (Vec::new(), None);
        loop {
            while reading.len() < self.engine.settings.budgets.in_flight {
                let Some(candidate) = waiting.pop_front() else { break };
                if self.silence.is_given_up(&candidate.dependent.kind) {
                    unanswered.push(candidate);
                    continue;
                }
                reading.push(async move {
                    let answer = rekeyer.observe(&candidate.dependent).await;
                    (candidate, answer)
                });
            }
            let Some((candidate, answer)) = reading.next().await else {
                break;
            };
            let is_silent = answer.as_ref().is_err_and(Error::is_out_of_reach);
            let most = self.engine.settings.budgets.unreachable_after;
            self.silence.heard(candidate.dependent.kind.service(), is_silent, most);
            match answer {
                Ok(reply) => match reply.value.presence {
                    Presence::Terminated => {
                        if candidate.found_by == FoundBy::Journal {
                            self.note(
                                FindingKind::Inherited,
                                &candidate,
                                "it was left unfinished before; it is terminated",
                            );
                        }
                    }
                    Presence::NotVisible if self.is_a_ghost(&candidate) => {
                        if candidate.found_by == FoundBy::Journal {
                            let text =
                                "it was left unfinished before; reading it says 404, and no list in scope shows it";
                            self.note(FindingKind::Inherited, &candidate, text);
                        }
                    }
                    Presence::NotVisible => self.unreadable(&candidate, "it was listed, but reading it says 404"),
                    Presence::Busy | Presence::Ready => {
                        self.judge(candidate, reply.value.key.as_ref(), &reply.value.held, &mut mine);
                    }
                },
                Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound) => {
                    self.unreadable(&candidate, error.message());
                }
                Err(error) if is_silent => {
                    unanswered.push(candidate);
                    silence = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        self.unanswered(&unanswered, silence)?;
        Ok(mine)
    }

    /// What was listed and could not be read, because its service stopped answering in between: a hole of its place. A
    /// single refusal is no outage: the pass is tried again.
    fn unanswered(&mut self, candidates: &[Candidate], silence: Option<Error>) -> Result<()> {
        if let Some(error) = silence
            && !candidates.iter().all(|candidate| self.silence.is_given_up(&candidate.dependent.kind))
        {
            return Err(error);
        }
        for candidate in candidates {
            let (region, compartment, kind) = place(&candidate.dependent);
            let (compartment, kind) = (Some(compartment), Some(kind));
            let hole = Coverage { region, compartment, kind, state: CoverageState::Unreachable };
            if !self.seen.holes.contains(&hole) {
                self.seen.holes.push(hole);
            }
        }
        Ok(())
    }

    fn judge(&mut self, candidate: Candidate, key: Option<&KeyId>, held: &[KeyId], mine: &mut Vec<Candidate>) {
        let tagged = self.selector.tag.as_ref().is_some_and(|tag| tag.is_on(&candidate.dependent.tags));
        if key == Some(&self.selector.key) || held.contains(&self.selector.key) {
            if self.selector.tag.is_some() && !tagged {
                self.note(FindingKind::Untagged, &candidate, "it is under the key but does not carry the tag");
            }
            for copy in &candidate.copies.under_oracles_key {
                let text = format!(
                    "its replica {copy} in another region has no key of its own, so it is under Oracle's: name one (xrrKmsKeyId) in the volume's list of replicas"
                );
                self.note(FindingKind::CopyUnderOraclesKey, &candidate, &text);
            }
            mine.push(candidate);
            return;
        }
        if let (None, Some(source)) = (key, candidate.copies.of.clone())
            && self.copies.len() < COPIES_MAX
        {
            self.copies.push((candidate.clone(), source));
        }
        let whose = || key.map_or_else(|| "Oracle's own key".to_owned(), ToString::to_string);
        if candidate.found_by == FoundBy::Journal {
            let text = format!("it was left unfinished before; it is under {} now", whose());
            self.note(FindingKind::Inherited, &candidate, &text);
        } else if tagged && self.is_enrolled(&candidate, key) {
            let text =
                format!("it carries the tag and was under {}; scope.enroll moves it to this key's material", whose());
            // A hundred are named, and every one is moved.
            self.note(FindingKind::Enrolled, &candidate, &text);
            self.enrolled.insert(candidate.dependent.id.clone(), EnrolledFrom::of(key));
            mine.push(candidate);
        } else if tagged && key.is_none_or(|key| !self.managed.contains(key)) {
            self.note(
                FindingKind::TaggedElsewhere,
                &candidate,
                &format!("it carries the tag but is under {}", whose()),
            );
        }
    }

    /// Once every region was looked at: which copies under Oracle's key are of something that is under ours.
    fn compare_copies(&mut self, known: &HashSet<ResourceId>) {
        for (copy, source) in std::mem::take(&mut self.copies) {
            if known.contains(&source) {
                let text = match copy.dependent.kind {
                    Kind::BackupPolicyAssignment => format!(
                        "the copies that its policy makes of {source}, which is under the key, will be under Oracle's own key in the other region: assign the policy again with a key of that region (xrcKmsKeyId)"
                    ),
                    _ => format!(
                        "it is a copy of {source}, which is under the key, and is under Oracle's own key itself"
                    ),
                };
                self.note(FindingKind::CopyUnderOraclesKey, &copy, &text);
            }
        }
    }

    /// Search, and a journal, still show what was deleted or moved a while ago. Where its compartment was listed to
    /// the end without it, a 404 means that it is not there; what List shows and reading does not is something else.
    /// What the journal names may have moved to a place that could not be listed.
    fn is_a_ghost(&self, candidate: &Candidate) -> bool {
        let Dependent { region, kind, .. } = &candidate.dependent;
        let is_hidden = |hole: &Coverage| hole.region == *region && hole.kind.as_ref().is_none_or(|one| one == kind);
        match candidate.found_by {
            FoundBy::List => false,
            FoundBy::Search => self.listed.contains(&place(&candidate.dependent)),
            FoundBy::Journal => {
                self.listed.contains(&place(&candidate.dependent)) && !self.seen.holes.iter().any(is_hidden)
            }
        }
    }

    fn unreadable(&mut self, candidate: &Candidate, why: &str) {
        let text = format!("its key could not be read: {why}");
        if self.note(FindingKind::CoverageHole, candidate, &text) == Noted::TooMany {
            let (region, compartment, kind) = place(&candidate.dependent);
            let (compartment, kind) = (Some(compartment), Some(kind));
            let hole = Coverage { region, compartment, kind, state: CoverageState::Denied };
            if !self.seen.holes.contains(&hole) {
                self.seen.holes.push(hole);
            }
        }
    }

    fn note(&mut self, kind: FindingKind, candidate: &Candidate, text: &str) -> Noted {
        let finding = Finding { kind, subject: candidate.dependent.id.to_string(), text: text.to_owned() };
        // Search and List show the same resource; one finding is enough, and a thousand are too many. Each kind has
        // its own limit: what could not be read must not be crowded out by what has no tag.
        if self.seen.findings.contains(&finding) {
            return Noted::Named;
        }
        if self.seen.findings.iter().filter(|named| named.kind == kind).count() >= NAMED_MAX {
            return Noted::TooMany;
        }
        self.seen.findings.push(finding);
        Noted::Named
    }

    fn group(&mut self, candidates: Vec<Candidate>) -> Vec<Group> {
        let mut groups: BTreeMap<(Place, Option<EnrolledFrom>), Vec<Item>> = BTreeMap::new();
        for candidate in candidates {
            let Candidate { dependent, found_by, .. } = candidate;
            self.seen.found += 1;
            self.seen.search_only += u64::from(found_by == FoundBy::Search);
            let from = self.enrolled.get(&dependent.id).cloned();
            let items = groups.entry((place(&dependent), from)).or_default();
            if !items.iter().any(|item| item.dependent.id == dependent.id) {
                items.push(Item { dependent, found_by });
            }
        }
        groups
            .into_iter()
            .map(|(((region, compartment, kind), enrolled_from), items)| Group {
                region,
                compartment,
                kind,
                enrolled_from,
                items,
            })
            .collect()
    }
}

/// Whether a finding could still be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Named,
    TooMany,
}

fn place(dependent: &Dependent) -> Place {
    (dependent.region.clone(), dependent.compartment.clone(), dependent.kind.clone())
}
