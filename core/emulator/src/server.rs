//! The HTTP skin: one request in, signature checked, one answer out, or a connection that breaks.
//!
//! Knows no wire format of any service. What an operation means is `wire`'s business.
#![allow(clippy::disallowed_methods, reason = "a server has tasks of its own")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use keywheel::adapters::operation::Operation;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::asked::Asked;
use crate::endpoints::Endpoint;
use crate::errors::{Answered, Failure, HttpAnswer, HttpRefusal, REQUEST_ID};
use crate::federation;
use crate::metadata;
use crate::route::{Call, Routed, route};
use crate::shared::{ArrivedMint, Shared};
use crate::socket::{Breaker, Loopback};
use crate::verify::{BodyHeaders, Received, verify};
use crate::wire;

/// Bodies are small: the largest are objects of a journal.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    endpoint: Endpoint,
}

/// Serves one endpoint until `stop` says so.
pub(crate) fn serve(
    shared: Arc<Shared>,
    endpoint: Endpoint,
    listener: Loopback,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let router = Router::new().fallback(handle).with_state(Door { shared, endpoint });
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Breaker>();
        let stopped = async move {
            // A sender that is gone means the emulator is gone.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::warn!(%error, "an endpoint of the emulator stopped");
        }
    })
}

async fn handle(
    State(door): State<Door>,
    ConnectInfo(breaker): ConnectInfo<Breaker>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => answer(&door, &parts, &body),
        Err(_) => Err(HttpRefusal::new(413, "PayloadTooLarge", "the body is larger than the emulator takes").into()),
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(Failure::Refused(refusal)) => refusal.into_answer(),
        Err(Failure::HangUp) => {
            tracing::debug!(method = %parts.method, uri = %parts.uri, "hangs up");
            breaker.hang_up();
            return Response::new(Body::empty());
        }
    };
    tracing::debug!(method = %parts.method, uri = %parts.uri, status = answer.status.as_u16(), "answers");
    let closes = answer.status == StatusCode::TOO_MANY_REQUESTS && door.shared.closes_after_throttling;
    let answer = if closes { answer.with("connection", "close") } else { answer };
    witnessed(answer, &door, &parts.headers).into_response()
}

/// Adds what every answer carries: the request's name, with the client's own before it, and the date.
fn witnessed(mut answer: HttpAnswer, door: &Door, headers: &HeaderMap) -> HttpAnswer {
    let place = answer.headers.iter().position(|(name, _)| *name == REQUEST_ID);
    let service_id = place.map_or_else(|| door.shared.next_request_id(), |at| answer.headers.swap_remove(at).1);
    let id = match client_request_id(headers) {
        Some(client_id) => format!("{client_id}/{service_id}"),
        None => service_id,
    };
    // Object Storage sends the client's id back in a header of its own.
    let client_id = headers.get("opc-client-request-id").and_then(|id| id.to_str().ok());
    answer.with(REQUEST_ID, id).maybe("opc-client-request-id", client_id).with("date", door.shared.http_date())
}

fn answer(door: &Door, parts: &Parts, body: &[u8]) -> Answered {
    if let Endpoint::Metadata { region, instance } = &door.endpoint {
        return metadata::answer(&door.shared, region, instance, parts);
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    if federation::is_asked(&door.endpoint, parts) {
        let received = Received { method: &parts.method, target, headers: &parts.headers, body };
        return federation::answer(&door.shared, received);
    }
    let routed = route(door.endpoint.port_kind(), parts.method.as_str(), parts.uri.path());
    if matches!(&routed, Routed::Found(Call::Table(Operation::CreateKey | Operation::CreateKeyVersion), _)) {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let path = parts.uri.path().to_owned();
        door.shared.arrived(ArrivedMint { path, token: header("opc-retry-token"), date: header("date") });
    }
    let body_headers = match routed {
        Routed::Found(Call::Table(Operation::PutObject), _) => BodyHeaders::Optional,
        _ => BodyHeaders::ByMethod,
    };
    let received = Received { method: &parts.method, target, headers: &parts.headers, body };
    let skew: Duration = door.shared.skew_limit();
    let verified = verify(received, &door.shared.users, door.shared.now(), skew, body_headers)
        .and_then(federation::refuse_certificates)
        .map_err(|refused| HttpRefusal::new(401, "NotAuthenticated", refused.0))?;
    match routed {
        Routed::Found(call, parameters) => {
            let asked = Asked::new(&door.endpoint, &verified.key.user, verified.date, parameters, parts, body)?;
            let answer = wire::answer(&door.shared, call, &asked)?;
            if let (Call::Table(operation), true) = (call, answer.status.is_success()) {
                door.shared.answered_well(&verified.key.user, operation);
            }
            Ok(answer)
        }
        Routed::OtherMethod => {
            Err(HttpRefusal::new(405, "MethodNotAllowed", format!("{} is not allowed here", parts.method)).into())
        }
        Routed::Nothing => Err(HttpRefusal::new(404, "NotFound", "no such operation on this endpoint").into()),
    }
}

/// The client's own id up to its first slash, if it is sound; a wrong one is dropped rather than refused.
fn client_request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?.split('/').next()?;
    let is_sound = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    is_sound.then_some(id)
}
