//! What a call reports: errors and warnings in `ifstatus`, lines in the log.

use mape_core::Failure;

use super::bus::{interface_object, notify, set_data};
use super::decide::Target;
use super::dump::Dump;
use super::interface_cache::InterfaceCache;
use super::interface_data::{InterfaceData, Warning};
use super::invocation::Invocation;
use super::messages;

/// Reports a failure in `ifstatus`' errors, and in the log unless its last line was the same one.
pub(super) fn failure(call: &mut Invocation<'_>, failure: &Failure, last_line: &mut String) {
    let line = failure.line();
    if *last_line != line {
        let _ = writeln!(call.log, "{line}");
        *last_line = line;
    }
    // The log has it if netifd refuses.
    let _ = notify(call.bus, &messages::error(call.interface, failure));
}

/// Reports the failure of a call that left a working interface as it is: an error, a warning in
/// the interface's data, and a line in the log.
pub(super) fn failure_while_up(call: &mut Invocation<'_>, reason: &Failure) {
    failure(call, reason, &mut String::new());
    set_warning(call, Some(reason));
}

/// Logs the rules of other sources that contradict the one in use.
pub(super) fn conflicts(call: &mut Invocation<'_>, target: &Target) {
    for conflict in &target.conflicts {
        let _ = writeln!(call.log, "{conflict}");
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
        failure(call, reason, &mut String::new());
    }
    set_warning(call, target.warning.as_ref());
}

fn set_warning(call: &mut Invocation<'_>, warning: Option<&Failure>) {
    let _ = set_data(call.bus, call.interface, &InterfaceData::of_warning(warning));
}
