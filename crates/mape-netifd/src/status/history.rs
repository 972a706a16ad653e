//! The last day of an interface, in `/var/run/mape-rs/IFACE.history`: ports in use, and when it
//! came up, went down or got other numbers.
//!
//! No process of ours runs all the time. `status`, `ports`, `watch` and the hotplug events write
//! what they saw. Times are seconds since the machine started, because the clock of a router begins
//! in 1970 and jumps. The file is in memory and has at most [`STEPS`] + [`CHANGES`] lines.

use std::fmt::{self, Display, Write as _};
use std::io;
use std::path::{Path, PathBuf};

use mape_nft::InterfaceName;
use mape_system::files;

use super::{Condition, InterfaceStatus, peak};

/// Seconds for which a sample stands: the most ports seen in that time.
pub const STEP: u64 = 300;
/// Samples of a day.
const STEPS: u64 = 288;
/// Changes that are kept.
const CHANGES: usize = 32;

/// Ports in use of TCP, UDP and ICMP.
pub(super) type Counts = [u32; 3];

/// What was seen of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In ascending order of time.
    pub samples: Vec<Sample>,
    /// In ascending order of time.
    pub changes: Vec<Change>,
}

/// The most ports seen in use within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Steps since the machine started.
    pub step: u64,
    /// Ports.
    pub ports: [u32; 3],
}

/// The interface was seen in another state than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Seconds since the machine started.
    pub at: u64,
    /// Whether packets pass.
    pub up: bool,
    /// Address and PSID; the last ones if it is down.
    pub numbers: String,
}

impl History {
    /// Reads the file. A line from the future is one of before the machine's start, and what is no
    /// line of ours counts for nothing.
    #[must_use]
    pub fn read(directory: &Path, name: &InterfaceName, now: u64) -> Self {
        let text = files::text(path(directory, name)).unwrap_or_default();
        let mut history = Self::default();
        for line in text.lines() {
            history.add(line, now);
        }
        history
    }

    fn add(&mut self, line: &str, now: u64) -> Option<()> {
        let (time, rest) = line.split_once(' ')?;
        let time: u64 = time.parse().ok()?;
        let (word, numbers) = rest.split_once(' ')?;
        let up = word == "up";
        if up || word == "down" {
            if time <= now {
                self.changes.push(Change { at: time, up, numbers: numbers.to_owned() });
            }
            return Some(());
        }
        let mut ports = Counts::default();
        let mut words = rest.split(' ');
        for port in &mut ports {
            *port = words.next()?.parse().ok()?;
        }
        if time <= now / STEP && time + STEPS > now / STEP {
            self.samples.push(Sample { step: time, ports });
        }
        Some(())
    }

    /// The history with what is seen now.
    fn with(mut self, up: bool, numbers: String, ports: Option<Counts>, now: u64) -> Self {
        let last = self.changes.last();
        let was_up = last.is_some_and(|last| last.up);
        // What is down has no numbers.
        let same = !up || last.is_some_and(|last| last.numbers == numbers);
        if up != was_up || !same {
            let numbers = if up { numbers } else { last.map_or(numbers, |it| it.numbers.clone()) };
            self.changes.push(Change { at: now, up, numbers });
            let surplus = self.changes.len().saturating_sub(CHANGES);
            self.changes.drain(..surplus);
        }
        if let Some(ports) = ports {
            let step = now / STEP;
            match self.samples.last_mut().filter(|last| last.step == step) {
                Some(last) => raise(&mut last.ports, ports),
                None => self.samples.push(Sample { step, ports }),
            }
        }
        self
    }

    /// The mean of the samples, and the greatest number of each protocol.
    #[must_use]
    pub fn mean_and_most(&self) -> Option<([u32; 3], [u32; 3])> {
        let (mut mean, mut most) = (Counts::default(), Counts::default());
        for sample in &self.samples {
            // A set has at most 65,535 ports, so the sum fits.
            for (sum, number) in mean.iter_mut().zip(sample.ports) {
                *sum += number;
            }
            raise(&mut most, sample.ports);
        }
        let count = u32::try_from(self.samples.len()).ok()?;
        for sum in &mut mean {
            *sum = sum.checked_div(count)?;
        }
        Some((mean, most))
    }
}

/// Takes the greater number of each protocol.
pub fn raise(most: &mut [u32; 3], ports: [u32; 3]) {
    for (most, number) in most.iter_mut().zip(ports) {
        *most = number.max(*most);
    }
}

