//! What leaves the machine, how often, and what is said of it afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::credentials::Principal;
use super::super::loopback::{FarEnd, Said, ashburn, client, not_found, ok, ok_with, refused, settings};
use super::super::{ClientSettings, Endpoints};
use super::*;
use crate::model::{Etag, RetryToken};
use crate::{Landed, Retry};

fn mint(far: &FarEnd) -> Call {
    let endpoint = far.base.parse().expect("a URL");
    let date: Timestamp = "2026-11-22T19:04:30Z".parse().expect("a timestamp");
    Call::new(Operation::CreateKeyVersion, &ashburn())
        .at_vault(&endpoint)
        .param("keyId", "ocid1.key.oc1.iad.v.k")
        .fenced(&RetryToken::parse("token-1").expect("a token"), date)
}

fn read() -> Call {
    Call::new(Operation::GetNamespace, &ashburn())
}

fn assignment() -> Call {
    Call::new(Operation::UpdateBucket, &ashburn())
        .param("namespaceName", "ns")
        .param("bucketName", "b")
        .if_match(&Etag::parse("e1").expect("an etag"))
        .raw("{}")
}

#[tokio::test]
async fn a_mint_carries_its_journaled_date_token_and_body() {
    let far = FarEnd::start(|_, _| ok_with(&[("etag", "e9")], "{}")).await;
    let answer = far.client().send(&mint(&far).raw("{\"a\":1}")).await.expect("answered");
    let [seen] = far.seen().try_into().expect("exactly one request");
    assert_eq!(seen.line(), "POST /20180608/keys/ocid1.key.oc1.iad.v.k/keyVersions");
    assert_eq!(seen.headers["date"], "Sun, 22 Nov 2026 19:04:30 GMT");
    assert_eq!(seen.headers["opc-retry-token"], "token-1");
    assert_eq!(seen.body, "{\"a\":1}");
    assert!(seen.headers["host"].starts_with("127.0.0.1:"));
    assert_eq!(answer.witnesses.server_date, Some("2026-11-22T19:04:31Z".parse().expect("a timestamp")));
    assert_eq!(answer.witnesses.request_id.expect("an id").as_str(), "srv-0");
}

#[tokio::test]
async fn a_lost_answer_says_maybe_and_nothing_is_sent_again() {
    let far = FarEnd::start(|_, _| Said::HangUp).await;
    let error = far.client().send(&mint(&far)).await.expect_err("no answer");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, Landed::Maybe));
    assert_eq!(far.seen().len(), 1);
}

