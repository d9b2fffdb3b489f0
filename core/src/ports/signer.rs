//! Signing checkpoints: Vault Sign with a separate asymmetric key, or a local key marked self-attested.

use async_trait::async_trait;

use super::Reply;
use crate::error::Result;

/// What a verifier needs offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerPublicKey {
    /// Algorithm by OCI's name, e.g. `SHA_256_RSA_PKCS_PSS`.
    pub algorithm: String,
    /// The public key, PEM.
    pub pem: String,
    /// `true` if nobody but this machine vouches for the key.
    pub self_attested: bool,
}

/// Signs digests.
///
/// 1. A signature verifies under `public_key` offline. (`a_signature_verifies_offline`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait Signer: Send + Sync {
    /// Signs a SHA-256 digest.
    async fn sign(&self, digest: &[u8; 32]) -> Result<Reply<Vec<u8>>>;

    /// The key a verifier needs.
    async fn public_key(&self) -> Result<Reply<SignerPublicKey>>;
}
