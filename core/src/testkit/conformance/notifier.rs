//! The promises of [`Notifier`].

use async_trait::async_trait;

use crate::model::LineHash;
use crate::ports::{Notice, Notifier, Severity};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait NotifierFixture: Send + Sync {
    /// The port.
    fn port(&self) -> &dyn Notifier;

    /// What the far end accepted so far, as it would be read there.
    async fn accepted(&self) -> Vec<String>;

    /// The far end will not accept the next notice. `false`: it cannot be made to.
    async fn refuse_next(&self) -> bool;
}

fn notice(key: &str) -> Notice {
    Notice {
        dedupe_key: key.to_owned(),
        severity: Severity::Warning,
        title: "rotation paused".to_owned(),
        body: "a person must look".to_owned(),
        rotation: None,
        chain_head: LineHash::genesis(),
    }
}

/// Promise 1: the dedupe key and the chain head are in what is sent, each time.
pub async fn a_notice_carries_its_dedupe_key(fixture: &dyn NotifierFixture) {
    let before = fixture.accepted().await.len();
    for _ in 0..2 {
        fixture.port().notify(&notice("r7/paused/3")).await.expect("a notice is accepted");
    }
    let accepted = fixture.accepted().await.split_off(before);
    assert_eq!(accepted.len(), 2, "at least once means that a repeated call sends again");
    for text in accepted {
        assert!(text.contains("r7/paused/3"), "{text}");
        assert!(text.contains(LineHash::genesis().as_str()), "{text}");
        assert!(text.contains("a person must look"), "{text}");
    }
}

/// Promise 2: `Ok` means accepted, and what was not accepted is no `Ok`.
pub async fn ok_means_accepted(fixture: &dyn NotifierFixture) {
    assert!(!fixture.port().name().is_empty());
    let before = fixture.accepted().await.len();
    let first = fixture.port().notify(&notice("ok-1")).await.expect("a notice is accepted").value;
    assert!(!first.is_empty(), "the service names what it accepted");
    assert_eq!(fixture.accepted().await.len(), before + 1);
    if fixture.refuse_next().await {
        fixture.port().notify(&notice("ok-2")).await.expect_err("the far end refused");
        assert_eq!(fixture.accepted().await.len(), before + 1);
    }
}
