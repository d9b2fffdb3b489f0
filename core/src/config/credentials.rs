//! `[credentials]`: who signs, and what each kind may be told.
//!
//! Nothing secret can be written here: keys and tokens are in files, in the environment of a platform, or fetched.

use std::path::PathBuf;
use std::str::FromStr as _;

use super::problem::Problem;
use super::reader::Table;
use super::sections::{Paths, is_loopback};
use crate::model::{CompartmentId, Region};

/// Who signs requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A compute instance, by its certificate.
    InstancePrincipal {
        /// The metadata service of a rehearsal, on literal loopback.
        metadata: Option<String>,
    },
    /// What the profile of the OCI config file says: an API key, or a session.
    #[default]
    Profile,
    /// A Function or another resource, by what its platform put into the environment.
    ResourcePrincipal,
    /// A session of a person: the profile must name a token file.
    SessionToken,
    /// A pod of an enhanced OKE cluster, by its service account.
    WorkloadIdentity(WorkloadAccess),
}

impl CredentialKind {
    /// The kind of this name, told nothing more.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let kinds = [
            Self::Profile,
            Self::SessionToken,
            Self::InstancePrincipal { metadata: None },
            Self::ResourcePrincipal,
            Self::WorkloadIdentity(WorkloadAccess::default()),
        ];
        kinds.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name in a config.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InstancePrincipal { .. } => "instance_principal",
            Self::Profile => "profile",
            Self::ResourcePrincipal => "resource_principal",
            Self::SessionToken => "session_token",
            Self::WorkloadIdentity(_) => "workload_identity",
        }
    }
}

/// What a config may say about a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadAccess {
    /// Its region, before the one in its environment.
    pub region: Option<Region>,
    /// Its tenancy, for clusters whose tokens do not say it.
    pub tenancy: Option<CompartmentId>,
    /// The service account's token, if it is mounted somewhere else.
    pub token_file: Option<PathBuf>,
    /// The certificate of the cluster's authority, before the one in its environment.
    pub ca_file: Option<PathBuf>,
    /// The proxymux of a rehearsal, on literal loopback.
    pub proxymux: Option<String>,
}

const REHEARSAL: &str = "it is for rehearsals only, when every region is a loopback endpoint";

/// Reads the section; `is_test` says that regions are loopback endpoints.
pub(super) fn credentials(
    mut table: Table<'_>,
    paths: &Paths<'_>,
    is_test: bool,
    found: &mut Vec<Problem>,
) -> CredentialKind {
    let remedy =
        "write \"profile\", \"session_token\", \"instance_principal\", \"resource_principal\" or \"workload_identity\"";
    let by_name = |text: &str| CredentialKind::named(text).ok_or("there is no such kind of credentials");
    let kind = table.parsed("kind", by_name, remedy, found).unwrap_or_default();

    let metadata = table.string("metadata", found).map(|base| base.trim_end_matches('/').to_owned());
    let access = WorkloadAccess {
        region: table.parsed("region", Region::from_str, "write a region identifier", found),
        tenancy: table.parsed("tenancy", CompartmentId::from_str, "write the tenancy's OCID", found),
        token_file: paths.read(&mut table, "token_file", found),
        ca_file: paths.read(&mut table, "ca_file", found),
        proxymux: table.string("proxymux", found).map(|base| base.trim_end_matches('/').to_owned()),
    };
    let of_instance = matches!(kind, CredentialKind::InstancePrincipal { .. });
    let of_pod = matches!(kind, CredentialKind::WorkloadIdentity(_));
    for (key, is_set, is_read, owner) in [
        ("metadata", metadata.is_some(), of_instance, "instance_principal"),
        ("region", access.region.is_some(), of_pod, "workload_identity"),
        ("tenancy", access.tenancy.is_some(), of_pod, "workload_identity"),
        ("token_file", access.token_file.is_some(), of_pod, "workload_identity"),
        ("ca_file", access.ca_file.is_some(), of_pod, "workload_identity"),
        ("proxymux", access.proxymux.is_some(), of_pod, "workload_identity"),
    ] {
        if is_set && !is_read {
            let why = format!("it is read only with kind = {owner:?}, and kind is {:?}", kind.name());
            table.problem(key, why, "delete it, or write that kind", found);
        }
    }
    for (key, base, is_read, scheme) in
        [("metadata", &metadata, of_instance, "http://"), ("proxymux", &access.proxymux, of_pod, "https://")]
    {
        let example = format!("write \"{scheme}127.0.0.1:PORT\"");
        match base {
            _ if !is_read => {}
            Some(_) if !is_test => {
                table.problem(key, REHEARSAL, "delete it, or add [endpoints] for a rehearsal", found);
            }
            Some(base) if !is_loopback(scheme, base) => {
                table.problem(key, "it is not on a literal loopback address with a port", example, found);
            }
            None if is_test => {
                let why = "it is missing: a rehearsal must not sign with the credentials of a real tenancy";
                table.problem(key, why, example, found);
            }
            _ => {}
        }
    }
    table.finish(found);
    match kind {
        CredentialKind::InstancePrincipal { .. } => CredentialKind::InstancePrincipal { metadata },
        CredentialKind::WorkloadIdentity(_) => CredentialKind::WorkloadIdentity(access),
        other => other,
    }
}
