//! A far end for tests: a loopback HTTP/1.1 server that counts connections, keeps every request, checks
//! every signature, and answers what it is told. Never compiled into anything else.
#![allow(clippy::disallowed_methods, reason = "a test server has tasks of its own")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, ClientSettings, Endpoints, Timeouts};
use crate::adapters::layers::RetryPolicy;
use crate::model::{Region, Timestamp};
use crate::ports::doubles::{MockClock, MockRandom};

pub(crate) const SERVER_DATE: &str = "Sun, 22 Nov 2026 19:04:31 GMT";

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub connection: usize,
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Seen {
    /// `GET /path?query`
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// Method and path without the query.
    pub(crate) fn call(&self) -> String {
        format!("{} {}", self.method, self.target.split('?').next().unwrap_or_default())
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// Answers: status, more headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection without a word.
    HangUp,
    /// Never answers.
    Silence,
}

pub(crate) fn ok(body: &str) -> Said {
    Said::Answer(200, Vec::new(), body.to_owned())
}

pub(crate) fn ok_with(headers: &[(&'static str, &str)], body: &str) -> Said {
    Said::Answer(200, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body.to_owned())
}

pub(crate) fn refused(status: u16, code: &str) -> Said {
    Said::Answer(status, Vec::new(), format!("{{\"code\":\"{code}\",\"message\":\"no\"}}"))
}

pub(crate) fn not_found() -> Said {
    refused(404, "NotAuthorizedOrNotFound")
}

type Script = dyn Fn(&Seen, usize) -> Said + Send + Sync;

/// A running far end.
pub(crate) struct FarEnd {
    pub base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FarEnd {
    /// Starts one; the script is asked per request with the number of requests before it.
    pub(crate) async fn start(script: impl Fn(&Seen, usize) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, connection, Arc::clone(&kept), Arc::clone(&script)));
            }
        });
        Self { base, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// Method and path of each request, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen().iter().map(Seen::call).collect()
    }

    /// How many requests began so.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|one| one.starts_with(call)).count()
    }

    /// A client whose home region `us-ashburn-1` is this far end.
    /// A client whose settings differ in something.
    pub(crate) fn client_with(&self, differ: impl FnOnce(&mut ClientSettings)) -> Arc<Client> {
        let mut settings = settings(Endpoints::production().with_override(ashburn(), &self.base).expect("loopback"));
        differ(&mut settings);
        client(settings)
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        client(settings(Endpoints::production().with_override(ashburn(), &self.base).expect("loopback")))
    }
}

pub(crate) fn ashburn() -> Region {
    Region::parse("us-ashburn-1").expect("a region")
}

pub(crate) fn phoenix() -> Region {
    Region::parse("us-phoenix-1").expect("a region")
}

/// Settings whose retries wait no time at all.
pub(crate) fn settings(endpoints: Endpoints) -> ClientSettings {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| Timestamp::UNIX_EPOCH);
    clock.expect_sleep_until().returning(|_| ());
    let mut random = MockRandom::new();
    random.expect_fill().returning(|bytes| bytes.fill(7));
    ClientSettings {
        endpoints,
        timeouts: Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_secs(5), ..Timeouts::default() },
        retry: RetryPolicy { attempts_max: 3, ..RetryPolicy::default() },
        clock: Arc::new(clock),
        random: Arc::new(random),
        ..ClientSettings::default()
    }
}

/// A client of the throw-away key.
pub(crate) fn client(mut settings: ClientSettings) -> Arc<Client> {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, key) = (folder.path().join("config"), folder.path().join("key.pem"));
    fs::write(&key, include_str!("credentials/fixtures/pkcs8.pem")).expect("written");
    let text = format!(
        "[DEFAULT]\nuser=ocid1.user.oc1..u\ntenancy=ocid1.tenancy.oc1..t\nregion=us-ashburn-1\nkey_file={}\n\
         fingerprint=26:7e:d8:bb:bb:ea:b6:5e:bc:56:5b:66:c0:8a:ee:b9\n",
        key.display()
    );
    fs::write(&config, text).expect("written");
    settings.config_file = Some(config);
    Client::from_config_file(settings).expect("a good profile")
}

async fn serve(mut stream: TcpStream, connection: usize, kept: Arc<Mutex<Vec<Seen>>>, script: Arc<Script>) {
    while let Some(seen) = read(&mut stream, connection).await {
        check_signature(&seen);
        let before = {
            let mut kept = kept.lock().expect("not poisoned");
            kept.push(seen.clone());
            kept.len() - 1
        };
        match script(&seen, before) {
            Said::HangUp => return,
            Said::Silence => std::future::pending().await,
            Said::Answer(status, headers, body) => {
                let mut head =
                    format!("HTTP/1.1 {status} X\r\ndate: {SERVER_DATE}\r\nopc-request-id: srv-{before}\r\n");
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                let text =
                    format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut TcpStream, connection: usize) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("headers are text");
    let mut lines = head.split("\r\n");
    let mut first = lines.next().expect("a request line").split(' ');
    let (method, target) = (first.next().expect("a method").to_owned(), first.next().expect("a target").to_owned());
    let mut headers = BTreeMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header");
        let twice = headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        assert!(twice.is_none(), "{name} was sent twice");
    }
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().expect("a length"));
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen { connection, method, target, headers, body: String::from_utf8(body).expect("bodies are text") })
}

/// Rebuilds the signing string from what came (oci-api §9.6), independently of `sign`.
fn check_signature(seen: &Seen) {
    let header = &seen.headers["authorization"];
    let param = |name: &str| -> &str {
        let from = header.split_once(&format!("{name}=\"")).expect("a parameter").1;
        from.split('"').next().expect("a value")
    };
    assert!(header.starts_with("Signature ") && param("version") == "1" && param("algorithm") == "rsa-sha256");
    let names: Vec<_> = param("headers").split(' ').collect();
    let needed: &[&str] = match seen.method.as_str() {
        "POST" => &["date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256"],
        "PUT" if !seen.target.starts_with("/n/") => {
            &["date", "(request-target)", "host", "content-length", "content-type", "x-content-sha256"]
        }
        _ => &["date", "(request-target)", "host"],
    };
    assert_eq!(names, needed, "{}", seen.line());
    let lines: Vec<_> = names
        .iter()
        .map(|name| match *name {
            "(request-target)" => format!("(request-target): {} {}", seen.method.to_lowercase(), seen.target),
            name => format!("{name}: {}", seen.headers[name]),
        })
        .collect();
    let public = pem::parse(include_str!("credentials/fixtures/public.pem")).expect("a public key");
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.contents());
    let signature = BASE64.decode(param("signature").as_bytes()).expect("base64");
    key.verify(lines.join("\n").as_bytes(), &signature).expect("the signature is good");
}
