//! Which endpoints a config needs, and what each says to one cheap read.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};

use super::super::call::Call;
use super::super::iam::NeededCall;
use super::super::operation::{Operation, Service};
use super::super::transport::paced;
use super::{OciExaminer, shown_by};
use crate::error::{Error, ErrorKind};
use crate::model::{CompartmentId, EndpointAnswer, EndpointSeen, Region, ShownBy};

/// Asked at once: one that does not answer holds up few others.
const AT_ONCE: usize = 16;

/// An endpoint, and how it is asked.
struct Target {
    service: Service,
    region: Region,
    host: String,
    ask: Ask,
}

enum Ask {
    Call(Box<Call>),
    OnlyWritten(ShownBy),
    Unknown(Error),
}

/// Asks each of them once.
pub(super) async fn ask(examiner: &OciExaminer) -> Vec<EndpointSeen> {
    let targets = targets(examiner).await;
    stream::iter(targets.into_iter().map(|target| one(examiner, target))).buffered(AT_ONCE).collect().await
}

async fn one(examiner: &OciExaminer, target: Target) -> EndpointSeen {
    let asked = examiner.clock.now();
    let (answer, date) = match target.ask {
        Ask::OnlyWritten(shown_by) => (EndpointAnswer::OnlyWritten(shown_by), None),
        Ask::Unknown(error) => (graded(&error), error.server_date()),
        Ask::Call(call) => match examiner.client.ask_once(&call).await {
            Ok(answer) => {
                let said = format!("{} was answered", call.operation.name());
                (EndpointAnswer::Answered(said), answer.witnesses.server_date)
            }
            Err(error) => (graded(&error), error.server_date()),
        },
    };
    EndpointSeen {
        service: paced(target.service).0.to_owned(),
        region: target.region,
        host: target.host,
        asked,
        came: examiner.clock.now(),
        date,
        answer,
    }
}

/// What an error says of an endpoint. A refusal of one call is an answer: rights are looked at apart.
fn graded(error: &Error) -> EndpointAnswer {
    match (error.status(), error.kind()) {
        (Some(401), _) | (Some(500..), _) => EndpointAnswer::Refused(error.to_string()),
        (Some(_), _) | (None, ErrorKind::Foreign) => EndpointAnswer::Answered(error.to_string()),
        (None, _) => EndpointAnswer::NoAnswer(error.to_string()),
    }
}

async fn targets(examiner: &OciExaminer) -> Vec<Target> {
    let (client, premises) = (&examiner.client, &examiner.premises);
    let needed = examiner.needed(None);
    let services: BTreeSet<Service> = needed.iter().map(|call| call.operation.service()).collect();
    let home = client.region().clone();
    let subscribed: BTreeSet<Region> = examiner.regions().await.into_iter().collect();
    let scope = &premises.settings.scope.regions;
    let dependents: BTreeSet<Region> = if scope.is_empty() { subscribed.clone() } else { scope.clone() };
    let one = |region: Option<&Region>| -> BTreeSet<Region> { region.into_iter().cloned().collect() };
    let mut targets = Vec::new();
    for service in services.into_iter().chain([Service::Search]) {
        let regions = match service {
            Service::KmsManagement => {
                targets.extend(vaults(examiner, &needed).await);
                continue;
            }
            Service::KmsVault | Service::Search => subscribed.clone(),
            Service::Audit | Service::Identity => one(Some(&home)),
            Service::LogIngestion => one(premises.audit_log.as_ref()),
            Service::Monitoring => one(premises.metrics.as_ref().map(|(_, region)| region)),
            Service::Notifications => one(premises.topic.as_ref()),
            Service::ObjectStorage => {
                dependents.iter().chain(premises.audit_bucket.as_ref().map(|place| &place.region)).cloned().collect()
            }
            _ => dependents.clone(),
        };
        for region in regions {
            let host = match client.endpoints().regional(service, &region) {
                Ok(url) => host_of(&url),
                Err(_) => "(none)".to_owned(),
            };
            let ask = how(examiner, &needed, service, &region);
            targets.push(Target { service, region, host, ask });
        }
    }
    targets
}

fn host_of(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The cheapest read of a service: one that no right is needed for, else the first listing that the config needs.
fn how(examiner: &OciExaminer, needed: &[NeededCall], service: Service, region: &Region) -> Ask {
    let tenancy = examiner.client.tenancy();
    let listed = |operation: Operation, place: &CompartmentId| {
        let call = Call::new(operation, region).query("compartmentId", place).query("limit", &1);
        Ask::Call(Box::new(call))
    };
    let of_service = || needed.iter().filter(|call| call.operation.service() == service);
    match service {
        Service::Identity => {
            Ask::Call(Box::new(Call::new(Operation::ListRegionSubscriptions, region).param("tenancyId", tenancy)))
        }
        Service::ObjectStorage => Ask::Call(Box::new(Call::new(Operation::GetNamespace, region))),
        Service::Search => Ask::Call(Box::new(Call::new(Operation::ListResourceTypes, region).query("limit", &1))),
        Service::Audit => match (of_service().next(), super::calls::events_window(examiner)) {
            (Some(call), (from, until)) => {
                let place = call.places.first().and_then(|(place, _)| place.clone());
                let call = Call::new(Operation::ListEvents, region)
                    .query("compartmentId", &place.unwrap_or_else(|| tenancy.clone()))
                    .query("startTime", &from)
                    .query("endTime", &until);
                Ask::Call(Box::new(call))
            }
            (None, _) => Ask::OnlyWritten(ShownBy::Unrecorded),
        },
        _ => match of_service().find(|call| super::calls::is_listing(call.operation)) {
            Some(call) => {
                let place = call.places.first().and_then(|(place, _)| place.as_ref()).unwrap_or(tenancy);
                listed(call.operation, place)
            }
            None => {
                let written = of_service().find_map(|call| shown_by(call.operation));
                Ask::OnlyWritten(written.unwrap_or(ShownBy::Unrecorded))
            }
        },
    }
}

/// The management endpoints of the vaults in scope, of those that keys in scope are in too.
async fn vaults(examiner: &OciExaminer, needed: &[NeededCall]) -> Vec<Target> {
    let scope = &examiner.premises.settings.scope;
    let mut targets: Vec<Target> = Vec::new();
    let mut places = Vec::new();
    for vault in &scope.vaults {
        places.push(examiner.locator.vault("doctor", vault).await.map_err(|error| error.with("vault", vault)));
    }
    for key in &scope.keys {
        places.push(examiner.locator.key("doctor", key).await);
    }
    let place = needed.iter().find(|call| call.operation == Operation::ListKeys);
    let place = place.and_then(|call| call.places.first()?.0.clone());
    let compartment = place.unwrap_or_else(|| examiner.client.tenancy().clone());
    for place in places {
        let (region, host, ask) = match place {
            Ok(place) => {
                let call = Call::new(Operation::ListKeys, &place.region)
                    .at_vault(&place.endpoint)
                    .query("compartmentId", &compartment)
                    .query("limit", &1);
                (place.region, host_of(&place.endpoint), Ask::Call(Box::new(call)))
            }
            Err(error) => {
                let home = examiner.client.region().clone();
                (home, "(a vault's, which is not known)".to_owned(), Ask::Unknown(error))
            }
        };
        let is_new = |one: &Target| one.host != host || matches!(ask, Ask::Unknown(_));
        if targets.iter().all(is_new) {
            targets.push(Target { service: Service::KmsManagement, region, host, ask });
        }
    }
    targets
}
