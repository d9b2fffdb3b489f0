//! OKE workload identity: a pod of an enhanced cluster trades its service account's token for one of OCI.
//!
//! The cluster's proxymux answers over TLS with a certificate of the cluster's own authority. Every token has a
//! session key of its own and is renewed at half of its life. The environment is read in one place, and only when a
//! config chooses this kind.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, Url};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::certificate::chain;
use super::door::Door;
use super::files::read_file;
use super::renewing::{Renewing, Session, Source};
use super::token::Token;
use super::{Principal, SigningKey};
use crate::adapters::http::is_loopback;
use crate::adapters::http::{AGENT, Trust};
use crate::adapters::layers::Retrier;
use crate::adapters::oci::client::ClientSettings;
use crate::adapters::oci::region;
use crate::adapters::oci::transport::{Timeouts, fresh_request_id};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Region, Timestamp};

const OPERATION: &str = "workload_identity";
const HOST: &str = "KUBERNETES_SERVICE_HOST";
const CA_PATH: &str = "OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH";
const REGION: &str = "OCI_RESOURCE_PRINCIPAL_REGION";
const PROXYMUX_PORT: u16 = 12250;
const MOUNTED: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What a config may say about a pod; all of it is known by itself in a real one, mostly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadSettings {
    /// The region, before the one in the environment.
    pub region: Option<Region>,
    /// The tenancy, if tokens of this cluster do not say it.
    pub tenancy: Option<CompartmentId>,
    /// The service account's token, if it is mounted somewhere else.
    pub token_file: Option<PathBuf>,
    /// The certificate of the cluster's authority, before the one in the environment.
    pub ca_file: Option<PathBuf>,
    /// For rehearsals: a proxymux at `https://127.0.0.1:PORT`.
    pub proxymux: Option<String>,
}

/// A pod that calls OCI in the name of its service account.
pub struct WorkloadIdentity {
    /// Its tenancy.
    pub tenancy: CompartmentId,
    /// Where its cluster runs.
    pub region: Region,
    source: Proxymux,
    first: Session,
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadIdentity")
            .field("tenancy", &self.tenancy)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl WorkloadIdentity {
    /// Reads this process's environment and gets the first token, which says the tenancy.
    ///
    /// # Errors
    /// As [`Self::from_variables`].
    #[allow(clippy::disallowed_methods, reason = "Kubernetes tells a pod about its cluster in the environment")]
    pub async fn from_environment(settings: &ClientSettings, workload: &WorkloadSettings) -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok(), settings, workload).await
    }

    /// Reads the same variables from somewhere else.
    ///
    /// # Errors
    /// `Config` with everything that is missing in one message; `Denied` if the cluster gives no token, with what to
    /// do about it.
    pub async fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        settings: &ClientSettings,
        workload: &WorkloadSettings,
    ) -> Result<Self> {
        let (region, source) = read(variable, settings, workload)?;
        let first = source.fetch(settings.clock.now()).await.map_err(Error::cannot_have_landed)?;
        let tenancy = workload.tenancy.clone().or_else(|| first.token.tenancy()).ok_or_else(|| {
            let text = "the cluster's tokens do not say their tenancy; write it as credentials.tenancy in the config";
            Error::new(ErrorKind::Config, OPERATION, text)
        })?;
        Ok(Self { tenancy, region, source, first })
    }

    /// Turns it into somebody who signs, by the clock of the settings.
    #[must_use]
    pub fn into_principal(self, settings: &ClientSettings) -> Principal {
        let credentials = Renewing::starting_with(self.first, self.source, Arc::clone(&settings.clock));
        Principal { credentials: Arc::new(credentials), tenancy: self.tenancy, region: self.region }
    }
}

