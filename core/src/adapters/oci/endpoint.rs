//! Where requests go: host templates per service, and the list of what may be reached at all.
//!
//! Either https on a host of the region's realm, or plain http on a literal loopback address that the
//! config named for that region. Nothing is read from the environment. Whatever runs with an override
//! is a test and says so.

use std::collections::BTreeMap;

use reqwest::Url;

use super::operation::Service;
use super::region;
use crate::adapters::http::is_loopback;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Region;

/// Where one region is answered instead of by Oracle.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RegionOverride {
    /// Serves all regional services; vaults say their own endpoints, which must be loopback too.
    base: Url,
}

/// Where requests may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    overrides: BTreeMap<Region, RegionOverride>,
}

impl Endpoints {
    /// Oracle's own endpoints.
    #[must_use]
    pub fn production() -> Self {
        Self::default()
    }

    /// The same, with one region answered by a literal loopback address such as `http://127.0.0.1:8099`.
    ///
    /// # Errors
    /// `Config` if `base` is anything but plain http on a literal loopback address.
    pub fn with_override(mut self, region: Region, base: &str) -> Result<Self> {
        let base = loopback(base).map_err(|why| {
            Error::new(ErrorKind::Config, "endpoints", format!("the override of {region} cannot be used: {why}"))
        })?;
        self.overrides.insert(region, RegionOverride { base });
        Ok(self)
    }

    /// Whether any region is overridden: everything written by such a run is stamped TEST.
    #[must_use]
    pub fn is_test(&self) -> bool {
        !self.overrides.is_empty()
    }

    /// The base of a regional service.
    pub(crate) fn regional(&self, service: Service, region: &Region) -> Result<Url> {
        if let Some(base) = self.overridden(region)? {
            return Ok(base.clone());
        }
        let domain = region::domain(region)?;
        let host = match service {
            Service::Audit => format!("audit.{region}.{domain}"),
            Service::BlockStorage | Service::Compute => format!("iaas.{region}.{domain}"),
            Service::ContainerEngine => format!("containerengine.{region}.oci.{domain}"),
            Service::Identity => format!("identity.{region}.oci.{domain}"),
            Service::KmsVault => format!("kms.{region}.{domain}"),
            // The operations that read metrics are answered elsewhere (`telemetry`).
            Service::LogIngestion => format!("ingestion.logging.{region}.oci.{domain}"),
            Service::Monitoring => format!("telemetry-ingestion.{region}.{domain}"),
            Service::Notifications => format!("notification.{region}.{domain}"),
            Service::ObjectStorage => format!("objectstorage.{region}.{domain}"),
            Service::Search => format!("query.{region}.oci.{domain}"),
            Service::KmsManagement => {
                return Err(Error::bug("endpoints", "a vault's management endpoint comes from GetVault"));
            }
        };
        Url::parse(&format!("https://{host}")).map_err(no_url)
    }

    /// The federation endpoint, where an instance gets its token.
    pub(crate) fn federation(&self, region: &Region) -> Result<Url> {
        let base = match self.overridden(region)? {
            Some(base) => base.clone(),
            None => Url::parse(&format!("https://auth.{region}.{}", region::domain(region)?)).map_err(no_url)?,
        };
        base.join("v1/x509").map_err(no_url)
    }

