//! Who signs: the trait the transport asks for signatures, and what implements it.
//!
//! A private key is read, checked and used here and leaves this folder only through
//! `exportable_key`, which says no by default. Nothing here is ever `Debug`, logged or serialized.

mod config_file;
mod key_file;
mod legacy_pem;

use async_trait::async_trait;
use secrecy::SecretString;

pub use config_file::{ConfigFile, ConfigFileCredentials};
pub use key_file::SigningKey;

use crate::error::Result;

/// What became of an attempt to renew credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// They are as they were; asking again with them would fail again.
    Same,
    /// They are new.
    Renewed,
}

/// Signs requests for one principal.
///
/// The transport builds the signing string and sets the date; an implementation only signs. A key id
/// read before and a signature made after a `refresh` do not belong together: the service refuses them
/// with 401, which has no effect.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The `keyId` of the `authorization` header.
    fn key_id(&self) -> String;

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256.
    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>>;

    /// Reads or fetches them anew, after a 401 or before they expire.
    async fn refresh(&self) -> Result<Refreshed>;

    /// The private key, PEM, for whoever must hand it on to another client; none by default.
    fn exportable_key(&self) -> Option<SecretString> {
        None
    }
}
