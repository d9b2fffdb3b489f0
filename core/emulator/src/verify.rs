//! Request signatures as Oracle's servers check them (draft-cavage-08, `version="1"`, `rsa-sha256`).
//!
//! Written from the public signing rules, never from keywheel's own signer: the two must be able to
//! disagree. Nothing here knows an operation; the caller says whether the body's headers must be signed.

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use axum::http::{HeaderMap, Method};
use data_encoding::BASE64;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use sha2::{Digest, Sha256};

use crate::users::{ApiKey, Users};

/// A request as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query exactly as sent.
    pub target: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Whether the headers that describe the body must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyHeaders {
    /// By the method: POST, PUT and PATCH must, even with an empty body.
    ByMethod,
    /// Not even for PUT: PutObject (and UploadPart) alone.
    Optional,
    /// By the method, but not `host`: the federation endpoint alone.
    WithoutHost,
}

/// Why a signature was refused; the message goes out with 401 `NotAuthenticated`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// A request that is whose it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed it.
    pub key: ApiKey,
    /// The date it was signed with, whole seconds.
    pub date: Timestamp,
}

/// Returns whose request this is, or why nobody knows.
///
/// `now` is the server's clock and `skew` how far the signed date may be from it, either way.
pub fn verify(
    request: Received<'_>,
    users: &Users,
    now: Timestamp,
    skew: Duration,
    body_headers: BodyHeaders,
) -> Result<Verified, Refused> {
    let authorization = only_value(request.headers, "authorization")?;
    let Some(text) = authorization.strip_prefix("Signature ") else {
        return refuse("the Authorization header does not begin with 'Signature '");
    };
    let parameters = Parameters::parse(text)?;
    let signed = parameters.signed_names();
    require_minimum(request.method, request.headers, &signed, body_headers)?;
    let date = signed_date(request.headers, now, skew)?;
    check_body(request.headers, &signed, request.body)?;
    let signing_string = signing_string(request, &signed)?;
    let Some(key) = users.key(&parameters.key_id) else {
        return refuse("no API key has the keyId of this request");
    };
    if key.ends.is_some_and(|ends| ends <= now) {
        return refuse("the token of this request has ended");
    }
    let signature = match BASE64.decode(parameters.signature.as_bytes()) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(format!("the signature is not base64: {error}")),
    };
    // 1,024 bits only because the published vectors have such a key.
    UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &key.spki)
        .verify(signing_string.as_bytes(), &signature)
        .map_err(|_| Refused("the signature does not match the request".into()))?;
    Ok(Verified { key, date })
}

struct Parameters {
    key_id: String,
    headers: String,
    signature: String,
}

impl Parameters {
    /// Reads `name="value"` pairs in any order; a name that comes twice is refused.
    fn parse(text: &str) -> Result<Self, Refused> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let Some((name, after)) = rest.split_once("=\"") else {
                return refuse("the Authorization parameters are not name=\"value\" pairs");
            };
            let Some((value, after)) = after.split_once('"') else {
                return refuse("an Authorization parameter's value does not end");
            };
            let name = name.trim();
            if found.iter().any(|(known, _)| *known == name) {
                return refuse(format!("Authorization names {name} twice"));
            }
            found.push((name, value));
            rest = after.trim_start().trim_start_matches(',').trim_start();
        }
        let one = |name: &str| -> Result<String, Refused> {
            match found.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => Ok((*value).to_owned()),
                None => refuse(format!("Authorization has no {name}")),
            }
        };
        let (version, algorithm) = (one("version")?, one("algorithm")?);
        if version != "1" {
            return refuse(format!("signature version {version} is not 1"));
        }
        if algorithm != "rsa-sha256" {
            return refuse(format!("algorithm {algorithm} is not rsa-sha256"));
        }
        Ok(Self { key_id: one("keyId")?, headers: one("headers")?, signature: one("signature")? })
    }

    fn signed_names(&self) -> Vec<String> {
        self.headers.split_ascii_whitespace().map(str::to_ascii_lowercase).collect()
    }
}

fn require_minimum(
    method: &Method,
    headers: &HeaderMap,
    signed: &[String],
    body_headers: BodyHeaders,
) -> Result<(), Refused> {
    let is_signed = |name: &str| signed.iter().any(|one| one == name);
    // Whichever date the server goes by must be the signed one.
    let date = if headers.contains_key("x-date") { "x-date" } else { "date" };
    let mut needed = vec!["(request-target)", date];
    if body_headers != BodyHeaders::WithoutHost {
        needed.push("host");
    }
    let has_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    if has_body && body_headers != BodyHeaders::Optional {
        needed.extend(["content-length", "content-type", "x-content-sha256"]);
    }
    match needed.into_iter().find(|name| !is_signed(name)) {
        Some(missing) => refuse(format!("{method} requests must sign {missing}")),
        None => Ok(()),
    }
}

fn signed_date(headers: &HeaderMap, now: Timestamp, skew: Duration) -> Result<Timestamp, Refused> {
    let name = if headers.contains_key("x-date") { "x-date" } else { "date" };
    let text = only_value(headers, name)?;
    // The published vectors call a Sunday a Thursday.
    let parsed = DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text);
    let Ok(date) = parsed else {
        return refuse(format!("{name} is not an HTTP date"));
    };
    if now.duration_since(date).unsigned_abs() > skew {
        return refuse(format!("{name} is more than {} s away from the server's clock", skew.as_secs()));
    }
    Ok(date)
}

fn check_body(headers: &HeaderMap, signed: &[String], body: &[u8]) -> Result<(), Refused> {
    let is_signed = |name: &str| signed.iter().any(|one| one == name);
    if is_signed("content-length") && only_value(headers, "content-length")? != body.len().to_string() {
        return refuse("content-length is not the length of the body");
    }
    if is_signed("x-content-sha256") && only_value(headers, "x-content-sha256")? != BASE64.encode(&Sha256::digest(body))
    {
        return refuse("x-content-sha256 is not the SHA-256 of the body");
    }
    Ok(())
}

fn signing_string(request: Received<'_>, signed: &[String]) -> Result<String, Refused> {
    let mut lines = Vec::with_capacity(signed.len());
    for name in signed {
        lines.push(if name == "(request-target)" {
            format!("(request-target): {} {}", request.method.as_str().to_ascii_lowercase(), request.target)
        } else {
            format!("{name}: {}", only_value(request.headers, name)?)
        });
    }
    Ok(lines.join("\n"))
}

/// A header that is there exactly once; two would let the signed one differ from the one that is read.
fn only_value<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refused> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refuse(format!("the request must have exactly one {name} header"));
    };
    match value.to_str() {
        Ok(text) => Ok(text.trim()),
        Err(_) => refuse(format!("{name} is not printable ASCII")),
    }
}
