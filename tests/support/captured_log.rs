//! The messages of the crate `log`, of one thread: tests run beside each other.

use std::cell::RefCell;

use log::{Level, LevelFilter, Log, Metadata, Record};

thread_local! {
    static MESSAGES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Capturing;

impl Log for Capturing {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let message = (record.level(), record.args().to_string());
        MESSAGES.with_borrow_mut(|messages| messages.push(message));
    }

    fn flush(&self) {}
}

/// Returns the result of `work` and its messages of all levels.
pub(crate) fn captured<T>(work: impl FnOnce() -> T) -> (T, Vec<(Level, String)>) {
    // Fails for all calls but the first.
    let _ = log::set_logger(&Capturing);
    log::set_max_level(LevelFilter::Debug);
    MESSAGES.take();
    let result = work();
    (result, MESSAGES.take())
}

/// Returns the messages of this level and of more important ones, a line each.
pub(crate) fn lines(messages: &[(Level, String)], level: Level) -> String {
    let some = messages.iter().filter(|message| message.0 <= level);
    some.flat_map(|message| [message.1.as_str(), "\n"]).collect()
}
