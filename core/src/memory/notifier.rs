//! Notifiers for tests: one that publishes to a topic of World, one that only remembers.
//!
//! Nothing is delivered anywhere.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::answer::{Call, Caller};
use super::translate::reply;
use super::world::World;
use crate::error::{Error, ErrorKind, Result};
use crate::model::TopicId;
use crate::ports::{Notice, Notifier, Reply};

struct TopicView {
    world: Arc<World>,
    caller: Caller,
    topic: TopicId,
}

impl World {
    /// Publishes notices to a topic of this World, as canonical JSON.
    #[must_use]
    pub fn notifier(self: &Arc<Self>, topic: &TopicId) -> Arc<dyn Notifier> {
        Arc::new(TopicView { world: Arc::clone(self), caller: Caller::keywheel(), topic: topic.clone() })
    }
}

#[async_trait]
impl Notifier for TopicView {
    fn name(&self) -> String {
        format!("memory topic {}", self.topic)
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let region = self.world.topic_region(&self.topic).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "notify", "there is no such topic").with("topic", &self.topic)
        })?;
        let body = serde_json::to_string(notice).expect("a notice has only text keys");
        let call = Call::by(&self.caller);
        let told = self.world.publish_message(&call, &region, &self.topic, Some(&notice.title), &body);
        Ok(reply("notify", told)?.map(|message| message.id))
    }
}

/// Remembers every notice it was given.
#[derive(Debug, Default)]
pub struct RecordingNotifier(Mutex<Vec<Notice>>);

impl RecordingNotifier {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// What it was given, in order.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push(notice.clone());
        Ok(Reply::bare(format!("notice-{}", notices.len())))
    }
}
