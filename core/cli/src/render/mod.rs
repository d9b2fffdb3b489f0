//! What a person or a machine gets to see: text or JSON lines, one place for both.
//!
//! Nothing here asks the rotator; it is handed what to show.

pub(crate) mod doctor;
pub(crate) mod escape;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod tables;

use std::error::Error as _;
use std::io::{IsTerminal as _, Write as _};

use keywheel::config::Problems;
use keywheel::model::Report;
use keywheel::{Error, Landed, Retry, Rotated};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Exit;
use escape::{Foreign, lines};

/// A colour of the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    /// Something went well.
    Green,
    /// Look at it.
    Yellow,
    /// A person must act.
    Red,
    /// Less important.
    Dim,
}

/// Where output goes and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON lines on standard output.
    pub(crate) json: bool,
    /// Standard output and input are a terminal: one may ask.
    pub(crate) can_ask: bool,
    /// Standard error is a terminal: bars may be drawn.
    pub(crate) bars: bool,
    colours: bool,
}

impl Output {
    /// Looks at what standard input, output and error are.
    pub(crate) fn detect(json: bool) -> Self {
        let stdout = std::io::stdout().is_terminal();
        let can_ask = stdout && std::io::stdin().is_terminal() && !json;
        let bars = std::io::stderr().is_terminal() && !json;
        Self { json, can_ask, bars, colours: stdout && !json && !no_color() }
    }

    /// One JSON line, or a text made only if it is wanted. `kind` becomes the line's `type`.
    /// Foreign text in it is escaped by whoever makes it: colours must come through.
    pub(crate) fn show<T: Serialize + ?Sized>(&self, kind: &str, value: &T, text: impl FnOnce() -> String) {
        if self.json {
            self.print(&tagged(kind, value));
        } else {
            self.print(&text());
        }
    }

    /// A line for people only.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            self.print(text);
        }
    }

    /// Text in a colour, on a terminal.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Dim => 2,
        };
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A failure that is not one of keywheel's errors.
    pub(crate) fn failure(&self, message: &str) {
        if self.json {
            self.print(&tagged("error", &json!({ "message": message })));
        } else {
            let _ = writeln!(std::io::stderr().lock(), "keywheel: {}", lines(message));
        }
    }

    /// An error, with what it means for trying again.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            self.print(&tagged("error", &error_json(error)));
            return;
        }
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "keywheel: {}", lines(&error.to_string()));
        if error.source().is_some_and(|source| source.is::<Problems>()) {
            return;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = writeln!(stderr, "  caused by: {}", lines(&cause.to_string()));
            source = cause.source();
        }
        let again = match error.retry() {
            Retry::Later(Some(after)) => format!("try again in {} s", after.as_secs().max(1)),
            Retry::Later(None) => "try again later".to_owned(),
            Retry::Now => "try again".to_owned(),
            Retry::Never => return,
        };
        let _ = writeln!(stderr, "  {again}");
    }

    /// The same of one key among several.
    pub(crate) fn failed_key(&self, key: &keywheel::model::KeyId, error: &Error) {
        if self.json {
            let mut value = error_json(error);
            value["key"] = json!(key);
            self.print(&tagged("error", &value));
            return;
        }
        let _ = writeln!(std::io::stderr().lock(), "keywheel: key {key}:");
        self.error(error);
    }

    /// Prints a line; a reader that went away is no reason to fail.
    fn print(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Shows how a rotation ended, and says what that means for the exit code.
    pub(crate) fn rotated(&self, key: Option<&keywheel::model::KeyId>, rotated: &Rotated) -> Exit {
        let subject = key.map(|key| format!("{key}: ")).unwrap_or_default();
        match rotated {
            Rotated::NotDue { due, next } => {
                self.show("not_due", &json!({ "key": key, "due": due, "next": next }), || {
                    let next = next.map(|next| format!(", next on {next}")).unwrap_or_default();
                    format!("{subject}{due}{next}")
                });
                tables::exit_of(&due.state)
            }
            Rotated::Completed(report) => self.report(report),
            Rotated::Paused { rotation, why, do_next } => {
                self.show("paused", &json!({ "rotation": rotation, "why": why, "do_next": do_next }), || {
                    let paused = self.paint(Colour::Red, "paused");
                    format!("{subject}rotation {rotation} is {paused}: {}\n  next: {}", Foreign(why), Foreign(do_next))
                });
                Exit::Paused
            }
            Rotated::Cancelled { rotation } => {
                self.show("cancelled", &json!({ "rotation": rotation }), || {
                    format!("{subject}rotation {rotation} was cancelled")
                });
                Exit::Done
            }
            Rotated::Overtaken { rotation } => {
                self.show("overtaken", &json!({ "rotation": rotation }), || {
                    format!("{subject}rotation {rotation} was overtaken; `keywheel list` shows the one that took over")
                });
                Exit::Done
            }
            Rotated::OutOfTime { rotation } => {
                self.show("out_of_time", &json!({ "rotation": rotation }), || {
                    format!("{subject}rotation {rotation} is still open; `keywheel resume {rotation}` goes on")
                });
                Exit::StillOpen
            }
            other => {
                self.show("rotated", other, || format!("{subject}{other:?}"));
                Exit::Failed
            }
        }
    }

    /// Shows a report.
    pub(crate) fn report(&self, report: &Report) -> Exit {
        self.show("report", report, || {
            let test = "  TEST        a rehearsal on loopback endpoints; it proves nothing about a tenancy";
            let test = if report.is_test { format!("\n{}", self.paint(Colour::Dim, test)) } else { String::new() };
            let verdict = match report.verdict {
                Some(keywheel::model::Verdict::Clean) => {
                    self.paint(Colour::Green, "clean: everything that could be seen was moved")
                }
                Some(keywheel::model::Verdict::WithExceptions) => {
                    self.paint(Colour::Yellow, "with exceptions: each is a finding above")
                }
                None => self.paint(Colour::Yellow, "still open"),
            };
            format!("{}{test}\n  {verdict}", tables::report(report))
        });
        match report.verdict {
            Some(keywheel::model::Verdict::WithExceptions) => Exit::Exceptions,
            Some(keywheel::model::Verdict::Clean) => Exit::Done,
            None if report.summary.paused.is_some() => Exit::Paused,
            None => Exit::StillOpen,
        }
    }
}

