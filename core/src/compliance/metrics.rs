//! Metrics: which there are, and how they follow from what is due, how rotations stand, and when the last tick ended.
//!
//! Whatever was not read has no series: an absent number is never a zero. Values come out fit for every consumer, so that
//! none has to clean foreign text again.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{DeletionOf, DueKey, DueState, LearnedRate, Metric, MetricUnit, RotationSummary, Tick, Timestamp};

/// The longest value of a dimension; OCI Monitoring takes 512 characters today and took 256 before.
const DIMENSION_CHARS_MAX: usize = 256;

/// A metric that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What its value counts.
    pub unit: MetricUnit,
    /// What it says, in one sentence without a line break.
    pub help: &'static str,
    /// Names of its dimensions; one that cannot be said is left out.
    pub dimensions: &'static [&'static str],
}

const fn define(
    name: &'static str,
    unit: MetricUnit,
    dimensions: &'static [&'static str],
    help: &'static str,
) -> Definition {
    Definition { name, unit, help, dimensions }
}

/// Every metric, by name.
pub const METRICS: &[Definition] = {
    use MetricUnit::{Count, Days, PerMinute, Seconds};
    &[
        define("cryptoperiod_days", Days, &["key", "name"], "How long a version of the key may protect new data."),
        define(
            "deletion_in_days",
            Days,
            &["key"],
            "Days until the first scheduled deletion that concerns the key; negative once it was to happen.",
        ),
        define(
            "deletions_pending",
            Count,
            &["of"],
            "Deletions that somebody scheduled, of vaults, keys and versions in scope; without any it is 0.",
        ),
        define(
            "dependents",
            Count,
            &["key", "kind", "outcome"],
            "Dependents in the key's newest rotation that has any, by outcome.",
        ),
        define("dependents_open", Count, &["key"], "Dependents of that rotation without an outcome yet."),
        define("key_age_days", Days, &["key", "name"], "Age of the key's current version."),
        define(
            "key_due_in_days",
            Days,
            &["key", "name"],
            "Days until the key's next rotation falls due; negative once it is overdue.",
        ),
        define("keys", Count, &["state"], "Keys in scope by what is owed to them; a state without keys is 0."),
        define("last_tick_timestamp_seconds", Seconds, &[], "When the last run over all keys ended: the heartbeat."),
        define(
            "requests_per_minute_learned",
            PerMinute,
            &["service", "region"],
            "Requests that a service took before it refused more; only of services that refused.",
        ),
        define("rotation_open_days", Days, &["key"], "How long the key's open rotation has been open."),
        define("rotations_open", Count, &[], "Rotations that are open, paused ones included."),
        define("rotations_paused", Count, &[], "Rotations that wait for a person."),
        define("tick_keys", Count, &[], "Keys that the last tick took up."),
        define("tick_keys_failed", Count, &[], "Keys of the last tick whose rotation ended in an error."),
        define(
            "vault_full_in_days",
            Days,
            &["vault", "protection"],
            "Days until the vault holds all versions it may, at the pace of the last cryptoperiod.",
        ),
        define(
            "vault_versions_left",
            Count,
            &["vault", "protection"],
            "Versions that the vault can still take, reserved ones taken off.",
        ),
    ]
};

/// What metrics are made from.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// What is owed to every key in scope.
    pub due: &'a [DueKey],
    /// Rotations in the order they were opened; the newest of each key is enough.
    pub rotations: &'a [RotationSummary],
    /// The last tick that ended.
    pub last_tick: Option<Tick>,
    /// What was found out about services.
    pub rates: &'a [LearnedRate],
    /// When all this was read.
    pub at: Timestamp,
}

