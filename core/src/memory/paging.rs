//! Cutting listings into parts, with the habits of oci-api §1.5: opaque tokens, empty parts.
//!
//! A token names the last item shown and how many were; if that item has gone, the count says
//! where to go on, and something may be shown twice rather than left out.

use super::answer::{Listing, No, PageQuery};
use super::settings::WorldSettings;

/// Marks tokens of World's own making.
const MARK: &str = "w1~";

/// What a token says: so many items were shown, the last of them this one.
struct Place<'t> {
    shown: usize,
    last: &'t str,
}

fn place(token: &str) -> Result<Place<'_>, No> {
    let foreign = || No::invalid("the page token is not one of ours");
    let (shown, last) = token.strip_prefix(MARK).and_then(|rest| rest.split_once('~')).ok_or_else(foreign)?;
    Ok(Place { shown: shown.parse().map_err(|_| foreign())?, last })
}

/// One part of an ordered listing; `id` names an item, `show` makes what is listed of it.
pub(super) fn page_of<I, T>(
    settings: &WorldSettings,
    query: &PageQuery,
    items: impl Iterator<Item = I> + Clone,
    id: impl for<'a> Fn(&'a I) -> &'a str,
    show: impl Fn(I) -> T,
) -> Result<Listing<T>, No> {
    let from = match query.page.as_deref().map(place).transpose()? {
        None if settings.empty_pages => return Ok(Listing { items: Vec::new(), next: Some(format!("{MARK}0~")) }),
        None => 0,
        Some(Place { shown: 0, .. }) => 0,
        Some(Place { shown, last }) => items.clone().position(|item| id(&item) == last).map_or(shown - 1, |at| at + 1),
    };
    let limit = query.limit.unwrap_or(usize::MAX).min(settings.page_size).max(1);
    let mut rest = items.skip(from).peekable();
    let (mut part, mut last) = (Vec::new(), String::new());
    for item in rest.by_ref() {
        if part.len() + 1 < limit {
            part.push(show(item));
            continue;
        }
        last.push_str(id(&item));
        part.push(show(item));
        break;
    }
    let next = rest.peek().map(|_| format!("{MARK}{}~{last}", from + part.len()));
    Ok(Listing { items: part, next })
}
