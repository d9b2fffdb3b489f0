//! Resource Search: building queries and reading pages.
//!
//! The language has no documented escape, so a value that could end its quotes is refused. Search compares
//! without case and is behind the truth: what it finds is checked again by whoever asked.

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::wire;
use crate::error::{Error, Result};
use crate::model::{KeyId, Region, TagSelector, Tags};

const OPERATION: &str = "search_resources";

/// The query for one key, with the vault that holds it.
pub(crate) fn key_query(key: &KeyId) -> Result<String> {
    Ok(format!("query key resources return allAdditionalFields where identifier = {}", quoted(key.as_str())?))
}

/// The query for everything that carries a tag.
pub(crate) fn tag_query(tag: &TagSelector) -> Result<String> {
    let (key, value) = (quoted(&tag.key)?, quoted(&tag.value)?);
    Ok(match &tag.namespace {
        Some(namespace) => format!(
            "query all resources where (definedTags.namespace = {} && definedTags.key = {key} && definedTags.value = {value})",
            quoted(namespace)?
        ),
        None => format!("query all resources where (freeformTags.key = {key} && freeformTags.value = {value})"),
    })
}

/// Whether these tags hold exactly this one.
pub(crate) fn carries(tags: &Tags, tag: &TagSelector) -> bool {
    let found = match &tag.namespace {
        Some(namespace) => tags.defined.get(namespace).and_then(|keys| keys.get(&tag.key)),
        None => tags.freeform.get(&tag.key),
    };
    found == Some(&tag.value)
}

fn quoted(text: &str) -> Result<String> {
    if text.is_empty() || text.chars().any(|c| matches!(c, '\'' | '"' | '\\' | '`') || c.is_control()) {
        let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        return Err(Error::refused(
            OPERATION,
            format!(
                "\"{shown}\" cannot be searched for: quotes, backslashes and control characters have no escape in OCI's \
                     query language; use another tag value"
            ),
        ));
    }
    Ok(format!("'{text}'"))
}

/// One page of what a query finds in one region.
pub(crate) async fn page(
    client: &Client,
    region: &Region,
    query: &str,
    page: Option<&str>,
) -> Result<(Answer, Vec<wire::FoundResource>)> {
    let body = wire::StructuredSearch { kind: "Structured", query, matching_context_type: "NONE" };
    let call = Call::new(Operation::SearchResources, region).query("limit", &PAGE_ITEMS_MAX).page(page).json(&body)?;
    let answer = client.send(&call).await?;
    let found: wire::Found = answer.json()?;
    Ok((answer, found.items))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn tag(namespace: Option<&str>, key: &str, value: &str) -> TagSelector {
        TagSelector { namespace: namespace.map(str::to_owned), key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn queries_read_as_oci_documents_them() {
        assert_eq!(
            tag_query(&tag(None, "rotate", "yes please")).expect("harmless"),
            "query all resources where (freeformTags.key = 'rotate' && freeformTags.value = 'yes please')"
        );
        assert_eq!(
            tag_query(&tag(Some("ops"), "rotate", "true")).expect("harmless"),
            "query all resources where (definedTags.namespace = 'ops' && definedTags.key = 'rotate' && definedTags.value = 'true')"
        );
        let key = KeyId::parse("ocid1.key.oc1.iad.v.k").expect("a key");
        assert_eq!(
            key_query(&key).expect("an OCID"),
            "query key resources return allAdditionalFields where identifier = 'ocid1.key.oc1.iad.v.k'"
        );
    }

    #[test]
    fn hostile_values_are_refused_not_escaped() {
        for value in ["x' || lifecycleState = 'ACTIVE", "a\"b", "a\\", "a\nb", "", "`"] {
            for tag in [tag(None, "k", value), tag(None, value, "v"), tag(Some(value), "k", "v")] {
                assert_eq!(tag_query(&tag).expect_err(value).kind(), ErrorKind::Refused);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_tag_holds_the_query_says_that_and_nothing_more(
            namespace in proptest::option::of("\\PC{0,12}"), key in "\\PC{0,12}", value in "[\\PC'\"`\\\\ |&=()\n]{0,24}",
        ) {
            let selector = TagSelector { namespace, key, value };
            let (parts, fields) = match &selector.namespace {
                Some(namespace) => (vec![namespace, &selector.key, &selector.value], ["namespace", "key", "value"].as_slice()),
                None => (vec![&selector.key, &selector.value], ["key", "value"].as_slice()),
            };
            match tag_query(&selector) {
                // Between the quotes stands the text, whole, and there are no other quotes.
                Ok(query) => {
                    let pieces: Vec<&str> = query.split('\'').collect();
                    proptest::prop_assert_eq!(pieces.len(), 2 * parts.len() + 1);
                    for (nth, (part, field)) in parts.iter().zip(fields).enumerate() {
                        proptest::prop_assert_eq!(pieces[2 * nth + 1], part.as_str());
                        let ending = format!("Tags.{field} = ");
                        proptest::prop_assert!(pieces[2 * nth].ends_with(&ending));
                    }
                    proptest::prop_assert!(selector.unsearchable().is_none());
                }
                Err(_) => proptest::prop_assert!(selector.unsearchable().is_some()),
            }
        }
    }

    #[test]
    fn tags_are_compared_exactly() {
        let mut tags = Tags::default();
        tags.freeform.insert("rotate".to_owned(), "True".to_owned());
        tags.freeform.insert("other".to_owned(), "true".to_owned());
        assert!(carries(&tags, &tag(None, "rotate", "True")));
        assert!(!carries(&tags, &tag(None, "rotate", "true")));
        assert!(!carries(&tags, &tag(Some("ops"), "rotate", "True")));
    }
}
