//! Prometheus's text exposition format 0.0.4, for a scrape or for node_exporter's textfile collector.
//!
//! Samples carry no timestamp: the textfile collector refuses a file in which one does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::METRICS;
use crate::model::Metric;

/// What every name begins with.
const PREFIX: &str = "keywheel_";

/// Metrics as text: `# HELP`, `# TYPE` and samples, name by name, each ending with a line feed.
///
/// Of two metrics with the same name and dimensions the later counts, since Prometheus refuses both. Characters that
/// a name must not have become underscores.
#[must_use]
pub fn render_prometheus(metrics: &[Metric]) -> String {
    let mut families: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for metric in metrics {
        families.entry(name(&metric.name)).or_default().insert(labels(&metric.dimensions), metric.value);
    }
    let mut text = String::new();
    for (family, samples) in families {
        let definition = METRICS.iter().find(|definition| definition.name == family);
        if let Some(definition) = definition {
            let help = definition.help.replace('\\', "\\\\").replace('\n', "\\n");
            line(&mut text, format_args!("# HELP {PREFIX}{family} {help}"));
        }
        line(&mut text, format_args!("# TYPE {PREFIX}{family} gauge"));
        for (labels, value) in samples {
            line(&mut text, format_args!("{PREFIX}{family}{labels} {}", number(value)));
        }
    }
    text
}

fn line(text: &mut String, written: std::fmt::Arguments<'_>) {
    writeln!(text, "{written}").expect("a string takes everything");
}

fn labels(dimensions: &BTreeMap<String, String>) -> String {
    let mut pairs: Vec<String> = Vec::new();
    for (key, value) in dimensions {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        pairs.push(format!("{}=\"{value}\"", name(key)));
    }
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn name(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = text.chars().map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { name } else { format!("_{name}") }
}

fn number(value: f64) -> String {
    if value.is_infinite() { if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MetricUnit, Timestamp};

    fn metric(name: &str, dimensions: &[(&str, &str)], value: f64) -> Metric {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let dimensions = dimensions.iter().map(own).collect();
        Metric { name: name.to_owned(), unit: MetricUnit::Count, dimensions, value, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_family_is_told_once_and_its_samples_stand_together() {
        let text = render_prometheus(&[
            metric("keys", &[("state", "due")], 2.0),
            metric("rotations_open", &[], 1.5),
            metric("keys", &[("state", "behind")], 0.0),
        ]);
        let expected = "\
# HELP keywheel_keys Keys in scope by what is owed to them; a state without keys is 0.
# TYPE keywheel_keys gauge
keywheel_keys{state=\"behind\"} 0
keywheel_keys{state=\"due\"} 2
# HELP keywheel_rotations_open Rotations that are open, paused ones included.
# TYPE keywheel_rotations_open gauge
keywheel_rotations_open 1.5
";
        assert_eq!(text, expected);
    }

    #[test]
    fn hostile_text_stays_within_its_quotes() {
        let text = render_prometheus(&[metric("x", &[("name", "a\"} 1\nup{b=\"\\")], 1.0)]);
        assert_eq!(text, "# TYPE keywheel_x gauge\nkeywheel_x{name=\"a\\\"} 1\\nup{b=\\\"\\\\\"} 1\n");
    }

    #[test]
    fn two_of_one_name_and_dimensions_are_one_sample() {
        assert_eq!(render_prometheus(&[metric("x", &[], 1.0), metric("x", &[], 2.0)]).lines().count(), 2);
    }

    #[test]
    fn what_no_name_may_hold_becomes_an_underscore() {
        let text = render_prometheus(&[metric("9 a.b", &[("ü-x", "v")], f64::INFINITY)]);
        assert_eq!(text, "# TYPE keywheel__9_a_b gauge\nkeywheel__9_a_b{__x=\"v\"} +Inf\n");
    }
}
