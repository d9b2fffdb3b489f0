//! Functions that need no rotator: what keywheel is, and whether a stream of a journal is whole.
//!
//! They read their arguments and nothing else: no file, no network.

use keywheel::journal::{Chain, Entry};
use keywheel::model::SealedLine;
use keywheel::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::{Answer, Failure};

/// The methods that [`crate::call`] knows.
pub const METHODS: &[&str] = &["verify_stream", "version"];

pub(crate) fn call(method: &str, arguments: &str) -> Answer {
    match method {
        "verify_stream" => verify_stream(&read(method, arguments)?),
        "version" => version(read(method, arguments)?),
        _ => Err(Failure::refused(method, format!("there is no method {method:?}; there are {METHODS:?}"))),
    }
}

/// Reads the arguments of a method.
pub(crate) fn read<'a, T: Deserialize<'a>>(method: &str, arguments: &'a str) -> Result<T, Box<Failure>> {
    serde_json::from_str(arguments)
        .map_err(|error| Failure::refused(method, format!("the arguments of {method} cannot be used: {error}")))
}

/// Writes an answer.
pub(crate) fn write(method: &str, answer: &impl Serialize) -> Answer {
    serde_json::to_string(answer)
        .map_err(|error| Failure::bug(method, format!("the answer of {method} is not JSON: {error}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    journal_format: u64,
}

fn version(_: Nothing) -> Answer {
    let answer = Version { version: env!("CARGO_PKG_VERSION"), journal_format: keywheel::journal::FORMAT };
    write("version", &answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    lines: Vec<String>,
}

#[derive(Serialize)]
struct Whole {
    stream: Option<String>,
    lines: u64,
    head: String,
}

/// Checks a stream from its first line: canonical text, hashes, order. A cut-off tail cannot be seen without
/// a head kept elsewhere, so the answer names the head for the caller to compare.
fn verify_stream(stream: &Stream) -> Answer {
    let mut chain: Option<Chain> = None;
    for (number, text) in stream.lines.iter().enumerate() {
        let line = sealed(number, text)?;
        chain.get_or_insert_with(|| Chain::new(line.stream.clone())).push(&line)?;
    }
    let answer = match &chain {
        Some(chain) => Whole {
            stream: Some(chain.stream().to_string()),
            lines: chain.head().next_seq,
            head: chain.head().hash.to_string(),
        },
        None => Whole { stream: None, lines: 0, head: keywheel::model::LineHash::genesis().to_string() },
    };
    write("verify_stream", &answer)
}

/// Reads from a line's own text what storage would keep beside it; the chain then checks that all of it is true.
fn sealed(number: usize, text: &str) -> Result<SealedLine, Box<Failure>> {
    let entry: Entry = serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Corrupt, "verify_stream", "a line is not a line of a keywheel journal")
            .with("line", number)
            .with("reason", error)
    })?;
    Ok(SealedLine {
        stream: entry.stream,
        seq: entry.seq,
        prev: entry.prev,
        hash: entry.hash,
        nonce: entry.nonce,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use keywheel::journal::{Stamp, Unsealed, seal};
    use keywheel::model::{Head, RunnerId, StreamId};
    use serde_json::{Value, json};

    use super::*;

    fn lines() -> Vec<String> {
        let stamp = Stamp {
            epoch: 0,
            at: "2026-11-22T12:00:00Z".parse().expect("a valid instant"),
            server_time: None,
            runner: RunnerId::parse("r1").expect("a token"),
            actor: None,
        };
        let fact = |n: u32| Unsealed { fact: "noted".to_owned(), must: false, body: json!({ "n": n }) };
        let sealed = seal(&StreamId::meta(), &Head::empty(), &stamp, [7; 16], &[fact(1), fact(2), fact(3)]);
        sealed.expect("three small facts can be sealed").0.into_iter().map(|line| line.text).collect()
    }

    fn verify(lines: &[String]) -> Result<Value, Box<Failure>> {
        let answer = call("verify_stream", &json!({ "lines": lines }).to_string())?;
        Ok(serde_json::from_str(&answer).expect("an answer is JSON"))
    }

    #[test]
    fn a_whole_stream_is_answered_with_its_head() {
        let lines = lines();
        let last: Value = serde_json::from_str(&lines[2]).expect("a line is JSON");
        let answer = verify(&lines).expect("nobody touched it");
        assert_eq!(answer, json!({ "stream": "meta", "lines": 3, "head": last["hash"] }));
        assert_eq!(verify(&[]).expect("nothing is whole")["lines"], 0);
    }

    #[test]
    fn a_changed_lost_or_swapped_line_is_corrupt() {
        let lines = lines();
        let changed = vec![lines[0].replace("\"n\":1", "\"n\":9"), lines[1].clone()];
        let lost = vec![lines[0].clone(), lines[2].clone()];
        let swapped = vec![lines[1].clone(), lines[0].clone()];
        let foreign = vec!["{}".to_owned()];
        let last_number = vec![lines[0].replace("\"seq\":0", &format!("\"seq\":{}", u64::MAX))];
        assert_ne!(last_number[0], lines[0]);
        for broken in [changed, lost, swapped, foreign, last_number] {
            assert_eq!(verify(&broken).expect_err("it is broken").kind, "corrupt", "{broken:?}");
        }
    }

    #[test]
    fn arguments_nobody_knows_are_refused() {
        assert_eq!(call("version", "{\"verbose\":true}").expect_err("no such argument").kind, "refused");
        assert_eq!(call("verify_stream", "[").expect_err("not JSON").kind, "refused");
        assert!(call("version", "{}").expect("no arguments").contains("0.1.0"));
    }
}
