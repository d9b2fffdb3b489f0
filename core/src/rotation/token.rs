//! Names computed, never drawn: rotation ids and retry tokens.
//!
//! Whoever means the same rotation computes the same name, in every process and language.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use sha2::{Digest, Sha256};

use crate::model::{KeyId, KeyVersionId, RetryToken, RotationId, RotationName};

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update([0]);
        }
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// The short name of a rotation: 16 characters of lower-case base32 over key, superseded version, ordinal.
#[must_use]
pub fn rid(name: &RotationName) -> RotationId {
    let hash = digest(&[name.key.as_str(), name.superseded.as_str(), &name.ordinal.to_string()]);
    let text = BASE32_NOPAD.encode(&hash).to_ascii_lowercase();
    RotationId::parse(&text[..16]).expect("base32 has the rotation id's alphabet")
}

/// What the lineage tag of a successor says: a short name of its predecessor, then the rotation that made it. Whoever
/// looks for the successor of a key finds it by the first half, whichever rotation it came from.
#[must_use]
pub fn lineage_value(predecessor: &KeyId, rotation: &RotationId) -> String {
    format!("{}{rotation}", lineage_mark(predecessor))
}

/// The first half of a lineage tag: the same for every rotation of one predecessor.
#[must_use]
pub fn lineage_mark(predecessor: &KeyId) -> String {
    let text = BASE32_NOPAD.encode(&digest(&["keywheel/lineage/v1", predecessor.as_str()])).to_ascii_lowercase();
    format!("{}/", &text[..16])
}

/// The retry token of one mint (R7): the same for every send of one generation, never random.
#[must_use]
pub fn retry_token(name: &RotationName, leg: u32, operation: &str, generation: u32) -> RetryToken {
    let hash = digest(&[
        "keywheel/v1",
        name.key.as_str(),
        name.superseded.as_str(),
        &name.ordinal.to_string(),
        &leg.to_string(),
        operation,
        &generation.to_string(),
    ]);
    RetryToken::parse(BASE64URL_NOPAD.encode(&hash)).expect("base64url is graphic")
}

/// The retry token of a mint that only tests the service: never one that a rotation could compute.
#[must_use]
pub fn checkup_token(key: &KeyId, newest: &KeyVersionId, checkup: u32, step: &str, try_number: u32) -> RetryToken {
    let hash = digest(&[
        "keywheel/doctor/v1",
        key.as_str(),
        newest.as_str(),
        &checkup.to_string(),
        step,
        &try_number.to_string(),
    ]);
    RetryToken::parse(BASE64URL_NOPAD.encode(&hash)).expect("base64url is graphic")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(ordinal: u32) -> RotationName {
        RotationName {
            key: KeyId::parse("ocid1.key.oc1.iad.aaaa.k").expect("valid"),
            superseded: KeyVersionId::parse("ocid1.keyversion.oc1.iad.aaaa.v").expect("valid"),
            ordinal,
        }
    }

    #[test]
    fn whoever_means_the_same_rotation_computes_the_same_names() {
        assert_eq!(rid(&name(1)), rid(&name(1)));
        assert_ne!(rid(&name(1)), rid(&name(2)));
        assert_eq!(rid(&name(1)).as_str().len(), 16);
    }

    #[test]
    fn a_token_differs_by_leg_operation_and_generation_only() {
        let one = retry_token(&name(1), 1, "create_version", 1);
        assert_eq!(one, retry_token(&name(1), 1, "create_version", 1));
        for other in [
            retry_token(&name(1), 2, "create_version", 1),
            retry_token(&name(1), 1, "create_key", 1),
            retry_token(&name(1), 1, "create_version", 2),
            retry_token(&name(2), 1, "create_version", 1),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one.as_str().len(), 43, "a SHA-256 in base64url without padding");
    }

    /// Frozen: a journal written yesterday and a runner of today must agree on names.
    #[test]
    fn names_are_frozen() {
        assert_eq!(rid(&name(1)).as_str(), "w3wo6m6tplbnadjh");
        assert_eq!(
            retry_token(&name(1), 1, "create_version", 1).as_str(),
            "3_PA41QdjpOF1R-Oij4PXmBKrN6zHvCoWBiaO_DwoJU"
        );
    }
}
