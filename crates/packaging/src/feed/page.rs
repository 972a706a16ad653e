//! Writes the page at the top of a feed, which says how a router installs packages from it.

use std::fmt::Write as _;

use super::keys::{APK_PUBLIC, USIGN_PUBLIC};

/// The packages that a person installs, each after its dependencies.
const NAMES: &str = "mape-rs luci-app-mape luci-i18n-mape-ja";

/// An architecture with the files of each package for opkg and for apk.
pub(super) type Row<'a> = (&'a str, Vec<[String; 2]>);

/// Makes the page of the feed at `url`. `digests` are the SHA-256 of the public keys for opkg and
/// for apk.
pub(super) fn html(url: &str, rows: &[Row], digests: &[String; 2]) -> String {
    let [opkg, apk] = digests;
    let mut page = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>mape-rs: packages for OpenWrt</title>
<style>
body {{ font-family: sans-serif; line-height: 1.5; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }}
pre {{ background: #f2f2f2; color: #111; padding: .7rem; overflow-x: auto }}
td, th {{ text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }}
</style>
</head>
<body>
<h1>mape-rs: packages for OpenWrt</h1>
<p>MAP-E for Japanese fibre lines (v6 Plus, OCN, BIGLOBE, NURO). The commands are for the router's shell.</p>
<p lang="ja">日本の光回線 (v6プラス、OCNバーチャルコネクトなど) の MAP-E を OpenWrt で使うためのパッケージです。ルーターのシェルで実行してください。</p>
<h2>OpenWrt 25.12 and later (apk)</h2>
<pre>{apk_steps}</pre>
<h2>OpenWrt 23.05 and 24.10 (opkg)</h2>
<pre>{opkg_steps}</pre>
<p>What the router prints, lines that have no IPv4 yet, and files by hand:
<a href="https://github.com/mape-rs/mape-rs/blob/main/docs/install.md">docs/install.md</a>.</p>
<h2>Keys</h2>
<p>All indexes are signed, and so is each package for apk. <code>sha256sum</code> of the keys:</p>
<pre>{opkg}  {USIGN_PUBLIC}
{apk}  {APK_PUBLIC}</pre>
<p>Compare them with those in the <a href="https://github.com/mape-rs/mape-rs">repository</a>.</p>
<h2>Files</h2>
<p><code>. /etc/openwrt_release; echo $DISTRIB_ARCH</code> prints the architecture.</p>
<table>
<tr><th>architecture</th><th>opkg</th><th>apk</th></tr>
"#,
        apk_steps = escaped(&apk_steps(url)),
        opkg_steps = escaped(&opkg_steps(url)),
    );
    for (arch, files) in rows {
        let column = |column: usize| {
            let links = files.iter().filter_map(|pair| {
                let path = pair.get(column)?;
                let name = path.rsplit('/').next().unwrap_or(path);
                Some(format!("<a href=\"{path}\">{name}</a>"))
            });
            links.collect::<Vec<String>>().join("<br>")
        };
        // Writing into a `String` cannot fail.
        let _ =
            writeln!(page, "<tr><td>{arch}</td><td>{}</td><td>{}</td></tr>", column(0), column(1));
    }
    page += "</table>\n</body>\n</html>\n";
    page
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the commands for a router with apk. The update may fail because of another feed although
/// it has read this one.
pub(super) fn apk_steps(url: &str) -> String {
    format!(
        "wget -O /etc/apk/keys/{APK_PUBLIC} {url}/{APK_PUBLIC}
echo '{url}/apk/${{APK_ARCH}}/packages.adb' >>/etc/apk/repositories.d/customfeeds.list
apk update; apk add {NAMES}"
    )
}

/// Returns the commands for a router with opkg. Its update may fail in the same way.
pub(super) fn opkg_steps(url: &str) -> String {
    format!(
        "wget -O /tmp/{USIGN_PUBLIC} {url}/{USIGN_PUBLIC} && opkg-key add /tmp/{USIGN_PUBLIC}
. /etc/openwrt_release
echo \"src/gz mape {url}/opkg/$DISTRIB_ARCH\" >>/etc/opkg/customfeeds.conf
opkg update; opkg install {NAMES}"
    )
}
