//! Fuzzes writing a request: names chosen by somebody else go where they were meant to go, and what is signed is
//! what is sent.
//!
//! Input: the operation and the date as bytes, then texts for the place holders of its path, a query parameter and a
//! header, each ended by a zero byte; what is left is the body. The credentials sign by saying what they were asked
//! to sign, so the signing string is read out of the request and rebuilt from its headers as OCI would.
#![no_main]

use data_encoding::BASE64;
use keywheel::adapters::oci::fuzzing::{KEY_ID, request};
use keywheel::adapters::operation::Operation;
use keywheel::model::Timestamp;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;

fuzz_target!(|data: &[u8]| {
    let [which, days, rest @ ..] = data else { return };
    let operation = Operation::all()[usize::from(*which) % Operation::all().len()];
    let date = Timestamp::from_second(1_700_000_000 + 86_400 * i64::from(*days)).expect("within a year");
    let (texts, body) = rest.split_at(rest.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1));
    let Ok(texts) = std::str::from_utf8(texts) else { return };
    let texts: Vec<_> = texts.split_terminator('\0').collect();
    let Ok(wired) = request(operation, &texts, body, date) else { return };

    // It goes to the host and the operation that were meant, and the names come out as they went in.
    let path = wired.url.strip_prefix("https://service.us-ashburn-1.oraclecloud.com").expect("the host that was meant");
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let (template, sent): (Vec<_>, Vec<_>) = (operation.path().split('/').collect(), path.split('/').collect());
    assert_eq!(template.len(), sent.len(), "{path}");
    let mut names = texts.iter();
    for (meant, got) in template.iter().zip(&sent) {
        if meant.starts_with('{') {
            let got = percent_decode_str(got).decode_utf8().expect("UTF-8");
            assert_eq!(got, *names.next().unwrap_or(&"x"));
        } else {
            assert_eq!(meant, got);
        }
    }
    match (names.next(), query) {
        (Some(text), Some(query)) => {
            let value = query.strip_prefix("page=").expect("one parameter");
            assert!(!value.contains(['&', '#', '+', ' ']), "{query}");
            assert_eq!(percent_decode_str(value).decode_utf8().expect("UTF-8"), *text);
        }
        (given, query) => assert!(given.is_none() && query.is_none(), "{given:?} {query:?}"),
    }

    // What was signed is what is sent: rebuilt from the headers, line by line.
    let header = |name: &str| {
        let found: Vec<_> = wired.headers.iter().filter(|(known, _)| known == name).collect();
        assert_eq!(found.len(), 1, "{name} is sent once");
        found[0].1.as_str()
    };
    let parameter = |name: &str| {
        let from = header("authorization").split_once(&format!("{name}=\"")).expect("a parameter").1;
        from.split_once('"').expect("it ends").0
    };
    assert_eq!((parameter("version"), parameter("algorithm"), parameter("keyId")), ("1", "rsa-sha256", KEY_ID));
    let target = wired.url.strip_prefix("https://service.us-ashburn-1.oraclecloud.com").expect("as above");
    let lines: Vec<_> = parameter("headers")
        .split(' ')
        .map(|name| match name {
            "(request-target)" => format!("{name}: {} {target}", wired.method.to_lowercase()),
            name => format!("{name}: {}", header(name)),
        })
        .collect();
    let signed = BASE64.decode(parameter("signature").as_bytes()).expect("base64");
    assert_eq!(String::from_utf8(signed).expect("text"), lines.join("\n"));
    let covered = parameter("headers");
    for name in ["date", "(request-target)", "host"] {
        assert!(covered.split(' ').any(|one| one == name), "{name} is signed");
    }
    let is_put_object = operation == Operation::PutObject;
    let must_cover_body = matches!(wired.method.as_str(), "POST" | "PUT") && !is_put_object;
    for name in ["content-length", "content-type", "x-content-sha256"] {
        assert_eq!(covered.split(' ').any(|one| one == name), must_cover_body, "{name} of {}", operation.name());
    }
    if must_cover_body {
        assert_eq!(header("content-length"), body.len().to_string());
    }
});
