//! The part of procd's object `service` that restarts processes: instances with `respawn`. An
//! instance that ends is restarted after its delay. An instance whose description changes is
//! stopped and started immediately.

use std::process::Command;
use std::time::{Duration, Instant};

use mape_ubus::Status;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::netifd::Netifd;
use crate::objects::Answer;
use crate::process::Task;

/// A process that is restarted.
#[derive(Debug)]
pub(crate) struct Instance {
    service: String,
    name: String,
    command: Vec<String>,
    /// The delay between two runs; `None` if it is not restarted.
    wait: Option<Duration>,
    running: Option<Task>,
    due: Option<Instant>,
    /// Stopped, to start with another description.
    restart: bool,
}

impl Netifd {
    /// `set`, `add`, `delete`, `list` and `get_data`. `set` ends the service's instances that it
    /// does not name.
    pub(crate) fn service(&mut self, method: &str, arguments: &Value) -> Answer {
        let name = || arguments.get("name").and_then(Value::as_str).ok_or(Status::InvalidArgument);
        match method {
            "get_data" => Ok(Some(json!({}))),
            "list" => Ok(Some(self.list_services())),
            "set" | "add" => {
                let service = name()?;
                let instances = arguments.get("instances").and_then(Value::as_object);
                if let Some(instances) = instances.filter(|_| method == "set") {
                    self.end_instances(|it| {
                        it.service == service && !instances.contains_key(&it.name)
                    });
                }
                for (name, instance) in instances.into_iter().flatten() {
                    self.set_instance(service, name, instance)?;
                }
                Ok(None)
            }
            "delete" => {
                let service = name()?;
                let instance = arguments.get("instance").and_then(Value::as_str);
                let is_meant = |it: &Instance| {
                    it.service == service && instance.is_none_or(|name| it.name == name)
                };
                if self.end_instances(is_meant) == 0 { Err(Status::NotFound) } else { Ok(None) }
            }
            _ => Err(Status::MethodNotFound),
        }
    }

    /// Removes instances and ends their processes. Returns how many there were.
    fn end_instances(&mut self, is_meant: impl Fn(&Instance) -> bool) -> usize {
        let all = std::mem::take(&mut self.services);
        let (gone, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(is_meant);
        self.services = kept;
        for task in gone.iter().filter_map(|instance| instance.running) {
            task.signal(Signal::SIGTERM);
        }
        gone.len()
    }

    fn list_services(&self) -> Value {
        let mut all = serde_json::Map::new();
        for Instance { service, name, command, running, .. } in &self.services {
            let of_service = all.entry(service.clone()).or_insert_with(|| json!({"instances": {}}));
            if let Some(Value::Object(instances)) = of_service.get_mut("instances") {
                let instance = json!({"running": running.is_some(), "command": command});
                instances.insert(name.clone(), instance);
            }
        }
        Value::Object(all)
    }

    fn set_instance(&mut self, service: &str, name: &str, settings: &Value) -> Result<(), Status> {
        let texts = |key: &str| -> Option<Vec<String>> {
            let list = settings.get(key)?.as_array()?;
            list.iter().map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let command = texts("command").ok_or(Status::InvalidArgument)?;
        let wait = texts("respawn").and_then(|words| words.get(1)?.parse().ok());
        let wait = wait.map(Duration::from_secs);
        let at = self.services.iter().position(|it| it.service == service && it.name == name);
        let at = at.unwrap_or_else(|| {
            self.services.push(Instance {
                service: service.to_owned(),
                name: name.to_owned(),
                command: Vec::new(),
                wait: None,
                running: None,
                due: None,
                restart: false,
            });
            self.services.len() - 1
        });
        let Some(instance) = self.services.get_mut(at) else { return Ok(()) };
        let changed = instance.command != command || instance.wait != wait;
        (instance.command, instance.wait) = (command, wait);
        match instance.running {
            Some(task) if changed => {
                instance.restart = true;
                task.signal(Signal::SIGTERM);
            }
            Some(_) => {}
            None => self.start_instance(at),
        }
        Ok(())
    }

    fn start_instance(&mut self, at: usize) {
        let Some(instance) = self.services.get_mut(at) else { return };
        (instance.due, instance.restart) = (None, false);
        let Some((program, words)) = instance.command.split_first() else { return };
        let mut command = Command::new(program);
        command.args(words);
        instance.running = self.processes.start(command, &instance.service);
        if instance.running.is_none() {
            instance.due = instance.wait.map(|wait| Instant::now() + wait);
        }
    }

    /// Returns the time of the next start.
    pub(crate) fn service_due(&self) -> Option<Instant> {
        self.services.iter().filter_map(|instance| instance.due).min()
    }

    /// Starts the instances that are due.
    pub(crate) fn start_due_services(&mut self) {
        let now = Instant::now();
        for at in 0..self.services.len() {
            if self.services.get(at).is_some_and(|it| it.due.is_some_and(|due| due <= now)) {
                self.start_instance(at);
            }
        }
    }

    /// Handles the end of a process, which may be an instance.
    pub(crate) fn service_ended(&mut self, task: Task) {
        let Some(at) = self.services.iter().position(|it| it.running == Some(task)) else { return };
        let Some(instance) = self.services.get_mut(at) else { return };
        instance.running = None;
        if instance.restart {
            self.start_instance(at);
        } else {
            instance.due = instance.wait.map(|wait| Instant::now() + wait);
        }
    }
}
