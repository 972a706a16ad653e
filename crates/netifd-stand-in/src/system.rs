//! Changes the machine with `ip` commands. A dry run records them instead.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

/// Runs `ip`, or records the commands.
#[derive(Debug, Default)]
pub(crate) struct System {
    pub(crate) dry: bool,
    /// All commands since the start.
    pub(crate) commands: Vec<String>,
    /// Creating a tunnel fails, as if the kernel refused it.
    pub(crate) no_tunnels: bool,
}

impl System {
    /// Runs one command of `ip` and returns whether it succeeded. Its errors go to the log.
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

    /// Returns whether there is a network device of this name; always true in a dry run.
    pub(crate) fn has_device(&self, name: &str) -> bool {
        self.dry || std::path::Path::new("/sys/class/net").join(name).exists()
    }

    /// Returns whether a device has carrier. A device that is down has none.
    pub(crate) fn has_carrier(&self, name: &str) -> bool {
        self.dry || read(name, "carrier").is_some_and(|text| text == "1")
    }

    /// Returns whether a device is set up: the lowest bit of its flags.
    pub(crate) fn is_up(&self, name: &str) -> bool {
        let flags = || u32::from_str_radix(read(name, "flags")?.trim_start_matches("0x"), 16).ok();
        self.dry || flags().is_some_and(|flags| flags & 1 == 1)
    }

    /// Returns the MTU of a device; 1500 in a dry run.
    pub(crate) fn mtu(&self, name: &str) -> Option<i64> {
        if self.dry {
            return Some(1500);
        }
        read(name, "mtu")?.parse().ok()
    }

    /// Calls `changed` for each change of a device, from a separate thread; never in a dry run.
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

/// Reads an attribute of a device from the kernel.
fn read(device: &str, what: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{device}/{what}")).ok()?;
    Some(text.trim().to_owned())
}
