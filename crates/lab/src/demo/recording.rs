//! A recording of the demonstration as an SVG file that plays once, without a script.
//!
//! Each row of the terminal is a text that becomes visible at its time. A row that is drawn again,
//! such as a progress, is one text for each of its versions. Readers who want no motion, and
//! programs without animation, see the last screen.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The size of the terminal, in characters.
const COLUMNS: usize = 90;
const ROWS: usize = 28;

/// The size of a character, in pixels.
const WIDTH: f64 = 7.8;
const HEIGHT: f64 = 17.0;
const MARGIN: f64 = 12.0;

/// How long the recording plays, in seconds. The last screen stays.
const LENGTH: f64 = 40.0;

/// Between two versions of a row, and between two rows, in seconds before all is stretched to
/// [`LENGTH`]. A machine that is faster or slower gives nearly the same recording.
const VERSION: (f64, f64) = (0.05, 0.15);
const ROW: (f64, f64) = (0.2, 1.0);

/// Colours of the terminal, which is dark on every page; 4.5 to 1 or more to its background.
const STYLE: &str = "rect{fill:#1c1f24}text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,\
    'DejaVu Sans Mono',monospace;fill:#d6dae0;white-space:pre}.b{font-weight:bold;fill:#fff}\
    .d{fill:#9aa3ad}.g{fill:#5fd38d}.r{fill:#ff7b72}.c{fill:#56b6e0}.v{visibility:hidden}\
    @keyframes a{from{visibility:hidden}to{visibility:visible}}\
    @keyframes z{from{visibility:hidden}to{visibility:hidden}}\
    @media(prefers-reduced-motion:reduce){*{animation:none!important}}";

/// Passes everything on, and keeps it with its time.
pub(super) struct Recorder<W> {
    out: W,
    begun: Instant,
    kept: Vec<(Duration, Vec<u8>)>,
}

impl<W: Write> Recorder<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, begun: Instant::now(), kept: Vec::new() }
    }

    /// The recording as an SVG file.
    pub(super) fn svg(&self) -> String {
        let mut screen = Screen::default();
        for (time, bytes) in &self.kept {
            screen.read(time.as_secs_f64(), &String::from_utf8_lossy(bytes));
        }
        screen.svg()
    }
}

impl<W: Write> Write for Recorder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let part = bytes.get(..written).unwrap_or_default().to_vec();
        self.kept.push((self.begun.elapsed(), part));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A text in one colour. `class` is a class of [`STYLE`], or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    column: usize,
    class: &'static str,
    text: String,
}

/// A row as it was from a time on.
struct Version {
    row: usize,
    time: f64,
    spans: Vec<Span>,
}

/// What the report of the demonstration does with a terminal: rows, `\r`, `ESC [2K` and colours.
#[derive(Default)]
struct Screen {
    versions: Vec<Version>,
    row: usize,
    column: usize,
    class: &'static str,
    spans: Vec<Span>,
}

impl Screen {
    fn read(&mut self, time: f64, text: &str) {
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let mut length = next.len_utf8();
            match next {
                '\n' => {
                    self.shown(time);
                    self.spans.clear();
                    self.row += 1;
                    self.column = 0;
                }
                '\r' => {
                    self.shown(time);
                    self.spans.clear();
                    self.column = 0;
                }
                '\x1b' => {
                    length = rest.find(char::is_alphabetic).map_or(rest.len(), |end| end + 1);
                    self.class = match rest.get(..length) {
                        Some("\x1b[1m") => "b",
                        Some("\x1b[2m") => "d",
                        Some("\x1b[31m") => "r",
                        Some("\x1b[32m") => "g",
                        Some("\x1b[36m") => "c",
                        _ => "",
                    };
                }
                character => self.put(character),
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        self.shown(time);
    }

    fn put(&mut self, character: char) {
        match self.spans.last_mut() {
            Some(span) if span.class == self.class => span.text.push(character),
            _ => self.spans.push(Span {
                column: self.column,
                class: self.class,
                text: character.to_string(),
            }),
        }
        self.column += 1;
    }

    /// Keeps the row as it is now, if that is new. What is written at one time is one version.
    fn shown(&mut self, time: f64) {
        if self.spans.iter().all(|span| span.text.trim().is_empty()) {
            return;
        }
        let version = Version { row: self.row, time, spans: self.spans.clone() };
        match self.versions.last_mut() {
            Some(last) if last.row == version.row && last.spans == version.spans => {}
            Some(last) if last.row == version.row && (time - last.time) < 0.001 => *last = version,
            _ => self.versions.push(version),
        }
    }

    /// When each version is shown, in seconds of the recording.
    fn times(&self) -> Vec<f64> {
        let (mut now, mut times) = (0.0, Vec::new());
        let mut before: Option<&Version> = None;
        for version in &self.versions {
            if let Some(before) = before {
                let (least, most) = if before.row == version.row { VERSION } else { ROW };
                now += (version.time - before.time).clamp(least, most);
            }
            times.push(now);
            before = Some(version);
        }
        let factor = if now > 0.0 { LENGTH / now } else { 1.0 };
        times.iter().map(|time| time * factor).collect()
    }

    fn svg(&self) -> String {
        let times = self.times();
        let width = f64::from(u32::try_from(COLUMNS).unwrap_or(0)) * WIDTH + 2.0 * MARGIN;
        let height = pixels(ROWS) + 2.0 * MARGIN;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
             aria-label=\"cargo xtask demo\"><style>{STYLE}{}</style>\
             <rect width=\"100%\" height=\"100%\" rx=\"6\"/><svg y=\"{MARGIN}\" \
             height=\"{:.0}\"><g class=\"s\">\n",
            self.scrolling(&times),
            pixels(ROWS),
        );
        for (index, version) in self.versions.iter().enumerate() {
            let time = times.get(index).copied().unwrap_or_default();
            let next = self.versions.get(index + 1).filter(|next| next.row == version.row);
            let ends = next.and(times.get(index + 1)).copied();
            text.push_str(&element(version, time, ends));
        }
        text.push_str("</g></svg></svg>\n");
        text
    }

