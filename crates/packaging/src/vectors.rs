//! Compares a built program, also one for another processor, with the known answers.

use std::collections::HashMap;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use host_tools::steps::root;

/// Runs the program for the plan of every row of `tests/vectors/known-answers.tsv`, and returns the
/// number of rows. `program` makes the command without its arguments.
///
/// # Errors
///
/// The program cannot be run, or an answer differs.
pub(crate) fn check(program: impl Fn() -> Command) -> anyhow::Result<usize> {
    let text = std::fs::read_to_string(root().join("tests/vectors/known-answers.tsv"))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("no rows")?.split('\t').collect();
    let mut rows = 0;
    for line in lines {
        let row: HashMap<&str, &str> = names.iter().copied().zip(line.split('\t')).collect();
        let mut ask = program();
        ask.args(["plan", "--json", "--layout", cell(&row, "layout")?]);
        let rule = cell(&row, "rule")?;
        if !rule.is_empty() {
            ask.args(["--rule", rule]);
        }
        let output = ask.arg(prefix(&row)?).output().with_context(|| format!("{ask:?}"))?;
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{ask:?}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let wrong = wrong(&row, &answer)?;
        ensure!(wrong.is_empty(), "{}: {line}: {answer}", wrong.join(", "));
        rows += 1;
    }
    ensure!(rows > 0, "no rows");
    Ok(rows)
}

fn cell<'row>(row: &HashMap<&str, &'row str>, name: &str) -> anyhow::Result<&'row str> {
    row.get(name).copied().with_context(|| format!("a row without {name}"))
}

/// Returns the prefix as a router would receive it.
fn prefix(row: &HashMap<&str, &str>) -> anyhow::Result<String> {
    let input = cell(row, "input")?;
    Ok(match cell(row, "input_kind")? {
        "pd56" => format!("{input}/56"),
        "pd60" => format!("{input}/60"),
        "ra64" if input.ends_with("::") => format!("{input}/64"),
        "ra64" => input.to_owned(),
        other => bail!("an input of kind {other}"),
    })
}

/// Returns the columns that differ from the answer.
fn wrong(row: &HashMap<&str, &str>, answer: &Value) -> anyhow::Result<Vec<&'static str>> {
    if cell(row, "note")?.contains("CE lies outside") {
        let refused = answer.pointer("/error/code") == Some(&json!("MAPE_NOT_FIRST_SUBNET"));
        return Ok(if refused { Vec::new() } else { vec!["error"] });
    }
    let at = |path: &str| answer.pointer(path).cloned().unwrap_or_default();
    let ranges = at("/port_ranges").as_array().cloned().unwrap_or_default();
    let range = |range: Option<&Value>| {
        let ends = |range: &Value| Some(format!("{}-{}", range.get(0)?, range.get(1)?));
        range.and_then(ends).unwrap_or_default()
    };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let got = [
        ("ipv4", text(at("/ipv4"))),
        ("psid", text(at("/psid"))),
        ("port_ranges", ranges.len().to_string()),
        ("first_range", range(ranges.first())),
        ("last_range", range(ranges.last())),
        ("ports_total", text(at("/port_count"))),
        ("ce", text(at("/ce"))),
        ("br", text(at("/br"))),
        ("layout", text(at("/rule/layout"))),
    ];
    let mut wrong = Vec::new();
    for (name, value) in got {
        if cell(row, name)? != value {
            wrong.push(name);
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_answer_is_noticed() {
        let right = json!({
            "ipv4": "192.0.2.18", "psid": 52, "port_ranges": [[1232, 1235], [2256, 2259]],
            "port_count": 8, "ce": "2001:db8::1", "br": "2001:db8::2", "rule": {"layout": "rfc7597"}
        });
        let row = HashMap::from([
            ("note", ""),
            ("ipv4", "192.0.2.18"),
            ("psid", "52"),
            ("port_ranges", "2"),
            ("first_range", "1232-1235"),
            ("last_range", "2256-2259"),
            ("ports_total", "8"),
            ("ce", "2001:db8::1"),
            ("br", "2001:db8::2"),
            ("layout", "rfc7597"),
        ]);
        assert!(wrong(&row, &right).unwrap().is_empty());
        for name in row.keys().copied().filter(|name| *name != "note") {
            let mut other = row.clone();
            other.insert(name, "x");
            assert_eq!(wrong(&other, &right).unwrap(), [name]);
        }
        let refused = HashMap::from([("note", "the CE lies outside the prefix")]);
        assert_eq!(wrong(&refused, &right).unwrap(), ["error"]);
        let error = json!({"error": {"code": "MAPE_NOT_FIRST_SUBNET"}});
        assert!(wrong(&refused, &error).unwrap().is_empty());
    }
}
