//! What every HTTP client of ours shares: whose certificates it trusts, what counts as this machine, what it is called.
//!
//! Sends nothing itself.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::Url;
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::error::{Error, ErrorKind, Result};

/// The `user-agent` of everything that is sent.
pub(crate) const AGENT: &str = concat!("keywheel/", env!("CARGO_PKG_VERSION"));

/// Whether a URL's host is a literal loopback address; `localhost` is a name and is not.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whose certificates are good.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Those of an authority that somebody named, DER.
    #[cfg_attr(not(feature = "oci"), allow(dead_code, reason = "only a cluster has an authority of its own"))]
    Authority(Vec<Vec<u8>>),
    /// Nobody's: plain http needs none.
    Nobody,
    /// Those that this machine trusts.
    Platform,
}

/// TLS by our own provider, never the process's default.
pub(crate) fn tls(trust: Trust) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::bug("connect", "the TLS library knows no protocol").caused_by(cause))?;
    let mut roots = rustls::RootCertStore::empty();
    match trust {
        Trust::Nobody => {}
        Trust::Authority(certificates) => {
            for certificate in certificates {
                roots.add(certificate.into()).map_err(|cause| {
                    Error::new(ErrorKind::Config, "connect", "a certificate authority that was named cannot be used")
                        .caused_by(cause)
                })?;
            }
        }
        Trust::Platform => {
            let verified = builder.with_platform_verifier().map_err(|cause| {
                Error::new(
                    ErrorKind::Config,
                    "connect",
                    "this machine has no usable root certificates; install them (on Debian: apt install ca-certificates)",
                )
                .caused_by(cause)
            })?;
            return Ok(verified.with_no_client_auth());
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
