//! Durations and offsets as people read them; for sentences only.

use std::time::Duration;

use jiff::SignedDuration;

/// `100d 1h`, `23h`, `7m 30s`, `1.5s`, `0s`: the two largest units are enough.
pub(super) fn span(duration: Duration) -> String {
    let (secs, millis) = (duration.as_secs(), duration.subsec_millis());
    if secs < 60 {
        return if millis == 0 { format!("{secs}s") } else { format!("{}s", tenths(secs, millis)) };
    }
    let (days, hours) = if secs >= 48 * 3600 { (secs / 86_400, secs / 3600 % 24) } else { (0, secs / 3600) };
    let parts = [(days, "d"), (hours, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let words = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}"));
    words.take(2).collect::<Vec<_>>().join(" ")
}

fn tenths(secs: u64, millis: u32) -> String {
    format!("{secs}.{millis:03}").trim_end_matches('0').to_owned()
}

/// The same with a sign.
pub(super) fn offset(duration: SignedDuration) -> String {
    let sign = if duration.is_negative() { "-" } else { "+" };
    format!("{sign}{}", span(duration.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let spans = [
            (450_000, "7m 30s"),
            (82_800_000, "23h"),
            (8_644_805_000, "100d 1h"),
            (1_500, "1.5s"),
            (500, "0.5s"),
            (0, "0s"),
            (7_000, "7s"),
        ];
        for (millis, text) in spans {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
        assert_eq!(offset(SignedDuration::from_millis(-1_250)), "-1.25s");
    }
}
