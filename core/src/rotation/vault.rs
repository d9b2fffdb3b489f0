//! The ledger of one vault, stream `vault/<id>`: versions reserved and minted (rules R3 and quota).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{RotationId, Timestamp};

/// A fact of a vault's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VaultFact {
    /// A rotation will need this many versions.
    Reserved {
        /// Which rotation.
        rid: RotationId,
        /// How many.
        versions: u32,
    },
    /// The rotation ended; whatever it minted is in the vault's own count now.
    Released {
        /// Which rotation.
        rid: RotationId,
    },
}

/// What a vault's facts add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Open reservations.
    pub open: BTreeMap<RotationId, u32>,
    /// When reservations were made: the mints of a day are counted by these.
    pub made_at: Vec<(RotationId, Timestamp, u32)>,
}

impl Ledger {
    /// Applies one fact written at `at`.
    pub fn apply(&mut self, at: Timestamp, fact: &VaultFact) {
        match fact {
            VaultFact::Reserved { rid, versions } => {
                if self.open.insert(rid.clone(), *versions).is_none() {
                    self.made_at.push((rid.clone(), at, *versions));
                }
            }
            VaultFact::Released { rid } => {
                self.open.remove(rid);
            }
        }
    }

    /// Versions reserved by open rotations.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.open.values().sum()
    }

    /// The same ledger without one rotation's own entries: a rotation does not stand in its own way.
    #[must_use]
    pub fn without(mut self, rid: &RotationId) -> Self {
        self.open.remove(rid);
        self.made_at.retain(|(of, _, _)| of != rid);
        self
    }

    /// The same ledger with everything that was reserved at any time since `before`, an earlier state of it, released or not.
    #[must_use]
    pub fn held_since(mut self, before: &Self) -> Self {
        let made_since = self.made_at.iter().skip(before.made_at.len()).map(|(rid, _, versions)| (rid, versions));
        let held: Vec<_> =
            before.open.iter().chain(made_since).map(|(rid, versions)| (rid.clone(), *versions)).collect();
        for (rid, versions) in held {
            self.open.entry(rid).or_insert(versions);
        }
        self
    }

    /// The day on which a vault with this many versions is full, if mints go on as they did in the last `period`, and
    /// at least as this rotation will: once per period.
    #[must_use]
    pub fn full_on(&self, held: u32, limit: u32, next: u32, period: Duration, now: Timestamp) -> Option<Timestamp> {
        let left = limit.saturating_sub(held + self.reserved());
        let per_period = self.minted_since(now - period).max(next);
        let periods = left.checked_div(per_period)?;
        let wait = period.checked_mul(periods)?;
        now.checked_add(jiff::SignedDuration::try_from(wait).ok()?).ok()
    }

    /// Versions reserved since an instant.
    #[must_use]
    pub fn minted_since(&self, since: Timestamp) -> u32 {
        self.made_at.iter().filter(|(_, at, _)| *at >= since).map(|(_, _, versions)| versions).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reserved_and_released_since_a_look_still_counts() {
        let at: Timestamp = "2026-11-22T12:00:00Z".parse().expect("valid");
        let rid = |last: char| RotationId::parse(format!("aaaaaaaaaaaaaaa{last}")).expect("valid");
        let reserved = |last| VaultFact::Reserved { rid: rid(last), versions: 1 };
        let mut ledger = Ledger::default();
        ledger.apply(at, &reserved('a'));
        ledger.apply(at, &VaultFact::Released { rid: rid('a') });
        ledger.apply(at, &reserved('b'));
        let before = ledger.clone();
        ledger.apply(at, &VaultFact::Released { rid: rid('b') });
        ledger.apply(at, &reserved('c'));
        ledger.apply(at, &VaultFact::Released { rid: rid('c') });
        ledger.apply(at, &reserved('d'));
        assert_eq!(ledger.reserved(), 1);
        assert_eq!(ledger.held_since(&before).reserved(), 3, "all but the one that had gone before");
    }

    #[test]
    fn the_day_a_vault_is_full_follows_from_what_was_minted_in_a_period() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("valid");
        let (day, period) = (Duration::from_secs(86_400), Duration::from_secs(90 * 86_400));
        let mut ledger = Ledger::default();
        for (number, age) in [(1, 200), (2, 40), (3, 20)] {
            let rid = RotationId::parse(format!("aaaaaaaaaaaaaaa{}", char::from(b'a' + number))).expect("valid");
            let reserved = VaultFact::Reserved { rid: rid.clone(), versions: 2 };
            ledger.apply(now - day * age, &reserved);
            ledger.apply(now, &VaultFact::Released { rid });
        }
        // Four in the last ninety days; twenty are left: five periods.
        assert_eq!(ledger.full_on(80, 100, 1, period, now), Some(now + period * 5));
        assert_eq!(ledger.full_on(100, 100, 1, period, now), Some(now), "it is full today");
        assert_eq!(Ledger::default().full_on(98, 100, 2, period, now), Some(now + period));
        assert_eq!(Ledger::default().full_on(98, 100, 0, period, now), None, "nothing is minted");
    }
}
