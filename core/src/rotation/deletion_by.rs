//! Who scheduled a deletion, as far as Oracle's audit log shows it. Pure; who asks the log and when is the engine's business.
//!
//! Careful in one direction: somebody is named only if exactly one request names the very thing that is to be deleted. One that
//! names the key and no version is presumed, never more, however long nothing else is seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{AuditEvent, AuditShown, Deletion, DeletionOf, KeyId, Timestamp};

/// OCI keeps what is to be deleted for 7 to 30 days (oci-api §2.3), and two clocks may differ by this much.
const PENDING_MIN: Duration = Duration::from_secs(7 * 86_400);
const PENDING_MAX: Duration = Duration::from_secs(30 * 86_400);
const CLOCKS: Duration = Duration::from_secs(3600);

/// What the audit log showed of a deletion, and from when on it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Events before this were not looked at.
    pub from: Timestamp,
    /// What it showed.
    pub shown: AuditShown,
}

impl Asked {
    /// Whether it is not asked again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self.shown, AuditShown::Unknown { .. })
    }
}

/// From when on events of a deletion are looked at. `looked_before`: when the key was looked at before it was scheduled.
#[must_use]
pub fn from(deletion: &Deletion, looked_before: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let earliest = deletion.at.unwrap_or(now).min(now + PENDING_MAX) - PENDING_MAX - CLOCKS;
    looked_before.map_or(earliest, |at| earliest.max(at - CLOCKS))
}

/// Says who scheduled a deletion. `of_key`: how many deletions of this kind are scheduled for the key. Before `until` that
/// nothing is there says nothing.
#[must_use]
pub fn scheduled_by(
    deletion: &Deletion,
    key: &KeyId,
    of_key: usize,
    events: &[AuditEvent],
    (until, now): (Timestamp, Timestamp),
) -> AuditShown {
    let (schedule, cancel) = match deletion.of {
        DeletionOf::Key => ("schedulekeydeletion", "cancelkeydeletion"),
        DeletionOf::KeyVersion => ("schedulekeyversiondeletion", "cancelkeyversiondeletion"),
        DeletionOf::Vault => ("schedulevaultdeletion", "cancelvaultdeletion"),
    };
    let names = |event: &&AuditEvent| event.resource.as_deref() == Some(deletion.id.as_str());
    let about = |event: &&AuditEvent| match event.resource.as_deref() {
        None => true,
        Some(id) => id == deletion.id || (deletion.of == DeletionOf::KeyVersion && id == key.as_str()),
    };
    let is = |event: &&AuditEvent, what: &str| !event.is_refused && operation(event) == what && about(event);
    // What was cancelled is not what is scheduled now.
    let cancelled = events.iter().filter(|event| is(event, cancel)).map(|event| event.at).max();
    let may_be = |event: &&AuditEvent| {
        let fits =
            deletion.at.is_none_or(|at| event.at + PENDING_MIN <= at + CLOCKS && event.at + PENDING_MAX + CLOCKS >= at);
        fits && cancelled.is_none_or(|cancelled| event.at > cancelled)
    };
    let mut requests: Vec<&AuditEvent> = events.iter().filter(|event| is(event, schedule) && may_be(event)).collect();
    // A request may have an event at its beginning and one at its end.
    requests.sort_by_key(|event| event.at);
    let mut seen = std::collections::BTreeSet::new();
    requests.retain(|event| event.request_id.as_ref().is_none_or(|request| seen.insert(request.as_str())));
    let named: Vec<_> = requests.iter().copied().filter(names).collect();
    let (principal, request_id) = (|e: &AuditEvent| e.principal.clone(), |e: &AuditEvent| e.request_id.clone());
    match (named.as_slice(), requests.as_slice()) {
        ([one], _) => AuditShown::Somebody { principal: principal(one), at: one.at, request_id: request_id(one) },
        ([], [one]) if of_key == 1 => {
            AuditShown::Presumed { principal: principal(one), at: one.at, request_id: request_id(one) }
        }
        _ if now < until => AuditShown::Unknown { until },
        ([], []) => AuditShown::Unseen,
        (_, several) => AuditShown::Ambiguous { requests: u32::try_from(several.len()).unwrap_or(u32::MAX) },
    }
}

