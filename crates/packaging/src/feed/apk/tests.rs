use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::index::hex;
use super::super::signing::tests::KNOWN;
use super::*;
use host_tools::steps::{output, run};

/// Seconds of Unix time that need a word of their own in the database.
const DATE: u64 = 1_700_000_000;

fn info() -> Info {
    let package = |name: &str, kind| Dependency { name: name.to_owned(), kind };
    Info {
        name: "hello".to_owned(),
        version: "1.2.3-r4".to_owned(),
        description: "Says hello".to_owned(),
        arch: "x86_64".to_owned(),
        license: "MIT".to_owned(),
        origin: "hello".to_owned(),
        maintainer: "A Person <a@example.org>".to_owned(),
        url: "https://example.org/".to_owned(),
        depends: ["libc", "kmod-b", "kmod-a"]
            .map(|name| package(name, Kind::Any))
            .into_iter()
            .chain([package("rival", Kind::Refused)])
            .collect(),
        provides: [package("greeting", Kind::Version("1.2.3-r4".to_owned()))].into(),
    }
}

fn files() -> Vec<File> {
    // One more than once, an empty one, and one that is longer than 64 KiB.
    vec![
        File::new("usr/bin/hello", b"#!/bin/sh\necho hello\n".to_vec()),
        File::new("usr/share/hello/empty", Vec::new()),
        File::new("usr/share/hello/one", b"text\n".to_vec()),
        File::new("usr/share/hello/two", b"text\n".to_vec()),
        File::new("etc/hello", (0..70_000_u32).flat_map(u32::to_le_bytes).collect()),
    ]
}

fn scripts() -> Vec<(Script, String)> {
    vec![
        (Script::PostInstall, "#!/bin/sh\n: installed\n".to_owned()),
        (Script::PreDeinstall, format!("#!/bin/sh\n{}", ": removed\n".repeat(30))),
        (Script::PostUpgrade, "#!/bin/sh\n: upgraded\n".to_owned()),
    ]
}

fn package() -> Package {
    let key = Key::from_pem(KNOWN).unwrap();
    Package::build(&info(), &files(), &scripts(), DATE, &key).unwrap()
}

/// The identity that apk-tools 3.0.6 gives the same package.
#[test]
fn the_identity_is_that_of_apk() {
    let package = package();
    assert_eq!(package.file_name(), "hello-1.2.3-r4.apk");
    assert_eq!(
        hex(&package.digest),
        "42e68bf1c8332a944140a48285d93ff3bb856b796ee36ed47e84389b6698cbc5"
    );
}

/// The bytes also change with the compressor. If the identity above is still equal, that is the
/// reason.
#[test]
fn the_bytes_are_known() {
    let package = package();
    assert!(package.bytes.starts_with(b"ADBd"));
    assert_eq!(
        hex(&Sha256::digest(&package.bytes)),
        "7530897fbbe5a6f1e9785661046f9953bc180dba19872ffad14bb71f5545b115"
    );
    let index = index(&[&package], &Key::from_pem(KNOWN).unwrap()).unwrap();
    assert_eq!(
        hex(&Sha256::digest(&index)),
        "321143d5cdadba821ab7795973376db84dfd23fe1d2ff3e677bbb20a40a24956"
    );
}

#[test]
fn two_files_of_one_path_are_refused() {
    let files = [File::new("etc/a", Vec::new()), File::new("etc/a", b"x".to_vec())];
    let error = tree(&files).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("etc/a"), "{error}");
}

#[test]
fn directories_on_the_way_belong_to_the_package() {
    let files = [File::new("usr/share/hello/one", Vec::new())];
    let tree = tree(&files).unwrap();
    let paths: Vec<&str> = tree.keys().copied().collect();
    assert_eq!(paths, ["", "usr", "usr/share", "usr/share/hello"]);
}

/// A directory with the package, an index of it, and the public key.
struct Scratch {
    directory: PathBuf,
    tool: PathBuf,
}

