//! A `ResourceCatalog` over another one: what that one finds, and then what the SDK's clients list.
//!
//! Every place of the added kinds gets its verdict, as the port promises; what cannot be looked at is said, and never
//! taken for empty. What is found is named and reported: no adapter of keywheel's moves an instance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use keywheel::model::{
    CompartmentId, Coverage, CoverageState, Dependent, FoundBy, KeyId, Kind, PoliciesRead, Region, ResourceId, Tags,
};
use keywheel::ports::{Candidate, CatalogPage, Copies, Cursor, KeyHint, Reply, ResourceCatalog, Scopes, Selector};
use keywheel::{Error, ErrorKind, Result};
use oci_rust_sdk::core::OciError;

use crate::source::{Seen, Source};

/// The name of the kind of compute instances, as Resource Search has it.
pub const INSTANCE: &str = "instance";
/// The name of the kind of container instances.
pub const CONTAINER_INSTANCE: &str = "computecontainerinstance";

/// Begins every cursor of this catalog's own; those of the catalog below never hold a colon.
const OWN: &str = "sdk:";

/// Another catalog, and the SDK's clients beside it.
pub struct WithSdk {
    inner: Arc<dyn ResourceCatalog>,
    sources: BTreeMap<(Region, Kind), Arc<dyn Source>>,
}

/// A compartment and kind, and where its listing goes on.
struct Place {
    kind: Kind,
    compartment: CompartmentId,
    page: Option<String>,
}

impl Place {
    fn cursor(&self) -> Cursor {
        Cursor(format!("{OWN}{}", serde_json::json!([self.kind, self.compartment, self.page])))
    }

    fn parse(text: &str) -> Result<Self> {
        let (kind, compartment, page) = serde_json::from_str(text).map_err(|_| {
            Error::refused("dependents", "this cursor was not made by this catalog; start the pass anew")
        })?;
        Ok(Self { kind, compartment, page })
    }
}

impl WithSdk {
    /// What the other catalog finds, and nothing else yet.
    #[must_use]
    pub fn over(inner: Arc<dyn ResourceCatalog>) -> Self {
        Self { inner, sources: BTreeMap::new() }
    }

    /// Lists compute instances of a region through this source.
    #[must_use]
    pub fn instances(self, region: &Region, source: impl Source + 'static) -> Self {
        self.and(region, INSTANCE, source)
    }

    /// Lists container instances of a region through this source.
    #[must_use]
    pub fn container_instances(self, region: &Region, source: impl Source + 'static) -> Self {
        self.and(region, CONTAINER_INSTANCE, source)
    }

    fn and(mut self, region: &Region, kind: &str, source: impl Source + 'static) -> Self {
        self.sources.insert((region.clone(), Kind::Other(kind.to_owned())), Arc::new(source));
        self
    }

    /// The places of a region that are ours, in order, each once.
    fn places(&self, selector: &Selector, region: &Region) -> Vec<Place> {
        let ours = self.sources.keys().filter(|(at, _)| at == region);
        let mut seen = BTreeSet::new();
        ours.flat_map(|(_, kind)| selector.compartments.iter().map(move |one| (kind, &one.id)))
            .filter(|place| seen.insert(*place))
            .map(|(kind, compartment)| Place { kind: kind.clone(), compartment: compartment.clone(), page: None })
            .collect()
    }

