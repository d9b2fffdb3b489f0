//! Sending: signs a call, sends it on the right connection, and tells what came back or might have.
//!
//! Two wires. Reads, conditional and convergent calls share pooled connections. A mint gets a connection of
//! its own that is never kept, is sent at most once, with the date that was journaled for it (A7): no retry, no
//! redirect, no refresh-and-resend. Nothing but operations of the table can be sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXUPPER;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Request, Response, Url};

use super::answer::{Answer, Witnesses, service_error};
use super::call::{Base, Call};
use super::credentials::{Credentials, Refreshed};
use super::endpoint::Endpoints;
use super::operation::{Method, Operation, Resend, Service};
use super::sign::{BodyHeaders, Signable, authorization, content_sha256, http_date};
use crate::adapters::http::{AGENT, Trust, is_loopback, tls};
use crate::adapters::layers::{Limit, Pacer, Retrier};
use crate::adapters::system::SystemRandom;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;
use crate::ports::Random as _;

/// A list of a thousand resources with tags stays far below this.
const BODY_BYTES_MAX: usize = 16 << 20;
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;
/// Renewals within one signature before somebody's clock is taken to be wrong.
const RENEWALS_MAX: usize = 3;
const JSON: &str = "application/json";

/// How long a dated request waits for its turn: far less than any margin of its date.
const MINT_PATIENCE: Duration = Duration::from_secs(1);

/// How long one attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the answer is read, the connection included.
    pub attempt: Duration,
    /// A request that is refused with 401 so long after it was signed is signed anew and sent once more: its date may have grown old
    /// while this machine slept.
    pub stale_after: Duration,
}

impl Default for Timeouts {
    /// Those of the official SDKs.
    fn default() -> Self {
        let (connect, attempt) = (Duration::from_secs(10), Duration::from_secs(60));
        Self { connect, attempt, stale_after: Duration::from_secs(2) }
    }
}

/// Which connections a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// Kept and shared.
    Pooled,
    /// Opened for one request and closed after it.
    Single,
}

pub(crate) struct Transport {
    pub endpoints: Endpoints,
    credentials: Arc<dyn Credentials>,
    retrier: Retrier,
    pub(crate) pacer: Arc<Pacer>,
    timeouts: Timeouts,
    /// Built when first needed: a loopback lab needs no root certificates.
    clients: Mutex<Vec<((Wire, bool), reqwest::Client)>>,
    counts: Mutex<BTreeMap<Operation, u64>>,
}

