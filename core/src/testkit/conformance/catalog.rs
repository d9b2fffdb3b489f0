//! The promises of [`ResourceCatalog`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::Passage;
use crate::model::{
    Compartment, CompartmentId, Coverage, CoverageState, FoundBy, KeyId, Kind, Region, ResourceId, TagSelector,
};
use crate::ports::{Candidate, Copies, KeyHint, ResourceCatalog, Selector};

/// A resource the fixture makes.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Compartment that gets it.
    pub compartment: CompartmentId,
    /// Its name.
    pub name: String,
    /// Free-form tags.
    pub tags: Vec<(String, String)>,
    /// Its key; `None`: Oracle's.
    pub key: Option<KeyId>,
}

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait CatalogFixture: Passage {
    /// The port, new each time: as another process would have it.
    fn fresh_port(&self) -> Arc<dyn ResourceCatalog>;

    /// The region of all that is made.
    fn region(&self) -> Region;

    /// A kind that this catalog lists.
    fn kind(&self) -> Kind;

    /// A key for selectors.
    fn key(&self) -> KeyId;

    /// How long Search may lag.
    fn search_lag(&self) -> Duration;

    /// A new compartment without anything in it.
    async fn new_compartment(&self) -> Compartment;

    /// A new compartment below another.
    async fn compartment_below(&self, above: &CompartmentId) -> Compartment;

    /// Makes a resource of `kind`.
    async fn make(&self, wanted: &Wanted) -> ResourceId;

    /// The owning service terminates a resource and still lists it; `false` if this kind knows no such thing.
    async fn terminate(&self, id: &ResourceId) -> bool;

    /// Somebody attaches an IAM policy to a compartment; `None`: to the root. Its OCID.
    async fn add_policy(&self, compartment: Option<&CompartmentId>, name: &str, statement: &str) -> ResourceId;
    /// A resource of `kind` under this key, with a copy elsewhere that has no key of its own; and how the copy is told.
    /// `None` if listings of this kind say nothing of copies.
    async fn make_copied(&self, compartment: &CompartmentId, key: &KeyId) -> Option<Copied>;

    /// From now on the port may not see a compartment.
    async fn deny(&self, compartment: &CompartmentId);
}

/// A copy under Oracle's key, and who is to tell of it.
#[derive(Debug, Clone)]
pub struct Copied {
    /// The resource whose candidate tells: the source of a replica, the copy of a backup.
    pub told_by: ResourceId,
    /// What it tells.
    pub copies: Copies,
}

struct Pass {
    pages: Vec<Vec<Candidate>>,
    coverage: Vec<Coverage>,
}

impl Pass {
    fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.pages.iter().flatten()
    }

    fn listed(&self) -> BTreeSet<ResourceId> {
        let by_list = self.candidates().filter(|candidate| candidate.found_by == FoundBy::List);
        by_list.map(|candidate| candidate.dependent.id.clone()).collect()
    }

    fn verdicts(&self) -> BTreeMap<(Option<CompartmentId>, Option<Kind>), CoverageState> {
        let verdict = |c: &Coverage| ((c.compartment.clone(), c.kind.clone()), c.state.clone());
        let verdicts: BTreeMap<_, _> = self.coverage.iter().map(verdict).collect();
        assert_eq!(verdicts.len(), self.coverage.len(), "one verdict for each");
        verdicts
    }
}

fn selector(fixture: &dyn CatalogFixture, compartments: &[Compartment], tag: Option<&str>) -> Selector {
    Selector {
        key: fixture.key(),
        kinds: vec![fixture.kind(), Kind::Other("no-such-kind".to_owned())],
        compartments: compartments.to_vec(),
        tag: tag.map(|value| TagSelector { namespace: None, key: "protect".to_owned(), value: value.to_owned() }),
    }
}

