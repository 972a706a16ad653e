//! `notify_proto`: the messages of a handler to netifd.

use std::process;

use mape_ubus::Status;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::dependency::Dependency;
use crate::device::Device;
use crate::interface::{Stage, State};
use crate::ip::{Settings, Updated};
use crate::netifd::{Command, Netifd};

/// A message. Fields of another type than netifd declares count as absent.
struct Words<'a>(&'a Value);

impl<'a> Words<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    fn number(&self, name: &str) -> Option<i32> {
        self.0.get(name)?.as_i64().and_then(|number| i32::try_from(number).ok())
    }

    /// Returns a list of texts, or `None` if it has other values.
    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let items = self.0.get(name)?.as_array()?;
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }
}

impl Netifd {
    /// Handles a message of a handler.
    pub(crate) fn notify(&mut self, name: &str, message: &Value) -> Result<(), Status> {
        let words = Words(message);
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        if interface.handler().is_none() {
            return Err(Status::NotSupported);
        }
        let ending = matches!(interface.stage, Stage::Teardown | Stage::Aborting);
        match words.number("action").ok_or(Status::InvalidArgument)? {
            0 | 1 | 6 | 7 if ending => Err(Status::PermissionDenied),
            0 => self.update_link(name, message),
            1 => self.run_command(name, &words),
            2 => {
                let signal =
                    words.number("signal").and_then(|number| Signal::try_from(number).ok());
                let signal = signal.unwrap_or(Signal::SIGTERM);
                if let Some(task) = interface.proto_task {
                    interface.proto_task_killed |=
                        matches!(signal, Signal::SIGTERM | Signal::SIGKILL);
                    task.signal(signal);
                }
                Ok(())
            }
            3 => {
                let mut error = words.texts("error").ok_or(Status::InvalidArgument)?;
                // The code and at most 14 values.
                if error.is_empty() || error.len() > 15 {
                    return Err(Status::InvalidArgument);
                }
                let data = error.split_off(1);
                let subsystem = interface.text("proto").unwrap_or_default().to_owned();
                interface.add_fault(&subsystem, &error.concat(), data);
                Ok(())
            }
            4 => {
                interface.autostart = false;
                Ok(())
            }
            5 => {
                let available = words.flag("available").ok_or(Status::InvalidArgument)?;
                self.set_available(name, available);
                Ok(())
            }
            6 => self.host_dependency(name, &words),
            7 => {
                if interface.stage == Stage::Idle {
                    self.link_lost(name);
                }
                self.command(name, Command::Teardown);
                Ok(())
            }
            _ => Err(Status::InvalidArgument),
        }
    }

    fn run_command(&mut self, name: &str, words: &Words<'_>) -> Result<(), Status> {
        let command = words.texts("command").ok_or(Status::InvalidArgument)?;
        let (program, arguments) = command.split_first().ok_or(Status::InvalidArgument)?;
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        let mut command = process::Command::new(program);
        command.args(arguments);
        for setting in words.texts("env").unwrap_or_default() {
            command.envs(setting.split_once('='));
        }
        if let Some(handler) = interface.handler() {
            command.current_dir(&handler.directory);
        }
        if let Some(running) = interface.proto_task.take() {
            running.signal(Signal::SIGKILL);
        }
        interface.proto_task_killed = false;
        interface.proto_task = self.processes.start(command, name);
        Ok(())
    }

    fn host_dependency(&mut self, name: &str, words: &Words<'_>) -> Result<(), Status> {
        let host = words.text("host").unwrap_or_default();
        let interface = words.text("ifname").unwrap_or_default().to_owned();
        let host = match host {
            "" if !interface.is_empty() => None,
            host => Some(host.parse().map_err(|_| Status::InvalidArgument)?),
        };
        self.depend(name, Dependency { host, interface, met_by: None })
    }

    /// Handles an update.
    fn update_link(&mut self, name: &str, message: &Value) -> Result<(), Status> {
        let words = Words(message);
        if !words.flag("link-up").ok_or(Status::InvalidArgument)? {
            self.link_lost(name);
            return Ok(());
        }
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        let is_up = interface.state == State::Up && interface.l3.is_some();
        let keep = words.flag("keep").unwrap_or(false) && is_up;
        if !keep {
            let device = words.text("ifname").or_else(|| interface.own_device());
            let device = device.ok_or(Status::InvalidArgument)?;
            let tunnel = message.get("tunnel").and_then(Value::as_object).cloned();
            let device = Device { name: device.to_owned(), tunnel };
            // Unchanged addresses are not set on a recreated tunnel, because netifd compares with
            // its own records.
            if !self.use_device(name, device) {
                return Err(Status::UnknownError);
            }
        }
        if let Some(interface) = self.interfaces.get_mut(name) {
            interface.updated = Updated::default();
        }
        self.update_ip(name, Settings::read(message), keep);
        if let Some(interface) = self.interfaces.get_mut(name) {
            if let Some(data) = message.get("data").and_then(Value::as_object) {
                interface.merge_data(data);
            }
        }
        self.came_up(name);
        if let Some(interface) = self.interfaces.get_mut(name) {
            if !matches!(interface.stage, Stage::Teardown | Stage::Aborting) {
                interface.stage = Stage::Idle;
            }
        }
        Ok(())
    }
}
