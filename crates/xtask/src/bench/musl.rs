//! Measures size and memory of the program for a router.

use std::path::Path;
use std::process::Command;

use anyhow::bail;
use serde_json::{Value, json};

use host_tools::musl::{self, X86_64};
use host_tools::packages;
use host_tools::steps::output;

/// Builds and runs the program.
///
/// # Errors
///
/// A package cannot be installed, or the build fails.
pub(crate) fn measure() -> anyhow::Result<Value> {
    println!("mape-proto, x86_64 musl, static, own std (the first build takes minutes)");
    packages::ensure(&["time"])?;
    // As on a router: without the feature `linux`.
    let router = musl::build(&X86_64, &["--no-default-features"])?;
    let bytes = std::fs::metadata(&router)?.len();
    let plan = peak(&router, &["plan", "--json", "240b:10:3261:6400::/56"])?;
    let nft = peak(&router, &["plan", "--nft", "2400:4050:80ba:2200::/56"])?;
    println!("  {bytes} bytes");
    println!("  peak RSS of plan --json             {plan} kB   bound for one setup 1200 kB");
    println!("  peak RSS of plan --nft, 1008 ports  {nft} kB");
    let with_linux = std::fs::metadata(musl::build(&X86_64, &[])?)?.len();
    println!("  {with_linux} bytes with plain Linux");
    Ok(json!({
        "bytes": bytes,
        "plain_linux_bytes": with_linux,
        "plan_json_rss_kb": plan,
        "plan_nft_1008_rss_kb": nft,
    }))
}

/// Returns the largest resident memory of several runs, in kB.
fn peak(program: &Path, arguments: &[&str]) -> anyhow::Result<u64> {
    let mut most = 0;
    for _ in 0..5 {
        let mut time = Command::new("/usr/bin/time");
        // GNU time reports on standard error. The program's output is dropped.
        time.args(["--format", "%M", "--output", "/dev/stdout"]).arg(program).args(arguments);
        let text = output(time.stderr(std::process::Stdio::null()))?;
        let Some(Ok(kb)) = text.lines().last().map(str::parse) else {
            bail!("GNU time said {text:?}");
        };
        most = most.max(kb);
    }
    Ok(most)
}
