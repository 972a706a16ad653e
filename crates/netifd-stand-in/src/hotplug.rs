//! The hotplug hooks: one event at a time, at most one waiting for each interface.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;

use crate::event::Happened;
use crate::netifd::Netifd;
use crate::process::{self, Task};

/// Runs the scripts of a directory for each event, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Hotplug {
    directory: Option<PathBuf>,
    waiting: VecDeque<(String, Happened)>,
    /// The event whose scripts run, until its interface is removed.
    current: Option<(String, Happened)>,
    task: Option<Task>,
}

impl Hotplug {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, ..Self::default() }
    }

    /// Returns whether no hook runs and no event waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.task.is_none() && self.waiting.is_empty()
    }

    /// Queues an event. A later event replaces a waiting one of the same interface, but an update
    /// does not replace an `ifup`. The event that the hooks run for now is not queued again unless
    /// it is an update.
    fn queue(&mut self, interface: &str, happened: Happened) {
        if happened == Happened::Free {
            self.waiting.retain(|(name, _)| name != interface);
            self.current.take_if(|(name, _)| name == interface);
            return;
        }
        let reported =
            self.current.as_ref().filter(|(name, _)| name == interface).map(|(_, event)| *event);
        let waiting = self.waiting.iter_mut().find(|(name, _)| name == interface);
        match (reported, waiting) {
            (Some(_), Some((_, event))) if happened != Happened::Update => *event = happened,
            (None, Some((_, event)))
                if !(*event == Happened::Up && happened == Happened::Update) =>
            {
                *event = happened;
            }
            (_, Some(_)) => {}
            (Some(reported), None) if reported == happened && happened != Happened::Update => {}
            (_, None) => self.waiting.push_back((interface.to_owned(), happened)),
        }
    }
}

impl Netifd {
    /// Runs the hooks, at once or after the current event.
    pub(crate) fn tell_hooks(&mut self, interface: &str, happened: Happened) {
        self.hotplug.queue(interface, happened);
        self.call_hooks();
    }

    /// Handles the end of the hooks' process.
    pub(crate) fn hooks_ended(&mut self, task: Task) {
        if self.hotplug.task.take_if(|running| *running == task).is_some() {
            self.hotplug.current = None;
            self.call_hooks();
        }
    }

    fn call_hooks(&mut self) {
        while self.hotplug.task.is_none() {
            let Some((name, happened)) = self.hotplug.waiting.pop_front() else { return };
            let (Some(directory), Some(action)) =
                (self.hotplug.directory.clone(), happened.action())
            else {
                continue;
            };
            // Each script is sourced in a separate shell, as hotplug-call does.
            let mut command = Command::new("sh");
            command.args(["-c", "for hook do (. \"$hook\"); done", "hotplug-call"]);
            let hooks = process::scripts(&directory, |name| !name.starts_with('.'));
            command.args(hooks.iter().map(|hook| directory.join(hook)));
            command.envs([("ACTION", action), ("INTERFACE", &name), ("HOTPLUG_TYPE", "iface")]);
            if let Some(interface) = self.interfaces.get(&name) {
                if let (Happened::Up | Happened::Update, Some(device)) = (happened, &interface.l3) {
                    command.env("DEVICE", &device.name);
                }
                let updated = interface.updated;
                for (name, changed) in [
                    ("IFUPDATE_ADDRESSES", updated.addresses),
                    ("IFUPDATE_ROUTES", updated.routes),
                    ("IFUPDATE_PREFIXES", updated.prefixes),
                    ("IFUPDATE_DATA", updated.data),
                ] {
                    if changed && happened == Happened::Update {
                        command.env(name, "1");
                    }
                }
            }
            self.hotplug.task = self.processes.start(command, "hotplug");
            self.hotplug.current = Some((name, happened));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(current: Option<Happened>, events: &[Happened]) -> Vec<Happened> {
        let mut hotplug =
            Hotplug { current: current.map(|event| ("x".into(), event)), ..Hotplug::default() };
        for event in events {
            hotplug.queue("x", *event);
        }
        hotplug.waiting.iter().map(|(_, event)| *event).collect()
    }

    #[test]
    fn one_event_waits_for_each_interface() {
        use Happened::{Down, Free, Up, Update};
        assert_eq!(queued(None, &[Down, Up]), [Up]);
        assert_eq!(queued(None, &[Up, Update]), [Up]);
        assert_eq!(queued(None, &[Update, Down]), [Down]);
        assert_eq!(queued(Some(Down), &[Down]), []);
        assert_eq!(queued(Some(Update), &[Update]), [Update]);
        assert_eq!(queued(Some(Up), &[Down, Update]), [Down]);
        assert_eq!(queued(Some(Up), &[Down, Free]), []);
    }
}
