//! Notifications on the wire: a topic, and messages to it.

use std::sync::Arc;

use axum::http::StatusCode;
use keywheel::model::TopicId;
use serde_json::json;

use crate::asked::Asked;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::shared::Shared;
use crate::wire::{heard, instant};

pub(crate) fn get_topic(shared: &Arc<Shared>, asked: &Asked<'_>) -> Answered {
    let topic: TopicId = asked.path_id(0)?;
    heard(shared.world.get_topic(&asked.call(), asked.region(), &topic), |topic| {
        let unbound = |error| HttpRefusal::new(500, "InternalServerError", format!("no port is free: {error}"));
        let url = shared.region_url(&topic.region).map_err(unbound)?;
        Ok(HttpAnswer::json(&json!({
            "topicId": topic.id, "name": topic.name, "compartmentId": topic.compartment, "description": null,
            "lifecycleState": "ACTIVE", "timeCreated": instant(topic.time_created), "apiEndpoint": url,
            "shortTopicId": null, "etag": null, "freeformTags": {}, "definedTags": {},
        })))
    })
}

pub(crate) fn publish_message(shared: &Arc<Shared>, asked: &Asked<'_>) -> Answered {
    let topic: TopicId = asked.path_id(0)?;
    let body = asked.json()?;
    let (title, text) = (body.text("title")?, body.required_text("body")?);
    heard(shared.world.publish_message(&asked.call(), asked.region(), &topic, title, text), |message| {
        let mut answer = HttpAnswer::json(&json!({ "messageId": message.id, "timeStamp": instant(message.at) }));
        answer.status = StatusCode::ACCEPTED;
        Ok(answer)
    })
}
