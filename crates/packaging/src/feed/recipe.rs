//! Reads the description of a package in its feed's Makefile.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, ensure};

use super::apk::{Dependency, Info, Kind, Script};
use host_tools::steps::root;

/// A Makefile of `openwrt-feed`.
pub(super) struct Recipe {
    pub name: String,
    text: String,
}

impl Recipe {
    /// # Errors
    ///
    /// There is no Makefile for `name`, or it is of another package.
    pub(super) fn read(name: &str) -> anyhow::Result<Self> {
        let path = root().join("openwrt-feed").join(name).join("Makefile");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let recipe = Self { name: name.to_owned(), text };
        ensure!(recipe.variable("PKG_NAME") == name, "{}: not of {name}", path.display());
        Ok(recipe)
    }

    /// Makes a recipe of the text of a Makefile.
    pub(super) fn of(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text }
    }

    /// Returns the recipe with the next release number, for tests of an upgrade.
    pub(super) fn raised(&self) -> Self {
        let release = format!("PKG_RELEASE:={}", self.variable("PKG_RELEASE"));
        let next = format!("{release}0");
        Self { name: self.name.clone(), text: self.text.replace(&release, &next) }
    }

    /// Returns the value of `NAME:=`.
    pub(super) fn variable(&self, name: &str) -> &str {
        let values = self.text.lines().map(str::trim_start);
        let mut values = values.filter_map(|line| line.strip_prefix(name)?.strip_prefix(":="));
        values.next().unwrap_or_default().trim()
    }

    /// Returns the lines of a `define` after make has read them: two dollars become one.
    pub(super) fn define(&self, part: &str) -> Option<String> {
        let start = format!("define Package/{}/{part}\n", self.name);
        let (_, rest) = self.text.split_once(&start)?;
        let (body, _) = rest.split_once("endef\n")?;
        Some(body.replace("$$", "$"))
    }

    /// Returns the version, such as `0.1.0-r1`.
    pub(super) fn version(&self) -> String {
        format!("{}-r{}", self.variable("PKG_VERSION"), self.variable("PKG_RELEASE"))
    }

    /// Returns the packages that it depends on.
    pub(super) fn depends(&self) -> Vec<&str> {
        let words = self.variable("DEPENDS").split_whitespace();
        words.filter_map(|word| word.strip_prefix('+')).collect()
    }

    pub(super) fn file_name(&self, arch: &str) -> String {
        format!("{}_{}_{arch}.ipk", self.name, self.version())
    }

    /// Returns the control file.
    pub(super) fn control(&self, arch: &str, installed_size: &str) -> String {
        let depends = self.depends();
        let depends: Vec<&str> = ["libc"].into_iter().chain(depends).collect();
        let conflicts: Vec<&str> = self.variable("CONFLICTS").split_whitespace().collect();
        let mut text = String::new();
        for (field, value) in [
            ("Package", self.name.as_str()),
            ("Version", &self.version()),
            ("Depends", &depends.join(", ")),
            ("Conflicts", &conflicts.join(", ")),
            ("Provides", self.variable("PROVIDES")),
            ("License", self.variable("PKG_LICENSE")),
            ("Section", self.variable("SECTION")),
            ("URL", self.variable("URL")),
            ("Maintainer", self.variable("PKG_MAINTAINER")),
            ("Architecture", arch),
            ("Installed-Size", installed_size),
        ] {
            if !value.is_empty() {
                // Writing into a `String` cannot fail.
                let _ = writeln!(text, "{field}: {value}");
            }
        }
        let description = self.define("description").unwrap_or_default();
        let lines: Vec<&str> = description.lines().map(str::trim).collect();
        let _ = writeln!(text, "Description:  {}", lines.join("\n "));
        text
    }

    /// Returns the scripts in the form of OpenWrt's build, which calls the package's own script
    /// after the steps of every package.
    pub(super) fn scripts(&self) -> Vec<(String, String)> {
        let mut scripts = Vec::new();
        for (name, default) in [("postinst", "default_postinst"), ("prerm", "default_prerm")] {
            let general = format!(
                "#!/bin/sh\n[ \"${{IPKG_NO_SCRIPT}}\" = 1 ] && exit 0\n\
                 [ -s \"${{IPKG_INSTROOT}}/lib/functions.sh\" ] || exit 0\n\
                 . \"${{IPKG_INSTROOT}}/lib/functions.sh\"\n{default} \"$0\" \"$@\"\n"
            );
            scripts.push((name.to_owned(), general));
            if let Some(own) = self.define(name) {
                scripts.push((format!("{name}-pkg"), own));
            }
        }
        scripts
    }
}

/// The description for apk.
impl Recipe {
    /// Returns the description of the package. `CONFLICTS` are packages that must not be installed.
    /// A provided name has the package's version, so that apk can install the package by that name.
    pub(super) fn apk_info(&self, arch: &str) -> Info {
        let package = |name: &str, kind| Dependency { name: name.to_owned(), kind };
        let depends = ["libc"].into_iter().chain(self.depends());
        let rivals = self.variable("CONFLICTS").split_whitespace();
        let provides = self.variable("PROVIDES").split_whitespace();
        let description = self.define("description").unwrap_or_default();
        let words: Vec<&str> = description.split_whitespace().collect();
        Info {
            name: self.name.clone(),
            version: self.version(),
            description: words.join(" "),
            arch: arch.to_owned(),
            license: self.variable("PKG_LICENSE").to_owned(),
            origin: self.name.clone(),
            maintainer: self.variable("PKG_MAINTAINER").to_owned(),
            url: self.variable("URL").to_owned(),
            depends: depends
                .map(|name| package(name, Kind::Any))
                .chain(rivals.map(|name| package(name, Kind::Refused)))
                .collect(),
            provides: provides.map(|name| package(name, Kind::Version(self.version()))).collect(),
        }
    }

