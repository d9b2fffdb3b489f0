//! Doors for the fuzz targets: what reads foreign bytes and what writes requests, called as the adapters call it.
//!
//! For `fuzz/` alone: hidden, behind a feature of its own, and no promise to anybody. Nothing here is sent.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, Witnesses, service_error};
use super::call::Call;
use super::catalog::{Step, listed};
use super::credentials::{Credentials, Refreshed};
use super::endpoint::Endpoints;
use super::operation::Operation;
use super::transport::{Timeouts, Transport};
use super::{blocks, region, search, wire};
use crate::adapters::layers::{PacePolicy, Pacer, Retrier, RetryPolicy};
use crate::adapters::system::{SystemClock, SystemRandom};
use crate::error::{Error, Result};
use crate::model::{KeyId, Kind, NamespaceName, Region, TagSelector, Timestamp};
use crate::ports::{Cursor, Selector};

/// What a body may be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    Block,
    Bucket,
    Key,
    KeySummary,
    KeyVersion,
    Vault,
}

impl Noun {
    pub const ALL: [Self; 6] = [Self::Block, Self::Bucket, Self::Key, Self::KeySummary, Self::KeyVersion, Self::Vault];
}

/// An answer as it came.
pub struct Came<'a> {
    pub operation: Operation,
    pub status: u16,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// What its headers were understood as.
#[derive(Debug, Default)]
pub struct Understood {
    pub etag: Option<String>,
    pub request_id: Option<String>,
    pub next_page: Option<String>,
    pub work_request: Option<String>,
}

impl Came<'_> {
    fn witnesses(&self) -> Witnesses {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                headers.insert(name, value);
            }
        }
        Witnesses::read(&headers)
    }

    #[must_use]
    pub fn understood(&self) -> Understood {
        let seen = self.witnesses();
        Understood {
            etag: seen.etag.map(|one| one.to_string()),
            request_id: seen.request_id.map(|one| one.to_string()),
            next_page: seen.next_page,
            work_request: seen.work_request.map(|one| one.to_string()),
        }
    }

    /// As a refusal.
    #[must_use]
    pub fn refusal(&self, signed: Timestamp) -> Error {
        service_error(self.operation, self.status, &self.witnesses(), self.body, signed)
    }

    /// As a noun, in the model's words.
    pub fn read(&self, noun: Noun, region: &Region) -> Result<Value> {
        let body = Bytes::copy_from_slice(self.body);
        let answer = Answer { operation: self.operation, witnesses: self.witnesses(), body };
        let unreadable = |why: String| answer.unreadable(&why);
        match noun {
            Noun::Block => {
                let block: wire::Block = answer.json()?;
                said(&blocks::candidate(block, &Kind::BlockVolume, region).map_err(unreadable)?)
            }
            Noun::Bucket => {
                let namespace = NamespaceName::parse("ns").expect("a namespace");
                said(&listed(answer.json()?, region, &namespace).map_err(unreadable)?)
            }
            Noun::Key => said(&answer.json::<wire::Key>()?.into_model(region)),
            Noun::KeySummary => said(&crate::model::KeySummary::from(answer.json::<wire::KeySummary>()?)),
            Noun::KeyVersion => said(&crate::model::KeyVersion::from(answer.json::<wire::KeyVersion>()?)),
            Noun::Vault => said(&answer.json::<wire::Vault>()?.into_model(region, Vec::new())),
        }
    }
}

fn said(noun: &impl Serialize) -> Result<Value> {
    serde_json::to_value(noun).map_err(|cause| Error::bug("fuzzing", "a noun makes no JSON").caused_by(cause))
}

/// A request as it would be sent.
pub struct Wired {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
}

/// Credentials whose signature is the very string that they were asked to sign.
struct Echo;

/// The key id that they sign with.
pub const KEY_ID: &str = "t/u/aa:bb";

#[async_trait]
impl Credentials for Echo {
    async fn key_id(&self) -> Result<String> {
        Ok(KEY_ID.to_owned())
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        Ok(signing_string.as_bytes().to_vec())
    }

    async fn refresh(&self) -> Result<Refreshed> {
        Ok(Refreshed::Same)
    }
}

static TRANSPORT: LazyLock<Transport> = LazyLock::new(|| {
    let clock = Arc::new(SystemClock);
    let retrier = Retrier::new(clock.clone(), Arc::new(SystemRandom), RetryPolicy::default());
    let pacer = Arc::new(Pacer::new(clock, PacePolicy::default()));
    Transport::new(Endpoints::production(), Arc::new(Echo), retrier, pacer, Timeouts::default())
});

/// Builds and signs a request: `texts` fill the path's place holders, then one query parameter, then one header.
pub fn request(operation: Operation, texts: &[&str], body: &[u8], date: Timestamp) -> Result<Wired> {
    let mut texts = texts.iter();
    let region = Region::parse("us-ashburn-1").expect("a region");
    let mut call = Call::new(operation, &region).raw(body.to_vec());
    for segment in operation.path().split('/') {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            call = call.param(name, *texts.next().unwrap_or(&"x"));
        }
    }
    if let Some(text) = texts.next() {
        call = call.query("page", *text);
    }
    if let Some(text) = texts.next() {
        call = call.header("opc-client-info", *text);
    }
    let base = Url::parse("https://service.us-ashburn-1.oraclecloud.com").expect("a URL");
    let url = call.url(&base)?;
    let built = TRANSPORT.request(&call, url, date).now_or_never().expect("an echo does not wait")?;
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    Ok(Wired {
        method: built.method().to_string(),
        url: built.url().to_string(),
        headers: built.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    })
}

/// Where a vault's management endpoint leads, if it is believed; `base` overrides its region.
pub fn vault_endpoint(region: &Region, base: Option<&str>, endpoint: &str) -> Result<String> {
    let mut endpoints = Endpoints::production();
    if let Some(base) = base {
        endpoints = endpoints.with_override(region.clone(), base)?;
    }
    endpoints.vault(region, endpoint).map(|url| url.to_string())
}

/// The second-level domain of a region's realm.
pub fn domain(region: &Region) -> Result<&'static str> {
    region::domain(region)
}

/// The query for a tag.
pub fn tag_query(tag: &TagSelector) -> Result<String> {
    search::tag_query(tag)
}

/// The query for a key.
pub fn key_query(key: &KeyId) -> Result<String> {
    search::key_query(key)
}

/// Reads a cursor and writes it again.
pub fn cursor_again(cursor: &Cursor) -> Result<Cursor> {
    Step::parse(cursor).map(|step| step.cursor())
}

/// The places of a pass in order, as if every one had a single page; at most `limit` of them.
#[must_use]
pub fn places(selector: &Selector, limit: usize) -> Vec<String> {
    let mut places = Vec::new();
    let mut step = Step::after(selector, None);
    while let Some(at) = step.take().filter(|_| places.len() < limit) {
        places.push(format!("{at:?}"));
        if let Step::List { kind, compartment, .. } = &at {
            step = Step::after(selector, Some((kind, compartment)));
        }
    }
    places
}