/// Collects all problems before anything is sent.
fn read(
    variable: impl Fn(&str) -> Option<String>,
    settings: &ClientSettings,
    workload: &WorkloadSettings,
) -> Result<(Region, Proxymux)> {
    let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut problems = Vec::new();
    let region = match (&workload.region, set(REGION)) {
        (Some(region), _) => Some(region.clone()),
        (None, Some(text)) => {
            region::parse(&text).map_err(|error| problems.push(format!("{REGION}: {}", error.message()))).ok()
        }
        (None, None) => {
            problems.push(format!("{REGION}: it is not set; write the pod's region there or as credentials.region"));
            None
        }
    };
    let endpoint = match (&workload.proxymux, set(HOST)) {
        (Some(base), _) => loopback_https(base),
        (None, Some(host)) => real(&host),
        (None, None) => Err(format!("{HOST}: it is not set; Kubernetes sets it in every pod, so this is none")),
    };
    let endpoint = endpoint.map_err(|why| problems.push(why)).ok();
    let token_file = workload.token_file.clone().unwrap_or_else(|| Path::new(MOUNTED).join("token"));
    if let Err(why) = service_account(&token_file) {
        problems.push(why);
    }
    let ca_file = workload.ca_file.clone().or_else(|| set(CA_PATH).map(PathBuf::from));
    let ca_file = ca_file.unwrap_or_else(|| Path::new(MOUNTED).join("ca.crt"));
    if let Err(why) = authority(&ca_file) {
        problems.push(why);
    }
    match (region, endpoint) {
        (Some(region), Some(endpoint)) if problems.is_empty() => {
            let retrier = Retrier::new(Arc::clone(&settings.clock), Arc::clone(&settings.random), settings.retry);
            Ok((region, Proxymux { endpoint, token_file, ca_file, timeouts: settings.timeouts, retrier }))
        }
        _ => {
            let (count, noun) = (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
            let text = format!("{count} {noun} with the workload identity:\n  {}", problems.join("\n  "));
            Err(Error::new(ErrorKind::Config, OPERATION, text))
        }
    }
}

fn real(host: &str) -> std::result::Result<Url, String> {
    // An address of IPv6 stands bare in the variable and in brackets in a URL.
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let is_host = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    let url = Url::parse(&format!("https://{host}:{PROXYMUX_PORT}/resourcePrincipalSessionTokens"));
    url.ok().filter(|_| is_host).ok_or_else(|| format!("{HOST}: it is no host"))
}

fn loopback_https(base: &str) -> std::result::Result<Url, String> {
    let url = Url::parse(base).ok().filter(|url| url.scheme() == "https" && is_loopback(url) && url.path() == "/");
    let url = url.and_then(|url| url.join("resourcePrincipalSessionTokens").ok());
    url.ok_or_else(|| "credentials.proxymux: it is not https on a literal loopback address with a port".to_owned())
}

fn service_account(path: &Path) -> std::result::Result<Zeroizing<String>, String> {
    let text = read_file(path).map(Zeroizing::new).map_err(|why| {
        format!("the service account's token {} {why}; is automountServiceAccountToken off?", path.display())
    })?;
    let text = std::str::from_utf8(&text).map(str::trim).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("{} holds no service account token", path.display()));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn authority(path: &Path) -> std::result::Result<Vec<Vec<u8>>, String> {
    let text = read_file(path).map_err(|why| format!("the cluster's authority {} {why}", path.display()))?;
    chain(&text).map_err(|why| format!("the cluster's authority {}: {why}", path.display()))
}

/// Where the sessions of a pod come from. Token and authority are read anew each time: the cluster renews both.
struct Proxymux {
    endpoint: Url,
    token_file: PathBuf,
    ca_file: PathBuf,
    timeouts: Timeouts,
    retrier: Retrier,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
}

impl Proxymux {
    async fn token(&self, session: &SigningKey) -> Result<Token> {
        let unusable = |why| Error::new(ErrorKind::Denied, OPERATION, why);
        let bearer = service_account(&self.token_file).map_err(unusable)?;
        let trust = Trust::Authority(authority(&self.ca_file).map_err(unusable)?);
        let body = json!({ "podKey": BASE64.encode(&session.public_der()?) }).to_string();
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        for (name, value) in [
            ("authorization", Zeroizing::new(format!("Bearer {}", *bearer)).as_str()),
            ("content-type", "application/json"),
            ("opc-request-id", &fresh_request_id()),
            ("user-agent", AGENT),
        ] {
            let value = HeaderValue::from_str(value);
            let mut value = value.map_err(|_| Error::bug(OPERATION, "a header of ours is no header"))?;
            value.set_sensitive(name == "authorization");
            request.headers_mut().insert(name, value);
        }
        *request.body_mut() = Some(body.into());
        let answer = Door::secure(self.timeouts, trust)?.ask(OPERATION, request).await.map_err(explained)?;
        // What it was is not told: it might be a token after all.
        read_answer(&answer)
            .ok_or_else(|| Error::new(ErrorKind::Foreign, OPERATION, "the cluster's answer holds no token"))
    }
}

/// JSON in base64, with the prefix of a keyId.
fn read_answer(answer: &[u8]) -> Option<Token> {
    let json = Zeroizing::new(BASE64.decode(answer.trim_ascii()).ok()?);
    let answer: Answer = serde_json::from_slice(&json).ok()?;
    Token::parse(answer.token.strip_prefix("ST$").unwrap_or(&answer.token))
}

fn explained(error: Error) -> Error {
    let why = match error.status() {
        Some(401) => "the cluster does not know the service account's token",
        Some(403) => {
            "the cluster gives no token; workload identity needs an enhanced cluster, and this one seems to be basic"
        }
        Some(_) => return error,
        None => "the cluster's proxymux did not answer",
    };
    let kind = error.kind();
    let retry = error.retry();
    let status = error.status();
    let mut explained = Error::new(kind, OPERATION, why).caused_by(error);
    if let Some(status) = status {
        explained = explained.with_code(status, "");
    }
    match retry {
        crate::Retry::Later(after) => explained.retry_later(after),
        _ => explained.retry_never(),
    }
}

#[async_trait]
impl Source for Proxymux {
    async fn fetch(&self, now: Timestamp) -> Result<Session> {
        let key = SigningKey::generate()?;
        let token = self.retrier.read(|| self.token(&key)).await?;
        Ok(Session::until_half_way(Arc::new(key), token, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_json_in_base64_with_the_prefix_of_a_key_id() {
        let token = "aGVhZA.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln";
        let answer = |text: &str| format!("{}\n", BASE64.encode(text.as_bytes()));
        for text in [format!("{{\"token\":\"ST${token}\"}}"), format!("{{\"token\":\"{token}\"}}")] {
            assert_eq!(read_answer(answer(&text).as_bytes()).expect("a token").key_id(), format!("ST${token}"));
        }
        assert!(read_answer(b"{\"token\":\"ST$a.b.c\"}").is_none());
        assert!(read_answer(answer("{}").as_bytes()).is_none());
    }

    #[test]
    fn a_host_goes_into_the_url_and_nothing_else_does() {
        assert_eq!(
            real("10.96.0.1").expect("a host").as_str(),
            "https://10.96.0.1:12250/resourcePrincipalSessionTokens"
        );
        assert_eq!(real("fd00::1").expect("a host").host_str(), Some("[fd00::1]"));
        for bad in ["10.96.0.1/evil?", "user@evil", "", "a b"] {
            assert!(real(bad).is_err(), "{bad:?}");
        }
        for bad in ["http://127.0.0.1:1", "https://localhost:1", "https://127.0.0.1:1/x", "https://10.0.0.1:1"] {
            assert!(loopback_https(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let workload = WorkloadSettings { token_file: Some("/nowhere/token".into()), ..WorkloadSettings::default() };
        let error = read(|_| None, &ClientSettings::default(), &workload).err().expect("this is no pod");
        let text = error.to_string();
        for part in ["4 problems", REGION, HOST, "/nowhere/token", "/ca.crt"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
