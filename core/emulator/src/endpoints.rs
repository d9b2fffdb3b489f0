//! Where the emulator listens: one port per region, one per vault and per vault replica, one per instance's metadata.
//!
//! ListKeys means "the keys of this vault" and only the endpoint says which, so ports are the address
//! space. A port is opened when somebody first asks for it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keywheel::memory::VaultEndpoint;
use keywheel::model::Region;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::route::PortKind;
use crate::socket::Loopback;

/// What a port stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// The metadata service of one instance.
    Metadata { region: Region, instance: String },
    /// All regional services of one region.
    Region(Region),
    /// Management and crypto of one vault, or of its replica in another region.
    Vault(VaultEndpoint),
}

impl Endpoint {
    pub(crate) fn port_kind(&self) -> PortKind {
        match self {
            Self::Metadata { .. } | Self::Region(_) => PortKind::Region,
            Self::Vault(_) => PortKind::Vault,
        }
    }

    /// The region it is in.
    pub(crate) fn region(&self) -> &Region {
        match self {
            Self::Metadata { region, .. } | Self::Region(region) => region,
            Self::Vault(vault) => &vault.region,
        }
    }
}

/// Every port that is open, and how to close them all.
#[derive(Debug)]
pub(crate) struct Endpoints {
    runtime: Handle,
    open: Mutex<HashMap<Endpoint, SocketAddr>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
}

impl Endpoints {
    /// No port yet; later ones are served on this runtime.
    pub(crate) fn on(runtime: Handle) -> Self {
        Self { runtime, open: Mutex::default(), tasks: Mutex::default(), stop: watch::Sender::new(false) }
    }

    /// The address of an endpoint, opened with `serve` if it is not open yet.
    pub(crate) fn address(
        &self,
        endpoint: &Endpoint,
        serve: impl FnOnce(Loopback, watch::Receiver<bool>) -> JoinHandle<()>,
    ) -> io::Result<SocketAddr> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = open.get(endpoint) {
            return Ok(*address);
        }
        let _inside = self.runtime.enter();
        let (listener, address) = Loopback::bind()?;
        let task = serve(listener, self.stop.subscribe());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        open.insert(endpoint.clone(), address);
        Ok(address)
    }

    /// Serves something that is no endpoint of the cloud until every port stops.
    pub(crate) fn beside(&self, serve: impl FnOnce(watch::Receiver<bool>) -> JoinHandle<()>) {
        let _inside = self.runtime.enter();
        let task = serve(self.stop.subscribe());
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Tells every port to stop; connections finish what they are doing.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for every port to stop, at most this long.
    pub(crate) async fn stopped(&self, at_most: Duration) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in tasks {
                // A task that panicked has stopped too.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(at_most, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}