    /// The rule that moves the rows up: at each time a row comes that has no room.
    fn scrolling(&self, times: &[f64]) -> String {
        let mut steps = String::new();
        let mut top = 0;
        for (version, time) in self.versions.iter().zip(times) {
            let wanted = (version.row + 1).saturating_sub(ROWS);
            if wanted > top {
                top = wanted;
                let (part, up) = (time / LENGTH * 100.0, pixels(top));
                // Writing into a `String` cannot fail.
                let _ = write!(steps, "{part:.2}%{{transform:translateY(-{up:.0}px)}}");
            }
        }
        let up = pixels(top);
        format!(
            ".s{{transform:translateY(-{up:.0}px);animation:s {LENGTH}s step-end both}}\
             @keyframes s{{0%{{transform:none}}{steps}100%{{transform:translateY(-{up:.0}px)}}}}"
        )
    }
}

fn pixels(rows: usize) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(0)) * HEIGHT
}

/// A version as a text; one that is followed by another is hidden then.
fn element(version: &Version, time: f64, ends: Option<f64>) -> String {
    let mut spans = String::new();
    for span in &version.spans {
        let x = MARGIN + f64::from(u32::try_from(span.column).unwrap_or(0)) * WIDTH;
        let class = if span.class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{}\"", span.class)
        };
        let _ = write!(spans, "<tspan x=\"{x:.1}\"{class}>{}</tspan>", escaped(&span.text));
    }
    let y = pixels(version.row) + HEIGHT * 0.75;
    let (class, end) = ends.map_or((String::new(), String::new()), |ends| {
        (" class=\"v\"".to_owned(), format!(",z 0s {ends:.2}s forwards"))
    });
    format!(
        "<text y=\"{y:.0}\"{class} style=\"animation:a 0s {time:.2}s both{end}\">{spans}</text>\n"
    )
}

fn escaped(text: &str) -> String {
    text.trim_end().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        let mut screen = Screen::default();
        screen.read(0.0, "\x1b[1mtitle\x1b[0m\n\n");
        screen.read(1.0, "\r\x1b[2K  … ping");
        screen.read(1.2, "\r\x1b[2K  … ping 2 of 3");
        screen.read(2.0, "\r\x1b[2K  \x1b[32m✓\x1b[0m ping <3> & more\n");
        for row in 0..40 {
            screen.read(3.0 + f64::from(row), &format!("row {row}\n"));
        }
        screen
    }

    #[test]
    fn rows_are_drawn_again_in_their_place() {
        let screen = screen();
        let rows: Vec<usize> = screen.versions.iter().take(4).map(|version| version.row).collect();
        assert_eq!(rows, [0, 2, 2, 2]);
        let last = &screen.versions[3].spans;
        assert_eq!((last[1].text.as_str(), last[1].class, last[1].column), ("✓", "g", 2));
    }

    #[test]
    fn it_plays_forty_seconds_and_leaves_the_last_screen() {
        let screen = screen();
        let times = screen.times();
        assert!((times.last().unwrap() - LENGTH).abs() < 0.01 && times[0].abs() < 0.01);
        assert!(times.is_sorted());
        let svg = screen.svg();
        assert!(svg.contains("ping &lt;3&gt; &amp; more</tspan>"), "{svg}");
        // What was overwritten is hidden where nothing moves; 43 rows stay, 15 of them above.
        assert_eq!(svg.matches("class=\"v\"").count(), 2);
        assert!(svg.contains(".s{transform:translateY(-255px)"), "{svg}");
        assert!(!svg.contains("<script") && !svg.contains('\x1b'));
        for tag in ["text", "tspan", "g", "svg", "style"] {
            let opened =
                svg.matches(&format!("<{tag} ")).count() + svg.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
