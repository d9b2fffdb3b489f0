//! A request after its signature was checked: path, query, headers and body, each taken out by name.
//!
//! What is missing or wrong is refused by name here, before World hears of it.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::Timestamp;
use keywheel::memory::{Call, Caller, PageQuery};
use keywheel::model::{Region, Tags};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::endpoints::Endpoint;
use crate::errors::HttpRefusal;

/// Everything an operation may look at.
pub(crate) struct Asked<'a> {
    endpoint: &'a Endpoint,
    caller: Caller,
    signed_at: Timestamp,
    path: Vec<String>,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl<'a> Asked<'a> {
    pub(crate) fn new(
        endpoint: &'a Endpoint,
        user: &str,
        signed_at: Timestamp,
        path: Vec<String>,
        parts: &'a Parts,
        body: &'a [u8],
    ) -> Result<Self, HttpRefusal> {
        let query = query_pairs(parts.uri.query().unwrap_or_default())?;
        Ok(Self { endpoint, caller: Caller::new(user), signed_at, path, query, headers: &parts.headers, body })
    }

    /// The region whose port was asked.
    pub(crate) fn region(&self) -> &'a Region {
        self.endpoint.region()
    }

    /// The endpoint that was asked.
    pub(crate) fn endpoint(&self) -> &'a Endpoint {
        self.endpoint
    }

    /// The part of the request that every operation of World takes.
    pub(crate) fn call(&self) -> Call {
        let header = |name| self.header(name).map(str::to_owned);
        Call {
            caller: self.caller.clone(),
            date: Some(self.signed_at),
            token: header("opc-retry-token"),
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
        }
    }

    /// The path parameter at this place; the route says how many there are.
    pub(crate) fn path(&self, at: usize) -> &str {
        &self.path[at]
    }

    /// A path parameter as an OCID; one that is no OCID names nothing.
    pub(crate) fn path_id<T: std::str::FromStr>(&self, at: usize) -> Result<T, HttpRefusal> {
        self.path(at).parse().map_err(|_| HttpRefusal::not_found(self.path(at)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that must be there and be an OCID.
    pub(crate) fn query_id<T: std::str::FromStr>(&self, name: &str) -> Result<T, HttpRefusal> {
        let text = self.query(name).ok_or_else(|| HttpRefusal::missing(name))?;
        text.parse().map_err(|_| HttpRefusal::invalid(name, "is not an OCID of the right type"))
    }

    pub(crate) fn query_flag(&self, name: &str) -> Result<bool, HttpRefusal> {
        match self.query(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(HttpRefusal::invalid(name, "must be true or false")),
        }
    }

    /// `limit` and `page`.
    pub(crate) fn page_query(&self) -> Result<PageQuery, HttpRefusal> {
        let limit = match self.query("limit") {
            None => None,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=1000) => Some(limit),
                _ => return Err(HttpRefusal::invalid("limit", "must be a number from 1 to 1000")),
            },
        };
        Ok(PageQuery { limit, page: self.query("page").map(str::to_owned) })
    }

    /// The body as a JSON object; none at all is an empty one.
    pub(crate) fn json(&self) -> Result<Fields, HttpRefusal> {
        if self.body.is_empty() {
            return Ok(Fields(Map::new()));
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(HttpRefusal::invalid("body", "must be a JSON object")),
            Err(_) => {
                Err(HttpRefusal::new(400, "CannotParseRequest", "Incorrectly formatted request: body is not JSON"))
            }
        }
    }
}

fn query_pairs(query: &str) -> Result<Vec<(String, String)>, HttpRefusal> {
    let decode = |text: &str| {
        // Clients write a space as `+` or `%20`.
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| HttpRefusal::invalid("query", "is not UTF-8"))
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    pairs.collect()
}

/// A JSON object whose fields are taken out by name and type.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// All of it, as it came.
    pub(crate) fn into_inner(self) -> Map<String, Value> {
        self.0
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there and says something.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, HttpRefusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(HttpRefusal::invalid(name, "must be a string")),
        }
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&str, HttpRefusal> {
        self.text(name)?.ok_or_else(|| HttpRefusal::missing(name))
    }

    pub(crate) fn required_id<T: std::str::FromStr>(&self, name: &str) -> Result<T, HttpRefusal> {
        self.required_text(name)?.parse().map_err(|_| HttpRefusal::invalid(name, "is not an OCID of the right type"))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, HttpRefusal> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => Err(HttpRefusal::invalid(name, "must be a whole number")),
            },
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, HttpRefusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(HttpRefusal::invalid(name, "must be true or false")),
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, HttpRefusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(_) => Err(HttpRefusal::invalid(name, "must be an object")),
        }
    }

    pub(crate) fn required_object(&self, name: &str) -> Result<Self, HttpRefusal> {
        self.object(name)?.ok_or_else(|| HttpRefusal::missing(name))
    }

    pub(crate) fn freeform_tags(&self) -> Result<Option<BTreeMap<String, String>>, HttpRefusal> {
        self.typed("freeformTags", "must be an object of strings")
    }

    pub(crate) fn defined_tags(&self) -> Result<Option<DefinedTags>, HttpRefusal> {
        self.typed("definedTags", "must be an object of objects of strings")
    }

    pub(crate) fn tags(&self) -> Result<Tags, HttpRefusal> {
        Ok(Tags {
            freeform: self.freeform_tags()?.unwrap_or_default(),
            defined: self.defined_tags()?.unwrap_or_default(),
        })
    }

    fn typed<T: DeserializeOwned>(&self, name: &str, why: &str) -> Result<Option<T>, HttpRefusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        serde_json::from_value(value.clone()).map(Some).map_err(|_| HttpRefusal::invalid(name, why))
    }
}

/// Defined tags: namespace, key, value.
type DefinedTags = BTreeMap<String, BTreeMap<String, String>>;
