//! The command line as a script sees it: exit codes, JSON lines, refusals that need no tenancy.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn keywheel(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywheel"));
    command.current_dir(dir).args(args).env("HOME", dir).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn json_lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn help_says_what_every_exit_code_means() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = keywheel(dir.path(), &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for word in ["Exit codes", "paused", "exceptions", "refused", "--json", "rotate", "resume"] {
        assert!(help.contains(word), "{word} in {help}");
    }
}

#[test]
fn a_missing_config_says_how_to_get_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = keywheel(dir.path(), &["due"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("keywheel init"), "{}", text(&output.stderr));
}

#[test]
fn a_bad_config_lists_all_its_problems() {
    let dir = tempfile::tempdir().expect("a folder");
    let bad =
        "[policy]\ncryptoperiod = \"1h\"\nmin_agee = \"1d\"\n[limits]\npage_size = 0\n[margins]\nprofile = \"lab\"\n";
    std::fs::write(dir.path().join("keywheel.toml"), bad).expect("a file");
    let output = keywheel(dir.path(), &["due"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for part in [
        "4 problems in keywheel.toml",
        "line 2: policy.cryptoperiod = \"1h\"",
        "line 3: policy.min_agee: there is no such key; did you mean \"min_age\"?",
        "line 5: limits.page_size = 0",
        "line 7: margins.profile = \"lab\"",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }

    let output = keywheel(dir.path(), &["due", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let lines = json_lines(&output);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["type"], "error");
    assert_eq!(lines[0]["landed"], "no");
    assert_eq!(lines[0]["problems"].as_array().map(Vec::len), Some(4));
}

#[test]
fn nothing_is_rotated_where_nobody_can_be_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = keywheel(dir.path(), &["rotate"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--yes"), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_word_is_a_usage_error() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(keywheel(dir.path(), &["rotat"]).status.code(), Some(2));
    assert_eq!(keywheel(dir.path(), &["plan", "my-key"]).status.code(), Some(2));
}

#[test]
fn policy_prints_statements_that_can_be_pasted_and_asks_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = "[scope]\nkinds = [\"bucket\"]\nkeys = [\"ocid1.key.oc1.iad.v.k\"]\nregions = [\"us-ashburn-1\"]\n\
                  key_compartments = [\"ocid1.compartment.oc1..k\"]\n";
    std::fs::write(dir.path().join("keywheel.toml"), config).expect("a file");
    let output = keywheel(dir.path(), &["policy", "--subject", "dynamic-group rotator"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let statements: Vec<&str> = printed.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(statements.iter().all(|line| line.starts_with("Allow ")), "{printed}");
    let mint = "Allow dynamic-group rotator to {KEY_ROTATE} in compartment id ocid1.compartment.oc1..k \
                where target.key.id = 'ocid1.key.oc1.iad.v.k'";
    let grant = "Allow service objectstorage-us-ashburn-1 to use keys in compartment id ocid1.compartment.oc1..k";
    for wanted in [mint, grant] {
        assert!(statements.contains(&wanted), "{wanted}: {printed}");
    }
    assert!(printed.contains("# UNVERIFIED: ") && printed.contains("# calls: reencrypt_bucket"), "{printed}");

    let output = keywheel(dir.path(), &["policy", "--json", "--keys-in", "ocid1.compartment.oc1..other"]);
    let lines = json_lines(&output);
    assert_eq!((lines.len(), &lines[0]["type"]), (1, &Value::from("policy")));
    let texts = lines[0]["statements"].as_array().expect("statements").iter();
    let texts: Vec<_> = texts.map(|one| one["text"].as_str().expect("a text")).collect();
    assert!(texts.iter().any(|text| text.contains("{KEY_ROTATE} in compartment id ocid1.compartment.oc1..other")));
    assert_eq!(keywheel(dir.path(), &["policy", "--subject", "rotator"]).status.code(), Some(2));
}

#[test]
fn init_does_not_replace_a_config() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("keywheel.toml"), "# mine\n").expect("a file");
    let output = keywheel(dir.path(), &["init"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stderr).contains("--force"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(dir.path().join("keywheel.toml")).expect("still there"), "# mine\n");
}

#[test]
fn init_without_credentials_writes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = keywheel(dir.path(), &["init"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(!dir.path().join("keywheel.toml").exists());
}

#[cfg(not(feature = "lab"))]
#[test]
fn a_release_build_has_no_lab() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(keywheel(dir.path(), &["demo"]).status.code(), Some(2));
    assert!(!text(&keywheel(dir.path(), &["--help"]).stdout).contains("emulate"));
}

/// Pieces of the paths of operations that keywheel must not be able to name (design §8).
#[cfg(not(feature = "lab"))]
const FORBIDDEN: [&str; 6] = [
    "exportKey",
    "generateDataEncryptionKey",
    "20180608/decrypt",
    "scheduleDeletion",
    "scheduleKeyDeletion",
    "secretbundles",
];

#[cfg(not(feature = "lab"))]
#[test]
fn a_release_build_contains_no_forbidden_path() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_keywheel")).expect("the program is a file");
    let contains = |text: &str| binary.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("actions/reencrypt"), "the scan sees the paths that are there");
    for path in FORBIDDEN {
        assert!(!contains(path), "{path} is in the binary");
    }
}

/// Every file of the program, in one text.
fn source(dir: &Path) -> String {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => source(&path),
        false => std::fs::read_to_string(&path).expect("a text"),
    };
    entries.map(read).collect()
}

#[test]
fn the_page_about_json_names_every_type_of_line_and_no_other() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let shown = source.split("show(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'));
    let mut written: BTreeSet<&str> = shown.map(|(kind, _)| kind).collect();
    written.insert("error");
    assert!(written.len() > 20 && written.contains("report"), "{written:?}");
    let page = include_str!("../../docs/json.md");
    let rows = page.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `type`"));
    let told: BTreeSet<&str> =
        rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2)).collect();
    assert_eq!(told, written);
}
