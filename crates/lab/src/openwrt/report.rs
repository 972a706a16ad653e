//! Turns the output of the machine into a verdict, one line, and JSON
//! (`tests/vectors/schema/openwrt.json`).

use serde_json::{Value, json};

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All scenarios passed.
    Passed,
    /// At least one scenario failed or was not reached.
    Failed,
    /// The root cannot be tested.
    CannotRun,
}

impl Verdict {
    /// Returns the exit status. 77 is the usual status of a test that could not run.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::CannotRun => 77,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CannotRun => "cannot-run",
        }
    }
}

struct Scenario {
    name: String,
    /// `passed` or `failed`, after the end.
    result: Option<String>,
    seconds: u64,
    checks: u64,
    failures: Vec<String>,
}

/// The results so far.
pub(super) struct Report {
    series: String,
    /// The output of `uname -r`; empty before the kernel has booted.
    pub kernel: String,
    /// The files that the root lacks.
    pub missing: Vec<String>,
    scenarios: Vec<Scenario>,
    problem: Option<String>,
}

impl Report {
    pub(super) fn new(series: &str) -> Self {
        Self {
            series: series.to_owned(),
            kernel: String::new(),
            missing: Vec::new(),
            scenarios: Vec::new(),
            problem: None,
        }
    }

    /// The series of the kernel, as in `--kernel`.
    pub(super) fn series(&self) -> &str {
        &self.series
    }

    /// Reads one console line.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(words) = line.strip_prefix("== ") {
            match words.split_once(": ") {
                None => self.scenarios.push(Scenario {
                    name: words.to_owned(),
                    result: None,
                    seconds: 0,
                    checks: 0,
                    failures: Vec::new(),
                }),
                Some((_, ending)) => self.end(ending),
            }
        } else if let Some(scenario) = self.scenarios.last_mut() {
            if let Some(failure) = line.strip_prefix("FAIL  ") {
                scenario.checks += 1;
                scenario.failures.push(failure.to_owned());
            } else if line.starts_with("ok    ") {
                scenario.checks += 1;
            }
        }
    }

    /// `passed in 5 s`
    fn end(&mut self, ending: &str) {
        let Some(scenario) = self.scenarios.last_mut() else { return };
        let mut words = ending.split(' ');
        if let Some(result @ ("passed" | "failed")) = words.next() {
            // A script without checks has not passed.
            let result = if scenario.checks == 0 { "failed" } else { result };
            scenario.result = Some(result.to_owned());
            scenario.seconds = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        } else {
            let why = scenario.failures.last().cloned().unwrap_or_default();
            self.missing.push(why);
        }
    }

    /// Records the end of the machine, and the scenarios it has not reached.
    pub(super) fn finish(&mut self, wanted: &[String], status: anyhow::Result<i32>) {
        for name in wanted {
            let done = self.scenarios.iter().any(|s| s.name == *name && s.result.is_some());
            if !done && self.missing.is_empty() {
                self.problem = Some(format!("{name} has not come to an end"));
                break;
            }
        }
        match status {
            Err(error) => self.problem = Some(format!("{error:#}")),
            Ok(status) if status != 0 && self.verdict() == Verdict::Passed => {
                self.problem = Some(format!("exit status {status}"));
            }
            Ok(_) => {}
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let passed = |scenario: &Scenario| scenario.result.as_deref() == Some("passed");
        if !self.missing.is_empty() {
            Verdict::CannotRun
        } else if self.problem.is_none()
            && !self.scenarios.is_empty()
            && self.scenarios.iter().all(passed)
        {
            Verdict::Passed
        } else {
            Verdict::Failed
        }
    }

    pub(super) fn summary(&self) -> String {
        let ended = |result| {
            let same = |s: &&Scenario| s.result.as_deref() == Some(result);
            self.scenarios.iter().filter(same).map(|s| s.name.as_str()).collect::<Vec<_>>()
        };
        let (passed, failed) = (ended("passed"), ended("failed"));
        let mut parts = vec![format!("{} scenarios passed", passed.len())];
        if !failed.is_empty() {
            parts.push(format!("failed: {}", failed.join(" ")));
        }
        parts.extend(self.problem.clone());
        format!("{}: {}", self.verdict().name(), parts.join(", "))
    }

    pub(super) fn json(&self) -> String {
        let scenario = |scenario: &Scenario| -> Value {
            json!({
                "name": scenario.name,
                "result": scenario.result.as_deref().unwrap_or("unfinished"),
                "seconds": scenario.seconds,
                "checks": scenario.checks,
                "failures": scenario.failures,
            })
        };
        let report = json!({
            "schema": 1,
            "result": self.verdict().name(),
            "series": self.series,
            "kernel": self.kernel,
            "missing": self.missing,
            "problem": self.problem,
            "scenarios": self.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], status: anyhow::Result<i32>) -> Report {
        let mut report = Report::new("6.1");
        for line in lines {
            report.read(line);
        }
        report.finish(&["a".to_owned(), "b".to_owned()], status);
        report
    }

    #[test]
    fn only_a_whole_run_passes() {
        let good = ["== a", "ok    x: 1", "== a: passed in 5 s", "== b", "ok    y: 2"];
        let end = ["== b: passed in 7 s"];
        let whole = [good.as_slice(), &end].concat();
        assert_eq!(read(&whole, Ok(0)).verdict(), Verdict::Passed);
        assert_eq!(read(&whole, Ok(1)).verdict(), Verdict::Failed);
        assert_eq!(read(&whole, Err(anyhow::anyhow!("panic"))).verdict(), Verdict::Failed);
        assert_eq!(read(&good, Ok(0)).verdict(), Verdict::Failed);
        assert_eq!(read(&[], Ok(0)).verdict(), Verdict::Failed);
        let failed = ["== a", "FAIL  x: 1", "== a: failed in 5 s"];
        assert_eq!(read(&failed, Ok(1)).verdict(), Verdict::Failed);
        let nothing_checked = ["== a", "== a: passed in 1 s", "== b", "ok    y: 2", end[0]];
        assert_eq!(read(&nothing_checked, Ok(0)).verdict(), Verdict::Failed);
        let broken = ["== a", "FAIL  the root's ubusd does not start", "== a: cannot run"];
        let report = read(&broken, Ok(77));
        assert_eq!(report.verdict(), Verdict::CannotRun);
        assert_eq!(report.missing, ["the root's ubusd does not start"]);
    }

    #[test]
    fn the_json_says_what_failed() {
        let lines = ["== a", "ok    x: 1", "FAIL  z: 3, expected = 4", "== a: failed in 5 s"];
        let json: Value = serde_json::from_str(&read(&lines, Ok(1)).json()).unwrap();
        assert_eq!(json["result"], "failed");
        assert_eq!(json["scenarios"][0]["checks"], 2);
        assert_eq!(json["scenarios"][0]["seconds"], 5);
        assert_eq!(json["scenarios"][0]["failures"][0], "z: 3, expected = 4");
        let schema = host_tools::steps::root().join("tests/vectors/schema/openwrt.json");
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(schema.is_valid(&json), "{json}");
        let unfinished = serde_json::from_str(&read(&lines[..1], Ok(0)).json()).unwrap();
        assert!(schema.is_valid(&unfinished), "{unfinished}");
        assert!(!schema.is_valid(&serde_json::json!({ "schema": 1 })));
    }
}
