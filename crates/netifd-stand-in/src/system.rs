//! What would change the machine: `ip` commands. A dry one writes them down instead.

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

    /// The MTU of a device; a dry machine's is 1500.
    pub(crate) fn mtu(&self, name: &str) -> Option<i64> {
        if self.dry {
            return Some(1500);
        }
        let text = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?;
        text.trim().parse().ok()
    }
}
