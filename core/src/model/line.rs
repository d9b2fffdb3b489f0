//! One line of the journal as bytes: sealed, chained, named by stream and number.
//!
//! What a line *means* is the journal room's business; storage never looks inside.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{KeyId, RotationId, VaultId};

/// A stream's name: `registry`, `r/<rid>`, `r/<rid>/p/<n>`, `vault/<id>`, `key/<id>`, `meta` (design §7),
/// and `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct StreamId(String);

impl StreamId {
    /// The one list of rotations; a compare-and-append here is R6's lock.
    #[must_use]
    pub fn registry() -> Self {
        Self("registry".to_owned())
    }

    /// Learned rates and sink cursors.
    #[must_use]
    pub fn meta() -> Self {
        Self("meta".to_owned())
    }

    /// What `doctor` wrote: probes of the journal, and every mint on a throw-away key.
    #[must_use]
    pub fn doctor() -> Self {
        Self("doctor".to_owned())
    }

    /// A rotation's own stream.
    #[must_use]
    pub fn rotation(rid: &RotationId) -> Self {
        Self(format!("r/{rid}"))
    }

    /// One page of a rotation.
    #[must_use]
    pub fn page(rid: &RotationId, page: u32) -> Self {
        Self(format!("r/{rid}/p/{page}"))
    }

    /// A key's: first seen, request ids, cancel-until.
    #[must_use]
    pub fn key(key: &KeyId) -> Self {
        Self(format!("key/{key}"))
    }

    /// A vault's: quota and mint budget.
    #[must_use]
    pub fn vault(vault: &VaultId) -> Self {
        Self(format!("vault/{vault}"))
    }

    /// A name read back from storage.
    #[must_use]
    pub fn stored(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 in lower-case hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct LineHash(String);

impl LineHash {
    /// The hash before the first line of every stream.
    #[must_use]
    pub fn genesis() -> Self {
        Self("0".repeat(64))
    }

    /// A hash computed or read back; 64 hex digits, anything else never equals a computed one.
    #[must_use]
    pub fn stored(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a stream ends: the number the next line will get, and the hash it must name as `prev`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Head {
    /// Number of the next line; 0 for a stream that does not exist.
    pub next_seq: u64,
    /// Hash of the last line, or [`LineHash::genesis`].
    pub hash: LineHash,
}

impl Head {
    /// The head of a stream that does not exist.
    #[must_use]
    pub fn empty() -> Self {
        Self { next_seq: 0, hash: LineHash::genesis() }
    }
}

/// A line ready to be stored: the text is canonical JSON and contains the other fields too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLine {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its number in the stream, from 0.
    pub seq: u64,
    /// Hash of the line before it.
    pub prev: LineHash,
    /// Its own hash.
    pub hash: LineHash,
    /// 128 random bits per append attempt: tells our own line from somebody else's after a lost answer.
    pub nonce: String,
    /// The canonical JSON, without a line break.
    pub text: String,
}
