//! The report that the demonstration prints.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::picture::{Block, draw};

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const CYAN: &str = "36";

/// The width of a step's name, in columns.
const NAME: usize = 34;

/// The number of console lines that are shown after a failure.
const KEPT: usize = 25;

/// Prints the events of `tests/vm/demo.sh` when they arrive.
pub(super) struct Report<W> {
    out: W,
    /// Whether a line may be drawn again.
    terminal: bool,
    colours: bool,
    step: Option<(String, Instant)>,
    want: usize,
    blocks: Vec<Block>,
    lines: Vec<String>,
    table: Vec<(String, Vec<String>)>,
    failed: usize,
    passed: usize,
    kernel: String,
    console: VecDeque<String>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W, terminal: bool, colours: bool) -> Self {
        Self {
            out,
            terminal,
            colours,
            step: None,
            want: 0,
            blocks: Vec::new(),
            lines: Vec::new(),
            table: Vec::new(),
            failed: 0,
            passed: 0,
            kernel: String::new(),
            console: VecDeque::new(),
        }
    }

    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint(BOLD, text);
        writeln!(self.out, "{text}\n")
    }

    /// Begins a step. On a terminal it is shown at once.
    pub(super) fn step(&mut self, name: &str) -> io::Result<()> {
        self.step = Some((name.to_owned(), Instant::now()));
        self.want = 0;
        self.transient("")
    }

    /// Ends the step with success.
    pub(super) fn passed(&mut self, text: &str) -> io::Result<()> {
        self.passed += 1;
        self.end(GREEN, "✓", text)
    }

    fn failed(&mut self, text: &str) -> io::Result<()> {
        self.failed += 1;
        self.end(RED, "✗", text)
    }

    /// Reads one line of the VM's console: an event, a progress, or other output, which is shown
    /// after a failure.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        if let Some(up) = line.strip_prefix("progress ").and_then(|up| up.parse().ok()) {
            return self.progress(up);
        }
        let Some(event) = line.strip_prefix('@') else {
            if self.console.len() == KEPT {
                self.console.pop_front();
            }
            self.console.push_back(line.to_owned());
            return Ok(());
        };
        let (kind, text) = event.split_once(' ').unwrap_or((event, ""));
        match kind {
            "kernel" => {
                text.clone_into(&mut self.kernel);
                self.passed(&format!("Linux {text}"))?;
            }
            "line" => {
                let name = match text {
                    "v6plus" => "v6 Plus",
                    "ocn" => "OCN Virtual Connect",
                    other => other,
                };
                self.lines.push(name.to_owned());
                let name = self.paint(BOLD, name);
                writeln!(self.out, "\n{name}")?;
            }
            "step" => self.step(text)?,
            "ok" => self.passed(text)?,
            "fail" => self.failed(text)?,
            "show" => {
                let text = self.paint(DIM, text.trim_end());
                writeln!(self.out, "      {text}")?;
            }
            "want" => self.want = text.parse().unwrap_or(0),
            "ranges" => self.blocks = Block::list(text),
            "ports" => self.ports(text)?,
            "sum" => self.sum(text),
            _ => {}
        }
        Ok(())
    }

    fn progress(&mut self, up: usize) -> io::Result<()> {
        const CELLS: usize = 24;
        let want = self.want.max(1);
        let full = (up * CELLS / want).min(CELLS);
        let bar = self.paint(CYAN, &"█".repeat(full));
        self.transient(&format!("{bar}{} {up} of {want}", "░".repeat(CELLS - full)))
    }

    /// Shows the running step on the last line, to be overwritten.
    fn transient(&mut self, text: &str) -> io::Result<()> {
        if let (true, Some((name, _))) = (self.terminal, &self.step) {
            write!(self.out, "\r\x1b[2K  … {name:<NAME$} {text}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn end(&mut self, colour: &str, mark: &str, text: &str) -> io::Result<()> {
        let Some((name, started)) = self.step.take() else {
            return Ok(());
        };
        if self.terminal {
            write!(self.out, "\r\x1b[2K")?;
        }
        let mark = self.paint(colour, mark);
        let seconds = started.elapsed().as_secs();
        let time =
            if seconds > 0 { self.paint(DIM, &format!("  ({seconds} s)")) } else { String::new() };
        writeln!(self.out, "  {mark} {name:<NAME$} {text}{time}")?;
        self.out.flush()
    }

    fn ports(&mut self, json: &str) -> io::Result<()> {
        let report: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
        let ports = report.get("ports").and_then(serde_json::Value::as_array);
        let ports = ports.into_iter().flatten().filter_map(serde_json::Value::as_u64);
        let used: BTreeSet<u16> = ports.filter_map(|port| u16::try_from(port).ok()).collect();
        for text in draw(&self.blocks, &used) {
            let text = self.paint(CYAN, &text);
            writeln!(self.out, "      {text}")?;
        }
        Ok(())
    }

    /// Adds a cell of the last table: `NAME|VALUE` of the current line.
    fn sum(&mut self, text: &str) {
        let (name, value) = text.split_once('|').unwrap_or((text, ""));
        let found = self.table.iter().position(|row| row.0 == name);
        let index = found.unwrap_or_else(|| {
            self.table.push((name.to_owned(), Vec::new()));
            self.table.len() - 1
        });
        if let Some((_, cells)) = self.table.get_mut(index) {
            cells.resize(self.lines.len(), String::new());
            if let Some(cell) = cells.last_mut() {
                value.clone_into(cell);
            }
        }
    }

    /// Prints the table and returns whether everything passed. `status` is the exit status of the
    /// script.
    pub(super) fn finish(&mut self, status: i32, taken: Duration) -> io::Result<bool> {
        let ended = status == 0 && self.failed == 0;
        if !ended && self.step.is_some() {
            self.failed("the script broke off")?;
        }
        writeln!(self.out)?;
        let heading = self.paint(BOLD, &row("", &self.lines));
        writeln!(self.out, "  {heading}")?;
        for (name, cells) in &self.table {
            writeln!(self.out, "  {}", row(name, cells))?;
        }
        writeln!(self.out)?;
        if ended {
            let (passed, kernel) = (self.passed, &self.kernel);
            let text = format!("all {passed} steps passed on Linux {kernel} in {}", minutes(taken));
            let text = self.paint(GREEN, &text);
            writeln!(self.out, "  {text}")?;
        } else {
            let text = self.paint(RED, &format!("{} steps FAILED; status {status}", self.failed));
            writeln!(self.out, "  {text}")?;
            if !self.console.is_empty() {
                writeln!(self.out, "\nwhat else was on the console:")?;
            }
            for line in &self.console {
                writeln!(self.out, "  {line}")?;
            }
        }
        Ok(ended)
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A row of the table at the end.
fn row(name: &str, cells: &[String]) -> String {
    let mut text = format!("{name:<NAME$}");
    for cell in cells {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{cell:>22}");
    }
    text
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(terminal: bool, events: &[&str], status: i32) -> (String, bool) {
        let mut report = Report::new(Vec::new(), terminal, terminal);
        for event in events {
            report.line(event).unwrap();
        }
        let passed = report.finish(status, Duration::from_secs(61)).unwrap();
        (String::from_utf8(report.out).unwrap(), passed)
    }

    const RUN: &[&str] = &[
        "@line v6plus",
        "@step ping",
        "progress 3",
        "@ok 3 of 3",
        "@ranges 5696-5699",
        "@ports {\"ports\":[5696,5698]}",
        "@sum in use|240",
        "@line ocn",
        "@sum in use|1008",
        "@sum only here|1",
    ];

    #[test]
    fn a_file_gets_plain_text() {
        let (text, passed) = read(false, RUN, 0);
        assert!(passed);
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
        assert!(text.contains("  ✓ ping                               3 of 3\n"), "{text}");
        assert!(text.contains("       5696 ■·■·\n"), "{text}");
        assert!(
            text.contains(
                "in use                                               240                  1008\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("all 1 steps passed on Linux  in 1 min 1 s\n"), "{text}");
    }

    #[test]
    fn a_terminal_sees_progress() {
        let (text, _) = read(true, &["@step open", "@want 6", "progress 3"], 0);
        assert!(text.contains("\r\x1b[2K  … open"), "{text:?}");
        assert!(text.contains("████████████\x1b[0m░░░░░░░░░░░░ 3 of 6"), "{text:?}");
    }

    #[test]
    fn failures_are_seen() {
        let (text, passed) = read(false, &["@step ping", "@fail 0 of 3"], 1);
        assert!(!passed && text.contains("✗ ping"), "{text}");
        // The script may end without output, or report success after a failed step.
        let (text, passed) = read(false, &["@step ping", "nft: oh no"], 127);
        assert!(!passed && text.contains("✗ ping") && text.contains("nft: oh no"), "{text}");
        assert!(!read(false, &["@step ping", "@fail 0 of 3"], 0).1);
    }
}
