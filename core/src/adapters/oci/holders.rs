//! Resources that name a key and keep no data that keywheel could move: their calls, and how their answers are read.
//!
//! Finds and reads only; no call in here changes anything.

use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{CompartmentId, Dependent, FoundBy, KeyId, Kind, Region, ResourceId, Tags};
use crate::ports::{Candidate, KeyHint, Presence};

/// The calls of one kind.
#[derive(Debug)]
pub(crate) struct Calls {
    pub list: Operation,
    pub get: Operation,
    /// The place holder of the OCID in paths.
    pub id: &'static str,
    read: fn(&Answer) -> Result<Read>,
    read_list: fn(&Answer) -> Result<Vec<Read>>,
}

static CLUSTER: Calls = Calls {
    list: Operation::ListClusters,
    get: Operation::GetCluster,
    id: "clusterId",
    read: one::<wire::Cluster>,
    read_list: many::<wire::Cluster>,
};

/// The kinds that are found and read here.
pub(crate) const KINDS: [Kind; 1] = [Kind::Cluster];

/// The calls of a kind; `None` if it is not one of these.
pub(crate) fn calls(kind: &Kind) -> Option<&'static Calls> {
    match kind {
        Kind::Cluster => Some(&CLUSTER),
        _ => None,
    }
}

/// What is read of such a resource, whatever its service calls it.
#[derive(Debug)]
pub(crate) struct Read {
    pub id: ResourceId,
    pub compartment: CompartmentId,
    pub name: Option<String>,
    pub presence: Presence,
    /// The key it names; `None`: Oracle's. A summary may lack it.
    pub key: Option<KeyId>,
    pub tags: Tags,
}

impl TryFrom<wire::Cluster> for Read {
    type Error = String;

    fn try_from(cluster: wire::Cluster) -> Result<Self, String> {
        Ok(Self {
            key: wire::key(cluster.kms_key_id.as_deref())?,
            id: cluster.id,
            compartment: cluster.compartment_id,
            name: cluster.name,
            presence: presence(cluster.lifecycle_state.as_deref()),
            tags: wire::tags(cluster.freeform_tags, cluster.defined_tags),
        })
    }
}

/// OKE's words. One that is not known is a state in which nothing is tried.
fn presence(lifecycle_state: Option<&str>) -> Presence {
    match lifecycle_state {
        Some("ACTIVE") => Presence::Ready,
        Some("DELETED") => Presence::Terminated,
        _ => Presence::Busy,
    }
}

fn one<T: DeserializeOwned + TryInto<Read, Error = String>>(answer: &Answer) -> Result<Read> {
    answer.json::<T>()?.try_into().map_err(|why| answer.unreadable(&why))
}

fn many<T: DeserializeOwned + TryInto<Read, Error = String>>(answer: &Answer) -> Result<Vec<Read>> {
    let all = answer.json::<Vec<T>>()?.into_iter();
    all.map(|one| one.try_into().map_err(|why: String| answer.unreadable(&why))).collect()
}

/// One page of a kind in a compartment, without what is gone.
pub(crate) async fn page(
    client: &Client,
    calls: &Calls,
    kind: &Kind,
    region: &Region,
    compartment: &CompartmentId,
    page: Option<&str>,
) -> Result<(Answer, Vec<Candidate>)> {
    let call =
        Call::new(calls.list, region).query("compartmentId", compartment).query("limit", &PAGE_ITEMS_MAX).page(page);
    let answer = client.send(&call).await?;
    let found = (calls.read_list)(&answer)?;
    let found = found.into_iter().filter(|read| read.presence != Presence::Terminated);
    let candidates = found.map(|read| candidate(read, kind, region)).collect();
    Ok((answer, candidates))
}

/// Reads one of them from its service.
pub(crate) async fn get(client: &Client, calls: &Calls, dependent: &Dependent) -> Result<(Answer, Read)> {
    let answer = client.send(&Call::new(calls.get, &dependent.region).param(calls.id, &dependent.id)).await?;
    let read = (calls.read)(&answer)?;
    if read.id != dependent.id {
        return Err(answer.unreadable("the answer speaks of another resource"));
    }
    Ok((answer, read))
}

fn candidate(read: Read, kind: &Kind, region: &Region) -> Candidate {
    let dependent = Dependent {
        name: read.name.unwrap_or_else(|| read.id.to_string()),
        id: read.id,
        kind: kind.clone(),
        region: region.clone(),
        compartment: read.compartment,
        namespace: None,
        availability_domain: None,
        tags: read.tags,
    };
    Candidate { dependent, found_by: FoundBy::List, key: KeyHint::Unknown }
}