/// Every metric that can be said, ordered by name and dimensions; no two have both alike.
#[must_use]
pub fn metrics(observed: &Observed<'_>) -> Vec<Metric> {
    let mut series = Series { at: observed.at, found: BTreeMap::new() };
    states(&mut series, observed.due);
    deletions(&mut series, observed.due);
    for row in observed.due {
        key(&mut series, row);
    }
    rotations(&mut series, observed.rotations);
    if let Some(tick) = &observed.last_tick {
        series.set("last_tick_timestamp_seconds", &[], seconds(tick.at));
        series.set("tick_keys", &[], number(tick.keys));
        series.set("tick_keys_failed", &[], number(tick.failed));
    }
    for LearnedRate { service, region, per_minute } in observed.rates {
        let about = [("service", service.as_str()), ("region", region.as_str())];
        series.set("requests_per_minute_learned", &about, f64::from(*per_minute));
    }
    series.found.into_values().collect()
}

fn states(series: &mut Series, rows: &[DueKey]) {
    let mut counts: BTreeMap<&str, u64> = DueState::WORDS.iter().map(|word| (*word, 0)).collect();
    for row in rows {
        *counts.entry(row.due.state.word()).or_default() += 1;
    }
    for (state, count) in counts {
        series.set("keys", &[("state", state)], number(count));
    }
}

fn deletions(series: &mut Series, rows: &[DueKey]) {
    let scheduled = |row: &DueKey| row.deletions.clone().into_iter().filter(|deletion| !deletion.is_done);
    for of in DeletionOf::ALL {
        // A vault concerns each of its keys, and is one deletion.
        let all = rows.iter().flat_map(scheduled).filter(|deletion| deletion.of == of);
        let ids: BTreeSet<String> = all.map(|deletion| deletion.id).collect();
        series.set("deletions_pending", &[("of", of.word())], number(ids.len() as u64));
    }
    for row in rows {
        if let Some(first) = scheduled(row).filter_map(|deletion| deletion.at).min() {
            series.set("deletion_in_days", &[("key", row.key.as_str())], days_between(series.at, first));
        }
    }
}

fn key(series: &mut Series, row: &DueKey) {
    let about = [("key", row.key.as_str()), ("name", row.name.as_str())];
    if let Some(age) = row.age {
        series.set("key_age_days", &about, age.as_secs_f64() / DAY);
    }
    if let Some(period) = row.cryptoperiod {
        series.set("cryptoperiod_days", &about, period.as_secs_f64() / DAY);
    }
    if let Some(next) = row.due.next {
        series.set("key_due_in_days", &about, days_between(series.at, next));
    }
    let (Some(vault), Some(protection)) = (&row.vault, row.protection) else { return };
    let about = [("vault", vault.as_str()), ("protection", protection.word())];
    if let Some(left) = row.versions_left {
        series.least("vault_versions_left", &about, f64::from(left));
    }
    if let Some(full) = row.vault_full_on {
        series.least("vault_full_in_days", &about, days_between(series.at, full));
    }
}

fn rotations(series: &mut Series, all: &[RotationSummary]) {
    let is_open = |row: &&RotationSummary| row.closed_at.is_none();
    let open: Vec<_> = all.iter().filter(is_open).collect();
    series.set("rotations_open", &[], number(open.len() as u64));
    series.set("rotations_paused", &[], number(open.iter().filter(|row| row.paused.is_some()).count() as u64));
    for row in open {
        series.set("rotation_open_days", &[("key", row.key.as_str())], days_between(row.opened_at, series.at));
    }
    let mut told = BTreeSet::new();
    for row in all.iter().rev().filter(|row| row.dependents > 0) {
        if !told.insert(&row.key) {
            continue;
        }
        let key = row.key.as_str();
        for (kind, tally) in &row.counts.0 {
            for (outcome, count) in &tally.outcomes {
                let about = [("key", key), ("kind", kind.word()), ("outcome", outcome.as_str())];
                series.set("dependents", &about, number(*count));
            }
        }
        let left = row.dependents.saturating_sub(row.counts.total());
        series.set("dependents_open", &[("key", key)], number(left));
    }
}

/// Series by name and dimensions.
struct Series {
    at: Timestamp,
    found: BTreeMap<(&'static str, BTreeMap<String, String>), Metric>,
}

impl Series {
    fn set(&mut self, name: &'static str, about: &[(&str, &str)], value: f64) {
        self.put(name, about, value, |_, new| new);
    }

    /// The least of all values of a series: what several keys say of one vault.
    fn least(&mut self, name: &'static str, about: &[(&str, &str)], value: f64) {
        self.put(name, about, value, f64::min);
    }

