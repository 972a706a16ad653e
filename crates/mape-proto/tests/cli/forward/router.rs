//! A copy of a router, in a network namespace of the test's own.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use nix::sched::{CloneFlags, unshare};

use super::*;

pub(crate) struct Router {
    pub(crate) root: PathBuf,
    /// Of the tunnel.
    pub(super) index: String,
    pub(super) nft: &'static str,
}

/// The line's state, as set-up leaves it: PSID 100, with 9800 reserved by hand and the last four
/// for UPnP.
pub(crate) const STATE: &str = r#"{"schema":1,"interface":"wan","device":"mape-wan","prefix":"240b:10:3261:6400::/56","rule":"ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03","mtu":1460,"reserved":"9800","edge":"auto","upnp_ports":4}"#;

impl Router {
    /// `None` where there is no right to make a namespace.
    pub(crate) fn new(test: &str, firewall: &str) -> Option<Self> {
        let tunnel = "ip link set lo up && ip link add mape-wan type veth peer name p-wan && \
                      ip link set mape-wan up && nft list tables && ip -o link show mape-wan";
        let made = unshare(CloneFlags::CLONE_NEWNET).is_ok();
        let made = made.then(|| Command::new("sh").args(["-c", tunnel]).output().unwrap());
        let Some(made) = made.filter(|made| made.status.success()) else {
            assert!(std::env::var_os("MAPE_CI").is_none(), "CI must be able to make namespaces");
            eprintln!("skipped: needs root, ip and nft");
            return None;
        };
        let index = String::from_utf8(made.stdout).unwrap().split(':').next().unwrap().to_owned();
        let root = std::env::temp_dir().join(format!("mape-forward-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for directory in ["etc/config", "state", "devices/mape-wan", "sbin", "tmp"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let router = Self { root, index, nft: "nft" };
        router.write("etc/config/firewall", firewall);
        router.write("etc/config/network", "config interface lan\n list ipaddr 192.168.1.1/24\n");
        router.write("etc/config/dhcp", "config host\n option name NAS\n option ip 192.168.1.5\n");
        router.write("state/wan.json", STATE);
        router.write("devices/mape-wan/ifindex", &router.index);
        let events = router.root.join("events");
        let fields = "$ACTION $INTERFACE $FORWARD${NAME:+($NAME)} $PROTO $OLD_IPV4:$OLD_PORT $NEW_IPV4:$NEW_PORT$PORTS";
        let script = format!("#!/bin/sh\necho \"$1 {fields}\" >>{}\n", events.display());
        fs::create_dir_all(router.root.join("sbin")).unwrap();
        executable(&router.root.join("sbin/hotplug-call"), &script);
        Some(router)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap_or_default()
    }

    pub(crate) fn call(&self, arguments: &str) -> Called {
        self.call_with(&Self::uci(), arguments)
    }

    /// As a process of its own, which can be killed.
    pub(super) fn start(&self, uci: &str, words: &str) -> Child {
        let root = self.root.display();
        let words = format!(
            "forward {words} --root {root} --uci-program {uci} --state-dir {root}/state \
             --device-dir {root}/devices --nft-program nft"
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_mape-proto"));
        command.args(words.split_whitespace()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Waits for what a killed call has started: it may still be at work, and has the lock.
    pub(super) fn settle(&self) {
        let lock = self.root.join("state/.firewall.lock");
        assert!(Command::new("flock").arg(lock).arg("true").status().unwrap().success());
    }

    pub(super) fn uci() -> String {
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../netifd-stand-in/root/sbin/uci");
        // OpenWrt's own, where there is one.
        std::env::var("MAPE_UCI").unwrap_or_else(|_| stand_in.to_owned())
    }

    pub(super) fn call_with(&self, uci: &str, arguments: &str) -> Called {
        let root = self.root.display();
        words(&format!(
            "forward {arguments} --root {root} --uci-program {uci} --state-dir {root}/state \
             --device-dir {root}/devices --nft-program {}",
            self.nft
        ))
    }

    /// As firewall4's include calls it.
    pub(crate) fn load(&self) -> Called {
        let root = self.root.display();
        let called = words(&format!(
            "firewall --root {root} --state-dir {root}/state --device-dir {root}/devices \
             --nft-program {}",
            self.nft
        ));
        assert_eq!(called.err, "");
        called
    }

    /// An nft that refuses texts with this word: always, or only when they are to be loaded.
    pub(super) fn refusing(&mut self, word: &str, when: &str) {
        let path = self.root.join("sbin/nft");
        let script = format!(
            "#!/bin/sh\ncase $1$2 in -f-|-c-f) ;; *) exec nft \"$@\";; esac\ntext=$(mktemp)\ncat >$text\n\
             case $1 in {when}) if grep -q '{word}' $text; then rm $text; echo 'Error: no such port' >&2; exit 1; fi;; esac\n\
             if [ $1 = -c ]; then nft -c -f $text; else nft -f $text; fi\nrc=$?\nrm $text\nexit $rc\n"
        );
        executable(&path, &script);
        self.nft = Box::leak(path.display().to_string().into_boxed_str());
    }

    pub(super) fn list(&self) -> Vec<Value> {
        let called = self.call("list --json");
        assert_valid(&schema("forward"), &called.json());
        let forwards = called.json()["forwards"].as_array().unwrap().clone();
        for it in &forwards {
            assert_eq!(it["code"].is_null(), it["reason"].is_null(), "{it}");
            let code = it["code"].as_str().unwrap_or_default();
            assert_params("forward", "/$defs/forward/properties/params", code, it);
        }
        forwards
    }
}

/// The rules in force.
pub(super) fn rules_in_force() -> String {
    let listed = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
