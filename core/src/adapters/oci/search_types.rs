//! Which types Resource Search knows, by its own list (oci-api §4): how our kinds are spelled there, and which it lacks.
//!
//! Asked once per region and client. Where the list is not shown the names are those that we know of, and that is said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::locate::is_hidden;
use super::operation::Operation;
use crate::error::Result;
use crate::model::{Kind, Region, TypesFrom};
use crate::ports::SearchTypes;

/// Names that a kind may have, in lower case, the likeliest first (the spelling is not documented).
const NAMES: &[(Kind, &[&str])] = &[
    (Kind::BackupPolicyAssignment, &["volumebackuppolicyassignment"]),
    (Kind::BlockVolume, &["volume"]),
    (Kind::BlockVolumeBackup, &["volumebackup"]),
    (Kind::BlockVolumeReplica, &["blockvolumereplica", "volumereplica"]),
    (Kind::BootVolume, &["bootvolume"]),
    (Kind::BootVolumeBackup, &["bootvolumebackup"]),
    (Kind::BootVolumeReplica, &["bootvolumereplica"]),
    (Kind::Bucket, &["bucket"]),
    (Kind::Cluster, &["clusterscluster", "cluster"]),
    (Kind::InstanceConfiguration, &["instanceconfiguration"]),
    (Kind::NodePool, &["clustersnodepool", "nodepool"]),
];

/// What a hit's type means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Types {
    from: TypesFrom,
    kinds: BTreeMap<String, Kind>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
}

impl Types {
    /// The names that we know of.
    fn documented() -> Self {
        let names = NAMES.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*name, kind)));
        let kinds = names.map(|(name, kind)| (name.to_owned(), kind.clone())).collect();
        Self { from: TypesFrom::Documented, kinds }
    }

    /// The names among these that are kinds of ours; case does not matter, and the service's spelling is what its hits have.
    fn listed(names: impl Iterator<Item = String>) -> Self {
        let known = Self::documented().kinds;
        let kinds = names.filter_map(|name| {
            let name = name.to_ascii_lowercase();
            let kind = known.get(&name)?.clone();
            Some((name, kind))
        });
        Self { from: TypesFrom::Service, kinds: kinds.collect() }
    }

    /// The kind of a hit. One that no list of types names is none of ours.
    pub(super) fn kind_of(&self, resource_type: &str) -> Kind {
        let name = resource_type.to_ascii_lowercase();
        self.kinds.get(&name).cloned().unwrap_or(Kind::Other(name))
    }

    /// Where the names are from, and which of these kinds Search does not list.
    pub(super) fn told(&self, wanted: &[Kind]) -> SearchTypes {
        let is_unlisted = |kind: &&Kind| !self.kinds.values().any(|one| one == *kind);
        SearchTypes { from: self.from, unlisted: wanted.iter().filter(is_unlisted).cloned().collect() }
    }
}

/// Lists that were read, by region.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<Region, Arc<Types>>>);

impl Known {
    /// The types of a region's Search. A list that is not shown is asked for again by the next pass.
    pub(super) async fn of(&self, client: &Client, region: &Region) -> Result<Arc<Types>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(region).cloned();
        if let Some(types) = known {
            return Ok(types);
        }
        let types = match names(client, region).await {
            Ok(names) => Arc::new(Types::listed(names.into_iter())),
            Err(error) if is_hidden(&error) || error.is_out_of_reach() => {
                tracing::warn!(%region, %error, "the types that Search knows were not shown; documented names are used");
                return Ok(Arc::new(Types::documented()));
            }
            Err(error) => return Err(error),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(region.clone(), Arc::clone(&types));
        Ok(types)
    }
}

async fn names(client: &Client, region: &Region) -> Result<Vec<String>> {
    let (mut names, mut page) = (Vec::new(), None::<String>);
    loop {
        let call =
            Call::new(Operation::ListResourceTypes, region).query("limit", &PAGE_ITEMS_MAX).page(page.as_deref());
        let answer = client.send(&call).await?;
        names.extend(answer.json::<Vec<Listed>>()?.into_iter().map(|listed| listed.name));
        page = answer.witnesses.next_page;
        if page.is_none() {
            return Ok(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_of_the_kind_that_its_type_names_in_whatever_case_and_none_of_ours_otherwise() {
        let types = Types::listed(["Bucket", "VOLUME", "MysqlDbSystem"].map(str::to_owned).into_iter());
        assert_eq!(types.kind_of("bucket"), Kind::Bucket);
        assert_eq!(types.kind_of("Volume"), Kind::BlockVolume);
        assert_eq!(types.kind_of("MysqlDbSystem"), Kind::Other("mysqldbsystem".to_owned()));
        assert_eq!(types.kind_of("BootVolume"), Kind::Other("bootvolume".to_owned()), "it is not listed");
        let told = types.told(&[Kind::Bucket, Kind::BootVolume]);
        assert_eq!(told, SearchTypes { from: TypesFrom::Service, unlisted: vec![Kind::BootVolume] });
        assert_eq!(Types::documented().kind_of("BootVolume"), Kind::BootVolume);
    }
}
