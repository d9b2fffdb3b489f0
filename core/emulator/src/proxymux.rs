//! The proxymux of an OKE cluster: a service account's token in, a token for a pod's key out, over TLS.
//!
//! Its certificate comes from an authority that nobody but the pod trusts. One small HTTP server of its own,
//! because nothing else here speaks TLS.
#![allow(clippy::disallowed_methods, reason = "a server has tasks of its own, and gives up on who says nothing")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::Listener;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::server::TlsStream;

use crate::principals::Holder;
use crate::shared::Shared;

const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// A certificate and its key, DER.
pub(crate) struct Server {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Listens on a free port of 127.0.0.1 until the emulator stops.
pub(crate) fn listen(shared: &Arc<Shared>, server: Server) -> io::Result<SocketAddr> {
    let key = server.key.try_into().map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![server.certificate.into()], key)
        .map_err(io::Error::other)?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let router = Router::new().route("/resourcePrincipalSessionTokens", post(answer)).with_state(Arc::clone(shared));
    shared.endpoints.beside(|mut stop| {
        let listener = TcpListener::from_std(listener).map(|listener| Tls { listener, acceptor });
        tokio::spawn(async move {
            let Ok(listener) = listener.inspect_err(|error| tracing::warn!(%error, "no proxymux")) else {
                return;
            };
            let stopped = async move {
                let _ = stop.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::warn!(%error, "a proxymux of the emulator stopped");
            }
        })
    });
    Ok(address)
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match tokio::time::timeout(HANDSHAKE_TIME_MAX, self.acceptor.accept(stream)).await {
                Ok(Ok(stream)) => return (stream, address),
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    pod_key: String,
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    if shared.principals.clusters_are_basic() {
        return (StatusCode::FORBIDDEN, "workload identity is not available in this cluster".to_owned());
    }
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(principal) = bearer.and_then(|bearer| shared.principals.pod(bearer)) else {
        return (StatusCode::UNAUTHORIZED, "no pod has this service account token".to_owned());
    };
    let request = serde_json::from_slice::<Request>(&body).ok();
    let Some(spki) = request.and_then(|request| BASE64.decode(request.pod_key.as_bytes()).ok()) else {
        return (StatusCode::BAD_REQUEST, "podKey is no public key".to_owned());
    };
    let tenancy = shared.world.tenancy_id();
    let holder = Holder { tenancy: tenancy.as_str(), compartment: tenancy.as_str(), principal: &principal, spki };
    let token = shared.principals.issue(&shared, holder);
    // As the real one answers: JSON in base64, with the prefix of a keyId.
    (StatusCode::OK, BASE64.encode(json!({ "token": format!("ST${token}") }).to_string().as_bytes()))
}
