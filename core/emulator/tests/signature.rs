//! The verifier against Oracle's published vectors, and against every way to tamper with a request.
//!
//! Pure: no socket, no clock. The signer used for the second half is this test's own.

mod common;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use common::signer::{Signer, sha256_base64};
use jiff::Timestamp;
use keywheel_emulator::users::Users;
use keywheel_emulator::verify::{BodyHeaders, Received, Refused, Verified, verify};

const TENANCY: &str = "ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq";
const USER: &str = "ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq";
// As published; the MD5 of the published key is another one.
const FINGERPRINT: &str = "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34";
const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----
";
// A Sunday, as the calendar has it.
const DATE: &str = "Thu, 05 Jan 2014 21:31:40 GMT";
const HOST: &str = "iaas.us-phoenix-1.oraclecloud.com";
const GET_TARGET: &str = "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa&displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q";
const GET_SIGNATURE: &str = "GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M=";
const POST_SIGNATURE: &str = "Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSXv0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso=";
const POST_BODY: &str = r#"{
    "compartmentId": "ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
}"#;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A request that a test may bend before it is verified.
#[derive(Clone)]
struct Request {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now: Timestamp,
    body_headers: BodyHeaders,
}

impl Request {
    fn new(method: Method, target: &str, body: &str, headers: &[(&str, &str)]) -> Self {
        Self {
            method,
            target: target.into(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: body.into(),
            now: "2014-01-05T21:31:40Z".parse().expect("an instant"),
            body_headers: BodyHeaders::ByMethod,
        }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        let header = self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.expect("the header to bend is there").1 = value.into();
        self
    }

    fn add(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known == name).expect("the header is there").1
    }

    fn bend_authorization(self, from: &str, to: &str) -> Self {
        let bent = self.header("authorization").replace(from, to);
        assert_ne!(bent, self.header("authorization"), "{from} is not in the Authorization header");
        self.set("authorization", &bent)
    }

    fn verify_by(&self, users: &Users) -> Result<Verified, Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
                HeaderValue::from_str(value).expect("a header value"),
            );
        }
        let received = Received { method: &self.method, target: &self.target, headers: &headers, body: &self.body };
        verify(received, users, self.now, FIVE_MINUTES, self.body_headers)
    }

    fn verify(&self) -> Result<Verified, Refused> {
        let users = Users::default();
        users.register_as(TENANCY, USER, FINGERPRINT, PUBLIC_PEM).expect("the published key is a public key");
        self.verify_by(&users)
    }

    #[track_caller]
    fn is_refused(&self, because: &str) {
        let refused = self.verify().expect_err("a tampered request must be refused");
        assert!(refused.0.contains(because), "refused, but because {:?}", refused.0);
    }
}

fn authorization(headers: &str, signature: &str) -> String {
    format!(
        r#"Signature version="1",headers="{headers}",keyId="{TENANCY}/{USER}/{FINGERPRINT}",algorithm="rsa-sha256",signature="{signature}""#
    )
}

fn published_get() -> Request {
    let authorization = authorization("date (request-target) host", GET_SIGNATURE);
    Request::new(Method::GET, GET_TARGET, "", &[("date", DATE), ("host", HOST), ("authorization", &authorization)])
}

fn published_post() -> Request {
    let names = "date (request-target) host content-length content-type x-content-sha256";
    let headers = [
        ("date", DATE),
        ("host", HOST),
        ("content-length", "316"),
        ("content-type", "application/json"),
        ("x-content-sha256", "V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0="),
        ("authorization", &authorization(names, POST_SIGNATURE)),
    ];
    Request::new(Method::POST, "/20160918/volumeAttachments", POST_BODY, &headers)
}

#[test]
fn the_published_get_verifies() {
    let verified = published_get().verify().expect("the published GET");
    assert_eq!((verified.key.tenancy.as_str(), verified.key.user.as_str()), (TENANCY, USER));
    assert_eq!(verified.date, "2014-01-05T21:31:40Z".parse().expect("an instant"));
}

#[test]
fn the_published_post_verifies() {
    published_post().verify().expect("the published POST");
}

#[test]
fn every_bent_part_of_a_get_is_refused() {
    let bent_target = Request { target: GET_TARGET.replace("TeamX", "TeamY"), ..published_get() };
    bent_target.is_refused("does not match");
    // The same query in another spelling is another request.
    let respelt = Request { target: GET_TARGET.replacen("%3A%20", "%3a%20", 1), ..published_get() };
    respelt.is_refused("does not match");
    Request { method: Method::DELETE, ..published_get() }.is_refused("does not match");
    published_get().set("host", "iaas.us-phoenix-1.oraclecloud.com:8080").is_refused("does not match");
    published_get().set("date", "Thu, 05 Jan 2014 21:31:41 GMT").is_refused("does not match");
    published_get().bend_authorization("GBas7", "GBas8").is_refused("does not match");
    published_get().bend_authorization("date (request-target) host", "host (request-target) date").is_refused("match");
}

