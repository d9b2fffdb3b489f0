//! Fuzzes paging: a cursor that is read says the same when it is written again, and a pass ends after every place.
//!
//! Input: the number of kinds and of compartments as two bytes, then their names one a line; all of it also as a
//! cursor, as it is and encoded as cursors are.
#![no_main]

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use keywheel::ErrorKind;
use keywheel::adapters::oci::fuzzing::{cursor_again, places};
use keywheel::model::{Compartment, CompartmentId, KeyId, Kind, TagSelector};
use keywheel::ports::{Cursor, Selector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for cursor in [text.to_owned(), BASE64URL_NOPAD.encode(data)] {
        match cursor_again(&Cursor(cursor)) {
            Ok(once) => assert_eq!(cursor_again(&once).expect("what we wrote is read"), once),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Refused);
                assert!(error.to_string().len() < 400, "a cursor is not repeated: {error}");
            }
        }
    }
    let mut names = text.lines();
    let kinds: Vec<Kind> = (0..4).filter_map(|_| names.next()).map(|name| kind(name)).collect();
    let compartments: Vec<_> = names.take(8).filter_map(compartment).collect();
    let different: BTreeSet<_> =
        kinds.iter().flat_map(|kind| compartments.iter().map(move |one| (kind.to_string(), one.id.clone()))).collect();
    let tag = TagSelector { namespace: None, key: "k".to_owned(), value: "v".to_owned() };
    for tag in [None, Some(tag)] {
        let is_searched = usize::from(tag.is_some());
        let key = KeyId::parse("ocid1.key.oc1.iad.v.k").expect("a key");
        let selector = Selector { key, kinds: kinds.clone(), compartments: compartments.clone(), tag };
        let seen = places(&selector, 1000);
        assert_eq!(seen.len(), different.len() + is_searched, "every place once, and Search at the end: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "no place twice: {seen:?}");
    }
});

fn kind(name: &str) -> Kind {
    match name {
        "bucket" => Kind::Bucket,
        "volume" => Kind::BlockVolume,
        other => Kind::Other(format!("x-{other}")),
    }
}

fn compartment(name: &str) -> Option<Compartment> {
    let id = CompartmentId::parse(format!("ocid1.compartment.oc1..{name}")).ok()?;
    Some(Compartment { id, name: name.to_owned(), parent: None })
}
