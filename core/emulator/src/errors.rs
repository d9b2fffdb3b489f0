//! Answers, good and bad, before they become HTTP: status, headers, body.
//!
//! Error bodies have OCI's shape (`code`, `message`). Nothing here knows an operation or World.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

/// The header by which a service names a request.
pub(crate) const REQUEST_ID: &str = "opc-request-id";

/// What goes back over the wire.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpAnswer {
    /// 200 with a JSON body.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("wire structs have string keys and no failing fields");
        Self::bytes(body, "application/json")
    }

    /// 200 with any body.
    pub(crate) fn bytes(body: Vec<u8>, content_type: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, headers: vec![("content-type", content_type.into())], body }
    }

    /// No body at all.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a header if there is something to say.
    #[must_use]
    pub(crate) fn maybe(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            // Foreign text in a header (an object's metadata) that HTTP cannot carry is left out.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A refusal in OCI's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpRefusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The service's name for the request, if World gave it one.
    pub(crate) request_id: Option<String>,
}

impl HttpRefusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), request_id: None }
    }

    /// 400: a parameter or body field that is wrong, by name.
    pub(crate) fn invalid(field: &str, why: &str) -> Self {
        Self::new(400, "InvalidParameter", format!("{field} {why}"))
    }

    /// 400: a parameter or body field that is not there.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(400, "MissingParameter", format!("{field} is required"))
    }

    /// 404 for what is not there and for what the caller may not see: one answer for both.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            404,
            "NotAuthorizedOrNotFound",
            format!("Authorization failed or requested resource not found: {what}"),
        )
    }

    pub(crate) fn into_answer(self) -> HttpAnswer {
        let mut answer = HttpAnswer::json(&json!({ "code": self.code, "message": self.message }));
        answer.status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        answer.maybe(REQUEST_ID, self.request_id)
    }
}

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service says no.
    Refused(HttpRefusal),
    /// The connection breaks without a word; the effect may have happened.
    HangUp,
}

impl From<HttpRefusal> for Failure {
    fn from(refusal: HttpRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What an operation returns.
pub(crate) type Answered = Result<HttpAnswer, Failure>;