impl Transport {
    pub(crate) fn new(
        endpoints: Endpoints,
        credentials: Arc<dyn Credentials>,
        retrier: Retrier,
        pacer: Arc<Pacer>,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            endpoints,
            credentials,
            retrier,
            pacer,
            timeouts,
            clients: Mutex::new(Vec::new()),
            counts: Mutex::new(BTreeMap::new()),
        }
    }

    #[cfg(test)]
    pub(crate) fn credentials(&self) -> Arc<dyn Credentials> {
        Arc::clone(&self.credentials)
    }

    /// Requests sent so far, by operation.
    pub(crate) fn counts(&self) -> BTreeMap<Operation, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a call. Reads are retried for moments; everything else is sent once, except after a 401 that
    /// renewed credentials can mend, which is no option for a mint.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer> {
        if call.operation.mints() {
            return match self.attempt(call, Wire::Single).await {
                Err(error) if error.status() == Some(401) => Err(self.renewed_for_the_next(error).await),
                answer => answer,
            };
        }
        match call.operation.resend() {
            Resend::Freely => self.retrier.read(|| self.refreshing(call)).await,
            Resend::Never => self.refreshing(call).await,
        }
    }

    /// Makes a reading call once, without the retries that hide what is wrong.
    pub(crate) async fn ask_once(&self, call: &Call) -> Result<Answer> {
        debug_assert!(!call.operation.mutates(), "{:?} is no read", call.operation);
        self.refreshing(call).await
    }

    /// After a mint was refused with 401. The mint itself is not sent again (A7); but if the credentials could be
    /// renewed, another one makes sense, under a date that is journaled for it.
    async fn renewed_for_the_next(&self, error: Error) -> Error {
        match self.credentials.refresh().await {
            Ok(Refreshed::Renewed) => error.retry_later(None),
            Ok(Refreshed::Same) => error,
            Err(cause) => {
                tracing::warn!(error = %cause, "credentials could not be renewed after a 401");
                error
            }
        }
    }

    /// A 401 is a definitive refusal (A6): what was refused may be sent again if something is better now.
    async fn refreshing(&self, call: &Call) -> Result<Answer> {
        let began = present();
        match self.attempt(call, Wire::Pooled).await {
            Err(error) if error.status() == Some(401) => match self.credentials.refresh().await? {
                Refreshed::Renewed => self.attempt(call, Wire::Pooled).await,
                // By the clock of the wall: a machine that is suspended stops every other one.
                Refreshed::Same if present().duration_since(began).unsigned_abs() >= self.timeouts.stale_after => {
                    self.attempt(call, Wire::Pooled).await
                }
                Refreshed::Same => Err(error),
            },
            other => other,
        }
    }

    async fn attempt(&self, call: &Call, wire: Wire) -> Result<Answer> {
        let base = match (&call.base, call.operation.service()) {
            (Base::Vault(endpoint), Service::KmsManagement) => endpoint.clone(),
            (Base::Regional, service) => self.endpoints.regional(service, &call.region)?,
            (Base::Vault(_), _) => {
                return Err(Error::bug(call.operation.name(), "only key management is answered by a vault's endpoint"));
            }
        };
        let url = call.url(&base)?;
        let client = self.client(wire, is_loopback(&url))?;
        // Before it takes its turn: credentials that end may have to be fetched.
        self.credentials.key_id().await.map_err(Error::cannot_have_landed)?;
        // A mint is dated already: it does not wait for long, and is refused before it is sent.
        let patience = (wire == Wire::Single).then_some(MINT_PATIENCE);
        let (service, limit) = paced(call.operation.service());
        let left = self.pacer.turn(service, limit, &call.region, patience).await?;
        let signed = call.date.unwrap_or_else(present);
        let request = self.request(call, url, signed).await?;
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(call.operation).or_default() += 1;
        let answer = self.exchange(call, &client, request, signed).await;
        self.pacer.answered(service, limit, &call.region, left, &answer);
        let status = answer.as_ref().map_or_else(Error::status, |_| Some(200));
        tracing::debug!(operation = call.operation.name(), region = %call.region, status, "call");
        answer
    }

    /// Builds and signs the request; what is signed is read back from what will be sent.
    pub(super) async fn request(&self, call: &Call, url: Url, signed: Timestamp) -> Result<Request> {
        let operation = call.operation;
        let date = http_date(signed);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(Error::bug(operation.name(), "the URL has no host")),
        };
        let has_body = matches!(operation.method(), Method::Post | Method::Put);
        let content_type = if operation == Operation::PutObject { "application/octet-stream" } else { JSON };
        let sha256 = if operation.signs_body() { content_sha256(&call.body) } else { String::new() };
        let signable = Signable {
            method: operation.method(),
            target: &target,
            host: Some(&host),
            date: &date,
            body: operation.signs_body().then_some(BodyHeaders {
                length: call.body.len(),
                content_type,
                sha256: &sha256,
            }),
        };
        let (key_id, signature) = self.signed(&signable.signing_string()).await?;
        let authorization = authorization(signable.headers(), &key_id, &signature)?;

        let mut request = Request::new(method(operation.method()), url);
        let mut set = |name: &'static str, value: &str, secret: bool| -> Result<()> {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| Error::refused(operation.name(), format!("the value of {name} cannot be a header")))?;
            value.set_sensitive(secret);
            request.headers_mut().insert(HeaderName::from_static(name), value);
            Ok(())
        };
        set("date", &date, false)?;
        set("host", &host, false)?;
        set("authorization", &authorization, true)?;
        set("accept", JSON, false)?;
        set("user-agent", AGENT, false)?;
        set(request_id_header(operation), &fresh_request_id(), false)?;
        if has_body {
            set("content-type", content_type, false)?;
            set("content-length", &call.body.len().to_string(), false)?;
        }
        if operation.signs_body() {
            set("x-content-sha256", &sha256, false)?;
        }
        for (name, value) in &call.headers {
            set(name, value, false)?;
        }
        if has_body {
            *request.body_mut() = Some(call.body.clone().into());
        }
        Ok(request)
    }

    /// A key id and a signature that belong together, although credentials may be renewed between the two.
    async fn signed(&self, signing_string: &str) -> Result<(String, Vec<u8>)> {
        let mut key_id = self.credentials.key_id().await.map_err(Error::cannot_have_landed)?;
        for _ in 0..RENEWALS_MAX {
            let signature = self.credentials.sign(signing_string).await.map_err(Error::cannot_have_landed)?;
            let after = self.credentials.key_id().await.map_err(Error::cannot_have_landed)?;
            if after == key_id {
                return Ok((key_id, signature));
            }
            key_id = after;
        }
        Err(Error::new(ErrorKind::Unavailable, "sign", "the credentials change faster than they can be used"))
    }

    async fn exchange(
        &self,
        call: &Call,
        client: &reqwest::Client,
        request: Request,
        signed: Timestamp,
    ) -> Result<Answer> {
        let response = client.execute(request).await.map_err(|cause| unanswered(call, cause))?;
        let status = response.status().as_u16();
        let witnesses = Witnesses::read(response.headers());
        if (200..300).contains(&status) {
            let body = body(call, response, BODY_BYTES_MAX, &witnesses).await?;
            return Ok(Answer { operation: call.operation, witnesses, body });
        }
        // A body that breaks off takes nothing from what the status says.
        let body = body(call, response, ERROR_BODY_BYTES_MAX, &witnesses).await.unwrap_or_default();
        Err(service_error(call.operation, status, &witnesses, &body, signed).with("region", &call.region))
    }

    fn client(&self, wire: Wire, loopback: bool) -> Result<reqwest::Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(kind, _)| *kind == (wire, loopback)) {
            return Ok(client.clone());
        }
        let client = self.build(wire, loopback)?;
        clients.push(((wire, loopback), client.clone()));
        Ok(client)
    }

    fn build(&self, wire: Wire, loopback: bool) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(if loopback { Trust::Nobody } else { Trust::Platform })?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .connect_timeout(self.timeouts.connect)
            .timeout(self.timeouts.attempt);
        if loopback {
            builder = builder.no_proxy();
        } else {
            builder = builder.https_only(true);
        }
        if wire == Wire::Single {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder.build().map_err(|cause| Error::bug("connect", "the HTTP client cannot be built").caused_by(cause))
    }
}