#[tokio::test]
async fn a_mint_is_sent_once_whatever_is_answered() {
    for (status, code, landed) in [
        (401, "NotAuthenticated", Landed::No),
        (409, "IncorrectState", Landed::No),
        (409, "InvalidatedRetryToken", Landed::Maybe),
        (429, "TooManyRequests", Landed::No),
        (500, "InternalServerError", Landed::Maybe),
        (503, "ServiceUnavailable", Landed::Maybe),
    ] {
        let far = FarEnd::start(move |_, _| refused(status, code)).await;
        let error = far.client().send(&mint(&far)).await.expect_err("refused");
        assert_eq!((error.status(), error.landed()), (Some(status), landed), "{code}");
        assert_eq!(far.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_mint_whose_answer_breaks_off_may_have_landed() {
    let far = FarEnd::start(|_, _| ok_with(&[("x-padding", "1\r\ntransfer-encoding: chunked")], "zz")).await;
    let error = far.client().send(&mint(&far)).await.expect_err("no whole answer");
    assert_eq!(error.landed(), Landed::Maybe);
    assert_eq!(far.seen().len(), 1);
}

#[tokio::test]
async fn a_silent_far_end_is_a_timeout_that_may_have_landed() {
    let far = FarEnd::start(|_, _| Said::Silence).await;
    let endpoints = Endpoints::production().with_override(ashburn(), &far.base).expect("loopback");
    let timeouts =
        Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_millis(100), ..Timeouts::default() };
    let client = client(ClientSettings { timeouts, ..settings(endpoints) });
    let error = client.send(&mint(&far)).await.expect_err("no answer");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Timeout, Landed::Maybe));
    assert_eq!(far.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let far = FarEnd::start(|_, _| Said::Answer(307, vec![("location", "/elsewhere".to_owned())], String::new())).await;
    let error = far.client().send(&mint(&far)).await.expect_err("a redirect is no answer");
    assert_eq!((error.status(), error.landed()), (Some(307), Landed::Maybe));
    assert_eq!(far.seen().len(), 1);
    far.client().send(&assignment()).await.expect_err("a redirect is no answer");
    assert_eq!(far.count("POST /elsewhere"), 0);
}

#[tokio::test]
async fn mints_have_connections_of_their_own_and_reads_share_one() {
    let far = FarEnd::start(|_, _| ok("\"ns\"")).await;
    let client = far.client();
    for _ in 0..3 {
        client.send(&read()).await.expect("answered");
    }
    for _ in 0..3 {
        client.send(&mint(&far)).await.expect("answered");
    }
    let connections = |method: &str| -> BTreeSet<usize> {
        far.seen().iter().filter(|seen| seen.method == method).map(|seen| seen.connection).collect()
    };
    assert_eq!((connections("GET").len(), connections("POST").len()), (1, 3));
    assert!(connections("GET").is_disjoint(&connections("POST")));
    assert_eq!(client.calls()[&Operation::CreateKeyVersion], 3);
}

#[tokio::test]
async fn a_read_is_retried_with_a_fresh_request_id() {
    let far = FarEnd::start(|_, before| match before {
        0 => Said::HangUp,
        1 => Said::Answer(429, vec![("retry-after", "2".to_owned())], String::new()),
        _ => ok("\"ns\""),
    })
    .await;
    far.client().send(&read()).await.expect("the third answer");
    let ids: BTreeSet<_> = far.seen().iter().map(|seen| seen.headers["opc-client-request-id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 32));
}

#[tokio::test]
async fn a_read_that_never_succeeds_is_exhausted_and_did_not_land() {
    let far = FarEnd::start(|_, _| refused(503, "ServiceUnavailable")).await;
    let error = far.client().send(&read()).await.expect_err("three refusals");
    assert_eq!((error.kind(), error.landed(), error.status()), (ErrorKind::Exhausted, Landed::No, Some(503)));
    assert_eq!(far.seen().len(), 3);
}

#[tokio::test]
async fn what_changes_something_is_not_retried() {
    let far = FarEnd::start(|_, _| refused(503, "ServiceUnavailable")).await;
    let error = far.client().send(&assignment()).await.expect_err("refused");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, Landed::Maybe));
    assert_eq!(far.seen().len(), 1);
}

#[tokio::test]
async fn an_unreachable_far_end_got_nothing() {
    let far = FarEnd::start(|_, _| ok("{}")).await;
    let (client, call) = (far.client(), mint(&far));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
    drop(listener);
    let error = client.send(&call.at_vault(&closed)).await.expect_err("nobody listens");
    assert_eq!((error.kind(), error.landed(), error.retry()), (ErrorKind::Unavailable, Landed::No, Retry::Later(None)));
}

#[tokio::test]
async fn an_api_key_is_not_tried_again_after_a_401() {
    let far = FarEnd::start(|_, _| refused(401, "NotAuthenticated")).await;
    let error = far.client().send(&read()).await.expect_err("refused");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Denied, Some(401)));
    assert_eq!(far.seen().len(), 1);
}