/// The operation in lower case, whatever stands around it.
fn operation(event: &AuditEvent) -> String {
    let name = event.operation.to_ascii_lowercase();
    let name = name.strip_suffix(".begin").or_else(|| name.strip_suffix(".end")).unwrap_or(&name);
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RequestId;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn key() -> KeyId {
        KeyId::parse("ocid1.key.oc1.iad.v.k").expect("an OCID")
    }

    fn version() -> Deletion {
        let id = "ocid1.keyversion.oc1.iad.v.one".to_owned();
        let (of, at) = (DeletionOf::KeyVersion, Some(at(30 * DAY)));
        Deletion { of, id, at, is_done: false, is_current: false, holders_max: None, by: None }
    }

    fn event(operation: &str, second: i64, resource: &str) -> AuditEvent {
        AuditEvent {
            id: format!("event-{second}"),
            operation: operation.to_owned(),
            at: at(second),
            resource: Some(resource.to_owned()),
            principal: Some("ocid1.user.oc1..eve".to_owned()),
            request_id: Some(RequestId::parse(format!("R/{second}")).expect("an id")),
            retry_token: None,
            is_refused: false,
        }
    }

    fn shown(events: &[AuditEvent], now: i64) -> AuditShown {
        scheduled_by(&version(), &key(), 1, events, (at(900), at(now)))
    }

    const SCHEDULES: &str = "ScheduleKeyVersionDeletion";

    #[test]
    fn one_request_that_names_it_is_somebodys_and_one_that_names_the_key_is_presumed() {
        let id = version().id;
        for name in [SCHEDULES, "com.oraclecloud.KeyManagementService.schedulekeyversiondeletion.begin"] {
            assert!(matches!(shown(&[event(name, 5, &id)], 60), AuditShown::Somebody { .. }), "{name}");
        }
        let of_key = event(SCHEDULES, 5, key().as_str());
        assert!(matches!(shown(std::slice::from_ref(&of_key), 60), AuditShown::Presumed { .. }));
        assert!(
            matches!(shown(std::slice::from_ref(&of_key), 9_000), AuditShown::Presumed { .. }),
            "time proves nothing"
        );
        let of_two = scheduled_by(&version(), &key(), 2, &[of_key], (at(900), at(9_000)));
        assert_eq!(of_two, AuditShown::Ambiguous { requests: 1 }, "whose of two versions it was is not said");
    }

    #[test]
    fn a_request_that_was_cancelled_refused_or_cannot_have_been_it_is_not_it() {
        let id = version().id;
        let cancel = event("CancelKeyVersionDeletion", 50, &id);
        let (early, late) = (event(SCHEDULES, 5, &id), event(SCHEDULES, 70, &id));
        assert_eq!(shown(&[early.clone(), cancel.clone()], 9_000), AuditShown::Unseen);
        let AuditShown::Somebody { at: when, .. } = shown(&[early.clone(), cancel, late], 60) else {
            panic!("the second")
        };
        assert_eq!(when, at(70));
        let refused = AuditEvent { is_refused: true, ..early.clone() };
        let other = event(SCHEDULES, 5, "ocid1.keyversion.oc1.iad.v.two");
        let of_key = event("ScheduleKeyDeletion", 5, key().as_str());
        let too_late = event(SCHEDULES, 24 * DAY, &id);
        let too_early = event(SCHEDULES, -2 * DAY, &id);
        assert_eq!(shown(&[refused, other, of_key, too_late, too_early], 9_000), AuditShown::Unseen);
    }

    #[test]
    fn absence_and_ambiguity_are_unknown_before_the_bound_and_a_request_is_counted_once() {
        let id = version().id;
        assert_eq!(shown(&[], 60), AuditShown::Unknown { until: at(900) });
        let two = [event(SCHEDULES, 5, &id), event(SCHEDULES, 6, &id)];
        assert_eq!(shown(&two, 60), AuditShown::Unknown { until: at(900) });
        assert_eq!(shown(&two, 900), AuditShown::Ambiguous { requests: 2 });
        let end = AuditEvent { at: at(6), ..event(SCHEDULES, 5, &id) };
        assert!(matches!(shown(&[event(SCHEDULES, 5, &id), end], 60), AuditShown::Somebody { .. }));
    }

    #[test]
    fn events_are_looked_at_from_when_the_key_was_seen_whole_and_never_beyond_the_longest_pending_time() {
        let now = at(0);
        assert_eq!(from(&version(), None, now), at(-3600));
        assert_eq!(from(&version(), Some(at(-60)), now), at(-3600));
        assert_eq!(from(&Deletion { at: None, ..version() }, None, now), at(-30 * DAY - 3600));
        assert_eq!(from(&Deletion { at: Some(at(8 * DAY)), ..version() }, Some(at(-DAY)), now), at(-DAY - 3600));
    }
}
