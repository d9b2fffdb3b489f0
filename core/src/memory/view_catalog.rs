//! The `ResourceCatalog` port as a view over World: each kind by List, then everything by tag through Search.
//!
//! The cursor says where a pass is in words of its own (`list:<place>:<token>`, `search:<token>`), so another
//! process can go on from it.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::{Answer, Call, Caller, Listing, PageQuery, Refusal, Told};
use super::blocks::{self, BlockInfo, BlockState};
use super::buckets::BucketSummary;
use super::holders::{self, HolderInfo, HolderState};
use super::identity::Depth;
use super::search::ResourceSummary;
use super::translate::reply;
use super::view_backup_policies as assignments;
use super::world::World;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Compartment, CompartmentId, Coverage, CoverageState, Dependent, FoundBy, Kind, NamespaceName, PoliciesRead, Region,
    ResourceId, TagSelector, Tags, TypesFrom,
};
use crate::ports::{
    Candidate, CatalogPage, Copies, Cursor, KeyHint, Reply, ResourceCatalog, ScopedRegion, Scopes, SearchTypes,
    Selector,
};

struct CatalogView {
    world: Arc<World>,
    caller: Caller,
}

impl World {
    /// What this World holds, as the principal `keywheel` may find it.
    #[must_use]
    pub fn catalog(self: &Arc<Self>) -> Arc<dyn ResourceCatalog> {
        self.catalog_as(&Caller::keywheel())
    }

    /// What this World holds, as another principal may find it.
    #[must_use]
    pub fn catalog_as(self: &Arc<Self>, caller: &Caller) -> Arc<dyn ResourceCatalog> {
        Arc::new(CatalogView { world: Arc::clone(self), caller: caller.clone() })
    }
}

/// Where a pass over a region is.
enum Step {
    /// Listing the kind and compartment of this place, from a page token on.
    List { place: usize, page: Option<String> },
    /// Searching, from a page token on.
    Search { page: Option<String> },
}

impl Step {
    fn cursor(&self) -> Cursor {
        Cursor(match self {
            Self::List { place, page } => format!("list:{place}:{}", page.as_deref().unwrap_or("")),
            Self::Search { page } => format!("search:{}", page.as_deref().unwrap_or("")),
        })
    }

    fn parse(cursor: &Cursor) -> Result<Self> {
        let foreign = || Error::new(ErrorKind::Refused, "dependents", "the cursor is not one of this catalog's");
        let token = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        match cursor.0.split_once(':').ok_or_else(foreign)? {
            ("search", page) => Ok(Self::Search { page: token(page) }),
            ("list", rest) => {
                let (place, page) = rest.split_once(':').ok_or_else(foreign)?;
                Ok(Self::List { place: place.parse().map_err(|_| foreign())?, page: token(page) })
            }
            _ => Err(foreign()),
        }
    }
}

impl CatalogView {
    fn call(&self) -> Call {
        Call::by(&self.caller)
    }

    fn list_part(
        &self,
        selector: &Selector,
        region: &Region,
        place: usize,
        page: Option<&str>,
    ) -> Result<Reply<CatalogPage>> {
        let compartments = selector.compartments.len();
        let (kind, compartment) = (&selector.kinds[place / compartments], &selector.compartments[place % compartments]);
        let next = || following(selector, place + 1).map(|step| step.cursor());
        let verdict = |state| Coverage {
            region: region.clone(),
            compartment: Some(compartment.id.clone()),
            kind: Some(kind.clone()),
            state,
        };
        if *kind == Kind::BackupPolicyAssignment {
            return self.assignments_part(selector, region, place, page);
        }
        let query = PageQuery::at(page);
        let told = if *kind == Kind::Bucket {
            let namespace = self.world.namespace();
            let told = self.world.list_buckets(&self.call(), region, &namespace, &compartment.id, &query);
            candidates(told, |bucket| Some(listed(bucket, region, &namespace)))
        } else if blocks::family(kind).is_some() {
            let told = self.world.list_blocks(&self.call(), region, kind, &compartment.id, None, &query);
            candidates(told, listed_block)
        } else if holders::family(kind).is_some() {
            let told = self.world.list_holders(&self.call(), region, kind, &compartment.id, &query);
            candidates(told, listed_holder)
        } else {
            let coverage = vec![verdict(CoverageState::Unsupported)];
            return Ok(Reply::bare(CatalogPage { search: None, candidates: Vec::new(), coverage, next: next() }));
        };
        match told {
            Ok(answer) => Ok(reply("dependents", Ok(answer))?.map(|Listing { items, next: more }| CatalogPage {
                search: None,
                candidates: items,
                coverage: more.is_none().then(|| verdict(CoverageState::Listed)).into_iter().collect(),
                next: more.map(|page| Step::List { place, page: Some(page) }.cursor()).or_else(next),
            })),
            Err(refusal) => verdict_of(refusal, verdict, next()),
        }
    }

