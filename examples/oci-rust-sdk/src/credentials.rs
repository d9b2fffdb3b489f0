//! The SDK's `AuthProvider` as keywheel's `Credentials`.
//!
//! The provider says who signs and with which key; the signature itself is keywheel's. The SDK's own signer is never
//! asked: it signs without blinding (RUSTSEC-2023-0071) and reads one of six forms that key files have.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keywheel::Result;
use keywheel::adapters::oci::credentials::{Credentials, Refreshed, SigningKey};
use oci_rust_sdk::auth::AuthProvider;
use secrecy::SecretString;

/// Signs as whoever an `AuthProvider` of the SDK says.
///
/// Not for the SDK's `InstancePrincipalsAuthProvider`: it blocks inside async code and panics. keywheel has instance
/// principals of its own, and [`Lent`](crate::Lent) hands them to the SDK.
pub struct SdkCredentials {
    provider: Arc<dyn AuthProvider>,
    held: Mutex<Held>,
}

/// What the provider said last, and the key that was read from it.
#[derive(Clone)]
struct Held {
    key_id: String,
    key: Arc<SigningKey>,
}

impl Held {
    fn read(provider: &dyn AuthProvider) -> Result<Self> {
        let passphrase = provider.get_passphrase().map(|text| SecretString::from(text.to_owned()));
        let key = SigningKey::from_pem(provider.get_private_key().as_bytes(), passphrase.as_ref())?;
        Ok(Self { key_id: provider.get_key_id(), key: Arc::new(key) })
    }
}

impl SdkCredentials {
    /// Reads the provider's key.
    ///
    /// # Errors
    /// `Config`, if it cannot be used; nothing of it is repeated.
    pub fn new(provider: Arc<dyn AuthProvider>) -> Result<Self> {
        let held = Mutex::new(Held::read(&*provider)?);
        Ok(Self { provider, held })
    }

    /// What is held, read anew if the provider calls itself otherwise by now.
    fn held(&self) -> Result<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.key_id != self.provider.get_key_id() {
            *held = Held::read(&*self.provider)?;
        }
        Ok(held.clone())
    }
}

#[async_trait]
impl Credentials for SdkCredentials {
    async fn key_id(&self) -> Result<String> {
        Ok(self.held()?.key_id)
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        self.held()?.key.signature(signing_string)
    }

    async fn refresh(&self) -> Result<Refreshed> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Held::read(&*self.provider)?;
        let is_same = (&fresh.key_id, fresh.key.fingerprint()) == (&held.key_id, held.key.fingerprint());
        *held = fresh;
        Ok(if is_same { Refreshed::Same } else { Refreshed::Renewed })
    }
}
