//! `cargo xtask bench count`: what a packet costs under each ruleset, in instructions.
//!
//! The emulated machine's clock counts the instructions of its processor, so the load of the host
//! changes nothing. Its random numbers are the same in each run, and so are the figures.
//! `tests/vm/rate.sh` measures the whole way of a packet: both ends, the router, the tunnel and the
//! border relay.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use super::rates;

/// A ruleset: a word of `tests/vm/rate.sh` and what the measurement must have seen.
struct Candidate {
    word: &'static str,
    heading: &'static str,
    ports: Ports,
    is_offloaded: bool,
}

/// Source ports at the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// Those of the client.
    Kept,
    /// Those of the range that conntrack uses.
    Internal,
    /// Those of the port set.
    External,
}

impl Ports {
    /// The port set of `line_v6plus`: PSID 100 in bits 4 to 11, and A in the upper bits is not 0.
    const fn has(self, port: u64) -> bool {
        match self {
            Self::Kept => port >= 32768,
            Self::Internal => port >= 16384 && port < 16624,
            Self::External => port & 0x0ff0 == 100 << 4 && port >= 4096,
        }
    }
}

const fn usual(word: &'static str, heading: &'static str, ports: Ports) -> Candidate {
    Candidate { word, heading, ports, is_offloaded: false }
}

const fn offloaded(word: &'static str, heading: &'static str, ports: Ports) -> Candidate {
    Candidate { word, heading, ports, is_offloaded: true }
}

