//! The log: to syslog on a router, to standard error elsewhere.
//!
//! Messages are made with the macros of the crate `log`, whose levels are those of the option
//! `log_level`. A message is one line, names its interface, and never contains a password.
//!
//! A process has one thread that logs; what [`about`] sets applies to all messages that follow.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use mape_core::Shown;

/// The level without the option `log_level`.
pub const DEFAULT_LEVEL: LevelFilter = LevelFilter::Info;

/// The name of the program in syslog.
const TAG: &str = "mape-rs";
/// The facility `daemon` (RFC 5424 section 6.2.1).
const DAEMON: u8 = 3;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Starts the log of this process at [`DEFAULT_LEVEL`], without the name of an interface.
///
/// Messages go to the syslog daemon that listens at the socket `syslog`. Without a socket, or if
/// no daemon takes a message, they go to standard error.
pub fn start(syslog: Option<&Path>) {
    let logger = LOGGER.get_or_init(|| Logger {
        interface: Mutex::default(),
        socket: syslog.and_then(|socket| connect(socket).ok()),
    });
    // Fails only where the process has a logger already, which is this one.
    let _ = log::set_logger(logger);
    log::set_max_level(DEFAULT_LEVEL);
}

/// Names the interface and sets the level of the messages that follow; an empty name is not
/// written. Does nothing before [`start`].
pub fn about(interface: &str, level: LevelFilter) {
    if let Some(logger) = LOGGER.get() {
        interface.clone_into(&mut logger.interface());
        log::set_max_level(level);
    }
}

/// Runs `work`, whose messages name their interfaces themselves.
pub fn without_interface(work: impl FnOnce()) {
    let logger = LOGGER.get();
    let interface = logger.map(|logger| std::mem::take(&mut *logger.interface()));
    work();
    if let Some((logger, interface)) = logger.zip(interface) {
        *logger.interface() = interface;
    }
}

/// Runs `work` without its messages of level `debug`. For work that is repeated until something
/// changes: its first run has said all.
pub fn without_debug<T>(work: impl FnOnce() -> T) -> T {
    let (level, is_started) = (log::max_level(), LOGGER.get().is_some());
    if is_started {
        log::set_max_level(level.min(LevelFilter::Info));
    }
    let result = work();
    if is_started {
        log::set_max_level(level);
    }
    result
}

/// Reads a value of the option `log_level`: `error`, `warn`, `info` or `debug`.
#[must_use]
pub fn level(text: &str) -> Option<LevelFilter> {
    match text {
        "error" => Some(LevelFilter::Error),
        "warn" => Some(LevelFilter::Warn),
        "info" => Some(LevelFilter::Info),
        "debug" => Some(LevelFilter::Debug),
        _ => None,
    }
}

fn connect(socket: &Path) -> io::Result<UnixDatagram> {
    let datagram = UnixDatagram::unbound()?;
    datagram.connect(socket)?;
    // A daemon that does not read must not hold up a line.
    datagram.set_nonblocking(true)?;
    Ok(datagram)
}

/// Severity of a level (RFC 5424 section 6.2.1).
const fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

struct Logger {
    /// Empty where no message is about one.
    interface: Mutex<String>,
    socket: Option<UnixDatagram>,
}

impl Logger {
    fn interface(&self) -> MutexGuard<'_, String> {
        self.interface.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, record: &Record<'_>) -> String {
        let interface = self.interface();
        let separator = if interface.is_empty() { "" } else { ": " };
        format!("{interface}{separator}{}", Shown(record.args()))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = self.message(record);
        if let Some(socket) = &self.socket {
            let priority = DAEMON * 8 + severity(record.level());
            let text = format!("<{priority}>{TAG}[{}]: {message}", process::id());
            if socket.send(text.as_bytes()).is_ok() {
                return;
            }
        }
        // Where this fails too, there is no way left to say it.
        let _ = writeln!(io::stderr(), "{message}");
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level and the logger belong to the process, so one test has both.
    #[test]
    fn a_message_has_priority_program_and_interface() {
        let path = std::env::temp_dir().join(format!("mape-log-{}", process::id()));
        let _ = std::fs::remove_file(&path);
        let daemon = UnixDatagram::bind(&path).unwrap();
        daemon.set_nonblocking(true).unwrap();
        about("too-early", LevelFilter::Debug);
        start(Some(&path));
        log::debug!("more than the default");
        log::info!("no interface");
        about("wan", LevelFilter::Warn);
        log::warn!("no rule\nfor this");
        log::info!("more than the option wants");
        log::error!("refused");
        about("wan2", LevelFilter::Debug);
        without_debug(|| log::debug!("said already"));
        without_interface(|| log::info!("wan3: loaded"));
        log::debug!("considered");
        let mut bytes = [0; 256];
        let mut messages = Vec::new();
        while let Ok(length) = daemon.recv(&mut bytes) {
            messages.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
        }
        std::fs::remove_file(&path).unwrap();
        let process = process::id();
        let expected = [
            format!("<30>mape-rs[{process}]: no interface"),
            format!("<28>mape-rs[{process}]: wan: no rule\\nfor this"),
            format!("<27>mape-rs[{process}]: wan: refused"),
            format!("<30>mape-rs[{process}]: wan3: loaded"),
            format!("<31>mape-rs[{process}]: wan2: considered"),
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn a_level_is_one_of_four_words() {
        let words = ["error", "warn", "info", "debug"].map(|word| level(word).unwrap());
        assert!(words.is_sorted());
        assert_eq!(level("INFO"), None);
        assert_eq!(level(""), None);
    }
}
