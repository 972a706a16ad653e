//! Files that are none, and those of earlier releases.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

/// Goes with its directory.
struct Root(PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Root {
    fn new(test: &str) -> Self {
        let root =
            std::env::temp_dir().join(format!("mape-cli-files-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let new = Self(root);
        new.write("etc/config/network", "config interface wan\n option proto mape\n");
        new.write("etc/config/firewall", FIREWALL);
        new.write("run/mape-rs/wan.json", forward::STATE);
        new.write("devices/mape-wan/ifindex", "7");
        new
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Ends within seconds, or the test fails.
    fn call(&self, line: &str) -> Called {
        let root = self.0.display().to_string();
        let line = line.replace("ROOT", &root);
        let (sender, receiver) = mpsc::channel();
        let text = line.clone();
        std::thread::spawn(move || sender.send(words(&text)));
        receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("{line} hangs"))
    }
}

const FIREWALL: &str = "config mape_forward web\n option interface wan\n option proto tcp\n \
                        option src_dport 9806\n option dest_host nas\n option dest_port 80\n";
const LOAD: &str = "firewall --root ROOT --state-dir ROOT/run/mape-rs --device-dir ROOT/devices \
                    --nft-program true";
const IMPORT: &str = "import wan --root ROOT";

#[test]
fn a_pipe_in_place_of_a_file_does_not_block() {
    for (file, command) in [
        ("etc/config/network", IMPORT),
        ("etc/config/firewall", IMPORT),
        ("var/run/uci/network", IMPORT),
        ("tmp/.uci/network", IMPORT),
        ("etc/init.d/script", IMPORT),
        ("tmp/dhcp.leases", LOAD),
        ("etc/config/dhcp", LOAD),
        ("run/mape-rs/wan.json", LOAD),
        ("run/mape-rs/wan.json.new", LOAD),
        ("etc/mape-rs/wan.ports", LOAD),
        ("run/mape-rs/wan.upnp", LOAD),
        ("rules", "plan --rules ROOT/rules 240b:10:3261:6400::/56"),
    ] {
        let root = Root::new("pipe");
        let path = root.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        mkfifo(&path, Mode::from_bits_truncate(0o666)).unwrap();
        let called = root.call(command);
        if file.contains("config/network") || file == "rules" {
            assert!(called.err.contains("it is not a regular file"), "{file}: {}", called.err);
        }
    }
}

#[test]
fn what_earlier_releases_left_open_is_closed() {
    let root = Root::new("upgrade");
    root.write("etc/config/dhcp", "config host\n option name nas\n option ip 192.168.1.5\n");
    root.write("etc/mape-rs/wan.ports", "{}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    root.write("run/mape-rs/wan.memory", "{}");
    for directory in ["run/mape-rs", "etc/mape-rs"] {
        fs::set_permissions(root.0.join(directory), Permissions::from_mode(0o755)).unwrap();
    }
    for file in ["run/mape-rs/wan.json", "run/mape-rs/wan.memory", "etc/mape-rs/wan.ports"] {
        fs::set_permissions(root.0.join(file), Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(root.call(LOAD).err, "");
    for directory in ["run/mape-rs", "etc/mape-rs"] {
        assert_eq!(mode(&root.0.join(directory)), 0o700, "{directory}");
        for entry in fs::read_dir(root.0.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

/// The state is root's alone, and to others nothing would seem to be set up.
#[test]
fn a_user_without_permission_gets_an_error() {
    let root = Root::new("user");
    root.write("conf", "prefix 240b:10:3261:6400::/56\n");
    let state = root.0.join("run/mape-rs");
    let program = root.0.join("mape-proto");
    fs::copy(env!("CARGO_BIN_EXE_mape-proto"), &program).unwrap();
    let say = |line: &str| {
        let mut command = Command::new(&program);
        command.args(line.split(' ')).arg("--state-dir").arg(&state);
        if fs::metadata(&root.0).unwrap().uid() == 0 {
            command.uid(65534);
        }
        let output = command.current_dir("/").output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    fs::set_permissions(&state, Permissions::from_mode(0o000)).unwrap();
    let conf = root.0.join("conf").display().to_string();
    let mut lines = vec!["status".to_owned(), "status wan".to_owned(), "ports".to_owned()];
    if cfg!(feature = "linux") {
        lines.extend([format!("status --config {conf}"), format!("doctor --config {conf}")]);
    }
    for line in lines {
        let said = say(&line);
        assert!(said.contains("Permission denied") && said.contains("run this as root"), "{said}");
        assert!(said.contains("MAPE_SYSTEM_REFUSED"), "{said}");
    }
    // One that is missing is no trouble.
    fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
    fs::remove_dir_all(&state).unwrap();
    assert!(say("ports").contains("there is no MAP-E interface"));
}

#[test]
fn a_copy_of_a_router_is_read_and_nothing_else() {
    let root = Root::new("links");
    root.write("outside/network", "config interface secret\n option proto map\n");
    let copy = Root(root.0.join("copy"));
    copy.write("etc/config/firewall", "");
    let outside = root.0.join("outside/network");
    for target in [outside.as_path(), Path::new("../../../outside/network")] {
        let link = copy.0.join("etc/config/network");
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        let called = copy.call("import secret --root ROOT");
        assert!(called.err.contains("has no interface \"secret\""), "{}", called.err);
    }
    // The same links inside the copy mean its own files.
    copy.write("real/network", "config interface secret\n option proto map\n");
    let link = copy.0.join("etc/config/network");
    for target in ["/real/network", "../../real/network"] {
        fs::remove_file(&link).unwrap();
        symlink(target, &link).unwrap();
        let called = copy.call("import secret --root ROOT");
        assert!(!called.err.contains("has no interface"), "{}", called.err);
    }
}

#[test]
fn import_has_a_budget() {
    let root = Root::new("budget");
    let script = format!("#!/bin/sh\n{}\n", "# text\n".repeat(30_000));
    for number in 0..60 {
        root.write(&format!("etc/init.d/{number}"), &script);
    }
    root.write("etc/init.d/99-last", "#!/bin/sh\n");
    let called = root.call(IMPORT);
    assert!(called.out.contains("more scripts are too much text"), "{}", called.out);
}
