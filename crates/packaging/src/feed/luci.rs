//! Makes the packages of `luci-app-mape` as LuCI's build does: the pages, and their translations.
//! They are the same for all architectures.

use std::fmt::Write as _;

use super::recipe::Recipe;
use super::signing::Key;
use super::{File, Package, lmo, read};
use host_tools::steps::{command, output, root};

const PAGES: &str = "luci-app-mape";
/// The names in opkg and in apk of an architecture that fits all machines.
const ANYWHERE: [&str; 2] = ["all", "noarch"];
/// The languages besides English: folder of the catalogue, tag, and name in LuCI's menu, as
/// `luci.mk` has them.
const LANGUAGES: [(&str, &str, &str); 3] = [
    ("ja", "ja", "日本語 (Japanese)"),
    ("zh_Hans", "zh-cn", "简体中文 (Chinese Simplified)"),
    ("zh_Hant", "zh-tw", "繁體中文 (Chinese Traditional)"),
];

/// The script that LuCI's build puts into every package: LuCI reads menus and pages again.
const POSTINST: &str = "[ -n \"$${IPKG_INSTROOT}\" ] || {\n\
    \trm -f /tmp/luci-indexcache.*\n\
    \trm -rf /tmp/luci-modulecache/\n\
    \t/etc/init.d/rpcd reload 2>/dev/null\n\
    \texit 0\n\
    }\n";

/// The script of a translation: with its last translation, the language is removed from LuCI's
/// list.
const LAST: &str = "[ -n \"$${IPKG_INSTROOT}\" ] || [ \"$${PKG_UPGRADE}\" = 1 ] || {\n\
    \tls /usr/lib/lua/luci/i18n | grep -v '^mape\\.' | grep -q '\\.LANGUAGE\\.lmo$$' || {\n\
    \t\tuci -q delete luci.languages.OPTION\n\
    \t\tuci commit luci\n\
    \t}\n\
    }\n";

/// Makes all packages.
///
/// # Errors
///
/// A file is missing or cannot be packed.
pub(super) fn build(key: &Key) -> anyhow::Result<Vec<Package>> {
    let makefile = Recipe::read(PAGES)?;
    let text = recipe(
        &makefile,
        PAGES,
        makefile.variable("LUCI_DEPENDS"),
        makefile.variable("LUCI_DESCRIPTION"),
        makefile.variable("PKG_PROVIDES"),
    );
    let source = root().join(PAGES);
    let mut files = Vec::new();
    for (part, place) in [("htdocs", "www/"), ("root", "")] {
        let directory = source.join(part);
        let mut find = command("find", &[".", "-type", "f"]);
        for name in output(find.current_dir(&directory))?.lines() {
            let name = name.trim_start_matches("./");
            files.push(File::new(format!("{place}{name}"), read(&directory.join(name))?));
        }
    }
    let mut packages = vec![Package::build(&Recipe::of(PAGES, text), ANYWHERE, &files, key)?];
    for (folder, language, title) in LANGUAGES {
        let name = format!("luci-i18n-mape-{language}");
        let description = format!("Translation for {PAGES} - {title}");
        let mut text = recipe(&makefile, &name, &format!("+{PAGES}"), &description, "");
        // UCI has no hyphens in names.
        let option = language.replace('-', "_");
        let last = LAST.replace("LANGUAGE", language).replace("OPTION", &option);
        let _ = write!(text, "define Package/{name}/prerm\n#!/bin/sh\n{last}endef\n");
        let texts = lmo::from_catalogue(&source.join("po").join(folder).join("mape.po"))?;
        let set = format!("uci set luci.languages.{option}='{title}'; uci commit luci\n");
        let files = [
            File::new(format!("usr/lib/lua/luci/i18n/mape.{language}.lmo"), texts),
            File::new(format!("etc/uci-defaults/{name}"), set.into_bytes()),
        ];
        packages.push(Package::build(&Recipe::of(&name, text), ANYWHERE, &files, key)?);
    }
    Ok(packages)
}

