//! From World's answers to the ports': replies, pages, errors.
//!
//! The one place that decides what silence means to a port.

use super::answer::{Answer, Listing, Told};
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Cursor, Page, Reply};

/// World's answer as a port's reply; silence is a timeout that may have landed.
pub(super) fn reply<T>(operation: &'static str, told: Told<T>) -> Result<Reply<T>> {
    match told {
        Ok(Answer { value, etag, request_id, date }) => {
            Ok(Reply { value, etag, server_date: Some(date), request_id: Some(request_id) })
        }
        Err(refusal) if refusal.is_silence() => Err(Error::new(
            ErrorKind::Timeout,
            operation,
            "no answer; it may have taken effect, settle before retrying",
        )
        .may_have_landed()),
        Err(refusal) => Err(Error::from_service(operation, refusal.status, refusal.code, refusal.message)
            .answered(Some(refusal.date), Some(refusal.request_id))),
    }
}

/// World's part of a listing as a port's.
pub(super) fn page<T>(reply: Reply<Listing<T>>) -> Reply<Page<T>> {
    reply.map(|listing| Page { items: listing.items, next: listing.next.map(Cursor) })
}