#[tokio::test]
async fn a_date_that_grew_old_on_the_way_is_renewed_once_and_a_mints_never() {
    let far = FarEnd::start(|seen, before| match (seen.method.as_str(), before) {
        ("GET", 0) | ("POST", _) => refused(401, "NotAuthenticated"),
        _ => ok("\"ns\""),
    })
    .await;
    let mut settings = settings(Endpoints::production().with_override(ashburn(), &far.base).expect("loopback"));
    settings.config_file = None;
    // Every answer comes too late.
    settings.timeouts.stale_after = Duration::ZERO;
    let plain = far.client();
    let principal = Principal { credentials: plain.credentials(), tenancy: plain.tenancy().clone(), region: ashburn() };
    let client = super::super::Client::with_principal(principal, settings);
    client.send(&read()).await.expect("the second answer");
    assert_eq!(far.count("GET"), 2);
    let error = client.send(&mint(&far)).await.expect_err("refused");
    assert_eq!((error.status(), far.count("POST")), (Some(401), 1), "a mint has one date, and the journal knows it");
    client.send(&assignment()).await.expect_err("refused twice");
    assert_eq!(far.count("POST"), 3, "a change that was refused is sent once more, under another date");
}

/// Credentials that are refused until they are refreshed.
struct Renewable(Arc<dyn Credentials>);

#[async_trait::async_trait]
impl Credentials for Renewable {
    async fn key_id(&self) -> Result<String> {
        self.0.key_id().await
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        self.0.sign(signing_string).await
    }

    async fn refresh(&self) -> Result<Refreshed> {
        Ok(Refreshed::Renewed)
    }
}

#[tokio::test]
async fn renewed_credentials_mend_a_read_but_never_resend_a_mint() {
    let far = FarEnd::start(|seen, before| match (seen.method.as_str(), before) {
        ("GET", 0) => refused(401, "NotAuthenticated"),
        ("GET", _) => ok("\"ns\""),
        _ => refused(401, "NotAuthenticated"),
    })
    .await;
    let plain = far.client();
    let mut settings = settings(Endpoints::production().with_override(ashburn(), &far.base).expect("loopback"));
    settings.config_file = None;
    let credentials = Arc::new(Renewable(plain.credentials()));
    let principal = Principal { credentials, tenancy: plain.tenancy().clone(), region: ashburn() };
    let client = super::super::Client::with_principal(principal, settings);
    client.send(&read()).await.expect("the second answer");
    assert_eq!(far.seen().len(), 2);
    let error = client.send(&mint(&far)).await.expect_err("refused");
    assert_eq!(far.count("POST"), 1);
    assert_eq!((error.landed(), error.retry()), (Landed::No, Retry::Later(None)), "another mint makes sense");
    let error = far.client().send(&mint(&far)).await.expect_err("refused");
    assert_eq!((error.landed(), error.retry()), (Landed::No, Retry::Never), "an API key cannot be renewed");
}

#[tokio::test]
async fn an_object_is_written_with_the_small_signature() {
    let far = FarEnd::start(|_, _| ok_with(&[("etag", "e1")], "")).await;
    let call = Call::new(Operation::PutObject, &ashburn())
        .param("namespaceName", "ns")
        .param("bucketName", "journal")
        .param("objectName", "r/abc/000")
        .header("if-none-match", "*")
        .raw("line");
    far.client().send(&call).await.expect("answered");
    let [seen] = far.seen().try_into().expect("exactly one request");
    assert_eq!((seen.line(), seen.body.as_str()), ("PUT /n/ns/b/journal/o/r%2Fabc%2F000".to_owned(), "line"));
    assert_eq!(seen.headers["if-none-match"], "*");
    assert!(!seen.headers.contains_key("x-content-sha256"));
}

#[tokio::test]
async fn a_404_keeps_its_witnesses() {
    let far = FarEnd::start(|_, _| not_found()).await;
    let error = far.client().send(&read()).await.expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.server_date(), Some("2026-11-22T19:04:31Z".parse().expect("a timestamp")));
    assert_eq!(error.request_id().expect("an id").as_str(), "srv-0");
}
