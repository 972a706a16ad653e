//! A text of `--help` as requests of the man macros.

use std::fmt::Write as _;

/// Turns a help text into the body of a section. Its first lines, the usage, become one block.
pub(crate) fn section(help: &str) -> String {
    let mut page = String::new();
    let depths = help.lines().map(indent).filter(|depth| *depth > 7);
    let usual = depths.min().unwrap_or_default();
    for block in help.trim_end().split("\n\n") {
        let lines: Vec<&str> = block.lines().collect();
        if block.starts_with("Usage: ") {
            literal(&mut page, &usage(&lines));
            continue;
        }
        // A block is a paragraph, a list, or a paragraph that introduces a list.
        let list_begins = lines.iter().position(|line| line.starts_with("  "));
        let (paragraph, list) = lines.split_at(list_begins.unwrap_or(lines.len()));
        let is_introduction = paragraph.last().is_some_and(|line| line.ends_with(':'));
        if !paragraph.is_empty() {
            page.push_str(".PP\n");
            filled(&mut page, paragraph);
        }
        if list.iter().any(|line| line.trim_start().starts_with("mape-proto ")) {
            let example = |line: &&str| line.strip_prefix("  ").unwrap_or(line).to_owned();
            literal(&mut page, &list.iter().map(example).collect::<Vec<_>>());
        } else if !list.is_empty() {
            entries(&mut page, list, is_introduction, usual);
        }
    }
    page.trim_start_matches(".PP\n").to_owned()
}

/// The lines of the usage without the word.
fn usage(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| line.get(7..).unwrap_or_default().to_owned()).collect()
}

/// Lines that are shown as they are.
fn literal(page: &mut String, lines: &[String]) {
    page.push_str(".PP\n.nf\n");
    for line in lines {
        let _ = writeln!(page, "{}", escaped(line));
    }
    page.push_str(".fi\n");
}

fn filled(page: &mut String, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(page, "{}", escaped(line.trim()));
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A list of names with descriptions. The descriptions begin where the continuation lines do; where
/// there are none, in the `usual` column of the text, or behind the first gap.
fn entries(page: &mut String, lines: &[&str], is_indented: bool, usual: usize) {
    let continued = lines.iter().map(|line| indent(line)).filter(|at| *at > 2).min();
    let column = continued.unwrap_or(if usual > 0 { usual } else { own_column(lines) });
    page.push_str(if is_indented { ".RS\n" } else { "" });
    let mut is_table = false;
    let mut before = "";
    for line in lines {
        let begins = indent(line) == 2;
        // A table within a description, or what it shows after a colon.
        let shown =
            indent(line) > column || line.trim_start().contains("  ") || before.ends_with(':');
        let table_goes_on = !begins && shown;
        if is_table != table_goes_on {
            page.push_str(if is_table { ".fi\n" } else { ".nf\n" });
        }
        is_table = table_goes_on;
        if begins {
            // Names that need two lines end the first with a comma.
            let is_second = indent(before) == 2 && before.ends_with(',');
            let (name, description) = if is_second { (*line, None) } else { divided(line, column) };
            let request = if is_second { ".TQ" } else { ".TP" };
            let _ = writeln!(page, "{request}\n.B {}", escaped(name.trim()));
            filled(page, &description.into_iter().collect::<Vec<_>>());
        } else if is_table {
            let _ = writeln!(page, "{}", escaped(line.get(column..).unwrap_or_default()));
        } else {
            filled(page, &[line]);
        }
        before = line;
    }
    page.push_str(if is_table { ".fi\n" } else { "" });
    page.push_str(if is_indented { ".RE\n" } else { "" });
}

/// Where the descriptions begin if each has one line: behind the first gap of the first line.
fn own_column(lines: &[&str]) -> usize {
    let line = lines.first().copied().unwrap_or_default();
    let name = line.trim_start().find("  ").unwrap_or_default();
    let gap = line.get(2 + name..).unwrap_or_default();
    2 + name + indent(gap)
}

/// Divides a line at its column. A name that reaches the column has no description on its line.
fn divided(line: &str, column: usize) -> (&str, Option<&str>) {
    let at = line.char_indices().nth(column).map(|(at, _)| at);
    match at.map(|at| line.split_at(at)) {
        Some((name, description)) if name.ends_with(' ') => (name, Some(description)),
        _ => (line, None),
    }
}

/// Text that means itself: a hyphen of an option is no soft hyphen, and a dot no request.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('…', "...");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
