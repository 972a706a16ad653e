//! The ubus objects and their methods.

use std::time::{Duration, Instant};

use mape_ubus::Status;
use serde_json::{Map, Value, json};

use crate::config;
use crate::event::Happened;
use crate::interface::State;
use crate::netifd::{Command, Netifd};

/// A method's answer: with content, or without.
pub(crate) type Answer = Result<Option<Value>, Status>;

/// The objects that are always there. `service` is procd's and `stand-in` ours.
const OBJECTS: [&str; 5] =
    ["network", "network.device", "network.interface", "service", "stand-in"];
const PREFIX: &str = "network.interface.";

/// The time from `remove` until the interface is taken down.
const FAREWELL: Duration = Duration::from_millis(100);

impl Netifd {
    /// Returns the paths of all objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        if !self.started {
            return vec!["stand-in".to_owned()];
        }
        let of_interfaces = self.interfaces.keys().map(|name| format!("{PREFIX}{name}"));
        OBJECTS.iter().map(ToString::to_string).chain(of_interfaces).collect()
    }

    /// Calls a method.
    pub(crate) fn call(&mut self, object: &str, method: &str, arguments: &Value) -> Answer {
        match object {
            "network" => self.network(method, arguments),
            "network.device" => self.device(method, arguments),
            "network.interface" if method == "dump" => Ok(Some(self.dump())),
            "network.interface" => {
                let name = arguments.get("interface").and_then(Value::as_str);
                let name = name.ok_or(Status::InvalidArgument)?.to_owned();
                self.interface(&name, method, arguments)
            }
            "service" => self.service(method, arguments),
            "stand-in" => self.control(method, arguments),
            other => match other.strip_prefix(PREFIX) {
                Some(name) => self.interface(name, method, arguments),
                None => Err(Status::NotFound),
            },
        }
    }

    fn dump(&self) -> Value {
        let all = self.interfaces.iter().map(|(name, interface)| {
            let mut table = interface.dump(name);
            table.insert("interface".into(), name.as_str().into());
            Value::Object(table)
        });
        json!({"interface": all.collect::<Value>()})
    }

    fn network(&mut self, method: &str, arguments: &Value) -> Answer {
        match method {
            "reload" => {
                self.reload();
                Ok(None)
            }
            "add_dynamic" => {
                let section = arguments.as_object().ok_or(Status::InvalidArgument)?;
                let name =
                    arguments.get("name").and_then(Value::as_str).ok_or(Status::InvalidArgument)?;
                self.configure(name, section.clone(), true);
                Ok(None)
            }
            _ => Err(Status::MethodNotFound),
        }
    }

    fn device(&self, method: &str, arguments: &Value) -> Answer {
        if method != "status" {
            return Err(Status::MethodNotFound);
        }
        let status = |name: &str| {
            let used = self.interfaces.values().filter_map(|interface| interface.l3.as_ref());
            let tunnel =
                used.filter(|device| device.name == name).find_map(|device| device.tunnel.as_ref());
            let asked = tunnel.and_then(|tunnel| tunnel.get("mtu")?.as_i64());
            let kind = if tunnel.is_some() { "IP tunnel" } else { "Network device" };
            let mtu = asked.filter(|_| self.system.dry).or_else(|| self.system.mtu(name));
            json!({"external": false, "present": true, "type": kind, "up": true, "carrier": true,
                "mtu": mtu, "mtu6": mtu, "statistics": {}})
        };
        match arguments.get("name").and_then(Value::as_str) {
            Some(name) if self.system.has_device(name) => Ok(Some(status(name))),
            Some(_) => Err(Status::InvalidArgument),
            None => {
                let used = self.interfaces.values().filter_map(|interface| interface.l3.as_ref());
                let all = used.map(|device| (device.name.clone(), status(&device.name)));
                Ok(Some(Value::Object(all.collect::<Map<_, _>>())))
            }
        }
    }

    fn interface(&mut self, name: &str, method: &str, arguments: &Value) -> Answer {
        let interface = self.interfaces.get_mut(name).ok_or(Status::NotFound)?;
        match method {
            "status" => return Ok(Some(Value::Object(interface.dump(name)))),
            "dump" => return Ok(Some(self.dump())),
            "up" => self.set_up(name),
            "down" => self.set_down(name),
            "renew" if matches!(interface.state, State::Setup | State::Up) => {
                self.command(name, Command::Renew);
            }
            // netifd does not report the refusal.
            "renew" => {}
            // Not immediately: an interface added under the name until then is removed too.
            "remove" => interface.farewell = Some(Instant::now() + FAREWELL),
            "notify_proto" => self.notify(name, arguments)?,
            "set_data" => {
                interface.updated.data = false;
                interface.updated = crate::ip::Updated::default();
                if let Some(fields) = arguments.as_object() {
                    interface.merge_data(fields);
                }
                // Only a change of an interface that is up raises an event.
                if interface.updated.any() && interface.state == State::Up {
                    self.happened(name, Happened::Update);
                }
            }
            _ => return Err(Status::MethodNotFound),
        }
        Ok(None)
    }

    /// Reads the configuration again.
    pub(crate) fn reload(&mut self) {
        let network = match config::read(&self.config) {
            Ok(network) => network,
            Err(error) => return eprintln!("netifd: {error:#}"),
        };
        for (name, ports) in &network.bridges {
            self.make_bridge(name, ports);
        }
        let sections = network.interfaces;
        for name in self.names() {
            let dynamic = self.interfaces.get(&name).is_some_and(|interface| interface.dynamic);
            if !dynamic && !sections.contains_key(&name) {
                self.unconfigure(&name);
            }
        }
        for (name, section) in sections {
            self.configure(&name, section, false);
        }
    }
}