/// The rulesets of one table. The first one is what the others are compared with.
struct Table {
    heading: &'static str,
    candidates: &'static [Candidate],
    /// Another comparison of two of them.
    compared: Option<[&'static str; 2]>,
}

use Ports::{External, Internal, Kept};

/// Through the tunnel, without and with firewall4's rules. All are measured in one machine.
const TUNNEL: &[Table] = &[
    Table {
        heading: "through the tunnel, beside masquerade in a table ip",
        candidates: &[
            usual("masquerade", "masquerade in a table ip", Kept),
            usual("again", "the same once more", Kept),
            usual("control", "the same and 500 idle rules", Kept),
            usual("inet", "masquerade in a table inet", Kept),
            usual("part-snat", "ours: SNAT alone", Internal),
            usual("part-snat.edge0", "+ the edge's hooks without rules", Internal),
            usual("part-snat.edge", "+ edge", External),
            usual("part-snat.edge.forward0", "+ edge, hook in forward without rules", External),
            usual("part-snat.edge.forward", "+ edge, guard in forward", External),
            usual("part-snat.edge.output0", "+ edge, hook in output without rules", External),
            usual("part-snat.edge.output", "+ edge, guards in output", External),
            usual("own-netdev", "all, edge netdev", External),
            usual("own-postrouting", "all, edge postrouting", External),
            usual("own-plain", "all, edge plain", External),
        ],
        compared: None,
    },
    Table {
        heading: "through the tunnel with firewall4's rules, beside its masquerade",
        candidates: &[
            usual("fw4-masquerade", "firewall4's masquerade", Kept),
            usual("fw4-netdev", "ours, edge netdev", External),
            usual("fw4-postrouting", "ours, edge postrouting", External),
            offloaded("flows-masquerade", "firewall4's, its flowtable", Kept),
            offloaded("flows-netdev", "ours, firewall4's flowtable", External),
            offloaded("both-netdev", "ours, our flowtable", External),
            offloaded("both-plain", "ours, edge plain, our flowtable", External),
        ],
        compared: Some(["both-netdev", "fw4-netdev"]),
    },
];

/// Without a tunnel, where the ruleset's share is largest.
const BARE: &[Table] = &[Table {
    heading: "bare veth path, beside masquerade in a table ip",
    candidates: &[
        usual("masquerade", "masquerade in a table ip", Kept),
        usual("again", "the same once more", Kept),
        usual("control", "the same and 500 idle rules", Kept),
        usual("inet", "masquerade in a table inet", Kept),
        usual("part-snat", "ours: SNAT alone", Internal),
        usual("part-snat.edge", "+ edge", External),
        usual("own-netdev", "all, edge netdev", External),
        usual("own-postrouting", "all, edge postrouting", External),
        usual("own-plain", "all, edge plain", External),
    ],
    compared: None,
}];

/// The kinds of traffic, in the order of the columns.
const KINDS: [(&str, &str); 6] = [
    ("out", "64 B out"),
    ("in", "64 B in"),
    ("connect", "new TCP"),
    ("udp", "new UDP"),
    ("bulk", "download"),
    ("blocks", "64 kB blocks"),
];

/// What equal rulesets may differ by, and the rounds of one, each relative to the same round of
/// masquerade.
const RESOLUTION: f64 = 0.01;
/// What the control costs at least.
const CONTROL: f64 = 0.05;

/// `cargo xtask bench count`
///
/// # Errors
///
/// The lab is not available, or the script failed.
pub(super) fn measure() -> anyhow::Result<Value> {
    println!("Instructions of the whole way of a packet, emulated, kernel 6.12");
    lab::prepare()?;
    let (tunnel, bare) = std::thread::scope(|scope| {
        let bare = scope.spawn(|| run("veth", BARE));
        (run("ip6tnl", TUNNEL), bare.join())
    });
    let bare = bare.map_err(|_| anyhow::anyhow!("the bare path's thread ended"))?;
    let mut figures = Map::new();
    for (tables, text) in [(TUNNEL, tunnel?), (BARE, bare?)] {
        let run = Run::read(tables, &text)?;
        for table in tables {
            println!("\n{}", run.table(table));
            figures.insert(table.heading.to_owned(), run.figures(table));
        }
    }
    Ok(Value::Object(figures))
}

fn run(link: &str, tables: &[Table]) -> anyhow::Result<String> {
    let words = candidates(tables).map(|candidate| candidate.word);
    rates::counted(link, &words.collect::<Vec<_>>().join(" "))
}

fn candidates(tables: &[Table]) -> impl Iterator<Item = &Candidate> {
    tables.iter().flat_map(|table| table.candidates)
}

/// What the script printed.
struct Run {
    words: Vec<&'static str>,
    kinds: Vec<Measured>,
}

/// One kind of traffic.
struct Measured {
    kind: &'static str,
    /// Operations per second (that is, per 10^9 instructions), by candidate and round.
    rates: Vec<Vec<f64>>,
    /// Why the figures mean nothing.
    void: Vec<String>,
}

impl Run {
    fn read(tables: &[Table], text: &str) -> anyhow::Result<Self> {
        let candidates: Vec<&Candidate> = candidates(tables).collect();
        let words: Vec<&'static str> = candidates.iter().map(|candidate| candidate.word).collect();
        let mut kinds = Vec::new();
        for (kind, _) in KINDS {
            let start = format!("{{\"test\":\"rate\",\"kind\":\"{kind}\"");
            let line = text.lines().find(|line| line.starts_with(&start));
            let value: Value = serde_json::from_str(line.with_context(|| format!("no {kind}"))?)?;
            let field = |name| value.get(name).cloned().unwrap_or_default();
            let rates: Vec<Vec<f64>> = serde_json::from_value(field("rates"))?;
            let lost: Vec<u64> = serde_json::from_value(field("lost"))?;
            let ports: Vec<u64> = serde_json::from_value(field("outside_ports"))?;
            if [rates.len(), lost.len(), ports.len()] != [words.len(); 3] {
                bail!("{kind}: {} rulesets of {}", rates.len(), words.len());
            }
            let mut void = Vec::new();
            for (candidate, (lost, port)) in candidates.iter().zip(lost.iter().zip(ports)) {
                let word = candidate.word;
                if *lost > 0 {
                    void.push(format!("{word} lost {lost}"));
                }
                if !candidate.ports.has(port) {
                    void.push(format!("{word} sent from port {port}"));
                }
                let flows = offloaded_flows(text, word);
                if candidate.is_offloaded != (flows > 0) {
                    void.push(format!("{word} has offloaded {flows} flows"));
                }
            }
            let mut measured = Measured { kind, rates, void };
            measured.compare(&words);
            kinds.push(measured);
        }
        Ok(Self { words, kinds })
    }

    fn index(&self, word: &str) -> usize {
        self.words.iter().position(|known| *known == word).unwrap_or_default()
    }

    /// Returns the table in Markdown.
    fn table(&self, table: &Table) -> String {
        let mut text = format!("| {} |", table.heading);
        for (_, heading) in KINDS {
            // Writing into a `String` cannot fail.
            let _ = write!(text, " {heading} |");
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(KINDS.len()));
        let mut row = |heading: &str, cell: &dyn Fn(&Measured) -> String| {
            let _ = write!(text, "\n| {heading} |");
            for measured in &self.kinds {
                let _ = write!(text, " {} |", cell(measured));
            }
        };
        let Some((base, others)) = table.candidates.split_first() else { return text };
        let base = (self.index(base.word), base.heading);
        row(base.1, &|measured| measured.instructions(base.0));
        for candidate in others {
            let index = self.index(candidate.word);
            row(candidate.heading, &|measured| format!("{:.3}", measured.ratio(index, base.0)));
        }
        if let Some([one, other]) = table.compared {
            let heading = |word| {
                let found = table.candidates.iter().find(|candidate| candidate.word == word);
                found.map_or("", |candidate| candidate.heading)
            };
            let indexes = [one, other].map(|word| self.index(word));
            row(&format!("\"{}\" beside \"{}\"", heading(one), heading(other)), &|measured| {
                format!("{:.3}", measured.ratio(indexes[0], indexes[1]))
            });
        }
        row("largest difference of two rounds", &|measured| {
            format!("{:.2} %", self.spread(measured, table).0 * 100.0)
        });
        row("this run", &|measured| match self.void(measured, table).first() {
            None => "valid".to_owned(),
            Some(reason) => format!("VOID: {reason}"),
        });
        text
    }

