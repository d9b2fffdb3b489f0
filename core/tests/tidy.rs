//! Tidy: the walls of the house, read from the source text.
//!
//! Arrows between the rooms of core, file heads and sizes, the glossary's words, healed copies.
//! Only checks that need no compiler live here; what clippy can see is in `clippy.toml`. Every
//! checker is shown a bad sample first, so that none of them can pass by being blind.
#![allow(clippy::disallowed_methods, reason = "`make heal` asks for healing through the environment")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Which room of `core/src` may name which others (design §4, "Arrows inside core"). A room may always name itself.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("error", &["model"]),
    ("ports", &["error", "model"]),
    ("rotation", &["error", "model", "safeguard"]),
    ("safeguard", &[]),
    ("journal", &["error", "model", "ports", "rotation"]),
    ("engine", &["error", "journal", "model", "ports", "rotation", "safeguard"]),
    ("compliance", &["error", "journal", "model", "rotation"]),
    ("memory", &["error", "model", "ports"]),
    ("adapters", &["error", "model", "ports"]),
    ("config", &["error", "model"]),
    ("rotator", &["compliance", "config", "engine", "error", "journal", "model", "ports", "rotation"]),
    ("compose", &["adapters", "config", "engine", "error", "memory", "model", "ports", "rotator"]),
    ("blocking", &["config", "engine", "error", "model", "ports", "rotator"]),
    (
        "testkit",
        &[
            "adapters",
            "blocking",
            "compliance",
            "config",
            "engine",
            "error",
            "journal",
            "memory",
            "model",
            "ports",
            "rotation",
            "rotator",
        ],
    ),
    (
        "lib",
        &[
            "adapters",
            "blocking",
            "compliance",
            "compose",
            "config",
            "engine",
            "error",
            "journal",
            "memory",
            "model",
            "ports",
            "rotation",
            "rotator",
            "testkit",
        ],
    ),
];

/// What a room's own tests may name besides: the fakes and the suites.
const TEST_EDGES: &[&str] = &["memory", "testkit"];

/// Names that `lib.rs` re-exports and every room that knows errors may say without the room.
const ROOT_ERROR_NAMES: &[&str] = &["Error", "ErrorKind", "Landed", "Result", "Retry"];

/// Rooms that stand on top of the house and may use its paved path.
const TOP_ROOMS: &[&str] = &["blocking", "compose", "lib", "rotator", "testkit"];

/// The glossary's "do not say" column, as far as a word alone is wrong wherever it stands.
/// In pieces, so that this file does not say them either.
const BANNED: &[(&[&str], &str)] = &[
    (&["C", "MK"], "key"),
    (&["M", "EK"], "key"),
    (&["K", "EK"], "key"),
    (&["old", " key"], "superseded version, or predecessor"),
    (&["old", "_key"], "superseded version, or predecessor"),
    (&["latest", " version"], "current version"),
    (&["latest", "_version"], "current version"),
    (&["sub-", "rotation"], "leg"),
    (&["commit", " point"], "pivot"),
];

/// The directories that only exist on somebody's machine.
const MACHINE_PATHS: &[&[&str]] = &[&["/wor", "k/"], &["/roo", "t/"], &["/Use", "rs/"], &["C:", "\\Users"]];

const LINES_MAX: usize = 600;

