//! The certificate of an instance: whose it is, and what names it.
//!
//! Read, never trusted: it comes from the metadata service and only the federation endpoint can judge it.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::{BASE64, HEXUPPER};
use x509_cert::Certificate;
use x509_cert::der::asn1::Any;
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};

use crate::model::CompartmentId;

/// Values of the subject that begin so name the tenancy; the official SDKs know both.
const TENANCY_PREFIXES: [&str; 2] = ["opc-tenant:", "opc-identity:"];

/// A leaf certificate.
pub(super) struct Leaf {
    der: Vec<u8>,
    spki: Vec<u8>,
    /// The tenancy of the instance.
    pub tenancy: CompartmentId,
}

impl Leaf {
    /// Reads the first certificate of a PEM text.
    pub(super) fn read(pem: &[u8]) -> Result<Self, String> {
        let der = chain(pem)?.swap_remove(0);
        let certificate = Certificate::from_der(&der).map_err(|cause| format!("it cannot be read ({cause})"))?;
        let certificate = certificate.tbs_certificate();
        let tenancy =
            certificate.subject().iter().filter_map(|part| text(&part.value)).find_map(|text| {
                TENANCY_PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).map(str::to_owned)
            });
        let tenancy = tenancy.ok_or("its subject names no tenancy (opc-tenant:…)")?;
        let tenancy = CompartmentId::parse(&tenancy)
            .ok()
            .filter(|id| id.as_str().starts_with("ocid1.tenancy."))
            .ok_or("what its subject names as the tenancy is no tenancy OCID")?;
        let spki =
            certificate.subject_public_key_info().to_der().map_err(|cause| format!("it has no key ({cause})"))?;
        Ok(Self { der, spki, tenancy })
    }

    /// SHA-1 of the DER form, `AA:BB:…`: how federation names a certificate.
    pub(super) fn thumbprint(&self) -> String {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        let pairs: Vec<_> = hash.as_ref().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
        pairs.join(":")
    }

    /// Whether it was made for a key, by its public half.
    pub(super) fn is_for(&self, spki: &[u8]) -> bool {
        self.spki == spki
    }

    /// As federation wants it: a PEM body without armour and line breaks.
    pub(super) fn body(&self) -> String {
        BASE64.encode(&self.der)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("tenancy", &self.tenancy).finish_non_exhaustive()
    }
}

/// The certificates of a PEM text, DER; at least one.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let blocks = pem::parse_many(pem).map_err(|_| "it is not PEM")?;
    let certificates: Vec<_> =
        blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE").map(pem::Pem::into_contents).collect();
    if certificates.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(certificates) }
}

fn text(value: &Any) -> Option<&str> {
    let is_text = matches!(value.tag(), Tag::PrintableString | Tag::Utf8String | Tag::Ia5String | Tag::TeletexString);
    std::str::from_utf8(value.value()).ok().filter(|_| is_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &[u8] = include_bytes!("fixtures/instance.pem");

    #[test]
    fn the_tenancy_stands_in_one_of_many_parts_of_the_subject() {
        let leaf = Leaf::read(LEAF).expect("a certificate");
        assert_eq!(leaf.tenancy.as_str(), "ocid1.tenancy.oc1..aaaaexample");
        assert_eq!(format!("{leaf:?}"), "Leaf { tenancy: ocid1.tenancy.oc1..aaaaexample, .. }");
    }

    #[test]
    fn the_thumbprint_is_what_openssl_says() {
        assert_eq!(
            Leaf::read(LEAF).expect("a certificate").thumbprint(),
            include_str!("fixtures/instance.sha1").trim()
        );
    }

    #[test]
    fn a_certificate_knows_its_key() {
        let leaf = Leaf::read(LEAF).expect("a certificate");
        let ours = crate::adapters::oci::credentials::SigningKey::read(include_bytes!("fixtures/pkcs8.pem"), None);
        assert!(leaf.is_for(&ours.expect("a key").public_der().expect("DER")));
        assert!(!leaf.is_for(b"another"));
    }

    #[test]
    fn what_is_no_certificate_of_an_instance_is_told() {
        for (pem, why) in [
            (&include_bytes!("fixtures/certificate.pem")[..], "names no tenancy"),
            (include_bytes!("fixtures/pkcs8.pem"), "holds no certificate"),
            (b"<html>", "no certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ] {
            let error = Leaf::read(pem).expect_err("it must be refused");
            assert!(error.contains(why), "{why} in {error}");
        }
    }
}