    fn put(&mut self, name: &'static str, about: &[(&str, &str)], value: f64, both: fn(f64, f64) -> f64) {
        let definition = METRICS.iter().find(|definition| definition.name == name).expect("a metric is defined");
        debug_assert!(about.iter().all(|(key, _)| definition.dimensions.contains(key)), "{name} has other dimensions");
        let clean = |(key, value): &(&str, &str)| Some(((*key).to_owned(), clean(value)?));
        let dimensions: BTreeMap<String, String> = about.iter().filter_map(clean).collect();
        let (at, unit) = (self.at, definition.unit);
        let metric = Metric { name: name.to_owned(), unit, dimensions: dimensions.clone(), value, at };
        let entry = self.found.entry((name, dimensions));
        entry.and_modify(|before| before.value = both(before.value, value)).or_insert(metric);
    }
}

/// A dimension's value as every consumer takes it; `None` if nothing is left of it.
fn clean(value: &str) -> Option<String> {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = value.chars().map(printable).take(DIMENSION_CHARS_MAX).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

const DAY: f64 = 86_400.0;

fn days_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / DAY
}

fn seconds(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

/// Counts stay below 2^53, where every whole number is exact.
#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 keys")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Counts, Due, KeyId, KeyVersionId, Kind, Outcome, ProtectionMode, Region, RotationId, VaultId};

    fn at() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().expect("an instant")
    }

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    fn key_id(name: &str) -> KeyId {
        KeyId::parse(format!("ocid1.key.oc1.iad.v.{name}")).expect("an OCID")
    }

    fn row(name: &str, state: DueState) -> DueKey {
        DueKey {
            key: key_id(name),
            name: name.to_owned(),
            vault: Some(VaultId::parse("ocid1.vault.oc1.iad.v.v").expect("an OCID")),
            protection: Some(ProtectionMode::Hsm),
            versions_left: Some(40),
            current_version: None,
            age: Some(days(100)),
            cryptoperiod: Some(days(90)),
            due: Due { state, next: Some(at() - days(10)), why: "old".to_owned() },
            vault_full_on: None,
            deletions: Vec::new(),
        }
    }

    fn rotation(key: &str, opened: u64, dependents: u64, outcomes: &[Outcome]) -> RotationSummary {
        let mut counts = Counts::default();
        outcomes.iter().for_each(|outcome| counts.add(&Kind::Bucket, outcome));
        RotationSummary {
            rotation: RotationId::parse("aaaaaaaaaaaaaaaa").expect("an id"),
            key: key_id(key),
            superseded: KeyVersionId::parse("ocid1.keyversion.oc1.iad.v.v").expect("an OCID"),
            is_sweep: false,
            overtaken_by: None,
            target: None,
            phase: "rekeying".to_owned(),
            paused: None,
            opened_at: at() - days(opened),
            closed_at: None,
            dependents,
            counts,
        }
    }

    fn of(observed: &Observed<'_>) -> BTreeMap<String, f64> {
        let line = |metric: Metric| {
            let about: Vec<_> = metric.dimensions.iter().map(|(key, value)| format!("{key}={value}")).collect();
            (format!("{} {}", metric.name, about.join(",")).trim().to_owned(), metric.value)
        };
        metrics(observed).into_iter().map(line).collect()
    }

