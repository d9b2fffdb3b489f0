//! How slow, how strict and how forgetful a World is. Numbers only.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Every delay, limit and habit of one World.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSettings {
    /// Goes into ids, so that two Worlds' ids differ.
    pub seed: u64,
    /// Δ of A3: a request dated further off than this is refused with 401.
    pub skew_limit: Duration,
    /// A1: whether a repeated retry token is recognised at all.
    pub honours_tokens: bool,
    /// How long a retry token is remembered.
    pub token_life: Duration,
    /// From creation to ENABLED of a new version.
    pub enabled_delay: Duration,
    /// From creation until a new version is current; never before it is ENABLED.
    pub flip_delay: Duration,
    /// λ of A2: how long ListKeyVersions does not show a new version.
    pub list_lag: Duration,
    /// How long a new version takes to the replica region.
    pub replica_lag: Duration,
    /// How long Resource Search does not show a change.
    pub search_lag: Duration,
    /// How late the audit log shows an event.
    pub audit_lag: Duration,
    /// Whether audit events show the headers of requests (not documented).
    pub audit_shows_headers: bool,
    /// Whether an audit event of a version's deletion names the version, or only its key (not documented).
    pub audit_names_versions: bool,
    /// From acceptance to start of a work request.
    pub work_request_wait: Duration,
    /// From start to end of a work request.
    pub work_request_duration: Duration,
    /// How long after its end a work request is still shown; `None`: for ever.
    pub work_request_memory: Option<Duration>,
    /// From creation of a volume or backup until it is AVAILABLE.
    pub creation_delay: Duration,
    /// Whether a volume that is given the key again that it has gets a new data key, under the current version: what
    /// Oracle's API text says, and its guide calls undefined (oci-api §0 fact 3). Otherwise only the etag changes.
    pub same_key_regenerates: bool,
    /// Whether a service uses a key only where a policy of this World lets it: `Allow service … to use keys in …`
    /// (oci-api §5.3, §8.2). Otherwise every service may use every key.
    #[serde(default)]
    pub needs_service_grants: bool,
    /// Items of a page at most.
    pub page_size: usize,
    /// Whether every listing begins with an empty page that has a next one (oci-api §1.5).
    pub empty_pages: bool,
    /// Versions of one protection mode that a vault may hold.
    pub versions_per_vault: u32,
    /// KMS requests per second, tenancy and class; `None`: no limit.
    pub kms_per_second: Option<u32>,
    /// Requests per second to each other service in each region, whose limits OCI does not publish (oci-api §7.7);
    /// `None`: no limit.
    #[serde(default)]
    pub others_per_second: Option<u32>,
    /// Messages per topic and minute; `None`: no limit.
    pub messages_per_minute: Option<u32>,
    /// Answers the log remembers.
    pub log_limit: usize,
}

impl WorldSettings {
    /// Everything happens at once, so a test sees only what it turns on.
    #[must_use]
    pub fn instant() -> Self {
        Self {
            seed: 1,
            skew_limit: Duration::from_secs(300),
            honours_tokens: true,
            token_life: Duration::from_secs(24 * 3600),
            enabled_delay: Duration::ZERO,
            flip_delay: Duration::ZERO,
            list_lag: Duration::ZERO,
            replica_lag: Duration::ZERO,
            search_lag: Duration::ZERO,
            audit_lag: Duration::ZERO,
            audit_shows_headers: true,
            audit_names_versions: false,
            work_request_wait: Duration::ZERO,
            work_request_duration: Duration::ZERO,
            work_request_memory: None,
            creation_delay: Duration::ZERO,
            same_key_regenerates: true,
            needs_service_grants: false,
            page_size: 100,
            empty_pages: false,
            versions_per_vault: 100,
            kms_per_second: None,
            others_per_second: None,
            messages_per_minute: None,
            log_limit: 100_000,
        }
    }

    /// Seconds, within the bounds that `Margins::lab` assumes: for the emulator and demonstrations.
    #[must_use]
    pub fn lab() -> Self {
        Self {
            skew_limit: Duration::from_secs(5),
            token_life: Duration::from_secs(24 * 3600),
            enabled_delay: Duration::from_millis(500),
            flip_delay: Duration::from_millis(1500),
            list_lag: Duration::from_millis(500),
            replica_lag: Duration::from_millis(2500),
            search_lag: Duration::from_secs(2),
            audit_lag: Duration::from_secs(3),
            work_request_wait: Duration::from_millis(100),
            work_request_duration: Duration::from_millis(500),
            creation_delay: Duration::from_millis(500),
            kms_per_second: Some(10),
            messages_per_minute: Some(60),
            ..Self::instant()
        }
    }

    /// Minutes, within the bounds that `Margins::production` assumes.
    #[must_use]
    pub fn production() -> Self {
        let secs = Duration::from_secs;
        Self {
            skew_limit: secs(300),
            enabled_delay: secs(10),
            flip_delay: secs(90),
            list_lag: secs(20),
            replica_lag: secs(180),
            search_lag: secs(600),
            audit_lag: secs(600),
            work_request_wait: secs(5),
            work_request_duration: secs(120),
            creation_delay: secs(60),
            ..Self::lab()
        }
    }
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self::lab()
    }
}
