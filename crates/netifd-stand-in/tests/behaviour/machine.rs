//! A daemon with handlers, hooks and a log of what they did.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::executable::executable;
use mape_ubus::Client;
use serde_json::{Map, Value, json};

/// Longer than anything takes that happens at all.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long nothing has to happen to count as nothing.
const SILENCE: Duration = Duration::from_millis(400);

/// A shell protocol handler named `t`.
pub(crate) struct Handler {
    pub(crate) options: Value,
    pub(crate) flags: Vec<(&'static str, bool)>,
    /// Shell for each action. `say JSON` notifies and logs `said STATUS`; `log WORDS` logs.
    pub(crate) setup: &'static str,
    pub(crate) teardown: &'static str,
    pub(crate) renew: &'static str,
}

/// An update with a device that is there.
pub(crate) const UP: &str =
    r#"say '{"action":0,"link-up":true,"ifname":"dev0","ipaddr":[{"ipaddr":"192.0.2.1"}]}'"#;
/// Depends on a way to anywhere by `wan6`, then [`UP`].
pub(crate) const DEPEND_AND_UP: &str = r#"say '{"action":6,"host":"::","ifname":"wan6"}'
    say '{"action":0,"link-up":true,"ifname":"dev0","ipaddr":[{"ipaddr":"192.0.2.1"}]}'"#;

impl Default for Handler {
    /// As ours declares itself: no device, no process, available, with renew.
    fn default() -> Self {
        let flags = [
            ("no-device", true),
            ("no-proto-task", true),
            ("available", true),
            ("renew-handler", true),
        ];
        Self {
            options: json!([["i", 5]]),
            flags: flags.into(),
            setup: ":",
            teardown: ":",
            renew: ":",
        }
    }
}

impl Handler {
    pub(crate) fn with(mut self, flag: &'static str, value: bool) -> Self {
        self.flags.push((flag, value));
        self
    }

    fn text(&self) -> String {
        let mut dump = Map::new();
        dump.insert("name".into(), "t".into());
        dump.insert("config".into(), self.options.clone());
        dump.extend(self.flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        format!(
            "#!/bin/sh\n[ \"$2\" = dump ] && {{ echo '{}'; exit; }}\nIFACE=$3 JSON=$4 DEVICE=$5 COUNT=$#\n\
             log() {{ echo \"$*\" >> \"$LOG\"; }}\n\
             say() {{ ubus call network.interface.$IFACE notify_proto \"$1\"; log said $?; }}\n\
             log \"$2 $3\"\ncase $2 in\nsetup) {}\n;;\nteardown) {}\n;;\nrenew) {}\n;;\nesac\n",
            Value::Object(dump),
            self.setup,
            self.teardown,
            self.renew
        )
    }
}

/// The daemon and its directory; gone with the value.
pub(crate) struct Machine {
    pub(crate) directory: PathBuf,
    child: Child,
}

/// `Some` when the real programs are to be asked: netifd and ubusd.
fn real() -> Option<(String, String)> {
    Some((std::env::var("MAPE_NETIFD").ok()?, std::env::var("MAPE_UBUSD").ok()?))
}

/// Whether there is a `service` object: the stand-in's, or that of the real procd, if it is named.
pub(crate) fn has_procd() -> bool {
    !is_real() || std::env::var_os("MAPE_PROCD").is_some()
}

/// True on the real netifd: for what only the stand-in can show or arrange.
pub(crate) fn is_real() -> bool {
    real().is_some()
}

/// An uplink with a default route.
pub(crate) fn wan6() -> Value {
    json!({"proto": "static", "device": "up0", "ip6addr": ["2001:db8::1/64"], "ip6gw": "fe80::1"})
}

/// The uplink, and `x`, which the handler configures.
pub(crate) fn two() -> Value {
    json!({"wan6": wan6(), "x": {"proto": "t"}})
}

impl Machine {
    pub(crate) fn start(config: &Value, handler: &Handler) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("netifd-stand-in-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        for folder in ["proto", "hooks", "bin", "config"] {
            fs::create_dir_all(directory.join(folder)).unwrap();
        }
        fs::write(directory.join("log"), "").unwrap();
        executable(&directory.join("proto/t.sh"), &handler.text());
        // A hook logs its variables; hooks run in the order of their names.
        let hook = "echo \"hook $ACTION $INTERFACE${DEVICE:+ on $DEVICE}${IFUPDATE_ADDRESSES:+ addresses}\
                    ${IFUPDATE_ROUTES:+ routes}${IFUPDATE_PREFIXES:+ prefixes}${IFUPDATE_DATA:+ data}\" >> \"$LOG\"\n";
        fs::write(directory.join("hooks/20-say"), hook).unwrap();
        for program in ["ubus", "ifup", "ifdown"] {
            symlink(env!("CARGO_BIN_EXE_netifd-stand-in"), directory.join("bin").join(program))
                .unwrap();
        }
        write_config(&directory, config);
        let mut command = real()
            .map_or_else(|| stand_in(&directory), |programs| real_ones(&directory, &programs));
        let path =
            format!("{}:{}", directory.join("bin").display(), std::env::var("PATH").unwrap());
        command.envs([
            ("PATH", path.as_str()),
            ("UBUS_SOCKET", directory.join("socket").to_str().unwrap()),
        ]);
        command.env("LOG", directory.join("log"));
        let output = fs::File::create(directory.join("output")).unwrap();
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let machine = Self { directory, child: command.spawn().unwrap() };
        machine.until("it answers", || {
            machine.try_call("network.interface", "dump", &json!({})).is_ok()
        });
        machine
    }

    pub(crate) fn client(&self) -> Result<Client, mape_ubus::UbusError> {
        Client::connect(&self.directory.join("socket"), TIMEOUT)
    }

