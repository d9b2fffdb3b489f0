//! Buckets: UpdateBucket says which key, ReencryptBucket wraps the data keys anew under its current version.
//!
//! Never the key-only variant, which leaves objects behind. A re-encryption covers the objects that were there
//! before the call (oci-api §5.2); the read-back names the key, not the version.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use crate::adapters::oci::answer::{Answer, shown};
use crate::adapters::oci::call::Call;
use crate::adapters::oci::client::{Client, PAGE_ITEMS_MAX};
use crate::adapters::oci::locate::is_hidden;
use crate::adapters::oci::operation::Operation;
use crate::adapters::oci::wire;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    CompartmentId, Dependent, Etag, EvidenceScope, Grade, KeyId, Kind, Region, RekeyClass, Timestamp, to_seconds,
};
use crate::ports::{
    Begun, KindSpec, Observation, Presence, ReKeyer, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState,
    unusable_key,
};

/// Pages of a compartment's work requests that are looked through before tickets are asked for one by one.
const WORK_REQUEST_PAGES_MAX: usize = 20;
const REENCRYPT: &str = "REENCRYPT";

/// Moves buckets.
pub struct BucketReKeyer {
    client: Arc<Client>,
}

impl BucketReKeyer {
    /// Buckets that a client may change.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    fn at(operation: Operation, bucket: &Dependent) -> Result<Call> {
        let namespace = bucket
            .namespace
            .as_ref()
            .ok_or_else(|| Error::bug(operation.name(), "a bucket without a namespace cannot be addressed"))?;
        Ok(Call::new(operation, &bucket.region).param("namespaceName", namespace).param("bucketName", &bucket.name))
    }

    async fn assign(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        let etag = step
            .if_match
            .as_ref()
            .ok_or_else(|| Error::bug("update_bucket", "a conditional step needs the etag that was observed"))?;
        let call = Self::at(Operation::UpdateBucket, &step.dependent)?
            .if_match(etag)
            .json(&wire::UpdateBucket { kms_key_id: &step.key })?;
        let answer = self.client.send(&call).await.map_err(unusable_key)?;
        let mut reply = answer.reply(Begun::Done);
        if reply.etag.is_none() {
            let etag = answer.json::<wire::Bucket>().ok().and_then(|bucket| bucket.etag);
            reply.etag = etag.and_then(|etag| Etag::parse(etag).ok());
        }
        Ok(reply)
    }

    async fn rewrap(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        let answer = self.client.send(&Self::at(Operation::ReencryptBucket, &step.dependent)?).await?;
        match answer.witnesses.work_request.clone() {
            Some(work_request) => Ok(answer.reply(Begun::Working(work_request))),
            None => Err(answer.unreadable("a re-encryption was accepted without a work request id").has_landed()),
        }
    }
}

/// Work requests.
impl BucketReKeyer {
    async fn page(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        page: Option<&str>,
    ) -> Result<(Answer, Vec<wire::WorkRequest>)> {
        let call = Call::new(Operation::ListWorkRequests, region)
            .query("compartmentId", compartment)
            .query("limit", &PAGE_ITEMS_MAX)
            .page(page);
        let answer = self.client.send(&call).await?;
        let found = answer.json()?;
        Ok((answer, found))
    }

