//! Where the SDK lists compute and container instances: its typed client, or its untyped one at any endpoint.
//!
//! Reads only. The typed compute client goes to `https` hosts of a closed list of regions and nowhere else. The typed
//! container client is not used at all: it cannot read what the service answers (README), its untyped one can.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use oci_rust_sdk::core::client::OciClient;
use oci_rust_sdk::core::{
    CoreApi, Instance, InstanceLifecycleState, ListInstancesRequest, ListInstancesRequestRequired,
};
use oci_rust_sdk::core::{OciError, Result};
use serde_json::Value;

/// What is read of an instance of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its OCID.
    pub id: String,
    /// Its compartment.
    pub compartment: String,
    /// Its display name.
    pub name: Option<String>,
    /// Its availability domain.
    pub availability_domain: Option<String>,
    /// Whether the service shows it and it is gone.
    pub is_gone: bool,
    /// The key that it was launched with, or that its pull secret is under; `None`: it names none.
    pub key: Option<String>,
    /// Its free-form tags.
    pub freeform: BTreeMap<String, String>,
    /// Its defined tags.
    pub defined: BTreeMap<String, BTreeMap<String, String>>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What is in it.
    pub items: Vec<Seen>,
    /// Where it goes on.
    pub next: Option<String>,
}

/// Lists what the SDK has a client for, in one region.
#[async_trait]
pub trait Source: Send + Sync {
    /// One page of a compartment.
    async fn page(&self, compartment: &str, page: Option<String>) -> Result<Listing>;
}

/// Compute instances through the SDK's typed client, `oci_rust_sdk::core::client(…)`.
pub struct TypedInstances(pub Arc<dyn CoreApi>);

#[async_trait]
impl Source for TypedInstances {
    async fn page(&self, compartment: &str, page: Option<String>) -> Result<Listing> {
        let required = ListInstancesRequestRequired { compartment_id: compartment.to_owned() };
        let mut request = ListInstancesRequest::new(required);
        request.page = page;
        let answer = self.0.list_instances(request).await?;
        let items = answer.items.into_iter().map(instance).collect();
        Ok(Listing { items, next: answer.opc_next_page.filter(|page| !page.is_empty()) })
    }
}

/// Compute instances through the SDK's untyped client, wherever it was pointed, read as the SDK's model.
pub struct Instances(pub OciClient);

#[async_trait]
impl Source for Instances {
    async fn page(&self, compartment: &str, page: Option<String>) -> Result<Listing> {
        let answer = self.0.get::<Vec<Instance>>(&listing("/20160918/instances", compartment, page)).await?;
        let next = answer.next_page().filter(|page| !page.is_empty());
        Ok(Listing { items: answer.body.into_iter().map(instance).collect(), next })
    }
}

/// Container instances through the SDK's untyped client, pointed at
/// `https://compute-containers.<region>.oci.oraclecloud.com` or a rehearsal.
///
/// None of them has a key. One hangs on a key by way of the Vault secret that it pulls its image with, so each is read
/// for that, and the application says which secrets are under which key.
pub struct ContainerInstances {
    /// The SDK's client.
    pub client: OciClient,
    /// Secrets, by OCID, and the keys that they are under.
    pub secrets: BTreeMap<String, String>,
}

#[async_trait]
impl Source for ContainerInstances {
    async fn page(&self, compartment: &str, page: Option<String>) -> Result<Listing> {
        let answer = self.client.get::<Value>(&listing(CONTAINERS, compartment, page)).await?;
        let next = answer.next_page().filter(|page| !page.is_empty());
        let Some(listed) = answer.body["items"].as_array() else {
            return Err(OciError::Other("a listing of container instances has no items".to_owned()));
        };
        let mut items = Vec::new();
        for one in listed {
            let seen = container(one);
            let mut seen = seen.ok_or_else(|| OciError::Other("a container instance has no id or place".to_owned()))?;
            if !seen.is_gone {
                let whole = self.client.get::<Value>(&format!("{CONTAINERS}/{}", encoded(&seen.id))).await?.body;
                let pulled = whole["imagePullSecrets"].as_array().into_iter().flatten();
                seen.key = pulled.filter_map(|one| self.secrets.get(one["secretId"].as_str()?)).next().cloned();
            }
            items.push(seen);
        }
        Ok(Listing { items, next })
    }
}

const CONTAINERS: &str = "/20210410/containerInstances";

fn listing(path: &str, compartment: &str, page: Option<String>) -> String {
    let page = page.map(|page| format!("&page={}", encoded(&page))).unwrap_or_default();
    format!("{path}?compartmentId={}{page}", encoded(compartment))
}

fn instance(found: Instance) -> Seen {
    let defined = found.defined_tags.unwrap_or_default();
    Seen {
        is_gone: matches!(found.lifecycle_state, InstanceLifecycleState::Terminated),
        key: found.source_details.and_then(|source| source.kms_key_id).filter(|id| !id.is_empty()),
        freeform: found.freeform_tags.unwrap_or_default().into_iter().collect(),
        defined: defined.into_iter().map(|(space, keys)| (space, keys.into_iter().map(tag).collect())).collect(),
        id: found.id,
        compartment: found.compartment_id,
        name: found.display_name,
        availability_domain: Some(found.availability_domain),
    }
}

fn container(found: &Value) -> Option<Seen> {
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    let defined: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_value(found["definedTags"].clone()).unwrap_or_default();
    Some(Seen {
        id: text("id")?,
        compartment: text("compartmentId")?,
        name: text("displayName"),
        availability_domain: text("availabilityDomain"),
        is_gone: text("lifecycleState").as_deref() == Some("DELETED"),
        key: None,
        freeform: serde_json::from_value(found["freeformTags"].clone()).unwrap_or_default(),
        defined: defined.into_iter().map(|(space, keys)| (space, keys.into_iter().map(tag).collect())).collect(),
    })
}

fn tag((name, value): (String, Value)) -> (String, String) {
    (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// RFC 3986: what is not unreserved is encoded.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
