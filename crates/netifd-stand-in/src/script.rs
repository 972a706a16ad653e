//! Runs a handler's script as netifd does.

use std::process;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::interface::{Stage, State};
use crate::netifd::{Command, Netifd};
use crate::process::Task;

/// The time in which a stopped setup has to end.
const GRACE: Duration = Duration::from_secs(1);
/// The time limit of a teardown.
const TEARDOWN: Duration = Duration::from_secs(5);

impl Netifd {
    /// Passes a request to the handler's script, and returns whether it started.
    pub(crate) fn script_command(&mut self, name: &str, command: Command) -> bool {
        let Some(interface) = self.interfaces.get_mut(name) else { return false };
        match command {
            Command::Setup => {
                if interface.stage != Stage::Idle {
                    return false;
                }
                interface.last_error = None;
                interface.dependencies.clear();
                interface.stage = Stage::Setup;
                if !self.start_script(name, "setup", None) {
                    if let Some(interface) = self.interfaces.get_mut(name) {
                        interface.stage = Stage::Idle;
                    }
                    return false;
                }
                true
            }
            Command::Renew => {
                let knows = interface.handler().is_some_and(|handler| handler.renew);
                if !knows || matches!(interface.stage, Stage::Aborting | Stage::Teardown) {
                    return true;
                }
                // A running script is not stopped; the renewal follows it.
                interface.renew_pending = interface.script.is_some();
                interface.renew_pending || self.start_script(name, "renew", None)
            }
            Command::Teardown => {
                let running = interface.script.filter(|_| interface.stage == Stage::Setup);
                match (interface.stage, running) {
                    (Stage::Teardown | Stage::Aborting, _) => interface.stage == Stage::Teardown,
                    (_, Some(script)) => {
                        script.signal(Signal::SIGTERM);
                        if let Some(task) = interface.proto_task {
                            task.signal(Signal::SIGTERM);
                        }
                        interface.timeout = Some(Instant::now() + GRACE);
                        interface.renew_pending = false;
                        interface.stage = Stage::Aborting;
                        true
                    }
                    (_, None) => {
                        interface.renew_pending = false;
                        interface.stage = Stage::Teardown;
                        interface.timeout = Some(Instant::now() + TEARDOWN);
                        let error = interface.last_error;
                        self.start_script(name, "teardown", error)
                    }
                }
            }
        }
    }

    /// Starts the script. A script that still runs is killed first, without an event.
    fn start_script(&mut self, name: &str, action: &str, error: Option<i32>) -> bool {
        let Some(interface) = self.interfaces.get_mut(name) else { return false };
        if let Some(script) = interface.script.take() {
            script.signal(Signal::SIGKILL);
        }
        let Some(handler) = interface.handler() else { return false };
        let options = Value::Object(interface.options()).to_string();
        let mut command = process::Command::new(&handler.script);
        command.args([interface.text("proto").unwrap_or_default(), action, name, &options]);
        command.args(interface.own_device());
        command.current_dir(&handler.directory);
        if let Some(error) = error {
            command.env("ERROR", error.to_string());
        }
        let script = self.processes.start(command, name);
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.script = script;
        }
        script.is_some()
    }

    /// Handles the end of a process: a script, the process of a handler, or the hooks'.
    pub(crate) fn process_ended(&mut self, task: Task, code: i32) {
        self.hooks_ended(task);
        self.service_ended(task);
        for name in self.names() {
            let Some(interface) = self.interfaces.get_mut(&name) else { continue };
            if interface.script.take_if(|script| *script == task).is_some() {
                self.script_ended(&name);
            } else if interface.proto_task.take_if(|running| *running == task).is_some() {
                if matches!(interface.stage, Stage::Idle | Stage::Setup) {
                    interface.last_error = Some(code);
                }
                self.proto_task_ended(&name);
            }
        }
    }

    fn script_ended(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        match interface.stage {
            Stage::Idle | Stage::Setup => {
                let left_alone = interface.handler().is_some_and(|handler| handler.no_proto_task)
                    || interface.proto_task.is_some();
                if interface.renew_pending {
                    self.command(name, Command::Renew);
                } else if !left_alone && interface.stage == Stage::Setup {
                    // The interface cannot come up any more.
                    self.command(name, Command::Teardown);
                }
                self.set_checkup(name);
            }
            Stage::Aborting | Stage::Teardown => self.all_ended(name),
        }
    }

    /// Handles the end of the handler's own process: starts again.
    fn proto_task_ended(&mut self, name: &str) {
        match self.interfaces.get(name).map(|interface| interface.stage) {
            Some(Stage::Idle) => {
                self.link_lost(name);
                self.command(name, Command::Teardown);
            }
            Some(Stage::Setup) => drop(self.command(name, Command::Teardown)),
            Some(Stage::Aborting | Stage::Teardown) => self.all_ended(name),
            None => {}
        }
    }

    /// Continues after both the script and the handler's process have ended.
    fn all_ended(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        if interface.script.is_some() {
            return;
        }
        if let Some(task) = interface.proto_task {
            if interface.stage == Stage::Teardown && !interface.proto_task_killed {
                task.signal(Signal::SIGTERM);
            }
            return;
        }
        interface.timeout = None;
        interface.checkup = None;
        let was = std::mem::replace(&mut interface.stage, Stage::Idle);
        if was == Stage::Aborting {
            self.command(name, Command::Teardown);
        } else {
            self.went_down(name);
        }
    }

    /// Handles the time limit of a script.
    pub(crate) fn timeout_ends(&mut self, name: &str) {
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.kill_processes();
            self.all_ended(name);
        }
    }

    /// Schedules a repetition of a setup that left the interface pending, if the handler declares
    /// `checkup_interval` and the section has it.
    fn set_checkup(&mut self, name: &str) {
        let Some(interface) = self.interfaces.get_mut(name) else { return };
        let seconds = interface.options().get("checkup_interval").and_then(Value::as_u64);
        if let (Stage::Setup, Some(seconds @ 1..)) = (interface.stage, seconds) {
            interface.checkup = Some(Instant::now() + Duration::from_secs(seconds));
        }
    }

    /// Handles the timer of the checkup.
    pub(crate) fn check_up(&mut self, name: &str) {
        let waits = |state| state != State::Up;
        let due = self
            .interfaces
            .get(name)
            .is_some_and(|interface| interface.autostart && waits(interface.state));
        if due {
            self.command(name, Command::Teardown);
        }
    }
}
