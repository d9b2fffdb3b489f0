//! Foreign text (display names, tags, service messages) made safe for a terminal.
//!
//! Whatever could move the cursor, change colours or reorder what is read is shown as an escape.

use std::fmt::{self, Write as _};

/// Text that somebody outside chose, shown harmlessly and at most this many characters long.
pub(crate) struct Foreign<'a>(pub(crate) &'a str);

const LENGTH_MAX: usize = 120;

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for (number, c) in self.0.chars().enumerate() {
            if number == LENGTH_MAX {
                shown.push('…');
                break;
            }
            push(&mut shown, c);
        }
        f.pad(&shown)
    }
}

/// What a person is told to do: of our own making or an adapter's, so it may be longer than a name, and is not cut short.
pub(crate) struct Advice<'a>(pub(crate) &'a str);

const ADVICE_MAX: usize = 1000;

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(ADVICE_MAX).try_for_each(|c| {
            let mut shown = String::new();
            push(&mut shown, c);
            f.write_str(&shown)
        })
    }
}

/// Several lines of our own making that embed foreign text: line breaks stay, the rest is escaped.
pub(crate) fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { shown.push(c) } else { push(&mut shown, c) }
    }
    shown
}

fn push(shown: &mut String, c: char) {
    if is_harmful(c) {
        let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
    } else {
        shown.push(c);
    }
}

/// Control characters, bidirectional controls, invisible joiners, separators, tags.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_or_turn_the_text_around() {
        let shown = Foreign("a\u{1b}[2Jb\u{202e}c\r\nd\u{200b}").to_string();
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}d\\u{200b}");
        assert_eq!(Foreign("Schlüssel für Köln 鍵").to_string(), "Schlüssel für Köln 鍵");
    }

    #[test]
    fn a_name_cannot_fill_the_screen() {
        assert_eq!(Foreign(&"x".repeat(10_000)).to_string().chars().count(), LENGTH_MAX + 1);
    }

    #[test]
    fn advice_is_told_whole_and_harmlessly() {
        assert_eq!(Advice(&"x".repeat(500)).to_string().len(), 500);
        assert_eq!(Advice(&"x".repeat(10_000)).to_string().len(), ADVICE_MAX);
        assert_eq!(Advice("a\nb\u{1b}").to_string(), "a\\u{a}b\\u{1b}");
    }

    #[test]
    fn our_own_line_breaks_stay() {
        assert_eq!(lines("a\nb\u{7}"), "a\nb\\u{7}");
    }
}
