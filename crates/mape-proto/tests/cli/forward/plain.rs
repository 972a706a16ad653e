//! The same words on plain Linux, whose forwards are in `/etc/mape-rs.forwards`.

use super::*;

const FILE: &str = "etc/mape-rs.forwards";

/// The root of a machine without OpenWrt, with the line's state.
fn machine(test: &str, forwards: &str) -> Option<Router> {
    let machine = Router::new(test, "")?;
    fs::remove_dir_all(machine.root.join("etc/config")).unwrap();
    machine.write("etc/mape-rs.conf", "");
    machine.write(FILE, forwards);
    Some(machine)
}

fn called(machine: &Router, command: &str) -> Called {
    let root = machine.root.display();
    words(&format!(
        "{command} --root {root} --state-dir {root}/state --device-dir {root}/devices \
         --nft-program {}",
        machine.nft
    ))
}

fn list(machine: &Router) -> Vec<Value> {
    let json = called(machine, "forward list --json").json();
    assert_valid(&schema("forward"), &json);
    json["forwards"].as_array().unwrap().clone()
}

#[test]
fn added_listed_and_removed() {
    let Some(machine) = machine("plain-life", "# mine\n") else { return };
    assert_eq!(called(&machine, "forward list").out, "no forward\n");
    let added = called(&machine, "forward add 192.168.1.5:443 --name web --port 5700 --proto tcp");
    let text = "web (web): tcp 106.72.50.97:5700 -> 192.168.1.5:443, published\n";
    assert_eq!((added.out.as_str(), added.err.as_str()), (text, ""));
    let block = "# mine\n\nforward web\n\tname web\n\tproto tcp\n\tsrc_dport 5700\n\
                 \tdest_ip 192.168.1.5\n\tdest_port 443\n";
    assert_eq!(machine.read(FILE), block);
    assert!(rules_in_force().contains("5700 : 192.168.1.5 . 443"));
    let again = called(&machine, "forward add 192.168.1.6:9801").out;
    assert!(again.ends_with("udp 106.72.50.97:9801 -> 192.168.1.6:9801, published\n"), "{again}");
    // The assignment is kept where nothing of the distribution is.
    assert!(machine.read("var/lib/mape-rs/wan.ports").contains("9801"));
    assert!(
        !machine.root.join("etc/mape-rs").exists() && !machine.root.join("etc/config").exists()
    );
    let ports = called(&machine, "ports --ranges").out;
    assert!(ports.contains("\n5700-5700\tpublished\n"), "{ports}");
    let status = called(&machine, "status wan").out;
    assert!(status.contains("published        tcp 5700 to 192.168.1.5:443 (web)"), "{status}");
    for name in ["9801", "web"] {
        let removed = called(&machine, &format!("forward remove {name}"));
        assert_eq!(removed.status, ExitStatus::Fine, "{name}: {}", removed.err);
    }
    assert_eq!(machine.read(FILE), "# mine\n");
    assert!(!rules_in_force().contains("192.168.1.5 . 443"));
    assert!(!machine.root.join("var/lib/mape-rs/wan.ports").exists());
}

/// Nothing is changed.
#[test]
fn refused() {
    let text = "forward ssh\n dest_ip 192.168.1.5\n dest_port 22\n src_dport 5700\n";
    let Some(machine) = machine("plain-refused", text) else { return };
    for (words, says) in [
        ("192.168.1.5:22 --port 25565", "port 25565 is not in the port set"),
        ("192.168.1.5:22 --port 63055", "set aside for UPnP"),
        ("192.168.1.6:22 --port 5700", "port 5700 is that of ssh"),
        ("nas:22", "dest_host needs the DHCP leases"),
        ("[::10]:22", "dest_ip cannot be \"::10\""),
        ("192.168.1.300:22", "dest_ip cannot be"),
        ("192.168.1.5:0", "dest_port cannot be"),
    ] {
        let called = called(&machine, &format!("forward add {words}"));
        assert_eq!(called.status, ExitStatus::Usage, "{words}");
        assert!(called.err.contains(says), "{words}: {}", called.err);
    }
    assert_eq!(machine.read(FILE), text);
    // What nft does not load is taken back.
    let mut machine = machine;
    machine.refusing("9801", "-f");
    let failed = called(&machine, "forward add 192.168.1.6:9801");
    assert_eq!(failed.status, ExitStatus::Failed);
    assert!(failed.err.contains("MAPE_FIREWALL_REJECTED"), "{}", failed.err);
    assert_eq!(machine.read(FILE), text);
    assert_eq!(list(&machine).len(), 1);
}

/// A file that people edit: an error names the line, and the other forwards are in force.
#[test]
fn a_wrong_line_is_named_and_the_rest_is_published() {
    let text = "forward web\n dest_ip 192.168.1.5\n dest_port 443\n\nforward bad\n dest_host nas\n";
    let Some(machine) = machine("plain-wrong", text) else { return };
    assert_eq!(called(&machine, "firewall").status, ExitStatus::Fine);
    let forwards = list(&machine);
    let part = |at: usize, key: &str| forwards[at][key].as_str().unwrap_or_default().to_owned();
    assert_eq!((part(0, "section"), part(0, "state")), ("web".into(), "published".into()));
    assert_eq!((part(1, "section"), part(1, "state")), ("bad".into(), "refused".into()));
    let file = machine.root.join(FILE);
    let place = format!("the configuration \"{}\"", file.display());
    let reason = part(1, "reason");
    assert!(reason.contains("line 6: the option dest_host needs"), "{place}: {reason}");
    // A file that cannot be read leaves what is published.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let loaded = called(&machine, "firewall");
    assert!(loaded.out.contains("published ports stay as they are"), "{}", loaded.out);
    assert!(rules_in_force().contains(". 443"));
    assert!(called(&machine, "forward list").err.contains("not a regular file"));
}
