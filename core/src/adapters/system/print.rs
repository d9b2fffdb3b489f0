//! Notices on a stream of the process, one block of text each.

use std::io::Write;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Notice, Notifier, Reply};

/// Prints notices to standard output.
#[derive(Debug, Clone, Copy, Default)]
pub struct StdoutNotifier;

/// Prints notices to standard error, where standard output belongs to a program's result.
#[derive(Debug, Clone, Copy, Default)]
pub struct StderrNotifier;

#[async_trait]
impl Notifier for StdoutNotifier {
    fn name(&self) -> String {
        "stdout".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        print(std::io::stdout().lock(), notice)
    }
}

#[async_trait]
impl Notifier for StderrNotifier {
    fn name(&self) -> String {
        "stderr".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        print(std::io::stderr().lock(), notice)
    }
}

fn print(mut stream: impl Write, notice: &Notice) -> Result<Reply<String>> {
    stream.write_all(block(notice).as_bytes()).and_then(|()| stream.flush()).map_err(|cause| {
        Error::new(ErrorKind::Unavailable, "notify", "the notice could not be printed")
            .may_have_landed()
            .caused_by(cause)
    })?;
    Ok(Reply::bare(notice.dedupe_key.clone()))
}

/// The notice as text. Control characters of foreign text must not reach a terminal.
fn block(notice: &Notice) -> String {
    let severity = format!("{:?}", notice.severity).to_lowercase();
    let clean = |text: &str| -> String {
        text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
    };
    let title = clean(&notice.title).replace('\n', " ");
    let body: String = clean(&notice.body).lines().map(|line| format!("  {line}\n")).collect();
    format!("[{severity}] {title}\n{body}  notice {}, chain head {}\n", clean(&notice.dedupe_key), notice.chain_head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LineHash;
    use crate::ports::Severity;

    fn notice(body: &str) -> Notice {
        Notice {
            dedupe_key: "n1".to_owned(),
            severity: Severity::Warning,
            title: "rotation\nended".to_owned(),
            body: body.to_owned(),
            rotation: None,
            chain_head: LineHash::genesis(),
        }
    }

    #[test]
    fn a_notice_carries_its_dedupe_key_and_the_chain_head() {
        let mut printed = Vec::new();
        let reply = print(&mut printed, &notice("one\ntwo")).expect("a vector takes everything");
        let printed = String::from_utf8(printed).expect("text");
        assert!(printed.starts_with("[warning] rotation ended\n  one\n  two\n"), "{printed}");
        assert!(printed.contains("notice n1, chain head 000"), "{printed}");
        assert_eq!(reply.value, "n1");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!block(&notice("\u{1b}]0;owned\u{7}")).contains('\u{1b}'));
    }

    #[test]
    fn a_closed_stream_is_an_error() {
        let full: &mut [u8] = &mut [];
        assert!(print(full, &notice("one")).is_err());
    }
}