    /// apk has separate scripts for installation and upgrade instead of an argument.
    pub(super) fn apk_scripts(&self) -> Vec<(Script, String)> {
        let scripts = [
            (Script::PostInstall, "postinst", ""),
            (Script::PostUpgrade, "postinst", "export PKG_UPGRADE=1\n"),
            (Script::PreDeinstall, "prerm", ""),
        ];
        let text = |(kind, name, before): (Script, &str, &str)| {
            let own = self.define(name).unwrap_or_default();
            let own = own.trim_start_matches("#!/bin/sh\n");
            let general = format!(
                "#!/bin/sh\n{before}[ \"${{IPKG_NO_SCRIPT}}\" = 1 ] && exit 0\n\
                 [ -s \"${{IPKG_INSTROOT}}/lib/functions.sh\" ] || exit 0\n\
                 . \"${{IPKG_INSTROOT}}/lib/functions.sh\"\n\
                 export root=\"${{IPKG_INSTROOT}}\" pkgname={}\ndefault_{name}\n{own}",
                self.name
            );
            (kind, general)
        };
        scripts.map(text).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makefile_is_one_that_openwrt_reads() {
        let recipe = Recipe::read("mape-rs").unwrap();
        assert_eq!(recipe.variable("PKG_VERSION"), env!("CARGO_PKG_VERSION"));
        assert_eq!(recipe.version(), concat!(env!("CARGO_PKG_VERSION"), "-r1"));
        assert!(recipe.variable("DEPENDS").starts_with("$(RUST_ARCH_DEPENDS) "));
        for package in ["firewall4", "kmod-ip6-tunnel", "kmod-nft-netdev"] {
            assert!(recipe.depends().contains(&package), "{package}");
        }
        // Every define ends, and recipes are indented with tabs.
        let starts = recipe.text.lines().filter(|line| line.starts_with("define ")).count();
        assert_eq!(starts, recipe.text.lines().filter(|line| *line == "endef").count());
        for part in ["install", "postinst", "prerm", "description"] {
            assert!(recipe.define(part).is_some(), "{part}");
        }
        let install = recipe.define("install").unwrap();
        assert!(install.lines().all(|line| line.starts_with('\t')), "{install}");
        // The files that are copied exist.
        for word in recipe.text.split_whitespace() {
            if let Some(path) = word.strip_prefix("$(MAPE_SOURCE)/") {
                assert!(root().join(path).exists(), "{path}");
            }
        }
        assert!(recipe.text.ends_with("$(eval $(call BuildPackage,mape-rs))\n"));
    }

    #[test]
    fn a_control_file_says_what_opkg_asks() {
        let control = Recipe::read("mape-rs").unwrap().control("mipsel_24kc", "12345");
        let lines: Vec<&str> = control.lines().collect();
        assert_eq!(lines.first(), Some(&"Package: mape-rs"));
        let version = format!("Version: {}-r1", env!("CARGO_PKG_VERSION"));
        for line in [version.as_str(), "Architecture: mipsel_24kc", "Installed-Size: 12345"] {
            assert!(lines.contains(&line), "{line} in {control}");
        }
        let (fields, rest) = control.split_once("Description:").unwrap();
        assert!(fields.lines().all(|line| line.contains(": ")), "{fields}");
        assert!(rest.lines().skip(1).all(|line| line.starts_with(' ')), "{rest}");
    }

    #[test]
    fn apk_gets_the_same_package() {
        let recipe = Recipe::read("mape-rs").unwrap();
        let info = recipe.apk_info("mipsel_24kc");
        assert_eq!((info.name.as_str(), info.arch.as_str()), ("mape-rs", "mipsel_24kc"));
        assert_eq!(info.version, recipe.version());
        let has = |name: &str, kind| {
            assert!(info.depends.contains(&Dependency { name: name.to_owned(), kind }), "{info:?}");
        };
        has("libc", Kind::Any);
        has("kmod-ip6-tunnel", Kind::Any);
        // The packages that apk must not install with it.
        has("mape", Kind::Refused);
        for (kind, text) in recipe.apk_scripts() {
            assert_eq!(text.matches("#!").count(), 1, "{kind:?}: {text}");
            let upgrade = kind == Script::PostUpgrade;
            assert_eq!(text.contains("PKG_UPGRADE=1\n"), upgrade, "{kind:?}: {text}");
            assert!(text.contains("pkgname=mape-rs\n"), "{kind:?}: {text}");
            assert!(text.contains("[ -n \"${IPKG_INSTROOT}\" ] || "), "{kind:?}: {text}");
        }
    }

    #[test]
    fn scripts_do_nothing_while_an_image_is_built() {
        for (name, text) in Recipe::read("mape-rs").unwrap().scripts() {
            assert!(text.starts_with("#!/bin/sh\n"), "{name}: {text}");
            if name.ends_with("-pkg") {
                assert!(text.contains("[ -n \"${IPKG_INSTROOT}\" ] || "), "{name}: {text}");
            }
        }
    }
}
