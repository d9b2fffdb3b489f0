//! Where dependents are: by tag through Search, and by List per kind.
//!
//! The catalog only finds. What a resource's key is, the owning service says (`ReKeyer::observe`).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Cursor, Reply};
use crate::error::Result;
use crate::model::{
    Compartment, CompartmentId, Coverage, Dependent, FoundBy, KeyId, Kind, PoliciesRead, Region, ResourceId,
    TagSelector, TypesFrom,
};

/// A subscribed region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScopedRegion {
    /// Its identifier.
    pub region: Region,
    /// Whether identity calls that change things go there.
    pub is_home: bool,
}

/// What there is to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scopes {
    /// Regions the tenancy subscribes to.
    pub regions: Vec<ScopedRegion>,
    /// Compartments we can see, the root included.
    pub compartments: Vec<Compartment>,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Selector {
    /// The key whose dependents are wanted.
    pub key: KeyId,
    /// Kinds to list.
    pub kinds: Vec<Kind>,
    /// Compartments to list; Search spans all of them anyway and is filtered by this.
    pub compartments: Vec<Compartment>,
    /// The tag that marks resources meant to be under a managed key.
    pub tag: Option<TagSelector>,
}

/// What the catalog could say about a candidate's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyHint {
    /// The listing named this key.
    Key(KeyId),
    /// The listing said: Oracle's key.
    OracleManaged,
    /// The listing does not say (buckets): the owning service must be asked.
    Unknown,
}

/// What a listing says of copies in other regions. Their key is the destination's, or silently Oracle's (oci-api §5.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Copies {
    /// Copies of this resource that have no key of their own, by OCID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_oracles_key: Vec<String>,
    /// What this resource is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ResourceId>,
}

impl Copies {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A resource that may be a dependent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Candidate {
    /// The resource.
    pub dependent: Dependent,
    /// How it was found.
    pub found_by: FoundBy,
    /// What the listing said about its key.
    pub key: KeyHint,
    /// What it said about copies.
    #[serde(default, skip_serializing_if = "Copies::are_none")]
    pub copies: Copies,
}

/// What Search can find, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchTypes {
    /// Where the names of types are from.
    pub from: TypesFrom,
    /// Kinds of the selector that Search does not list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Kind>,
}

/// A part of one region's pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CatalogPage {
    /// Candidates of one compartment and kind (List), or of one search page.
    pub candidates: Vec<Candidate>,
    /// Verdicts on what this part finished looking at.
    pub coverage: Vec<Coverage>,
    /// In an answer of Search: which kinds it can find. `None`: this catalog does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchTypes>,
    /// Where to go on; `None` means the region is done.
    pub next: Option<Cursor>,
}

/// Finds candidates.
///
/// 1. A pass over a region ends with one coverage verdict per compartment and kind, and one for Search.
///    (`every_pass_ends_with_coverage`)
/// 2. Whatever the owning services list and do not call terminated is among the candidates; `Denied` and `Unreachable` are verdicts,
///    not errors. (`what_is_listed_is_found`, `what_is_terminated_is_left_out`, `a_denied_compartment_is_a_verdict`)
/// 3. A cursor goes on where it stopped, in another process too. (`a_cursor_survives_its_process`)
/// 4. A candidate may come twice (Search and List); never under two ids. (`a_candidate_keeps_its_id`)
/// 5. Tags are compared exactly, although Search does not (oci-api §4). (`tags_are_checked_again`)
/// 6. Within one page all candidates found by List are of one kind and compartment. (`pages_are_homogeneous`)
/// 7. A hint about a candidate's key is the owning service's word, never a guess. (`a_hint_is_the_services_word`)
/// 8. `policies` reads, word for word, what is in force in the named compartments, in those above them and in the root; a
///    compartment whose policies we may not list is named. (`policies_are_read_up_to_the_root`,
///    `policies_that_may_not_be_listed_are_named`)
/// 9. Where a listing says that a copy in another region has no key of its own, a candidate says so too.
///    (`a_copy_without_a_key_is_told`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait ResourceCatalog: Send + Sync {
    /// Regions and compartments there are.
    async fn scopes(&self) -> Result<Reply<Scopes>>;

    /// One part of the pass over a region; start with no cursor, end when `next` is `None`.
    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>>;

    /// The IAM policies that govern these compartments; `None`: this catalog reads none.
    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        let _ = places;
        Ok(Reply::bare(None))
    }
}
