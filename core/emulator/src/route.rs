//! From method and path to an operation: keywheel's table for service, method and path, and a list of
//! operations that exist only here because official SDKs and the CLI call them.
//!
//! Whatever is in neither list does not exist, above all everything that deletes, exports or decrypts.

use keywheel::adapters::operation::{Operation, Service};
use percent_encoding::percent_decode_str;

/// Operations that keywheel must not or need not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    GetBootVolumeKmsKey,
    GetCompartment,
    GetVolumeKmsKey,
    ListWorkRequestErrors,
    ListWorkRequestLogs,
}

const ONLY_HERE: &[(Only, Service, &str, &str)] = &[
    (Only::GetVolumeKmsKey, Service::BlockStorage, "GET", "/20160918/volumes/{volumeId}/kmsKey"),
    (Only::GetBootVolumeKmsKey, Service::BlockStorage, "GET", "/20160918/bootVolumes/{bootVolumeId}/kmsKey"),
    (Only::GetCompartment, Service::Identity, "GET", "/20160918/compartments/{compartmentId}"),
    (Only::ListWorkRequestErrors, Service::ObjectStorage, "GET", "/workRequests/{workRequestId}/errors"),
    (Only::ListWorkRequestLogs, Service::ObjectStorage, "GET", "/workRequests/{workRequestId}/logs"),
];

/// An operation of either list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Table(Operation),
    Only(Only),
}

/// Which kind of port a service answers on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortKind {
    /// All regional services.
    Region,
    /// One vault's management and crypto endpoint.
    Vault,
}

/// What a request line means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Routed {
    /// An operation with its path parameters, decoded, in the order of the path.
    Found(Call, Vec<String>),
    /// The path exists with another method.
    OtherMethod,
    /// Nothing is here.
    Nothing,
}

/// Finds the operation of a request; `path` is as sent, still percent-encoded.
pub(crate) fn route(port: PortKind, method: &str, path: &str) -> Routed {
    let table =
        Operation::all().iter().map(|one| (Call::Table(*one), one.service(), one.method().as_str(), one.path()));
    let only = ONLY_HERE.iter().map(|(one, service, method, path)| (Call::Only(*one), *service, *method, *path));
    let mut other_method = false;
    for (call, service, row_method, template) in table.chain(only) {
        if answers_on(service) != port {
            continue;
        }
        let Some(parameters) = fit(template, path) else { continue };
        if row_method == method {
            return Routed::Found(call, parameters);
        }
        other_method = true;
    }
    if other_method { Routed::OtherMethod } else { Routed::Nothing }
}

fn answers_on(service: Service) -> PortKind {
    if service == Service::KmsManagement { PortKind::Vault } else { PortKind::Region }
}

/// Fits a path to a template. The last placeholder of an object path takes all that is left, slashes included.
fn fit(template: &str, path: &str) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut rest = path.strip_prefix('/')?;
    let mut segments = template.strip_prefix('/')?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let (given, after) = match rest.split_once('/') {
            _ if segment == "{objectName}" => (rest, ""),
            Some((given, after)) => (given, after),
            None if is_last => (rest, ""),
            None => return None,
        };
        if segment.starts_with('{') {
            if given.is_empty() {
                return None;
            }
            parameters.push(percent_decode_str(given).decode_utf8().ok()?.into_owned());
        } else if segment != given {
            return None;
        }
        rest = after;
    }
    // A trailing slash names the same thing.
    rest.is_empty().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Option<(Call, Vec<String>)> {
        match route(PortKind::Region, method, path) {
            Routed::Found(call, parameters) => Some((call, parameters)),
            _ => None,
        }
    }

    #[test]
    fn an_object_name_is_decoded_and_keeps_its_slashes() {
        let (call, parameters) = found("PUT", "/n/ns/b/audit/o/a%2Fb%20c.json").expect("PutObject");
        assert_eq!(call, Call::Table(Operation::PutObject));
        assert_eq!(parameters, ["ns", "audit", "a/b c.json"]);
        assert_eq!(found("GET", "/n/ns/b/audit/o/a/b").expect("GetObject").1, ["ns", "audit", "a/b"]);
    }

    #[test]
    fn a_missing_segment_is_no_parameter() {
        assert_eq!(found("GET", "/20180608/vaults/"), found("GET", "/20180608/vaults"));
        assert_eq!(route(PortKind::Region, "GET", "/n//b"), Routed::Nothing);
        assert_eq!(route(PortKind::Region, "DELETE", "/n/ns/b/audit"), Routed::OtherMethod);
    }

    #[test]
    fn keys_answer_on_their_vaults_port_only() {
        let path = "/20180608/keys/k/keyVersions";
        assert_eq!(route(PortKind::Region, "POST", path), Routed::Nothing);
        assert!(matches!(
            route(PortKind::Vault, "POST", path),
            Routed::Found(Call::Table(Operation::CreateKeyVersion), _)
        ));
        assert_eq!(route(PortKind::Vault, "GET", "/20180608/vaults"), Routed::Nothing);
    }

    #[test]
    fn the_key_of_a_volume_cannot_be_deleted() {
        for path in ["/20160918/volumes/v/kmsKey", "/20160918/bootVolumes/v/kmsKey", "/20160918/volumes/v"] {
            assert_eq!(route(PortKind::Region, "DELETE", path), Routed::OtherMethod, "{path}");
        }
        assert!(matches!(
            route(PortKind::Region, "PUT", "/20160918/bootVolumes/v/kmsKey"),
            Routed::Found(Call::Table(Operation::UpdateBootVolumeKmsKey), _)
        ));
        assert_eq!(route(PortKind::Vault, "GET", "/20160918/volumes/v"), Routed::Nothing);
    }

    #[test]
    fn what_destroys_or_reveals_does_not_exist() {
        for port in [PortKind::Region, PortKind::Vault] {
            for method in ["GET", "POST", "PUT", "DELETE"] {
                for path in [
                    "/20180608/exportKey",
                    "/20180608/decrypt",
                    "/20180608/generateDataEncryptionKey",
                    "/20180608/keys/k/actions/scheduleDeletion",
                    "/20180608/keys/k/actions/disable",
                    "/20180608/keys/k/keyVersions/v/actions/scheduleDeletion",
                    "/20180608/vaults/v/actions/scheduleDeletion",
                    "/20190301/secretbundles/s",
                ] {
                    assert_eq!(route(port, method, path), Routed::Nothing, "{method} {path}");
                }
            }
        }
    }
}
