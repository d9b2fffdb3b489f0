//! The `ResourceCatalog` port: each kind by List, compartment by compartment, then everything by tag through Search.
//!
//! The bucket listing names neither OCID nor key, so each bucket is read, unless it is known again (`seen_buckets`); that also tells its key. A
//! cursor holds everything needed to go on in another process.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::Call;
use super::client::Client;
use super::locate::is_hidden;
use super::operation::Operation;
use super::search_types::{self, Types};
use super::seen_buckets::Again;
use super::{backup_policies, blocks, holders, policies, search, wire};
use crate::error::{Error, Result};
use crate::model::{
    Compartment, CompartmentId, Coverage, CoverageState, Dependent, FoundBy, KeyId, Kind, NamespaceName, PoliciesRead,
    Region, ResourceId, TagSelector,
};
use crate::ports::{
    Candidate, CatalogPage, Copies, Cursor, KeyHint, Reply, ResourceCatalog, ScopedRegion, Scopes, Selector,
};

const OPERATION: &str = "dependents";
/// Buckets of one page: each is read by itself, so a page stays a matter of seconds.
const BUCKETS_PER_PAGE: u32 = 100;
const READS_AT_ONCE: usize = 8;

/// Finds candidates with OCI's list calls and Resource Search.
pub struct Catalog {
    client: Arc<Client>,
    types: search_types::Known,
}

/// Where a pass stands. Places are named, not counted: a selector may have been put together anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub(super) enum Step {
    List {
        kind: Kind,
        compartment: CompartmentId,
        page: Option<String>,
        /// Whether an earlier page held something that we may not read.
        hidden: bool,
    },
    Search {
        page: Option<String>,
    },
}

impl Step {
    pub(super) fn cursor(&self) -> Cursor {
        let text = serde_json::to_vec(self).expect("a step of names and text makes JSON");
        Cursor(BASE64URL_NOPAD.encode(&text))
    }

    pub(super) fn parse(cursor: &Cursor) -> Result<Self> {
        BASE64URL_NOPAD
            .decode(cursor.0.as_bytes())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .ok_or_else(|| Error::refused(OPERATION, "this cursor was not made by this catalog; start the pass anew"))
    }

    /// The first step, and the one after a kind and compartment are done.
    pub(super) fn after(selector: &Selector, done: Option<(&Kind, &CompartmentId)>) -> Option<Self> {
        let places: Vec<_> = selector
            .kinds
            .iter()
            .flat_map(|kind| selector.compartments.iter().map(move |one| (kind, &one.id)))
            .collect();
        let from = match done {
            None => 0,
            Some(done) => places.iter().position(|place| *place == done).map_or(places.len(), |at| at + 1),
        };
        // A place named twice is looked at once, or the pass would go back to it for ever.
        let next = (from..places.len()).find(|at| !places[..*at].contains(&places[*at]));
        let list = next.map(|at| places[at]).map(|(kind, compartment)| Self::List {
            kind: kind.clone(),
            compartment: compartment.clone(),
            page: None,
            hidden: false,
        });
        list.or_else(|| selector.tag.is_some().then_some(Self::Search { page: None }))
    }
}

/// The buckets of one page of a listing.
struct Buckets {
    answer: Answer,
    /// Each, and whether its key was read.
    found: Vec<(wire::Bucket, bool)>,
    /// Some bucket is listed and may not be read.
    hidden: bool,
}