// ---------------------------------------------------------------------------------------------------------------
// A reader of Rust just good enough: comments and literals out, identifiers and punctuation in.

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Splits source into identifiers, `::` and single characters; comments, strings and lifetimes vanish.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            while i < chars.len() {
                if at(i) == '/' && at(i + 1) == '*' {
                    (depth, i) = (depth + 1, i + 2);
                } else if at(i) == '*' && at(i + 1) == '/' {
                    (depth, i) = (depth - 1, i + 2);
                    if depth == 0 {
                        break;
                    }
                } else {
                    i += 1;
                }
            }
        } else if let Some(end) = raw_string_end(&chars, i) {
            i = end;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else if is_word(c) {
            while is_word(at(i)) {
                i += 1;
            }
            out.push(Token { text: chars[start..i].iter().collect(), line });
        } else if c == ':' && at(i + 1) == ':' {
            i += 2;
            out.push(Token { text: "::".to_owned(), line });
        } else {
            i += 1;
            if !c.is_whitespace() {
                out.push(Token { text: c.to_string(), line });
            }
        }
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// Where a raw string that begins at `i` ends, if one does.
fn raw_string_end(chars: &[char], i: usize) -> Option<usize> {
    let before = i.checked_sub(1).and_then(|b| chars.get(b)).copied().unwrap_or(' ');
    if before.is_alphanumeric() || before == '_' {
        return None;
    }
    let mut j = i + usize::from(chars.get(i) == Some(&'b'));
    if chars.get(j) != Some(&'r') {
        return None;
    }
    j += 1;
    let hashes = chars[j..].iter().take_while(|c| **c == '#').count();
    if chars.get(j + hashes) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = j + hashes + 1;
    let length = chars[body..].windows(close.len()).position(|w| w == close.as_slice());
    Some(length.map_or(chars.len(), |l| body + l + close.len()))
}

// ---------------------------------------------------------------------------------------------------------------
// The checkers: text in, complaints out.

/// The module path of a file under `core/src`, such as `["adapters", "oci", "sign"]`; `["lib"]` for the front page.
///
/// `line_tests.rs` is the `tests` module of `line.rs`, in a file of its own.
fn module_path(relative: &str) -> Vec<String> {
    let stem = relative.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut path: Vec<_> = stem.split('/').map(str::to_owned).collect();
    if let Some(tested) = path.last().and_then(|last| last.strip_suffix("_tests")).map(str::to_owned) {
        path.pop();
        path.extend([tested, "tests".to_owned()]);
    }
    path
}

/// Complains about paths that leave their room where the table knows no arrow.
fn arrows(relative: &str, source: &str) -> Vec<String> {
    let path = module_path(relative);
    let room = path[0].as_str();
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{relative}: room `{room}` is not in the table of core/tests/tidy.rs")];
    };
    let is_test_file = path.iter().skip(1).any(|part| part == "tests");
    let tokens = tokens(source);
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let mut complaints = Vec::new();
    // One entry per open brace: is it an inline module, and are we inside test code there?
    let mut braces: Vec<(bool, bool)> = Vec::new();
    let mut test_attribute = false;
    for (i, token) in tokens.iter().enumerate() {
        let in_test = is_test_file || braces.last().is_some_and(|(_, test)| *test);
        match token.text.as_str() {
            "#" if ["[", "cfg", "(", "test", ")", "]"].iter().enumerate().all(|(k, w)| word(i + 1 + k) == *w) => {
                test_attribute = true;
            }
            "{" => {
                let is_module = i >= 2 && word(i - 2) == "mod";
                braces.push((is_module, in_test || (is_module && test_attribute)));
                test_attribute = false;
            }
            "}" => drop(braces.pop()),
            ";" => test_attribute = false,
            "super" if word(i + 1) == "::" && (i < 2 || word(i - 1) != "::" || word(i - 2) != "super") => {
                let steps = (0..).take_while(|k| word(i + 2 * k) == "super").count();
                let depth = path.len() + braces.iter().filter(|(module, _)| *module).count();
                if room != "lib" && steps >= depth {
                    complaints.push(format!("{relative}:{}: `super::` leaves the room `{room}`", token.line));
                }
            }
            "crate" if word(i + 1) == "::" => {
                for target in heads(&tokens, i + 2) {
                    if let Err(why) = arrow(room, allowed, &target, in_test) {
                        complaints.push(format!("{relative}:{}: {why}", token.line));
                    }
                }
            }
            _ => {}
        }
    }
    complaints
}

/// The first names after `crate::`: one, or each of a group.
fn heads(tokens: &[Token], start: usize) -> Vec<String> {
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    if word(start) != "{" {
        return vec![word(start).to_owned()];
    }
    let (mut heads, mut depth, mut expects_head) = (Vec::new(), 1, true);
    let mut i = start + 1;
    while i < tokens.len() && depth > 0 {
        match word(i) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expects_head = true,
            name if depth == 1 && expects_head => {
                heads.push(name.to_owned());
                expects_head = false;
            }
            _ => {}
        }
        i += 1;
    }
    heads
}

