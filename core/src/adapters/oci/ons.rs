//! The `Notifier` port over OCI Notifications: one published message per notice.
//!
//! PublishMessage takes no retry token, so the same notice may arrive twice; its dedupe key and the journal's
//! chain head stand in the text. How many go per minute is not decided here: `layers::Digests` combines what a
//! minute does not take.

use std::sync::Arc;

use async_trait::async_trait;

use super::call::Call;
use super::client::Client;
use super::operation::Operation;
use super::wire;
use crate::error::Result;
use crate::model::{Region, TopicId};
use crate::ports::{Notice, Notifier, Reply, Severity};

/// The service takes 64 KB per request (oci-api §6.4), counted here as JSON writes it. What is left is for title, keys
/// and the request's own words.
const BODY_BYTES_MAX: usize = 56_000;
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
    let (mut text, mut bytes) = (String::new(), 0);
    for c in notice.body.chars() {
        let c = if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
        bytes += if matches!(c, '\n' | '\t' | '"' | '\\') { 2 } else { c.len_utf8() };
        if bytes > BODY_BYTES_MAX {
            text.push_str("\n… (cut)");
            break;
        }
        text.push(c);
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
    fn a_long_message_is_cut_below_the_limit_and_keeps_its_key() {
        for piece in ["ü", "\"", "\n", "a\\", "\u{7}", "\u{2028}"] {
            let notice = notice(&piece.repeat(5_000), &piece.repeat(100_000));
            let (title, body) = (title(&notice), body(&notice));
            let bytes = serde_json::to_vec(&wire::Message { title: &title, body: &body }).expect("JSON").len();
            assert!((56_000..64_000).contains(&bytes), "{piece:?}: {bytes}");
            assert!(body.contains("… (cut)") && body.contains("notice n-7"), "{piece:?}");
        }
        assert!(!body(&notice("t", &"\"".repeat(28_000))).contains("(cut)"), "what fits is whole");
    }

    #[test]
    fn a_title_is_one_line() {
        assert_eq!(title(&notice("a\r\nBcc: x", "")), "[keywheel critical] a  Bcc: x");
    }
}
