//! The five domain ports in both directions: a host's port as ours, and ours as a host may call it.
//!
//! One list of calls for both, so that a port written in a host language and a view of World's speak the same JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use keywheel::model::{
    CompartmentId, Dependent, Etag, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Kind, Region, ReplicaStatus,
    StreamId, Tags, Timestamp, Vault, VaultId, VaultSummary, VaultUsage,
};
use keywheel::ports::{
    AuditEntry, AuditSink, Begun, CatalogPage, Cursor, KeyMint, KeyStore, KeyStorePromises, KindSpec, LastHeld, Notice,
    Notifier, Observation, Page, ReKeyer, Reply, ResourceCatalog, Scopes, Selector, StepRequest, Ticket, TicketReport,
    VersionMint,
};
use keywheel::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::json;

use crate::foreign::{Guest, Sort};
use crate::free::{read, write};
use crate::{Answer, Failure};

macro_rules! port {
    (@pass ref $arg:ident) => { &$arg };
    (@pass own $arg:ident) => { $arg };
    ($port:ident, $guest:ident, $serve:ident, $own:tt, { $($constant:item)* }, {
        $($sort:ident fn $name:ident($($pass:ident $arg:ident: $by:ty = $owned:ty),*) -> $out:ty;)*
    }) => {
        #[async_trait]
        impl $port for $guest {
            $($constant)*
            $(async fn $name(&self, $($arg: $by),*) -> Result<Reply<$out>> {
                self.guest.ask(stringify!($name), Sort::$sort, &json!({ $(stringify!($arg): $arg),* })).await
            })*
        }

        /// Calls a native port by a method's name.
        pub(crate) async fn $serve(port: &dyn $port, method: &str, arguments: &str) -> Answer {
            if let Some(answer) = $own(port, method, arguments) {
                return answer;
            }
            match method {
                $(stringify!($name) => {
                    #[derive(Deserialize)]
                    #[serde(deny_unknown_fields)]
                    struct Arguments { $($arg: $owned),* }
                    let Arguments { $($arg),* } = read(method, arguments)?;
                    write(method, &port.$name($(port!(@pass $pass $arg)),*).await?)
                })*
                _ => Err(Failure::refused(method, format!("{} has no method {method:?}", stringify!($port)))),
            }
        }
    };
}

/// A key store of the host's.
pub(crate) struct GuestKeyStore {
    guest: Guest,
    promises: KeyStorePromises,
}

impl GuestKeyStore {
    pub(crate) async fn meet(guest: Guest) -> Result<Arc<dyn KeyStore>> {
        let promises = guest.ask("promises", Sort::Look, &json!({})).await?;
        Ok(Arc::new(Self { guest, promises }))
    }
}

port!(KeyStore, GuestKeyStore, serve_key_store, (|port: &dyn KeyStore, method: &str, _: &str| {
    (method == "promises").then(|| write(method, &port.promises()))
}), {
    fn promises(&self) -> KeyStorePromises {
        self.promises
    }
}, {
    Look fn list_vaults(ref region: &Region = Region, ref compartment: &CompartmentId = CompartmentId, own cursor: Option<Cursor> = Option<Cursor>) -> Page<VaultSummary>;
    Look fn describe_vault(ref vault: &VaultId = VaultId) -> Vault;
    Look fn list_keys(ref vault: &VaultId = VaultId, ref compartment: &CompartmentId = CompartmentId, own cursor: Option<Cursor> = Option<Cursor>) -> Page<KeySummary>;
    Look fn describe_key(ref key: &KeyId = KeyId) -> Key;
    Look fn list_versions(ref key: &KeyId = KeyId, own cursor: Option<Cursor> = Option<Cursor>) -> Page<KeyVersion>;
    Effect fn create_version(ref mint: &VersionMint = VersionMint) -> KeyVersion;
    Effect fn create_key(ref mint: &KeyMint = KeyMint) -> Key;
    Look fn replication(ref key: &KeyId = KeyId, ref version: &KeyVersionId = KeyVersionId) -> Vec<ReplicaStatus>;
    Look fn usage(ref vault: &VaultId = VaultId) -> VaultUsage;
    Effect fn set_tags(ref key: &KeyId = KeyId, ref tags: &Tags = Tags, ref if_match: &Etag = Etag) -> Key;
});

