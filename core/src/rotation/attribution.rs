//! Attribution: which audit event made a version, if any. Pure; who asks the log and when is the engine's business.
//!
//! Careful in one direction: a version is called somebody's only if exactly one request can have made it and the journal knows
//! neither its id nor its token.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Attribution, AuditEvent, AuditShown, KeyVersion, KeyVersionId, OursBy, RequestId, RetryToken, Timestamp,
};

/// What a version's creation and its event may differ by: two clocks of one service, and a call's duration.
pub const EVENT_NEAR: Duration = Duration::from_secs(30);

/// Operations that make a version. `RotateKey` is not in the SDK; it costs nothing to know it.
const MAKES: [&str; 5] = ["createkeyversion", "createkey", "importkeyversion", "importkey", "rotatekey"];

/// What was found out of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionAttributed {
    /// Which, and who made it.
    pub attribution: Attribution,
}

/// What the journal knows of requests of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OurRequests {
    /// Versions whose creation was answered with 2xx, and what the service called the request.
    pub created: Vec<(KeyVersionId, RequestId)>,
    /// Retry tokens of every mint that was intended.
    pub tokens: BTreeSet<RetryToken>,
}

/// The whole minutes of processing within which a version's event is looked for.
#[must_use]
pub fn window(made_at: Timestamp, lag: Duration, now: Timestamp) -> (Timestamp, Timestamp) {
    let last = (made_at + EVENT_NEAR + lag).min(now).max(made_at);
    whole_minutes(made_at - EVENT_NEAR, last)
}

/// The whole minutes that hold both instants: from the first one's beginning to the last one's end.
#[must_use]
pub fn whole_minutes(from: Timestamp, last: Timestamp) -> (Timestamp, Timestamp) {
    let minute = |at: Timestamp| Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at);
    (minute(from), minute(last) + Duration::from_secs(60))
}

/// Says who made a version.
#[must_use]
pub fn attribute(
    version: &KeyVersion,
    events: &[AuditEvent],
    ours: &OurRequests,
    lag: Duration,
    now: Timestamp,
) -> Attribution {
    let made_at = version.time_created;
    let makes = |event: &&AuditEvent| {
        let operation = event.operation.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        !event.is_refused && MAKES.contains(&operation.as_str())
    };
    let near = |event: &&AuditEvent| event.at.duration_since(made_at).unsigned_abs() <= EVENT_NEAR;
    let makers: Vec<&AuditEvent> = events.iter().filter(makes).collect();
    let request = ours.created.iter().find(|(id, _)| *id == version.id).map(|(_, request)| request);
    let is_request = |event: &&&AuditEvent| {
        request.zip(event.request_id.as_ref()).is_some_and(|(ours, theirs)| is_same_request(ours, theirs))
    };
    let shown = |event: &AuditEvent, by: Option<OursBy>| {
        let (principal, at, request_id) = (event.principal.clone(), event.at, event.request_id.clone());
        match by {
            Some(by) => AuditShown::Ours { by, principal, at, request_id },
            None => AuditShown::Somebody { principal, at, request_id },
        }
    };
    let names = |event: &&&AuditEvent| event.resource.as_deref() == Some(version.id.as_str());
    let about = |event: &&&AuditEvent| {
        let resource = event.resource.as_deref();
        resource.is_none() || resource == Some(version.key.as_str()) || names(event)
    };
    let token = |event: &AuditEvent| {
        let is_ours =
            event.retry_token.as_ref().is_some_and(|token| ours.tokens.iter().any(|own| own.as_str() == token));
        is_ours.then_some(OursBy::RetryToken)
    };
    let shown = if let Some(event) = makers.iter().find(is_request) {
        shown(event, Some(OursBy::RequestId))
    } else {
        let named: Vec<_> = makers.iter().filter(names).collect();
        let close: Vec<_> = makers.iter().filter(about).filter(|event| near(event)).collect();
        match (named.as_slice(), close.as_slice()) {
            ([event], _) | ([], [event]) => shown(event, token(event)),
            ([], []) if now < made_at + lag => AuditShown::Unknown { until: made_at + lag },
            ([], []) => AuditShown::Unseen,
            (several, others) => {
                AuditShown::Ambiguous { requests: u32::try_from(several.len().max(others.len())).unwrap_or(u32::MAX) }
            }
        }
    };
    Attribution { version: version.id.clone(), made_at, shown }
}

