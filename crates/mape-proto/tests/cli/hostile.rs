//! What others have chosen (UCI values, names of files, hosts and tables, what netifd tells) goes
//! to a terminal as text, and into commands for pasting as one word.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::recorded::Line;
use super::*;

/// What a terminal and a shell would carry out.
const PAYLOAD: &str = "x\u{1b}]0;t\u{7}'\";touch PWNED;$(touch PWNED)`touch PWNED`\n  remove: touch \
                       PWNED\n\u{202e}\u{9b}y";
/// The same as one word of a list, which has no blanks.
const WORD: &str = "x\u{1b}'\";touch$IFS$(touch)`touch`\u{202e}y";

const NETWORK: &str = "
config globals globals
	option dhcp_default_duid 00010001278cffff02005e102030
config interface wan6
	option proto dhcpv6
	option device eth1
	option ip6prefix 240b:10:3261:6400::/56
	option iface_map 1
config interface wan
	option proto mape
	option tunlink wan6
	option upnp_ports 4
config interface old
	option proto map
	option maptype map-e
	option tunlink wan6
	option peeraddr 2404:9200:225:100::64
	option ipaddr 106.72.0.0
	option ip4prefixlen 15
	option ip6prefix 240b:10::
	option ip6prefixlen 31
	option ealen 25
	option offset 4
	option psidlen 8
	option legacymap 1
	option mtu 1460
	option zone wan
	option note text
config interface hand
	option proto 6in4
	option tunlink wan6
	option ip6addr 240b:10:3261:6400:6a:4832:6100:6400
config interface fixed
	option proto static
	option device eth1
	option ip6addr 240b:10:3261:6400:6a:4832:6100:6400
config interface fleth
	option proto fleth
	option tunlink wan6
";
const FIREWALL: &str = "
config defaults
	option auto_includes 0
config zone
	option name wan
	option network wan6
	option masq 1
config zone
	option name lan
	option network lan
config redirect
	option name web
	option src wan
	option src_dport 80
	option dest_ip 192.168.1.10
	option dest_port 8080
	option proto tcp
config redirect
	option name taken
	option src wan
	option src_dport 5697
	option dest_ip 192.168.1.10
	option proto tcp
config nat
	option snat_ip 106.72.50.97
	option device map-old
config include
	option path /etc/firewall.user2
config mape_forward web
	option interface wan
	option name web
	option proto tcp
	option src_dport 9793
	option dest_host nas
	option dest_port 80
config mape_forward other
	option interface wan
	option name other
	option src_dport 1
	option dest_ip 192.168.1.5
	option dest_port 80
";
const DHCP: &str = "
config dnsmasq
	option leasefile /tmp/dhcp.leases
config host
	option name nas
	option mac 02:00:00:00:00:aa
	option ip 192.168.1.5
";
const UPNPD: &str = "
config upnpd config
	option enabled 1
";

const CALLS: [&str; 3] = ["import old", "doctor --unmasked", "forward list"];
const MORE: [&str; 6] =
    ["doctor --masked", "status", "ports", "detect", "firewall", "import fleth"];

struct Router {
    line: Line,
    /// What was offered for pasting.
    commands: BTreeSet<String>,
    /// How often something of the payload was shown.
    shown: usize,
}

impl Router {
    fn new() -> Self {
        let line = Line::new("hostile");
        let router = Self { line, commands: BTreeSet::new(), shown: 0 };
        for (package, text) in packages() {
            router.write(&format!("etc/config/{package}"), text);
        }
        let snat = "nft add rule ip x y snat to 106.72.50.97\n";
        for (file, text) in [
            (format!("etc/hotplug.d/iface/{PAYLOAD}"), snat.to_owned()),
            (format!("etc/hotplug.d/iface/95-{WORD}"), format!("snat {PAYLOAD}\n")),
            (format!("etc/init.d/{PAYLOAD}"), snat.to_owned()),
            (format!("etc/crontabs/{PAYLOAD}"), format!("* * * * * {snat}")),
            (format!("etc/nftables.d/{PAYLOAD}"), "snat to 106.72.50.97\n".to_owned()),
            (format!("lib/netifd/proto/{PAYLOAD}.sh"), "add_protocol mape\n".to_owned()),
            (format!("lib/netifd/proto/a{PAYLOAD}.sh"), "add_protocol map\n".to_owned()),
            ("lib/netifd/proto/map.sh".to_owned(), "nft\n".to_owned()),
            ("etc/firewall.user2".to_owned(), format!("snat to 106.72.50.97 {PAYLOAD}\n")),
            ("etc/rc.local".to_owned(), format!("mape-up {PAYLOAD}\n")),
            ("tmp/dhcp.leases".to_owned(), format!("1 02:00:00:00:00:bb 192.168.1.7 {WORD} *\n")),
        ] {
            router.write(&file, &text);
        }
        let table = json!({ "table": { "family": "inet", "name": format!("mape_{WORD}") } });
        let tables = json!({ "nftables": [table] }).to_string().replace('\'', r"'\''");
        executable(&router.line.0.join("nft"), &format!("#!/bin/sh\nprintf '%s\\n' '{tables}'\n"));
        router
    }

