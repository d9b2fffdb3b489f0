//! Instance principal: a compute instance proves with a certificate who it is and gets a token for a session key.
//!
//! The metadata service hands out certificate and key; the federation endpoint of the region takes a request signed
//! with that key and answers with a token. Every token has a session key of its own, made here and kept nowhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Url};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::certificate::{Leaf, chain};
use super::door::{Door, METADATA_ADDRESSES};
use super::renewing::{Renewing, Session, Source};
use super::token::Token;
use super::{Principal, SigningKey};
use crate::adapters::http::is_loopback;
use crate::adapters::http::{AGENT, Trust};
use crate::adapters::layers::{Retrier, RetryPolicy};
use crate::adapters::oci::client::ClientSettings;
use crate::adapters::oci::endpoint::metadata_base;
use crate::adapters::oci::operation::Method as Verb;
use crate::adapters::oci::region;
use crate::adapters::oci::sign::{BodyHeaders, Signable, authorization, content_sha256, http_date};
use crate::adapters::oci::transport::Timeouts;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Region, Timestamp};
use crate::ports::Clock;

const METADATA: &str = "metadata";
const FEDERATION: &str = "federation";
/// The metadata service is on the same host: who does not connect at once is not there.
const METADATA_CONNECT_MAX: Duration = Duration::from_secs(2);
const ATTEMPTS_MAX: u32 = 4;
const JSON: &str = "application/json";

/// A compute instance that calls OCI in its own name.
pub struct InstancePrincipal {
    /// Its tenancy, from its certificate.
    pub tenancy: CompartmentId,
    /// Where it runs.
    pub region: Region,
    source: Federation,
}

impl fmt::Debug for InstancePrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePrincipal")
            .field("tenancy", &self.tenancy)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl InstancePrincipal {
    /// Asks the metadata service who this instance is: at its fixed addresses, or for a rehearsal at
    /// `http://127.0.0.1:PORT`. The token is fetched when it is first needed.
    ///
    /// # Errors
    /// `Config` for an address that may not be asked, `Unavailable` or `Timeout` where there is no metadata service,
    /// `Foreign` for one that is not OCI's.
    pub async fn discover(settings: &ClientSettings, metadata: Option<&str>) -> Result<Self> {
        let retry = RetryPolicy { attempts_max: settings.retry.attempts_max.min(ATTEMPTS_MAX), ..settings.retry };
        let retrier = Retrier::new(Arc::clone(&settings.clock), Arc::clone(&settings.random), retry);
        let connect = settings.timeouts.connect.min(METADATA_CONNECT_MAX);
        let door = Arc::new(Door::plain(Timeouts { connect, ..settings.timeouts })?);
        let bases = match metadata {
            Some(base) => vec![metadata_base(base)?],
            None => METADATA_ADDRESSES.iter().map(|base| base.parse().expect("the addresses are URLs")).collect(),
        };
        let mut last = None;
        for base in bases {
            let metadata = Metadata { door: Arc::clone(&door), base };
            let found = retrier.read(|| async { Ok((metadata.region().await?, metadata.identity().await?)) }).await;
            let (region, identity) = match found {
                Ok(found) => found,
                // The other address is for hosts that have one protocol only.
                Err(error) if error.status().is_none() => {
                    last = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let endpoint = settings.endpoints.federation(&region)?;
            let door = if is_loopback(&endpoint) {
                Door::plain(settings.timeouts)
            } else {
                Door::secure(settings.timeouts, Trust::Platform)
            }?;
            let tenancy = identity.leaf.tenancy;
            let clock = Arc::clone(&settings.clock);
            let source = Federation { metadata, door, endpoint, tenancy: tenancy.clone(), retrier, clock };
            return Ok(Self { tenancy, region, source });
        }
        Err(last.expect("there is an address to ask"))
    }

    /// Turns it into somebody who signs.
    #[must_use]
    pub fn into_principal(self, clock: Arc<dyn Clock>) -> Principal {
        let credentials = Arc::new(Renewing::new(self.source, clock));
        Principal { credentials, tenancy: self.tenancy, region: self.region }
    }
}

/// The metadata service, version 2.
struct Metadata {
    door: Arc<Door>,
    base: Url,
}

/// What an instance proves itself with; fetched together because it is replaced together.
struct Identity {
    leaf: Leaf,
    key: SigningKey,
    intermediates: Vec<Vec<u8>>,
}

impl Metadata {
    async fn read(&self, path: &str) -> Result<Zeroizing<Vec<u8>>> {
        let url = self.base.join(path).map_err(|cause| Error::bug(METADATA, "a path of ours").caused_by(cause))?;
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer Oracle"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let answer = self.door.ask(METADATA, request).await.map_err(|error| match error.kind() {
            ErrorKind::Timeout | ErrorKind::Unavailable if error.status().is_none() => {
                let why = "the metadata service did not answer; an instance principal is for OCI compute instances, elsewhere \
                           choose another kind of credentials";
                Error::new(error.kind(), METADATA, why).caused_by(error)
            }
            ErrorKind::NotFound => {
                let why = "the metadata service knows no instance principal; this is no OCI compute instance, or version 2 of the \
                           service is off";
                Error::new(ErrorKind::Foreign, METADATA, why).caused_by(error).with("path", path)
            }
            _ => error.with("path", path),
        })?;
        Ok(Zeroizing::new(answer.to_vec()))
    }

    async fn region(&self) -> Result<Region> {
        let answer = self.read("instance/region").await?;
        region::parse(&String::from_utf8_lossy(&answer))
    }

    async fn identity(&self) -> Result<Identity> {
        let wrong = |what: &str, why: &str| {
            Error::new(ErrorKind::Foreign, METADATA, format!("{what} of the metadata service cannot be used: {why}"))
        };
        let leaf = Leaf::read(&self.read("identity/cert.pem").await?).map_err(|why| wrong("cert.pem", &why))?;
        let key = SigningKey::read(&self.read("identity/key.pem").await?, None);
        let key = key.map_err(|problem| wrong("key.pem", &problem.0))?;
        let intermediates = chain(&self.read("identity/intermediate.pem").await?);
        let intermediates = intermediates.map_err(|why| wrong("intermediate.pem", &why))?;
        if !leaf.is_for(&key.public_der()?) {
            // They were replaced between two requests.
            return Err(wrong("key.pem", "it is not the key of cert.pem").retry_later(None));
        }
        Ok(Identity { leaf, key, intermediates })
    }
}

