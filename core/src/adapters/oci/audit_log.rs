//! The `AuditLog` port over OCI Audit: ListEvents, by the minute of processing (oci-api §6.6). Reads only.
//!
//! Of an event only what attribution needs is read: no address, no agent, no name. Both formats are met, and what is
//! blank is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::call::Call;
use super::client::Client;
use super::operation::Operation;
use crate::error::Result;
use crate::model::{AuditEvent, CompartmentId, Region, RequestId, Timestamp};
use crate::ports::{AuditLog, Cursor, Page, Reply};

/// The tenancy's audit log.
pub struct Audit {
    client: Arc<Client>,
}

impl Audit {
    /// As this client may read it: AUDIT_EVENT_READ.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: Option<String>,
    event_id: Option<String>,
    event_time: Option<Timestamp>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    event_name: Option<String>,
    resource_id: Option<String>,
    identity: Option<Identity>,
    request: Option<Request>,
    response: Option<Response>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    principal_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Request {
    id: Option<String>,
    headers: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Debug, Deserialize)]
struct Response {
    status: Option<String>,
}

/// What is there and not blank.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

impl Event {
    fn into_model(self) -> Option<AuditEvent> {
        let data = self.data?;
        let (identity, request) = (data.identity, data.request);
        let headers = request.as_ref().and_then(|request| request.headers.as_ref());
        let retry_token = headers.and_then(|headers| {
            let (_, values) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("opc-retry-token"))?;
            said(values.first().cloned())
        });
        let status = data.response.and_then(|response| said(response.status));
        Some(AuditEvent {
            id: self.event_id.unwrap_or_default(),
            operation: said(data.event_name).or_else(|| said(self.event_type))?,
            at: self.event_time?,
            resource: said(data.resource_id),
            principal: said(identity.and_then(|identity| identity.principal_id)),
            request_id: said(request.and_then(|request| request.id)).and_then(|id| RequestId::parse(id).ok()),
            retry_token,
            is_refused: status.is_some_and(|status| !status.starts_with('2')),
        })
    }
}

#[async_trait]
impl AuditLog for Audit {
    async fn events(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        from: Timestamp,
        until: Timestamp,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<AuditEvent>>> {
        let call = Call::new(Operation::ListEvents, region)
            .query("compartmentId", compartment)
            .query("startTime", &instant(from))
            .query("endTime", &instant(until))
            .page(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        let answer = self.client.send(&call).await?;
        let events: Vec<Event> = answer.json()?;
        let next = answer.witnesses.next_page.clone().map(Cursor);
        let items = events.into_iter().filter_map(Event::into_model).collect();
        Ok(answer.reply(Page { items, next }))
    }
}

/// As the official SDK writes instants in queries.
fn instant(at: Timestamp) -> String {
    at.to_string()
}
