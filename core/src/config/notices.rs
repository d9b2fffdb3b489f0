//! `[notices]`: who is told, and how fast.
//!
//! A webhook's address may be a secret: it is never repeated, in no problem and no `Debug`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use secrecy::SecretString;

use super::problem::Problem;
use super::reader::Table;
use super::sections::Paths;
use crate::model::{Region, TopicId};

/// OCI Notifications takes so many per minute and topic from the whole tenancy (oci-api §6.4).
const MESSAGES_PER_MINUTE: u64 = 60;
/// A sixth is left to others.
const MESSAGES_DEFAULT: u64 = 50;
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Who is told about phases and pauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// An OCI Notifications topic and its region.
    pub topic: Option<(TopicId, Region)>,
    /// Whether notices are also written to standard error.
    pub stderr: bool,
    /// An address that notices are posted to.
    pub webhook: Option<WebhookConfig>,
    /// How many messages a topic, and a webhook, get per minute; what is more goes as one digest.
    pub messages_per_minute: u32,
}

/// An address that notices are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// The address, or where it is kept.
    pub address: HookAddress,
    /// The file with the secret that signs.
    pub secret_file: Option<PathBuf>,
    /// The form of a notice.
    pub format: HookFormat,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// A webhook's address, or where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAddress {
    /// The first line of a file.
    File(PathBuf),
    /// The address itself.
    Url(HookUrl),
}

/// An address whose path and query may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct HookUrl(String);

impl HookUrl {
    /// The address, for whoever sends to it.
    #[must_use]
    pub fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", scheme(&self.0), authority(&self.0))
    }
}

/// What a notice looks like at a webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookFormat {
    /// Every member of a notice under its own name.
    #[default]
    Json,
    /// `{"text": …}`.
    Slack,
}

pub(super) fn notices(mut table: Table<'_>, paths: &Paths<'_>, found: &mut Vec<Problem>) -> Notices {
    let topic = table.parsed("topic", TopicId::from_str, "write the OCID of a topic", found);
    let region = table.parsed("topic_region", Region::from_str, "write the topic's region", found);
    if topic.is_some() && region.is_none() {
        table.problem("topic_region", "it is missing", "write the topic's region; an OCID does not say it", found);
    }
    let stderr = table.flag("stderr", true, found);
    let per_minute = table.number("messages_per_minute", 1..=MESSAGES_PER_MINUTE, MESSAGES_DEFAULT, found);
    let webhook = webhook(table.table("webhook", found), paths, found);
    table.finish(found);
    let messages_per_minute = u32::try_from(per_minute).expect("it is at most 60");
    Notices { topic: topic.zip(region), stderr, webhook, messages_per_minute }
}

