//! The federation endpoint: a certificate of an instance in, a token for a session key out.
//!
//! The request is signed with the certificate's key over everything but `host`. Whoever may ask here may call
//! nothing else, and whoever may call something else may not ask here.

use axum::http::Method;
use axum::http::request::Parts;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use crate::endpoints::Endpoint;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::principals::{Holder, thumbprint};
use crate::shared::Shared;
use crate::verify::{BodyHeaders, Received, Refused, Verified, verify};

const PATH: &str = "/v1/x509";
/// The second part of a keyId that names a certificate.
const BY_CERTIFICATE: &str = "fed-x509";

/// PEM bodies without armour and line breaks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    certificate: String,
    public_key: String,
    #[serde(default)]
    intermediate_certificates: Vec<String>,
}

/// Whether a request is for this endpoint; every region has one.
pub(crate) fn is_asked(endpoint: &Endpoint, parts: &Parts) -> bool {
    matches!(endpoint, Endpoint::Region(_)) && parts.method == Method::POST && parts.uri.path() == PATH
}

/// A certificate signs for nothing but federation.
pub(crate) fn refuse_certificates(verified: Verified) -> Result<Verified, Refused> {
    if verified.key.user == BY_CERTIFICATE {
        return Err(Refused("a certificate asks the federation endpoint and nothing else".to_owned()));
    }
    Ok(verified)
}

pub(crate) fn answer(shared: &Shared, received: Received<'_>) -> Answered {
    let (now, skew) = (shared.now(), shared.skew_limit());
    let unknown = |why: &str| HttpRefusal::new(401, "NotAuthenticated", why);
    let verified =
        verify(received, &shared.users, now, skew, BodyHeaders::WithoutHost).map_err(|refused| unknown(&refused.0))?;
    if verified.key.user != BY_CERTIFICATE {
        return Err(unknown("the keyId does not name a certificate").into());
    }
    let request: Request = serde_json::from_slice(received.body)
        .map_err(|error| HttpRefusal::invalid("body", &format!("is no federation request: {error}")))?;
    let decode = |field: &str, text: &str| {
        BASE64.decode(text.as_bytes()).map_err(|_| HttpRefusal::invalid(field, "is no PEM body without line breaks"))
    };
    let certificate = decode("certificate", &request.certificate)?;
    let instance = shared.principals.instance_by_certificate(&certificate);
    let instance = instance.ok_or_else(|| unknown("the certificate is not the present one of any instance"))?;
    // The signature was made with the key of a certificate; it must be this one.
    if instance.key.spki != verified.key.spki {
        return Err(unknown(&format!("the request is not signed by {}", thumbprint(&certificate))).into());
    }
    let mut chain = request.intermediate_certificates.iter();
    let complete = chain
        .any(|one| decode("intermediateCertificates", one).is_ok_and(|der| der == shared.principals.intermediate()));
    if !complete {
        return Err(unknown("the certificate's issuer is not among intermediateCertificates").into());
    }
    let spki = decode("publicKey", &request.public_key)?;
    let tenancy = shared.world.tenancy_id();
    let holder =
        Holder { tenancy: &verified.key.tenancy, compartment: tenancy.as_str(), principal: &instance.id, spki };
    Ok(HttpAnswer::json(&json!({ "token": shared.principals.issue(shared, holder) })))
}
