//! Registers: their text, read back and mangled; other tags beside them.

use proptest::prelude::*;

use super::*;

fn place() -> TagName {
    TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() }
}

fn register() -> Register {
    Register {
        ordinal: 1,
        generation: 2,
        date: "2026-11-22T12:00:00Z".parse().expect("an instant"),
        count: 3,
        mark: "0123456789abcdef".to_owned(),
        newest: "ocid1.keyversion.oc1.iad.aaaa.v".to_owned(),
    }
}

fn tagged(namespace: &str, key: &str, value: &str) -> Tags {
    let mut tags = Tags::default();
    tags.freeform.insert("owner".to_owned(), "payments".to_owned());
    tags.defined.entry("ops".to_owned()).or_default().insert("rotate".to_owned(), "true".to_owned());
    tags.defined.entry(namespace.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    tags
}

#[test]
fn a_register_reads_back_as_it_was_written() {
    let text = register().text();
    assert_eq!(text, "kw1 o=1 g=2 d=2026-11-22T12:00:00Z n=3 m=0123456789abcdef v=ocid1.keyversion.oc1.iad.aaaa.v");
    assert_eq!(Register::parse(&text), Some(register()));
    assert_eq!(Register::parse(&format!("{text} later=yes")), Some(register()), "a member of a later version");
}

#[test]
fn the_longest_register_fits_into_a_tag() {
    let longest = KeyVersionId::parse(format!("ocid1.keyversion.oc1.iad.aaaa.{}", "x".repeat(225))).expect("255 bytes");
    let newest = brief(&longest);
    let register = Register { ordinal: u32::MAX, generation: u32::MAX, count: u32::MAX, newest, ..register() };
    assert!(register.text().len() <= VALUE_CHARS_MAX, "{}", register.text());
    let longest_whole = format!("ocid1.{}", "x".repeat(VERSION_CHARS_MAX - 6));
    let register = Register { newest: longest_whole, ..register };
    assert!(register.text().len() <= VALUE_CHARS_MAX, "{}", register.text().len());
}

#[test]
fn what_is_no_register_is_junk_and_never_half_read() {
    let good = register().text();
    for text in [
        String::new(),
        "kw1".to_owned(),
        "true".to_owned(),
        good.replace("kw1", "kw2"),
        good.replace("o=1", "o=-1"),
        good.replace("o=1", "o=99999999999"),
        good.replace("g=2", "g="),
        good.replace("d=2026-11-22T12:00:00Z", "d=yesterday"),
        good.replace("d=2026-11-22T12:00:00Z", "d=99999-01-01T00:00:00Z"),
        good.replace(" m=0123456789abcdef", ""),
        format!("{good} o=1"),
        format!("{good}  "),
        format!("{good} x={}", "y".repeat(256)),
        format!("{{\"o\":1,\"d\":\"{good}\"}}"),
    ] {
        assert_eq!(Register::parse(&text), None, "{text:?}");
        let reading = read_register(&tagged("keywheel", "intent", &text), &place());
        assert!(matches!(reading, Reading::Junk(_)), "{text:?}: {reading:?}");
    }
}

#[test]
fn foreign_text_reaches_nobodys_terminal() {
    let Reading::Junk(shown) = read_register(&tagged("keywheel", "intent", "\u{1b}[2J\u{202e}evil"), &place()) else {
        panic!("junk");
    };
    assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn names_of_defined_tags_are_compared_without_case_and_kept_as_they_are_spelled() {
    let tags = tagged("KeyWheel", "Intent", &register().text());
    assert_eq!(read_register(&tags, &place()), Reading::Written(register()));
    let next = Register { generation: 3, ..register() };
    let announced = announced(&tags, &place(), &next);
    assert_eq!(announced, tagged("KeyWheel", "Intent", &next.text()));
    assert_eq!(read_register(&Tags::default(), &place()), Reading::Absent);
}

#[test]
fn every_other_tag_stays() {
    let tags = tagged("keywheel", "managed", "yes");
    let announced = announced(&tags, &place(), &register());
    assert_eq!(announced.freeform, tags.freeform);
    assert_eq!(announced.defined["ops"], tags.defined["ops"]);
    assert_eq!(announced.defined["keywheel"].len(), 2);
    assert_eq!(announced.defined["keywheel"]["managed"], "yes");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*", tail in "(kw1 )?([ogdnmv]=[0-9TZ:+-]{0,30} ?){0,8}") {
        for text in [text.clone(), tail.clone(), format!("{tail}{text}"), register().text().replace('0', &text)] {
            if let Some(read) = Register::parse(&text) {
                prop_assert!(Register::parse(&read.text()).is_some() || read.text().chars().count() > VALUE_CHARS_MAX);
            }
        }
    }
}