    async fn one(&self, region: &Region, ticket: &Ticket) -> Result<Reply<TicketReport>> {
        let call = Call::new(Operation::GetWorkRequest, region).param("workRequestId", &ticket.work_request);
        match self.client.send(&call).await {
            Ok(answer) => {
                let read: wire::WorkRequest = answer.json()?;
                Ok(answer.reply(report(ticket.clone(), &read)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Reply {
                value: TicketReport {
                    ticket: ticket.clone(),
                    state: TicketState::Lost,
                    accepted_at: None,
                    finished_at: None,
                },
                etag: None,
                server_date: error.server_date(),
                request_id: error.request_id().cloned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Asks for many tickets of one compartment with few calls; what the listing does not show is asked for by id.
    async fn many(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        tickets: &[&Ticket],
        whole: &mut Reply<Vec<TicketReport>>,
    ) -> Result<()> {
        let mut open: HashMap<_, _> = tickets.iter().map(|ticket| (ticket.work_request.clone(), *ticket)).collect();
        let mut page: Option<String> = None;
        let mut pages = 0;
        while tickets.len() > 1 && !open.is_empty() && pages < WORK_REQUEST_PAGES_MAX {
            pages += 1;
            let (answer, found) = match self.page(region, compartment, page.as_deref()).await {
                Ok(found) => found,
                // OBJECT_INSPECT may be missing where OBJECT_READ is not.
                Err(error) if is_hidden(&error) => break,
                Err(error) => return Err(error),
            };
            witness(whole, answer.witnesses.server_date, &answer);
            for read in &found {
                if let Some(ticket) = open.remove(&read.id) {
                    whole.value.push(report(ticket.clone(), read));
                }
            }
            page = answer.witnesses.next_page;
            if page.is_none() {
                break;
            }
        }
        for ticket in open.into_values() {
            let one = self.one(region, ticket).await?;
            whole.server_date = whole.server_date.or(one.server_date);
            whole.request_id = whole.request_id.take().or(one.request_id);
            whole.value.push(one.value);
        }
        Ok(())
    }
}

/// Keeps the witnesses of the earliest answer: all of the reply is true since then.
fn witness<T>(whole: &mut Reply<T>, server_date: Option<Timestamp>, answer: &Answer) {
    whole.server_date = whole.server_date.or(server_date);
    whole.request_id = whole.request_id.take().or_else(|| answer.witnesses.request_id.clone());
}

fn report(ticket: Ticket, read: &wire::WorkRequest) -> TicketReport {
    let state = match read.status.as_str() {
        "COMPLETED" => TicketState::Completed,
        "FAILED" | "CANCELED" => TicketState::Failed(format!("the service says {}", read.status)),
        _ => TicketState::Working,
    };
    TicketReport { ticket, state, accepted_at: read.time_accepted, finished_at: read.time_finished }
}

/// Whether a work request speaks of this bucket: by OCID, by name in its metadata, or by the path of its entity.
fn is_about(read: &wire::WorkRequest, bucket: &Dependent) -> bool {
    let namespace = bucket.namespace.as_ref().map_or("", |namespace| namespace.as_str());
    let value = |metadata: &BTreeMap<String, String>, wanted: &str| {
        metadata.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
    };
    read.resources.iter().flatten().any(|resource| {
        let named = resource.metadata.as_ref().is_some_and(|metadata| {
            value(metadata, "BUCKET").as_deref() == Some(bucket.name.as_str())
                && value(metadata, "NAMESPACE").is_none_or(|found| found == namespace)
        });
        let identified = resource.identifier.as_deref().is_some_and(|id| id == bucket.id.as_str() || id == bucket.name);
        let path = format!("/n/{namespace}/b/{}", bucket.name);
        named
            || identified
            || resource.entity_uri.as_deref().is_some_and(|uri| uri.trim_end_matches('/').ends_with(&path))
    })
}

fn is_reencryption(read: &wire::WorkRequest) -> bool {
    read.operation_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case(REENCRYPT))
}

#[async_trait]
impl ReKeyer for BucketReKeyer {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        let calls = [
            Operation::GetBucket,
            Operation::UpdateBucket,
            Operation::ReencryptBucket,
            Operation::GetWorkRequest,
            Operation::ListWorkRequests,
        ];
        let mut permissions: Vec<_> =
            calls.iter().flat_map(|call| call.permissions()).map(|name| (*name).to_owned()).collect();
        permissions.sort();
        permissions.dedup();
        (*kind == Kind::Bucket).then(|| KindSpec {
            class: RekeyClass::Rewraps,
            steps_same_key: vec![StepKind::Rewrap],
            steps_new_key: vec![StepKind::AssignKey, StepKind::Rewrap],
            steps_undocumented: Vec::new(),
            best_grade: Grade::ChangeSeen,
            scope: EvidenceScope::DataKey,
            permissions,
            listing_names_key: false,
            remedy: None,
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::Bucket]
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let seen = |presence, key| Observation { presence, key, version: None, held: Vec::new() };
        let answer = match self.client.send(&Self::at(Operation::GetBucket, dependent)?).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Reply {
                    value: seen(Presence::NotVisible, None),
                    etag: None,
                    server_date: error.server_date(),
                    request_id: error.request_id().cloned(),
                });
            }
            Err(error) => return Err(error),
        };
        let bucket: wire::Bucket = answer.json()?;
        self.client.seen_buckets().keep(&dependent.region, &bucket);
        // A bucket of the same name may have taken the place of the one that is meant.
        if bucket.id.as_ref().is_some_and(|id| *id != dependent.id) {
            let mut reply = answer.reply(seen(Presence::NotVisible, None));
            reply.etag = None;
            return Ok(reply);
        }
        let key = match bucket.kms_key_id.as_deref() {
            None | Some("") => None,
            Some(id) => Some(KeyId::parse(id).map_err(|why| answer.unreadable(&why.to_string()))?),
        };
        let presence = if bucket.is_read_only == Some(true) { Presence::Busy } else { Presence::Ready };
        let mut reply = answer.reply(seen(presence, key));
        reply.etag = reply.etag.or_else(|| bucket.etag.and_then(|etag| Etag::parse(etag).ok()));
        Ok(reply)
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        match step.step {
            StepKind::AssignKey => self.assign(step).await,
            StepKind::Reassign => {
                Err(Error::refused("update_bucket", "a bucket is re-wrapped, not assigned its key again"))
            }
            StepKind::Rewrap => self.rewrap(step).await,
        }
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        let mut places: BTreeMap<(&Region, &CompartmentId), Vec<&Ticket>> = BTreeMap::new();
        let by_id: HashMap<_, _> = dependents.iter().map(|one| (&one.id, one)).collect();
        for ticket in tickets {
            let dependent = by_id.get(&ticket.dependent).ok_or_else(|| {
                Error::bug("poll", "every ticket's dependent is named").with("dependent", &ticket.dependent)
            })?;
            places.entry((&dependent.region, &dependent.compartment)).or_default().push(ticket);
        }
        let mut whole = Reply::bare(Vec::with_capacity(tickets.len()));
        for ((region, compartment), tickets) in places {
            self.many(region, compartment, &tickets, &mut whole).await?;
        }
        Ok(whole)
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        // The service may keep whole seconds.
        let since = to_seconds(since);
        let mut whole = Reply::bare(Vec::new());
        let mut page: Option<String> = None;
        loop {
            let (answer, found) = self.page(&dependent.region, &dependent.compartment, page.as_deref()).await?;
            witness(&mut whole, answer.witnesses.server_date, &answer);
            for read in found {
                let is_late = read.time_accepted.is_some_and(|accepted| accepted < since);
                if is_late || !is_reencryption(&read) {
                    continue;
                }
                let ticket = Ticket { work_request: read.id.clone(), dependent: dependent.id.clone() };
                let has_resources = read.resources.as_ref().is_some_and(|resources| !resources.is_empty());
                let read = if has_resources { read } else { self.whole(&dependent.region, &ticket, read).await? };
                if is_about(&read, dependent) {
                    whole.value.push(report(ticket, &read));
                }
            }
            page = answer.witnesses.next_page;
            if page.is_none() {
                return Ok(whole);
            }
        }
    }
}

impl BucketReKeyer {
    /// The work request with its resources, where the listing left them out.
    async fn whole(&self, region: &Region, ticket: &Ticket, summary: wire::WorkRequest) -> Result<wire::WorkRequest> {
        let call = Call::new(Operation::GetWorkRequest, region).param("workRequestId", &ticket.work_request);
        match self.client.send(&call).await {
            Ok(answer) => answer.json(),
            Err(error) if is_hidden(&error) => {
                tracing::warn!(work_request = %shown(ticket.work_request.as_str()), "a listed work request cannot be read");
                Ok(summary)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