/// An answer's id is `client/service`, an event's may be either part or both.
fn is_same_request(ours: &RequestId, theirs: &RequestId) -> bool {
    let service = |id: &RequestId| id.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    ours == theirs || service(ours) == service(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyId, KeyState, Origin};

    const LAG: Duration = Duration::from_secs(900);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn version() -> KeyVersion {
        KeyVersion {
            id: KeyVersionId::parse("ocid1.keyversion.oc1.iad.v.new").expect("an OCID"),
            key: KeyId::parse("ocid1.key.oc1.iad.v.k").expect("an OCID"),
            state: KeyState::Enabled,
            origin: Origin::Internal,
            is_auto_rotated: false,
            time_created: at(0),
            time_of_deletion: None,
            replication_id: None,
        }
    }

    fn event(operation: &str, second: i64) -> AuditEvent {
        AuditEvent {
            id: format!("event-{second}"),
            operation: operation.to_owned(),
            at: at(second),
            resource: Some("ocid1.key.oc1.iad.v.k".to_owned()),
            principal: Some("ocid1.user.oc1..eve".to_owned()),
            request_id: Some(RequestId::parse("R/9").expect("an id")),
            retry_token: None,
            is_refused: false,
        }
    }

    fn shown(events: &[AuditEvent], ours: &OurRequests, now: i64) -> AuditShown {
        attribute(&version(), events, ours, LAG, at(now)).shown
    }

    #[test]
    fn one_request_that_the_journal_does_not_know_is_somebodys_whatever_the_case_of_its_name() {
        for name in ["CreateKeyVersion", "createkeyversion", "com.oraclecloud.KeyManagementService.CreateKeyVersion"] {
            let AuditShown::Somebody { principal, .. } = shown(&[event(name, 1)], &OurRequests::default(), 60) else {
                panic!("{name}")
            };
            assert_eq!(principal.as_deref(), Some("ocid1.user.oc1..eve"));
        }
    }

    #[test]
    fn our_request_id_is_certain_and_our_token_says_a_keywheel() {
        let created = vec![(version().id, RequestId::parse("client/9").expect("an id"))];
        let ours = OurRequests { created, ..OurRequests::default() };
        assert!(matches!(
            shown(&[event("CreateKeyVersion", 1)], &ours, 60),
            AuditShown::Ours { by: OursBy::RequestId, .. }
        ));
        let tokens = BTreeSet::from([RetryToken::parse("t".repeat(43)).expect("a token")]);
        let ours = OurRequests { tokens, ..OurRequests::default() };
        let lost = AuditEvent { retry_token: Some("t".repeat(43)), ..event("CreateKeyVersion", 1) };
        assert!(matches!(shown(&[lost], &ours, 60), AuditShown::Ours { by: OursBy::RetryToken, .. }));
    }

    #[test]
    fn two_requests_close_together_are_ambiguous_unless_one_names_the_version() {
        let two = [event("CreateKeyVersion", 1), event("CreateKeyVersion", 2)];
        assert_eq!(shown(&two, &OurRequests::default(), 60), AuditShown::Ambiguous { requests: 2 });
        let named = AuditEvent { resource: Some(version().id.to_string()), ..event("CreateKeyVersion", 1) };
        let both = [event("CreateKeyVersion", 2), named];
        assert!(
            matches!(shown(&both, &OurRequests::default(), 60), AuditShown::Somebody { at: found, .. } if found == at(1))
        );
    }

    #[test]
    fn absence_is_unknown_before_the_bound_and_proves_nothing_after_it() {
        let none = OurRequests::default();
        assert_eq!(shown(&[], &none, 60), AuditShown::Unknown { until: at(900) });
        assert_eq!(shown(&[], &none, 900), AuditShown::Unseen);
        let other =
            AuditEvent { resource: Some("ocid1.key.oc1.iad.v.other".to_owned()), ..event("CreateKeyVersion", 1) };
        let refused = AuditEvent { is_refused: true, ..event("CreateKeyVersion", 1) };
        let nothing = [event("GetKey", 1), event("CreateKeyVersion", 600), other, refused];
        assert_eq!(shown(&nothing, &none, 900), AuditShown::Unseen);
    }

    #[test]
    fn the_window_is_whole_minutes_and_ends_with_the_bound_or_the_present() {
        let (from, until) = window(at(0), LAG, at(100_000));
        assert_eq!((from.as_second() % 60, until.as_second() % 60), (0, 0));
        assert!(from <= at(-30) && until > at(930) && until <= at(1020));
        let (_, until) = window(at(0), LAG, at(100));
        assert!(until > at(100) && until <= at(160));
    }
}
