//! Durations as people write them: `90d`, `12h`, `1d12h`, `500ms`. Never a bare number.

use std::time::Duration;

/// Units from long to short, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration; the error says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |end| digits + end);
        let (number, unit) = (&rest[..digits], &rest[digits..unit_end]);
        if number.is_empty() {
            return Err("it is not a number with a unit".to_owned());
        }
        if unit.is_empty() {
            return Err("it has no unit".to_owned());
        }
        let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("{unit:?} is not a unit"));
        };
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*millis));
        total = part.and_then(|part| total.checked_add(part)).ok_or("it is too long")?;
        rest = &rest[unit_end..];
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration so that [`parse_duration`] reads it back, in at most two units where that is exact.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, millis) in &UNITS[1..] {
        if rest >= *millis {
            text.push_str(&format!("{}{name}", rest / millis));
            rest %= millis;
        }
    }
    text
}
