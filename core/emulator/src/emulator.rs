//! The emulator as a value: start it over a World, ask for URLs and users, shut it down.
//!
//! Never listens on anything but 127.0.0.1, and must never run on a virtual clock: signatures carry
//! the date of the wall.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keywheel::adapters::operation::Operation;
use keywheel::memory::{VaultEndpoint, World};
use keywheel::model::{Region, VaultId};
use tokio::runtime::Handle;

use crate::endpoints::Endpoints;
use crate::principals::{Instance, Pod, Principals, Resource, Session};
use crate::shared::{ArrivedMint, Shared};
use crate::users::{ApiUser, Users};

/// How long `shutdown` waits for connections to finish.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// What an emulator is made of.
#[derive(Clone)]
pub struct EmulatorSettings {
    /// The cloud behind the wire; over HTTP it lives by the wall clock.
    pub world: Arc<World>,
    /// Whether a connection is closed after a 429, and said to be: nobody documents what OCI does (oci-api §7.7). A 429
    /// never says when to come again.
    pub closes_after_throttling: bool,
}

impl EmulatorSettings {
    /// Everything as it is in OCI, over this World.
    #[must_use]
    pub fn new(world: Arc<World>) -> Self {
        Self { world, closes_after_throttling: false }
    }
}

/// OCI over HTTP on loopback, until it is dropped or shut down.
pub struct Emulator {
    shared: Arc<Shared>,
}

impl Emulator {
    /// Listens: one port per region and one per vault and vault replica there is; later ones on demand.
    pub async fn start(settings: EmulatorSettings) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            world: settings.world,
            closes_after_throttling: settings.closes_after_throttling,
            users: Users::default(),
            principals: Principals::found(),
            endpoints: Endpoints::on(Handle::current()),
            requests: AtomicU64::new(1),
            mints: Mutex::default(),
            answered: Mutex::default(),
            ends_at_mint: AtomicBool::new(false),
        });
        for region in shared.world.regions() {
            shared.region_url(&region)?;
        }
        for vault in shared.world.vaults() {
            for endpoint in shared.world.vault_endpoints(&vault) {
                shared.vault_url(endpoint)?;
            }
        }
        Ok(Self { shared })
    }

    /// The cloud behind the wire.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.shared.world
    }

    /// `http://127.0.0.1:PORT` of a region's services.
    pub fn region_url(&self, region: &Region) -> io::Result<String> {
        self.shared.region_url(region)
    }

    /// `http://127.0.0.1:PORT` of a vault's primary, as GetVault says it.
    ///
    /// `NotFound` for a vault that this World does not have.
    pub fn vault_url(&self, vault: &VaultId) -> io::Result<String> {
        match self.shared.world.vault_endpoints(vault).into_iter().next() {
            Some(primary) => self.shared.vault_url(primary),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("World has no vault {vault}"))),
        }
    }

    /// `http://127.0.0.1:PORT` of a vault's replica in another region.
    pub fn replica_url(&self, vault: &VaultId, region: &Region) -> io::Result<String> {
        self.shared.vault_url(VaultEndpoint { vault: vault.clone(), region: region.clone() })
    }

    /// A new user of the tenancy with a fresh API key.
    #[must_use]
    pub fn new_user(&self) -> ApiUser {
        let world = &self.shared.world;
        let user = format!("ocid1.user.oc1..aaaaemu{}", self.shared.next_request_id().to_lowercase());
        let home = world.regions().into_iter().next().expect("a World is founded with its home region");
        ApiUser::make(&self.shared.users, world.tenancy_id().as_str(), &user, home.as_str())
    }

    /// A person who signed in for a while: a session token instead of an API key. Their files go into `dir`.
    pub fn new_session(&self, dir: &Path, life: Duration) -> io::Result<Session> {
        Session::start(&self.shared, dir, life)
    }

    /// A resource with a principal of its own, such as a Function. Its token and key go into `dir`.
    pub fn new_resource(&self, dir: &Path, life: Duration) -> io::Result<Resource> {
        Resource::start(&self.shared, dir, life)
    }

    /// A compute instance with a metadata service of its own in the home region.
    pub fn new_instance(&self) -> io::Result<Instance> {
        Instance::start(&self.shared)
    }

    /// A pod of an enhanced OKE cluster; what is mounted into it goes into `dir`.
    pub fn new_pod(&self, dir: &Path) -> io::Result<Pod> {
        Pod::start(&self.shared, dir)
    }

    /// Makes every cluster a basic one: pods are refused with 403 from now on.
    pub fn make_clusters_basic(&self) {
        self.shared.principals.make_clusters_basic();
    }

    /// How long the tokens live that are issued from now on, by federation and to pods.
    pub fn set_token_life(&self, life: Duration) {
        self.shared.principals.set_token_life(life);
    }

    /// How many tokens were issued, by federation and to pods.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.shared.principals.tokens_issued()
    }

    /// Ends every session: what is signed with a token issued until now is refused with 401.
    pub fn end_sessions(&self) {
        self.shared.users.end_sessions(self.shared.now());
    }

    /// Ends every session when the next mint arrives, before it is looked at: that mint is refused with 401.
    pub fn end_sessions_at_the_next_mint(&self) {
        self.shared.ends_at_mint.store(true, Ordering::Relaxed);
    }

    /// The API keys, to register a public key that exists already.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.shared.users
    }

    /// Every request to mint that arrived at any endpoint, in order, before its signature was looked at: what a
    /// client sent, not what it says that it sent.
    #[must_use]
    pub fn arrived_mints(&self) -> Vec<ArrivedMint> {
        self.shared.mints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a user, named by their OCID, got a good answer of each operation of keywheel's table: what a client
    /// did, not what it says that it did.
    #[must_use]
    pub fn answered(&self, user: &str) -> BTreeMap<Operation, u64> {
        let answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = answered.iter().filter(|((who, _), _)| who == user);
        theirs.map(|((_, operation), count)| (*operation, *count)).collect()
    }

    /// Stops listening and waits briefly for what is being answered.
    pub async fn shutdown(self) {
        self.shared.endpoints.stop();
        self.shared.endpoints.stopped(SHUTDOWN_WAIT).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.endpoints.stop();
    }
}
