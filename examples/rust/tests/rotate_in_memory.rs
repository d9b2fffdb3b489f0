//! The example is run as it stands.

#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/rotate_in_memory.rs"]
mod example;

#[test]
fn it_completes_and_prints_the_same_every_time() {
    let report = example::rotate().expect("nothing goes wrong in memory");
    assert!(report.starts_with("5 dependents planned\n"), "{report}");
    assert!(report.contains("completed, clean"), "{report}");
    assert!(report.contains("5 rekeyed"), "{report}");
    assert_eq!(report, example::rotate().expect("nothing goes wrong in memory"));
}