/// Where the sessions of an instance come from.
struct Federation {
    metadata: Metadata,
    door: Door,
    endpoint: Url,
    tenancy: CompartmentId,
    retrier: Retrier,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
}

impl Federation {
    async fn token(&self, identity: &Identity, session: &SigningKey) -> Result<Token> {
        let body = json!({
            "certificate": identity.leaf.body(),
            "publicKey": BASE64.encode(&session.public_der()?),
            "intermediateCertificates": identity.intermediates.iter().map(|der| BASE64.encode(der)).collect::<Vec<_>>(),
        });
        let request = self.request(identity, body.to_string())?;
        let answer = self.door.ask(FEDERATION, request).await.map_err(|error| match error.kind() {
            ErrorKind::Denied => {
                let why = "the federation endpoint refused the instance's certificate; check the instance's clock";
                Error::new(ErrorKind::Denied, FEDERATION, why).caused_by(error)
            }
            _ => error,
        })?;
        let token = serde_json::from_slice::<Answer>(&answer).ok().and_then(|answer| Token::parse(&answer.token));
        // What it was is not told: it might be a token after all.
        token.ok_or_else(|| {
            Error::new(ErrorKind::Foreign, FEDERATION, "the answer of the federation endpoint holds no token")
        })
    }

    /// Signed with the certificate's key, over everything but the host.
    fn request(&self, identity: &Identity, body: String) -> Result<Request> {
        let date = http_date(self.clock.now());
        let sha256 = content_sha256(body.as_bytes());
        let signable = Signable {
            method: Verb::Post,
            target: self.endpoint.path(),
            host: None,
            date: &date,
            body: Some(BodyHeaders { length: body.len(), content_type: JSON, sha256: &sha256 }),
        };
        let key_id = format!("{}/fed-x509/{}", self.tenancy, identity.leaf.thumbprint());
        let signature = identity.key.signature(&signable.signing_string())?;
        let authorization = authorization(signable.headers(), &key_id, &signature)?;
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        for (name, value) in [
            ("date", date.as_str()),
            ("authorization", &authorization),
            ("content-type", JSON),
            ("content-length", &body.len().to_string()),
            ("x-content-sha256", &sha256),
            ("user-agent", AGENT),
        ] {
            let value = HeaderValue::from_str(value);
            let mut value = value.map_err(|_| Error::bug(FEDERATION, "a header of ours is no header"))?;
            value.set_sensitive(name == "authorization");
            request.headers_mut().insert(name, value);
        }
        *request.body_mut() = Some(body.into());
        Ok(request)
    }
}

#[async_trait]
impl Source for Federation {
    async fn fetch(&self, now: Timestamp) -> Result<Session> {
        let identity = self.retrier.read(|| self.metadata.identity()).await?;
        if identity.leaf.tenancy != self.tenancy {
            let why = "the instance's certificate names another tenancy than before; nothing is signed for it";
            return Err(Error::refused(METADATA, why).with("was", &self.tenancy).with("is", &identity.leaf.tenancy));
        }
        let session = SigningKey::generate()?;
        let token = self.retrier.read(|| self.token(&identity, &session)).await?;
        Ok(Session::until_it_ends(Arc::new(session), token, now))
    }
}
