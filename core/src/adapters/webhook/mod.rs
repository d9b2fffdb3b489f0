//! Notices to an https address: JSON or Slack's form, signed as Standard Webhooks are (https://www.standardwebhooks.com).
//!
//! The address may be a secret itself (Slack's are): beyond scheme and host it is never said. Nothing of an answer but its
//! status is read, no redirect is followed, and a notice is sent once per call: the engine repeats it.

mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use self::sign::SigningKey;
use crate::adapters::http::{AGENT, Trust, is_loopback, tls};
use crate::adapters::system::SystemClock;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Clock, Notice, Notifier, Reply, Severity};

const NOTIFY: &str = "notify";
const CONNECT: Duration = Duration::from_secs(10);
/// The longest wait that an answer may ask for and get.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// What a notice looks like at the far end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Every member of a notice under its own name.
    #[default]
    Json,
    /// `{"text": …}`: Slack's incoming webhooks, and what understands them.
    Slack,
}

/// Where notices go and how.
#[derive(Clone)]
pub struct WebhookSettings {
    /// An https address; plain http only to a literal loopback one.
    pub url: SecretString,
    /// What signs: `whsec_` and base64, or any text of at least 24 bytes. Without it nothing is signed.
    pub secret: Option<SecretString>,
    /// The form of the body.
    pub format: Format,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Whether what is told is a rehearsal's.
    pub is_test: bool,
    /// What dates the signature.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings").field("format", &self.format).finish_non_exhaustive()
    }
}

impl WebhookSettings {
    /// Unsigned JSON to this address.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        let (secret, format, timeout) = (None, Format::Json, Duration::from_secs(10));
        Self { url, secret, format, timeout, is_test: false, clock: Arc::new(SystemClock) }
    }
}

/// Posts notices to one address.
pub struct Webhook {
    client: reqwest::Client,
    url: Url,
    name: String,
    key: Option<SigningKey>,
    format: Format,
    is_test: bool,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

impl Webhook {
    /// A webhook that was checked as far as can be without the network.
    ///
    /// # Errors
    /// `Config` if the address is none that secrets may go to, or the secret is too short.
    pub fn new(settings: WebhookSettings) -> Result<Self> {
        let refused = |why: &str| {
            Error::new(
                ErrorKind::Config,
                "webhook",
                format!("the address of the webhook {why} (it is not shown: it may be a secret)"),
            )
        };
        let url = Url::parse(settings.url.expose_secret().trim()).map_err(|_| refused("is no URL"))?;
        let local = is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(refused("is not https, and plain http goes to literal loopback addresses only"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("holds a user or a password; put a secret into secret_file, or into the path"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("has no host"));
        }
        let key = settings.secret.as_ref().map(SigningKey::read).transpose()?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(if local { Trust::Nobody } else { Trust::Platform })?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .connect_timeout(CONNECT.min(settings.timeout))
            .timeout(settings.timeout);
        builder = if local { builder.no_proxy() } else { builder.https_only(true) };
        let client = builder
            .build()
            .map_err(|cause| Error::bug("webhook", "the HTTP client cannot be built").caused_by(cause))?;
        let name = format!("webhook {}", url.origin().ascii_serialization());
        let (format, is_test, clock) = (settings.format, settings.is_test, settings.clock);
        Ok(Self { client, url, name, key, format, is_test, clock })
    }

    fn body(&self, notice: &Notice) -> Result<Vec<u8>> {
        let body = match self.format {
            Format::Json => serde_json::to_vec(&Body {
                dedupe_key: &notice.dedupe_key,
                severity: notice.severity,
                title: &notice.title,
                body: &notice.body,
                rotation: notice.rotation.as_ref().map(|rotation| rotation.as_str()),
                chain_head: notice.chain_head.as_str(),
                is_test: self.is_test,
            }),
            Format::Slack => serde_json::to_vec(&SlackBody { text: slack(notice, self.is_test) }),
        };
        body.map_err(|cause| Error::bug(NOTIFY, "a notice makes no JSON").caused_by(cause))
    }

    fn request(&self, notice: &Notice) -> Result<reqwest::Request> {
        let body = self.body(notice)?;
        let at = self.clock.now().as_second();
        let mut request = reqwest::Request::new(reqwest::Method::POST, self.url.clone());
        let mut set = |name: &'static str, value: &str| -> Result<()> {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Error::refused(NOTIFY, format!("the value of {name} cannot be a header")))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
            Ok(())
        };
        set("content-type", "application/json")?;
        set("user-agent", AGENT)?;
        set("idempotency-key", &notice.dedupe_key)?;
        set("webhook-id", &notice.dedupe_key)?;
        set("webhook-timestamp", &at.to_string())?;
        if let Some(key) = &self.key {
            set("webhook-signature", &key.sign(&notice.dedupe_key, at, &body))?;
        }
        *request.body_mut() = Some(body.into());
        Ok(request)
    }
}

#[derive(Serialize)]
struct Body<'n> {
    dedupe_key: &'n str,
    severity: Severity,
    title: &'n str,
    body: &'n str,
    rotation: Option<&'n str>,
    chain_head: &'n str,
    is_test: bool,
}

