//! The packages of `luci-app-mape`, as LuCI's own build makes them: the pages, and their
//! translations. They are the same for all architectures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::recipe::Recipe;
use super::{apk, install, ipk, lmo};
use crate::steps::{command, output, root};

const PAGES: &str = "luci-app-mape";
/// As opkg and as apk call what runs anywhere.
const ANYWHERE: [&str; 2] = ["all", "noarch"];
/// Languages besides English, and their names as LuCI's menu has them.
const LANGUAGES: [(&str, &str); 1] = [("ja", "日本語 (Japanese)")];

/// What LuCI's build puts into every package: menus and pages are read anew.
const POSTINST: &str = "[ -n \"$${IPKG_INSTROOT}\" ] || {\n\
    \trm -f /tmp/luci-indexcache.*\n\
    \trm -rf /tmp/luci-modulecache/\n\
    \t/etc/init.d/rpcd reload 2>/dev/null\n\
    \texit 0\n\
    }\n";

/// A translation's: the language goes from LuCI's list with its last translation.
const LAST: &str = "[ -n \"$${IPKG_INSTROOT}\" ] || [ \"$${PKG_UPGRADE}\" = 1 ] || {\n\
    \tls /usr/lib/lua/luci/i18n | grep -v '^mape\\.' | grep -q '\\.LANGUAGE\\.lmo$$' || {\n\
    \t\tuci -q delete luci.languages.LANGUAGE\n\
    \t\tuci commit luci\n\
    \t}\n\
    }\n";

/// Makes all of them in `out`.
///
/// # Errors
///
/// Something is missing or cannot be packed.
pub(super) fn build(out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let makefile = Recipe::read(PAGES)?;
    let text = recipe(
        &makefile,
        PAGES,
        makefile.variable("LUCI_DEPENDS"),
        makefile.variable("LUCI_DESCRIPTION"),
        makefile.variable("PKG_PROVIDES"),
    );
    let pages = Recipe::of(PAGES, text);
    let source = root().join(PAGES);
    let mut packages = pack(&pages, out, |data| {
        for (part, place) in [("htdocs", "www"), ("root", "")] {
            let text =
                output(command("find", &[".", "-type", "f"]).current_dir(source.join(part)))?;
            for name in text.lines() {
                install(&source.join(part).join(name), &data.join(place).join(name))?;
            }
        }
        Ok(())
    })?;
    for (language, title) in LANGUAGES {
        let name = format!("luci-i18n-mape-{language}");
        let description = format!("Translation for {PAGES} - {title}");
        let mut text = recipe(&makefile, &name, &format!("+{PAGES}"), &description, "");
        let last = LAST.replace("LANGUAGE", language);
        let _ = write!(text, "define Package/{name}/prerm\n#!/bin/sh\n{last}endef\n");
        let translation = Recipe::of(&name, text);
        packages.extend(pack(&translation, out, |data| {
            let archive = data.join("usr/lib/lua/luci/i18n");
            fs::create_dir_all(&archive)?;
            let texts = lmo::from_catalogue(&source.join("po").join(language).join("mape.po"))?;
            fs::write(archive.join(format!("mape.{language}.lmo")), texts)?;
            let defaults = data.join("etc/uci-defaults");
            fs::create_dir_all(&defaults)?;
            let set = format!("uci set luci.languages.{language}='{title}'; uci commit luci\n");
            Ok(fs::write(defaults.join(&name), set)?)
        })?);
    }
    Ok(packages)
}

/// What LuCI's build concludes from the Makefile, as the text of a Makefile of its own.
fn recipe(
    makefile: &Recipe,
    name: &str,
    depends: &str,
    description: &str,
    provides: &str,
) -> String {
    let mut text = String::new();
    let copied = ["PKG_VERSION", "PKG_RELEASE", "PKG_LICENSE", "PKG_MAINTAINER"];
    let copied = copied.map(|variable| (variable, makefile.variable(variable)));
    let own = [
        ("PKG_NAME", name),
        ("SECTION", "luci"),
        ("URL", makefile.variable("LUCI_URL")),
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

/// One package of the files that `fill` puts down.
fn pack(
    recipe: &Recipe,
    out: &Path,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<PathBuf>> {
    let work = out.join(format!("work-{}", recipe.name));
    let data = work.join("data");
    fs::create_dir_all(&data)?;
    fill(&data)?;
    let [opkg, other] = ANYWHERE;
    let mut packages = vec![ipk(recipe, opkg, &work, out)?];
    if let Some(tool) = apk::tool() {
        packages.push(apk::build(&tool, recipe, other, &work, out)?);
    }
    fs::remove_dir_all(&work)?;
    Ok(packages)
}

/// Puts copies into the directory of an architecture, whose index lists them too.
///
/// # Errors
///
/// A file cannot be copied.
pub(super) fn copy(packages: &[PathBuf], directory: &Path) -> anyhow::Result<()> {
    for package in packages {
        let name = package.file_name().context("a package without name")?;
        fs::copy(package, directory.join(name))?;
    }
    ensure!(!packages.is_empty(), "there is no package for LuCI");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn members(package: &Path, archive: &str) -> String {
        let list = format!("tar -xzOf \"$1\" ./{archive}.tar.gz | tar -tzf -");
        output(Command::new("sh").args(["-c", &list, "sh"]).arg(package)).unwrap()
    }

    #[test]
    fn packages_have_what_luci_looks_for() {
        let out = std::env::temp_dir().join(format!("mape-luci-{}", std::process::id()));
        let packages = build(&out).unwrap();
        let name = |package: &PathBuf| package.file_name().unwrap().to_string_lossy().into_owned();
        let opkg = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "ipk");
        let ipk: Vec<&PathBuf> = packages.iter().filter(opkg).collect();
        let [pages, japanese] = ipk.as_slice() else { panic!("{packages:?}") };
        let version = concat!(env!("CARGO_PKG_VERSION"), "-r1_all.ipk");
        assert_eq!(name(pages), format!("luci-app-mape_{version}"));
        assert_eq!(name(japanese), format!("luci-i18n-mape-ja_{version}"));

        let files = members(pages, "data");
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
        let translation = members(japanese, "data");
        assert!(translation.contains("./usr/lib/lua/luci/i18n/mape.ja.lmo"), "{translation}");

        let control = super::super::control(pages).unwrap();
        for line in [
            "Depends: libc, luci-base, rpcd-mod-file, rpcd-mod-ucode, mape-rs",
            "Provides: luci-proto-mape",
            "Architecture: all",
            "Section: luci",
        ] {
            assert!(control.lines().any(|it| it == line), "{line} in {control}");
        }
        assert!(
            super::super::control(japanese).unwrap().contains("Depends: libc, luci-app-mape\n")
        );
        for package in [pages, japanese] {
            assert!(members(package, "control").contains("./postinst-pkg"));
        }
        fs::remove_dir_all(out).unwrap();
    }
}
