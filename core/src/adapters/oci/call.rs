//! One call as it will go over the wire: an operation of the table with its place holders filled.
//!
//! Everything that comes from outside is percent-encoded here, once. Nothing is sent here.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::Serialize;

use super::operation::Operation;
use crate::error::{Error, Result};
use crate::model::{Etag, Region, RetryToken, Timestamp};

/// RFC 3986 unreserved characters stay, everything else is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who answers within a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Base {
    /// The operation's regional service.
    Regional,
    /// One vault's management endpoint, checked against the realm.
    Vault(Url),
}

/// A call ready to be signed.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub operation: Operation,
    pub region: Region,
    pub base: Base,
    pub params: Vec<(&'static str, String)>,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// The date to sign with; the present, if nobody journaled one.
    pub date: Option<Timestamp>,
}

impl Call {
    pub(crate) fn new(operation: Operation, region: &Region) -> Self {
        Self {
            operation,
            region: region.clone(),
            base: Base::Regional,
            params: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            date: None,
        }
    }

    pub(crate) fn at_vault(mut self, endpoint: &Url) -> Self {
        self.base = Base::Vault(endpoint.clone());
        self
    }

    pub(crate) fn param(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.params.push((name, value.to_string()));
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// The page to go on from, if any.
    pub(crate) fn page(self, page: Option<&str>) -> Self {
        match page {
            Some(page) => self.query("page", page),
            None => self,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn if_match(self, etag: &Etag) -> Self {
        debug_assert!(self.operation.takes_if_match(), "{:?} does not take if-match", self.operation);
        self.header("if-match", etag)
    }

    /// Signs with a journaled date and sends a deterministic token.
    pub(crate) fn fenced(mut self, token: &RetryToken, date: Timestamp) -> Self {
        debug_assert!(self.operation.takes_retry_token(), "{:?} does not take a retry token", self.operation);
        self.date = Some(date);
        self.header("opc-retry-token", token)
    }

    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let text = serde_json::to_vec(body)
            .map_err(|cause| Error::bug(self.operation.name(), "a request body makes no JSON").caused_by(cause))?;
        self.body = text.into();
        Ok(self)
    }

    /// The URL under a base, every place holder filled.
    pub(crate) fn url(&self, base: &Url) -> Result<Url> {
        let mut path = String::new();
        for segment in self.operation.path().split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => path.push_str(&self.segment(name)?),
                None => path.push_str(segment),
            }
        }
        let query: Vec<_> =
            self.query.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ENCODED))).collect();
        let mut url = base.clone();
        url.set_path(&path);
        url.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        // A URL parser may tidy a path; then the request would go elsewhere than it was meant to.
        if url.path() == path {
            Ok(url)
        } else {
            Err(Error::bug(self.operation.name(), "the path does not survive being made a URL").with("path", path))
        }
    }

    fn segment(&self, name: &str) -> Result<String> {
        let (_, value) = self
            .params
            .iter()
            .find(|(given, _)| *given == name)
            .ok_or_else(|| Error::bug(self.operation.name(), format!("nobody filled {{{name}}}")))?;
        // An empty or dotted segment would be read as another path, and another operation.
        if value.is_empty() || value == "." || value == ".." {
            return Err(Error::refused(self.operation.name(), format!("{value:?} cannot be part of a path")));
        }
        Ok(utf8_percent_encode(value, ENCODED).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("http://127.0.0.1:8099").expect("a URL")
    }

    fn call(operation: Operation) -> Call {
        Call::new(operation, &Region::parse("us-ashburn-1").expect("a region"))
    }

    #[test]
    fn place_holders_and_queries_are_encoded() {
        let url = call(Operation::PutObject)
            .param("namespaceName", "ns")
            .param("bucketName", "b ü")
            .param("objectName", "audit/x?.json")
            .query("page", "a&b=c/+")
            .url(&base())
            .expect("a URL");
        assert_eq!(url.as_str(), "http://127.0.0.1:8099/n/ns/b/b%20%C3%BC/o/audit%2Fx%3F.json?page=a%26b%3Dc%2F%2B");
    }

    #[test]
    fn a_name_cannot_climb_out_of_its_segment() {
        for name in ["..", ".", "", "%2e%2e"] {
            let made = call(Operation::GetBucket).param("namespaceName", "ns").param("bucketName", name).url(&base());
            match made {
                Ok(url) => assert_eq!(url.path(), "/n/ns/b/%252e%252e"),
                Err(error) => assert_eq!(error.operation(), "get_bucket"),
            }
        }
        let url = call(Operation::GetBucket).param("namespaceName", "ns").param("bucketName", "../../x").url(&base());
        assert_eq!(url.expect("encoded").path(), "/n/ns/b/..%2F..%2Fx");
    }

    #[test]
    fn a_forgotten_place_holder_is_a_bug_of_ours() {
        let error = call(Operation::GetBucket).param("namespaceName", "ns").url(&base()).expect_err("no bucket");
        assert_eq!(error.kind(), crate::ErrorKind::Bug);
    }
}