/// A whole pass; each part by a port of its own.
async fn pass(fixture: &dyn CatalogFixture, selector: &Selector) -> Pass {
    let (mut cursor, mut whole) = (None, Pass { pages: Vec::new(), coverage: Vec::new() });
    for _ in 0..1000 {
        let port = fixture.fresh_port();
        let page = port.dependents(selector, &fixture.region(), cursor).await.expect("a pass goes on").value;
        whole.pages.push(page.candidates);
        whole.coverage.extend(page.coverage);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return whole,
        }
    }
    panic!("a pass ends");
}

async fn fill(fixture: &dyn CatalogFixture, count: usize, tag: Option<&str>) -> (Compartment, BTreeSet<ResourceId>) {
    let compartment = fixture.new_compartment().await;
    let mut made = BTreeSet::new();
    for n in 0..count {
        let tags = tag.map(|value| ("protect".to_owned(), value.to_owned())).into_iter().collect();
        // The compartment's own last characters keep names apart: they are unique in a region.
        let unique: String = compartment.id.as_str().chars().rev().take(8).collect();
        let name = format!("suite-{unique}-{n}");
        made.insert(fixture.make(&Wanted { compartment: compartment.id.clone(), name, tags, key: None }).await);
    }
    (compartment, made)
}

/// Promise 1: a verdict per compartment and kind, and one for Search when it was asked.
pub async fn every_pass_ends_with_coverage(fixture: &dyn CatalogFixture) {
    let (one, _) = fill(fixture, 1, None).await;
    let other = fixture.new_compartment().await;
    let compartments = [one.clone(), other.clone()];
    let wanted = selector(fixture, &compartments, Some("yes"));
    let verdicts = pass(fixture, &wanted).await.verdicts();
    let mut expected = BTreeMap::from([((None, None), CoverageState::Listed)]);
    for compartment in [one, other] {
        expected.insert((Some(compartment.id.clone()), Some(fixture.kind())), CoverageState::Listed);
        let unknown = Kind::Other("no-such-kind".to_owned());
        expected.insert((Some(compartment.id), Some(unknown)), CoverageState::Unsupported);
    }
    assert_eq!(verdicts, expected);
    let without_search = pass(fixture, &selector(fixture, &compartments, None)).await.verdicts();
    assert!(!without_search.contains_key(&(None, None)), "nobody asked Search");
}

/// Promise 2: what the owning service lists is found, whatever its tags.
pub async fn what_is_listed_is_found(fixture: &dyn CatalogFixture) {
    let (compartment, made) = fill(fixture, 7, None).await;
    assert_eq!(pass(fixture, &selector(fixture, &[compartment], None)).await.listed(), made);
}

/// Promise 2: what is terminated needs nobody, though the owning service still lists it.
pub async fn what_is_terminated_is_left_out(fixture: &dyn CatalogFixture) {
    let (compartment, mut made) = fill(fixture, 3, None).await;
    let victim = made.first().cloned().expect("three were made");
    if fixture.terminate(&victim).await {
        made.remove(&victim);
    }
    assert_eq!(pass(fixture, &selector(fixture, &[compartment], None)).await.listed(), made);
}

/// Promise 2: not being allowed to look is a verdict, and the rest is looked at all the same.
pub async fn a_denied_compartment_is_a_verdict(fixture: &dyn CatalogFixture) {
    let (denied, hidden) = fill(fixture, 2, None).await;
    let (open, made) = fill(fixture, 2, None).await;
    fixture.deny(&denied.id).await;
    let whole = pass(fixture, &selector(fixture, &[denied.clone(), open], None)).await;
    assert_eq!(whole.verdicts()[&(Some(denied.id), Some(fixture.kind()))], CoverageState::Denied);
    assert_eq!(whole.listed(), made);
    assert!(whole.listed().is_disjoint(&hidden));
}