    fn try_call(
        &self,
        object: &str,
        method: &str,
        arguments: &Value,
    ) -> Result<Value, mape_ubus::UbusError> {
        self.client()?.call(object, method, arguments)
    }

    /// The answer, or the status.
    pub(crate) fn call(&self, object: &str, method: &str, arguments: &Value) -> Result<Value, u32> {
        let answer = self.try_call(object, method, arguments);
        answer.map_err(|error| error.status().unwrap_or_else(|| panic!("{error}")))
    }

    /// A method of `network.interface.NAME` without arguments.
    pub(crate) fn tell(&self, name: &str, method: &str) {
        self.call(&format!("network.interface.{name}"), method, &json!({})).unwrap();
    }

    pub(crate) fn notify(&self, message: &Value) -> Result<Value, u32> {
        self.call("network.interface.x", "notify_proto", message)
    }

    pub(crate) fn status(&self, name: &str) -> Value {
        self.call(&format!("network.interface.{name}"), "status", &json!({})).unwrap()
    }

    pub(crate) fn reload(&self, config: &Value) {
        write_config(&self.directory, config);
        self.call("network", "reload", &json!({})).unwrap();
    }

    /// Whether there is such an interface. Asked of the common object: a call to one that just goes
    /// is never answered.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.call("network.interface", "status", &json!({"interface": name})) != Err(4)
    }

    /// What the stand-in would have done to the machine.
    pub(crate) fn executed(&self) -> Vec<String> {
        let answer = self.call("stand-in", "executed", &json!({})).unwrap();
        answer["commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("log")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The log without what the hooks said.
    pub(crate) fn scripts(&self) -> Vec<String> {
        self.log().into_iter().filter(|line| !line.starts_with("hook ")).collect()
    }

    /// What the hooks said of an interface, without its name.
    pub(crate) fn hooks(&self, name: &str) -> Vec<String> {
        let name = format!(" {name}");
        let calls = self.log().into_iter().filter_map(|line| {
            let (action, rest) =
                line.strip_prefix("hook ")?.split_at(line.strip_prefix("hook ")?.find(' ')?);
            let rest = rest.strip_prefix(&name)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| format!("{action}{rest}"))
        });
        calls.collect()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.log().iter().filter(|other| *other == line).count()
    }

    pub(crate) fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let start = Instant::now();
        while !reached() {
            if start.elapsed() > TIMEOUT {
                let output = fs::read_to_string(self.directory.join("output")).unwrap();
                panic!("never: {what}\n{}\n{output}", self.log().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn until_logged(&self, line: &str, count: usize) {
        self.until(line, || self.count(line) >= count);
    }

    pub(crate) fn until_up(&self, name: &str) {
        self.until("up", || self.status(name)["up"] == true);
        self.settle();
    }

    /// Waits until no script runs. The stand-in knows; of the real one we only see that nothing is
    /// logged any more.
    pub(crate) fn settle(&self) {
        if is_real() {
            return self.silence();
        }
        self.until("idle", || self.call("stand-in", "idle", &json!({})).unwrap()["idle"] == true);
    }

    /// Waits until nothing is logged any more.
    pub(crate) fn silence(&self) {
        let mut last = (self.log(), Instant::now());
        while last.1.elapsed() < SILENCE {
            std::thread::sleep(Duration::from_millis(20));
            if self.log() != last.0 {
                last = (self.log(), Instant::now());
            }
        }
    }

    /// Empties the log once nothing more comes.
    pub(crate) fn forget(&self) {
        self.settle();
        fs::write(self.directory.join("log"), "").unwrap();
    }

    /// Ends the daemon with SIGTERM.
    pub(crate) fn terminate(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With every script it started: they are one group of processes.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn write_config(directory: &Path, config: &Value) {
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    let mut uci = Vec::new();
    for (name, section) in config.as_object().unwrap() {
        uci.push(format!("config interface {name}"));
        for (option, value) in section.as_object().unwrap() {
            let word = if value.is_array() { "list" } else { "option" };
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let lines = values
                .iter()
                .map(|value| format!("\t{word} {option} '{}'", value.as_str().unwrap()));
            uci.extend(lines);
        }
    }
    fs::write(directory.join("config/network"), uci.join("\n") + "\n").unwrap();
}

fn stand_in(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netifd-stand-in"));
    command.args(["serve", "--dry", "--socket"]).arg(directory.join("socket"));
    command.arg("--config").arg(directory.join("config.json"));
    command.arg("--handlers").arg(directory.join("proto"));
    command.arg("--hotplug").arg(directory.join("hooks"));
    command
}

/// The real programs, with everything they start, in namespaces that die with the one process we
/// know.
fn real_ones(directory: &Path, (netifd, ubusd): &(String, String)) -> Command {
    let hotplug = "#!/bin/sh\nfor hook in \"${0%/*}\"/hooks/*; do (. \"$hook\"); done\n";
    executable(&directory.join("hotplug"), hotplug);
    // As a process that is not the first one, procd runs services and nothing else.
    let procd = std::env::var("MAPE_PROCD").map_or_else(
        |_| String::new(),
        |procd| format!("{procd} -S -s {}/socket &\n", directory.display()),
    );
    let script = format!(
        "ip link set lo up\nfor device in up0 dev0 dev1; do\n\
         ip link add $device type veth peer name p$device; ip link set p$device up; done\n\
         {ubusd} -s {0}/socket &\nwhile [ ! -S {0}/socket ]; do sleep 0.05; done\n\
         {procd}{netifd} -s {0}/socket -p {0} -c {0}/config -h {0}/hotplug -r {0}/resolv -l 2\n",
        directory.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
    command
}