    async fn list(&self, selector: &Selector, region: &Region, at: Place) -> Result<CatalogPage> {
        let places = self.places(selector, region);
        let same = |one: &Place| (&one.kind, &one.compartment) == (&at.kind, &at.compartment);
        let here = places.iter().position(same);
        let (Some(here), Some(source)) = (here, self.sources.get(&(region.clone(), at.kind.clone()))) else {
            return Err(Error::refused("dependents", "the cursor belongs to another selector; start the pass anew"));
        };
        let next = places.get(here + 1).map(Place::cursor);
        let verdict = |state| {
            let compartment = Some(at.compartment.clone());
            vec![Coverage { region: region.clone(), compartment, kind: Some(at.kind.clone()), state }]
        };
        let listing = match source.page(at.compartment.as_str(), at.page.clone()).await {
            Ok(listing) => listing,
            Err(error) => {
                let coverage = verdict(state_of(error)?);
                return Ok(CatalogPage { search: None, candidates: Vec::new(), coverage, next });
            }
        };
        let there = listing.items.into_iter().filter(|one| !one.is_gone);
        let candidates = there.filter_map(|one| candidate(one, &at.kind, region).transpose()).collect::<Result<_>>()?;
        let more = listing.next.map(|page| Place { page: Some(page), ..at.again() }.cursor());
        let coverage = if more.is_some() { Vec::new() } else { verdict(CoverageState::Listed) };
        Ok(CatalogPage { search: None, candidates, coverage, next: more.or(next) })
    }
}

impl Place {
    fn again(&self) -> Self {
        Self { kind: self.kind.clone(), compartment: self.compartment.clone(), page: None }
    }
}

/// What an error of the SDK's means for a place. It keeps neither request id nor date, so neither can be told.
fn state_of(error: OciError) -> Result<CoverageState> {
    match &error {
        OciError::ServiceError { status: 404 | 403, .. } => Ok(CoverageState::Denied),
        OciError::ServiceError { status, .. } if *status >= 500 => Ok(CoverageState::Unreachable),
        OciError::HttpError(_) => Ok(CoverageState::Unreachable),
        // Its text may quote an answer: only the kind of trouble is told.
        OciError::SerdeError(_) => {
            Err(Error::new(ErrorKind::Foreign, "dependents", "the SDK cannot read what the service answered"))
        }
        _ => Err(Error::new(ErrorKind::Unavailable, "dependents", "a listing through the SDK failed").caused_by(error)),
    }
}

fn candidate(seen: Seen, kind: &Kind, region: &Region) -> Result<Option<Candidate>> {
    let foreign = |what: &str| Error::new(ErrorKind::Foreign, "dependents", format!("an instance names no {what}"));
    // Without a key the owning service would have to be asked, and no adapter of keywheel's can.
    let Some(id) = seen.key else { return Ok(None) };
    let key = KeyHint::Key(KeyId::parse(id).map_err(|_| foreign("key that is one"))?);
    let dependent = Dependent {
        name: seen.name.unwrap_or_else(|| seen.id.clone()),
        id: ResourceId::parse(seen.id).map_err(|_| foreign("id that is an OCID"))?,
        kind: kind.clone(),
        region: region.clone(),
        compartment: CompartmentId::parse(seen.compartment).map_err(|_| foreign("compartment"))?,
        namespace: None,
        availability_domain: seen.availability_domain,
        tags: Tags { freeform: seen.freeform, defined: seen.defined },
    };
    Ok(Some(Candidate { dependent, found_by: FoundBy::List, key, copies: Copies::default() }))
}

#[async_trait]
impl ResourceCatalog for WithSdk {
    async fn scopes(&self) -> Result<Reply<Scopes>> {
        self.inner.scopes().await
    }

    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        if let Some(own) = cursor.as_ref().and_then(|cursor| cursor.0.strip_prefix(OWN)) {
            return Ok(Reply::bare(self.list(selector, region, Place::parse(own)?).await?));
        }
        // The catalog below would call our kinds unsupported.
        let is_ours = |kind: &Kind| self.sources.contains_key(&(region.clone(), kind.clone()));
        let kinds = selector.kinds.iter().filter(|kind| !is_ours(kind)).cloned().collect();
        let below = Selector { kinds, ..selector.clone() };
        let mut reply = self.inner.dependents(&below, region, cursor).await?;
        if reply.value.next.is_none() {
            reply.value.next = self.places(selector, region).first().map(Place::cursor);
        }
        Ok(reply)
    }

    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        self.inner.policies(places).await
    }
}