/// A catalog of the host's.
pub(crate) struct GuestCatalog {
    guest: Guest,
}

impl GuestCatalog {
    pub(crate) fn meet(guest: Guest) -> Arc<dyn ResourceCatalog> {
        Arc::new(Self { guest })
    }
}

port!(ResourceCatalog, GuestCatalog, serve_catalog, (|_: &dyn ResourceCatalog, _: &str, _: &str| None), {}, {
    Look fn scopes() -> Scopes;
    Look fn dependents(ref selector: &Selector = Selector, ref region: &Region = Region, own cursor: Option<Cursor> = Option<Cursor>) -> CatalogPage;
});

/// A re-keyer of the host's; what it can do is asked once, since that is constant.
pub(crate) struct GuestReKeyer {
    guest: Guest,
    kinds: BTreeMap<Kind, KindSpec>,
}

impl GuestReKeyer {
    pub(crate) async fn meet(guest: Guest) -> Result<Arc<dyn ReKeyer>> {
        let mut kinds = BTreeMap::new();
        for kind in guest.ask::<Vec<Kind>>("kinds", Sort::Look, &json!({})).await? {
            let spec: Option<KindSpec> = guest.ask("describe", Sort::Look, &json!({ "kind": kind })).await?;
            let spec = spec.ok_or_else(|| {
                Error::new(ErrorKind::Foreign, "describe", "the port names a kind that it does not describe")
                    .with("kind", &kind)
            })?;
            kinds.insert(kind, spec);
        }
        Ok(Arc::new(Self { guest, kinds }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneKind {
    kind: Kind,
}

fn described(port: &dyn ReKeyer, method: &str, arguments: &str) -> Option<Answer> {
    match method {
        "kinds" => Some(write(method, &port.kinds())),
        "describe" => Some(read(method, arguments).and_then(|kind: OneKind| write(method, &port.describe(&kind.kind)))),
        _ => None,
    }
}

port!(ReKeyer, GuestReKeyer, serve_rekeyer, described, {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        self.kinds.get(kind).cloned()
    }

    fn kinds(&self) -> Vec<Kind> {
        self.kinds.keys().cloned().collect()
    }
}, {
    Look fn observe(ref dependent: &Dependent = Dependent) -> Observation;
    Effect fn begin(ref step: &StepRequest = StepRequest) -> Begun;
    Look fn poll(ref tickets: &[Ticket] = Vec<Ticket>, ref dependents: &[Dependent] = Vec<Dependent>) -> Vec<TicketReport>;
    Look fn find(ref dependent: &Dependent = Dependent, own since: Timestamp = Timestamp) -> Vec<TicketReport>;
});

/// An audit sink of the host's.
pub(crate) struct GuestSink {
    guest: Guest,
    name: String,
}

impl GuestSink {
    pub(crate) async fn meet(guest: Guest) -> Result<Arc<dyn AuditSink>> {
        let name = guest.ask("name", Sort::Look, &json!({})).await?;
        Ok(Arc::new(Self { guest, name }))
    }
}

port!(AuditSink, GuestSink, serve_sink, (|port: &dyn AuditSink, method: &str, _: &str| {
    (method == "name").then(|| write(method, &port.name()))
}), {
    fn name(&self) -> String {
        self.name.clone()
    }
}, {
    Effect fn record(ref entries: &[AuditEntry] = Vec<AuditEntry>) -> ();
    Look fn last_held(ref stream: &StreamId = StreamId) -> LastHeld;
});

/// A notifier of the host's.
pub(crate) struct GuestNotifier {
    guest: Guest,
    name: String,
}

impl GuestNotifier {
    pub(crate) async fn meet(guest: Guest) -> Result<Arc<dyn Notifier>> {
        let name = guest.ask("name", Sort::Look, &json!({})).await?;
        Ok(Arc::new(Self { guest, name }))
    }
}

port!(Notifier, GuestNotifier, serve_notifier, (|port: &dyn Notifier, method: &str, _: &str| {
    (method == "name").then(|| write(method, &port.name()))
}), {
    fn name(&self) -> String {
        self.name.clone()
    }
}, {
    Effect fn notify(ref notice: &Notice = Notice) -> String;
});
