//! One answer as it came: witnesses from the headers, and a body that is read by the operation.
//!
//! Text from the far end is cut and escaped before it may stand in a message.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::operation::Operation;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Etag, RequestId, Timestamp, WorkRequestId};
use crate::ports::{Cursor, Reply};

/// Foreign text in a message is cut to this many characters.
const TEXT_CHARS_MAX: usize = 400;

/// What the headers of every answer say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witnesses {
    pub etag: Option<Etag>,
    pub server_date: Option<Timestamp>,
    pub request_id: Option<RequestId>,
    pub next_page: Option<String>,
    pub work_request: Option<WorkRequestId>,
    pub retry_after: Option<Duration>,
}

impl Witnesses {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let server_date = text("date").and_then(http_date);
        Self {
            etag: text("etag").and_then(|value| Etag::parse(value).ok()),
            server_date,
            request_id: text("opc-request-id").and_then(|value| RequestId::parse(value).ok()),
            next_page: text("opc-next-page").filter(|page| !page.is_empty()).map(str::to_owned),
            work_request: text("opc-work-request-id").and_then(|value| WorkRequestId::parse(value).ok()),
            retry_after: text("retry-after").and_then(|value| retry_after(value, server_date)),
        }
    }
}

/// A good answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub operation: Operation,
    pub witnesses: Witnesses,
    pub body: Bytes,
}

impl Answer {
    /// Reads the body; an empty one is only good for operations that answer nothing.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|cause| self.unreadable(&cause.to_string()))
    }

    /// An answer that this operation never gives.
    pub(crate) fn unreadable(&self, why: &str) -> Error {
        let error = Error::new(
            ErrorKind::Foreign,
            self.operation.name(),
            format!("the service answered, but not as this operation answers: {}", shown(why)),
        )
        .answered(self.witnesses.server_date, self.witnesses.request_id.clone());
        if self.operation.mutates() { error.may_have_landed() } else { error }
    }

    /// A value read from this answer, with its witnesses.
    pub(crate) fn reply<T>(&self, value: T) -> Reply<T> {
        Reply {
            value,
            etag: self.witnesses.etag.clone(),
            server_date: self.witnesses.server_date,
            request_id: self.witnesses.request_id.clone(),
        }
    }

    /// Where the listing goes on.
    pub(crate) fn next(&self) -> Option<Cursor> {
        self.witnesses.next_page.clone().map(Cursor)
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Turns a bad answer into an error. `signed` is the date the request was signed with.
pub(crate) fn service_error(
    operation: Operation,
    status: u16,
    witnesses: &Witnesses,
    body: &[u8],
    signed: Timestamp,
) -> Error {
    let read: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let code: String = read.as_ref().map(|body| shown(&body.code)).unwrap_or_default();
    let mut message = match &read {
        Some(body) if !body.message.is_empty() => shown(&body.message),
        Some(_) => format!("the service answered {status} without a message"),
        None if body.is_empty() => format!("answered {status} without a body"),
        None => format!("answered {status}, and not in OCI's words: {}", shown(&String::from_utf8_lossy(body))),
    };
    if status == 401
        && let Some(server) = witnesses.server_date
        && server.duration_since(signed).unsigned_abs() > SKEW_WORTH_NAMING
    {
        message = format!(
            "{message}; the request was dated {signed} but the service's clock says {server}, and more than 5 minutes apart \
             is refused: set this machine's clock"
        );
    }
    let mut error = Error::from_service(operation.name(), status, &code, message)
        .answered(witnesses.server_date, witnesses.request_id.clone());
    if witnesses.retry_after.is_some() && matches!(error.retry(), crate::Retry::Later(_)) {
        error = error.retry_later(witnesses.retry_after);
    }
    if !operation.mutates() {
        error.cannot_have_landed()
    } else if code.is_empty() {
        // Some proxy speaks, not OCI: only OCI's own refusal is definitive (A6).
        error.may_have_landed()
    } else {
        error
    }
}

const SKEW_WORTH_NAMING: Duration = Duration::from_secs(240);

/// Foreign text, cut and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == TEXT_CHARS_MAX {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn retry_after(text: &str, server_date: Option<Timestamp>) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    Duration::try_from(http_date(text)?.duration_since(server_date?)).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::{Landed, Retry};

    fn witnesses(headers: &[(&'static str, &'static str)]) -> Witnesses {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Witnesses::read(&headers)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 19:04:31 GMT");

    #[test]
    fn headers_become_witnesses() {
        let seen = witnesses(&[
            DATE,
            ("etag", "\"e1\""),
            ("opc-request-id", "A/B/C"),
            ("opc-next-page", "p2"),
            ("retry-after", "7"),
        ]);
        assert_eq!(seen.server_date, Some(at("2026-11-22T19:04:31Z")));
        assert_eq!(seen.etag.expect("an etag").as_str(), "\"e1\"");
        assert_eq!(seen.request_id.expect("an id").as_str(), "A/B/C");
        assert_eq!(seen.next_page.as_deref(), Some("p2"));
        assert_eq!(seen.retry_after, Some(Duration::from_secs(7)));
        let dated = witnesses(&[DATE, ("retry-after", "Sun, 22 Nov 2026 19:05:01 GMT")]);
        assert_eq!(dated.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(witnesses(&[("retry-after", "soon"), ("opc-next-page", "")]).retry_after, None);
    }

    #[test]
    fn foreign_text_in_an_error_is_cut_and_escaped() {
        let body = format!("{{\"code\":\"X\\u001b[31m\",\"message\":\"\\u001b]0;{}\"}}", "a".repeat(5000));
        let signed = at("2026-11-22T19:04:31Z");
        let error = service_error(Operation::GetKey, 400, &Witnesses::default(), body.as_bytes(), signed);
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        assert!(error.to_string().len() < 700, "{error}");
    }

    #[test]
    fn a_refusal_that_is_not_ocis_own_may_have_landed() {
        let signed = at("2026-11-22T19:04:31Z");
        let error = |operation, body: &str| service_error(operation, 403, &witnesses(&[DATE]), body.as_bytes(), signed);
        let proxy = "<html>blocked by policy</html>";
        assert_eq!(error(Operation::CreateKeyVersion, proxy).landed(), Landed::Maybe);
        assert_eq!(error(Operation::GetKey, proxy).landed(), Landed::No);
        assert_eq!(error(Operation::CreateKeyVersion, "{\"code\":\"NotAuthorized\"}").landed(), Landed::No);
        assert!(error(Operation::GetKey, proxy).to_string().contains("blocked by policy"));
    }

    #[test]
    fn a_clock_that_is_off_is_named() {
        let body = b"{\"code\":\"NotAuthenticated\",\"message\":\"no\"}";
        let told =
            |signed: &str| service_error(Operation::GetKey, 401, &witnesses(&[DATE]), body, at(signed)).to_string();
        assert!(told("2026-11-22T18:00:00Z").contains("set this machine's clock"));
        assert!(!told("2026-11-22T19:04:30Z").contains("clock"));
    }

    #[test]
    fn retry_after_reaches_the_error() {
        let body = b"{\"code\":\"TooManyRequests\",\"message\":\"slow\"}";
        let seen = witnesses(&[DATE, ("retry-after", "3")]);
        let error = service_error(Operation::ListKeys, 429, &seen, body, at("2026-11-22T19:04:31Z"));
        assert_eq!(error.retry(), Retry::Later(Some(Duration::from_secs(3))));
        assert_eq!(error.server_date(), Some(at("2026-11-22T19:04:31Z")));
    }
}
