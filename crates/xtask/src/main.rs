//! `cargo xtask COMMAND`: the commands of developers and CI.
//!
//! Each command has a file here or in the crates below. A command returns an error instead of
//! exiting, so that the caller can report every failure and not only the first.

mod bench;
mod fuzz;
mod house;
mod licences;
mod lint;
mod linux;
mod luci;
mod luci_browser;
mod msrv;
mod mutants;
mod soak;
mod test;
mod workflows;

use std::process::ExitCode;

use host_tools::steps::Steps;
use lab::{demo, openwrt, plane, provision};
use packaging::{feed, release, sbom};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  demo [--kernel NAME] [--recording FILE]
                  boot a Debian kernel, bring two MAP-E lines up in it, and use every port;
                  --recording keeps what the terminal showed as an SVG file of forty seconds
  test [--long]   install missing packages and run every test (about 30 minutes from a fresh clone);
                  --long adds ten minutes of fuzzing for each parser and mutation testing
  lint            rules of the house, format, clippy, shellcheck, workflows, licences, and a build
                  with the oldest compiler
  lint --house    the rules of the house alone, in seconds; --settle takes what was mended off their
                  lists of known breaches (crates/xtask/src/house/known)
  ci              lint and test, as .ci/run does
  bench [--json FILE]
                  what one plan, one command and the data plane cost, beside other rulesets
  bench poll      what the status page of LuCI costs each time it asks
  bench setup --upstream DIRECTORY [--json FILE]
                  one set-up beside that of OpenWrt's `map`, whose files are in DIRECTORY
  fuzz [SECONDS] [TARGET...]
                  fuzz every parser (60 seconds each), after a planted bug has been found
  lab [--kernel NAME] SCRIPT [ARGUMENT...]
                  boot a Debian kernel and run a script of tests/vm in it
  lab --self-test test the lab itself
  plane [--long] [--kernel NAME | --host] [SCRIPT...]
                  the data plane's tests, on both kernels or in the host's namespaces
  plane --kernels [NAME...]
                  what each kernel does under firewall4's flow offload, as a table; fails where a
                  packet is wrong or takes another path than it should
  openwrt --rootfs DIRECTORY|TARBALL | --stand-in [--kernel NAME] [--quick] [--json FILE] [SCENARIO...]
                  our files in an OpenWrt root, under its own netifd and firewall4; or under
                  programs of ours that stand in for them; --quick as short as in every test
  openwrt pages --rootfs DIRECTORY|TARBALL [--kernel NAME] [CASE...]
                  cases of tests/luci on a root with LuCI that runs in a machine (default: walk)
  openwrt         all that every test runs on these
  linux [--long] [--kernel NAME] [SCRIPT...]
                  the tests of plain Linux, on both kernels
  soak [--kernel NAME] [--rootfs DIRECTORY]
                  a week of a line in minutes, on plain Linux and on the stand-in for a router (with
                  --rootfs in an OpenWrt root instead), and days with a leak that must be found
  luci            eslint, node tests and translations of the pages for LuCI
  luci --browser  the pages in Chromium, on a stand-in for LuCI
  cross [ARCH...]
                  mape-proto for OpenWrt's architectures, as shipped; sizes go to cross/sizes.tsv
  cross --run [ARCH...]
                  runs them under qemu: they answer as this machine's own program does
  cross --out DIRECTORY [ARCH...]
                  keeps the programs there, from where MAPE_PROGRAMS=DIRECTORY takes them for packages
  cross --list    the architectures that have a program of their own, as JSON
  cross --boot [SCRIPT...]
                  a line on a MIPS machine without FPU, on Debian's kernel
  cross --check   two builds in different places give the same bytes
  cross --stock   what the mipsel program would weigh as OpenWrt's feed builds it
  size [--compare REV]
                  where the bytes of the mipsel program are, and what changed since a revision
  provision [--kernel NAME]
                  provisioning from real servers, in a machine
  package openwrt|ARCH... [--out DIRECTORY] [--apk-key KEY]
                  packages for opkg and apk; architectures as for `cross`
  package linux [--out DIRECTORY]
                  static binaries and Debian packages (x86_64, aarch64), and their tests
  feed --out DIR --usign KEY --apk-key KEY [--url URL] [--assets DIR] [ARCH...]
                  a signed feed for opkg and apk, ready for a web server; --assets for a release page
  keys --out DIR  the two pairs of keys of a feed
  package real    packages and feeds under the programs that MAPE_OPKG, MAPE_OPKG_OLD (of 23.05),
                  MAPE_USIGN and MAPE_APK name
  package openwrt|linux --test PROGRAM
                  the packages' tests alone, with a static program that is there
  release X.Y.Z [--check | --notes]
                  sets the version everywhere and cuts the changelog; --check lists what a tag
                  still needs, --notes prints the release's text
  sbom            what the program is made of, as CycloneDX
  mutants         change mape-core in every way and see that a test notices
  help            this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result: anyhow::Result<()> = match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["demo", rest @ ..] => demo::command(rest),
        ["test"] => Steps::run(test::quick),
        ["test", "--long"] => Steps::run(test::long),
        ["lint"] => Steps::run(lint::all),
        ["lint", "--house"] => house::check(),
        ["lint", "--settle"] => house::settle(),
        ["ci"] => Steps::run(|steps| {
            lint::all(steps);
            test::quick(steps);
        }),
        ["bench", rest @ ..] => bench::command(rest),
        ["fuzz", rest @ ..] => fuzz::command(rest),
        ["lab", rest @ ..] => lab::command(rest),
        ["plane", rest @ ..] => plane::command(rest),
        ["linux", rest @ ..] => linux::command(rest),
        ["soak", rest @ ..] => soak::command(rest),
        ["luci"] => Steps::run(luci::steps),
        ["luci", "--browser"] => Steps::run(luci_browser::steps),
        ["cross", rest @ ..] => cross_build::command(rest),
        ["size", rest @ ..] => cross_build::report::command(rest),
        ["provision", rest @ ..] => provision::command(rest),
        ["package", "real"] => feed::real(),
        ["package", words @ ..] => packaging::command(words),
        ["keys", words @ ..] => feed::keys(words),
        ["feed", words @ ..] => feed::feed(words),
        ["release", words @ ..] => release::command(words),
        ["sbom"] => sbom::text().map(|text| print!("{text}")),
        ["mutants"] => Steps::run(mutants::all),
        ["openwrt"] => Steps::run(openwrt::steps),
        ["openwrt", "pages", rest @ ..] => openwrt::pages(rest),
        ["openwrt", rest @ ..] => match openwrt::command(rest) {
            Ok(verdict) => return ExitCode::from(verdict.status()),
            Err(error) => Err(error),
        },
        _ => Err(anyhow::anyhow!("unknown command {words:?}; `cargo xtask help` lists them")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
