//! `[audit]`: where the audit trail is copied to.
//!
//! The journal is the trail. A copy keeps a rewritten journal from going unnoticed only where somebody else keeps it.

use std::path::PathBuf;
use std::str::FromStr as _;

use super::problem::Problem;
use super::reader::Table;
use super::sections::Paths;
use crate::model::{LogId, NamespaceName, Region};

const REQUEST_BYTES_DEFAULT: u64 = 256 << 10;
const PREFIX_DEFAULT: &str = "keywheel";

/// Where the audit trail is copied to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// A file.
    pub file: Option<PathBuf>,
    /// A custom log of OCI Logging.
    pub log: Option<AuditLogConfig>,
    /// A bucket of Object Storage.
    pub bucket: Option<AuditBucketConfig>,
}

/// A custom log of OCI Logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLogConfig {
    /// Its OCID.
    pub id: LogId,
    /// Its region.
    pub region: Region,
    /// How many bytes one request carries at most.
    pub request_bytes_max: usize,
}

/// A bucket of Object Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBucketConfig {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: Region,
    /// Its namespace, if it is not the tenancy's own.
    pub namespace: Option<NamespaceName>,
    /// What the names of objects begin with.
    pub prefix: String,
}

pub(super) fn audit(mut table: Table<'_>, paths: &Paths<'_>, found: &mut Vec<Problem>) -> Audit {
    let file = paths.read(&mut table, "file", found);
    let log = log(table.table("log", found), found);
    let bucket = bucket(table.table("bucket", found), found);
    table.finish(found);
    Audit { file, log, bucket }
}

fn region(table: &mut Table<'_>, whose: &str, found: &mut Vec<Problem>) -> Option<Region> {
    let before = found.len();
    let remedy = format!("write the {whose}'s region, such as \"us-ashburn-1\"");
    let region = table.parsed("region", Region::from_str, &remedy, found);
    if region.is_none() && found.len() == before {
        table.problem("region", "it is missing", remedy, found);
    }
    region
}

fn log(mut table: Table<'_>, found: &mut Vec<Problem>) -> Option<AuditLogConfig> {
    if !table.is_present() {
        return None;
    }
    let before = found.len();
    let id = table.parsed("id", LogId::from_str, "write the OCID of a custom log", found);
    if id.is_none() && found.len() == before {
        table.problem("id", "it is missing", "write the OCID of a custom log", found);
    }
    let region = region(&mut table, "log", found);
    let bytes = table.number("request_bytes_max", 16 << 10..=1 << 20, REQUEST_BYTES_DEFAULT, found);
    table.finish(found);
    let request_bytes_max = usize::try_from(bytes).expect("it is at most one MiB");
    Some(AuditLogConfig { id: id?, region: region?, request_bytes_max })
}

fn bucket(mut table: Table<'_>, found: &mut Vec<Problem>) -> Option<AuditBucketConfig> {
    if !table.is_present() {
        return None;
    }
    let name = table.string("name", found).map(str::to_owned);
    if name.as_ref().is_none_or(|name| name.is_empty() || name.contains('/')) {
        table.problem("name", "it is no bucket's name", "write the name of a bucket that is there", found);
    }
    let region = region(&mut table, "bucket", found);
    let namespace = table.parsed("namespace", NamespaceName::from_str, "write an Object Storage namespace", found);
    let prefix = table.string("prefix", found).unwrap_or(PREFIX_DEFAULT).trim_matches('/').to_owned();
    if prefix.len() > 200 || prefix.chars().any(char::is_control) {
        table.problem("prefix", "it is too long, or not one line", "write a short name", found);
    }
    table.finish(found);
    Some(AuditBucketConfig { name: name?, region: region?, namespace, prefix })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Problems};
    use super::*;

    fn read(text: &str) -> Result<Audit, Vec<String>> {
        match Config::parse(text, Path::new("/etc/keywheel.toml"), None) {
            Ok(config) => Ok(config.audit),
            Err(error) => {
                let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Problems>());
                Err(source.expect("problems").problems.iter().map(ToString::to_string).collect())
            }
        }
    }

    #[test]
    fn sinks_are_told_apart_by_section() {
        let text = "[audit]\nfile = \"a.jsonl\"\n[audit.log]\nid = \"ocid1.log.oc1.iad.x\"\nregion = \"us-ashburn-1\"\n\
                    [audit.bucket]\nname = \"audit\"\nregion = \"us-phoenix-1\"\nprefix = \"/k/\"\n";
        let audit = read(text).expect("good");
        assert_eq!(audit.file.as_deref(), Some(Path::new("/etc/a.jsonl")));
        assert_eq!(audit.log.expect("a log").request_bytes_max, 256 << 10);
        let bucket = audit.bucket.expect("a bucket");
        assert_eq!((bucket.prefix.as_str(), bucket.region.as_str()), ("k", "us-phoenix-1"));
        assert_eq!(read("").expect("none is fine"), Audit::default());
    }

    #[test]
    fn what_is_missing_is_said_of_each() {
        let found = read("[audit.log]\nid = \"ocid1.bucket.x\"\n[audit.bucket]\nname = \"a/b\"\nnamespaces = \"n\"\n")
            .expect_err("nearly everything is wrong");
        for part in [
            "audit.log.id = \"ocid1.bucket.x\"",
            "audit.log.region: it is missing",
            "audit.bucket.name = \"a/b\": it is no bucket's name",
            "audit.bucket.region: it is missing",
            "did you mean \"namespace\"?",
        ] {
            assert!(found.iter().any(|problem| problem.contains(part)), "{part:?} in {found:#?}");
        }
        assert_eq!(found.len(), 5, "{found:#?}");
    }
}
