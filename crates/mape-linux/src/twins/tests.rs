#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use mape_core::{Explain as _, Request, plan};
use mape_firewall::Env;

use super::*;
use crate::Config;
use crate::scratch::Scratch;

const CE: &str = "240b:12:3456:7800:e:834:5600:7800";

/// A machine with its own places, and the line of the guide's reader.
struct Machine {
    directory: Scratch,
    system: System,
    line: DesiredLine,
}

impl Machine {
    fn new(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("mape-twins-{name}-{}", std::process::id()));
        let directory = Scratch::of(directory);
        let plan = plan(&Request::new("240b:12:3456:7800::/56".parse().unwrap())).unwrap();
        let line = DesiredLine::new(&Config::default(), "eth1", &plan);
        let system = System::new(Env {
            run: directory.join("state"),
            root: directory.to_path_buf(),
            ..Env::default()
        });
        Self { directory, system, line }
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// With these devices, as `ip -Numeric -json -details address show` of iproute2 6.1 tells them.
    fn twins(&self, devices: &[String]) -> Vec<Twin> {
        let snapshot = snapshot(devices);
        let twins = twins(&self.line, &snapshot, &self.system);
        let refused = check(&self.line, &snapshot, &self.system).is_err();
        assert_eq!(refused, twins.iter().any(|twin| twin.is_in_the_way));
        twins
    }

    fn advice(&self, devices: &[String]) -> String {
        let twins = self.twins(devices);
        let texts: Vec<String> = twins
            .iter()
            .map(|twin| format!("{}; {}", twin.what(&self.line), twin.next()))
            .collect();
        texts.join("\n")
    }
}

fn snapshot(devices: &[String]) -> Snapshot {
    let devices = serde_json::from_str(&format!("[{}]", devices.join(","))).unwrap();
    Snapshot { devices, ..Snapshot::default() }
}

/// `more` are entries before the ends, `ipv4` is on it.
fn tunnel(name: &str, more: &str, remote: &str, ipv4: &str) -> String {
    let name = serde_json::Value::from(name);
    format!(
        r#"{{"ifindex":5,"link_index":3,"ifname":{name},"flags":["POINTOPOINT","NOARP","UP","LOWER_UP"],"mtu":1452,
        "linkinfo":{{"info_kind":"ip6tnl","info_data":{{{more}"remote":"{remote}","local":"{CE}",
        "ttl":64,"encap_limit":4,"tclass":"0x00","flowlabel":"0x00000","flags":"0x0"}}}},
        "addr_info":[{{"family":"inet","local":"{ipv4}","prefixlen":32,"scope":"0"}}]}}"#
    )
}

const BR: &str = "2404:9200:225:100::64";
const BOUND: &str = r#""proto":"ipip6","link":"eth1","#;

/// The kernel makes no second one of these, whatever its mode.
#[test]
fn the_tunnel_in_the_way_is_named() {
    let machine = Machine::new("way");
    for mode in ["ipip6", "ip6ip6", "any"] {
        let bound = BOUND.replace("ipip6", mode);
        let said = machine.advice(&[tunnel("tun0", &bound, BR, "192.0.0.2")]);
        assert!(said.starts_with("the tunnel tun0 has this line's ends already"), "{said}");
        assert!(said.contains(&format!("local {CE}, remote {BR}, on eth1")), "{said}");
        assert!(said.contains("`ip link delete tun0` removes it; then take it out of"), "{said}");
    }
    let devices = [tunnel("tun0", BOUND, BR, "192.0.0.2")];
    let error = check(&machine.line, &snapshot(&devices), &machine.system).unwrap_err();
    let params = [("device", "tun0"), ("ce", CE), ("br", BR)];
    assert_eq!(error.params(), params.map(|(name, value)| (name, value.to_owned())));
    assert!(error.hint().contains("ip link delete tun0"), "{}", error.hint());
}

