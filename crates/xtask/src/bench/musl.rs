//! Size and memory of the program as a router gets it: built with its own std, against musl.
//!
//! Debian's compiler brings the matching source of std, and zig (from `PyPI`) is linker and musl in
//! one. Nothing of it touches the machine's own toolchain.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::lab::tools;
use crate::packages;
use crate::steps::{command, output, run};

const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src", "python3-venv", "time"];
const TARGET: &str = "x86_64-unknown-linux-musl";

/// As shipped: std without backtraces, a panic that only aborts. With build-std rustc has no start
/// files of its own.
const FLAGS: &str = "-Clink-self-contained=no -Ctarget-feature=+crt-static \
                     -Zunstable-options -Cpanic=immediate-abort";

/// Builds and runs it.
///
/// # Errors
///
/// What is missing cannot be installed, or the build fails.
pub(crate) fn measure() -> anyhow::Result<Value> {
    println!("mape-proto, x86_64 musl, static, own std (the first build takes minutes)");
    packages::ensure(PACKAGES)
        .with_context(|| format!("needs the Debian packages {}", PACKAGES.join(" ")))?;
    let directory = tools::cache_directory().join("musl");
    let linker = linker(&directory).context("needs ziglang from PyPI")?;

    let mut build = command("/usr/bin/cargo", &["build", "--quiet", "--release", "--locked"]);
    build
        .args(["--package", "mape-proto", "--target", TARGET])
        .args(["-Z", "build-std=std,panic_abort", "-Z", "build-std-features=optimize_for_size"])
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER", linker)
        // Set by the cargo that runs this program, for its own compiler.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    run(build)?;

    let program = directory.join(TARGET).join("release/mape-proto");
    let bytes = std::fs::metadata(&program)?.len();
    let plan = peak(&program, &["plan", "--json", "240b:10:3261:6400::/56"])?;
    let nft = peak(&program, &["plan", "--nft", "2400:4050:80ba:2200::/56"])?;
    println!("  {bytes} bytes");
    println!("  peak RSS of plan --json             {plan} kB   bound for one setup 1200 kB");
    println!("  peak RSS of plan --nft, 1008 ports  {nft} kB");
    Ok(json!({ "bytes": bytes, "plan_json_rss_kb": plan, "plan_nft_1008_rss_kb": nft }))
}

/// A script that rustc calls as its linker.
fn linker(directory: &Path) -> anyhow::Result<String> {
    let venv = directory.join("venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        std::fs::create_dir_all(directory)?;
        run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "ziglang"]))?;
        std::fs::write(venv.join("ready"), "")?;
    }
    let script = directory.join("linker");
    // Rust's name of the target means nothing to zig.
    let text = format!(
        "#!/bin/sh\nfor word; do\n\tshift\n\tcase $word in --target=*) ;; *) set -- \"$@\" \"$word\" ;; esac\ndone\n\
         exec '{}' -m ziglang cc -target x86_64-linux-musl \"$@\"\n",
        python.display()
    );
    std::fs::write(&script, text)?;
    run(Command::new("chmod").arg("755").arg(&script))?;
    script.to_str().map(str::to_owned).context("the path is not text")
}

/// The largest resident memory of several runs, in kB.
fn peak(program: &Path, arguments: &[&str]) -> anyhow::Result<u64> {
    let mut most = 0;
    for _ in 0..5 {
        let mut time = Command::new("/usr/bin/time");
        // GNU time reports on standard error; the program's own output is not wanted.
        time.args(["--format", "%M", "--output", "/dev/stdout"]).arg(program).args(arguments);
        let text = output(time.stderr(std::process::Stdio::null()))?;
        let Some(Ok(kb)) = text.lines().last().map(str::parse) else {
            bail!("GNU time said {text:?}");
        };
        most = most.max(kb);
    }
    Ok(most)
}
