//! Fuzzes reading a journal: bytes somebody else chose never panic, and what is believed was sealed by us.
//!
//! Every input is read twice: as the lines of a stream, and as the body of a fact that we seal ourselves,
//! since no fuzzer guesses a SHA-256.
#![no_main]

use keywheel::journal::{Chain, Entry, Stamp, Unsealed, seal, unseal};
use keywheel::model::{Head, RunnerId, SealedLine, StreamId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    read_as_stream(text);
    read_as_body(text);
});

/// What storage would keep beside a line, as the line itself claims it.
fn stored(text: &str) -> Option<SealedLine> {
    let entry: Entry = serde_json::from_str(text).ok()?;
    Some(SealedLine {
        stream: entry.stream,
        seq: entry.seq,
        prev: entry.prev,
        hash: entry.hash,
        nonce: entry.nonce,
        text: text.to_owned(),
    })
}

fn read_as_stream(text: &str) {
    let lines: Vec<_> = text.lines().filter_map(stored).collect();
    let Some(first) = lines.first() else { return };
    let mut chain = Chain::new(first.stream.clone());
    for line in &lines {
        let before = chain.head().clone();
        match chain.push(line) {
            Ok(entry) => {
                assert_eq!((entry.seq, &entry.prev), (before.next_seq, &before.hash));
                assert_eq!(chain.head().hash, entry.hash);
            }
            Err(_) => assert_eq!(*chain.head(), before, "an error moved the chain"),
        }
    }
}

fn read_as_body(text: &str) {
    let Ok(body) = serde_json::from_str(text) else { return };
    let stamp = Stamp {
        epoch: 1,
        at: "2026-11-22T12:00:00Z".parse().expect("a valid instant"),
        server_time: None,
        runner: RunnerId::parse("fuzz").expect("a token"),
        actor: None,
    };
    let fact = Unsealed { fact: "noted".to_owned(), must: false, body };
    let Ok((lines, head)) = seal(&StreamId::meta(), &Head::empty(), &stamp, [0; 16], std::slice::from_ref(&fact))
    else {
        return;
    };
    let line = &lines[0];
    let entry = unseal(line).expect("what we sealed opens");
    assert_eq!((&entry.hash, head.next_seq), (&head.hash, 1));
    assert!(entry.body == fact.body || holds_float(&fact.body), "the body changed: {}", line.text);

    // One changed byte, at a place the input chooses, and the line opens no more.
    let at = text.len().wrapping_mul(2_654_435_761) % line.text.len();
    let mut bytes = line.text.clone().into_bytes();
    bytes[at] ^= 1;
    if let Ok(changed) = String::from_utf8(bytes) {
        assert!(unseal(&SealedLine { text: changed, ..line.clone() }).is_err(), "byte {at} of {}", line.text);
    }
}

/// Numbers that are no integers are written in the shortest form, `1.0` as `1`.
fn holds_float(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(holds_float),
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Object(members) => members.values().any(holds_float),
        _ => false,
    }
}