/// Whether `room` may say `crate::target`.
fn arrow(room: &str, allowed: &[&str], target: &str, in_test: bool) -> Result<(), String> {
    let target_room = if ROOT_ERROR_NAMES.contains(&target) { "error" } else { target };
    if target_room == room || allowed.contains(&target_room) || (in_test && TEST_EDGES.contains(&target_room)) {
        return Ok(());
    }
    if target.starts_with(char::is_uppercase) {
        let on_top = TOP_ROOMS.contains(&room);
        return if on_top { Ok(()) } else { Err(format!("`crate::{target}`: name the room it lives in")) };
    }
    Err(format!("the room `{room}` may not know `{target}` (design §4, \"Arrows inside core\")"))
}

/// Complains about a file without its opening paragraph, over the wall, or unfinished.
fn shape(relative: &str, source: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    // The front page opens with the README.
    if !source.starts_with("//! ") && !source.starts_with("#![doc = include_str!(") {
        complaints.push(format!("{relative}: does not open with `//!`: say what lives here and what must never"));
    }
    let lines = source.lines().count();
    if lines > LINES_MAX {
        complaints.push(format!("{relative}: {lines} lines; the wall is {LINES_MAX}"));
    }
    let tokens = tokens(source);
    for pair in tokens.windows(2) {
        if ["todo", "unimplemented"].contains(&pair[0].text.as_str()) && pair[1].text == "!" {
            complaints.push(format!("{relative}:{}: `{}!` is not finished", pair[0].line, pair[0].text));
        }
    }
    for (i, token) in tokens.iter().enumerate() {
        let is_allow = token.text == "allow" && i > 0 && ["[", ","].contains(&tokens[i - 1].text.as_str());
        if is_allow && tokens.get(i + 1).is_some_and(|t| t.text == "(") {
            let inside = tokens[i + 1..].iter().take_while(|t| t.text != ")");
            if !inside.into_iter().any(|t| t.text == "reason") {
                complaints.push(format!("{relative}:{}: `allow` without a reason", token.line));
            }
        }
    }
    complaints
}

/// Complains about words that the glossary replaces and paths of one machine, comments included.
fn words(relative: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (pieces, instead) in BANNED {
            let banned = pieces.concat();
            if holds_word(line, &banned) {
                complaints.push(format!("{relative}:{}: say {instead}, not `{banned}` (glossary)", number + 1));
            }
        }
        for path in MACHINE_PATHS {
            let path = path.concat();
            if line.contains(&path) {
                complaints.push(format!("{relative}:{}: `{path}` is a path of one machine", number + 1));
            }
        }
    }
    complaints
}

/// Whether `word` stands in `line` by itself; its case counts if it is written in capitals.
fn holds_word(line: &str, word: &str) -> bool {
    let folded = if word.chars().any(char::is_lowercase) { line.to_lowercase() } else { line.to_owned() };
    let is_part = |c: char| c.is_alphanumeric();
    folded.match_indices(word).any(|(start, found)| {
        let before = folded[..start].chars().next_back();
        let after = folded[start + found.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

// ---------------------------------------------------------------------------------------------------------------
// The house itself.

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("core stands in the workspace").to_owned()
}

/// Every file below `folder` with one of these endings, as paths relative to the root.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry.expect("a directory entry can be read").path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if !["target", "node_modules", ".venv", "__pycache__"].contains(&name.as_str()) {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative = path.strip_prefix(root()).expect("found below the root");
                let relative = relative.to_string_lossy().replace('\\', "/");
                found.push((relative, std::fs::read_to_string(&path).expect("text is UTF-8")));
            }
        }
    }
    found.sort();
    found
}

fn none(complaints: &[String]) {
    let mut text = String::new();
    for complaint in complaints {
        let _ = write!(text, "\n  {complaint}");
    }
    assert!(complaints.is_empty(), "{} complaints:{text}", complaints.len());
}