#[derive(Serialize)]
struct SlackBody {
    text: String,
}

/// Slack reads `<…>` as links and mentions, so that foreign text could call people: these three are written as entities.
fn slack(notice: &Notice, is_test: bool) -> String {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let severity = format!("{:?}", notice.severity).to_lowercase();
    let rotation = notice.rotation.as_ref().map_or(String::new(), |rotation| format!("\nrotation {rotation}"));
    let test = if is_test { "\nTEST: of a rehearsal" } else { "" };
    format!(
        "[{severity}] {}\n{}\nnotice {}{rotation}\nchain head {}{test}",
        plain(&notice.title),
        plain(notice.body.trim_end()),
        plain(&notice.dedupe_key),
        notice.chain_head
    )
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let request = self.request(notice)?;
        let answer = self.client.execute(request).await.map_err(|cause| self.unanswered(cause))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Reply::bare(format!("http {}", status.as_u16())));
        }
        let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Err(self.refusal(status, asked.map(Duration::from_secs)))
    }
}

impl Webhook {
    /// No answer. Before a connection stood nothing was sent; after that nobody knows.
    fn unanswered(&self, cause: reqwest::Error) -> Error {
        let (is_connect, is_timeout) = (cause.is_connect(), cause.is_timeout());
        // The address may be a secret, and stands in every error of the client's.
        let cause = cause.without_url();
        let error = if is_connect {
            Error::new(ErrorKind::Unavailable, NOTIFY, "the webhook could not be reached; nothing was sent")
        } else if is_timeout {
            Error::new(ErrorKind::Timeout, NOTIFY, "the webhook did not answer in time").may_have_landed()
        } else {
            Error::new(ErrorKind::Unavailable, NOTIFY, "the connection ended without an answer").may_have_landed()
        };
        error.with("notifier", &self.name).caused_by(cause)
    }

    /// An answer that takes nothing.
    fn refusal(&self, status: StatusCode, asked: Option<Duration>) -> Error {
        let later = |error: Error| error.retry_later(asked.map(|asked| asked.min(RETRY_AFTER_MAX)));
        let error = match status.as_u16() {
            300..=399 => Error::new(
                ErrorKind::Foreign,
                NOTIFY,
                "the webhook points somewhere else, where a notice is not carried; write that address into the config",
            ),
            401 | 403 => Error::new(ErrorKind::Denied, NOTIFY, "the webhook refuses us; check its address and secret"),
            404 | 410 => Error::new(ErrorKind::NotFound, NOTIFY, "there is no such webhook; check its address"),
            408 => later(Error::new(ErrorKind::Timeout, NOTIFY, "the webhook gave up on us").may_have_landed()),
            429 => later(Error::new(ErrorKind::Throttled, NOTIFY, "the webhook takes no more for now")),
            500..=599 => later(Error::new(ErrorKind::Unavailable, NOTIFY, "the webhook failed").may_have_landed()),
            _ => Error::new(ErrorKind::Foreign, NOTIFY, "the webhook did not take the notice"),
        };
        error.with("status", status.as_u16()).with("notifier", &self.name)
    }
}
