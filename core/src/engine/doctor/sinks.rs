//! Where copies of the trail go, and what keeps them there: as each sink's far end says, asked once.
//!
//! Nothing here promises anything, and a sink that cannot be asked is unknown, never safe.

use super::Engine;
use crate::model::{Check, CheckVerdict, Section, Source, Standing};
use crate::ports::{KeepingPromise, Reply};

/// The section's name.
const SINKS: &str = "audit sinks";

impl Engine {
    /// One check for each sink; `None` without sinks.
    pub(super) async fn sinks_section(&self) -> Option<Section> {
        let mut checks = Vec::new();
        for (number, sink) in self.ports.audit.iter().enumerate() {
            let asked = sink.keeping().await;
            let (value, verdict, seen, do_next) = match asked {
                Ok(Reply { value, .. }) => {
                    let (verdict, do_next) = match value.promise {
                        KeepingPromise::Locked => (CheckVerdict::Holds, None),
                        KeepingPromise::CannotSay => (CheckVerdict::Unknown, None),
                        _ => (CheckVerdict::Unknown, Some(LOCK)),
                    };
                    (value.promise.words().to_owned(), verdict, value.text, do_next)
                }
                Err(error) => ("cannot be asked".to_owned(), CheckVerdict::Unknown, vec![error.to_string()], None),
            };
            checks.push(Check {
                id: format!("S{}", number + 1),
                title: format!("what keeps the copy in {}", sink.name()),
                value,
                source: Source { standing: Standing::Documented, text: "the far end's own rules, read now".to_owned() },
                verdict,
                seen,
                do_next: do_next.map(str::to_owned),
            });
        }
        (!checks.is_empty()).then(|| Section { name: SINKS.to_owned(), checks })
    }
}

const LOCK: &str = "if the copy must outlast somebody who may write there: a bucket with a locked retention rule, in a compartment that the \
                    people who run keywheel do not manage";