    /// Checks a management endpoint that GetVault named for a vault of this region.
    pub(crate) fn vault(&self, region: &Region, endpoint: &str) -> Result<Url> {
        if self.overridden(region)?.is_some() {
            return loopback(endpoint).map_err(|why| {
                refused(endpoint).with("region", region).with(
                    "why",
                    format!("the region is overridden to loopback, so its vaults must be loopback too, but {why}"),
                )
            });
        }
        let domain = region::domain(region)?;
        let url = Url::parse(endpoint).map_err(|_| refused(endpoint).with("region", region))?;
        let host = url.host_str().unwrap_or_default();
        let vault_label = [format!(".kms.{region}.{domain}"), format!(".kms.{region}.oci.{domain}")]
            .iter()
            .find_map(|suffix| host.strip_suffix(suffix.as_str()))
            .filter(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        if url.scheme() == "https" && url.port().is_none() && is_bare(&url) && vault_label.is_some() {
            Ok(url)
        } else {
            Err(refused(endpoint).with("region", region).with("expected", format!("https://….kms.{region}.{domain}")))
        }
    }

    /// A test never reaches out: with one region overridden, every other one is refused.
    fn overridden(&self, region: &Region) -> Result<Option<&Url>> {
        match self.overrides.get(region) {
            Some(found) => Ok(Some(&found.base)),
            None if self.is_test() => Err(Error::new(
                ErrorKind::Config,
                "endpoints",
                "some regions are overridden to loopback, so this is a test, and a region without an override is not \
                 called; give it one too",
            )
            .with("region", region)),
            None => Ok(None),
        }
    }
}

/// The base of a metadata service for rehearsals: literal loopback, like `http://127.0.0.1:8099`, with or without
/// `/opc/v2`, which is the only version there is.
pub(crate) fn metadata_base(base: &str) -> Result<Url> {
    let base = base.trim_end_matches('/');
    let url = loopback(base.strip_suffix("/opc/v2").unwrap_or(base)).map_err(|why| {
        Error::new(ErrorKind::Config, "endpoints", format!("the metadata service cannot be there: {why}"))
    })?;
    url.join("opc/v2/").map_err(no_url)
}

fn no_url(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::bug("endpoints", "an endpoint template makes no URL").caused_by(cause)
}

fn refused(endpoint: &str) -> Error {
    let shown: String = endpoint.chars().take(120).flat_map(char::escape_debug).collect();
    Error::refused(
        "endpoints",
        format!("a vault named an endpoint that is not its realm's: {shown}; nothing was sent to it"),
    )
}

fn is_bare(url: &Url) -> bool {
    url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.path(), "" | "/")
}

