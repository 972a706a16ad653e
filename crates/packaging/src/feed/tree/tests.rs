use std::process::Command;

use super::*;
use crate::feed::signing::tests::KNOWN as APK_KEY;
use crate::feed::usign::tests::KNOWN as USIGN_KEY;
use host_tools::steps::{output, run};
use host_tools::tools::find_program;

const ARCHES: [&str; 2] = ["aarch64_generic", "x86_64"];
/// The packages that fit all machines.
const ANYWHERE: [&str; 4] =
    ["luci-app-mape", "luci-i18n-mape-ja", "luci-i18n-mape-zh-cn", "luci-i18n-mape-zh-tw"];

fn keys() -> Keys {
    Keys {
        opkg: usign::Key::from_text(USIGN_KEY).unwrap(),
        apk: signing::Key::from_pem(APK_KEY).unwrap(),
    }
}

/// Makes a feed with a file in place of a program, in a directory for this test.
fn feed(name: &str) -> PathBuf {
    let out = std::env::temp_dir().join(format!("mape-feed-{name}-{}", std::process::id()));
    let program = out.with_extension("program");
    fs::write(&program, b"\x7fELF no program").unwrap();
    let programs = ARCHES.map(|arch| (arch.to_owned(), program.clone()));
    let recipe = Recipe::read("mape-rs").unwrap();
    write(&out, &keys(), "https://example.org/feed", &recipe, &programs).unwrap();
    fs::remove_file(program).unwrap();
    out
}

