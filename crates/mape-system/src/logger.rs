//! The log: to syslog where a daemon listens, else to standard error.
//!
//! The levels are those of the crate `log`. On a router `logd` takes a message with its priority
//! and the name of the interface, so that `logread -e mape-rs` shows our lines and a filter can
//! choose by level. A message is one line, and never contains a password.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};
use mape_core::Shown;

/// The socket of the syslog daemon.
const SYSLOG: &str = "/dev/log";
/// The name of the program in syslog.
const TAG: &str = "mape-rs";
/// The facility `daemon` (RFC 5424 section 6.2.1).
const DAEMON: u8 = 3;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Starts the log for this process; a second call changes only the level. `interface` is named in
/// each message.
///
/// Without a syslog daemon, or where `own_output` says that the caller reads standard error, the
/// messages go there.
pub fn start(interface: Option<&str>, level: LevelFilter, own_output: bool) {
    let socket = if own_output { None } else { connect(SYSLOG.as_ref()).ok() };
    let logger = LOGGER
        .get_or_init(|| Logger { interface: interface.unwrap_or_default().to_owned(), socket });
    // Fails where a logger is set already: then it is this one, or that of a test.
    let _ = log::set_logger(logger);
    log::set_max_level(level);
}

/// Reads a level as the option `log_level` states it.
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
    interface: String,
    socket: Option<UnixDatagram>,
}

impl Logger {
    fn message(&self, record: &Record<'_>) -> String {
        let separator = if self.interface.is_empty() { "" } else { ": " };
        format!("{}{separator}{}", self.interface, Shown(record.args()))
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

    #[test]
    fn a_message_has_priority_program_and_interface() {
        let path = std::env::temp_dir().join(format!("mape-log-{}", process::id()));
        let _ = std::fs::remove_file(&path);
        let daemon = UnixDatagram::bind(&path).unwrap();
        let logger = Logger { interface: "wan".to_owned(), socket: connect(&path).ok() };
        log::set_max_level(LevelFilter::Info);
        for (level, text) in [
            (Level::Warn, "no rule\nfor this"),
            (Level::Debug, "too much"),
            (Level::Error, "refused"),
        ] {
            logger.log(&Record::builder().level(level).args(format_args!("{text}")).build());
        }
        let mut bytes = [0; 256];
        let mut next = || {
            let length = daemon.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        let process = process::id();
        assert_eq!(next(), format!("<28>mape-rs[{process}]: wan: no rule\\nfor this"));
        assert_eq!(next(), format!("<27>mape-rs[{process}]: wan: refused"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_level_is_one_of_four_words() {
        let words = ["error", "warn", "info", "debug"].map(|word| level(word).unwrap());
        assert!(words.is_sorted());
        assert_eq!(level("INFO"), None);
        assert_eq!(level(""), None);
    }
}
