//! Which keys a config has, what they mean, and the rules between them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use toml::de::DeTable;

use super::attribution::attribution;
use super::audit::audit;
use super::credentials::credentials;
use super::duration::show_duration;
use super::enroll::enroll;
use super::metrics::metrics;
use super::notices::notices;
use super::problem::Problem;
use super::reader::{Table, line_of};
use super::{Config, OciAccess};
use crate::model::{
    Ambiguity, Budgets, CompartmentId, HistoryPolicy, KeyId, Kind, Margins, NAMED_KINDS, Policy, Region, RekeyClass,
    ResourceId, Risk, Scope, Settings, StrategyPolicy, TagName, TagSelector, VaultId,
};

/// R3: no cryptoperiod is shorter than this outside a rehearsal.
const CRYPTOPERIOD_MIN: Duration = Duration::from_secs(86_400);
/// A default that CIS and PCI guidance can live with.
const CRYPTOPERIOD_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
/// Where the journal is unless the config says otherwise.
const JOURNAL_DEFAULT: &str = "keywheel.sqlite";

/// What key management allows the whole tenancy per second (oci-api §2.2).
const KMS_LIMIT: u32 = 10;
/// A fifth of it is left to people.
const KMS_DEFAULT: u32 = 8;

type Found = Vec<Problem>;

/// Reads the whole document; `None` if it is not TOML at all. Problems go to `found`.
pub(super) fn read(text: &str, path: &Path, home: Option<&Path>, found: &mut Found) -> Option<Config> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        found.push(Problem {
            line: error.span().map(|span| line_of(text, span.start)),
            path: "(syntax)".to_owned(),
            value: None,
            problem: error.message().replace('\n', ", "),
            remedy: "see https://toml.io for how TOML is written".to_owned(),
        });
    }
    if !errors.is_empty() {
        return None;
    }
    let mut root = Table::root(text, document.get_ref());
    let base = path.parent().unwrap_or(Path::new(""));
    let paths = Paths { base, home };

    let mut oci = oci(root.table("oci", found), &paths, found);
    let journal = journal(root.table("journal", found), &paths, found);
    let endpoints = endpoints(&root.table("endpoints", found), found);
    let is_test = !endpoints.is_empty();
    let credentials = credentials(root.table("credentials", found), &paths, is_test, found);
    let scope = scope(root.table("scope", found), &endpoints, found);
    let mut policy = policy(root.table("policy", found), is_test, found);
    policy.classes = kinds(root.table("kinds", found), &policy.accept_risks, found);
    let tag = tag(root.table("tag", found), found);
    super::enroll::check(&scope, tag.is_some(), found);
    let budgets = limits(root.table("limits", found), is_test, &mut oci.kms_requests_per_second, found);
    let margins = margins(root.table("margins", found), is_test, found);
    let notices = notices(root.table("notices", found), &paths, found);
    let metrics = metrics(root.table("metrics", found), found);
    let reads_audit_events = attribution(root.table("attribution", found), found);
    let audit = audit(root.table("audit", found), &paths, found);
    root.finish(found);

    let settings = Settings { policy, scope, tag, margins, budgets, is_test };
    Some(Config {
        path: path.to_owned(),
        oci,
        credentials,
        journal,
        settings,
        notices,
        metrics,
        reads_audit_events,
        audit,
        endpoints,
    })
}

pub(super) struct Paths<'a> {
    base: &'a Path,
    home: Option<&'a Path>,
}

impl Paths<'_> {
    /// Reads a path: `~/` is the home directory, what is relative is relative to the config.
    pub(super) fn read(&self, table: &mut Table<'_>, key: &'static str, found: &mut Found) -> Option<PathBuf> {
        let text = table.string(key, found)?;
        if text.trim().is_empty() {
            table.problem(key, "it is empty", "write a path, or leave the key out", found);
            return None;
        }
        let Some(rest) = text.strip_prefix("~/") else {
            return Some(self.base.join(text));
        };
        if self.home.is_none() {
            table.problem(key, "~ needs HOME, which is not set", "write the whole path", found);
        }
        self.home.map(|home| home.join(rest))
    }
}

