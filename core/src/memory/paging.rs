//! Cutting listings into parts, with the habits of oci-api §1.5: opaque tokens, empty parts.
//!
//! A token names the last item shown, so items that come or go between two parts do no harm.

use super::answer::{Listing, No, PageQuery};
use super::settings::WorldSettings;

/// Marks tokens of World's own making.
const MARK: &str = "w1~";

/// One part of an ordered listing; `id` names an item, `show` makes what is listed of it.
pub(super) fn page_of<I, T>(
    settings: &WorldSettings,
    query: &PageQuery,
    items: impl Iterator<Item = I>,
    id: impl for<'a> Fn(&'a I) -> &'a str,
    show: impl Fn(I) -> T,
) -> Result<Listing<T>, No> {
    let after = match &query.page {
        None if settings.empty_pages => return Ok(Listing { items: Vec::new(), next: Some(MARK.to_owned()) }),
        None => "",
        Some(token) => token.strip_prefix(MARK).ok_or_else(|| No::invalid("the page token is not one of ours"))?,
    };
    let limit = query.limit.unwrap_or(usize::MAX).min(settings.page_size).max(1);
    let mut is_reached = after.is_empty();
    let mut shown = Vec::new();
    let mut last = String::new();
    for item in items {
        if !is_reached {
            is_reached = id(&item) == after;
            continue;
        }
        if shown.len() == limit {
            return Ok(Listing { items: shown, next: Some(format!("{MARK}{last}")) });
        }
        if shown.len() + 1 == limit {
            last = id(&item).to_owned();
        }
        shown.push(show(item));
    }
    if is_reached { Ok(Listing { items: shown, next: None }) } else { Err(No::invalid("the page token is stale")) }
}