    fn root(&self) -> PathBuf {
        self.line.0.join("root")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs the command, looks at its text, and remembers the commands in it.
    fn look(&mut self, words: &str, about: &str) {
        let (root, nft) = (self.root(), self.line.0.join("nft"));
        let mut arguments: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let state = self.line.0.join("state");
        match words.split(' ').next().unwrap() {
            "status" | "ports" | "doctor" => arguments = self.line.arguments(words),
            "forward" | "firewall" => {
                arguments.extend([format!("--state-dir={}", state.display())]);
                arguments.extend([format!("--device-dir={}", self.line.0.join("sys").display())]);
            }
            _ => {}
        }
        match words.split(' ').next().unwrap() {
            "status" | "ports" => {}
            "detect" => arguments.push(format!("--root={}", root.display())),
            "firewall" | "forward" => arguments
                .extend([format!("--root={}", root.display()), "--nft-program=true".to_owned()]),
            _ => arguments.extend([
                format!("--root={}", root.display()),
                format!("--nft-program={}", nft.display()),
            ]),
        }
        let called = call(&arguments);
        for text in [&called.out, &called.err] {
            let bad = text.chars().find(|letter| {
                letter.is_control() && !matches!(letter, '\n' | '\t')
                    || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            });
            assert_eq!(bad, None, "{words}, {about}: {text:?}");
            let forged = text.lines().find(|line| line.trim() == "remove: touch PWNED");
            assert_eq!(forged, None, "{words}, {about}: {text}");
            self.shown += text.matches("touch").count();
            self.commands.extend(text.lines().flat_map(offered).map(str::to_owned));
        }
    }

    /// Everything is looked at with one value changed.
    fn look_at_values(&mut self) {
        for (package, text) in packages() {
            let lines: Vec<&str> = text.lines().collect();
            let file = format!("etc/config/{package}");
            for (number, line) in lines.iter().enumerate() {
                let Some((option, value)) =
                    line.trim().strip_prefix("option ").and_then(|it| it.split_once(' '))
                else {
                    continue;
                };
                for value in [PAYLOAD.to_owned(), format!("{value}{PAYLOAD}")] {
                    let quoted = value.replace('\'', r"'\''");
                    let changed = format!("\toption {option} '{quoted}'");
                    let mut lines: Vec<&str> = lines.clone();
                    lines[number] = &changed;
                    self.write(&file, &lines.join("\n"));
                    let concerned = if value.len() > PAYLOAD.len() { &CALLS[..1] } else { &CALLS };
                    for words in concerned {
                        self.look(words, &format!("{package} {option}"));
                    }
                }
            }
            self.write(&file, text);
        }
    }

    /// Everything is looked at with one word of netifd's changed.
    fn look_at_netifd(&mut self) {
        let file = self.line.0.join("recorded/netifd.json");
        let whole: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let mut paths = Vec::new();
        strings(&whole, String::new(), &mut paths);
        for path in paths {
            let mut dump = whole.clone();
            let value = dump.pointer_mut(&path).unwrap();
            *value = format!("{}{PAYLOAD}", value.as_str().unwrap()).into();
            fs::write(&file, dump.to_string()).unwrap();
            for words in ["doctor --masked", "status"] {
                self.look(words, &path);
            }
        }
        fs::write(&file, whole.to_string()).unwrap();
    }
}

fn packages() -> [(&'static str, &'static str); 4] {
    [("network", NETWORK), ("firewall", FIREWALL), ("dhcp", DHCP), ("upnpd", UPNPD)]
}

/// Where all texts of a document are.
fn strings(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at),
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                strings(item, format!("{at}/{number}"), found);
            }
        }
        Value::Object(object) => {
            for (key, item) in object {
                strings(item, format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// The commands in a line of text.
fn offered(line: &str) -> Vec<&str> {
    if let Some(command) = line.trim().strip_prefix("remove: ") {
        return vec![command];
    }
    if line.starts_with("  uci ") {
        return vec![line.trim()];
    }
    let is_step = line.contains("next step");
    if is_step { line.split('`').skip(1).step_by(2).collect() } else { Vec::new() }
}

/// Each command as a real shell runs it, with programs that only say how they were called.
fn pasted(commands: &BTreeSet<String>, home: &Path) -> Vec<(String, Vec<Vec<String>>)> {
    let (programs, nowhere, log) = (home.join("programs"), home.join("nowhere"), home.join("log"));
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&nowhere).unwrap();
    let names =
        ["touch", "rm", "vi", "nft", "uci", "fw4", "ifup", "ifdown", "apk", "opkg", "mv", "run"];
    for name in names.iter().chain(&["mape-proto", "logread", "ifstatus"]) {
        let record = format!(
            "#!/bin/sh\nprintf '%s\\0' {name} \"$@\" >>{log}\nprintf '\\1' >>{log}\n",
            log = log.display()
        );
        executable(&programs.join(name), &record);
    }
    let run = |command: &String| {
        fs::write(&log, "").unwrap();
        // A program with a path is not replaced by one in PATH.
        let line = if command.trim_start_matches(['\'', '"', '$', '(']).starts_with("printf")
            || command.trim_start_matches('\'').starts_with('/')
        {
            format!("run {command}")
        } else {
            command.clone()
        };
        let done = Command::new("/bin/sh")
            .args(["-c", &line])
            .current_dir(&nowhere)
            .env("PATH", &programs)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{command}");
        assert_eq!(fs::read_dir(&nowhere).unwrap().count(), 0, "{command}");
        let said = fs::read_to_string(&log).unwrap();
        let calls = said.split_terminator('\u{1}');
        let words = |call: &str| call.split_terminator('\0').map(str::to_owned).collect();
        (command.clone(), calls.map(words).collect())
    };
    commands.iter().map(run).collect()
}

#[test]
fn what_others_have_chosen_is_text_and_one_word() {
    let mut router = Router::new();
    for words in CALLS.into_iter().chain(MORE) {
        router.look(words, "all files");
    }
    router.look_at_values();
    router.look_at_netifd();
    assert!(router.shown > 1000, "the payload was hardly seen: {}", router.shown);
    let mut seen = BTreeSet::new();
    for (command, calls) in pasted(&router.commands, &router.line.0) {
        assert!(!calls.is_empty(), "{command}");
        for call in calls {
            let words: Vec<&str> = call.iter().map(String::as_str).collect();
            let is_file = |path: &str| router.root().join(path.trim_start_matches('/')).is_file();
            let right = match words.as_slice() {
                ["rm" | "vi", path] => is_file(path) || !path.contains("touch"),
                ["run", path, "disable" | "restart" | "reload"] => {
                    is_file(path) || !path.contains("touch")
                }
                ["uci", "set" | "add_list", assignment] => assignment.contains('='),
                ["uci", "delete" | "commit", _]
                | ["mape-proto", "forward", "add", _, "--port", _] => true,
                ["nft", "delete", "table", "inet", name] => name.starts_with("mape_"),
                [program, rest @ ..] => {
                    *program != "touch" && rest.iter().all(|word| !word.contains("touch"))
                }
                [] => false,
            };
            assert!(right, "{command}: {call:?}");
            seen.extend(words.first().map(|program| (*program).to_owned()));
        }
    }
    for program in ["rm", "vi", "uci", "nft", "run", "mape-proto"] {
        assert!(seen.contains(program), "{program} in {seen:?}");
    }
}
