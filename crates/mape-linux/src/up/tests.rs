#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::cell::RefCell;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use mape_firewall::Env;
use mape_kernel::netlink::Kernel;
use mape_nft::ObjectNames;
use serde_json::json;

use super::*;
use crate::executable::executable;
use crate::scratch::Scratch;

mod kept_answer;

const CE: &str = "240b:10:3261:6400:6a:4832:6100:6400";
/// A chain without rules.
const NO_RULES: &str = r#"{"nftables": []}"#;

/// Answers of a kernel: a list that is empty, and tables, chains and rules of a loaded guard.
const END_OF_LIST: &[u8] = include_bytes!("../../../../tests/fuzz/seeds/ctnetlink/end");
const TABLES: &[u8] = include_bytes!("../../../../tests/fuzz/seeds/ctnetlink/nft-tables");
const CHAINS: &[u8] = include_bytes!("../../../../tests/fuzz/seeds/ctnetlink/nft-chains");
const RULES: &[u8] = include_bytes!("../../../../tests/fuzz/seeds/ctnetlink/nft-rules");

/// The generation of the rules: length 28, `NFT_MSG_NEWGEN`, `NFTA_GEN_ID`.
#[rustfmt::skip]
const GENERATION: &[u8] = &[
    28, 0, 0, 0, 15, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 7,
];

thread_local! {
    /// The addresses whose connections were forgotten.
    static FORGOTTEN: RefCell<Vec<Ipv4Addr>> = const { RefCell::new(Vec::new()) };
}

/// A machine of two scripts and recorded answers of the kernel. `ip` answers with the lists it is
/// given, and nft with `chain` for the chain of the host's firewall. Both write down the changes
/// that are requested; the rules themselves are in a file of their own. The kernel always lists the
/// same rules: what was loaded once is loaded.
struct Machine {
    directory: Scratch,
    system: System,
}

impl Machine {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("mape-up-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        for part in ["devices/mape-wan", "state"] {
            fs::create_dir_all(directory.join(part)).unwrap();
        }
        let script = |name: &str, cases: &str| {
            let file = directory.join(name);
            let text =
                format!("#!/bin/sh\ncd {}\ncase \"$*\" in\n{cases}esac\n", directory.display());
            executable(&file, &text);
            file
        };
        let ip = "*batch*) sed 's/^/ip /' >>ran ;;\n*address*) cat devices.json ;;\n\
                  *-4*) cat routes4.json ;;\n*) echo '[]' ;;\n";
        let nft = "'-f -') cat >text\nif grep -q 'rule inet filter input ' text; then sed 's/^/nft /' text >>ran\n\
                   else mv text rules; echo rules >>ran; fi ;;\n*'list chain inet filter input') cat chain ;;\n";
        let system = System::new(Env {
            run: directory.join("state"),
            devices: directory.join("devices"),
            proc: directory.clone(),
            nft: script("nft", nft),
            ip: script("ip", ip),
            forget: |address| {
                FORGOTTEN.with_borrow_mut(|all| all.push(address));
                Ok(0)
            },
            root: directory.clone(),
            flash: directory.join("lasting"),
            hotplug: directory.join("scripts"),
            forwards: Some(crate::forwards::read),
            kernel: Kernel::Recorded(directory.clone()),
            ..Env::default()
        });
        let maps = ObjectNames::VERDICT_MAPS.map(|map| format!("nft-{map}"));
        let empty = ["nft-flowtables", "conntrack", "nft-rules-mape_rs_lo"].map(str::to_owned);
        for question in empty.iter().chain(&maps) {
            fs::write(directory.join(question), END_OF_LIST).unwrap();
        }
        // More rules in each guard than short cuts.
        let (rules, _) = RULES.split_at(RULES.len() - END_OF_LIST.len());
        let rules = [rules, rules, rules, END_OF_LIST].concat();
        for (question, answer) in [
            ("nft-generation", GENERATION),
            ("nft-own-tables", TABLES),
            ("nft-chains", CHAINS),
            ("nft-rules-mape_rs", &rules),
        ] {
            fs::write(directory.join(question), answer).unwrap();
        }
        fs::write(directory.join("devices/mape-wan/ifindex"), "7\n").unwrap();
        let machine = Self { directory: Scratch::of(directory), system };
        machine.has("devices.json", r#"[{"ifname":"eth0","mtu":1500}]"#);
        machine.has("routes4.json", "[]");
        machine
    }

