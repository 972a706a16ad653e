//! `mape-proto import` on copies of routers: `tests/netifd/import/CASE/root`, with what nft would
//! list in `tables` (absent: nft is not there) and the answer in `expected.txt`.
//!
//! Changes go through a stand-in for OpenWrt's `uci`; with `MAPE_UCI=/path/to/uci` through the real
//! one. What the stand-in does with a file is held against the real one in the tests of `mape-uci`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod answers;
mod apply;
mod cases;
mod contracts;
mod detect;
#[path = "../../../../tests/support/executable.rs"]
mod executable;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};

use executable::executable;
use mape_proto::{ExitStatus, Terminals, run};
use mape_uci::{Directories, Package};
use serde_json::Value;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/netifd/import")
}

/// A router's files in a directory of the test's own.
struct Router {
    root: PathBuf,
    /// Programs and what they keep; beside the root, so that it stays a router's.
    tools: PathBuf,
}

/// What a call printed.
struct Called {
    status: ExitStatus,
    out: String,
    err: String,
}

impl Called {
    fn json(&self) -> Value {
        assert_eq!(self.err, "");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Speaks `uci batch` and `commit`; committing is left to [`Router::commit`].
const UCI: &str = r#"#!/bin/sh
[ "$1 $3" = "-c -t" ] || exit 9
changes=$4/network
mkdir -p "$4"
shift 4
echo "$*" >> @TOOLS@/log
case $1 in
batch) sed -e 's/^set //' -e 's/^add_list /|/' -e 's/^delete /-/' >> "$changes" ;;
commit) cat "$changes" >@TOOLS@/committed ;;
*) exit 1 ;;
esac
"#;

/// Tables (`table FAMILY NAME`, a line each) as `nft --json list tables` prints them.
fn listed(tables: &str) -> String {
    let table = |line: &str| {
        let (family, name) = line.strip_prefix("table ")?.split_once(' ')?;
        Some(serde_json::json!({ "table": { "family": family, "name": name } }))
    };
    let tables: Vec<_> = tables.lines().filter_map(table).collect();
    serde_json::json!({ "nftables": tables }).to_string()
}

impl Router {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("mape-import-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let (root, tools) = (home.join("root"), home.join("tools"));
        fs::create_dir_all(root.join("etc/config")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        fs::create_dir_all(&tools).unwrap();
        let router = Self { root, tools };
        router.program("uci", &UCI.replace("@TOOLS@", router.tools.to_str().unwrap()));
        router
    }

    fn of_case(name: &str, case: &str) -> Self {
        let router = Self::new(name);
        copy(&home().join(case).join("root"), &router.root);
        if let Ok(tables) = fs::read_to_string(home().join(case).join("tables")) {
            fs::write(router.tools.join("tables"), listed(&tables)).unwrap();
            let text = format!(
                "#!/bin/sh\n[ \"$*\" = '--json --terse list tables' ] && cat {}/tables\n",
                router.tools.display()
            );
            router.program("nft", &text);
        }
        router
    }

    fn program(&self, name: &str, text: &str) {
        executable(&self.tools.join(name), text);
    }

    fn network(&self, text: &str) {
        fs::write(self.root.join("etc/config/network"), text).unwrap();
    }

    /// `import` with these arguments.
    fn import(&self, arguments: &str) -> Called {
        let mut words: Vec<String> = vec!["import".to_owned()];
        words.extend(arguments.split_whitespace().map(str::to_owned));
        words.extend(["--root".to_owned(), self.root.display().to_string()]);
        words.extend(["--uci-program".to_owned(), self.tools.join("uci").display().to_string()]);
        if self.tools.join("nft").exists() {
            words
                .extend(["--nft-program".to_owned(), self.tools.join("nft").display().to_string()]);
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let words = words.into_iter().map(Into::into);
        let status = run(words, Terminals::default(), &mut out, &mut err);
        Called {
            status,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    fn directories(&self) -> Directories {
        Directories::below(&self.root)
    }

    fn package(&self) -> Package {
        self.directories().read("network").unwrap().unwrap()
    }

    /// Does what the stand-in was asked to commit.
    fn commit(&self) {
        let committed = self.tools.join("committed");
        if let Ok(changes) = fs::read_to_string(&committed) {
            let mut package = self.package();
            package.change(&changes);
            self.network(package.to_string().strip_prefix("package network\n").unwrap());
            fs::remove_file(committed).unwrap();
        }
    }

    /// What `uci` was asked, one call in a line.
    fn log(&self) -> String {
        fs::read_to_string(self.tools.join("log")).unwrap_or_default()
    }

    /// All files with their contents.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        files(&self.root, &mut found);
        found.sort();
        found
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.root.parent().unwrap());
    }
}

fn files(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let text = fs::read(&path).unwrap();
            found.push((path, text));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