    fn nothing() -> Observed<'static> {
        Observed { due: &[], rotations: &[], last_tick: None, rates: &[], at: at() }
    }

    #[test]
    fn an_overdue_key_says_its_age_and_that_it_is_overdue() {
        let due = [row("a", DueState::Due)];
        let found = of(&Observed { due: &due, ..nothing() });
        let about = "key=ocid1.key.oc1.iad.v.a,name=a";
        assert_eq!(found[&format!("key_age_days {about}")], 100.0);
        assert_eq!(found[&format!("key_due_in_days {about}")], -10.0);
        assert_eq!(found[&format!("cryptoperiod_days {about}")], 90.0);
        assert_eq!((found["keys state=due"], found["keys state=waiting"]), (1.0, 0.0));
    }

    #[test]
    fn what_was_not_read_has_no_series() {
        let blocked = DueKey { age: None, vault: None, ..row("a", DueState::Blocked) };
        let due = [DueKey { due: Due { next: None, ..blocked.due.clone() }, ..blocked }];
        let found = of(&Observed { due: &due, ..nothing() });
        let names = ["key_age_days", "key_due_in_days", "vault_versions_left", "last_tick_timestamp_seconds"];
        assert!(!found.keys().any(|line| names.iter().any(|name| line.starts_with(name))), "{found:?}");
        assert_eq!(found["keys state=blocked"], 1.0);
    }

    #[test]
    fn a_vault_of_several_keys_is_one_series_with_the_least_that_any_of_them_saw() {
        let due = [row("a", DueState::Waiting), DueKey { versions_left: Some(7), ..row("b", DueState::Waiting) }];
        let found = of(&Observed { due: &due, ..nothing() });
        assert_eq!(found["vault_versions_left protection=hsm,vault=ocid1.vault.oc1.iad.v.v"], 7.0);
    }

    #[test]
    fn dependents_are_counted_in_the_newest_rotation_of_a_key_that_has_any() {
        let gone = || Outcome::Gone { how: "terminated".to_owned() };
        let mended = Outcome::Blocked { why: "409".to_owned() };
        let all = [
            rotation("a", 9, 1, &[mended]),
            rotation("a", 5, 3, &[gone(), gone()]),
            RotationSummary { paused: Some("quota".to_owned()), ..rotation("a", 2, 0, &[]) },
        ];
        let found = of(&Observed { rotations: &all, ..nothing() });
        let key = "key=ocid1.key.oc1.iad.v.a";
        assert_eq!(found[&format!("dependents {key},kind=bucket,outcome=gone")], 2.0);
        assert_eq!(found[&format!("dependents_open {key}")], 1.0);
        assert!(!found.keys().any(|line| line.contains("outcome=blocked")), "{found:?}");
        assert_eq!((found["rotations_open"], found["rotations_paused"]), (3.0, 1.0));
    }

    #[test]
    fn the_heartbeat_and_the_learned_rates_are_said() {
        let rates = [LearnedRate {
            service: "kms".to_owned(),
            region: Region::parse("us-ashburn-1").expect("a region"),
            per_minute: 480,
        }];
        let tick = Tick { at: at(), keys: 3, failed: 1 };
        let found = of(&Observed { last_tick: Some(tick), rates: &rates, ..nothing() });
        assert_eq!(found["last_tick_timestamp_seconds"], 1_795_348_800.0);
        assert_eq!((found["tick_keys"], found["tick_keys_failed"]), (3.0, 1.0));
        assert_eq!(found["requests_per_minute_learned region=us-ashburn-1,service=kms"], 480.0);
    }

    #[test]
    fn foreign_names_are_cut_and_cleaned_and_an_empty_one_is_left_out() {
        let due = [
            DueKey { name: "a\nb\u{7}".to_owned() + &"x".repeat(1_000), ..row("a", DueState::Waiting) },
            DueKey { name: " \t".to_owned(), ..row("b", DueState::Waiting) },
        ];
        let all = metrics(&Observed { due: &due, ..nothing() });
        let named: Vec<_> = all.iter().filter_map(|metric| metric.dimensions.get("name")).collect();
        assert!(named.iter().all(|name| name.starts_with("a b x") && name.chars().count() == 256), "{named:?}");
        assert_eq!(named.len(), 3);
    }

    #[test]
    fn every_name_and_dimension_is_one_that_oci_monitoring_and_prometheus_take() {
        let is_name = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        for definition in METRICS {
            assert!(is_name(definition.name) && !definition.name.starts_with("oci"), "{}", definition.name);
            assert!(definition.dimensions.iter().all(|name| is_name(name)), "{}", definition.name);
            assert!(!definition.help.contains('\n') && definition.dimensions.len() < 20, "{}", definition.name);
        }
        assert!(METRICS.windows(2).all(|two| two[0].name < two[1].name));
    }
}