fn oci(mut table: Table<'_>, paths: &Paths<'_>, found: &mut Found) -> OciAccess {
    let config_file = paths.read(&mut table, "config_file", found).unwrap_or_else(|| match paths.home {
        Some(home) => home.join(".oci/config"),
        None => paths.base.join(".oci/config"),
    });
    let profile = table.string("profile", found).unwrap_or("DEFAULT").to_owned();
    let passphrase_file = paths.read(&mut table, "passphrase_file", found);
    let believe_listed_etags = table.flag("believe_listed_etags", false, found);
    table.finish(found);
    OciAccess { config_file, profile, passphrase_file, kms_requests_per_second: KMS_DEFAULT, believe_listed_etags }
}

fn journal(mut table: Table<'_>, paths: &Paths<'_>, found: &mut Found) -> PathBuf {
    let path = paths.read(&mut table, "path", found);
    table.finish(found);
    path.unwrap_or_else(|| paths.base.join(JOURNAL_DEFAULT))
}

fn endpoints(table: &Table<'_>, found: &mut Found) -> BTreeMap<Region, String> {
    let mut endpoints = BTreeMap::new();
    for (name, line, mut child) in table.children(found) {
        let region = Region::parse(name.as_str());
        if let Err(error) = &region {
            let (path, remedy) = (format!("endpoints.{name:?}"), "name a region, such as \"us-ashburn-1\"".to_owned());
            found.push(Problem { line: Some(line), path, value: None, problem: error.to_string(), remedy });
        }
        let base = child.string("base", found);
        match base {
            Some(base) if is_loopback("http://", base) => {
                if let Ok(region) = region {
                    endpoints.insert(region, base.trim_end_matches('/').to_owned());
                }
            }
            Some(_) => child.problem(
                "base",
                "it is not plain http on a literal loopback address with a port",
                "write \"http://127.0.0.1:PORT\"; real regions need no endpoint, delete the section",
                found,
            ),
            None => child.problem("base", "it is missing", "write base = \"http://127.0.0.1:PORT\"", found),
        }
        child.finish(found);
    }
    endpoints
}

/// Scheme, literal loopback address and port, nothing after it (design §8).
pub(super) fn is_loopback(scheme: &str, base: &str) -> bool {
    let Some(rest) = base.strip_prefix(scheme) else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let Some((host, port)) = rest.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    port.parse::<u16>().is_ok_and(|port| port != 0) && host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
}

fn scope(mut table: Table<'_>, endpoints: &BTreeMap<Region, String>, found: &mut Found) -> Scope {
    let kind = |text: &str| Kind::named(text).ok_or("it is no kind that keywheel knows");
    let words = NAMED_KINDS.map(|(name, _)| name).join(", ");
    let remedy = format!("name kinds: {words}");
    let scope = Scope {
        keys: table.list("keys", KeyId::from_str, "write the OCIDs of keys", found),
        vaults: table.list("vaults", VaultId::from_str, "write the OCIDs of vaults", found),
        key_compartments: table.list(
            "key_compartments",
            CompartmentId::from_str,
            "write the OCIDs of the compartments that hold vaults and keys",
            found,
        ),
        regions: table.list("regions", Region::from_str, "write region identifiers", found),
        compartments: table.list("compartments", CompartmentId::from_str, "write the OCIDs of compartments", found),
        compartment_trees: table.list(
            "compartment_trees",
            CompartmentId::from_str,
            "write the OCIDs of compartments, or of the tenancy",
            found,
        ),
        kinds: table.list("kinds", kind, &remedy, found),
        nothing_under_keys: table.list("nothing_under_keys", kind, &remedy, found),
        enroll: enroll(table.table("enroll", found), found),
    };
    if let Some(kind) = scope.nothing_under_keys.iter().find(|kind| scope.wants(kind)) {
        let why = format!("scope.kinds wants {} looked at, so there is nothing to state", kind.word());
        table.problem(
            "nothing_under_keys",
            why,
            "take it out here, or name in scope.kinds only what else there is",
            found,
        );
    }
    if !endpoints.is_empty() {
        let real: Vec<_> = scope.regions.iter().filter(|region| !endpoints.contains_key(*region)).collect();
        if let Some(region) = real.first() {
            let why =
                format!("{region} has no loopback endpoint while other regions have: rehearsal and tenancy would mix");
            table.problem("regions", why, "give every region an endpoint, or none", found);
        }
    }
    table.finish(found);
    scope
}