#[test]
fn every_bent_part_of_a_post_is_refused() {
    let longer = Request { body: format!("{POST_BODY}\n").into(), ..published_post() };
    longer.is_refused("content-length");
    let same_length = Request { body: POST_BODY.replace("phx", "iad").into(), ..published_post() };
    same_length.is_refused("x-content-sha256");
    let hash = sha256_base64(&same_length.body);
    same_length.clone().set("x-content-sha256", &hash).is_refused("does not match");
    published_post().set("content-type", "text/plain").is_refused("does not match");
}

#[test]
fn the_parameters_of_the_signature_are_held_to_the_letter() {
    published_get().set("authorization", "Bearer x").is_refused("Signature");
    published_get().bend_authorization("version=\"1\"", "version=\"2\"").is_refused("version");
    published_get().bend_authorization("rsa-sha256", "hmac-sha256").is_refused("algorithm");
    published_get().bend_authorization(FINGERPRINT, &FINGERPRINT.replace("20:", "21:")).is_refused("keyId");
    published_get().bend_authorization("signature=\"", "signature=\"!").is_refused("base64");
    published_get().bend_authorization("version=\"1\"", "version=\"1\",version=\"1\"").is_refused("twice");
    published_get().bend_authorization("version=\"1\",", "").is_refused("no version");
    published_get().bend_authorization("version=\"1\",", "version=1,").is_refused("");
    let absent = Request { headers: published_get().headers[..2].to_vec(), ..published_get() };
    absent.is_refused("authorization");
}

#[test]
fn a_date_more_than_five_minutes_off_is_refused_either_way() {
    let at = |seconds: i64| {
        let now = published_get().now + jiff::SignedDuration::from_secs(seconds);
        Request { now, ..published_get() }
    };
    for seconds in [-300, 300] {
        at(seconds).verify().expect("five minutes are allowed");
    }
    for seconds in [-301, 301] {
        at(seconds).is_refused("away from the server's clock");
    }
    published_get().set("date", "yesterday").is_refused("not an HTTP date");
}

#[test]
fn a_header_that_comes_twice_is_refused() {
    published_get().add("host", "evil.example").is_refused("exactly one host");
    published_get().add("date", DATE).is_refused("exactly one date");
}

#[test]
fn whoever_leaves_a_required_header_unsigned_is_refused() {
    let (signer, users) = Signer::registered();
    let now = published_get().now;
    let all = ["date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256"];
    let sign = |method: Method, names: &[&str]| {
        let mut request = Request::new(method, "/n/ns/b/b", "{}", &[("date", DATE), ("host", HOST)]);
        request = request.add("content-length", "2").add("content-type", "application/json");
        request = request.add("x-content-sha256", &sha256_base64(b"{}"));
        let authorization = signer.authorization(&request.method, &request.target, &request.headers, names);
        Request { now, ..request }.add("authorization", &authorization)
    };
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        sign(method.clone(), &all).verify_by(&users).expect("all are signed");
        for left_out in 0..all.len() {
            let names: Vec<&str> = all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, n)| *n).collect();
            let refused = sign(method.clone(), &names).verify_by(&users).expect_err("one is left out");
            assert!(refused.0.contains(all[left_out]), "{method} without {}: {}", all[left_out], refused.0);
        }
    }
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        sign(method.clone(), &all[..3]).verify_by(&users).expect("three are enough");
        for left_out in 0..3 {
            let names: Vec<&str> = (0..3).filter(|at| *at != left_out).map(|at| all[at]).collect();
            sign(method.clone(), &names).verify_by(&users).expect_err("one of three is left out");
        }
    }
    let put_object = Request { body_headers: BodyHeaders::Optional, ..sign(Method::PUT, &all[..3]) };
    put_object.verify_by(&users).expect("PutObject signs no body headers");
}

#[test]
fn x_date_goes_before_date_and_must_be_the_signed_one() {
    let (signer, users) = Signer::registered();
    let get = |signed_date: &str, x_date: &str| {
        let request = Request::new(Method::GET, "/n", "", &[("date", DATE), ("x-date", x_date), ("host", HOST)]);
        // Names in mixed case, as the TypeScript SDK sends them.
        let names = [signed_date, "(request-target)", "Host"];
        let authorization = signer.authorization(&request.method, &request.target, &request.headers, &names);
        request.add("authorization", &authorization)
    };
    get("X-Date", DATE).verify_by(&users).expect("x-date is signed and on time");
    let refused = get("date", DATE).verify_by(&users).expect_err("the date that counts is not signed");
    assert!(refused.0.contains("x-date"), "{}", refused.0);
    let late = get("x-date", "Sun, 05 Jan 2014 22:31:40 GMT").verify_by(&users);
    assert!(late.expect_err("x-date is an hour off").0.contains("x-date is more than"));
}

#[test]
fn only_a_public_key_can_be_registered() {
    let users = Users::default();
    assert_eq!(users.register(TENANCY, USER, PUBLIC_PEM), Ok("73:61:a2:21:67:e0:df:be:7e:4b:93:1e:15:98:a5:b7".into()));
    assert!(users.register(TENANCY, USER, "-----BEGIN RSA PRIVATE KEY-----\n").is_err());
}