/// Returns the Makefile with the definitions that LuCI's build derives from it.
fn recipe(
    makefile: &Recipe,
    name: &str,
    depends: &str,
    description: &str,
    provides: &str,
) -> String {
    let mut text = String::new();
    let copied = ["PKG_VERSION", "PKG_RELEASE", "PKG_LICENSE"];
    let copied = copied.map(|variable| (variable, makefile.variable(variable)));
    let own = [
        ("PKG_NAME", name),
        ("SECTION", "luci"),
        ("URL", makefile.variable("LUCI_URL")),
        ("PKG_MAINTAINER", makefile.variable("LUCI_MAINTAINER")),
        ("DEPENDS", depends),
        ("PROVIDES", provides),
    ];
    for (variable, value) in copied.into_iter().chain(own) {
        // Writing into a `String` cannot fail.
        let _ = writeln!(text, "{variable}:={value}");
    }
    let _ = write!(text, "define Package/{name}/description\n  {description}\nendef\n");
    let _ = write!(text, "define Package/{name}/postinst\n#!/bin/sh\n{POSTINST}endef\n");
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Stdio;

    use super::*;

    fn members(package: &Package) -> String {
        let list = "tar -xzOf - ./data.tar.gz | tar -tzf -";
        let mut shell = std::process::Command::new("sh");
        let pipes = shell.args(["-c", list]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = pipes.spawn().unwrap();
        shell.stdin.take().unwrap().write_all(&package.ipk.bytes).unwrap();
        String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn packages_have_what_luci_looks_for() {
        let packages = build(&Key::generate().unwrap()).unwrap();
        let [pages, japanese, simplified, traditional] = packages.as_slice() else {
            panic!("{}", packages.len())
        };
        let version = concat!(env!("CARGO_PKG_VERSION"), "-r1");
        assert_eq!(pages.ipk.file_name, format!("luci-app-mape_{version}_all.ipk"));
        assert_eq!(japanese.ipk.file_name, format!("luci-i18n-mape-ja_{version}_all.ipk"));
        assert_eq!(pages.apk.file_name(), format!("luci-app-mape-{version}.apk"));
        let files = members(pages);
        for file in [
            "./www/luci-static/resources/protocol/mape.js",
            "./www/luci-static/resources/mape/form/rule.js",
            "./www/luci-static/resources/view/mape/status.js",
            "./www/luci-static/resources/mape/mape.css",
            "./usr/share/rpcd/ucode/mape.uc",
            "./usr/share/rpcd/acl.d/luci-app-mape.json",
            "./usr/share/luci/menu.d/luci-app-mape.json",
        ] {
            assert!(files.lines().any(|line| line == file), "{file} in {files}");
        }
        assert!(!files.contains("/po/") && !files.contains("Makefile"), "{files}");
        for (package, tag) in [(japanese, "ja"), (simplified, "zh-cn"), (traditional, "zh-tw")] {
            let files = members(package);
            for file in [
                format!("./usr/lib/lua/luci/i18n/mape.{tag}.lmo"),
                format!("./etc/uci-defaults/luci-i18n-mape-{tag}"),
            ] {
                assert!(files.lines().any(|line| line == file), "{file} in {files}");
            }
            let name = format!("luci-i18n-mape-{tag}_{version}_all.ipk");
            assert_eq!(package.ipk.file_name, name);
        }
        for line in [
            "Depends: libc, luci-base, rpcd-mod-file, rpcd-mod-ucode, mape-rs",
            "Provides: luci-proto-mape",
            "Maintainer: The mape-rs developers <https://github.com/mape-rs/mape-rs>",
            "Architecture: all",
            "Section: luci",
        ] {
            assert!(pages.ipk.control.lines().any(|it| it == line), "{line}");
        }
        assert!(japanese.ipk.control.contains("Depends: libc, luci-app-mape\n"));
    }
}
