//! How facts are named, read and refused.

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::error::ErrorKind;
use crate::journal::{Replay, Unsealed};
use crate::model::RunnerId;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Detail {
    count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    colour: Option<Colour>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
enum Fact {
    Opened { key: String },
    PageClosed(Detail),
    Rested,
}

impl Facts for Fact {
    fn must(&self) -> bool {
        !matches!(self, Self::Rested)
    }
}

fn stamp() -> Stamp {
    Stamp {
        epoch: 0,
        at: crate::model::Timestamp::UNIX_EPOCH,
        server_time: None,
        runner: RunnerId::parse("r").expect("a runner"),
        actor: None,
    }
}

fn line(fact: &str, must: bool, body: Value) -> SealedLine {
    let unsealed = Unsealed { fact: fact.to_owned(), must, body };
    seal(&StreamId::meta(), &Head::empty(), &stamp(), [0; 16], &[unsealed]).expect("sealable").0.remove(0)
}

fn decoded(fact: &str, must: bool, body: Value) -> Result<Decoded<Fact>> {
    decode(&crate::journal::unseal(&line(fact, must, body)).expect("just sealed"))
}

#[test]
fn the_names_are_those_of_the_enum() {
    assert_eq!(names::<Fact>(), ["opened", "page_closed", "rested"]);
}

#[test]
fn each_kind_of_variant_comes_back_as_it_was() {
    let facts = [
        Fact::Opened { key: "k".to_owned() },
        Fact::PageClosed(Detail { count: 2, colour: Some(Colour::Red) }),
        Fact::PageClosed(Detail { count: 0, colour: None }),
        Fact::Rested,
    ];
    let (lines, head) = seal_facts(&StreamId::meta(), &Head::empty(), &stamp(), [9; 16], &facts).expect("sealable");
    let mut replay = Replay::<Fact>::new(StreamId::meta());
    let back = replay.page(&lines).map(|r| r.map(|r| r.fact)).collect::<Result<Vec<_>>>().expect("readable");
    assert_eq!(back, facts);
    assert_eq!(replay.head(), &head);
    assert_eq!(Fact::Rested.unsealed().expect("sealable").body, json!({}));
}

#[test]
fn an_unknown_name_with_must_refuses_and_without_is_passed_over() {
    let error = decoded("teleported", true, json!({})).expect_err("must be understood");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("newer keywheel"), "{error}");
    assert!(error.to_string().contains("teleported"), "{error}");
    assert_eq!(decoded("teleported", false, json!({"any": 1})).expect("passed over"), Decoded::Unknown);
    let mut replay = Replay::<Fact>::new(StreamId::meta());
    assert_eq!(replay.line(&line("teleported", false, json!({}))).expect("passed over"), None);
    assert_eq!((replay.passed_over(), replay.head().next_seq), (1, 1));
}

#[test]
fn a_known_name_with_an_unreadable_body_is_never_passed_over() {
    for body in [json!({"count": "many"}), json!({"count": 1, "colour": "ultraviolet"}), json!({}), json!(null)] {
        let error = decoded("page_closed", false, body).expect_err("unreadable");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("known name"), "{error}");
    }
}

#[test]
fn a_new_optional_field_is_no_obstacle_to_an_older_reader() {
    let body = json!({"count": 1, "colour": "green", "added_later": true});
    let expected = Fact::PageClosed(Detail { count: 1, colour: Some(Colour::Green) });
    assert_eq!(decoded("page_closed", true, body).expect("readable"), Decoded::Known(expected));
}