fn loopback(text: &str) -> Result<Url, String> {
    let shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    let url = Url::parse(text).map_err(|cause| format!("{shown} is no URL ({cause})"))?;
    if url.scheme() == "http" && is_loopback(&url) && is_bare(&url) {
        Ok(url)
    } else {
        Err(format!(
            "{shown} is not plain http on a literal loopback address without a path, like http://127.0.0.1:8099"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ashburn() -> Region {
        Region::parse("us-ashburn-1").expect("a region")
    }

    fn lab() -> Endpoints {
        Endpoints::production().with_override(ashburn(), "http://127.0.0.1:8099").expect("loopback")
    }

    #[test]
    fn regional_hosts_follow_their_templates() {
        let endpoints = Endpoints::production();
        let host = |service, region: &str| {
            let region = Region::parse(region).expect("a region");
            endpoints.regional(service, &region).expect("known").to_string()
        };
        assert_eq!(
            host(Service::BlockStorage, "us-gov-phoenix-1"),
            "https://iaas.us-gov-phoenix-1.oraclegovcloud.com/"
        );
        assert_eq!(host(Service::KmsVault, "us-ashburn-1"), "https://kms.us-ashburn-1.oraclecloud.com/");
        assert_eq!(host(Service::Identity, "eu-madrid-2"), "https://identity.eu-madrid-2.oci.oraclecloud.eu/");
        assert_eq!(
            host(Service::ContainerEngine, "us-ashburn-1"),
            "https://containerengine.us-ashburn-1.oci.oraclecloud.com/"
        );
        assert_eq!(host(Service::Search, "uk-gov-london-1"), "https://query.uk-gov-london-1.oci.oraclegovcloud.uk/");
        assert_eq!(host(Service::ObjectStorage, "us-phoenix-1"), "https://objectstorage.us-phoenix-1.oraclecloud.com/");
        assert_eq!(host(Service::Notifications, "us-phoenix-1"), "https://notification.us-phoenix-1.oraclecloud.com/");
    }

    #[test]
    fn only_literal_loopback_may_be_plain_http() {
        for bad in [
            "http://localhost:8099",
            "http://10.0.0.1:8099",
            "http://127.0.0.1.example.com",
            "https://127.0.0.1:8099",
            "http://user@127.0.0.1:8099",
            "http://127.0.0.1:8099/path",
            "file:///etc/passwd",
            "",
        ] {
            assert!(Endpoints::production().with_override(ashburn(), bad).is_err(), "{bad}");
        }
        assert!(lab().is_test());
        assert!(Endpoints::production().with_override(ashburn(), "http://[::1]:80").expect("loopback").is_test());
        assert!(!Endpoints::production().is_test());
    }

    #[test]
    fn a_vault_endpoint_outside_the_realm_is_refused() {
        let endpoints = Endpoints::production();
        for good in [
            "https://exampleaaacu2-management.kms.us-ashburn-1.oraclecloud.com",
            "https://exampleaaacu2-management.kms.us-ashburn-1.oci.oraclecloud.com",
        ] {
            assert!(endpoints.vault(&ashburn(), good).is_ok(), "{good}");
        }
        for bad in [
            "http://exampleaaacu2-management.kms.us-ashburn-1.oraclecloud.com",
            "https://a-management.kms.us-phoenix-1.oraclecloud.com",
            "https://a-management.kms.us-ashburn-1.oraclecloud.com.evil.example",
            "https://evil.example/.kms.us-ashburn-1.oraclecloud.com",
            "https://a.b.kms.us-ashburn-1.oraclecloud.com",
            "https://a-management.kms.us-ashburn-1.oraclecloud.com:8443",
            "https://user:pw@a-management.kms.us-ashburn-1.oraclecloud.com",
            "https://.kms.us-ashburn-1.oraclecloud.com",
            "http://127.0.0.1:8099",
            "no url",
        ] {
            assert!(endpoints.vault(&ashburn(), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_lab_region_takes_loopback_vaults_only() {
        assert!(lab().vault(&ashburn(), "http://127.0.0.1:9001").is_ok());
        assert!(lab().vault(&ashburn(), "https://a-management.kms.us-ashburn-1.oraclecloud.com").is_err());
        assert!(lab().vault(&ashburn(), "http://192.168.0.7:9001").is_err());
    }

    #[test]
    fn a_lab_never_calls_a_region_without_an_override() {
        let phoenix = Region::parse("us-phoenix-1").expect("a region");
        let error = lab().regional(Service::Identity, &phoenix).expect_err("no override");
        assert_eq!(error.kind(), ErrorKind::Config);
    }

    #[test]
    fn a_metadata_service_is_at_its_fixed_address_or_on_loopback() {
        for good in
            ["http://127.0.0.1:80", "http://127.0.0.1:80/", "http://127.0.0.1:80/opc/v2", "http://127.0.0.1/opc/v2/"]
        {
            assert_eq!(metadata_base(good).expect("loopback").as_str(), "http://127.0.0.1/opc/v2/", "{good}");
        }
        for bad in ["http://169.254.169.254", "http://10.0.0.1/opc/v2", "http://127.0.0.1/opc/v1", "https://127.0.0.1"]
        {
            assert_eq!(metadata_base(bad).expect_err(bad).kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn federation_is_in_the_realm_or_where_the_region_is() {
        let url = |endpoints: Endpoints, region: &str| {
            endpoints.federation(&Region::parse(region).expect("a region")).map(|url| url.to_string())
        };
        let real = url(Endpoints::production(), "uk-gov-london-1").expect("known");
        assert_eq!(real, "https://auth.uk-gov-london-1.oraclegovcloud.uk/v1/x509");
        assert_eq!(url(lab(), "us-ashburn-1").expect("overridden"), "http://127.0.0.1:8099/v1/x509");
        assert!(url(lab(), "us-phoenix-1").is_err());
    }

    #[test]
    fn an_unknown_region_has_no_endpoint() {
        let atlantis = Region::parse("us-atlantis-9").expect("well formed");
        assert!(Endpoints::production().regional(Service::Identity, &atlantis).is_err());
    }
}
