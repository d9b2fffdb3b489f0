//! The request signature: draft-cavage, OCI's version 1 (oci-api §1.1).
//!
//! What is signed is built here from the very bytes that are sent: request target, host, date. The
//! private key never comes here; credentials sign the string.

use std::fmt::Write as _;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::operation::Method;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// What of a request a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signable<'a> {
    /// The method on the wire.
    pub method: Method,
    /// Path and query exactly as sent.
    pub target: &'a str,
    /// The `host` header exactly as sent, a non-default port included; not signed for the federation endpoint alone.
    pub host: Option<&'a str>,
    /// The `date` header exactly as sent.
    pub date: &'a str,
    /// The body headers, for operations that sign them.
    pub body: Option<BodyHeaders<'a>>,
}

/// The three headers by which a signature covers the body; present for an empty body too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyHeaders<'a> {
    /// `content-length`.
    pub length: usize,
    /// `content-type`.
    pub content_type: &'a str,
    /// `x-content-sha256`, base64.
    pub sha256: &'a str,
}

impl Signable<'_> {
    /// The names in the `headers` parameter, in signing order.
    pub(crate) fn headers(&self) -> &'static str {
        match (self.host, self.body) {
            (Some(_), Some(_)) => "date (request-target) host content-length content-type x-content-sha256",
            (Some(_), None) => "date (request-target) host",
            (None, Some(_)) => "date (request-target) content-length content-type x-content-sha256",
            (None, None) => "date (request-target)",
        }
    }

    /// The string that is signed.
    pub(crate) fn signing_string(&self) -> String {
        let method = self.method.as_str().to_ascii_lowercase();
        let mut text = format!("date: {}\n(request-target): {method} {}", self.date, self.target);
        if let Some(host) = self.host {
            write!(text, "\nhost: {host}").expect("writing to a String never fails");
        }
        if let Some(body) = &self.body {
            write!(
                text,
                "\ncontent-length: {}\ncontent-type: {}\nx-content-sha256: {}",
                body.length, body.content_type, body.sha256
            )
            .expect("writing to a String never fails");
        }
        text
    }
}

/// The `authorization` header.
pub(crate) fn authorization(headers: &str, key_id: &str, signature: &[u8]) -> Result<String> {
    // The value goes between quotes; OCI's ids and tokens have none.
    if key_id.is_empty() || !key_id.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        return Err(Error::refused("sign", "the credentials' key id holds characters that no key id has"));
    }
    let signature = BASE64.encode(signature);
    Ok(format!(
        "Signature version=\"1\",keyId=\"{key_id}\",algorithm=\"rsa-sha256\",headers=\"{headers}\",signature=\"{signature}\""
    ))
}

/// The value of `x-content-sha256`.
pub(crate) fn content_sha256(body: &[u8]) -> String {
    BASE64.encode(&Sha256::digest(body))
}

/// An HTTP date, whole seconds.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::adapters::oci::operation::Operation;

    /// The public half of the draft-cavage sample key that the published vectors were made with.
    const MODULUS: &str = "c2144346c37df21a2872f76a438d94219740b7eab3c98fe0af7d20bcfaadbc871035eb5405354775df0b824d472ad107\
        76aac05eff6845c9cd83089260d21d4befcfba67850c47b10e7297dd504f477f79bf86cf85511e39b8125e0cad474851\
        c3f1b1ca0fa92ff053c67c94e8b5cfb6c63270a188bed61aa9d5f21e91ac6cc9";
    const DATE: &str = "Thu, 05 Jan 2014 21:31:40 GMT";
    const HOST: &str = "iaas.us-phoenix-1.oraclecloud.com";

    fn is_signature_of(signature: &str, text: &str) -> bool {
        let n = HEXLOWER.decode(MODULUS.replace(char::is_whitespace, "").as_bytes()).expect("hex");
        let key = RsaPublicKeyComponents { n: n.as_slice(), e: &[1, 0, 1][..] };
        let signature = BASE64.decode(signature.as_bytes()).expect("base64");
        key.verify(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, text.as_bytes(), &signature).is_ok()
    }

    /// Oracle's published signature verifies against our signing string, so ours is the string that was
    /// signed, byte for byte. (The sample key itself has 1024 bits and is refused for signing.)
    #[test]
    fn the_published_get_vector_signs_our_string() {
        let signable = Signable {
            method: Method::Get,
            target: "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa&displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q",
            host: Some(HOST),
            date: DATE,
            body: None,
        };
        let signature = "GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M=";
        assert_eq!(signable.headers(), "date (request-target) host");
        assert!(is_signature_of(signature, &signable.signing_string()));
        let other = Signable { date: "Thu, 05 Jan 2014 21:31:41 GMT", ..signable };
        assert!(!is_signature_of(signature, &other.signing_string()));
    }

    #[test]
    fn the_published_post_vector_signs_our_string() {
        let body = r#"{
    "compartmentId": "ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
}"#;
        let sha256 = content_sha256(body.as_bytes());
        assert_eq!(sha256, "V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=");
        let signable = Signable {
            method: Method::Post,
            target: "/20160918/volumeAttachments",
            host: Some(HOST),
            date: DATE,
            body: Some(BodyHeaders { length: body.len(), content_type: "application/json", sha256: &sha256 }),
        };
        let signature = "Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSXv0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso=";
        assert!(is_signature_of(signature, &signable.signing_string()));
    }

    #[test]
    fn an_empty_body_is_signed_too() {
        assert_eq!(content_sha256(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert!(Operation::CreateKeyVersion.signs_body());
        assert!(Operation::ReencryptBucket.signs_body());
        assert!(!Operation::PutObject.signs_body());
        assert!(!Operation::GetVault.signs_body());
    }

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        let at: Timestamp = "2026-11-22T19:04:31.9Z".parse().expect("a timestamp");
        assert_eq!(http_date(at), "Sun, 22 Nov 2026 19:04:31 GMT");
    }

    #[test]
    fn a_key_id_cannot_break_out_of_its_quotes() {
        assert!(authorization("date", "a\",signature=\"x", b"sig").is_err());
        assert!(authorization("date", "", b"sig").is_err());
        let header = authorization("date (request-target) host", "t/u/aa:bb", b"sig").expect("good");
        assert!(header.starts_with("Signature version=\"1\",keyId=\"t/u/aa:bb\",algorithm=\"rsa-sha256\""), "{header}");
    }
}
