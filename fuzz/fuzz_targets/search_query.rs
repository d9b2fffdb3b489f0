//! Fuzzes query building: whatever a tag says, it stands in the query as one literal, or nothing is built.
//!
//! Input: value, key and namespace, one a line. The query is read again here by the only rule there is: a quote
//! begins a literal and the next quote ends it.
#![no_main]

use keywheel::ErrorKind;
use keywheel::adapters::oci::fuzzing::{key_query, tag_query};
use keywheel::model::{KeyId, TagSelector};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Split at a character that a line break cannot be smuggled past: values with line breaks are wanted too.
    let mut parts = text.split('\u{1}');
    let (value, key) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("k"));
    let namespace = parts.next();
    let tag = TagSelector { namespace: namespace.map(str::to_owned), key: key.to_owned(), value: value.to_owned() };
    match tag_query(&tag) {
        Ok(query) => {
            let (frame, literals) = taken_apart(&query);
            let mut meant = vec![key, value];
            meant.splice(0..0, namespace);
            assert_eq!(literals, meant, "{query}");
            let expected = match namespace {
                Some(_) => {
                    "query all resources where (definedTags.namespace = '' && definedTags.key = '' && definedTags.value = '')"
                }
                None => "query all resources where (freeformTags.key = '' && freeformTags.value = '')",
            };
            assert_eq!(frame, expected);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Refused);
            let shown = error.to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            assert!(shown.chars().count() < 1200, "{shown}");
            // What has no quote, backslash or control character in it, and is something, is never refused.
            let bad = |text: &str| text.is_empty() || text.chars().any(|c| c.is_control() || "'\"\\`".contains(c));
            assert!([Some(key), Some(value), namespace].into_iter().flatten().any(bad), "{tag:?}");
        }
    }
    if let Ok(id) = KeyId::parse(value)
        && let Ok(query) = key_query(&id)
    {
        let (frame, literals) = taken_apart(&query);
        assert_eq!(literals, [value]);
        assert_eq!(frame, "query key resources return allAdditionalFields where identifier = ''");
    }
});

/// The query without its literals, and the literals.
fn taken_apart(query: &str) -> (String, Vec<&str>) {
    let parts: Vec<_> = query.split('\'').collect();
    assert_eq!(parts.len() % 2, 1, "quotes are balanced: {query}");
    let frame: Vec<_> = parts.iter().step_by(2).copied().collect();
    (frame.join("''"), parts.iter().skip(1).step_by(2).copied().collect())
}