    /// Assignments are read only where a policy copies to another region; if none does, the kind is done at once.
    fn assignments_part(
        &self,
        selector: &Selector,
        region: &Region,
        place: usize,
        page: Option<&str>,
    ) -> Result<Reply<CatalogPage>> {
        let compartments = &selector.compartments;
        let (kind, at) = (selector.kinds[place / compartments.len()].clone(), place % compartments.len());
        let verdict = |at: usize, state| Coverage {
            region: region.clone(),
            compartment: Some(compartments[at].id.clone()),
            kind: Some(kind.clone()),
            state,
        };
        let bare = |page| Ok(Reply::bare(page));
        let page = match page {
            Some(page) => page.to_owned(),
            None => match self.may_copy(region, compartments) {
                Ok(true) => assignments::first_page(),
                Ok(false) => {
                    let rest = at..compartments.len();
                    let coverage = rest.map(|at| verdict(at, CoverageState::Listed)).collect();
                    let next = following(selector, place - at + compartments.len()).map(|step| step.cursor());
                    return bare(CatalogPage { search: None, candidates: Vec::new(), coverage, next });
                }
                Err(refusal) => {
                    return verdict_of(refusal, |state| verdict(at, state), self.after_assignments(selector, place));
                }
            },
        };
        match assignments::part(&self.world, &self.call(), region, &compartments[at].id, &page) {
            Ok((candidates, Some(more))) => {
                let next = Some(Step::List { place, page: Some(more) }.cursor());
                bare(CatalogPage { search: None, candidates, coverage: Vec::new(), next })
            }
            Ok((candidates, None)) => {
                let coverage = vec![verdict(at, CoverageState::Listed)];
                bare(CatalogPage { search: None, candidates, coverage, next: self.after_assignments(selector, place) })
            }
            Err(refusal) => verdict_of(refusal, |state| verdict(at, state), self.after_assignments(selector, place)),
        }
    }

    /// A policy may be of any compartment, in scope or not.
    fn may_copy(&self, region: &Region, in_scope: &[Compartment]) -> Result<bool, Refusal> {
        let (home, root) = (self.world.regions().swap_remove(0), self.world.tenancy_id());
        let mut all = in_scope.to_vec();
        let mut query = PageQuery::default();
        loop {
            match self.world.list_compartments(&self.call(), &home, &root, Depth::Subtree, &query) {
                Ok(answer) => {
                    let more = answer.value.items.into_iter().map(|info| info.compartment);
                    all.extend(more.filter(|one| !in_scope.iter().any(|known| known.id == one.id)));
                    query.page = answer.value.next;
                }
                Err(refusal) if matches!(refusal.status, 403 | 404) => query.page = None,
                Err(refusal) => return Err(refusal),
            }
            if query.page.is_none() {
                return assignments::may_copy(&self.world, &self.call(), region, &all);
            }
        }
    }

    /// The next compartment's assignments, which are read too, or whatever comes after the kind.
    fn after_assignments(&self, selector: &Selector, place: usize) -> Option<Cursor> {
        let is_last = (place + 1).is_multiple_of(selector.compartments.len());
        let next = (!is_last).then(|| Step::List { place: place + 1, page: Some(assignments::first_page()) });
        next.or_else(|| following(selector, place + 1)).map(|step| step.cursor())
    }