impl Catalog {
    /// What a client may see.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, types: search_types::Known::default() }
    }

    async fn list(
        &self,
        pass: &Pass<'_>,
        kind: Kind,
        compartment: CompartmentId,
        page: Option<String>,
        hidden: bool,
    ) -> Result<Reply<CatalogPage>> {
        let next = Step::after(pass.selector, Some((&kind, &compartment))).map(|step| step.cursor());
        if let Some(calls) = blocks::calls(&kind) {
            return self.list_blocks(pass, kind, calls, compartment, page).await;
        }
        if let Some(calls) = holders::calls(&kind) {
            return self.list_holders(pass, kind, calls, compartment, page).await;
        }
        if kind == Kind::BackupPolicyAssignment {
            return self.list_assignments(pass, compartment, page, hidden).await;
        }
        if kind != Kind::Bucket {
            let coverage = vec![pass.coverage(Some((&kind, &compartment)), CoverageState::Unsupported)];
            return Ok(Reply::bare(CatalogPage { search: None, candidates: Vec::new(), coverage, next }));
        }
        let buckets = match self.buckets(pass, &compartment, page.as_deref()).await {
            Ok(buckets) => buckets,
            Err(error) => return pass.verdict(error, Some((&kind, &compartment)), next),
        };
        let namespace = self.client.namespace(pass.region).await?;
        let hidden = hidden || buckets.hidden;
        let more = buckets.answer.witnesses.next_page.clone();
        let coverage = match &more {
            Some(_) => Vec::new(),
            None => {
                let state = if hidden { CoverageState::Denied } else { CoverageState::Listed };
                vec![pass.coverage(Some((&kind, &compartment)), state)]
            }
        };
        let more = more.map(|page| Step::List { kind, compartment, page: Some(page), hidden }.cursor());
        let candidates: Result<Vec<_>> = buckets
            .found
            .into_iter()
            .map(|(bucket, is_read)| {
                let candidate = listed(bucket, pass.region, &namespace);
                let candidate = candidate.map_err(|why| buckets.answer.unreadable(&why))?;
                let key = if is_read { candidate.key.clone() } else { KeyHint::Unknown };
                Ok(Candidate { key, ..candidate })
            })
            .collect();
        let page = CatalogPage { search: None, candidates: candidates?, coverage, next: more.or(next) };
        Ok(buckets.answer.reply(page))
    }

    /// A page of volumes or backups: the listing names the key, so nothing is read one by one.
    async fn list_blocks(
        &self,
        pass: &Pass<'_>,
        kind: Kind,
        calls: &blocks::Calls,
        compartment: CompartmentId,
        page: Option<String>,
    ) -> Result<Reply<CatalogPage>> {
        let place = Some((&kind, &compartment));
        let next = Step::after(pass.selector, place).map(|step| step.cursor());
        let (answer, found) = match blocks::page(&self.client, calls, pass.region, &compartment, page.as_deref()).await
        {
            Ok(found) => found,
            Err(error) => return pass.verdict(error, place, next),
        };
        let more = answer.witnesses.next_page.clone();
        let coverage = match &more {
            Some(_) => Vec::new(),
            None => vec![pass.coverage(place, CoverageState::Listed)],
        };
        let wanted = found.into_iter().filter(|block| !block.is_terminated());
        let candidates: Result<Vec<_>> = wanted
            .map(|block| blocks::candidate(block, &kind, pass.region).map_err(|why| answer.unreadable(&why)))
            .collect();
        let more =
            more.map(|page| Step::List { kind: kind.clone(), compartment, page: Some(page), hidden: false }.cursor());
        Ok(answer.reply(CatalogPage { search: None, candidates: candidates?, coverage, next: more.or(next) }))
    }

    /// A page of clusters and the like: most listings name no key, so whoever looks for one reads each.
    async fn list_holders(
        &self,
        pass: &Pass<'_>,
        kind: Kind,
        calls: &holders::Calls,
        compartment: CompartmentId,
        page: Option<String>,
    ) -> Result<Reply<CatalogPage>> {
        let place = Some((&kind, &compartment));
        let next = Step::after(pass.selector, place).map(|step| step.cursor());
        let part = holders::page(&self.client, calls, &kind, pass.region, &compartment, page.as_deref()).await;
        let (answer, candidates) = match part {
            Ok(part) => part,
            Err(error) => return pass.verdict(error, place, next),
        };
        let more = answer.witnesses.next_page.clone();
        let coverage = match &more {
            Some(_) => Vec::new(),
            None => vec![pass.coverage(place, CoverageState::Listed)],
        };
        let more =
            more.map(|page| Step::List { kind: kind.clone(), compartment, page: Some(page), hidden: false }.cursor());
        Ok(answer.reply(CatalogPage { search: None, candidates, coverage, next: more.or(next) }))
    }

    /// A page of what backup policies are assigned to. If no policy in sight copies to another region, no assignment
    /// names a key, and the kind is done in every compartment.
    async fn list_assignments(
        &self,
        pass: &Pass<'_>,
        compartment: CompartmentId,
        page: Option<String>,
        hidden: bool,
    ) -> Result<Reply<CatalogPage>> {
        let kind = Kind::BackupPolicyAssignment;
        let place = Some((&kind, &compartment));
        let step = |compartment: &CompartmentId, page, hidden| {
            let (kind, compartment) = (Kind::BackupPolicyAssignment, compartment.clone());
            Step::List { kind, compartment, page: Some(page), hidden }.cursor()
        };
        // Once they are read, they are read in every compartment.
        let next = match Step::after(pass.selector, place) {
            Some(Step::List { kind: Kind::BackupPolicyAssignment, compartment, .. }) => {
                Some(step(&compartment, backup_policies::first_page(), false))
            }
            other => other.map(|step| step.cursor()),
        };
        let page = match page {
            Some(page) => page,
            None => match self.may_copy(pass).await {
                Ok(true) => backup_policies::first_page(),
                Ok(false) => return Ok(Reply::bare(pass.rest_of(&kind, compartment, &CoverageState::Listed))),
                // What does not answer may be identity, far from here: it says nothing of this region's other kinds.
                Err(error) if error.is_out_of_reach() => {
                    tracing::warn!(region = %pass.region, %error, "whether a backup policy copies could not be read");
                    return Ok(Reply::bare(pass.rest_of(&kind, compartment, &CoverageState::Unreachable)));
                }
                Err(error) => return pass.verdict(error, place, next),
            },
        };
        let part = match backup_policies::page(&self.client, pass.region, &compartment, &page).await {
            Ok(part) => part,
            Err(error) => return pass.verdict(error, place, next),
        };
        let hidden = hidden || part.hidden;
        let state = if hidden { CoverageState::Denied } else { CoverageState::Listed };
        let coverage = if part.next.is_some() { Vec::new() } else { vec![pass.coverage(place, state)] };
        let next = part.next.map(|page| step(&compartment, page, hidden)).or(next);
        Ok(part.answer.reply(CatalogPage { search: None, candidates: part.candidates, coverage, next }))
    }

    /// A policy may be of any compartment, in scope or not.
    async fn may_copy(&self, pass: &Pass<'_>) -> Result<bool> {
        let all = match self.scopes().await {
            Ok(scopes) => scopes.value.compartments,
            Err(error) if is_hidden(&error) => pass.selector.compartments.clone(),
            Err(error) => return Err(error),
        };
        backup_policies::may_copy(&self.client, pass.region, &all).await
    }

    /// Lists a page and reads each bucket in it that is not known again.
    async fn buckets(&self, pass: &Pass<'_>, compartment: &CompartmentId, page: Option<&str>) -> Result<Buckets> {
        let region = pass.region;
        let (answer, summaries) = self.bucket_page(region, compartment, page).await?;
        let reads = summaries.into_iter().map(|summary| self.bucket(pass, summary));
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
        let mut found = Vec::new();
        let mut unread = Vec::new();
        while let Some(read) = reads.next().await {
            match read? {
                Ok(bucket) => found.push(bucket),
                Err(name) => unread.push(name),
            }
        }
        drop(reads);
        let mut hidden = false;
        if !unread.is_empty() {
            // It may have been removed since it was listed; if it is still listed, we may not read it.
            let (_, again) = self.bucket_page(region, compartment, page).await?;
            hidden = again.iter().any(|bucket| unread.contains(&bucket.name));
        }
        Ok(Buckets { answer, found, hidden })
    }

    async fn bucket_page(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        page: Option<&str>,
    ) -> Result<(Answer, Vec<wire::Bucket>)> {
        let call = Call::new(Operation::ListBuckets, region)
            .param("namespaceName", &self.client.namespace(region).await?)
            .query("compartmentId", compartment)
            .query("fields", "tags")
            .query("limit", &BUCKETS_PER_PAGE)
            .page(page);
        let answer = self.client.send(&call).await?;
        let buckets = answer.json()?;
        Ok((answer, buckets))
    }

    /// Reads a listed bucket, unless it is known again, and says whether its key is one that was read; its name, if we may not.
    async fn bucket(&self, pass: &Pass<'_>, summary: wire::Bucket) -> Result<Result<(wire::Bucket, bool), String>> {
        let region = pass.region;
        match self.client.seen_buckets().again(region, &summary, &pass.selector.key) {
            Some(Again::Unchanged(known)) => return Ok(Ok((known, true))),
            // Whoever knows it by its OCID passes over it; whoever does not reads its key.
            Some(Again::Same(known)) => return Ok(Ok((known, false))),
            None => {}
        }
        let call = Call::new(Operation::GetBucket, region)
            .param("namespaceName", &self.client.namespace(region).await?)
            .param("bucketName", &summary.name);
        match self.client.send(&call).await {
            Ok(answer) => {
                let mut bucket: wire::Bucket = answer.json()?;
                self.client.seen_buckets().keep(region, &bucket);
                bucket.freeform_tags = bucket.freeform_tags.or(summary.freeform_tags);
                bucket.defined_tags = bucket.defined_tags.or(summary.defined_tags);
                Ok(Ok((bucket, true)))
            }
            Err(error) if is_hidden(&error) => Ok(Err(summary.name)),
            Err(error) => Err(error),
        }
    }

    async fn search(&self, pass: &Pass<'_>, tag: &TagSelector, page: Option<String>) -> Result<Reply<CatalogPage>> {
        // Every type is asked for: what carries the tag and is of no kind of ours must be named, not passed over.
        let query = search::tag_query(tag)?;
        let types = self.types.of(&self.client, pass.region).await?;
        let (answer, found) = match search::page(&self.client, pass.region, &query, page.as_deref()).await {
            Ok(found) => found,
            Err(error) => return pass.verdict(error, None, None),
        };
        let namespace = self.client.namespace(pass.region).await?;
        let candidates = found
            .into_iter()
            .filter_map(|one| searched(one, pass.selector, tag, (pass.region, &types), &namespace))
            .collect();
        let next = answer.witnesses.next_page.clone();
        let coverage = match &next {
            Some(_) => Vec::new(),
            None => vec![pass.coverage(None, CoverageState::Listed)],
        };
        let next = next.map(|page| Step::Search { page: Some(page) }.cursor());
        Ok(answer.reply(CatalogPage { search: Some(types.told(&pass.selector.kinds)), candidates, coverage, next }))
    }
}