fn webhook(mut table: Table<'_>, paths: &Paths<'_>, found: &mut Vec<Problem>) -> Option<WebhookConfig> {
    if !table.is_present() {
        return None;
    }
    let url = table.string("url", found);
    let url_file = paths.read(&mut table, "url_file", found);
    let secret_file = paths.read(&mut table, "secret_file", found);
    let format = |text: &str| match text {
        "json" => Ok(HookFormat::Json),
        "slack" => Ok(HookFormat::Slack),
        _ => Err("there is no such format"),
    };
    let format = table.parsed("format", format, "write \"json\" or \"slack\"", found).unwrap_or_default();
    let timeout = table.duration("timeout", found).unwrap_or(TIMEOUT_DEFAULT);
    if timeout.is_zero() || timeout > TIMEOUT_MAX {
        table.problem("timeout", "it is out of bounds", "write up to \"60s\"", found);
    }
    let address = match (url, url_file) {
        (Some(_), Some(_)) => {
            table.secret_problem("url", "url_file is there too", "keep one of the two", found);
            None
        }
        (None, None) => {
            table.problem("url", "it is missing", "write url or url_file", found);
            None
        }
        (Some(url), None) => {
            if let Err(why) = allowed(url) {
                let remedy = "write \"https://…\"; plain http only to a literal loopback address, for rehearsals";
                table.secret_problem("url", why, remedy, found);
            }
            Some(HookAddress::Url(HookUrl(url.to_owned())))
        }
        (None, Some(file)) => Some(HookAddress::File(file)),
    };
    if secret_file.is_none() && format == HookFormat::Json {
        let remedy = "name a file that holds what this prints: echo whsec_$(openssl rand -base64 32)";
        table.problem("secret_file", "it is missing: whoever gets a notice could not tell who sent it", remedy, found);
    }
    table.finish(found);
    Some(WebhookConfig { address: address?, secret_file, format, timeout })
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// Host and port, without a user.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn allowed(url: &str) -> Result<(), &'static str> {
    let authority = authority(url);
    if authority.is_empty() {
        return Err("it has no host");
    }
    if url.contains('@') && !url.contains(&format!("://{authority}")) {
        return Err("it holds a user or a password; a secret belongs into secret_file or url_file");
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match scheme(url) {
        "https" => Ok(()),
        "http" if host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback()) => Ok(()),
        _ => Err("it is not https"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Problems};
    use super::*;

    fn read(text: &str) -> Result<Notices, Vec<String>> {
        match Config::parse(text, Path::new("/etc/keywheel.toml"), Some(Path::new("/home/me"))) {
            Ok(config) => Ok(config.notices),
            Err(error) => {
                let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Problems>());
                Err(source.expect("problems").problems.iter().map(ToString::to_string).collect())
            }
        }
    }

    #[test]
    fn a_webhook_is_an_https_address_with_a_secret_or_slacks_without() {
        let text = "[notices.webhook]\nurl = \"https://example.com/x\"\nsecret_file = \"hook\"\ntimeout = \"3s\"\n";
        let hook = read(text).expect("good").webhook.expect("there is one");
        assert_eq!(hook.secret_file.as_deref(), Some(Path::new("/etc/hook")));
        assert_eq!((hook.format, hook.timeout), (HookFormat::Json, Duration::from_secs(3)));
        let text = "[notices.webhook]\nurl_file = \"~/hook\"\nformat = \"slack\"\n";
        let hook = read(text).expect("good").webhook.expect("there is one");
        assert_eq!(hook.address, HookAddress::File("/home/me/hook".into()));
        for url in ["http://127.0.0.1:9/x", "http://[::1]:9"] {
            read(&format!("[notices.webhook]\nurl = \"{url}\"\nformat = \"slack\"\n")).expect("loopback is fine");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        let text = "[notices.webhook]\nurl = \"https://hooks.slack.com/services/CANARY\"\nformat = \"slack\"\n";
        let shown = format!("{:?}", read(text).expect("good"));
        assert!(shown.contains("https://hooks.slack.com/…") && !shown.contains("CANARY"), "{shown}");
    }

    #[test]
    fn a_bad_address_is_told_and_not_repeated() {
        for (url, why) in [
            ("http://example.com/CANARY", "it is not https"),
            ("http://localhost:9/CANARY", "it is not https"),
            ("CANARY", "it has no host"),
            ("https://me:CANARY@example.com/x", "it holds a user or a password"),
        ] {
            let problems = read(&format!("[notices.webhook]\nurl = \"{url}\"\nformat = \"slack\"\n")).expect_err("bad");
            assert!(problems.len() == 1 && problems[0].starts_with("line 2: notices.webhook.url: "), "{problems:?}");
            assert!(problems[0].contains(why) && !problems[0].contains("CANARY"), "{problems:?}");
        }
        let problems = read("[notices.webhook]\nurl = \"https://x/CANARY\"\nurl_file = \"f\"\n").expect_err("two");
        assert!(problems.iter().any(|problem| problem.contains("keep one of the two")), "{problems:?}");
        assert!(problems.iter().any(|problem| problem.contains("secret_file: it is missing")), "{problems:?}");
        assert!(!problems.concat().contains("CANARY"), "{problems:?}");
        assert!(
            read("[notices.webhook]\nformat = \"slack\"\n").expect_err("none")[0].contains("write url or url_file")
        );
        assert!(read("[notices]\nmessages_per_minute = 61\n").expect_err("too many")[0].contains("from 1 to 60"));
    }
}