    /// Which of the kinds Search finds. Where it does not show its types, they are those that it always had.
    fn types(&self, selector: &Selector, region: &Region) -> Result<SearchTypes> {
        let names = match self.world.list_resource_types(&self.call(), region) {
            Ok(answer) => answer.value,
            Err(refusal) if matches!(refusal.status, 403 | 404 | 500..=599) => {
                return Ok(SearchTypes { from: TypesFrom::Documented, unlisted: Vec::new() });
            }
            Err(refusal) => return reply("dependents", Err(refusal)).map(|_: Reply<()>| unreachable!("a refusal")),
        };
        let is_listed = |kind: &Kind| names.iter().any(|one| search_word(kind).is_some_and(|word| word == one.name));
        let unlisted = selector.kinds.iter().filter(|kind| !is_listed(kind)).cloned().collect();
        Ok(SearchTypes { from: TypesFrom::Service, unlisted })
    }

    fn search_part(
        &self,
        selector: &Selector,
        tag: &TagSelector,
        region: &Region,
        page: Option<&str>,
    ) -> Result<Reply<CatalogPage>> {
        let verdict = |state| Coverage { region: region.clone(), compartment: None, kind: None, state };
        let query = query_for(tag)?;
        let types = self.types(selector, region)?;
        match self.world.search_resources(&self.call(), region, &query, &PageQuery::at(page)) {
            Ok(answer) => {
                let namespace = self.world.namespace();
                let reply = reply("dependents", Ok(answer))?;
                Ok(reply.map(|Listing { items, next: more }| {
                    let is_done = more.is_none();
                    let wanted = items.into_iter().filter(|found| is_wanted(found, selector, tag));
                    CatalogPage {
                        search: Some(types.clone()),
                        candidates: wanted.map(|found| searched(found, region, &namespace)).collect(),
                        coverage: is_done.then(|| verdict(CoverageState::Listed)).into_iter().collect(),
                        next: more.map(|page| Step::Search { page: Some(page) }.cursor()),
                    }
                }))
            }
            Err(refusal) => verdict_of(refusal, verdict, None),
        }
    }
}

#[async_trait]
impl ResourceCatalog for CatalogView {
    async fn scopes(&self) -> Result<Reply<Scopes>> {
        let (home, tenancy) = (self.world.regions().swap_remove(0), self.world.tenancy_id());
        let found = reply("scopes", self.world.list_region_subscriptions(&self.call(), &home, &tenancy))?;
        let regions = found.value.iter().map(|s| ScopedRegion { region: s.region.clone(), is_home: s.is_home });
        let regions: Vec<_> = regions.collect();
        let root = reply("scopes", self.world.get_compartment(&self.call(), &home, &tenancy))?;
        let mut compartments = vec![root.value.compartment.clone()];
        let mut page = PageQuery::default();
        loop {
            let told = self.world.list_compartments(&self.call(), &home, &tenancy, Depth::Subtree, &page);
            let part = reply("scopes", told)?.value;
            compartments.extend(part.items.into_iter().map(|info| info.compartment));
            match part.next {
                Some(next) => page.page = Some(next),
                None => return Ok(found.map(|_| Scopes { regions, compartments })),
            }
        }
    }

    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        let step = match &cursor {
            Some(cursor) => Some(Step::parse(cursor)?),
            None => following(selector, 0),
        };
        let places = selector.kinds.len() * selector.compartments.len();
        match (step, &selector.tag) {
            (Some(Step::List { place, page }), _) if place < places => {
                self.list_part(selector, region, place, page.as_deref())
            }
            (Some(Step::Search { page }), Some(tag)) => self.search_part(selector, tag, region, page.as_deref()),
            (None, _) => {
                Ok(Reply::bare(CatalogPage { search: None, candidates: Vec::new(), coverage: Vec::new(), next: None }))
            }
            _ => Err(Error::new(ErrorKind::Refused, "dependents", "the cursor belongs to another selector")),
        }
    }

    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        let mut read = PoliciesRead::default();
        for place in self.with_those_above(places)? {
            self.policies_of(&place, &mut read)?;
        }
        Ok(Reply::bare(Some(read)))
    }
}

