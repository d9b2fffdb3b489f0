//! Fuzzes the config: any text is a checked config or a list of problems, and the list repeats nothing that could
//! break a terminal.
//!
//! What is accepted is accepted again, and gives the same config: nothing of it depends on anything but the text.
#![no_main]

use std::path::Path;

use keywheel::config::{Config, Problems};
use keywheel::{Error, ErrorKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("/etc/keywheel/keywheel.toml");
    let read = || Config::parse(text, path, Some(Path::new("/home/me")));
    match read() {
        Ok(config) => {
            assert_eq!(config, read().expect("the same text"));
            assert!(config.journal.is_absolute(), "relative paths are relative to the file: {:?}", config.journal);
            assert!(config.oci.config_file.is_absolute(), "{:?}", config.oci.config_file);
            for base in config.endpoints.values() {
                assert!(base.starts_with("http://127.") || base.starts_with("http://["), "{base} is no loopback");
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Config);
            for problem in &problems(&error).problems {
                // What is missing at the end of a file is missing on the line after its last.
                let lines = text.lines().count() + 1;
                assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}");
                assert!(!problem.remedy.is_empty() && !problem.problem.is_empty(), "{problem:?}");
                let shown = problem.to_string();
                assert!(!shown.contains(['\u{1b}', '\0', '\u{7}', '\u{8}']), "{shown:?}");
            }
        }
    }
});

fn problems(error: &Error) -> &Problems {
    let source = std::error::Error::source(error).expect("a config error lists its problems");
    let problems = source.downcast_ref::<Problems>().expect("a config error lists its problems");
    assert!(!problems.problems.is_empty(), "refused without a problem: {error}");
    problems
}