fn policy(mut table: Table<'_>, is_test: bool, found: &mut Found) -> Policy {
    let cryptoperiod = table.duration("cryptoperiod", found).unwrap_or(CRYPTOPERIOD_DEFAULT);
    if cryptoperiod < CRYPTOPERIOD_MIN && !is_test {
        table.problem("cryptoperiod", "it is shorter than a day (R3)", "write at least \"1d\"", found);
    } else if cryptoperiod.is_zero() {
        table.problem("cryptoperiod", "it is zero", "write how long a version may protect new data", found);
    }
    let mut policy = Policy::with_cryptoperiod(cryptoperiod);
    if let Some(min_age) = table.duration("min_age", found) {
        if min_age > cryptoperiod {
            let why = format!("it is longer than the cryptoperiod of {}", show_duration(cryptoperiod));
            table.problem("min_age", why, "write at most the cryptoperiod; half of it is the default", found);
        }
        policy.min_age = min_age;
    }
    policy.rotate_when_empty = table.flag("rotate_when_empty", false, found);
    policy.exclude = table.list("exclude", ResourceId::from_str, "write the OCIDs of resources to leave alone", found);
    let words = |text: &str| match text {
        "fast" => Ok(Ambiguity::Fast),
        "standard" => Ok(Ambiguity::Standard),
        "strict" => Ok(Ambiguity::Strict),
        _ => Err("it is not one of the three ways"),
    };
    policy.ambiguity =
        table.parsed("ambiguity", words, "write \"fast\", \"standard\" or \"strict\"", found).unwrap_or_default();
    let words = |text: &str| match text {
        "auto" => Ok(StrategyPolicy::Auto),
        "new_key" => Ok(StrategyPolicy::NewKey),
        _ => Err("it is not one of the two strategies"),
    };
    policy.strategy = table.parsed("strategy", words, "write \"auto\" or \"new_key\"", found).unwrap_or_default();
    if let Some(period) = table.duration("predecessor_look", found) {
        policy.predecessor_look = period;
    }
    let words = |text: &str| match text {
        "assume_moved" => Ok(HistoryPolicy::AssumeMoved),
        "report" => Ok(HistoryPolicy::Report),
        "sweep" => Ok(HistoryPolicy::Sweep),
        _ => Err("it is not one of the three ways"),
    };
    let remedy = "write \"report\", \"sweep\" or \"assume_moved\"";
    policy.history = table.parsed("history", words, remedy, found).unwrap_or_default();
    let risks = |text: &str| match text {
        "no_date_fence" => Ok(Risk::NoDateFence),
        "no_retry_token" => Ok(Risk::NoRetryToken),
        "pinned_policies" => Ok(Risk::PinnedPolicies),
        "same_key_volumes" => Ok(Risk::SameKeyVolumes),
        "unseen_block_storage" => Ok(Risk::UnseenBlockStorage),
        _ => Err("it is not a risk that can be accepted"),
    };
    policy.accept_risks = table.list(
        "accept_risks",
        risks,
        "write \"no_date_fence\", \"no_retry_token\", \"pinned_policies\", \"same_key_volumes\" or \"unseen_block_storage\"",
        found,
    );
    policy.intent_register = tag_name(table.table("intent_register", found), found);
    if let Some(tag) = tag_name(table.table("lineage_tag", found), found) {
        policy.lineage_tag = tag;
    }
    table.finish(found);
    policy
}