    fn has(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).unwrap();
    }

    /// From now on the line is there.
    fn is_up(&self) {
        let devices = format!(
            r#"[{{"ifname":"eth0","mtu":1500,"addr_info":[{{"local":"{CE}","prefixlen":128}}]}},
            {{"ifname":"mape-wan","flags":["UP"],"mtu":1460,"linkinfo":{{"info_kind":"ip6tnl",
            "info_data":{{"remote":"2404:9200:225:100::64","local":"{CE}","link":"eth0"}}}},
            "addr_info":[{{"local":"106.72.50.97","prefixlen":32}}]}}]"#
        );
        self.has("devices.json", &devices);
        self.has("routes4.json", r#"[{"dst":"default","dev":"mape-wan","metric":512}]"#);
    }

    fn up(&self, more: &str) -> Result<String, Failure> {
        up(&config(more), &self.system).map(|done| done.to_string())
    }

    fn dry_run(&self, more: &str) -> String {
        dry_run(&config(more), &self.system).unwrap()
    }
}

fn config(more: &str) -> Config {
    let text = format!("uplink eth0\nprefix 240b:10:3261:6400::/56\n{more}");
    Config::parse(&text, Path::new("/etc/mape-rs.conf")).unwrap()
}

/// `localhost` is no provider: nothing is sent there.
#[test]
fn the_provider_of_a_contract_gets_an_update_and_a_failure_is_reported() {
    let machine = Machine::new("contract");
    let contract = "provider ocn-static\nipaddr 198.51.100.80/29\npeeraddr 2404:9200:225:100::65\n\
                    update_url http://localhost:9/u\nupdate_user u\nupdate_password secret\n";
    let note = "note: `up` tells localhost the address 240b:10:3261:6400:c6:3364:5000:0 then";
    assert!(machine.dry_run(contract).contains(note));
    let said = machine.up(contract).unwrap();
    assert!(said.starts_with("wan: up, all ports of 198.51.100.80/29 through mape-wan"), "{said}");
    let failed = "note: the update server localhost has no IPv6 address that may be asked";
    assert!(
        said.contains(failed) && said.contains("`mape-proto watch` does so by itself"),
        "{said}"
    );
    assert!(machine.directory.ran().contains("address add 198.51.100.80/32 dev mape-wan\n"));
    let config = config(contract);
    let first = up_and_tell(&config, &machine.system, None).unwrap();
    let failed = first.postponed.unwrap();
    assert_eq!(failed.wait, 300);
    let again = |postponed: &str| up_and_tell(&config, &machine.system, Some(postponed)).unwrap();
    let silent = again(&failed.fingerprint);
    assert!(silent.to_string().contains("localhost does not know the address"), "{silent}");
    assert_eq!(silent.postponed, None);
    // One of another address does not wait for it.
    let other = failed.fingerprint.replace("6400:c6", "6500:c6");
    assert_eq!(again(&other).postponed, Some(failed));
    let shown = crate::status(&config, &machine.system).unwrap();
    let shown = shown.update.unwrap();
    assert!(shown.what.contains("has no IPv6 address that may be asked"), "{shown:?}");
    // An update that was sent is not sent again.
    let (state, name) = (&machine.system.env.run, "wan".parse().unwrap());
    let mut journal = Journal::read(state, &name);
    let update = config.fixed.as_ref().unwrap().update.as_ref().unwrap();
    journal.update_sent = Some(mape_netifd::ddns_update::fingerprint(update, silent.line.ce));
    journal.write(state, &name).unwrap();
    let said = machine.up(contract).unwrap();
    assert!(!said.contains("note"), "{said}");
    let written = fs::read_to_string(state.join("wan.linux")).unwrap();
    assert!(written.contains("update_sent") && !written.contains("secret"), "{written}");
}

/// While a firewall is flushed and reloaded, the chain is missing for a moment.
#[test]
fn a_chain_that_is_missing_leaves_the_line_up() {
    let machine = Machine::new("chain");
    let chain = "input_chain inet filter input";
    machine.has("chain", NO_RULES);
    let said = machine.up(chain).unwrap();
    assert!(!said.contains("note"), "{said}");
    assert!(machine.directory.ran().contains("nft insert rule inet filter input"));
    machine.is_up();
    fs::remove_file(machine.directory.join("chain")).unwrap();
    let said = machine.up(chain).unwrap();
    assert!(said.contains("note: the chain inet filter input cannot be extended: "), "{said}");
    assert_eq!(machine.directory.ran(), "");
    machine.has("chain", NO_RULES);
    machine.up(chain).unwrap();
    assert!(machine.directory.ran().starts_with("nft insert rule inet filter input"));
}

