//! The files a lab leaves in its folder: an OCI config with its key, a `keywheel.toml`, a state file.
//!
//! Nothing is deleted but what stands here by name.

use std::path::{Path, PathBuf};

use keywheel::config::{FoundKey, Template};
use keywheel::model::{Budgets, KeyId, KeyVersionId, Region, Settings, TagSelector, Timestamp};
use keywheel::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The name of each file in a lab's folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// Makes the folder; its path is absolute from here on.
    pub(crate) fn make(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).and_then(|()| dir.canonicalize()).map(Self).map_err(|error| failed(dir, error))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("keywheel.toml")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("keywheel.sqlite")
    }

    fn state(&self) -> PathBuf {
        self.0.join("tenancy.json")
    }

    /// What the last demo left behind, if it came to its end.
    pub(crate) fn read_state(&self) -> Option<TenancyState> {
        serde_json::from_str(&std::fs::read_to_string(self.state()).ok()?).ok()
    }

    /// Remembers the tenancy for the next demo.
    pub(crate) fn write_state(&self, state: &TenancyState) -> Result<()> {
        let text = serde_json::to_string_pretty(state).expect("plain data has a JSON form");
        std::fs::write(self.state(), text + "\n").map_err(|error| failed(&self.state(), error))
    }

    /// Forgets a tenancy and the journal that speaks of it.
    pub(crate) fn forget(&self) -> Result<()> {
        let journal = self.journal();
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", journal.display()));
        for path in [self.state(), journal.clone(), beside("-wal"), beside("-shm"), self.0.join("audit.jsonl")] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a config for a rehearsal against these endpoints.
    pub(crate) fn write_config(
        &self,
        oci_config: &Path,
        endpoints: Vec<(Region, String)>,
        key: FoundKey,
    ) -> Result<()> {
        let chosen: Vec<KeyId> = vec![key.id.clone()];
        let template = Template {
            oci_config_file: oci_config.display().to_string(),
            profile: "DEFAULT".to_owned(),
            journal: "keywheel.sqlite".to_owned(),
            keys: vec![key],
            chosen,
            endpoints,
            lab_margins: true,
            tag: Some(TagSelector {
                namespace: None,
                key: "backup-encryption".to_owned(),
                value: "enabled".to_owned(),
            }),
            budgets: Budgets { in_flight: 48, page_size: 10, ..Settings::lab().budgets },
            ..Template::default()
        };
        std::fs::write(self.config(), template.render()).map_err(|error| failed(&self.config(), error))
    }
}

/// What the emulated tenancy must look like again when the demo is run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TenancyState {
    /// The present when the tenancy was first seeded: ages are counted from it.
    pub(crate) seeded_at: Timestamp,
    /// The version that the demo's rotation minted, and when.
    pub(crate) minted: (KeyVersionId, Timestamp),
    /// The successor that it minted first, its version, and when.
    pub(crate) successor: (KeyId, KeyVersionId, Timestamp),
}

pub(crate) fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, "lab", "a file of the lab cannot be used")
        .with("path", path.display())
        .caused_by(error)
}
