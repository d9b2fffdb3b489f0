//! A far end that answers next to nothing and keeps what arrived: method, path, query, body, conditions.
//!
//! Signatures are not looked at here; `signature.rs` and every test over the emulator do that.
#![allow(clippy::disallowed_methods, reason = "a test server has a thread of its own")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// The token of every second page: one that must be encoded.
const NEXT_PAGE: &str = "p2/+=&";

/// Keeps requests until it is dropped.
pub(crate) struct Recorder {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        Self::answering(None, None)
    }

    /// One whose listings all show the same and have no second page.
    pub(crate) fn listing(items: &Value) -> Self {
        Self::answering(None, Some(items.to_string()))
    }

    /// One that answers every call which is no listing with 200 and this body.
    pub(crate) fn with_body(body: &Value) -> Self {
        Self::answering(Some(body.to_string()), None)
    }

    fn answering(body: Option<String>, listed: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Kept before it is answered: whoever has the answer finds the request here.
                let keep = |request| kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                // The last connection is made by whoever drops the recorder and says nothing.
                if answer(stream, body.as_deref(), listed.as_deref(), keep).is_none() {
                    return;
                }
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What arrived, in order.
    pub(crate) fn seen(&self) -> Value {
        Value::Array(self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // The connection alone ends the thread.
        let _ = TcpStream::connect(self.address);
    }
}

/// Takes one request of a connection and answers it: a listing has a second page, everything else is not there.
fn answer(mut stream: TcpStream, known: Option<&str>, listed: Option<&str>, keep: impl FnOnce(Value)) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket has a second handle"));
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (decode(n), decode(v)));
    let query: BTreeMap<String, String> = pairs.collect();
    let is_first_page = query.contains_key("limit") && !query.contains_key("page");
    let (head, text) = match known {
        _ if is_first_page && listed.is_some() => ("200 OK".to_owned(), listed.unwrap_or_default()),
        _ if is_first_page => (format!("200 OK\r\nopc-next-page: {NEXT_PAGE}"), "[]"),
        Some(body) => ("200 OK".to_owned(), body),
        None => ("404 Not Found".to_owned(), r#"{"code":"NotAuthorizedOrNotFound","message":"none"}"#),
    };
    let answer = format!(
        "HTTP/1.1 {head}\r\ncontent-type: application/json\r\nopc-request-id: R1\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    );
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("a JSON body") };
    keep(json!({
        "method": method, "path": path, "query": query, "body": body,
        "if-match": headers.get("if-match"), "opc-retry-token": headers.get("opc-retry-token"),
    }));
    // Whoever asked may be gone; that ends nothing here.
    let _ = stream.write_all(answer.as_bytes());
    Some(())
}
