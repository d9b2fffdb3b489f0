//! What sealing and the chain promise.

use proptest::prelude::*;
use serde_json::json;

use super::super::{Chain, verify};
use super::*;

fn stamp() -> Stamp {
    Stamp {
        epoch: 3,
        at: "2026-11-22T21:58:19.123456Z".parse().expect("a valid instant"),
        server_time: Some("2026-11-22T21:58:20Z".parse().expect("a valid instant")),
        runner: RunnerId::parse("runner-1").expect("a valid runner"),
        actor: Some(Actor::parse("ocid1.user.oc1..aaaa").expect("a valid actor")),
    }
}

fn fact(name: &str, body: Value) -> Unsealed {
    Unsealed { fact: name.to_owned(), must: true, body }
}

fn sealed(bodies: &[Value]) -> Vec<SealedLine> {
    let facts: Vec<_> = bodies.iter().map(|body| fact("noted", body.clone())).collect();
    seal(&StreamId::meta(), &Head::empty(), &stamp(), [7; 16], &facts).expect("sealable").0
}

/// Rebuilds the line under which a text would be stored, taking its own word for every field.
fn stored_as_it_says(text: &str) -> Option<SealedLine> {
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

#[test]
fn the_text_is_what_the_general_algorithm_writes() {
    for mut stamp in [stamp(), Stamp { server_time: None, actor: None, ..stamp() }] {
        stamp.epoch += 1;
        let body = json!({"é": 1, "a\u{1F600}": [null, -5, "\u{2028}\n\"\\"], "b": {}});
        let (lines, _) = seal(&StreamId::meta(), &Head::empty(), &stamp, [1; 16], &[fact("noted", body)]).expect("ok");
        let entry = unseal(&lines[0]).expect("just sealed");
        assert_eq!(serde_json_canonicalizer::to_string(&entry).expect("canonical"), lines[0].text);
        let mut without = serde_json::to_value(&entry).expect("json");
        without.as_object_mut().expect("an object").remove("hash");
        let bytes = serde_json_canonicalizer::to_vec(&without).expect("canonical");
        assert_eq!(HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes)), entry.hash.as_str());
    }
}

#[test]
fn a_sealed_line_reads_byte_for_byte_like_this() {
    let line = &sealed(&[json!({"b": 2, "a": 1})])[0];
    assert_eq!(
        line.text,
        "{\"actor\":\"ocid1.user.oc1..aaaa\",\"at\":\"2026-11-22T21:58:19.123Z\",\"body\":{\"a\":1,\"b\":2},\"epoch\":3,\
         \"fact\":\"noted\",\"hash\":\"74b13d339f17bdc287f5ea41928a7a7788356f35cea44ef6690b7bc52d881a94\",\"must\":true,\
         \"nonce\":\"07070707070707070707070707070707\",\
         \"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"runner\":\"runner-1\",\"seq\":0,\
         \"server_time\":\"2026-11-22T21:58:20Z\",\"stream\":\"meta\",\"v\":1}"
    );
}