impl Scratch {
    fn apk(&self) -> Command {
        let mut command = Command::new(&self.tool);
        command.arg("--keys-dir").arg(self.directory.join("keys")).current_dir(&self.directory);
        command
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn dump(&self, path: &Path) -> String {
        let text = output(self.apk().arg("adbdump").arg(path)).unwrap();
        // The key's own lines differ: apk signs with another nonce, or not at all.
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.collect::<Vec<&str>>().join("\n")
    }
}

/// With apk-tools 3 (named by `MAPE_APK`): both write the same bytes, and apk accepts ours.
#[test]
fn apk_itself_agrees() {
    let Some(tool) = std::env::var_os("MAPE_APK").map(PathBuf::from) else {
        println!("MAPE_APK names no apk-tools 3: packages were compared with known digests only");
        return;
    };
    let name = format!("mape-apk-{}", std::process::id());
    let scratch = Scratch { directory: std::env::temp_dir().join(name), tool };
    let (key, package) = (Key::from_pem(KNOWN).unwrap(), package());
    scratch.write("keys/known.pem", key.public_pem().unwrap().as_bytes());
    let secret = scratch.write("known.sec", key.to_pem().unwrap().as_bytes());
    let ours = scratch.write(&package.file_name(), &package.bytes);

    // The same files, packed by apk.
    for file in files() {
        let path = scratch.write(&format!("files/{}", file.path), &file.bytes);
        let mode = if file.executable { "755" } else { "644" };
        run(Command::new("chmod").arg(mode).arg(path)).unwrap();
    }
    let find = ["files", "-exec", "touch", &format!("--date=@{DATE}"), "{}", "+"];
    run(Command::new("find").args(find).current_dir(&scratch.directory)).unwrap();
    let mut make = scratch.apk();
    make.arg("mkpkg").arg("--sign-key").arg(&secret).args(["--files", "files"]);
    make.env("SOURCE_DATE_EPOCH", DATE.to_string());
    let info = info();
    for (name, text) in [
        ("name", info.name.as_str()),
        ("version", &info.version),
        ("description", &info.description),
        ("arch", &info.arch),
        ("license", &info.license),
        ("origin", &info.origin),
        ("maintainer", &info.maintainer),
        ("url", &info.url),
        ("depends", "kmod-a kmod-b libc !rival"),
        ("provides", "greeting=1.2.3-r4"),
    ] {
        make.arg("--info").arg(format!("{name}:{text}"));
    }
    for (kind, text) in scripts() {
        let name = match kind {
            Script::PostInstall => "post-install",
            Script::PreDeinstall => "pre-deinstall",
            Script::PostUpgrade => "post-upgrade",
        };
        let path = scratch.write(name, text.as_bytes());
        make.arg("--script").arg(format!("{name}:{}", path.display()));
    }
    let theirs = scratch.directory.join("theirs.apk");
    run(make.arg("--output").arg(&theirs)).unwrap();
    assert_eq!(scratch.dump(&ours), scratch.dump(&theirs));
    run(scratch.apk().arg("verify").args([&ours, &theirs])).unwrap();

    // An index by each, of our package.
    let index = index(&[&package], &key).unwrap();
    let index = scratch.write("packages.adb", &index);
    let other = scratch.directory.join("theirs.adb");
    run(scratch.apk().arg("mkndx").arg("--output").arg(&other).arg(&ours)).unwrap();
    let unsigned = |text: String| text.replace("known", "");
    assert_eq!(unsigned(scratch.dump(&index)), unsigned(scratch.dump(&other)));

    // apk refuses any changed bit, in the database and in a file.
    for at in [6, package.bytes.len() / 2, package.bytes.len() - 9] {
        let mut changed = package.bytes.clone();
        changed[at] ^= 4;
        let changed = scratch.write("changed.apk", &changed);
        let said = scratch.apk().arg("verify").arg(changed).output().unwrap();
        assert!(!said.status.success(), "byte {at} was changed: {said:?}");
    }
    // apk refuses a package signed with a key that the router does not have.
    let stranger = Package::build(&info, &files(), &[], DATE, &Key::generate().unwrap()).unwrap();
    let stranger = scratch.write("stranger.apk", &stranger.bytes);
    let said = scratch.apk().arg("verify").arg(stranger).output().unwrap();
    assert!(String::from_utf8_lossy(&said.stdout).contains("UNTRUSTED"), "{said:?}");
    fs::remove_dir_all(&scratch.directory).unwrap();
}
