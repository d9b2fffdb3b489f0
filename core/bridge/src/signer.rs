//! Credentials of the host's: its key stays where it is, and what is to be signed is handed over.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use data_encoding::BASE64;
use keywheel::adapters::oci::credentials::{Credentials, Principal, Refreshed};
use keywheel::model::{CompartmentId, Region};
use keywheel::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::json;

use crate::foreign::{Guest, Sort};

/// Who a host's signer is.
#[derive(Deserialize)]
struct Known {
    key_id: String,
    tenancy: CompartmentId,
    region: Region,
}

struct GuestCredentials {
    guest: Guest,
    key_id: RwLock<String>,
}

/// Meets a signer: `identity`, `sign`, `refresh`.
pub(crate) async fn meet(guest: Guest) -> Result<Principal> {
    let Known { key_id, tenancy, region } = guest.ask("identity", Sort::Look, &json!({})).await?;
    let credentials = Arc::new(GuestCredentials { guest, key_id: RwLock::new(key_id) });
    Ok(Principal { credentials, tenancy, region })
}

#[async_trait]
impl Credentials for GuestCredentials {
    async fn key_id(&self) -> Result<String> {
        Ok(self.key_id.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        let signed: String = self.guest.ask("sign", Sort::Look, &json!({ "text": signing_string })).await?;
        BASE64.decode(signed.as_bytes()).map_err(|_| {
            Error::new(ErrorKind::Foreign, "sign", "the signer's answer is not base64, so it is no signature")
        })
    }

    async fn refresh(&self) -> Result<Refreshed> {
        let key_id: String = self.guest.ask("refresh", Sort::Look, &json!({})).await?;
        let mut held = self.key_id.write().unwrap_or_else(PoisonError::into_inner);
        let refreshed = if *held == key_id { Refreshed::Same } else { Refreshed::Renewed };
        *held = key_id;
        Ok(refreshed)
    }
}
