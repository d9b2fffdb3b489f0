//! The few requests that are made to get credentials: metadata, federation, proxymux. One attempt each.
//!
//! They are not operations of the table, so they cannot go through the transport, and nothing of the table can go
//! through here. What a far end says in a refusal is not repeated: it may hold what we sent.

use bytes::{Bytes, BytesMut};
use reqwest::{Request, Url};

use crate::adapters::http::is_loopback;
use crate::adapters::http::{Trust, tls};
use crate::adapters::oci::answer::Witnesses;
use crate::adapters::oci::transport::Timeouts;
use crate::error::{Error, ErrorKind, Result};

/// Tokens and certificates have a few kilobytes.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The fixed addresses of the metadata service, which speaks plain http.
pub(super) const METADATA_ADDRESSES: [&str; 2] =
    ["http://169.254.169.254/opc/v2/", "http://[fd00:c1::a9fe:a9fe]/opc/v2/"];

/// A way to one kind of far end.
pub(super) struct Door {
    client: reqwest::Client,
    plain: bool,
}

impl Door {
    /// Plain http: to the metadata service's fixed addresses and to literal loopback, nowhere else.
    pub(super) fn plain(timeouts: Timeouts) -> Result<Self> {
        let client = Self::builder(timeouts).tls_backend_preconfigured(tls(Trust::Nobody)?).no_proxy().build();
        Ok(Self { client: client.map_err(not_built)?, plain: true })
    }

    /// https, to whoever these vouch for. Only the platform's are asked for through a proxy.
    pub(super) fn secure(timeouts: Timeouts, trust: Trust) -> Result<Self> {
        let direct = matches!(trust, Trust::Authority(_));
        let builder = Self::builder(timeouts).tls_backend_preconfigured(tls(trust)?).https_only(true);
        let client = if direct { builder.no_proxy().build() } else { builder.build() };
        Ok(Self { client: client.map_err(not_built)?, plain: false })
    }

    fn builder(timeouts: Timeouts) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.attempt)
    }

    /// Sends a request and reads a good answer whole.
    pub(super) async fn ask(&self, operation: &'static str, request: Request) -> Result<Bytes> {
        if self.plain && !may_be_plain(request.url()) {
            return Err(Error::bug(operation, "plain http goes to the metadata service or to loopback only"));
        }
        let mut response = self.client.execute(request).await.map_err(|cause| unanswered(operation, cause))?;
        let status = response.status().as_u16();
        let witnesses = Witnesses::read(response.headers());
        if !(200..300).contains(&status) {
            let error = Error::from_service(operation, status, "", "the far end refused").cannot_have_landed();
            let error = match error.retry() {
                crate::Retry::Later(_) => error.retry_later(witnesses.retry_after),
                _ => error,
            };
            return Err(error.answered(witnesses.server_date, witnesses.request_id));
        }
        let mut whole = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|cause| unanswered(operation, cause))? {
            if whole.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(Error::new(ErrorKind::Foreign, operation, "the answer is longer than any should be"));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

fn not_built(cause: reqwest::Error) -> Error {
    Error::bug("connect", "the HTTP client cannot be built").caused_by(cause)
}

fn may_be_plain(url: &Url) -> bool {
    is_loopback(url) || METADATA_ADDRESSES.iter().any(|known| url.as_str().starts_with(known))
}

fn unanswered(operation: &'static str, cause: reqwest::Error) -> Error {
    let (kind, what) = if cause.is_timeout() {
        (ErrorKind::Timeout, "no answer in time")
    } else if cause.is_connect() {
        (ErrorKind::Unavailable, "it could not be reached")
    } else {
        (ErrorKind::Unavailable, "the connection ended without a whole answer")
    };
    Error::new(kind, operation, what).caused_by(cause.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_fixed_addresses_and_loopback_only() {
        for (url, may) in [
            ("http://169.254.169.254/opc/v2/identity/key.pem", true),
            ("http://[fd00:c1::a9fe:a9fe]/opc/v2/instance/region", true),
            ("http://127.0.0.1:4001/opc/v2/instance/region", true),
            ("http://169.254.169.254/latest/meta-data/", false),
            ("http://169.254.169.254.evil.example/opc/v2/", false),
            ("http://localhost/opc/v2/instance/region", false),
            ("http://10.0.0.1/opc/v2/instance/region", false),
        ] {
            assert_eq!(may_be_plain(&url.parse().expect("a URL")), may, "{url}");
        }
    }
}
