//! Who signs: the trait the transport asks for signatures, and what implements it.
//!
//! A private key is read, checked and used here and leaves this folder only through
//! `exportable_key`, which says no by default. Nothing here is ever `Debug`, logged or serialized.

mod certificate;
mod config_file;
mod door;
mod files;
mod instance_principal;
mod key_file;
mod legacy_pem;
mod renewing;
mod resource_principal;
mod session_token;
mod token;
mod workload_identity;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

pub use config_file::{ConfigFile, Profile, ProfileKind};
pub use instance_principal::InstancePrincipal;
pub use key_file::SigningKey;
pub use resource_principal::ResourcePrincipal;
pub use workload_identity::{WorkloadIdentity, WorkloadSettings};

use crate::error::Result;
use crate::model::{CompartmentId, Region};

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
/// The transport builds the signing string and sets the date; an implementation only signs. It promises:
///
/// 1. `key_id` and `sign` belong together as long as `key_id` says the same before and after; the transport asks
///    again when it does not. Whatever ends is renewed by them in good time, once for all who wait.
/// 2. An error of any call means that no request was made.
/// 3. `refresh` is asked after a 401. It never sends anything for the caller: a read is then sent once more, a mint
///    never is.
///
/// Somebody else's signer, such as one in hardware:
///
/// ```
/// use std::sync::Arc;
///
/// use keywheel::adapters::oci::credentials::{Credentials, Principal, Refreshed};
/// use keywheel::adapters::oci::{Client, ClientSettings};
/// use keywheel::model::{CompartmentId, Region};
///
/// struct InHardware;
///
/// #[async_trait::async_trait]
/// impl Credentials for InHardware {
///     async fn key_id(&self) -> keywheel::Result<String> {
///         Ok("ocid1.tenancy.oc1..t/ocid1.user.oc1..u/20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34".to_owned())
///     }
///
///     async fn sign(&self, signing_string: &str) -> keywheel::Result<Vec<u8>> {
///         Ok(ask_the_token(signing_string.as_bytes()))
///     }
///
///     async fn refresh(&self) -> keywheel::Result<Refreshed> {
///         Ok(Refreshed::Same)
///     }
/// }
/// # fn ask_the_token(_: &[u8]) -> Vec<u8> { vec![0; 256] }
///
/// let principal = Principal {
///     credentials: Arc::new(InHardware),
///     tenancy: CompartmentId::parse("ocid1.tenancy.oc1..t")?,
///     region: Region::parse("us-ashburn-1")?,
/// };
/// let client = Client::with_principal(principal, ClientSettings::default());
/// assert_eq!(client.tenancy().as_str(), "ocid1.tenancy.oc1..t");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The `keyId` of the `authorization` header: `tenancy/user/fingerprint` of an API key, `ST$token` of a session.
    async fn key_id(&self) -> Result<String>;

    /// Signs with RSASSA-PKCS1-v1_5 and SHA-256.
    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>>;

    /// Reads or fetches them anew, after a 401.
    async fn refresh(&self) -> Result<Refreshed>;

    /// The private key, PEM, for whoever must hand it on to another client; none by default.
    ///
    /// Of a session it is the present session's, and of no use once `key_id` says something else.
    fn exportable_key(&self) -> Option<SecretString> {
        None
    }
}

/// Somebody who signs, and where they are at home.
#[derive(Clone)]
pub struct Principal {
    /// What signs.
    pub credentials: Arc<dyn Credentials>,
    /// The tenancy, which is the root compartment.
    pub tenancy: CompartmentId,
    /// Where calls go that name no region.
    pub region: Region,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("tenancy", &self.tenancy)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