impl CatalogView {
    /// The compartments above these, these included, and the root.
    fn with_those_above(&self, places: &[CompartmentId]) -> Result<Vec<CompartmentId>> {
        let home = self.world.regions().swap_remove(0);
        let mut all = vec![self.world.tenancy_id()];
        for place in places {
            let mut next = Some(place.clone());
            while let Some(id) = next.take().filter(|id| !all.contains(id)) {
                all.push(id.clone());
                next = match self.world.get_compartment(&self.call(), &home, &id) {
                    Ok(answer) => answer.value.parent,
                    // What is above a place that we may not see is not known; its own policies will be unread.
                    Err(refusal) if refusal.status == 404 => None,
                    Err(refusal) => return reply("policies", Err(refusal)).map(|_: Reply<()>| Vec::new()),
                };
            }
        }
        Ok(all)
    }

    fn policies_of(&self, place: &CompartmentId, read: &mut PoliciesRead) -> Result<()> {
        let home = self.world.regions().swap_remove(0);
        let mut page = PageQuery::default();
        loop {
            match self.world.list_policies(&self.call(), &home, place, None, &page) {
                Ok(answer) => {
                    read.policies.extend(answer.value.items.into_iter().map(|info| info.policy));
                    match answer.value.next {
                        Some(next) => page.page = Some(next),
                        None => return Ok(()),
                    }
                }
                Err(refusal) if refusal.status == 404 => {
                    read.unread.push(place.clone());
                    return Ok(());
                }
                Err(refusal) => return reply("policies", Err(refusal)).map(|_: Reply<()>| ()),
            }
        }
    }
}

/// The step at a place of the pass: every kind in every compartment, then Search if a tag is wanted.
fn following(selector: &Selector, place: usize) -> Option<Step> {
    if place < selector.kinds.len() * selector.compartments.len() {
        return Some(Step::List { place, page: None });
    }
    selector.tag.is_some().then_some(Step::Search { page: None })
}

/// Not allowed and not reachable are verdicts; throttling and silence are errors, to be asked again.
fn verdict_of(
    refusal: Refusal,
    verdict: impl Fn(CoverageState) -> Coverage,
    next: Option<Cursor>,
) -> Result<Reply<CatalogPage>> {
    let state = match refusal.status {
        403 | 404 => CoverageState::Denied,
        500..=599 => CoverageState::Unreachable,
        _ => return reply("dependents", Err(refusal)),
    };
    let page = CatalogPage { search: None, candidates: Vec::new(), coverage: vec![verdict(state)], next };
    Ok(Reply { value: page, etag: None, server_date: Some(refusal.date), request_id: Some(refusal.request_id) })
}

/// A listing of resources as one of candidates.
fn candidates<T>(told: Told<Listing<T>>, show: impl Fn(T) -> Option<Candidate>) -> Told<Listing<Candidate>> {
    told.map(|answer| {
        let Answer { value: Listing { items, next }, etag, request_id, date } = answer;
        let items = items.into_iter().filter_map(show).collect();
        Answer { value: Listing { items, next }, etag, request_id, date }
    })
}

/// A volume or backup; the listing names its key. What is terminated is still listed and needs nobody.
fn listed_block(info: BlockInfo) -> Option<Candidate> {
    let bare = info.replicas.iter().filter(|replica| replica.key.is_none());
    let under_oracles_key = bare.map(|replica| replica.id.to_string()).collect();
    let is_copy = |source: &ResourceId| blocks::is_backup(&info.kind) && blocks::is_backups(source);
    let copies = Copies { under_oracles_key, of: info.source.clone().filter(is_copy) };
    (info.state != BlockState::Terminated).then(|| Candidate {
        copies,
        dependent: Dependent {
            id: info.id,
            kind: info.kind,
            region: info.region,
            compartment: info.compartment,
            name: info.name,
            namespace: None,
            availability_domain: info.availability_domain,
            tags: info.tags,
        },
        found_by: FoundBy::List,
        key: info.key.map_or(KeyHint::OracleManaged, KeyHint::Key),
    })
}

