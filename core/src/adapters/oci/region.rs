//! Regions, their three-letter codes and the realm each belongs to.
//!
//! The tables are those of the official SDK 2.189.0 (oci-api §1.4). A region that is not in them is
//! refused by name rather than guessed into the commercial realm: a guess would send signed requests
//! to a host that nobody vouches for.

use crate::error::{Error, ErrorKind, Result};
use crate::model::Region;

/// Region identifier, three-letter code, realm; sorted by identifier.
const REGIONS: &[(&str, &str, &str)] = &[
    ("af-casablanca-1", "lej", "oc1"),
    ("af-johannesburg-1", "jnb", "oc1"),
    ("ap-batam-1", "hsg", "oc1"),
    ("ap-chiyoda-1", "nja", "oc8"),
    ("ap-chuncheon-1", "yny", "oc1"),
    ("ap-chuncheon-2", "bno", "oc35"),
    ("ap-dcc-canberra-1", "wga", "oc10"),
    ("ap-dcc-gazipur-1", "dac", "oc15"),
    ("ap-delhi-1", "onm", "oc1"),
    ("ap-hyderabad-1", "hyd", "oc1"),
    ("ap-ibaraki-1", "ukb", "oc8"),
    ("ap-kulai-2", "jbp", "oc1"),
    ("ap-melbourne-1", "mel", "oc1"),
    ("ap-mumbai-1", "bom", "oc1"),
    ("ap-osaka-1", "kix", "oc1"),
    ("ap-seoul-1", "icn", "oc1"),
    ("ap-seoul-2", "dtz", "oc35"),
    ("ap-singapore-1", "sin", "oc1"),
    ("ap-singapore-2", "xsp", "oc1"),
    ("ap-suwon-1", "dln", "oc35"),
    ("ap-sydney-1", "syd", "oc1"),
    ("ap-tokyo-1", "nrt", "oc1"),
    ("ca-montreal-1", "yul", "oc1"),
    ("ca-toronto-1", "yyz", "oc1"),
    ("eu-amsterdam-1", "ams", "oc1"),
    ("eu-budapest-1", "jsk", "oc51"),
    ("eu-crissier-1", "avf", "oc24"),
    ("eu-dcc-dublin-1", "ork", "oc14"),
    ("eu-dcc-dublin-2", "snn", "oc14"),
    ("eu-dcc-milan-1", "bgy", "oc14"),
    ("eu-dcc-milan-2", "mxp", "oc14"),
    ("eu-dcc-rating-1", "dus", "oc14"),
    ("eu-dcc-rating-2", "dtm", "oc14"),
    ("eu-dcc-zurich-1", "avz", "oc24"),
    ("eu-frankfurt-1", "fra", "oc1"),
    ("eu-frankfurt-2", "str", "oc19"),
    ("eu-jovanovac-1", "beg", "oc20"),
    ("eu-madrid-1", "mad", "oc1"),
    ("eu-madrid-2", "vll", "oc19"),
    ("eu-madrid-3", "orf", "oc1"),
    ("eu-marseille-1", "mrs", "oc1"),
    ("eu-milan-1", "lin", "oc1"),
    ("eu-paris-1", "cdg", "oc1"),
    ("eu-stockholm-1", "arn", "oc1"),
    ("eu-turin-1", "nrq", "oc1"),
    ("eu-zurich-1", "zrh", "oc1"),
    ("il-jerusalem-1", "mtz", "oc1"),
    ("me-abudhabi-1", "auh", "oc1"),
    ("me-abudhabi-2", "rkt", "oc29"),
    ("me-abudhabi-3", "ahu", "oc26"),
    ("me-abudhabi-4", "shj", "oc29"),
    ("me-alain-1", "rba", "oc26"),
    ("me-alrayyan-1", "vve", "oc21"),
    ("me-dcc-doha-1", "doh", "oc21"),
    ("me-dcc-muscat-1", "mct", "oc9"),
    ("me-dubai-1", "dxb", "oc1"),
    ("me-ibri-1", "ibr", "oc9"),
    ("me-jeddah-1", "jed", "oc1"),
    ("me-riyadh-1", "ruh", "oc1"),
    ("mx-monterrey-1", "mty", "oc1"),
    ("mx-queretaro-1", "qro", "oc1"),
    ("sa-bogota-1", "bog", "oc1"),
    ("sa-riodejaneiro-1", "hnw", "oc52"),
    ("sa-santiago-1", "scl", "oc1"),
    ("sa-saopaulo-1", "gru", "oc1"),
    ("sa-valparaiso-1", "vap", "oc1"),
    ("sa-vinhedo-1", "vcp", "oc1"),
    ("uk-cardiff-1", "cwl", "oc1"),
    ("uk-gov-cardiff-1", "brs", "oc4"),
    ("uk-gov-london-1", "ltn", "oc4"),
    ("uk-london-1", "lhr", "oc1"),
    ("us-ashburn-1", "iad", "oc1"),
    ("us-ashburn-2", "yxj", "oc42"),
    ("us-chicago-1", "ord", "oc1"),
    ("us-gov-ashburn-1", "ric", "oc3"),
    ("us-gov-chicago-1", "pia", "oc3"),
    ("us-gov-phoenix-1", "tus", "oc3"),
    ("us-langley-1", "lfi", "oc2"),
    ("us-luke-1", "luf", "oc2"),
    ("us-newark-1", "pgc", "oc42"),
    ("us-phoenix-1", "phx", "oc1"),
    ("us-saltlake-2", "aga", "oc1"),
    ("us-sanjose-1", "sjc", "oc1"),
    ("us-somerset-1", "ebb", "oc23"),
    ("us-thames-1", "ebl", "oc23"),
];

