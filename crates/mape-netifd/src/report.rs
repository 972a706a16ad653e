//! What a call reports: errors and warnings in `ifstatus`, lines in the log.

use log::Level;
use mape_core::Failure;

use super::bus::{interface_object, notify, set_data};
use super::decide::Target;
use super::dump::Dump;
use super::interface_cache::InterfaceCache;
use super::interface_data::{InterfaceData, Warning};
use super::invocation::Invocation;
use super::messages;

/// Reports the reason why the interface is not up: in `ifstatus`' errors, and in the log unless its
/// last line was the same one.
pub(super) fn failure(call: &mut Invocation<'_>, failure: &Failure, last_line: &mut String) {
    let line = failure.line();
    if *last_line == line {
        tell_netifd(call, failure);
    } else {
        log_and_tell_netifd(call, failure, Level::Error);
        *last_line = line;
    }
}

/// Reports something that is wrong while the interface is up: an error, and a line in the log.
pub(super) fn warning(call: &mut Invocation<'_>, reason: &Failure) {
    log_and_tell_netifd(call, reason, Level::Warn);
}

fn log_and_tell_netifd(call: &mut Invocation<'_>, failure: &Failure, level: Level) {
    log::log!(level, "{}", failure.line());
    tell_netifd(call, failure);
}

fn tell_netifd(call: &mut Invocation<'_>, failure: &Failure) {
    // The log has it if netifd refuses.
    let _ = notify(call.bus, &messages::error(call.interface, failure));
}

/// Reports the failure of a call for an interface that was up: an error, a warning in the
/// interface's data, and a line in the log.
pub(super) fn failure_while_up(call: &mut Invocation<'_>, reason: &Failure, stays_up: bool) {
    let level = if stays_up { Level::Warn } else { Level::Error };
    log_and_tell_netifd(call, reason, level);
    set_warning(call, Some(reason));
}

/// Logs the rules of other sources that contradict the one in use.
pub(super) fn conflicts(target: &Target) {
    for conflict in &target.conflicts {
        log::warn!("{conflict}");
    }
}

/// Publishes the rule of a target that is applied already: the same numbers may come from another
/// source. Nothing is sent if it was published before.
pub(super) fn publish_rule(call: &mut Invocation<'_>, cache: &mut InterfaceCache, target: &Target) {
    let rule = target.published_rule();
    if cache.last_published.as_ref() == Some(&rule) {
        return;
    }
    let object = interface_object(call.interface.as_str());
    if call.bus.call(&object, "set_data", &rule.to_value()).is_ok() {
        cache.last_published = Some(rule);
    }
}

/// Makes the warning in the interface's data that of a target which is applied already, and
/// reports it where it is a new one.
pub(super) fn publish_warning(call: &mut Invocation<'_>, dump: &Dump, target: &Target) {
    let own = dump.interface(call.interface.as_str());
    let shown = own.and_then(|own| own.data.warning());
    if shown == target.warning.as_ref().map(Warning::of).as_ref() {
        return;
    }
    if let Some(reason) = &target.warning {
        warning(call, reason);
    }
    set_warning(call, target.warning.as_ref());
}

fn set_warning(call: &mut Invocation<'_>, warning: Option<&Failure>) {
    let _ = set_data(call.bus, call.interface, &InterfaceData::of_warning(warning));
}