/// One pass over one region.
struct Pass<'a> {
    selector: &'a Selector,
    region: &'a Region,
}

impl Pass<'_> {
    fn coverage(&self, place: Option<(&Kind, &CompartmentId)>, state: CoverageState) -> Coverage {
        Coverage {
            region: self.region.clone(),
            compartment: place.map(|(_, compartment)| compartment.clone()),
            kind: place.map(|(kind, _)| kind.clone()),
            state,
        }
    }

    /// The same verdict on the kind in this compartment and in all that follow.
    fn rest_of(&self, kind: &Kind, compartment: CompartmentId, state: &CoverageState) -> CatalogPage {
        let mut coverage = Vec::new();
        let mut at = Some(compartment);
        let mut next = None;
        while let Some(done) = at.take() {
            coverage.push(self.coverage(Some((kind, &done)), state.clone()));
            match Step::after(self.selector, Some((kind, &done))) {
                Some(Step::List { kind: same, compartment, .. }) if same == *kind => at = Some(compartment),
                other => next = other.map(|step| step.cursor()),
            }
        }
        CatalogPage { search: None, candidates: Vec::new(), coverage, next }
    }

    /// Turns "may not look" and "cannot be reached" into a verdict; any other error stays one.
    fn verdict(
        &self,
        error: Error,
        place: Option<(&Kind, &CompartmentId)>,
        mut next: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        let state = match (is_hidden(&error), error.is_out_of_reach()) {
            (true, _) => CoverageState::Denied,
            (_, true) => CoverageState::Unreachable,
            _ => return Err(error),
        };
        let mut coverage = vec![self.coverage(place, state.clone())];
        if state == CoverageState::Unreachable && error.status().is_none() {
            // Nobody answered at all: the rest of the region will not either.
            let mut done = place.map(|(kind, compartment)| (kind.clone(), compartment.clone()));
            while let Some(at) = done.take() {
                match Step::after(self.selector, Some((&at.0, &at.1))) {
                    Some(Step::List { kind, compartment, .. }) => {
                        coverage.push(self.coverage(Some((&kind, &compartment)), state.clone()));
                        done = Some((kind, compartment));
                    }
                    Some(Step::Search { .. }) => coverage.push(self.coverage(None, state.clone())),
                    None => {}
                }
            }
            next = None;
        }
        tracing::warn!(region = %self.region, error = %error, "a part of a region could not be looked at");
        Ok(Reply {
            value: CatalogPage { search: None, candidates: Vec::new(), coverage, next },
            etag: None,
            server_date: error.server_date(),
            request_id: error.request_id().cloned(),
        })
    }
}