#[test]
fn a_feed_is_complete_and_the_same_each_time() {
    let (one, other) = (feed("one"), feed("other"));
    let names = files(&one, "").unwrap();
    assert_eq!(names, files(&other, "").unwrap());
    for name in &names {
        let same = fs::read(one.join(name)).unwrap() == fs::read(other.join(name)).unwrap();
        assert!(same, "{name} differs");
    }
    let version = concat!(env!("CARGO_PKG_VERSION"), "-r1");
    let mut expected: Vec<String> =
        ["SHA256SUMS", "SHA256SUMS.sig", "index.html", "mape-rs.pem", "mape-rs.pub"]
            .map(str::to_owned)
            .to_vec();
    for arch in ARCHES {
        let apk = ANYWHERE.into_iter().chain(["mape-rs"]);
        expected.extend(apk.map(|name| format!("apk/{arch}/{name}-{version}.apk")));
        expected.push(format!("apk/{arch}/packages.adb"));
        let index = ["Packages", "Packages.gz", "Packages.sig"];
        expected.extend(index.map(|name| format!("opkg/{arch}/{name}")));
        expected.extend(ANYWHERE.map(|name| format!("opkg/{arch}/{name}_{version}_all.ipk")));
        expected.push(format!("opkg/{arch}/mape-rs_{version}_{arch}.ipk"));
    }
    expected.sort_unstable();
    assert_eq!(names, expected);
    // Every file in opkg's index exists, with the size and digest in the index.
    let index = fs::read_to_string(one.join("opkg/x86_64/Packages")).unwrap();
    let entries: Vec<&str> = index.split("\n\n").filter(|entry| !entry.is_empty()).collect();
    assert_eq!(entries.len(), ANYWHERE.len() + 1);
    for entry in entries {
        let field = |name: &str| {
            let mut lines = entry.lines().filter_map(|line| line.strip_prefix(name));
            lines.next().unwrap().to_owned()
        };
        let bytes = fs::read(one.join("opkg/x86_64").join(field("Filename: "))).unwrap();
        assert_eq!(field("Size: "), bytes.len().to_string());
        assert_eq!(field("SHA256sum: "), hex(&Sha256::digest(bytes)));
    }
    let page = fs::read_to_string(one.join("index.html")).unwrap();
    assert!(page.contains("/mape-rs.pub &amp;&amp; opkg-key add /tmp/mape-rs.pub"), "{page}");
    // Every link of the page has its file, and all digests are right.
    let links: Vec<&str> = page.split("href=\"").skip(1).collect();
    assert_eq!(links.len(), 2 + ARCHES.len() * 2 * (ANYWHERE.len() + 1));
    for link in links {
        let path = link.split('"').next().unwrap();
        assert!(path.starts_with("https://") || names.iter().any(|it| it == path), "{path}");
    }
    let mut check = Command::new("sha256sum");
    run(check.args(["--check", "--quiet", SUMS]).current_dir(&one)).unwrap();
    for out in [one, other] {
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn a_release_page_has_each_file_once() {
    let out = feed("page");
    let page = out.with_extension("assets");
    assets(&out, &page, &keys()).unwrap();
    let version = concat!(env!("CARGO_PKG_VERSION"), "-r1");
    let mut expected: Vec<String> =
        ["SHA256SUMS", "SHA256SUMS.sig", "mape-rs.pem", "mape-rs.pub"].map(str::to_owned).to_vec();
    for name in ANYWHERE {
        expected.push(format!("{name}-{version}.apk"));
        expected.push(format!("{name}_{version}_all.ipk"));
    }
    for arch in ARCHES {
        expected.push(format!("mape-rs-{version}_{arch}.apk"));
        expected.push(format!("mape-rs_{version}_{arch}.ipk"));
    }
    expected.sort_unstable();
    assert_eq!(files(&page, "").unwrap(), expected);
    for directory in [out, page] {
        fs::remove_dir_all(directory).unwrap();
    }
}

/// signify has the same format as usign, and Debian has it.
#[test]
fn signify_takes_the_signatures() {
    // Debian has the program, so CI requires it.
    if std::env::var_os("MAPE_CI").is_some() {
        host_tools::packages::ensure(&["signify-openbsd"]).unwrap();
    }
    let Ok(signify) = find_program("signify-openbsd") else {
        println!("no signify-openbsd here: usign's signatures were compared with one only");
        return;
    };
    let out = feed("signify");
    let verifies = |file: &str| {
        let mut verify = Command::new(&signify);
        verify.arg("-V").arg("-p").arg(out.join(keys::USIGN_PUBLIC));
        output(verify.arg("-m").arg(out.join(file))).is_ok()
    };
    for file in ["SHA256SUMS", "opkg/x86_64/Packages"] {
        assert!(verifies(file), "{file}");
    }
    let path = out.join("opkg/x86_64/Packages");
    let changed = fs::read_to_string(&path).unwrap().replace("x86_64", "x86_65");
    fs::write(path, changed).unwrap();
    assert!(!verifies("opkg/x86_64/Packages"));
    fs::remove_dir_all(out).unwrap();
}

/// With apk-tools 3 (named by `MAPE_APK`): it accepts both indexes and finds the packages.
#[test]
fn apk_installs_from_the_feed() {
    let Some(tool) = std::env::var_os("MAPE_APK") else {
        println!("MAPE_APK names no apk-tools 3: it has not seen the feed");
        return;
    };
    let out = feed("apk");
    let root = out.with_extension("root");
    fs::create_dir_all(root.join("etc/apk/keys")).unwrap();
    let index = format!("file://{}/apk/x86_64/packages.adb\n", out.display());
    fs::write(root.join("etc/apk/repositories"), index).unwrap();
    let apk = |words: &[&str]| {
        let mut apk = Command::new(&tool);
        apk.arg("--root").arg(&root).args(words);
        apk.output().map(|said| (said.status.success(), format!("{said:?}"))).unwrap()
    };
    apk(&["--initdb", "--arch", "x86_64", "add"]);
    let (_, said) = apk(&["update"]);
    assert!(said.contains("UNTRUSTED"), "{said}");
    let key = root.join("etc/apk/keys").join(keys::APK_PUBLIC);
    fs::copy(out.join(keys::APK_PUBLIC), key).unwrap();
    assert!(apk(&["update"]).0);
    let (_, said) = apk(&["list", "--available"]);
    for name in ["mape-rs-", "luci-app-mape-", "luci-i18n-mape-ja-"] {
        assert!(said.contains(name), "{said}");
    }
    // Each file has the path, size and digest in the index.
    let (fetched, said) = apk(&["fetch", "--stdout", "mape-rs"]);
    assert!(fetched, "{said}");
    fs::remove_dir_all(root).unwrap();
    fs::remove_dir_all(out).unwrap();
}

#[test]
fn only_a_feed_is_replaced() {
    let out = std::env::temp_dir().join(format!("mape-feed-thesis-{}", std::process::id()));
    ensure_ours(&out).unwrap();
    fs::create_dir_all(&out).unwrap();
    ensure_ours(&out).unwrap();
    fs::write(out.join("thesis.txt"), "").unwrap();
    let error = ensure_ours(&out).unwrap_err().to_string();
    assert!(error.contains("name another directory"), "{error}");
    fs::write(out.join(SUMS), "").unwrap();
    ensure_ours(&out).unwrap();
    fs::remove_dir_all(out).unwrap();
}

#[test]
fn wrong_words_are_refused_before_anything_is_built() {
    for (words, said) in [
        (&["--usign", "k"][..], "--out is missing"),
        (&["--out", "x", "--out", "y"], "twice"),
        (&["--out"], "needs a value"),
        (&["--force"], "no option --force"),
        (&["--out", "x", "--usign", "/nowhere", "--apk-key", "k"], "/nowhere"),
    ] {
        let error = format!("{:#}", command(words).unwrap_err());
        assert!(error.contains(said), "{words:?}: {error}");
    }
}