/// Realm and its second-level domain. Not always `oraclecloud<N>.com`.
const REALMS: &[(&str, &str)] = &[
    ("oc1", "oraclecloud.com"),
    ("oc2", "oraclegovcloud.com"),
    ("oc3", "oraclegovcloud.com"),
    ("oc4", "oraclegovcloud.uk"),
    ("oc8", "oraclecloud8.com"),
    ("oc9", "oraclecloud9.com"),
    ("oc10", "oraclecloud10.com"),
    ("oc14", "oraclecloud14.com"),
    ("oc15", "oraclecloud15.com"),
    ("oc19", "oraclecloud.eu"),
    ("oc20", "oraclecloud20.com"),
    ("oc21", "oraclecloud21.com"),
    ("oc23", "oraclecloud23.com"),
    ("oc24", "oraclecloud24.com"),
    ("oc26", "oraclecloud26.com"),
    ("oc29", "oraclecloud29.com"),
    ("oc35", "oraclecloud35.com"),
    ("oc42", "oraclecloud42.com"),
    ("oc51", "oraclecloud51.com"),
    ("oc52", "oraclecloud52.com"),
];

/// Reads a region as a person or a config writes it: identifier or three-letter code.
///
/// # Errors
/// `Config` if no such region is known.
pub fn parse(text: &str) -> Result<Region> {
    let wanted = text.trim().to_ascii_lowercase();
    let known = REGIONS.iter().find(|(name, code, _)| *name == wanted || *code == wanted);
    let Some((name, _, _)) = known else { return Err(unknown(text)) };
    Region::parse(*name).map_err(|cause| Error::bug("region", "the region table holds a bad name").caused_by(cause))
}

/// The second-level domain of a region's realm.
pub(crate) fn domain(region: &Region) -> Result<&'static str> {
    let (_, _, realm) =
        REGIONS.iter().find(|(name, _, _)| *name == region.as_str()).ok_or_else(|| unknown(region.as_str()))?;
    let (_, domain) = REALMS.iter().find(|(name, _)| name == realm).expect("every realm named by REGIONS is in REALMS");
    Ok(domain)
}

fn unknown(text: &str) -> Error {
    let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    Error::new(
        ErrorKind::Config,
        "region",
        format!(
            "{shown:?} is no region this version knows; write it like us-ashburn-1 or iad, or, if it is newer than this \
             version, update keywheel"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_known_by_name_and_by_code() {
        assert_eq!(parse("us-ashburn-1").expect("known").as_str(), "us-ashburn-1");
        assert_eq!(parse(" IAD").expect("known").as_str(), "us-ashburn-1");
        assert_eq!(domain(&parse("vll").expect("known")).expect("in a realm"), "oraclecloud.eu");
    }

    #[test]
    fn an_unknown_region_is_refused_by_name() {
        let error = parse("us-atlantis-9").expect_err("unknown");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("us-atlantis-9"), "{error}");
    }

    #[test]
    fn every_region_has_a_realm_and_its_own_code() {
        for (i, (name, code, realm)) in REGIONS.iter().enumerate() {
            assert!(REALMS.iter().any(|(known, _)| known == realm), "{name}");
            assert_eq!(code.len(), 3, "{name}");
            for (other, other_code, _) in &REGIONS[i + 1..] {
                assert!(name != other && code != other_code, "{name} and {other}");
            }
        }
    }
}
