//! An import as text for people.

use std::fmt::{self, Write as _};

use mape_core::{ShellWord, Shown};
use mape_import::{Command, Import, Origin, Verdict};

use crate::cli::human;

/// `copy` is the directory with the files of another router, if they are the ones to change.
pub(super) fn import(import: &Import, applied: bool, copy: Option<&str>) -> String {
    let mut text = String::new();
    // Writing into a `String` cannot fail.
    let _ = write(&mut text, import, applied, copy);
    text
}

fn write(text: &mut String, import: &Import, applied: bool, copy: Option<&str>) -> fmt::Result {
    let Import { interface, changes, .. } = import;
    match (import.contract, import.origin) {
        (Some(_), Origin::Tunnel) => writeln!(text, "{interface}: a tunnel made by hand")?,
        (_, origin) => writeln!(text, "{interface}: {}", whose(origin))?,
    }
    if let Some(numbers) = numbers(import) {
        writeln!(text, "{numbers}")?;
    }
    if !changes.is_empty() {
        let tense = if applied { "What was changed" } else { "What would be changed" };
        commands(text, &format!("{tense}, and nothing else"), &changes.commands)?;
        commands(text, "What takes it back", &changes.undo)?;
    }
    differences(text, import)?;
    leftovers(text, import)?;
    for note in &import.notes {
        writeln!(text, "\nNote: {}.", Shown(note))?;
    }
    if let Some(plan) = &import.plan {
        let plan = human::plan(plan, "the section's options");
        write!(text, "\nThe plan of the new section:\n{plan}")?;
    }
    let root = copy.map_or_else(String::new, |root| format!(" --root {}", ShellWord::new(root)));
    match (changes.is_empty(), applied) {
        (true, _) => writeln!(text, "\nNothing has to be changed."),
        (false, true) if copy.is_some() => {
            writeln!(text, "\nNext step: `ifup {interface}` on the router that gets these files")
        }
        (false, true) => writeln!(text, "\nNext step: ifup {interface}"),
        (false, false) => writeln!(
            text,
            "\nNothing was changed. Next step: mape-proto import {interface} --apply{root}"
        ),
    }
}

const fn whose(origin: Origin) -> &'static str {
    match origin {
        Origin::Map => "a section of OpenWrt's map",
        Origin::Ours => "a section of proto mape already",
        Origin::OtherMape => "a section of another package's proto mape",
        Origin::Fleth => "a section of luci-app-fleth",
        Origin::Tunnel => "a tunnel made by hand, with the numbers of a MAP-E line",
    }
}

/// What becomes of the numbers, and why.
fn numbers(import: &Import) -> Option<String> {
    if let Some(provider) = import.contract {
        return Some(format!(
            "It is a contract with an IPv4 address of its own ({provider}): address and tunnel end of \
             the contract stay, the CE address is worked out."
        ));
    }
    Some(match import.table.as_ref() {
        Some(Verdict::Same { provider, other_layout }) => {
            let stay = if import.numbers_kept { "could go" } else { "are not needed" };
            let mut text = format!(
                "The built-in table ({provider}) gives the same plan for every prefix: the numbers \
                 {stay}."
            );
            if *other_layout {
                text += "\nBut their layout was not that of the provider, so that IPv4 cannot have \
                         worked: the CE address changes.";
            }
            text
        }
        Some(Verdict::Differs { provider, fields }) => format!(
            "The built-in table ({provider}) says something else ({}); the numbers stay. Check them.",
            fields.join(", ")
        ),
        Some(Verdict::Unknown) => {
            "The built-in table does not know these prefixes; the numbers stay.".to_owned()
        }
        None if import.plan.is_some() => {
            "The built-in table knows the line; no numbers are needed.".to_owned()
        }
        None => return None,
    })
}

fn commands(text: &mut String, title: &str, commands: &[Command]) -> fmt::Result {
    writeln!(text, "\n{title}:")?;
    for command in commands {
        writeln!(text, "  {}", Shown(&command.in_a_shell()))?;
    }
    writeln!(text, "  uci commit network")
}

fn differences(text: &mut String, import: &Import) -> fmt::Result {
    if import.differences.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nWhat is different:")?;
    for row in &import.differences {
        writeln!(text, "  {}\n    map:  {}\n    mape: {}", row.about, row.map, row.mape)?;
    }
    Ok(())
}

fn leftovers(text: &mut String, import: &Import) -> fmt::Result {
    for (number, leftover) in (1..).zip(&import.leftovers) {
        if number == 1 {
            writeln!(text, "\nWhat stands in the way:")?;
        }
        let (what, why) = (Shown(&leftover.what), Shown(&leftover.why));
        writeln!(text, "  {number}. {what}\n     {why}")?;
        for command in &leftover.remove {
            writeln!(text, "     remove: {}", Shown(command))?;
        }
    }
    Ok(())
}