#[test]
fn several_lines_are_chained_and_the_head_follows_the_last() {
    let facts = [fact("a", json!({})), fact("b", json!({})), fact("c", json!({}))];
    let (lines, head) = seal(&StreamId::meta(), &Head::empty(), &stamp(), [0; 16], &facts).expect("ok");
    assert_eq!(lines.iter().map(|l| l.seq).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(verify(&lines).expect("whole"), head);
    let (more, later) = seal(&StreamId::meta(), &head, &stamp(), [1; 16], &facts[..1]).expect("ok");
    assert_eq!(verify(lines.iter().chain(&more)).expect("whole"), later);
}

#[test]
fn a_fraction_or_a_huge_number_is_refused_rather_than_rounded() {
    for body in [json!({"rate": 0.1}), json!({"one": 1.0}), json!([9_007_199_254_740_992_u64]), json!(i64::MIN)] {
        assert!(seal(&StreamId::meta(), &Head::empty(), &stamp(), [0; 16], &[fact("noted", body)]).is_err());
    }
    assert!(unseal(&sealed(&[json!([9_007_199_254_740_991_u64, -9_007_199_254_740_991_i64])])[0]).is_ok());
}

#[test]
fn a_line_beyond_the_limit_is_refused_before_it_is_written() {
    let body = json!({ "text": "x".repeat(MAX_LINE_BYTES) });
    let error = seal(&StreamId::meta(), &Head::empty(), &stamp(), [0; 16], &[fact("noted", body)]).expect_err("long");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let deep = (0..=MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    assert!(seal(&StreamId::meta(), &Head::empty(), &stamp(), [0; 16], &[fact("noted", deep)]).is_err());
    let deepest = (0..MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    assert!(unseal(&sealed(&[deepest])[0]).is_ok());
}

#[test]
fn a_page_inventory_of_a_thousand_dependents_fits() {
    let one = json!({"id": "o".repeat(255), "name": "n".repeat(255), "kind": "volume", "compartment": "c".repeat(255),
                     "key": "k".repeat(255), "etag": "e".repeat(128), "found_by": ["search", "list"]});
    let lines = sealed(&[json!({ "dependents": vec![one; 1000] })]);
    assert!(unseal(&lines[0]).is_ok(), "{} bytes", lines[0].text.len());
}

#[test]
fn the_same_members_in_another_form_are_no_line_of_ours() {
    let line = &sealed(&[json!({"a": 1})])[0];
    let reordered = format!("{{\"v\":1,{}}}", line.text[1..].strip_suffix(",\"v\":1}").expect("v is last"));
    let doubled = line.text.replace("\"must\":true", "\"must\":false,\"must\":true");
    let spaced = line.text.replace("{\"a\":1}", "{\"a\": 1}");
    let escaped = line.text.replace("noted", "note\\u0064");
    let extended = line.text.replace("\"v\":1", "\"v\":1,\"w\":1");
    let broken = format!("{}\n", line.text);
    for text in [reordered, doubled, spaced, escaped, extended, broken] {
        assert_ne!(text, line.text);
        let error = unseal(&SealedLine { text: text.clone(), ..line.clone() }).expect_err(&text);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_whole_line_under_another_name_is_corrupt() {
    let line = &sealed(&[json!(0), json!(1)])[1];
    let renamed = [
        SealedLine { stream: StreamId::registry(), ..line.clone() },
        SealedLine { seq: 0, ..line.clone() },
        SealedLine { prev: LineHash::genesis(), ..line.clone() },
        SealedLine { hash: LineHash::genesis(), ..line.clone() },
        SealedLine { nonce: "00".repeat(16), ..line.clone() },
    ];
    for renamed in renamed {
        assert_eq!(unseal(&renamed).expect_err("another name").kind(), ErrorKind::Corrupt, "{renamed:?}");
    }
    unseal(line).expect("as it was");
}

#[test]
fn a_newer_format_is_refused_with_the_reason_even_with_unknown_members() {
    let mut line = sealed(&[json!({})])[0].clone();
    line.text = line.text.replace("\"v\":1}", "\"v\":2,\"witness\":\"x\"}");
    let error = unseal(&line).expect_err("newer");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("newer keywheel"), "{error}");
}

#[test]
fn a_lost_a_swapped_and_a_foreign_line_break_the_chain() {
    let lines = sealed(&[json!(0), json!(1), json!(2)]);
    let lost = verify([&lines[0], &lines[2]]).expect_err("a line is missing");
    let swapped = verify([&lines[1], &lines[0]]).expect_err("out of order");
    let other = seal(&StreamId::registry(), &Head::empty(), &stamp(), [7; 16], &[fact("a", json!(0))]).expect("ok").0;
    let foreign = verify([&lines[0], &other[0]]).expect_err("another stream");
    for error in [lost, swapped, foreign] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.context().iter().any(|(name, _)| *name == "seq"), "{error}");
        assert!(error.context().iter().any(|(name, _)| *name == "stream"), "{error}");
    }
}

#[test]
fn two_histories_of_one_place_are_a_fork() {
    let ours = sealed(&[json!(0)]);
    let theirs = sealed(&[json!(1)]);
    let mut chain = Chain::new(StreamId::meta());
    chain.push(&ours[0]).expect("the first line");
    let before = chain.head().clone();
    assert_eq!(chain.push(&theirs[0]).expect_err("a fork").kind(), ErrorKind::Fork);
    assert_eq!(chain.push(&ours[0]).expect_err("the same line twice").kind(), ErrorKind::Corrupt);
    assert_eq!(chain.head(), &before);
}

#[test]
fn a_rewritten_line_with_a_matching_hash_breaks_the_next() {
    let mut lines = sealed(&[json!(0), json!(1)]);
    lines[0] = sealed(&[json!("rewritten")])[0].clone();
    assert_eq!(verify(&lines).expect_err("the second names another").kind(), ErrorKind::Corrupt);
}

fn bodies() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|m| m.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_sealed_is_what_is_unsealed(body in bodies(), must: bool, epoch in 0..1_u64 << 53, nonce: [u8; 16]) {
        let stamp = Stamp { epoch, ..stamp() };
        let given = Unsealed { must, ..fact("noted", body) };
        let (lines, head) = seal(&StreamId::meta(), &Head::empty(), &stamp, nonce, std::slice::from_ref(&given)).expect("whole");
        let entry = unseal(&lines[0]).expect("whole");
        prop_assert_eq!(&Unsealed { fact: entry.fact.clone(), must: entry.must, body: entry.body.clone() }, &given);
        prop_assert_eq!(entry.epoch, epoch);
        prop_assert_eq!(&entry.nonce, &HEXLOWER.encode(&nonce));
        prop_assert_eq!(&head.hash, &entry.hash);
        let again = serde_json_canonicalizer::to_string(&entry).expect("whole");
        prop_assert_eq!(&again, &lines[0].text);
    }

    #[test]
    fn every_flipped_bit_is_noticed(body in bodies(), place: prop::sample::Index, bit in 0..8_u8) {
        let line = sealed(&[body])[0].clone();
        let mut bytes = line.text.clone().into_bytes();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let in_place = SealedLine { text: text.clone(), ..line };
        prop_assert!(unseal(&in_place).is_err());
        prop_assert!(verify([&in_place]).is_err());
        // Even if the columns beside the text were changed to match it.
        if let Some(matching) = stored_as_it_says(&text) {
            prop_assert!(unseal(&matching).is_err());
        }
    }
}
