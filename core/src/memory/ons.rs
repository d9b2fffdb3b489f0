//! Notification topics: messages are kept for tests to read, sizes and rates are OCI's.
//!
//! Nothing is delivered anywhere.

use std::collections::BTreeMap;

use super::answer::{Call, No, Told, Yes};
use super::limits::TokenBucket;
use super::operations as op;
use super::world::{State, World};
use crate::model::{CompartmentId, Region, Timestamp, TopicId};

/// The most one request may hold, escapes of JSON included (oci-api §6.4). "64 KB" is read as the smaller of its meanings.
const REQUEST_BYTES_MAX: usize = 64_000;
const MINUTE_MS: u64 = 60_000;

/// A message that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The service's id for it.
    pub id: String,
    /// Title.
    pub title: Option<String>,
    /// Body.
    pub body: String,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A topic as GetTopic tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its OCID.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Region that holds it.
    pub region: Region,
    /// When it was created.
    pub time_created: Timestamp,
}

#[derive(Debug)]
struct TopicRecord {
    info: TopicInfo,
    messages: Vec<Message>,
    rate: Option<TokenBucket>,
}

#[derive(Debug, Default)]
pub(super) struct Topics(BTreeMap<TopicId, TopicRecord>);

impl State {
    fn publish(
        &mut self,
        ctx: &super::world::Ctx,
        topic: &TopicId,
        title: Option<String>,
        body: String,
    ) -> Result<Yes<Message>, No> {
        let not_found = || No::not_found(topic.as_str());
        let compartment = self.topics.0.get(topic).ok_or_else(not_found)?.info.compartment.clone();
        self.check_compartment(ctx, &compartment)?;
        if body.is_empty() {
            return Err(No::invalid("the body is empty"));
        }
        let request = serde_json::json!({ "title": title, "body": body });
        if request.to_string().len() > REQUEST_BYTES_MAX {
            return Err(No::new(413, "PayloadTooLarge", "a message holds at most 64 KB"));
        }
        let id = format!("message{:010}", self.next_id());
        let record = self.topics.0.get_mut(topic).ok_or_else(not_found)?;
        if let Some(limit) = self.settings.messages_per_minute {
            let rate = record.rate.get_or_insert_with(|| TokenBucket::full(ctx.now, limit, MINUTE_MS));
            if !rate.take(ctx.now, limit, MINUTE_MS) {
                return Err(No::new(429, "TooManyRequests", "too many messages for this topic"));
            }
        }
        let message = Message { id, title, body, at: ctx.now };
        record.messages.push(message.clone());
        Ok(Yes::new(message))
    }
}

impl World {
    /// A topic.
    pub fn add_topic(&self, region: &Region, compartment: &CompartmentId, name: &str) -> TopicId {
        let time_created = self.now();
        let mut state = self.lock();
        let id = TopicId::parse(state.ocid("onstopic", region.as_str())).expect("World's own OCID");
        let info = TopicInfo {
            id: id.clone(),
            name: name.to_owned(),
            compartment: compartment.clone(),
            region: region.clone(),
            time_created,
        };
        state.topics.0.insert(id.clone(), TopicRecord { info, messages: Vec::new(), rate: None });
        id
    }

    /// GetTopic.
    pub fn get_topic(&self, call: &Call, region: &Region, topic: &TopicId) -> Told<TopicInfo> {
        self.read(&op::GET_TOPIC, call, region, topic.as_str(), |state, ctx| {
            let found = state.topics.0.get(topic).filter(|record| record.info.region == *region);
            let found = found.filter(|record| state.may_see(ctx, &record.info.compartment));
            Ok(Yes::new(found.ok_or_else(|| No::not_found(topic.as_str()))?.info.clone()))
        })
    }

    /// PublishMessage: no retry token, so a repeated call is a second message.
    pub fn publish_message(
        &self,
        call: &Call,
        region: &Region,
        topic: &TopicId,
        title: Option<&str>,
        body: &str,
    ) -> Told<Message> {
        let (id, title, body) = (topic.clone(), title.map(str::to_owned), body.to_owned());
        self.write(&op::PUBLISH_MESSAGE, call, region, topic.as_str(), move |state, ctx| {
            state.publish(ctx, &id, title, body)
        })
    }

    /// Messages a topic accepted, oldest first.
    #[must_use]
    pub fn messages(&self, topic: &TopicId) -> Vec<Message> {
        self.lock().topics.0.get(topic).expect("a topic of this World").messages.clone()
    }

    /// A topic's region; `None` if there is no such topic.
    #[must_use]
    pub fn topic_region(&self, topic: &TopicId) -> Option<Region> {
        self.lock().topics.0.get(topic).map(|record| record.info.region.clone())
    }
}