/// Promise 3: each part may be asked of another process, and no part twice shows the same.
pub async fn a_cursor_survives_its_process(fixture: &dyn CatalogFixture) {
    let (compartment, made) = fill(fixture, 9, None).await;
    let wanted = selector(fixture, &[compartment], None);
    let first = fixture.fresh_port().dependents(&wanted, &fixture.region(), None).await.expect("a pass begins").value;
    let next = first.next.expect("there is another kind to look at");
    let again =
        fixture.fresh_port().dependents(&wanted, &fixture.region(), Some(next.clone())).await.expect("it goes on");
    let repeated = fixture.fresh_port().dependents(&wanted, &fixture.region(), Some(next)).await.expect("and again");
    assert_eq!(again.value, repeated.value, "a stored cursor means the same place");
    let whole = pass(fixture, &wanted).await;
    assert_eq!(whole.listed(), made);
    assert_eq!(whole.candidates().count(), made.len(), "nothing comes twice by List");
}

/// Promise 4: Search and List speak of one resource by one id.
pub async fn a_candidate_keeps_its_id(fixture: &dyn CatalogFixture) {
    let (compartment, made) = fill(fixture, 2, Some("keeps")).await;
    fixture.pass(fixture.search_lag()).await;
    let whole = pass(fixture, &selector(fixture, &[compartment], Some("keeps"))).await;
    for id in &made {
        let found = whole.candidates().filter(|candidate| candidate.dependent.id == *id);
        let (ways, names): (Vec<_>, BTreeSet<_>) =
            found.map(|candidate| (candidate.found_by, candidate.dependent.name.clone())).unzip();
        assert_eq!((ways, names.len()), (vec![FoundBy::List, FoundBy::Search], 1));
    }
    let ids: BTreeSet<_> = whole.candidates().map(|candidate| candidate.dependent.id.clone()).collect();
    assert_eq!(ids, made);
}

/// Promise 5: what Search finds by a tag in another case, or by key and value on different tags, is left out.
pub async fn tags_are_checked_again(fixture: &dyn CatalogFixture) {
    let (compartment, exact) = fill(fixture, 1, Some("Exact")).await;
    let (_, _) = fill(fixture, 1, Some("EXACT")).await;
    let crossed = vec![("protect".to_owned(), "no".to_owned()), ("other".to_owned(), "Exact".to_owned())];
    let name = "suite-crossed".to_owned();
    let looks_alike = vec![("protect".to_owned(), "exact".to_owned())];
    for (name, tags) in [(name, crossed), ("suite-alike".to_owned(), looks_alike)] {
        fixture.make(&Wanted { compartment: compartment.id.clone(), name, tags, key: None }).await;
    }
    fixture.pass(fixture.search_lag()).await;
    let whole = pass(fixture, &selector(fixture, &[compartment], Some("Exact"))).await;
    let by_search = whole.candidates().filter(|candidate| candidate.found_by == FoundBy::Search);
    let found: BTreeSet<_> = by_search.map(|candidate| candidate.dependent.id.clone()).collect();
    assert_eq!(found, exact);
}

/// Promise 6: one page shows one kind in one compartment, as far as List found it.
pub async fn pages_are_homogeneous(fixture: &dyn CatalogFixture) {
    let (one, _) = fill(fixture, 3, None).await;
    let (other, _) = fill(fixture, 3, None).await;
    let whole = pass(fixture, &selector(fixture, &[one, other], None)).await;
    assert_eq!(whole.listed().len(), 6);
    for page in &whole.pages {
        let by_list = page.iter().filter(|candidate| candidate.found_by == FoundBy::List);
        let places: BTreeSet<_> =
            by_list.map(|candidate| (&candidate.dependent.kind, &candidate.dependent.compartment)).collect();
        assert!(places.len() <= 1, "{places:?}");
    }
}

