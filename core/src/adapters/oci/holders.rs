//! Resources that name a key and keep no data that keywheel could move: their calls, and how their answers are read.
//!
//! Finds and reads only; no call in here changes anything. How a node pool gets another key is in `rekey/node_pool.rs`.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{CompartmentId, Dependent, FoundBy, KeyId, Kind, Region, ResourceId, Tags};
use crate::ports::{Candidate, Copies, KeyHint, Presence};

/// The calls of one kind.
#[derive(Debug)]
pub(crate) struct Calls {
    pub list: Operation,
    pub get: Operation,
    /// The place holder of the OCID in paths.
    pub id: &'static str,
    /// Whether the listing names the key.
    names_key: bool,
    read: fn(&Answer) -> Result<Read>,
    read_list: fn(&Answer) -> Result<Vec<Read>>,
}

static CLUSTER: Calls = Calls {
    list: Operation::ListClusters,
    get: Operation::GetCluster,
    id: "clusterId",
    names_key: false,
    read: one::<wire::Cluster>,
    read_list: many::<wire::Cluster>,
};

static INSTANCE_CONFIGURATION: Calls = Calls {
    list: Operation::ListInstanceConfigurations,
    get: Operation::GetInstanceConfiguration,
    id: "instanceConfigurationId",
    names_key: false,
    read: one::<wire::InstanceConfiguration>,
    read_list: many::<wire::InstanceConfiguration>,
};
static NODE_POOL: Calls = Calls {
    list: Operation::ListNodePools,
    get: Operation::GetNodePool,
    id: "nodePoolId",
    names_key: true,
    read: one::<wire::NodePool>,
    read_list: many::<wire::NodePool>,
};

/// The kinds that are found and read, and that nothing moves.
pub(crate) const ONLY_READ: [Kind; 2] = [Kind::Cluster, Kind::InstanceConfiguration];

/// The calls of a kind; `None` if it is not one of these.
pub(crate) fn calls(kind: &Kind) -> Option<&'static Calls> {
    match kind {
        Kind::Cluster => Some(&CLUSTER),
        Kind::InstanceConfiguration => Some(&INSTANCE_CONFIGURATION),
        Kind::NodePool => Some(&NODE_POOL),
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
    /// Other keys it names.
    pub more_keys: Vec<KeyId>,
    pub tags: Tags,
}

impl TryFrom<wire::Cluster> for Read {
    type Error = String;

    fn try_from(cluster: wire::Cluster) -> Result<Self, String> {
        Ok(Self {
            key: wire::key(cluster.kms_key_id.as_deref())?,
            more_keys: Vec::new(),
            id: cluster.id,
            compartment: cluster.compartment_id,
            name: cluster.name,
            presence: presence(cluster.lifecycle_state.as_deref()),
            tags: wire::tags(cluster.freeform_tags, cluster.defined_tags),
        })
    }
}

impl TryFrom<wire::InstanceConfiguration> for Read {
    type Error = String;

    fn try_from(configuration: wire::InstanceConfiguration) -> Result<Self, String> {
        let mut keys = Vec::new();
        keys_in(configuration.instance_details.as_ref().unwrap_or(&Value::Null), 0, &mut keys)?;
        let mut keys = keys.into_iter();
        Ok(Self {
            key: keys.next(),
            more_keys: keys.collect(),
            id: configuration.id,
            compartment: configuration.compartment_id,
            name: configuration.display_name,
            // It has no life but being there.
            presence: Presence::Ready,
            tags: wire::tags(configuration.freeform_tags, configuration.defined_tags),
        })
    }
}

impl TryFrom<wire::NodePool> for Read {
    type Error = String;

    fn try_from(pool: wire::NodePool) -> Result<Self, String> {
        let named = pool.node_config_details.as_ref().and_then(|details| details.get("kmsKeyId"));
        Ok(Self {
            key: wire::key(named.and_then(Value::as_str))?,
            more_keys: Vec::new(),
            id: pool.id,
            compartment: pool.compartment_id,
            name: pool.name,
            presence: presence(pool.lifecycle_state.as_deref()),
            tags: wire::tags(pool.freeform_tags, pool.defined_tags),
        })
    }
}

/// Bodies nested deeper than this are not Oracle's.
const DEPTH_MAX: usize = 16;
/// Objects whose fields their owner named: a field there is no key of OCI's, whatever it is called.
const OWNERS: [&str; 4] = ["definedTags", "extendedMetadata", "freeformTags", "metadata"];

/// Every key that is named anywhere in a configuration's details: of the boot volume, of block volumes, of their copies
/// in other regions. Each is named once.
fn keys_in(value: &Value, depth: usize, keys: &mut Vec<KeyId>) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("its details are nested too deep".to_owned());
    }
    match value {
        Value::Array(all) => all.iter().try_for_each(|one| keys_in(one, depth + 1, keys)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if OWNERS.contains(&name.as_str()) {
                    continue;
                }
                let is_key = matches!(name.as_str(), "kmsKeyId" | "xrcKmsKeyId" | "xrrKmsKeyId");
                match wire::key(value.as_str().filter(|_| is_key))? {
                    Some(key) if keys.contains(&key) => {}
                    Some(key) => keys.push(key),
                    None => keys_in(value, depth + 1, keys)?,
                }
            }
            Ok(())
        }
        _ => Ok(()),
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
    let candidates = found.map(|read| candidate(read, calls, kind, region)).collect();
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

fn candidate(read: Read, calls: &Calls, kind: &Kind, region: &Region) -> Candidate {
    let key = match read.key {
        _ if !calls.names_key => KeyHint::Unknown,
        Some(key) => KeyHint::Key(key),
        None => KeyHint::OracleManaged,
    };
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
    Candidate { dependent, found_by: FoundBy::List, key, copies: Copies::default() }
}
