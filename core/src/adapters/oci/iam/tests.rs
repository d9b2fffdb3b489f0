//! What the statements say, and what they never say.

use super::*;
use crate::model::{Enroll, EnrollFrom, KeyId, Region, TagName, VaultId};

const NEVER: [&str; 12] = [
    "KEY_DELETE",
    "KEY_EXPORT",
    "KEY_DECRYPT",
    "KEY_ENCRYPT",
    "KEY_IMPORT",
    "KEY_BACKUP",
    "KEY_RESTORE",
    "KEY_MOVE",
    "VAULT_DELETE",
    "manage ",
    "all-resources",
    "BUCKET_DELETE",
];

fn printed(settings: &Settings) -> Vec<String> {
    let wants = wants(settings);
    iam_policy(&wants).statements.into_iter().map(|statement| statement.text).collect()
}

fn wants(settings: &Settings) -> IamWants<'_> {
    IamWants {
        settings,
        has_topic: true,
        metrics: None,
        audit_bucket: None,
        has_audit_log: false,
        reads_audit_events: false,
        subject: IamSubject::default(),
        keys_in: None,
    }
}

fn everything() -> Settings {
    let mut settings = Settings::production();
    settings.policy.intent_register = Some(TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() });
    settings.scope.regions.insert(Region::parse("us-ashburn-1").expect("a region"));
    settings
}

#[test]
fn keywheel_is_never_given_what_destroys_or_reveals() {
    for text in printed(&everything()) {
        assert!(!NEVER.iter().any(|word| text.contains(word)), "{text}");
        assert!(text.starts_with("Allow service ") || !text.contains("use keys"), "{text}");
    }
}

#[test]
fn what_a_config_copies_and_asks_beside_rotating_has_statements_of_its_own() {
    let settings = everything();
    let with = |wants: IamWants<'_>| -> Vec<String> {
        let plain = printed(&settings);
        let all = iam_policy(&wants).statements.into_iter().map(|statement| statement.text);
        all.filter(|text| !plain.contains(text)).collect()
    };
    let subject = "Allow dynamic-group keywheel to";
    let trail =
        "{BUCKET_READ, OBJECT_READ, OBJECT_INSPECT, OBJECT_CREATE} in tenancy where target.bucket.name = 'trail'";
    assert_eq!(with(IamWants { audit_bucket: Some("trail"), ..wants(&settings) }), [format!("{subject} {trail}")]);
    let log = format!("{subject} {{LOG_CONTENT_PUSH}} in tenancy");
    assert_eq!(with(IamWants { has_audit_log: true, ..wants(&settings) }), [log]);
    let events = format!("{subject} {{AUDIT_EVENT_READ}} in tenancy");
    assert_eq!(with(IamWants { reads_audit_events: true, ..wants(&settings) }), [events]);
}

#[test]
fn buckets_alone_need_no_successor_and_keys_in_scope_narrow_the_mint() {
    let mut settings = Settings::production();
    settings.scope.kinds.insert(Kind::Bucket);
    let key = KeyId::parse("ocid1.key.oc1.iad.v.abc").expect("a key");
    settings.scope.keys.insert(key.clone());
    let text = printed(&settings).join("\n");
    for word in ["KEY_CREATE", "key-delegate", "POLICY_READ", "VOLUME", "CLUSTER", "UpdateBucket"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("{KEY_ROTATE} in tenancy where target.key.id = 'ocid1.key.oc1.iad.v.abc'"), "{text}");
    assert!(text.contains("{BUCKET_UPDATE} in tenancy where request.operation = 'ReencryptBucket'"), "{text}");
    assert!(text.contains("{KEY_INSPECT, KEY_READ} in tenancy\n"), "listing is not conditional: {text}");
    settings.policy.strategy = StrategyPolicy::NewKey;
    let text = printed(&settings).join("\n");
    assert!(text.contains("{KEY_CREATE, VAULT_CREATE_KEY}") && text.contains("use key-delegate"), "{text}");
    assert!(text.contains("{KEY_ROTATE} in tenancy\n"), "a successor's OCID is not known: {text}");
    settings.scope.keys.clear();
    settings.scope.vaults.insert(VaultId::parse("ocid1.vault.oc1.iad.v").expect("a vault"));
    assert!(printed(&settings).join("\n").contains("{KEY_ROTATE} in tenancy where target.vault.id ="));
}