/// The name that a service's rate is kept under, and whose its limit is.
pub(crate) const fn paced(service: Service) -> (&'static str, Limit) {
    match service {
        Service::Audit => ("audit", Limit::Unknown),
        Service::BlockStorage => ("iaas", Limit::Unknown),
        Service::Compute => ("compute", Limit::Unknown),
        Service::ContainerEngine => ("containerengine", Limit::Unknown),
        Service::Identity => ("identity", Limit::Unknown),
        Service::KmsManagement => ("kms", Limit::Shared),
        Service::KmsVault => ("kms_vault", Limit::Shared),
        Service::LogIngestion => ("logging", Limit::Unknown),
        Service::Monitoring => ("monitoring", Limit::Unknown),
        Service::Notifications => ("ons", Limit::Unknown),
        Service::ObjectStorage => ("objectstorage", Limit::Unknown),
        Service::Search => ("search", Limit::Unknown),
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    }
}

/// The wall clock: the service compares a request's date with its own.
#[allow(
    clippy::disallowed_methods,
    reason = "a signature is dated by the wall clock, whatever clock the engine waits by"
)]
fn present() -> Timestamp {
    Timestamp::now()
}

/// Object Storage keeps `opc-request-id` for its own (oci-api §1.5).
fn request_id_header(operation: Operation) -> &'static str {
    if operation.service() == Service::ObjectStorage { "opc-client-request-id" } else { "opc-request-id" }
}

pub(crate) fn fresh_request_id() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    HEXUPPER.encode(&bytes)
}

/// Reads a body up to a limit.
async fn body(call: &Call, mut response: Response, bytes_max: usize, witnesses: &Witnesses) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|cause| unanswered(call, cause).answered(witnesses.server_date, witnesses.request_id.clone()))?;
        let Some(chunk) = chunk else { return Ok(whole.freeze()) };
        if whole.len() + chunk.len() > bytes_max {
            let error =
                Error::new(ErrorKind::Foreign, call.operation.name(), "the answer is longer than any should be")
                    .with("bytes_max", bytes_max)
                    .answered(witnesses.server_date, witnesses.request_id.clone());
            return Err(if call.operation.mutates() { error.may_have_landed() } else { error });
        }
        whole.extend_from_slice(&chunk);
    }
}

/// No answer. Before a connection stood nothing was sent; after that nobody knows.
fn unanswered(call: &Call, cause: reqwest::Error) -> Error {
    let name = call.operation.name();
    // The URL may hold foreign text and stands in the operation and its context already.
    let cause = cause.without_url();
    if cause.is_builder() || cause.is_request() && cause.is_body() {
        return Error::bug(name, "the request could not be built").caused_by(cause);
    }
    if cause.is_connect() {
        return Error::new(ErrorKind::Unavailable, name, "the service could not be reached; nothing was sent")
            .with("region", &call.region)
            .caused_by(cause);
    }
    let (kind, what) = if cause.is_timeout() {
        (ErrorKind::Timeout, "no answer in time")
    } else {
        (ErrorKind::Unavailable, "the connection ended without a whole answer")
    };
    let error = Error::new(kind, name, what).with("region", &call.region).caused_by(cause);
    if call.operation.mutates() { error.may_have_landed() } else { error }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