#[test]
fn every_path_in_core_follows_an_arrow_of_the_table() {
    let files = files("core/src", &[".rs"]);
    assert!(files.len() > 30, "only {} files found", files.len());
    let complaints: Vec<_> =
        files.iter().flat_map(|(path, source)| arrows(path.trim_start_matches("core/src/"), source)).collect();
    none(&complaints);
}

#[test]
fn every_rust_file_says_what_lives_there_and_stays_below_the_wall() {
    let complaints: Vec<_> = ["core", "bindings-node", "bindings-python", "examples", "fuzz"]
        .iter()
        .flat_map(|folder| files(folder, &[".rs"]))
        .flat_map(|(path, source)| shape(&path, &source))
        .collect();
    none(&complaints);
}

#[test]
fn code_and_docs_use_the_words_of_the_glossary() {
    let endings = [".rs", ".md", ".toml", ".py", ".pyi", ".mjs", ".cjs", ".ts"];
    let mut texts: Vec<_> = ["core", "bindings-node", "bindings-python", "examples", "fuzz"]
        .iter()
        .flat_map(|folder| files(folder, &endings))
        .collect();
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        texts.extend(std::fs::read_to_string(root().join(name)).ok().map(|text| (name.to_owned(), text)));
    }
    let complaints: Vec<_> = texts
        .iter()
        .filter(|(path, _)| path != "core/docs/glossary.md")
        .flat_map(|(path, text)| words(path, text))
        .collect();
    none(&complaints);
}

#[test]
fn healed_copies_are_what_they_are_copied_from() {
    for (source, copy) in [("README.md", "core/README.md")] {
        let (source_path, copy_path) = (root().join(source), root().join(copy));
        let wanted = std::fs::read_to_string(&source_path).ok();
        if wanted == std::fs::read_to_string(&copy_path).ok() {
            continue;
        }
        let wanted = wanted.unwrap_or_else(|| panic!("{copy} is a copy of {source}, which is missing"));
        assert!(std::env::var_os("KEYWHEEL_HEAL").is_some(), "{copy} is not {source}: run `make heal`");
        std::fs::write(&copy_path, wanted).expect("the copy can be written");
    }
}

/// What stands between two marks of a page.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let (head, rest) = text.split_once(begin)?;
    let (middle, tail) = rest.split_once(end)?;
    Some((head, middle, tail))
}

#[cfg(feature = "oci")]
#[test]
fn healed_table_of_permissions_is_what_the_operations_take() {
    let (begin, end) = ("<!-- healed: permissions -->\n", "<!-- /healed -->");
    let page = root().join("core/docs/permissions.md");
    let text = std::fs::read_to_string(&page).expect("the page is there");
    let (head, middle, tail) = between(&text, begin, end).expect("the marks are there");
    let wanted = keywheel::adapters::oci::iam::permission_table();
    if middle == wanted {
        return;
    }
    assert!(std::env::var_os("KEYWHEEL_HEAL").is_some(), "core/docs/permissions.md is stale: run `make heal`");
    std::fs::write(&page, format!("{head}{begin}{wanted}{end}{tail}")).expect("the page can be written");
}

// ---------------------------------------------------------------------------------------------------------------
// The checkers bite.

#[test]
fn no_text_holds_the_marks_of_an_unfinished_merge() {
    let is_mark = |line: &&str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let marked = |(path, text): &(String, String)| text.lines().find(is_mark).map(|line| format!("{path}: {line}"));
    let all: Vec<String> = files("", &[".md", ".py", ".rs", ".toml"]).iter().filter_map(marked).collect();
    none(&all);
}