impl Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Sample { step, ports: [tcp, udp, icmp] } in &self.samples {
            writeln!(f, "{step} {tcp} {udp} {icmp}")?;
        }
        for Change { at, up, numbers } in &self.changes {
            writeln!(f, "{at} {} {numbers}", if *up { "up" } else { "down" })?;
        }
        Ok(())
    }
}

/// Records what is seen of an interface; `seen` is `None` where it is no more.
///
/// # Errors
/// The file cannot be locked or written.
pub(super) fn note(
    directory: &Path,
    name: &InterfaceName,
    seen: Option<&InterfaceStatus>,
    now: u64,
) -> io::Result<()> {
    let up = seen.is_some_and(|seen| seen.state == Condition::Up);
    // Of a line that was never up there is nothing to tell.
    if !(path(directory, name).exists() || up && directory.exists()) {
        return Ok(());
    }
    let _lock = peak::lock(directory)?;
    let mut numbers = String::new();
    if let Some(line) = seen.and_then(|seen| seen.line.as_ref()) {
        // Writing into a `String` cannot fail.
        let _ = write!(numbers, "{} {}", line.address.ipv4, line.address.psid);
    }
    let used = seen.and_then(InterfaceStatus::used).filter(|_| up);
    let history = History::read(directory, name, now).with(up, numbers, used, now);
    files::write(&path(directory, name), &history.to_string()).map(drop)
}

pub(super) fn path(directory: &Path, name: &InterfaceName) -> PathBuf {
    directory.join(format!("{name}.history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(tcp: u32) -> Counts {
        [tcp, 0, 0]
    }

    fn read(text: &str, now: u64) -> History {
        let mut history = History::default();
        for line in text.lines() {
            history.add(line, now);
        }
        history
    }

    #[test]
    fn a_step_keeps_the_most_and_a_day_is_all() {
        let mut history = History::default();
        for (at, ports) in [(600, 4), (700, 9), (899, 2), (900, 1)] {
            history = history.with(true, "192.0.2.1 5".into(), Some(tcp(ports)), at);
        }
        assert_eq!(history.to_string(), "2 9 0 0\n3 1 0 0\n600 up 192.0.2.1 5\n");
        assert_eq!(read(&history.to_string(), 900), history);
        assert_eq!(history.mean_and_most(), Some((tcp(5), tcp(9))));
        // A day later the samples have gone, and the change is still the last one.
        let later = read(&history.to_string(), 900 + 86400);
        assert_eq!((later.samples.len(), later.changes.len()), (0, 1));
        assert_eq!(later.mean_and_most(), None);
    }

    #[test]
    fn losses_and_other_numbers_are_changes() {
        let mut history = History::default();
        let (first, second) = ("192.0.2.1 5", "192.0.2.9 5");
        for (at, up, numbers) in [
            (1, false, ""),
            (2, true, first),
            (3, true, first),
            (4, false, ""),
            (5, false, first),
            (6, true, first),
            (7, true, second),
        ] {
            history = history.with(up, numbers.into(), None, at);
        }
        let text = "2 up 192.0.2.1 5\n4 down 192.0.2.1 5\n6 up 192.0.2.1 5\n7 up 192.0.2.9 5\n";
        assert_eq!(history.to_string(), text);
    }

    /// A week of looks every five seconds, with a loss an hour, is a file of this size.
    #[test]
    fn the_size_is_bounded() {
        let mut history = History::default();
        let mut largest = 0;
        for at in (0..7 * 86400).step_by(5) {
            let up = at % 3600 > 60;
            history = history.with(up, "255.255.255.255 65535".into(), Some([65535; 3]), at);
            if at % STEP == 0 {
                let text = history.to_string();
                largest = largest.max(text.len());
                history = read(&text, at);
            }
        }
        assert!((5000..9000).contains(&largest), "{largest} bytes");
    }

    /// The machine has started again, with the file of before; half a file; another one's.
    #[test]
    fn nonsense_and_the_future_count_for_nothing() {
        let text = "9 1 1 1\n9999 1 1 1\n3000 up 192.0.2.1 5\n99999 down 192.0.2.1 5\n10 2 2";
        let history = read(text, 3100);
        assert_eq!(history.to_string(), "9 1 1 1\n3000 up 192.0.2.1 5\n");
        for text in ["", "up", "-1 1 1 1", "1 up", "1 1 1 x", "a b c d", "1  1 1", "\0"] {
            assert_eq!(read(text, 3100), History::default(), "{text}");
        }
    }
}