pub(super) fn listed(bucket: wire::Bucket, region: &Region, namespace: &NamespaceName) -> Result<Candidate, String> {
    let key = match bucket.kms_key_id.as_deref() {
        None | Some("") => KeyHint::OracleManaged,
        Some(id) => KeyHint::Key(KeyId::parse(id).map_err(|why| why.to_string())?),
    };
    let dependent = Dependent {
        id: bucket.id.ok_or("a bucket has no id")?,
        kind: Kind::Bucket,
        region: region.clone(),
        compartment: bucket.compartment_id,
        name: bucket.name,
        namespace: Some(namespace.clone()),
        availability_domain: None,
        tags: wire::tags(bucket.freeform_tags, bucket.defined_tags),
    };
    Ok(Candidate { dependent, found_by: FoundBy::List, key, copies: Copies::default() })
}

/// A search hit as a candidate, if it is in scope, of a kind that a key protects, and really carries the tag.
fn searched(
    found: wire::FoundResource,
    selector: &Selector,
    tag: &TagSelector,
    (region, types): (&Region, &Types),
    namespace: &NamespaceName,
) -> Option<Candidate> {
    if ["key", "vault"].iter().any(|other| found.resource_type.eq_ignore_ascii_case(other)) {
        return None;
    }
    let kind = types.kind_of(&found.resource_type);
    let tags = wire::tags(found.freeform_tags, found.defined_tags);
    let in_scope = selector.compartments.iter().any(|one| one.id == found.compartment_id);
    if !in_scope || !search::carries(&tags, tag) {
        return None;
    }
    let name = found.display_name.unwrap_or_else(|| found.identifier.clone());
    let dependent = Dependent {
        id: ResourceId::parse(found.identifier).ok()?,
        namespace: (kind == Kind::Bucket).then(|| namespace.clone()),
        kind,
        region: region.clone(),
        compartment: found.compartment_id,
        name,
        availability_domain: found.availability_domain,
        tags,
    };
    Some(Candidate { dependent, found_by: FoundBy::Search, key: KeyHint::Unknown, copies: Copies::default() })
}