/// Its script is what `up` runs, whatever is there already.
#[test]
fn a_dry_run_is_what_up_would_do_now() {
    let machine = Machine::new("dry");
    let nothing = "# wan: 240 ports of 106.72.50.97 through mape-wan on eth0\nset -e\n";
    let tells = |text: &str, part: &str| assert!(text.contains(part), "{part} is not in {text}");
    let from_nothing = machine.dry_run("");
    tells(
        &from_nothing,
        "add element inet mape_rs open_interfaces { \"mape-wan\" : goto egress-filter_wan }",
    );
    assert_eq!(machine.directory.ran(), "");
    let chain = "input_chain inet filter input";
    machine.has("chain", NO_RULES);
    machine.up(chain).unwrap();
    machine.is_up();
    let is = |field: &str, value: &str| {
        json!({ "match": { "op": "==", "right": value,
            "left": { "payload": { "protocol": "ip6", "field": field } } } })
    };
    let expr = json!([is("saddr", "2404:9200:225:100::64"), is("daddr", CE), { "accept": null }]);
    let rule = json!({ "chain": "input", "handle": 9, "comment": "mape-rs wan", "expr": expr });
    machine.has("chain", &json!({ "nftables": [{ "rule": rule }] }).to_string());
    assert_eq!(machine.dry_run(chain), nothing);
    // A chain that is not named any more gets back what it was.
    let restored = "nft -f - <<'EOF'\ndelete rule inet filter input handle 9\nEOF\n";
    assert_eq!(machine.dry_run(""), format!("{nothing}{restored}"));
    // A chain that does not exist is reported.
    fs::remove_file(machine.directory.join("chain")).unwrap();
    tells(&machine.dry_run(chain), "# note: the chain inet filter input cannot be extended: ");
    // Rules that are gone are those of all lines, with the index that the device has.
    fs::write(machine.directory.join("nft-rules-mape_rs"), END_OF_LIST).unwrap();
    let text = fs::read_to_string(machine.system.state_file(&"wan".parse().unwrap())).unwrap();
    let two =
        text.replace("240b:10:3261:6400::/56", "2400:4050:80ba:2200::/56").replace("wan", "two");
    let rule = config("").request("2400:4050:80ba:2200::/56".parse().unwrap(), 1500).unwrap();
    let rule = mape_core::plan(&rule).unwrap().rule().to_string();
    let old = text.split("\"rule\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    fs::write(machine.directory.join("state/two.json"), two.replace(old, &rule)).unwrap();
    fs::create_dir(machine.directory.join("devices/mape-two")).unwrap();
    fs::write(machine.directory.join("devices/mape-two/ifindex"), "8\n").unwrap();
    let all = machine.dry_run("");
    for part in ["open_interfaces { 7 : goto egress-filter_wan", "goto egress-filter_two"] {
        tells(&all, part);
    }
    // And other numbers make the entries of the old ones go.
    let moved = machine.dry_run("prefix 240b:10:3251:5100::/56");
    tells(&moved, "\nmape-proto firewall --only-forget 106.72.50.97 || :\n");
    assert!(!moved.contains("conntrack"), "{moved}");
    assert_eq!(machine.directory.ran().lines().filter(|line| *line == "rules").count(), 1);
}

/// The file is read whenever rules are loaded.
#[test]
fn the_forwards_of_the_file_are_in_the_rules() {
    let machine = Machine::new("forwards");
    let rules = || fs::read_to_string(machine.directory.join("rules")).unwrap();
    let write = |text: &str| {
        fs::create_dir_all(machine.directory.join("etc")).unwrap();
        fs::write(machine.directory.join(crate::forwards::FILE), text).unwrap();
    };
    let web = "forward web\ndest_ip 192.168.1.5\ndest_port 443\nsrc_dport 5700\n";
    write(web);
    let rule = "5700 : 192.168.1.5 . 443";
    assert!(machine.dry_run("").contains(rule));
    let said = machine.up("").unwrap();
    assert!(rules().contains(rule) && !said.contains("note"), "{said}");
    assert!(machine.directory.join("lasting/wan.ports").exists());
    machine.is_up();
    // What is not published is a note; the line is up, with the other forwards.
    write(&format!("{web}forward bad\ndest_ip 192.168.1.5\ndest_port 22\nsrc_dport 22\n"));
    let said = machine.up("").unwrap();
    let note = "note: forward bad: refused, port 22 is not in the port set";
    assert!(said.starts_with("wan: up already") && said.contains(note), "{said}");
    write(&web.replace("192.168.1.5", "192.168.1.6"));
    let said = machine.up("").unwrap();
    assert!(!said.contains("note"), "{said}");
    assert!(rules().contains("5700 : 192.168.1.6 . 443") && !rules().contains("192.168.1.5"));
    // A reserved port is the user's own; only a forward that names it gets it.
    let said = machine.up("reserved_ports 5700").unwrap();
    assert!(!said.contains("note") && rules().contains("5700 : 192.168.1.6"), "{said}");
    fs::remove_file(machine.directory.join(crate::forwards::FILE)).unwrap();
    machine.up("").unwrap();
    assert!(!rules().contains("192.168.1.6"));
}

/// By what was translated, and not by the address alone: neighbours have it too.
#[test]
fn another_address_makes_the_connections_of_the_old_one_go() {
    let machine = Machine::new("moved");
    machine.up("").unwrap();
    machine.is_up();
    machine.up("").unwrap();
    FORGOTTEN.with_borrow(|all| assert!(all.is_empty(), "{all:?}"));
    machine.up("prefix 240b:10:3251:5100::/56").unwrap();
    FORGOTTEN.with_borrow(|all| assert_eq!(*all, ["106.72.50.97".parse::<Ipv4Addr>().unwrap()]));
}

/// The words and variables are those of a router's hotplug scripts.
#[test]
fn scripts_hear_of_the_line_and_of_its_forwards() {
    let machine = Machine::new("events");
    fs::create_dir_all(machine.directory.join("scripts")).unwrap();
    fs::create_dir_all(machine.directory.join("etc")).unwrap();
    let line = "$1 $ACTION $INTERFACE $DEVICE$FORWARD $PROTO $NEW_IPV4 $NEW_PORT";
    // The lock of the line is free, and not open here.
    let script = format!(
        "#!/bin/sh\ncd {}\necho \"{line}\" >>heard\nls -l /proc/$$/fd | grep -q 'mape-up-events.*linux-lock' && echo held >>heard\n:\n",
        machine.directory.display()
    );
    executable(&machine.directory.join("scripts/10-log"), &script);
    let told = || {
        let file = machine.directory.join("heard");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        text
    };
    machine.up("").unwrap();
    assert_eq!(told().trim_end(), "iface ifup wan mape-wan");
    machine.is_up();
    machine.up("").unwrap();
    assert_eq!(told(), "");
    // A tunnel that was deleted is made again: another device of the same name.
    machine.has("devices.json", r#"[{"ifname":"eth0","mtu":1500}]"#);
    machine.up("").unwrap();
    assert_eq!(told().trim_end(), "iface ifup wan mape-wan");
    machine.is_up();
    machine.up("mtu 1400").unwrap();
    assert_eq!(told().trim_end(), "iface ifupdate wan mape-wan");
    machine.up("").unwrap();
    told();
    let web = "forward web\ndest_ip 192.168.1.5\ndest_port 443\nsrc_dport 5700\nproto tcp\n";
    fs::write(machine.directory.join(crate::forwards::FILE), web).unwrap();
    machine.up("").unwrap();
    assert_eq!(told().trim_end(), "mape published wan web tcp 106.72.50.97 5700");
    fs::write(machine.directory.join(crate::forwards::FILE), "").unwrap();
    machine.up("").unwrap();
    assert_eq!(told().trim_end(), "mape withdrawn wan web tcp");
    let file = machine.directory.join("etc/mape-rs.conf");
    fs::write(&file, "").unwrap();
    for told_of in ["iface ifdown wan mape-wan", ""] {
        crate::down(Some(&file), &machine.system).unwrap();
        assert_eq!(told().trim_end(), told_of);
        machine.has("devices.json", r#"[{"ifname":"eth0","mtu":1500}]"#);
    }
}
