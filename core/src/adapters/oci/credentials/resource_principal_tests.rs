//! Variables as platforms set them, and as people get them wrong. Temporary folders only; no environment.

use std::collections::BTreeMap;
use std::fs;

use data_encoding::BASE64URL_NOPAD;
use futures_util::FutureExt as _;

use super::*;
use crate::adapters::oci::credentials::{Credentials, Refreshed};
use crate::ports::doubles::MockClock;

const PKCS8: &str = include_str!("fixtures/pkcs8.pem");

fn clock_at(text: &'static str) -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| text.parse().expect("a timestamp"));
    Arc::new(clock)
}

fn clock() -> Arc<dyn Clock> {
    clock_at("2026-11-22T19:00:00Z")
}

fn token(expiry: &str, name: &str) -> String {
    let exp = expiry.parse::<Timestamp>().expect("a timestamp").as_second();
    let payload = format!(
        "{{\"exp\":{exp},\"res_tenant\":\"ocid1.tenancy.oc1..t\",\"res_compartment\":\"ocid1.compartment.oc1..c\",\"jti\":\"{name}\"}}"
    );
    format!("aGVhZA.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes()))
}

fn alive() -> String {
    token("2026-11-22T19:15:00Z", "a")
}

fn load(variables: &[(&str, &str)]) -> Result<ResourcePrincipal> {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ResourcePrincipal::from_variables(|name| variables.get(name).cloned(), &*clock())
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("reading a file never waits")
}

fn key_id(credentials: &dyn Credentials) -> String {
    now(credentials.key_id()).expect("a key id")
}

#[test]
fn literals_sign_in_the_name_of_the_resource() {
    let token = alive();
    let principal = load(&[(VERSION, "2.2"), (RPST, &token), (PRIVATE_PEM, PKCS8), (REGION, "iad")]).expect("good");
    assert_eq!(principal.tenancy.as_str(), "ocid1.tenancy.oc1..t");
    assert_eq!(principal.compartment.as_ref().expect("claimed").as_str(), "ocid1.compartment.oc1..c");
    assert_eq!(principal.region.as_str(), "us-ashburn-1");
    let principal = principal.into_principal(clock());
    assert_eq!(key_id(&*principal.credentials), format!("ST${token}"));
    assert_eq!(now(principal.credentials.refresh()).expect("read"), Refreshed::Same);
}

#[test]
fn an_encrypted_key_is_opened_by_a_passphrase_or_the_file_with_one() {
    let (token, pem) = (alive(), include_str!("fixtures/pbes2.pem"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passphrase");
    fs::write(&file, "correct-horse\n").expect("written");
    for passphrase in ["correct-horse", file.to_str().expect("UTF-8")] {
        let variables =
            [(VERSION, "2.2"), (RPST, &*token), (PRIVATE_PEM, pem), (REGION, "iad"), (PASSPHRASE, passphrase)];
        load(&variables).expect("it opens");
    }
}

#[test]
fn files_that_the_platform_renews_are_read_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rpst, pem) = (folder.path().join("rpst"), folder.path().join("private.pem"));
    fs::write(&rpst, alive()).expect("written");
    fs::write(&pem, PKCS8).expect("written");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let variables = [(VERSION, "2.2"), (RPST, &*path(&rpst)), (PRIVATE_PEM, &*path(&pem)), (REGION, "us-ashburn-1")];
    let held = load(&variables).expect("good").into_principal(clock()).credentials;
    assert_eq!(key_id(&*held), format!("ST${}", alive()));
    // After a 401.
    let second = token("2026-11-22T19:30:00Z", "b");
    fs::write(&rpst, &second).expect("written");
    assert_eq!(now(held.refresh()).expect("read"), Refreshed::Renewed);
    assert_eq!(key_id(&*held), format!("ST${second}"));
    // Shortly before the end, without a 401.
    fs::write(&rpst, token("2026-11-22T19:59:00Z", "c")).expect("written");
    let later = load(&variables).expect("good").into_principal(clock_at("2026-11-22T19:58:30Z")).credentials;
    let third = key_id(&*later);
    // The platform wrote nothing new in time.
    let past = load(&variables).expect("good").into_principal(clock_at("2026-11-22T19:59:00Z")).credentials;
    let error = now(past.key_id()).expect_err("it has ended");
    assert!(error.to_string().contains("ended at 2026-11-22T19:59:00Z"), "{error}");
    assert!(!third.is_empty() && error.kind() == ErrorKind::Denied);
}

#[test]
fn all_problems_are_told_at_once_and_no_secret() {
    let error =
        load(&[(VERSION, "1.1"), (PRIVATE_PEM, "CANARY"), (RPST, "CANARY.CANARY.CANARY"), (REGION, "us-mars-1")])
            .expect_err("nothing is right");
    let text = format!("{error} {error:?}");
    for part in ["4 problems", "\"1.1\" is not supported", "neither a token nor", "not PEM", "us-mars-1"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("CANARY"), "{text}");
    let error = load(&[]).expect_err("nothing is there");
    assert!(error.to_string().contains("4 problems") && error.to_string().contains(REGION), "{error}");
    let ended = token("2026-11-22T18:00:00Z", "CANARY");
    let error = load(&[(VERSION, "2.2"), (RPST, &ended), (PRIVATE_PEM, PKCS8), (REGION, "iad")]).expect_err("ended");
    assert!(error.to_string().contains("cannot be renewed") && !error.to_string().contains(&ended), "{error}");
}
