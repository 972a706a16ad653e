//! The object `stand-in`, with which tests change the environment. The real netifd has no such
//! object.

use mape_ubus::Status;
use serde_json::{Value, json};

use crate::event::Happened;
use crate::interface::{Interface, Protocol, State};
use crate::ip::Settings;
use crate::netifd::Netifd;
use crate::objects::Answer;

impl Netifd {
    /// `uplink`, `start`, `objects`, `executed`, `idle` and `no_tunnels`.
    pub(crate) fn control(&mut self, method: &str, arguments: &Value) -> Answer {
        match method {
            // A static interface's options, as in the configuration, and `up`. Other options do not
            // change; null removes one.
            "uplink" => self.uplink(arguments),
            // Starts the daemon if its start was deferred.
            "start" => {
                if !self.started {
                    self.start();
                }
                Ok(None)
            }
            // The paths of all objects, for `ubus list`.
            "objects" => Ok(Some(json!({"objects": self.objects()}))),
            // Every `ip` command so far.
            "executed" => Ok(Some(json!({"commands": self.system.commands}))),
            // Whether no script and no hook runs or is scheduled.
            "idle" => {
                let busy = |interface: &Interface| {
                    let leaves = interface.farewell.or(interface.removal).is_some();
                    interface.script.is_some() || leaves
                };
                let idle = self.hotplug.is_idle() && !self.interfaces.values().any(busy);
                Ok(Some(json!({"idle": idle})))
            }
            // `on`: from now on, creating a tunnel fails.
            "no_tunnels" => {
                self.system.no_tunnels =
                    arguments.get("on").and_then(Value::as_bool).unwrap_or(true);
                Ok(None)
            }
            _ => Err(Status::MethodNotFound),
        }
    }

    /// Changes an uplink as a DHCP client or the user would.
    fn uplink(&mut self, arguments: &Value) -> Answer {
        let fields = arguments.as_object().ok_or(Status::InvalidArgument)?;
        let name =
            arguments.get("interface").and_then(Value::as_str).ok_or(Status::InvalidArgument)?;
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        if !matches!(interface.protocol, Protocol::Static) {
            return Err(Status::NotSupported);
        }
        for (option, value) in
            fields.iter().filter(|(option, _)| !["interface", "up"].contains(&option.as_str()))
        {
            match value {
                Value::Null => drop(interface.section.remove(option)),
                value => drop(interface.section.insert(option.clone(), value.clone())),
            }
        }
        let section = Value::Object(interface.section.clone());
        let is_up = interface.state == State::Up;
        match arguments.get("up").and_then(Value::as_bool) {
            Some(false) => self.set_down(name),
            Some(true) if !is_up => self.set_up(name),
            _ if is_up => {
                self.update_ip(name, Settings::read(&section), false);
                if self.interfaces.get(name).is_some_and(|interface| interface.updated.any()) {
                    self.happened(name, Happened::Update);
                }
            }
            _ => {}
        }
        Ok(None)
    }
}
