//! keywheel's `Credentials` as the SDK's `AuthProvider`: what the SDK has no principals for, it can borrow.
//!
//! A snapshot, because the SDK reads the key once when a client is made. The key leaves keywheel only if the
//! credentials were made exportable, which is said where they are made.

use std::fmt;

use keywheel::adapters::oci::credentials::Credentials;
use keywheel::{Error, ErrorKind, Result};
use oci_rust_sdk::auth::AuthProvider;
use secrecy::{ExposeSecret as _, SecretString};

/// Who keywheel's credentials were at one moment, in the SDK's words.
pub struct Lent {
    key_id: SecretString,
    key: SecretString,
}

impl Lent {
    /// Takes the snapshot. Of a session it ends with the session: ask [`Self::is_current`] before each use, and make
    /// provider and client anew when it is not.
    ///
    /// # Errors
    /// `Refused`, if the credentials do not hand out their key; whatever renewing them says.
    pub async fn of(credentials: &dyn Credentials) -> Result<Self> {
        // Renewed first, so that key and id are of one session; if it changed meanwhile, they are taken again.
        let mut key_id = credentials.key_id().await?;
        loop {
            let key = credentials.exportable_key().ok_or_else(|| {
                Error::new(
                    ErrorKind::Refused,
                    "lend_credentials",
                    "these credentials keep their key; make them with `exportable()` if the SDK shall have it",
                )
            })?;
            let after = credentials.key_id().await?;
            if after == key_id {
                return Ok(Self { key_id: key_id.into(), key });
            }
            key_id = after;
        }
    }

    /// Whether the credentials still sign under this name.
    pub async fn is_current(&self, credentials: &dyn Credentials) -> Result<bool> {
        Ok(credentials.key_id().await? == self.key_id.expose_secret())
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl AuthProvider for Lent {
    fn get_key_id(&self) -> String {
        self.key_id.expose_secret().to_owned()
    }

    fn get_private_key(&self) -> &str {
        self.key.expose_secret()
    }

    fn get_passphrase(&self) -> Option<&str> {
        None
    }
}