#[test]
fn one_beside_it_is_left_over() {
    let machine = Machine::new("beside");
    let ours = tunnel("mape-wan", BOUND, BR, "14.8.52.86");
    let unbound = tunnel("old4", r#""proto":"ipip6","#, BR, "14.8.52.86");
    let said = machine.advice(&[ours.clone(), unbound]);
    assert!(said.contains("old4 has the two ends of this line"), "{said}");
    assert!(said.contains("and its address 14.8.52.86, and is left over; `ip link delete old4`"));
    let elsewhere = tunnel("old5", r#""proto":"ipip6","link":"eth0","#, BR, "10.0.0.1");
    let said = machine.advice(&[ours, elsewhere]);
    assert!(said.contains("old5 has") && said.contains(&format!("remote {BR}), and is left over")));
}

/// A contract with an address of its own is on the machine, and its line is not: which numbers make
/// it the line.
#[test]
fn the_tunnel_of_a_contract_is_named() {
    let machine = Machine::new("contract");
    let v6plus = "2404:9200:225:100::65";
    let of = |devices: &[String], line: &DesiredLine| contract_beside(line, &snapshot(devices));
    let tunnel = tunnel("v6p", BOUND, v6plus, "203.0.113.81");
    let (what, next) = of(std::slice::from_ref(&tunnel), &machine.line).unwrap();
    assert!(what.starts_with("the tunnel v6p leads to 2404:9200:225:100::65, where"), "{what}");
    let numbers = format!("provider v6plus-static, ipaddr 203.0.113.81 and peeraddr {v6plus} into");
    assert!(next.contains(&numbers), "{next}");
    assert!(next.contains("`ip link delete v6p` removes"), "{next}");
    // The configuration is that of the contract, or the tunnel is the line's own.
    let contract = DesiredLine { br: v6plus.parse().unwrap(), ..machine.line.clone() };
    assert_eq!(of(std::slice::from_ref(&tunnel), &contract), None);
    let own = tunnel.replace("v6p", "mape-wan");
    assert_eq!(of(&[own, tunnel.replace(v6plus, BR)], &machine.line), None);
}

/// What does not collide is no one's business here.
#[test]
fn others_are_left_alone() {
    let machine = Machine::new("others");
    for other in [
        tunnel("any", BOUND, "any", "10.0.0.1"),
        tunnel("any", BOUND, "::", "10.0.0.1"),
        tunnel("far", BOUND, "2404:9200:225:100::65", "10.0.0.1"),
        tunnel("near", BOUND, BR, "10.0.0.1").replace(CE, "240b:12:3456:7800::1"),
        tunnel("gre", BOUND, BR, "10.0.0.1").replace("\"ip6tnl\"", "\"ip6gre\""),
        tunnel("mape-wan", BOUND, BR, "14.8.52.86"),
        r#"{"ifname":"ip6tnl0","linkinfo":{"info_kind":"ip6tnl","info_data":{"local":"any"}}}"#
            .to_owned(),
    ] {
        assert_eq!(machine.twins(&[other]), []);
    }
}

#[test]
fn the_file_that_makes_it_is_named() {
    let networkd = "[NetDev]\nName=tun0\nKind=ip6tnl\n";
    let manager = format!("[connection]\ninterface-name=tun0\n[ip-tunnel]\nmode=5\nremote={BR}\n");
    for (file, text, found) in [
        ("etc/network/interfaces.d/v4", "iface tun0 inet6 v4tunnel\n", true),
        ("etc/network/interfaces", "pre-up ip -6 tunnel add tun0 mode ip4ip6 remote x\n", true),
        ("etc/systemd/network/10.netdev", networkd, true),
        ("etc/NetworkManager/system-connections/t", manager.as_str(), true),
        ("etc/rc.local", "ip link add name tun0 type ip6tnl local a remote b\n", true),
        ("etc/rc.local", "# ip link add name tun0 type ip6tnl\n", false),
        ("etc/rc.local", "ip link add name tun01 type ip6tnl\n", false),
        ("etc/network/interfaces", "iface tun0 inet manual\n", false),
    ] {
        let machine = Machine::new("boot");
        machine.file(file, text);
        let said = machine.advice(&[tunnel("tun0", BOUND, BR, "192.0.0.2")]);
        let path = machine.directory.join(file);
        let named = said.contains(&format!("take it out of {}, which", path.display()));
        assert_eq!(named, found, "{file} {text}: {said}");
        assert_eq!(!named, said.contains("of whatever makes it at boot"), "{said}");
    }
}

/// Its tunnel is taken away by this program itself.
#[test]
fn a_line_of_another_configuration_is_named() {
    let machine = Machine::new("own");
    let mut journal = Journal::default();
    journal.file = Some("/etc/mape 2.conf".into());
    journal.line = Some(DesiredLine { device: "mape-old".to_owned(), ..machine.line.clone() });
    journal.write(&machine.system.env.run, &"old".parse().unwrap()).unwrap();
    let said = machine.advice(&[tunnel("mape-old", BOUND, BR, "14.8.52.86")]);
    assert!(
        said.contains(
            "the line old of this program: run mape-proto down --config '/etc/mape 2.conf'"
        ),
        "{said}"
    );
}

/// A device may have any name without blank and slash.
#[test]
fn a_name_is_one_word_in_a_shell() {
    let machine = Machine::new("word");
    let said = machine.advice(&[tunnel("a;reboot", BOUND, BR, "192.0.0.2")]);
    assert!(said.contains("`ip link delete 'a;reboot'`"), "{said}");
    let said = machine.advice(&[tunnel("it's\u{1b}", BOUND, BR, "192.0.0.2")]);
    assert!(said.contains(r#"`ip link delete "$(printf 'it\047s\033')"`"#), "{said}");
}
