//! The metadata service of one instance (IMDS v2): who it is, with which certificate and key, in which region.
//!
//! Answers whoever asks over loopback with the header that the service wants, as the real one answers whoever is
//! on the instance.

use axum::http::Method;
use axum::http::request::Parts;
use keywheel::model::Region;

use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::principals::short_name;
use crate::shared::Shared;
use crate::users::encode_pem;

pub(crate) fn answer(shared: &Shared, region: &Region, instance: &str, parts: &Parts) -> Answered {
    let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    if authorization != Some("Bearer Oracle") {
        return Err(HttpRefusal::new(401, "NotAuthenticated", "version 2 wants Authorization: Bearer Oracle").into());
    }
    if parts.method != Method::GET {
        return Err(HttpRefusal::new(405, "MethodNotAllowed", "the metadata service is read only").into());
    }
    let Some(identity) = shared.principals.instance(instance) else {
        return Err(HttpRefusal::new(404, "NotFound", "this instance is gone").into());
    };
    let text = match parts.uri.path() {
        "/opc/v2/identity/cert.pem" => encode_pem("CERTIFICATE", &identity.certificate),
        "/opc/v2/identity/key.pem" => encode_pem("RSA PRIVATE KEY", identity.key.pkcs1()),
        "/opc/v2/identity/intermediate.pem" => encode_pem("CERTIFICATE", shared.principals.intermediate()),
        "/opc/v2/instance/region" => short_name(region),
        _ => return Err(HttpRefusal::new(404, "NotFound", "no such metadata").into()),
    };
    Ok(HttpAnswer::bytes(text.into_bytes(), "text/plain"))
}
