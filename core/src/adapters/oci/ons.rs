//! The `Notifier` port over OCI Notifications: one published message per notice.
//!
//! PublishMessage takes no retry token, so the same notice may arrive twice; its dedupe key and the journal's
//! chain head stand in the text.

use std::sync::Arc;

use async_trait::async_trait;

use super::call::Call;
use super::client::Client;
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{Region, TopicId};
use crate::ports::{Notice, Notifier, Reply, Severity};

/// The service takes 64 KB per request; JSON may double what is escaped.
const BODY_BYTES_MAX: usize = 30 << 10;
const TITLE_CHARS_MAX: usize = 200;

/// A notification topic.
pub struct Topic {
    client: Arc<Client>,
    topic: TopicId,
    region: Region,
}

impl Topic {
    /// A topic in the client's region.
    #[must_use]
    pub fn new(client: Arc<Client>, topic: TopicId) -> Self {
        Self { region: client.region().clone(), client, topic }
    }

    /// The same topic, if it is in another region.
    #[must_use]
    pub fn in_region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }
}

#[async_trait]
impl Notifier for Topic {
    fn name(&self) -> String {
        format!("topic {}", self.topic)
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let (title, body) = (title(notice), body(notice));
        let call = Call::new(Operation::PublishMessage, &self.region)
            .param("topicId", &self.topic)
            .header("messagetype", "RAW_TEXT")
            .json(&wire::Message { title: &title, body: &body })?;
        let answer = self.client.send(&call).await?;
        let published: wire::Published = answer.json()?;
        Ok(answer.reply(published.message_id))
    }
}

/// A title becomes the subject of an e-mail: one line, no control characters.
fn title(notice: &Notice) -> String {
    let severity = match notice.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    format!("[keywheel {severity}] {}", notice.title).chars().map(clean).take(TITLE_CHARS_MAX).collect()
}

fn body(notice: &Notice) -> String {
    let mut text: String =
        notice.body.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect();
    if text.len() > BODY_BYTES_MAX {
        let end = (0..=BODY_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n… (cut)");
    }
    let rotation = notice.rotation.as_ref().map_or(String::new(), |rotation| format!("\nrotation {rotation}"));
    format!("{text}\n\nnotice {}{rotation}\nchain head {}\n", notice.dedupe_key, notice.chain_head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LineHash;

    fn notice(title: &str, body: &str) -> Notice {
        Notice {
            dedupe_key: "n-7".to_owned(),
            severity: Severity::Critical,
            title: title.to_owned(),
            body: body.to_owned(),
            rotation: None,
            chain_head: LineHash::genesis(),
        }
    }

    #[test]
    fn a_notice_carries_its_dedupe_key() {
        let text = body(&notice("t", "two versions"));
        assert!(text.starts_with("two versions\n\nnotice n-7\nchain head 0000"), "{text}");
    }

    #[test]
    fn a_long_body_is_cut_below_the_limit_and_keeps_its_key() {
        let text = body(&notice("t", &"ü".repeat(100_000)));
        assert!(text.len() < 32 << 10 && text.contains("… (cut)") && text.contains("notice n-7"));
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(title(&notice("a\r\nBcc: x", "")), "[keywheel critical] a  Bcc: x");
    }
}
