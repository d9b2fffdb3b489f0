//! A checkup for people: a table of verdicts, then what each rests on and what was seen.

use keywheel::model::{ASSUMPTIONS, CONNECTIVITY, Check, CheckVerdict, Checkup, PERMISSIONS, RIGHTS, Standing};

use super::escape::lines;
use super::{Colour, Output, tables};

/// The whole checkup.
pub(crate) fn text(checkup: &Checkup, output: &Output) -> String {
    let mut text = String::new();
    for section in &checkup.sections {
        let (value, title) = match section.name.as_str() {
            CONNECTIVITY => ("ANSWER", "ENDPOINT"),
            PERMISSIONS => ("PERMISSION", "CALL, AND WHAT IT IS NEEDED FOR"),
            RIGHTS => ("WHAT IT GIVES", "STATEMENT"),
            _ => ("VALUE", "WHAT IS ASSUMED"),
        };
        let mut table = tables::table(["", "VERDICT", value, title]);
        for check in &section.checks {
            table.add_row([check.id.as_str(), check.verdict.word(), &lines(&check.value), &lines(&check.title)]);
        }
        text += &format!("{}\n{}\n", section.name, table.trim_fmt());
        // Of the many endpoints and calls only those that are not as they should be have more to say.
        let is_many = matches!(section.name.as_str(), CONNECTIVITY | PERMISSIONS);
        let is_fine = |check: &&Check| matches!(check.verdict, CheckVerdict::Holds | CheckVerdict::SeenWorking);
        for check in section.checks.iter().filter(|check| !is_many || !is_fine(check)) {
            text += &details(check, output);
        }
        text.push('\n');
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
        CheckVerdict::Broken | CheckVerdict::Denied | CheckVerdict::TooBroad => {
            output.paint(Colour::Red, check.verdict.word())
        }
        CheckVerdict::Holds | CheckVerdict::SeenWorking => output.paint(Colour::Green, check.verdict.word()),
        _ => check.verdict.word().to_owned(),
    };
    let mut text = format!("\n{} {verdict}\n", check.id);
    let mut row = |name: &str, value: &str| text += &format!("  {name:<8} {}\n", lines(value));
    // Where a permission is documented goes without saying.
    let is_plain = check.verdict == CheckVerdict::Unknown && check.source.standing == Standing::Documented;
    if !(is_plain && check.id.starts_with('P')) {
        row("source", &format!("{}: {}", check.source.standing.word(), check.source.text));
    }
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
    let unknown = |name: &str| {
        let section = checkup.section(name).into_iter().flat_map(|section| &section.checks);
        section.filter(|check| check.verdict == CheckVerdict::Unknown).count()
    };
    let broad = match checkup.too_broad().count() {
        0 => String::new(),
        count => format!("; {count} statements allow more than is needed"),
    };
    if !broken.is_empty() {
        return output
            .paint(Colour::Red, &format!("\nBROKEN or DENIED: {}; see `next` above{broad}", broken.join(", ")));
    }
    let untested = match unknown(ASSUMPTIONS) {
        0 => String::new(),
        count => format!("; {count} not tested (`--live KEY` mints on a throw-away key to test them)"),
    };
    let rights = match unknown(PERMISSIONS) {
        0 => String::new(),
        count => format!("; whether {count} calls are allowed is not known"),
    };
    let text = format!("\nnothing that was seen contradicts an assumption{untested}{rights}{broad}");
    output.paint(if broad.is_empty() { Colour::Green } else { Colour::Yellow }, &text)
}
