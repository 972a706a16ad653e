//! The life of an interface against a bus that records; the real one is in `tests/openwrt`.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use log::Level;
use mape_core::{Code, Failure};
use mape_firewall::Env;
use mape_kernel::netlink::NetlinkError;
use mape_nft::InterfaceName;
use mape_ubus::{Status, UbusError};
use serde_json::{Value, json};

use super::captured_log::{captured, lines};
use super::*;

mod changes;
mod logging;
mod opening;
mod provisioning;
mod recovery;
mod set_up;
mod two;
mod upgrade;

const CE_IN_HEX: &str = "240b001032616400006a483261006400";

/// The tunnel's index, once it is there.
const TUNNEL: u32 = 4711;

/// netifd, as far as these tests go.
struct Netifd {
    dump: Value,
    mtu: u16,
    calls: Vec<(String, String, Value)>,
    refuses: fn(&str, &Value) -> bool,
    /// How many calls it is too busy for.
    silent: u32,
    /// It has ended.
    gone: bool,
    /// Limits of calls that have one of their own.
    limits: Vec<Duration>,
    /// After this many answers the interfaces are these.
    later: Option<(u32, Value)>,
}

impl Bus for Netifd {
    fn call_within(
        &mut self,
        time: Duration,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, UbusError> {
        if time < Duration::MAX {
            self.limits.push(time);
        }
        self.calls.push((object.to_owned(), method.to_owned(), arguments.clone()));
        if self.gone {
            return Err(UbusError::ObjectNotFound(object.to_owned()));
        }
        if let Some(fewer) = self.silent.checked_sub(1) {
            self.silent = fewer;
            return Err(UbusError::Timeout(TIMEOUT));
        }
        if (self.refuses)(method, arguments) {
            return Err(UbusError::Status {
                object: object.to_owned(),
                method: method.to_owned(),
                status: Status::UnknownError,
            });
        }
        if let Some((left, dump)) = self.later.as_mut().filter(|_| method == "dump") {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.dump = dump.take(),
            }
            self.later.take_if(|(_, dump)| dump.is_null());
        }
        Ok(match method {
            "dump" => self.dump.clone(),
            "status" => json!({ "mtu": self.mtu }),
            _ => json!({}),
        })
    }
}

impl Netifd {
    fn with(interfaces: &[Value]) -> Self {
        Self {
            dump: json!({ "interface": interfaces }),
            mtu: 1500,
            calls: Vec::new(),
            refuses: |_, _| false,
            silent: 0,
            gone: false,
            limits: Vec::new(),
            later: None,
        }
    }

    /// The messages of `notify_proto` with this action.
    fn notified(&self, action: u64) -> Vec<&Value> {
        let updates = self.calls.iter().filter(|call| call.1 == "notify_proto");
        updates.map(|call| &call.2).filter(|message| message["action"] == action).collect()
    }

    fn called(&self, method: &str) -> Vec<&(String, String, Value)> {
        self.calls.iter().filter(|call| call.1 == method).collect()
    }
}

fn wan6(prefix: &str) -> Value {
    json!({"interface": "wan6", "up": true, "autostart": true, "proto": "dhcpv6",
        "l3_device": "eth1", "ipv6-prefix": [{"address": prefix, "mask": 56}],
        "route": [{"target": "::", "mask": 0}]})
}

fn mape(up: bool, data: &Value) -> Value {
    json!({"interface": "mape", "up": up, "autostart": true, "proto": "mape", "data": data})
}

/// Directories, and an nft that gives the configured answers.
struct World {
    root: PathBuf,
    env: Env,
}

impl World {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("mape-netifd-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("etc/config")).unwrap();
        let zones = "config zone\n\toption name wan\n\tlist network wan6\n";
        fs::write(root.join("etc/config/firewall"), zones).unwrap();
        let proc = root.join("proc");
        fs::create_dir_all(proc.join("net")).unwrap();
        fs::write(proc.join("net/if_inet6"), format!("{CE_IN_HEX} 02 80 00 80 eth1\n")).unwrap();
        fs::copy("/proc/uptime", proc.join("uptime")).unwrap();
        let env = Env {
            run: root.join("state"),
            flash: root.join("flash"),
            devices: root.join("devices"),
            proc,
            ubus: Vec::new(),
            nft: "true".into(),
            forget: |_| Ok(7),
            device_down: |index| {
                assert_eq!(index, TUNNEL);
                Err(NetlinkError::Silent)
            },
            retry_delay: Duration::from_millis(1),
            hook_delay: Duration::ZERO,
            ..Env::default().with_root(&root)
        };
        Self { root, env }
    }

    /// Returns the errors and warnings in the log too.
    fn setup(&self, bus: &mut Netifd, options: &str) -> (Result<(), Code>, String) {
        let (result, log) = captured(|| setup(bus, &self.env, &name(), options));
        (result.map_err(|failure| code(&failure)), lines(&log, Level::Warn))
    }

    fn renew(&self, bus: &mut Netifd, options: &str) -> Result<(), Code> {
        let result = renew(bus, &self.env, &name(), options);
        result.map_err(|failure| code(&failure))
    }

    fn event(&self, bus: &mut Netifd, action: &str, interface: &str) -> String {
        let event = Event { action: action.to_owned(), interface: interface.to_owned() };
        lines(&captured(|| hotplug(bus, &self.env, &event)).1, Level::Info)
    }

    fn state(&self) -> PathBuf {
        self.env.run.join("mape.json")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn name() -> InterfaceName {
    "mape".parse().unwrap()
}

fn code(failure: &Failure) -> Code {
    failure.code
}

const A: &str = "240b:10:3261:6400::";
