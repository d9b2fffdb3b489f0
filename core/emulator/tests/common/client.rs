//! One request over one socket, signed by this test's own signer, bendable in every part.
#![allow(clippy::disallowed_methods, reason = "a client signs with the date of the wall")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use keywheel_emulator::OciConfig;
use serde_json::Value;

use super::signer::{Signer, sha256_base64};

/// Signs with one API key.
pub(crate) struct Client {
    signer: Signer,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Status and OCI's code.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().expect("an error body has a code").to_owned();
        (self.status, code)
    }
}

/// A request to be sent.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    signs_body: bool,
    pub(crate) date: Timestamp,
}

impl Ask {
    pub(crate) fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: Vec::new(), body: Vec::new(), signs_body: true, date: Timestamp::now() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends the body's headers unsigned, as official SDKs do for PutObject.
    pub(crate) fn unsigned_body(mut self) -> Self {
        self.signs_body = false;
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Client {
    pub(crate) fn new(config: &OciConfig) -> Self {
        Self { signer: Signer::from_config(config) }
    }

    #[track_caller]
    pub(crate) fn get(&self, url: String) -> RawAnswer {
        self.send(Ask::new(Method::GET, url)).expect("an answer")
    }

    #[track_caller]
    pub(crate) fn post(&self, url: String, body: &Value) -> RawAnswer {
        self.send(Ask::new(Method::POST, url).body(body.to_string())).expect("an answer")
    }

    /// Sends it; `None` if the connection breaks without a byte.
    pub(crate) fn send(&self, ask: Ask) -> Option<RawAnswer> {
        exchange(&self.signed(ask))
    }

    /// The bytes of a signed request and the address they go to.
    pub(crate) fn signed(&self, ask: Ask) -> Wired {
        let rest = ask.url.strip_prefix("http://").expect("a loopback URL");
        let (host, path) = rest.split_at(rest.find('/').expect("a path"));
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&ask.date).expect("a date");
        let mut headers = vec![("date".to_owned(), date), ("host".to_owned(), host.to_owned())];
        let mut names = vec!["date", "(request-target)", "host"];
        let has_body = matches!(ask.method, Method::POST | Method::PUT | Method::PATCH);
        if has_body {
            headers.push(("content-length".into(), ask.body.len().to_string()));
            headers.push(("content-type".into(), "application/json".into()));
        }
        if has_body && ask.signs_body {
            headers.push(("x-content-sha256".into(), sha256_base64(&ask.body)));
            names.extend(["content-length", "content-type", "x-content-sha256"]);
        }
        let authorization = self.signer.authorization(&ask.method, path, &headers, &names);
        headers.push(("authorization".into(), authorization));
        headers.push(("connection".into(), "close".into()));
        headers.extend(ask.headers);
        let mut head = format!("{} {path} HTTP/1.1\r\n", ask.method);
        for (name, value) in &headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut bytes = format!("{head}\r\n").into_bytes();
        bytes.extend(ask.body);
        Wired { host: host.to_owned(), bytes }
    }
}

/// A request as bytes.
pub(crate) struct Wired {
    pub(crate) host: String,
    pub(crate) bytes: Vec<u8>,
}

/// Sends bytes and reads the answer to its end.
pub(crate) fn exchange(wired: &Wired) -> Option<RawAnswer> {
    let mut stream = TcpStream::connect(&wired.host).expect("the emulator listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(&wired.bytes).expect("the request is taken");
    let mut answer = Vec::new();
    // A broken connection may end in a reset.
    let _ = stream.read_to_end(&mut answer);
    parse(&answer)
}

fn parse(answer: &[u8]) -> Option<RawAnswer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("an ASCII head");
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    if status == 100 {
        return parse(&answer[end + 4..]);
    }
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    Some(RawAnswer { status, headers, body: answer[end + 4..].to_vec() })
}