#[test]
fn an_arrow_against_the_table_is_seen() {
    let seen = |path: &str, source: &str| !arrows(path, source).is_empty();
    assert!(seen("model/ids.rs", "use crate::error::Error;"));
    assert!(seen("model/ids.rs", "use crate::{error::Error, model::KeyId};"));
    assert!(seen("memory/world.rs", "fn f() { crate::adapters::system::now() }"));
    assert!(seen("memory/world.rs", "use crate::model::{self, Key};\nuse crate::{ports::Clock, engine};"));
    assert!(seen("rotation/decide.rs", "use crate::Rotator;"), "a name at the root hides its room");
    assert!(seen("testkit/lab.rs", "use crate::compose::connect;"));
    assert!(seen("cellar/mod.rs", ""), "a new room needs a row in the table");
    assert!(!seen("memory/world.rs", "use crate::{Error, Result};\nuse crate::ports::Clock;"));
    assert!(!seen("memory/world.rs", "// crate::engine\nconst S: &str = r#\"crate::engine\"#; /* crate::engine */"));
}

#[test]
fn only_test_code_may_name_the_suites() {
    let inside = "#[cfg(test)]\nmod tests { use crate::testkit::conformance; }";
    assert_eq!(arrows("adapters/sqlite/mod.rs", inside), Vec::<String>::new());
    assert_eq!(arrows("adapters/sqlite/tests.rs", "use crate::testkit::conformance;"), Vec::<String>::new());
    let after = format!("{inside}\nuse crate::testkit::conformance;");
    assert_eq!(arrows("adapters/sqlite/mod.rs", &after).len(), 1);
}

#[test]
fn super_out_of_a_room_is_seen() {
    let count = |path: &str, source: &str| arrows(path, source).len();
    assert_eq!(count("model/ids.rs", "use super::Timestamp;"), 0);
    assert_eq!(count("model/ids.rs", "use super::super::error::Error;"), 1);
    assert_eq!(count("model/ids_tests.rs", "use super::super::Key;"), 0);
    assert_eq!(count("model/ids_tests.rs", "use super::super::super::error::Error;"), 1);
    assert_eq!(count("model/mod.rs", "use super::error::Error;"), 1);
    assert_eq!(count("error.rs", "use super::model::Timestamp;"), 1);
    assert_eq!(count("error.rs", "mod tests { use super::*; }"), 0);
    assert_eq!(count("adapters/oci/sign.rs", "use super::super::layers::Retry;"), 0);
    assert_eq!(count("adapters/oci/sign.rs", "use super::super::super::engine::Drive;"), 1);
}

#[test]
fn a_file_without_a_head_or_over_the_wall_or_unfinished_is_seen() {
    assert_eq!(shape("a.rs", "//! Fine.\n"), Vec::<String>::new());
    assert_eq!(shape("lib.rs", "#![doc = include_str!(\"../README.md\")]\n"), Vec::<String>::new());
    assert_eq!(shape("a.rs", "use std::fmt;\n").len(), 1);
    assert_eq!(shape("a.rs", &format!("//! Long.\n{}", "\n".repeat(LINES_MAX))).len(), 1);
    assert_eq!(shape("a.rs", "//! Open.\nfn f() { todo!() }\nfn g() { unimplemented!() }\n").len(), 2);
    assert_eq!(shape("a.rs", "//! Open.\n// todo!()\n").len(), 0);
    assert_eq!(shape("a.rs", "//! Quiet.\n#[allow(dead_code)]\nfn f() {}\n").len(), 1);
    assert_eq!(shape("a.rs", "//! Quiet.\n#[allow(dead_code, reason = \"(why)\")]\nfn f() {}\n").len(), 0);
}

#[test]
fn a_banned_word_is_seen_and_a_part_of_a_word_is_not() {
    let count = |text: &str| words("a.md", text).len();
    for (pieces, _) in BANNED {
        assert_eq!(count(&format!("the {} here", pieces.concat())), 1, "{pieces:?}");
    }
    for pieces in MACHINE_PATHS {
        assert_eq!(count(&format!("see {}x", pieces.concat())), 1, "{pieces:?}");
    }
    assert_eq!(count("Old Keys"), 0);
    assert_eq!(count(&format!("Take the {}, please", ["Old", " key"].concat())), 1);
    assert_eq!(count("SEEKER and weeks, latest date, /workRequests/1"), 0);
}
