//! What an owner may say of a kind's class: which words there are, and which kinds have a step for which.
//!
//! The class of a kind is a documented default of its adapter. A table here, because a config is checked before any
//! adapter exists; the adapters are held to it by a test.

use super::{Kind, RekeyClass};

/// Kinds that may be named in a config, by the words for them there.
pub const NAMED_KINDS: [(&str, Kind); 11] = [
    ("backup_policy_assignment", Kind::BackupPolicyAssignment),
    ("block_volume", Kind::BlockVolume),
    ("block_volume_backup", Kind::BlockVolumeBackup),
    ("block_volume_replica", Kind::BlockVolumeReplica),
    ("boot_volume", Kind::BootVolume),
    ("boot_volume_backup", Kind::BootVolumeBackup),
    ("boot_volume_replica", Kind::BootVolumeReplica),
    ("bucket", Kind::Bucket),
    ("cluster", Kind::Cluster),
    ("instance_configuration", Kind::InstanceConfiguration),
    ("node_pool", Kind::NodePool),
];

impl Kind {
    /// The kind of a word in a config; `None`: no adapter of ours knows it.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        NAMED_KINDS.into_iter().find(|(name, _)| *name == word).map(|(_, kind)| kind)
    }

    /// Its word in a config and in JSON.
    #[must_use]
    pub fn word(&self) -> &str {
        match (self, NAMED_KINDS.iter().find(|(_, kind)| kind == self)) {
            (_, Some((name, _))) => name,
            (Self::Other(name), None) => name,
            (_, None) => "unnamed",
        }
    }

    /// Classes that it has a step for, or that need none.
    #[must_use]
    pub fn possible_classes(&self) -> &'static [RekeyClass] {
        use RekeyClass::{Forbids, Ignores, Rewraps, Tolerates};
        match self {
            // Under the same key only a step that Oracle does not document (oci-api §0 fact 3).
            Self::BlockVolume | Self::BootVolume | Self::Bucket => &[Forbids, Ignores, Rewraps, Tolerates],
            Self::BlockVolumeBackup | Self::BootVolumeBackup => &[Forbids, Ignores, Tolerates],
            // Undocumented, so they hold a version back until their owner says that they need not.
            Self::BlockVolumeReplica | Self::BootVolumeReplica => &[Forbids, Tolerates],
            Self::NodePool => &[Forbids, Ignores, Tolerates],
            // No call updates these; their owner may only say that they stay.
            Self::BackupPolicyAssignment | Self::Cluster | Self::InstanceConfiguration => &[Tolerates],
            Self::Other(_) => &[],
        }
    }

    /// Whether `rewraps` is for this kind a step that Oracle does not document.
    #[must_use]
    pub fn is_rewrap_undocumented(&self) -> bool {
        matches!(self, Self::BlockVolume | Self::BootVolume)
    }
}

impl RekeyClass {
    /// The glossary's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FixedSource => "fixed_source",
            Self::Forbids => "forbids",
            Self::Ignores => "ignores",
            Self::Rewraps => "rewraps",
            Self::Source => "source",
            Self::Tolerates => "tolerates",
        }
    }

    /// The class of a word in a config.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Forbids, Self::Ignores, Self::Rewraps, Self::Tolerates].into_iter().find(|class| class.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_in_a_config_as_in_json() {
        for (name, kind) in NAMED_KINDS {
            assert_eq!(serde_json::to_value(&kind).expect("a word"), name);
            assert_eq!((Kind::named(name), kind.word()), (Some(kind.clone()), name));
        }
        assert_eq!((Kind::named("volume"), Kind::Other("vm".to_owned()).word()), (None, "vm"));
    }
}
