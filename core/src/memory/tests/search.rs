//! Resource Search: lag, language, permission.

use super::super::log::NotYet;
use super::super::search_query::Query;
use super::super::{Caller, PageQuery, ResourceSummary, WorldSettings};
use super::{Lab, code, lab, region, secs, us};
use crate::model::Tags;

fn lagging() -> WorldSettings {
    WorldSettings { search_lag: secs(30), ..WorldSettings::instant() }
}

fn found(lab: &Lab, query: &str) -> Vec<ResourceSummary> {
    let told = lab.world.search_resources(&us(), &lab.at.region, query, &PageQuery::default());
    told.expect("the query is understood").value.items
}

fn names(lab: &Lab, query: &str) -> Vec<String> {
    found(lab, query).into_iter().map(|resource| resource.display_name).collect()
}

#[test]
fn a_new_bucket_and_a_new_tag_are_found_only_after_the_lag() {
    let lab = lab(lagging());
    let query = "query bucket resources where freeformTags.key = 'team'";
    let bucket = lab.world.add_bucket(&lab.at.region, &lab.compartment, "b").created(lab.world.now()).done();
    assert_eq!(names(&lab, "query bucket resources"), Vec::<String>::new());
    assert_eq!(lab.world.not_yets(NotYet::Search), 1);
    lab.clock.advance(secs(30));
    assert_eq!(names(&lab, "query bucket resources"), ["b"]);
    let mut tags = Tags::default();
    tags.freeform.insert("team".to_owned(), "blue".to_owned());
    lab.world.others_retag(&bucket, tags);
    assert_eq!(names(&lab, query), Vec::<String>::new());
    lab.clock.advance(secs(30));
    assert_eq!(names(&lab, query), ["b"]);
    lab.world.others_delete_bucket(&bucket);
    assert_eq!(names(&lab, query), ["b"], "what is gone is still found");
    lab.clock.advance(secs(30));
    assert_eq!(names(&lab, query), Vec::<String>::new());
    assert_eq!(lab.world.not_yets(NotYet::Search), 3);
}

#[test]
fn a_keys_vault_is_found_by_its_identifier() {
    let lab = lab(lagging());
    let query = format!("query key resources return allAdditionalFields where identifier = '{}'", lab.key);
    let found = found(&lab, &query);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].additional["vaultId"], lab.at.vault.as_str());
    assert_eq!(found[0].additional["currentKeyVersion"], lab.current().as_str());
    let query = format!("query key resources where vaultId = '{}'", lab.at.vault);
    assert_eq!(names(&lab, &query), ["key"]);
}

#[test]
fn what_one_may_not_see_is_silently_absent_and_regions_are_apart() {
    let lab = lab(lagging());
    lab.world.add_bucket(&lab.at.region, &lab.compartment, "here").done();
    lab.world.add_bucket(&region("us-phoenix-1"), &lab.compartment, "there").done();
    assert_eq!(names(&lab, "query bucket resources"), ["here"]);
    lab.world.deny_compartment(&Caller::keywheel(), &lab.compartment);
    assert_eq!(names(&lab, "query bucket resources"), Vec::<String>::new());
    lab.world.allow_compartment(&Caller::keywheel(), &lab.compartment);
    assert_eq!(names(&lab, "query bucket resources"), ["here"]);
}

#[test]
fn the_language_compares_as_oci_does() {
    let lab = lab(lagging());
    let place = (&lab.at.region, &lab.compartment);
    lab.world.add_bucket(place.0, place.1, "One").tag("Team", "Blue").tag("x", "y").done();
    lab.world.add_bucket(place.0, place.1, "two").defined_tag("ops", "team", "red").done();
    let count = |condition: &str| names(&lab, &format!("query bucket resources where {condition}")).len();
    assert_eq!(count("freeformTags.key = 'team' && freeformTags.value = 'BLUE'"), 1, "= ignores case");
    assert_eq!(count("freeformTags.value == 'BLUE'"), 0, "== does not");
    assert_eq!(count("freeformTags.key = 'Team' && freeformTags.value = 'y'"), 1, "key and value are not bound");
    let defined = "definedTags.namespace='ops' && definedTags.key='team' && definedTags.value='red'";
    assert_eq!(count(defined), 1);
    assert_eq!(count("displayName != 'one'"), 1);
    assert_eq!(count("displayName !== 'one'"), 2);
    assert_eq!(count("displayName =~ 'W'"), 1);
    assert_eq!(count("(displayName = 'one' || displayName = 'two') && lifecycleState = 'active'"), 2);
    assert_eq!(names(&lab, "query bucket, key resources sorted by timeCreated desc").len(), 3);
    assert_eq!(names(&lab, "QUERY all resources").len(), 4, "vault, key and two buckets");
}

#[test]
fn what_is_no_query_is_refused_with_what_was_wrong() {
    for text in [
        "",
        "query bucket",
        "query all resources where",
        "query all resources where a = 'b' && c = 'd' || e = 'f'",
        "query all resources where a = 'b",
        "query all resources where (a = 'b'",
        "query bucket, key resources return allAdditionalFields",
        "query all resources where a = b",
        "query all resources; drop",
    ] {
        assert!(Query::parse(text).is_err(), "{text}");
    }
    let lab = lab(lagging());
    let told = lab.world.search_resources(&us(), &lab.at.region, "query", &PageQuery::default());
    assert_eq!(code(told), (400, "InvalidParameter"));
}
