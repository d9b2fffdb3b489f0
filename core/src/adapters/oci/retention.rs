//! What a bucket's retention rules promise, in words: nothing, something that can be taken back, or a lock.
//!
//! Judges by the service's own clock only; where its answer names no time, no lock is believed. keywheel never makes, changes or
//! removes a rule (oci-api §6.10).

use super::answer::shown;
use super::wire_audit::RetentionRule;
use crate::model::Timestamp;
use crate::ports::{Keeping, KeepingPromise};

const NOTHING: &str = "the bucket has no retention rule: whoever may write or delete objects in it may change or remove the copy. \
                       keywheel makes no rule; its owner may (it takes effect within about 30 seconds)";
const VERSIONED: &str = "versioning is on, and with it no retention rule can be made: an object that is overwritten or deleted leaves \
                         a version behind, which whoever may delete versions may remove";

/// What these rules promise at the server's time `now`.
pub(super) fn keeping(rules: &[RetentionRule], is_versioned: bool, now: Option<Timestamp>) -> Keeping {
    let mut text = Vec::new();
    let mut promise = if rules.is_empty() { KeepingPromise::Nothing } else { KeepingPromise::Removable };
    for rule in rules {
        let name = rule
            .display_name
            .as_deref()
            .map_or_else(|| "without a name".to_owned(), |name| format!("{:?}", shown(name)));
        let Some(duration) = &rule.duration else {
            text.push(format!(
                "rule {name}: no object can be changed or removed while the rule is there; a rule without a duration cannot be \
                 locked, so whoever may manage rules may remove it"
            ));
            continue;
        };
        let span = format!(
            "each object cannot be changed or removed for {} {} after it was written (its Last-Modified)",
            duration.time_amount,
            shown(&duration.time_unit).to_lowercase()
        );
        text.push(match rule.time_rule_locked {
            Some(at) if now.is_some_and(|now| at <= now) => {
                promise = KeepingPromise::Locked;
                format!("rule {name}: {span}; locked since {at}: the duration can only grow, and only with the bucket, once it is empty, does the rule go")
            }
            Some(at) => format!("rule {name}: {span}; it is locked from {at} on, and until then whoever may manage rules may remove it"),
            None => format!("rule {name}: {span}; it is not locked: whoever may manage rules may remove it"),
        });
    }
    if is_versioned {
        text.push(VERSIONED.to_owned());
    } else if rules.is_empty() {
        text.push(NOTHING.to_owned());
    }
    Keeping { promise, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::oci::wire_audit::RetentionDuration;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn rule(days: Option<u64>, locked: Option<&str>) -> RetentionRule {
        RetentionRule {
            display_name: Some("seven years\u{1b}[31m".to_owned()),
            duration: days.map(|time_amount| RetentionDuration { time_amount, time_unit: "DAYS".to_owned() }),
            time_rule_locked: locked.map(at),
        }
    }

    #[test]
    fn only_a_lock_that_has_begun_by_the_servers_clock_is_a_lock() {
        let now = Some(at("2026-11-22T12:00:00Z"));
        let (past, future) = (Some("2026-11-22T11:59:59Z"), Some("2026-12-06T00:00:00Z"));
        let promise = |rules: &[RetentionRule], now| keeping(rules, false, now).promise;
        assert_eq!(promise(&[], now), KeepingPromise::Nothing);
        assert_eq!(promise(&[rule(Some(30), None)], now), KeepingPromise::Removable);
        assert_eq!(promise(&[rule(Some(30), future)], now), KeepingPromise::Removable);
        assert_eq!(promise(&[rule(None, past)], now), KeepingPromise::Removable, "without a duration nothing locks");
        assert_eq!(
            promise(&[rule(Some(30), past)], None),
            KeepingPromise::Removable,
            "nobody knows what time it is there"
        );
        assert_eq!(promise(&[rule(Some(30), past)], now), KeepingPromise::Locked);
        assert_eq!(promise(&[rule(Some(30), past), rule(None, None)], now), KeepingPromise::Locked);
    }

    #[test]
    fn the_words_say_from_when_for_how_long_and_who_may_take_it_back() {
        let now = Some(at("2026-11-22T12:00:00Z"));
        let text = keeping(&[rule(Some(2555), Some("2026-12-06T00:00:00Z"))], false, now).text.concat();
        for part in ["2555 days after it was written", "Last-Modified", "locked from 2026-12-06", "may remove it"] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert!(!text.contains('\u{1b}'), "a rule's name is foreign text");
        assert!(keeping(&[], false, now).text.concat().contains("no retention rule"));
        let versioned = keeping(&[], true, now);
        assert_eq!(versioned.promise, KeepingPromise::Nothing);
        assert!(versioned.text.concat().contains("no retention rule can be made"), "{versioned:?}");
    }
}
