//! Names of things, parsed once at the edge.
//!
//! An OCID is opaque: nobody may read a region or an endpoint out of it (oci-api §0 fact 16).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a string is not the name it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct ParseIdError {
    /// The offending text, cut to 80 characters.
    pub value: String,
    /// What was expected, with an example where that helps.
    pub expected: &'static str,
}

fn refuse(value: &str, expected: &'static str) -> ParseIdError {
    ParseIdError { value: value.chars().take(80).collect(), expected }
}

/// The pattern of oci-api §1.3: `ocid1.<type>.<realm>.<region>.<unique>`, at least four segments before the last.
fn is_ocid(text: &str) -> bool {
    text.len() <= 255
        && text.starts_with("ocid1.")
        && text.split('.').count() >= 5
        && text.split('.').next_back().is_some_and(|last| !last.is_empty())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Parses ", $expected, ".")]
            pub fn parse(text: impl Into<String>) -> Result<Self, ParseIdError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(refuse(&text, $expected)) }
            }

            /// Returns the text as it came.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(text: String) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// A master encryption key's OCID.
    KeyId, |t| is_ocid(t) && t.starts_with("ocid1.key."), "a key OCID (ocid1.key.…)");
name!(
    /// A key version's OCID.
    KeyVersionId, |t| is_ocid(t) && t.starts_with("ocid1.keyversion."), "a key version OCID (ocid1.keyversion.…)");
name!(
    /// A vault's OCID.
    VaultId, |t| is_ocid(t) && t.starts_with("ocid1.vault."), "a vault OCID (ocid1.vault.…)");
name!(
    /// A compartment's OCID; the tenancy is the root compartment.
    CompartmentId,
    |t| is_ocid(t) && (t.starts_with("ocid1.compartment.") || t.starts_with("ocid1.tenancy.")),
    "a compartment or tenancy OCID (ocid1.compartment.…)");
name!(
    /// A custom log's OCID.
    LogId, |t| is_ocid(t) && t.starts_with("ocid1.log."), "a log OCID (ocid1.log.…)");
name!(
    /// A notification topic's OCID.
    TopicId, |t| is_ocid(t) && t.starts_with("ocid1.onstopic."), "a topic OCID (ocid1.onstopic.…)");
name!(
    /// Any resource's OCID.
    ResourceId, is_ocid, "an OCID (ocid1.<type>.<realm>.<region>.<unique>)");
name!(
    /// A region's identifier, such as `us-ashburn-1`.
    Region,
    |t| t.len() >= 3 && t.len() <= 40 && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
    "a region identifier (us-ashburn-1)");
name!(
    /// What one request was called by the service that answered it (`opc-request-id`).
    RequestId, is_token, "a request id");
name!(
    /// An `opc-retry-token`.
    RetryToken, is_token, "a retry token");
name!(
    /// An entity tag, kept exactly as the service sent it.
    Etag, |t| !t.is_empty() && t.len() <= 512 && !t.contains(['\r', '\n']), "an etag");
name!(
    /// The handle of an asynchronous operation (`opc-work-request-id`).
    WorkRequestId, is_token, "a work request id");
name!(
    /// An Object Storage namespace.
    NamespaceName, is_token, "an Object Storage namespace");
name!(
    /// One process that drives rotations; random, never a host name.
    RunnerId, is_token, "a runner id");
name!(
    /// Who asked for something: an id, never a person's name.
    Actor, is_token, "an actor id");
name!(
    /// The short name of a rotation: 16 characters of base32, see `rotation::rid`.
    RotationId,
    |t| t.len() == 16 && t.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)),
    "a rotation id (16 characters a-z, 2-7)");

/// A compartment with what one needs to speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Compartment {
    /// Its OCID.
    pub id: CompartmentId,
    /// Its display name, foreign text.
    pub name: String,
    /// The compartment that holds it; `None`: it is the root, or what holds it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<CompartmentId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocid_of_another_type_is_not_a_key() {
        assert!(KeyId::parse("ocid1.key.oc1.iad.aaaaemu1.k1").is_ok());
        assert!(KeyId::parse("ocid1.vault.oc1.iad.aaaaemu1.k1").is_err());
        assert!(KeyId::parse("ocid1.key.oc1.iad.").is_err());
        assert!(KeyId::parse("ocid1.key.oc1.iad.aaaa' || true").is_err());
    }

    #[test]
    fn an_error_says_what_was_expected() {
        let error = VaultId::parse("my vault").expect_err("a display name is no OCID");
        assert!(error.to_string().contains("ocid1.vault"), "{error}");
    }
}