/// A cluster or the like; its listing does not name the key.
fn listed_holder(info: HolderInfo) -> Option<Candidate> {
    (info.state != HolderState::Deleted).then_some(Candidate {
        copies: Copies::default(),
        dependent: Dependent {
            id: info.id,
            kind: info.kind,
            region: info.region,
            compartment: info.compartment,
            name: info.name,
            namespace: None,
            availability_domain: None,
            tags: info.tags,
        },
        found_by: FoundBy::List,
        key: KeyHint::Unknown,
    })
}

fn listed(bucket: BucketSummary, region: &Region, namespace: &NamespaceName) -> Candidate {
    Candidate {
        copies: Copies::default(),
        dependent: Dependent {
            id: bucket.id,
            kind: Kind::Bucket,
            region: region.clone(),
            compartment: bucket.compartment,
            name: bucket.name,
            namespace: Some(namespace.clone()),
            availability_domain: None,
            tags: bucket.tags,
        },
        found_by: FoundBy::List,
        key: KeyHint::Unknown,
    }
}

/// What Search calls a kind.
fn search_word(kind: &Kind) -> Option<&'static str> {
    let block = blocks::family(kind).map(|family| family.search_type);
    let bucket = || (*kind == Kind::Bucket).then_some("Bucket");
    block.or_else(|| holders::family(kind).map(|family| family.search_type)).or_else(bucket)
}

fn searched(found: ResourceSummary, region: &Region, namespace: &NamespaceName) -> Candidate {
    let is_of = |kind: &&Kind| search_word(kind).is_some_and(|word| found.resource_type.eq_ignore_ascii_case(word));
    let kind = match blocks::KINDS.iter().chain(&blocks::REPLICAS).chain(&holders::KINDS).find(is_of) {
        Some(kind) => kind.clone(),
        None if found.resource_type.eq_ignore_ascii_case("bucket") => Kind::Bucket,
        None => Kind::Other(found.resource_type.to_lowercase()),
    };
    Candidate {
        copies: Copies::default(),
        dependent: Dependent {
            id: ResourceId::parse(found.identifier).expect("World indexes OCIDs"),
            namespace: (kind == Kind::Bucket).then(|| namespace.clone()),
            kind,
            region: region.clone(),
            compartment: found.compartment,
            name: found.display_name,
            availability_domain: found.availability_domain,
            tags: found.tags,
        },
        found_by: FoundBy::Search,
        key: KeyHint::Unknown,
    }
}

/// Search compares without case and does not bind key to value: what it found is checked again.
fn is_wanted(found: &ResourceSummary, selector: &Selector, tag: &TagSelector) -> bool {
    let is_protectable = !["key", "vault"].iter().any(|other| found.resource_type.eq_ignore_ascii_case(other));
    let is_in_scope = selector.compartments.iter().any(|Compartment { id, .. }| *id == found.compartment);
    is_protectable && is_in_scope && carries(&found.tags, tag)
}

fn carries(tags: &Tags, tag: &TagSelector) -> bool {
    let found = match &tag.namespace {
        Some(namespace) => tags.defined.get(namespace).and_then(|keys| keys.get(&tag.key)),
        None => tags.freeform.get(&tag.key),
    };
    found == Some(&tag.value)
}

/// A query for a tag; a value that cannot stand in quotes is refused (oci-api §4).
fn query_for(tag: &TagSelector) -> Result<String> {
    if let Some((part, why)) = tag.unsearchable() {
        return Err(Error::refused("dependents", format!("the tag's {part} cannot be searched for: {why}; rename it")));
    }
    let TagSelector { namespace, key, value } = tag;
    Ok(match namespace {
        Some(namespace) => format!(
            "query all resources where definedTags.namespace = '{namespace}' && definedTags.key = '{key}' && definedTags.value = '{value}'"
        ),
        None => format!("query all resources where freeformTags.key = '{key}' && freeformTags.value = '{value}'"),
    })
}
