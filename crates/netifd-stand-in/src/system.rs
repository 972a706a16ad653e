//! What would change the machine: `ip` commands. A dry one writes them down instead.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Runs `ip`, or remembers what it would have run.
#[derive(Debug, Default)]
pub(crate) struct System {
    pub(crate) dry: bool,
    /// All commands since the start, also those that ran.
    pub(crate) commands: Vec<String>,
    /// Creating a tunnel fails, as when the kernel refuses.
    pub(crate) no_tunnels: bool,
}

impl System {
    /// Runs one command of `ip`; whether it succeeded. Its complaints go to our log.
    pub(crate) fn ip(&mut self, command: &str) -> bool {
        self.commands.push(command.to_owned());
        if self.dry {
            return !(self.no_tunnels && command.starts_with("link add"));
        }
        let status = Command::new("ip").args(command.split(' ')).stdin(Stdio::null()).status();
        let done = status.is_ok_and(|status| status.success());
        if !done {
            eprintln!("netifd: failed: ip {command}");
        }
        done
    }

    /// Whether there is a network device of this name; a dry machine has every one.
    pub(crate) fn has_device(&self, name: &str) -> bool {
        self.dry || std::path::Path::new("/sys/class/net").join(name).exists()
    }

    /// Whether a device has carrier. One that is down has none.
    pub(crate) fn has_carrier(&self, name: &str) -> bool {
        self.dry || read(name, "carrier").is_some_and(|text| text == "1")
    }

    /// Whether a device is up by the administrator's will: the lowest bit of its flags.
    pub(crate) fn is_up(&self, name: &str) -> bool {
        let flags = || u32::from_str_radix(read(name, "flags")?.trim_start_matches("0x"), 16).ok();
        self.dry || flags().is_some_and(|flags| flags & 1 == 1)
    }

    /// The MTU of a device; a dry machine's is 1500.
    pub(crate) fn mtu(&self, name: &str) -> Option<i64> {
        if self.dry {
            return Some(1500);
        }
        read(name, "mtu")?.parse().ok()
    }

    /// Calls `changed` for each change of a device, from a thread of its own; never on a dry
    /// machine.
    pub(crate) fn watch_links(&self, changed: impl Fn() + Send + 'static) {
        if self.dry {
            return;
        }
        let monitor = Command::new("ip")
            .args(["-oneline", "monitor", "link"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let output = match monitor {
            Ok(child) => child.stdout,
            Err(error) => return eprintln!("netifd: ip monitor: {error}"),
        };
        std::thread::spawn(move || {
            for _ in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                changed();
            }
        });
    }
}

/// What the kernel says of a device.
fn read(device: &str, what: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{device}/{what}")).ok()?;
    Some(text.trim().to_owned())
}