#[test]
fn compartments_in_scope_have_statements_of_their_own() {
    let mut settings = everything();
    for id in ["ocid1.compartment.oc1..a", "ocid1.compartment.oc1..b"] {
        settings.scope.compartments.insert(CompartmentId::parse(id).expect("a compartment"));
    }
    let text = printed(&settings);
    let buckets = text.iter().filter(|text| text.contains("BUCKET_INSPECT"));
    assert_eq!(buckets.count(), 2, "{text:#?}");
    assert!(!text.iter().any(|text| text.contains("BUCKET") && text.contains("tenancy")), "{text:#?}");
}

#[test]
fn where_keys_are_is_taken_from_the_config_unless_somebody_says_it_now() {
    let mut settings = everything();
    let [one, two] = ["ocid1.compartment.oc1..k1", "ocid1.compartment.oc1..k2"]
        .map(|id| CompartmentId::parse(id).expect("a compartment"));
    let told = |settings: &Settings, keys_in| {
        let list = iam_policy(&IamWants { keys_in, ..wants(settings) });
        let about = list.statements.iter().filter(|one| one.text.contains("KEY_ROTATE"));
        let places: Vec<_> = about.map(|one| one.text.split(" in ").nth(1).expect("a place").to_owned()).collect();
        (places, list.notes.iter().any(|note| note.contains("scope.key_compartments")))
    };
    let place = |id: &CompartmentId| format!("compartment id {id}");
    assert_eq!(told(&settings, None), (vec!["tenancy".to_owned()], true));
    assert_eq!(told(&settings, Some(&one)), (vec![place(&one)], true), "keywheel would look elsewhere too");
    settings.scope.key_compartments = [one.clone(), two.clone()].into();
    assert_eq!(told(&settings, None), (vec![place(&one), place(&two)], false));
    assert_eq!(told(&settings, Some(&one)), (vec![place(&one)], false));
    let blocks = printed(&settings).into_iter().filter(|text| text.contains("service blockstorage"));
    assert_eq!(blocks.count(), 2, "a grant for each");
}

#[test]
fn a_subject_cannot_smuggle_a_statement_in() {
    for good in ["any-user", "group Admins", "dynamic-group 'Default'/'keyrotator'", "group id ocid1.group.oc1..a"] {
        assert_eq!(IamSubject::parse(good).expect("a subject").as_str(), good);
    }
    for bad in ["", "group", "Admins", "group a to manage all-resources in tenancy", "service x", "group a\nAllow"] {
        assert!(IamSubject::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_statement_says_why_and_what_is_not_documented_says_so() {
    let list = iam_policy(&wants(&everything()));
    for statement in &list.statements {
        assert!(!statement.reason.is_empty() && !statement.source.is_empty(), "{statement:?}");
    }
    let text = list.to_string();
    assert!(text.contains("UNVERIFIED: the permission of UpdateVolumeKmsKey"), "{text}");
    let statements = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert!(statements.eq(list.statements.iter().map(|statement| statement.text.as_str())));
}

#[test]
fn whoever_enrolls_from_keys_that_nobody_named_is_told_of_the_permission_there() {
    let told = |from| {
        let mut settings = everything();
        let to = [KeyId::parse("ocid1.key.oc1.iad.v.k").expect("a key")].into();
        settings.scope.enroll = Some(Enroll { from, to });
        iam_policy(&wants(&settings)).notes.iter().any(|note| note.contains("KEY_DISASSOCIATE"))
    };
    assert_eq!(
        [told(EnrollFrom::OraclesKey), told(EnrollFrom::UnmanagedKeys), told(EnrollFrom::AnyKey)],
        [false, true, true]
    );
}
