//! A checkup for people: a table of verdicts, then what each rests on and what was seen.

use keywheel::model::{Check, CheckVerdict, Checkup};

use super::escape::lines;
use super::{Colour, Output, tables};

/// The whole checkup.
pub(crate) fn text(checkup: &Checkup, output: &Output) -> String {
    let mut text = String::new();
    for section in &checkup.sections {
        let mut table = tables::table(["", "VERDICT", "VALUE", "WHAT IS ASSUMED"]);
        for check in &section.checks {
            table.add_row([check.id.as_str(), check.verdict.word(), &lines(&check.value), &check.title]);
        }
        text += &format!("{}\n{}\n", section.name, table.trim_fmt());
        for check in &section.checks {
            text += &details(check, output);
        }
    }
    let rehearsal = match (checkup.is_test, checkup.is_shortened) {
        (true, _) => "TEST: a rehearsal on loopback endpoints; it proves nothing about a tenancy\n",
        (_, true) => "margins are shorter than production's\n",
        _ => "",
    };
    text + &output.paint(Colour::Dim, rehearsal) + &last_line(checkup, output)
}

fn details(check: &Check, output: &Output) -> String {
    let verdict = match check.verdict {
        CheckVerdict::Broken => output.paint(Colour::Red, check.verdict.word()),
        CheckVerdict::Holds => output.paint(Colour::Green, check.verdict.word()),
        _ => check.verdict.word().to_owned(),
    };
    let mut text = format!("\n{} {verdict}\n", check.id);
    let mut row = |name: &str, value: &str| text += &format!("  {name:<8} {}\n", lines(value));
    row("source", &format!("{}: {}", check.source.standing.word(), check.source.text));
    for seen in &check.seen {
        row("seen", seen);
    }
    if let Some(do_next) = &check.do_next {
        row("next", do_next);
    }
    text
}

fn last_line(checkup: &Checkup, output: &Output) -> String {
    let broken: Vec<_> = checkup.broken().map(|check| check.id.as_str()).collect();
    let untested = checkup.checks().filter(|check| check.verdict == CheckVerdict::Unknown).count();
    if !broken.is_empty() {
        return output.paint(Colour::Red, &format!("\nBROKEN: {}; see `next` above", broken.join(", ")));
    }
    let untested = match untested {
        0 => String::new(),
        count => format!("; {count} not tested (`--live KEY` mints on a throw-away key to test them)"),
    };
    output.paint(Colour::Green, &format!("\nnothing that was seen contradicts an assumption{untested}"))
}