/// Promise 7: who is listed under a key is under it, and nobody is said to be under Oracle's who is not.
pub async fn a_hint_is_the_services_word(fixture: &dyn CatalogFixture) {
    let (compartment, oracles) = fill(fixture, 2, None).await;
    let key = fixture.key();
    let (name, tags) = ("suite-hinted".to_owned(), Vec::new());
    let wanted = Wanted { compartment: compartment.id.clone(), name, tags, key: Some(key.clone()) };
    let ours = fixture.make(&wanted).await;
    let whole = pass(fixture, &selector(fixture, &[compartment], None)).await;
    assert_eq!(whole.listed().len(), 3);
    for candidate in whole.candidates() {
        let truth = if oracles.contains(&candidate.dependent.id) {
            KeyHint::OracleManaged
        } else {
            assert_eq!(candidate.dependent.id, ours);
            KeyHint::Key(key.clone())
        };
        assert!(candidate.key == KeyHint::Unknown || candidate.key == truth, "{candidate:?}");
    }
}

/// Promise 8: policies of a compartment, of those above it and of the root, word for word; no others.
pub async fn policies_are_read_up_to_the_root(fixture: &dyn CatalogFixture) {
    let (above, beside) = (fixture.new_compartment().await, fixture.new_compartment().await);
    let place = fixture.compartment_below(&above.id).await;
    let odd = "Allow service blockstorage to use keys in tenancy where target.key.id = 'ocid1.key.oc1..x' /* \u{e9}, \"q\" */";
    let here = fixture.add_policy(Some(&place.id), "here", odd).await;
    let over = fixture.add_policy(Some(&above.id), "above", "Allow group A to use keys in compartment y").await;
    let root = fixture.add_policy(None, "root", "Allow group A to read policies in tenancy").await;
    let elsewhere =
        fixture.add_policy(Some(&beside.id), "beside", "Allow group B to inspect keys in compartment x").await;
    let read = fixture.fresh_port().policies(std::slice::from_ref(&place.id)).await.expect("they are read").value;
    let Some(read) = read else {
        return; // A catalog may read none, and says so.
    };
    let found: BTreeMap<_, _> = read.policies.iter().map(|policy| (&policy.id, policy)).collect();
    assert_eq!(found.len(), read.policies.len(), "each is read once");
    let policy = found[&here];
    assert_eq!((&policy.compartment, policy.name.as_str()), (&place.id, "here"));
    assert_eq!(policy.statements, [odd]);
    assert!(found.contains_key(&over), "a policy governs what is below its compartment");
    assert!(found.contains_key(&root), "the root's policies govern everything");
    assert!(!found.contains_key(&elsewhere), "a policy beside it governs nothing in it");
    assert_eq!(read.unread, []);
}

/// Promise 8: what may not be listed is named, and the rest is read all the same.
pub async fn policies_that_may_not_be_listed_are_named(fixture: &dyn CatalogFixture) {
    let place = fixture.new_compartment().await;
    let hidden = fixture.add_policy(Some(&place.id), "hidden", "Allow group A to read keys in tenancy").await;
    let root = fixture.add_policy(None, "root", "Allow group A to read policies in tenancy").await;
    fixture.deny(&place.id).await;
    let read = fixture.fresh_port().policies(std::slice::from_ref(&place.id)).await.expect("no error").value;
    let Some(read) = read else { return };
    assert_eq!(read.unread, [place.id]);
    let is_read = |id: &ResourceId| read.policies.iter().any(|policy| policy.id == *id);
    assert!(is_read(&root) && !is_read(&hidden));
}

/// Promise 9: a replica without a key is told by its volume, a copied backup by itself; nobody else tells of copies.
pub async fn a_copy_without_a_key_is_told(fixture: &dyn CatalogFixture) {
    let (compartment, _) = fill(fixture, 2, None).await;
    let Some(copied) = fixture.make_copied(&compartment.id, &fixture.key()).await else { return };
    let whole = pass(fixture, &selector(fixture, &[compartment], None)).await;
    assert!(whole.candidates().any(|candidate| candidate.dependent.id == copied.told_by), "it is among the candidates");
    for candidate in whole.candidates() {
        let is_it = candidate.dependent.id == copied.told_by;
        let told = if is_it { copied.copies.clone() } else { Copies::default() };
        assert_eq!(candidate.copies, told, "{candidate:?}");
    }
}