/// What kinds do with several versions of their key, by the owner's word.
fn kinds(mut table: Table<'_>, accepted: &BTreeSet<Risk>, found: &mut Found) -> BTreeMap<Kind, RekeyClass> {
    let mut classes = BTreeMap::new();
    for (name, kind) in NAMED_KINDS {
        let possible = kind.possible_classes();
        let words: Vec<_> = possible.iter().map(|class| format!("{:?}", class.word())).collect();
        let remedy = format!("write {}, or delete the line: the default is documented", words.join(" or "));
        let read = |text: &str| match RekeyClass::named(text) {
            None => Err("it is not a class"),
            Some(class) if !possible.contains(&class) => Err("the kind has no step for that class"),
            Some(class) => Ok(class),
        };
        let Some(class) = table.parsed(name, read, &remedy, found) else { continue };
        if class == RekeyClass::Rewraps && kind.is_rewrap_undocumented() && !accepted.contains(&Risk::SameKeyVolumes) {
            let why = "it gives every volume the key again that it has, which Oracle does not document";
            let remedy = "name \"same_key_volumes\" in policy.accept_risks, or delete the line";
            table.problem(name, why, remedy, found);
        }
        classes.insert(kind, class);
    }
    table.finish(found);
    classes
}

/// A defined tag's namespace and key: 100 printable ASCII characters, no space and no full stop.
fn tag_name(mut table: Table<'_>, found: &mut Found) -> Option<TagName> {
    let mut part = |name| {
        let text = table.string(name, found).map(str::to_owned);
        let is_name = |text: &String| {
            (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
        };
        if table.is_present() && !text.as_ref().is_some_and(is_name) {
            let why = if text.is_some() { "it is no name of a defined tag" } else { "it is missing" };
            table.problem(name, why, "write namespace and key of a defined tag that only keywheel may use", found);
        }
        text
    };
    let (namespace, key) = (part("namespace"), part("key"));
    table.finish(found);
    Some(TagName { namespace: namespace?, key: key? })
}

fn tag(mut table: Table<'_>, found: &mut Found) -> Option<TagSelector> {
    let namespace = table.string("namespace", found).map(str::to_owned);
    let key = table.string("key", found);
    let value = table.string("value", found);
    if table.is_present() {
        for (name, part) in [("key", key), ("value", value)] {
            if part.is_none_or(str::is_empty) {
                table.problem(name, "it is missing", "a tag is selected by key and value; or delete [tag]", found);
            }
        }
    }
    let tag =
        key.zip(value).map(|(key, value)| TagSelector { namespace, key: key.to_owned(), value: value.to_owned() });
    if let Some((name, why)) = tag.as_ref().and_then(TagSelector::unsearchable).filter(|(_, why)| *why != "it is empty")
    {
        table.problem(name, why, "choose another tag: letters, digits, spaces and . _ - / : @ + = are harmless", found);
    }
    table.finish(found);
    tag
}

fn limits(mut table: Table<'_>, is_test: bool, kms: &mut u32, found: &mut Found) -> Budgets {
    let d = Budgets::default();
    let small = |number: u64| u32::try_from(number).expect("bounds keep it small");
    let mut number = |key, bounds, default: u64, found: &mut Found| table.number(key, bounds, default, found);
    let attempts = small(number("attempts", 1..=1_000, d.attempts.into(), found));
    let blast_radius = small(number("blast_radius", 1..=10_000_000, d.blast_radius.into(), found));
    let in_flight = small(number("in_flight", 1..=256, d.in_flight as u64, found)) as usize;
    let keys_at_once = small(number("keys_at_once", 1..=256, d.keys_at_once as u64, found)) as usize;
    let unreachable_after = small(number("unreachable_after", 0..=1_000, d.unreachable_after.into(), found));
    // A rehearsal has nobody to leave anything to.
    let (most, usual) = if is_test { (10_000, 1_000) } else { (KMS_LIMIT.into(), KMS_DEFAULT.into()) };
    *kms = small(number("kms_requests_per_second", 1..=most, usual, found));
    let page_size = small(number("page_size", 1..=1_000, d.page_size as u64, found)) as usize;
    let mints_per_vault_and_day =
        small(number("mints_per_vault_and_day", 1..=10_000, d.mints_per_vault_and_day.into(), found));
    let versions_per_vault = small(number("versions_per_vault", 1..=1_000_000, d.versions_per_vault.into(), found));
    let backoff_base = table.duration("backoff_base", found).unwrap_or(d.backoff_base);
    let backoff_max = table.duration("backoff_max", found).unwrap_or(d.backoff_max);
    if backoff_base.is_zero() {
        table.problem("backoff_base", "it is zero", "write at least \"1ms\"", found);
    }
    if backoff_max < backoff_base {
        table.problem("backoff_max", "it is shorter than backoff_base", "write at least backoff_base", found);
    }
    table.finish(found);
    Budgets {
        attempts,
        backoff_base,
        backoff_max,
        blast_radius,
        in_flight,
        keys_at_once,
        unreachable_after,
        page_size,
        mints_per_vault_and_day,
        versions_per_vault,
    }
}

fn margins(mut table: Table<'_>, is_test: bool, found: &mut Found) -> Margins {
    const REHEARSAL: &str = "it is allowed only when every region is a loopback endpoint";
    let lab = match table.string("profile", found) {
        None | Some("production") => false,
        Some("lab") => true,
        Some(_) => {
            table.problem("profile", "there is no such profile", "write \"production\" or \"lab\"", found);
            false
        }
    };
    if lab && !is_test {
        table.problem("profile", REHEARSAL, "delete the line, or add [endpoints] for a rehearsal", found);
    }
    let mut margins = if lab { Margins::lab() } else { Margins::production() };
    let production = Margins::production();
    let mut set = |key, value: &mut Duration, floor: Option<Duration>| {
        let Some(wanted) = table.duration(key, found) else { return };
        if let Some(floor) = floor.filter(|floor| wanted < *floor && !is_test) {
            let remedy = format!("write at least \"{}\", or delete the line", show_duration(floor));
            table.problem(key, format!("it is shorter than in production; {REHEARSAL}"), remedy, found);
        }
        if wanted.is_zero() {
            table.problem(key, "it is zero", "write how long to wait", found);
        }
        *value = wanted;
    };
    set("skew_limit", &mut margins.skew_limit, Some(production.skew_limit));
    set("processing", &mut margins.processing, Some(production.processing));
    set("list_lag", &mut margins.list_lag, Some(production.list_lag));
    set("clock_error", &mut margins.clock_error, Some(production.clock_error));
    set("search_lag", &mut margins.search_lag, Some(production.search_lag));
    set("absence_settle", &mut margins.absence_settle, Some(production.absence_settle));
    set("audit_lag", &mut margins.audit_lag, None);
    set("scopes_age_max", &mut margins.scopes_age_max, None);
    set("clock_offset_max", &mut margins.clock_offset_max, None);
    set("token_life", &mut margins.token_life, None);
    set("poll_min", &mut margins.poll_min, None);
    set("poll_max", &mut margins.poll_max, None);
    set("flip_deadline", &mut margins.flip_deadline, None);
    set("replica_deadline", &mut margins.replica_deadline, None);
    set("work_request_deadline", &mut margins.work_request_deadline, None);
    set("claim_ttl", &mut margins.claim_ttl, None);
    for (key, value, most) in [
        ("clock_offset_max", margins.clock_offset_max, production.clock_offset_max.min(margins.skew_limit)),
        ("token_life", margins.token_life, production.token_life),
    ] {
        if value > most {
            let remedy = format!("write at most \"{}\"", show_duration(most));
            table.problem(key, "it is longer than what OCI allows", remedy, found);
        }
    }
    if margins.poll_max < margins.poll_min {
        table.problem("poll_max", "it is shorter than poll_min", "write at least poll_min", found);
    }
    table.finish(found);
    margins
}