    /// Returns the largest difference of two rounds among a table's rulesets, and whose it is.
    /// Each round is compared with the table's first ruleset in the same round, because connections
    /// cost more the more there have been.
    fn spread(&self, measured: &Measured, table: &Table) -> (f64, &'static str) {
        let base = table.candidates.first().map_or(0, |base| self.index(base.word));
        let spreads = table
            .candidates
            .iter()
            .map(|candidate| (measured.spread(self.index(candidate.word), base), candidate.word));
        spreads.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_default()
    }

    /// Returns what shows that a column of a table means nothing.
    fn void(&self, measured: &Measured, table: &Table) -> Vec<String> {
        let mut void = measured.void.clone();
        let (spread, word) = self.spread(measured, table);
        if spread > RESOLUTION {
            void.push(format!("the rounds of {word} differ by {spread:.3}"));
        }
        void
    }

    fn figures(&self, table: &Table) -> Value {
        let Some(base) = table.candidates.first() else { return Value::Null };
        let base = self.index(base.word);
        let kinds = self.kinds.iter().map(|measured| {
            let ratios = table.candidates.iter().map(|candidate| {
                let ratio = measured.ratio(self.index(candidate.word), base);
                (candidate.word.to_owned(), json!(ratio))
            });
            let figures = json!({
                "base": measured.instructions(base),
                "ratios": ratios.collect::<Map<_, _>>(),
                "spread": self.spread(measured, table).0,
                "void": self.void(measured, table),
            });
            (measured.kind.to_owned(), figures)
        });
        Value::Object(kinds.collect())
    }
}

impl Measured {
    /// Adds what shows that this run could not tell rulesets apart.
    fn compare(&mut self, words: &[&str]) {
        let find = |word: &str| words.iter().position(|known| *known == word).unwrap_or_default();
        let again = self.ratio(find("again"), find("masquerade"));
        if (again - 1.0).abs() > RESOLUTION {
            self.void.push(format!("two equal rulesets differ: {again:.3}"));
        }
        let control = self.ratio(find("control"), find("masquerade"));
        if control > 1.0 - CONTROL {
            self.void.push(format!("500 rules more cost nothing: {control:.3}"));
        }
    }

    /// Returns the rate of a candidate: the median of its rounds.
    fn rate(&self, index: usize) -> f64 {
        let mut rounds = self.rates.get(index).cloned().unwrap_or_default();
        rounds.sort_by(f64::total_cmp);
        rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Returns the median of the rounds' ratios. Within a round, the candidates take turns.
    fn ratio(&self, index: usize, base: usize) -> f64 {
        let mut ratios = self.ratios(index, base);
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn ratios(&self, index: usize, base: usize) -> Vec<f64> {
        let [one, other] =
            [index, base].map(|it| self.rates.get(it).map_or(&[][..], Vec::as_slice));
        one.iter().zip(other).map(|(one, other)| one / other).collect()
    }

    /// Returns instructions per operation, or per kB of a download.
    fn instructions(&self, index: usize) -> String {
        let nanoseconds = 1e9 / self.rate(index);
        match self.kind {
            "bulk" | "blocks" => format!("{:.0} a kB", nanoseconds * 1000.0),
            _ => format!("{nanoseconds:.0}"),
        }
    }

    /// Returns the largest difference of two rounds of one candidate, each relative to the same
    /// round of `base`, as a share of its own rate.
    fn spread(&self, index: usize, base: usize) -> f64 {
        let ratios = self.ratios(index, base);
        let most = ratios.iter().copied().fold(f64::MIN, f64::max);
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        (most - least) / self.ratio(index, base)
    }
}

/// Returns the number of offloaded flows that the script has found for a candidate.
fn offloaded_flows(text: &str, word: &str) -> u64 {
    let start = format!("offloaded {word} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&start)?.trim().parse().ok());
    count.unwrap_or_default()
}

#[cfg(test)]
mod tests;
