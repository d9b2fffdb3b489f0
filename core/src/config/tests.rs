//! What a config must and must not be.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::model::{Enroll, EnrollFrom, KeyId, Kind, Margins, RekeyClass};

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("/etc/keywheel/keywheel.toml"), Some(Path::new("/home/me")))
}

fn problems(text: &str) -> Vec<String> {
    let error = parse(text).expect_err("the text has problems");
    assert_eq!(error.kind(), ErrorKind::Config);
    let source = std::error::Error::source(&error).expect("problems are the source");
    let problems = source.downcast_ref::<Problems>().expect("problems are the source");
    problems.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_config_is_production() {
    let config = parse("").expect("defaults are fine");
    assert_eq!(config.settings, Settings::production());
    assert_eq!(config.journal, Path::new("/etc/keywheel/keywheel.sqlite"));
    assert_eq!(config.oci.config_file, Path::new("/home/me/.oci/config"));
}

#[test]
fn all_problems_are_told_at_once_with_path_value_and_remedy() {
    let text = "
[policy]
cryptoperiod = 90
min_agee = \"1d\"
ambiguity = \"rash\"
[scope]
keys = [\"ocid1.vault.oc1.iad.x.y\", 7]
[limits]
blast_radius = 0
page_size = 1001
[endpoints.\"us-ashburn-1\"]
base = \"http://10.0.0.1:80\"
[surprise]
";
    let found = problems(text);
    let expected = [
        ("line 3: policy.cryptoperiod = 90: it is an integer, not a duration in quotes", "90d"),
        ("line 4: policy.min_agee: there is no such key", "did you mean \"min_age\"?"),
        ("line 5: policy.ambiguity = \"rash\"", "\"fast\", \"standard\" or \"strict\""),
        ("line 7: scope.keys[0] = \"ocid1.vault.oc1.iad.x.y\"", "OCIDs of keys"),
        ("line 7: scope.keys[1] = 7: it is an integer, not a string", "OCIDs of keys"),
        ("line 9: limits.blast_radius = 0", "from 1 to"),
        ("line 10: limits.page_size = 1001", "from 1 to 1000"),
        ("line 12: endpoints.\"us-ashburn-1\".base = \"http://10.0.0.1:80\"", "127.0.0.1"),
        ("line 13: surprise: there is no such key", "known here: oci, journal"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (start, remedy) in expected {
        assert!(found.iter().any(|p| p.starts_with(start) && p.contains(remedy)), "{start:?} in {found:#?}");
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let error = parse("[oci]\npassphrase = \"hunter2\"\n").expect_err("there is no such key");
    assert!(error.to_string().contains("passphrase_file"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let error = parse("[oci]\npassphrase_file = hunter2\n").expect_err("that is no TOML");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_short_cryptoperiod_is_for_rehearsals_only() {
    assert!(problems("[policy]\ncryptoperiod = \"23h\"")[0].contains("R3"));
    let rehearsal = "[policy]\ncryptoperiod = \"10s\"\n[endpoints.us-ashburn-1]\nbase = \"http://127.0.0.1:4001/\"";
    let config = parse(rehearsal).expect("a rehearsal may");
    assert!(config.settings.is_test);
    assert_eq!(config.endpoints.values().next().map(String::as_str), Some("http://127.0.0.1:4001"));
    assert_eq!(config.settings.policy.min_age, Duration::from_secs(5));
}

#[test]
fn min_age_is_at_most_the_cryptoperiod() {
    assert!(problems("[policy]\nmin_age = \"91d\"")[0].contains("longer than the cryptoperiod of 90d"));
}

#[test]
fn shortened_margins_need_loopback_endpoints() {
    assert!(problems("[margins]\nprofile = \"lab\"")[0].contains("only when every region is a loopback endpoint"));
    assert!(problems("[margins]\nlist_lag = \"1s\"")[0].contains("shorter than in production"));
    let config = parse("[margins]\nlist_lag = \"5m\"").expect("longer is always allowed");
    assert_eq!(config.settings.margins.list_lag, Duration::from_secs(300));
    let lab =
        parse("[margins]\nprofile = \"lab\"\n[endpoints.us-phoenix-1]\nbase = \"http://[::1]:9\"").expect("loopback");
    assert_eq!(lab.settings.margins, Margins::lab());
}

#[test]
fn a_rehearsal_names_no_real_region() {
    let text = "[scope]\nregions = [\"us-phoenix-1\"]\n[endpoints.us-ashburn-1]\nbase = \"http://127.0.0.1:1\"";
    assert!(problems(text)[0].contains("rehearsal and tenancy would mix"));
}

#[test]
fn an_endpoint_is_a_literal_loopback_address() {
    for base in [
        "http://localhost:1",
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1:1/x",
        "http://evil@127.0.0.1:1",
        "http://127.0.0.1.evil.com:1",
        "http://0.0.0.0:1",
    ] {
        let found = problems(&format!("[endpoints.us-ashburn-1]\nbase = {base:?}"));
        assert!(found[0].contains("loopback"), "{base}: {found:?}");
    }
}

#[test]
fn a_duration_reads_back_as_it_was_shown() {
    for text in ["90d", "1d12h", "500ms", "1h30m", "4m30s", "0s"] {
        assert_eq!(show_duration(parse_duration(text).expect("it is one")), text);
    }
    for text in ["", "90", "90 days", "d", "1.5h", "-1d", "99999999999999999999d", "1y"] {
        assert!(parse_duration(text).is_err(), "{text:?}");
    }
}

#[test]
fn what_init_writes_reads_back() {
    let key = KeyId::parse("ocid1.key.oc1.iad.v.k1").expect("an OCID");
    let other = KeyId::parse("ocid1.key.oc1.iad.v.k2").expect("an OCID");
    let vault = crate::model::VaultId::parse("ocid1.vault.oc1.iad.v.v").expect("an OCID");
    let region = Region::parse("us-ashburn-1").expect("a region");
    let found = |id: &KeyId, name: &str| FoundKey {
        id: id.clone(),
        name: name.to_owned(),
        vault: vault.clone(),
        vault_name: "v\n[oci]".to_owned(),
        region: region.clone(),
        unusable: None,
    };
    let template = Template {
        oci_config_file: "C:\\oci \"x\"".to_owned(),
        profile: "DEFAULT".to_owned(),
        journal: "k.sqlite".to_owned(),
        keys: vec![found(&key, "k1\r\nkeys = []"), found(&other, "k2")],
        chosen: vec![key.clone()],
        endpoints: vec![(region.clone(), "http://127.0.0.1:5".to_owned())],
        lab_margins: true,
        ..Template::default()
    };
    let config = parse(&template.render()).expect("the template is a config");
    assert_eq!(config.settings.scope.keys.iter().collect::<Vec<_>>(), [&key]);
    assert_eq!(config.settings.margins, Margins::lab());
    assert!(config.oci.config_file.ends_with("C:\\oci \"x\""));
    let plain = Template {
        oci_config_file: "~/.oci/config".to_owned(),
        profile: "DEFAULT".to_owned(),
        journal: "keywheel.sqlite".to_owned(),
        ..Template::default()
    };
    assert_eq!(parse(&plain.render()).expect("a config").settings, Settings::production());
}

#[test]
fn an_intent_register_is_a_defined_tag() {
    let config =
        parse("[policy]\nintent_register = { namespace = \"keywheel\", key = \"intent\" }").expect("it is one");
    let register = config.settings.policy.intent_register.expect("it is configured");
    assert_eq!((register.namespace.as_str(), register.key.as_str()), ("keywheel", "intent"));
    let found = problems("[policy]\nintent_register = { namespace = \"a.b\", kee = \"intent\" }\nmin_age = 3");
    let expected = [
        "line 3: policy.min_age = 3",
        "line 2: policy.intent_register.namespace = \"a.b\": it is no name of a defined tag",
        "policy.intent_register.key: it is missing",
        "line 2: policy.intent_register.kee: there is no such key",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for start in expected {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{start:?} in {found:#?}");
    }
    assert!(problems("[policy]\nintent_register = \"keywheel.intent\"")[0].contains("not a table"));
}

#[test]
fn a_class_is_a_word_that_the_kind_has_a_step_for_and_the_undocumented_one_needs_its_risk() {
    let text = "
[kinds]
block_volume = \"rewraps\"
boot_volume = \"harmless\"
block_volume_backup = \"rewraps\"
bucket = 3
buckets = \"forbids\"
";
    let found = problems(text);
    let expected = [
        ("line 3: kinds.block_volume = \"rewraps\"", "same_key_volumes"),
        ("line 4: kinds.boot_volume = \"harmless\": it is not a class", "\"tolerates\""),
        ("line 5: kinds.block_volume_backup = \"rewraps\": the kind has no step", "\"forbids\" or \"ignores\""),
        ("line 6: kinds.bucket = 3", "quotes"),
        ("line 7: kinds.buckets: there is no such key", "did you mean \"bucket\"?"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (start, remedy) in expected {
        assert!(found.iter().any(|p| p.starts_with(start) && p.contains(remedy)), "{start:?} in {found:#?}");
    }
    let text =
        "[policy]\naccept_risks = [\"same_key_volumes\"]\n[kinds]\nblock_volume = \"rewraps\"\nbucket = \"ignores\"\n";
    let policy = parse(text).expect("the risk is named").settings.policy;
    let wanted = [(Kind::BlockVolume, RekeyClass::Rewraps), (Kind::Bucket, RekeyClass::Ignores)];
    assert_eq!(policy.classes, wanted.into());
}

#[test]
fn kinds_are_looked_at_by_name_and_a_statement_is_about_what_is_not() {
    let text = "[scope]\nkinds = [\"bucket\", \"volume\"]\nnothing_under_keys = [\"bucket\"]\n";
    let found = problems(text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("line 2: scope.kinds[1] = \"volume\"") && found[0].contains("block_volume"),
        "{found:?}"
    );
    assert!(found[1].starts_with("line 3: scope.nothing_under_keys") && found[1].contains("bucket"), "{found:?}");
    let found = problems("[scope]\nnothing_under_keys = [\"boot_volume\"]\n");
    assert!(found[0].contains("wants boot_volume looked at"), "{found:?}");
    let text = "[scope]\nkinds = [\"bucket\"]\nnothing_under_keys = [\"boot_volume\"]\n";
    let scope = parse(text).expect("it is consistent").settings.scope;
    assert_eq!((scope.kinds, scope.nothing_under_keys), ([Kind::Bucket].into(), [Kind::BootVolume].into()));
}

#[test]
fn enrolling_is_off_unless_a_source_and_a_managed_key_are_named_and_a_tag_is_there() {
    let key = "ocid1.key.oc1.iad.x.y";
    let text =
        |keys: &str, enroll: &str, tag: &str| format!("[scope]\nkeys = [{keys}]\n[scope.enroll]\n{enroll}\n{tag}");
    let (ours, tag) = (format!("{key:?}"), "[tag]\nkey = \"a\"\nvalue = \"b\"\n");
    let whole = format!("from = \"unmanaged_keys\"\nto = [{key:?}]");
    let enroll = parse(&text(&ours, &whole, tag)).expect("it is consistent").settings.scope.enroll;
    let to = [key.parse().expect("an OCID")].into();
    assert_eq!(enroll, Some(Enroll { from: EnrollFrom::UnmanagedKeys, to }));
    assert_eq!(parse(tag).expect("it is off").settings.scope.enroll, None);
    let hostile = "[tag]\nkey = \"a\"\nvalue = \"b' || lifecycleState = 'ACTIVE\"\n";
    for (text, start) in [
        (text(&ours, &whole, ""), "scope.enroll: there is no [tag]"),
        (text("", &whole, tag), "scope.enroll.to = ocid1.key.oc1.iad.x.y: the key is not in scope"),
        (text(&ours, &format!("to = [{key:?}]"), tag), "scope.enroll.from: it is missing"),
        (text(&ours, "from = \"anywhere\"", tag), "line 4: scope.enroll.from = \"anywhere\""),
        (text(&ours, &whole, hostile), "tag.value"),
    ] {
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem.contains(start)), "{start:?} in {found:#?}");
    }
}

#[test]
fn how_long_what_does_not_answer_is_asked_and_trusted_can_be_said() {
    let settings =
        parse("[limits]\nunreachable_after = 0\n[margins]\nscopes_age_max = \"1h\"\n").expect("fine").settings;
    assert_eq!((settings.budgets.unreachable_after, settings.margins.scopes_age_max), (0, Duration::from_secs(3600)));
}

#[test]
fn who_signs_is_the_profile_unless_said_otherwise() {
    assert_eq!(parse("").expect("defaults are fine").credentials, CredentialKind::Profile);
    for (text, kind) in [
        ("profile", CredentialKind::Profile),
        ("session_token", CredentialKind::SessionToken),
        ("instance_principal", CredentialKind::InstancePrincipal { metadata: None }),
        ("resource_principal", CredentialKind::ResourcePrincipal),
        ("workload_identity", CredentialKind::WorkloadIdentity(WorkloadAccess::default())),
    ] {
        let config = parse(&format!("[credentials]\nkind = {text:?}")).expect("a kind");
        assert_eq!((config.credentials.name(), &config.credentials), (text, &kind));
        let template = Template { credentials: kind.clone(), ..Template::default() };
        let again = parse(&template.render().replace("config_file = \"\"", "").replace("path = \"\"", ""));
        assert_eq!(again.expect("what init writes").credentials, kind);
    }
}

#[test]
fn what_another_kind_reads_is_told() {
    let found = problems(
        "[credentials]\nkind = \"instance\"\nmetadata = \"http://127.0.0.1:1\"\ntoken_file = \"t\"\nregion = \"Mars\"\nkeyfile = \"k\"",
    );
    let expected = [
        "line 2: credentials.kind = \"instance\": there is no such kind",
        "line 3: credentials.metadata = \"http://127.0.0.1:1\": it is read only with kind = \"instance_principal\", and kind is \"profile\"",
        "line 4: credentials.token_file = \"t\": it is read only with kind = \"workload_identity\"",
        "line 5: credentials.region = \"Mars\"",
        "line 6: credentials.keyfile: there is no such key",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for start in expected {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{start:?} in {found:#?}");
    }
}

#[test]
fn a_rehearsal_has_a_metadata_service_of_its_own_and_nobody_else_has() {
    const LAB: &str = "\n[endpoints.us-ashburn-1]\nbase = \"http://127.0.0.1:1\"";
    for (kind, key, good) in [
        ("instance_principal", "metadata", "http://127.0.0.1:2"),
        ("workload_identity", "proxymux", "https://127.0.0.1:2"),
    ] {
        let with = |base: &str| format!("[credentials]\nkind = {kind:?}\n{key} = {base:?}");
        assert!(problems(&with(good))[0].contains("rehearsals only"), "{kind}");
        assert!(parse(&format!("{}{LAB}", with(good))).is_ok(), "{kind}");
        for bad in ["http://169.254.169.254:80", "https://localhost:1", "127.0.0.1:1", "https://10.0.0.1:1"] {
            assert!(problems(&format!("{}{LAB}", with(bad)))[0].contains("loopback"), "{bad}");
        }
        let without = format!("[credentials]\nkind = {kind:?}{LAB}");
        assert!(problems(&without)[0].contains("must not sign with the credentials of a real tenancy"), "{kind}");
    }
}

#[test]
fn a_tag_that_could_end_the_quotes_of_a_query_is_refused_by_name() {
    for hostile in ["x' || lifecycleState = 'ACTIVE", "a\\\"b", "a\\\\b", "a\\nb", "`"] {
        for part in ["namespace", "key", "value"] {
            let all = ["namespace", "key", "value"].map(|name| {
                let value = if name == part { hostile } else { "fine" };
                format!("{name} = \"{value}\"\n")
            });
            let found = problems(&format!("[tag]\n{}", all.concat()));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(&format!("tag.{part}")) && found[0].contains("no escape"), "{found:?}");
        }
    }
}

#[test]
fn compartments_are_named_one_by_one_or_as_trees() {
    let text =
        "[scope]\ncompartments = [\"ocid1.compartment.oc1..a\"]\ncompartment_trees = [\"ocid1.tenancy.oc1..t\"]\n";
    let scope = parse(text).expect("both may stand").settings.scope;
    assert_eq!((scope.compartments.len(), scope.compartment_trees.len()), (1, 1));
    let found = problems("[scope]\ncompartment_trees = [\"ocid1.vault.oc1.iad.x.y\"]\n");
    assert!(found[0].starts_with("line 2: scope.compartment_trees[0]"), "{found:?}");
}

#[test]
fn where_keys_are_is_said_apart_from_what_they_protect() {
    let scope = parse("[scope]\nkey_compartments = [\"ocid1.compartment.oc1..k\"]\n")
        .expect("it may stand alone")
        .settings
        .scope;
    assert_eq!((scope.key_compartments.len(), scope.compartments.len()), (1, 0));
    let found = problems("[scope]\nkey_compartments = [\"ocid1.key.oc1.iad.x.y\"]\n");
    assert!(found[0].starts_with("line 2: scope.key_compartments[0]"), "{found:?}");
}

#[test]
fn metrics_need_a_place_and_a_namespace_that_monitoring_takes() {
    let place = "compartment = \"ocid1.compartment.oc1..a\"\nregion = \"us-ashburn-1\"\n";
    let config = parse(&format!("[metrics]\n{place}")).expect("the namespace has a default");
    assert_eq!(config.metrics.expect("it is named").namespace, "keywheel");
    assert_eq!(parse("").expect("nothing is asked for").metrics, None);
    for namespace in ["oci_keys", "Oracle_keys", "9keys", "my keys", "my-keys", ""] {
        let found = problems(&format!("[metrics]\nnamespace = \"{namespace}\"\n{place}"));
        assert!(found.len() == 1 && found[0].starts_with("line 2: metrics.namespace"), "{namespace}: {found:?}");
    }
    let found = problems("[metrics]\nnamespace = \"mine\"\n");
    assert!(found.iter().any(|p| p.contains("metrics.compartment: it is missing")), "{found:?}");
    assert!(found.iter().any(|p| p.contains("metrics.region: it is missing")), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn the_audit_log_is_asked_only_where_the_owner_says_so() {
    assert!(!parse("").expect("fine").reads_audit_events);
    let config = parse("[attribution]\naudit_events = true\n[margins]\naudit_lag = \"40m\"\n").expect("fine");
    assert!(config.reads_audit_events);
    assert_eq!(config.settings.margins.audit_lag, Duration::from_secs(2400));
    assert!(!config.settings.margins.is_shortened());
}
