//! A session token: a JWT that the service made and that alone can verify it.
//!
//! Its claims are read for what they say about ourselves (when it ends, whose it is), never to trust
//! anybody. The text is a secret while it lives and stands in no `Debug`, error or log.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::model::{CompartmentId, Timestamp};

/// It goes into a header; real ones have two to four kilobytes.
const TOKEN_BYTES_MAX: usize = 32 << 10;

/// A token that has the shape of one.
pub(super) struct Token {
    text: SecretString,
    claims: Claims,
}

/// What we read of the payload. Numbers of seconds since 1970.
#[derive(Debug, Clone, Default, Deserialize)]
struct Claims {
    exp: Option<i64>,
    iat: Option<i64>,
    res_tenant: Option<String>,
    res_compartment: Option<String>,
    tenant: Option<String>,
}

impl Token {
    /// Reads a token; says nothing of it if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let [head, payload, signature] = text.split('.').collect::<Vec<_>>().try_into().ok()?;
        let is_base64url = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if ![head, payload, signature].into_iter().all(is_base64url) {
            return None;
        }
        let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
        let claims = serde_json::from_slice(&payload).ok()?;
        Some(Self { text: SecretString::from(text), claims })
    }

    /// When it ends; unknown for one that does not say so.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.claims.exp?).ok()
    }

    /// When it was made.
    pub(super) fn issued(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.claims.iat?).ok()
    }

    /// The tenancy of the resource that it stands for.
    pub(super) fn tenancy(&self) -> Option<CompartmentId> {
        let id = self.claims.res_tenant.as_deref().or(self.claims.tenant.as_deref())?;
        CompartmentId::parse(id).ok().filter(|id| id.as_str().starts_with("ocid1.tenancy."))
    }

    /// The compartment of the resource that it stands for.
    pub(super) fn compartment(&self) -> Option<CompartmentId> {
        CompartmentId::parse(self.claims.res_compartment.as_deref()?).ok()
    }

    /// The `keyId` of requests that it goes with.
    pub(super) fn key_id(&self) -> String {
        format!("ST${}", self.text.expose_secret())
    }

    /// Whether it is the same token.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.text.expose_secret() == other.text.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(payload: &str) -> Option<Token> {
        Token::parse(&format!("aGVhZA.{}.c2ln\n", BASE64URL_NOPAD.encode(payload.as_bytes())))
    }

    #[test]
    fn claims_are_read_and_nothing_else_is_shown() {
        let text = r#"{"exp":4102444800,"iat":4102441200,"res_tenant":"ocid1.tenancy.oc1..t","res_compartment":"ocid1.compartment.oc1..c","x":[1]}"#;
        let token = with(text).expect("a token");
        assert_eq!(token.expires().expect("a time").to_string(), "2100-01-01T00:00:00Z");
        assert_eq!(token.issued().expect("a time").to_string(), "2099-12-31T23:00:00Z");
        assert_eq!(token.tenancy().expect("a tenancy").as_str(), "ocid1.tenancy.oc1..t");
        assert_eq!(token.compartment().expect("a compartment").as_str(), "ocid1.compartment.oc1..c");
        assert!(token.key_id().starts_with("ST$aGVhZA."));
        assert_eq!(format!("{token:?}"), "Token { expires: Some(2100-01-01T00:00:00Z), .. }");
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", "a.b", "aGVhZA.e30.c2ln.x", "aGVhZA.e30.c2\"n", "aGVhZA.e3=.c2ln", "aGVhZA.bm8.c2ln"] {
            assert!(Token::parse(text).is_none(), "{text:?}");
        }
        assert!(with(&format!("{{\"pad\":\"{}\"}}", "x".repeat(TOKEN_BYTES_MAX))).is_none());
        let bare = with("{}").expect("a token that says nothing");
        assert!(bare.expires().is_none() && bare.tenancy().is_none());
        assert!(with(r#"{"tenant":"ocid1.user.oc1..u"}"#).expect("a token").tenancy().is_none());
    }
}