/// `{"type": kind, …}`; what is not an object goes under `value`.
fn tagged<T: Serialize + ?Sized>(kind: &str, value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_else(|error| json!({ "unserialisable": error.to_string() }));
    let mut line = serde_json::Map::from_iter([("type".to_owned(), Value::from(kind))]);
    match value {
        Value::Object(fields) => line.extend(fields),
        other => drop(line.insert("value".to_owned(), other)),
    }
    Value::Object(line).to_string()
}

fn error_json(error: &Error) -> Value {
    let problems = error.source().and_then(|source| source.downcast_ref::<Problems>());
    let (retry, after) = match error.retry() {
        Retry::Later(after) => ("later", after.map(|after| after.as_secs())),
        Retry::Never => ("never", None),
        Retry::Now => ("now", None),
    };
    let landed = match error.landed() {
        Landed::Maybe => "maybe",
        Landed::No => "no",
        Landed::Yes => "yes",
    };
    json!({
        "kind": format!("{:?}", error.kind()).to_lowercase(),
        "operation": error.operation(),
        "message": error.message(),
        "code": error.code(),
        "status": error.status(),
        "retry": retry,
        "retry_after_s": after,
        "landed": landed,
        "request_id": error.request_id(),
        "context": error.context().iter().map(|(name, value)| (*name, value.as_str())).collect::<std::collections::BTreeMap<_, _>>(),
        "problems": problems.map(|problems| &problems.problems),
    })
}

/// Asks a person on the terminal; anything but yes is no.
#[allow(clippy::disallowed_methods, reason = "a question to a person blocks a thread of its own")]
pub(crate) async fn question(text: impl Into<String>) -> Result<bool, Error> {
    let text = text.into();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stdout = std::io::stdout().lock();
        let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(|error| Error::bug("ask", format!("the question was not asked: {error}")))?;
    Ok(matches!(answer.unwrap_or_default().trim().to_lowercase().as_str(), "y" | "yes"))
}

#[allow(clippy::disallowed_methods, reason = "NO_COLOR is how people turn colours off (no-color.org)")]
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