#[async_trait]
impl ResourceCatalog for Catalog {
    async fn scopes(&self) -> Result<Reply<Scopes>> {
        let (answer, regions) = self.client.subscriptions().await?;
        let regions = regions
            .into_iter()
            .map(|one| ScopedRegion { region: one.region_name, is_home: one.is_home_region })
            .collect();
        let tenancy = self.client.tenancy();
        let root = Call::new(Operation::GetTenancy, self.client.region()).param("tenancyId", tenancy);
        let name = match self.client.send(&root).await {
            Ok(root) => root.json::<wire::Tenancy>()?.name,
            Err(error) if is_hidden(&error) => None,
            Err(error) => return Err(error),
        };
        let mut compartments =
            vec![Compartment { id: tenancy.clone(), name: name.unwrap_or_else(|| "root".to_owned()), parent: None }];
        let below = self.client.compartments().await?;
        let below = below.into_iter().filter(|one| one.id != *tenancy);
        compartments.extend(below.map(|one| Compartment { id: one.id, name: one.name, parent: one.compartment_id }));
        Ok(answer.reply(Scopes { regions, compartments }))
    }

    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        let step = match &cursor {
            Some(cursor) => Some(Step::parse(cursor)?),
            None => Step::after(selector, None),
        };
        let pass = Pass { selector, region };
        let stranger =
            || Error::refused(OPERATION, "the cursor belongs to a pass with another selector; start the pass anew");
        match (step, &selector.tag) {
            (Some(Step::List { kind, compartment, page, hidden }), _) => {
                let is_wanted =
                    selector.kinds.contains(&kind) && selector.compartments.iter().any(|one| one.id == compartment);
                if !is_wanted {
                    return Err(stranger());
                }
                self.list(&pass, kind, compartment, page, hidden).await
            }
            (Some(Step::Search { page }), Some(tag)) => self.search(&pass, tag, page).await,
            (Some(Step::Search { .. }), None) => Err(stranger()),
            (None, _) => {
                Ok(Reply::bare(CatalogPage { search: None, candidates: Vec::new(), coverage: Vec::new(), next: None }))
            }
        }
    }

    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        Ok(Reply::bare(Some(policies::read(&self.client, places).await?)))
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
