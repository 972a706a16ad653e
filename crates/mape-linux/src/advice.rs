//! Next steps for a machine without OpenWrt: chosen by code and values of an error, because the
//! machine has no `uci`, no packages of OpenWrt and no netifd.
//!
//! [`is_here`] is the only place that decides which kind of machine this is.

use std::ffi::OsString;
use std::path::Path;

use mape_core::{Code, Explain, Explanation, Failure};
use mape_netifd::CONTRACTS;
use mape_provision::{LineType, Verdict};

use crate::forwards;

/// The address of DS-Lite's own end, with its length (RFC 6333 section 5.7).
const B4: &str = "192.0.0.2/29";

/// Whether this machine is not an OpenWrt router, and the arguments do not name the files or the
/// ubus of one. A root directory is that of a router, unless it has the configuration of plain
/// Linux and no `/etc/config`.
#[must_use]
pub fn is_here(arguments: &[OsString]) -> bool {
    let router = ["--ubus-socket", "--uci-program"];
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let name = |word: &str| word.split_once('=').map_or(word, |(name, _)| name).to_owned();
    if words.iter().any(|word| router.contains(&name(word).as_str())) {
        return false;
    }
    if let Some(at) = words.iter().position(|word| name(word) == "--root") {
        let value = words.get(at).and_then(|word| word.split_once('=')).map(|(_, root)| root);
        let root = value.or_else(|| words.get(at + 1).map(AsRef::as_ref)).unwrap_or_default();
        let has = |file: &str| Path::new(root).join(file).exists();
        return !has("etc/config") && (has("etc/mape-rs.conf") || has(forwards::FILE));
    }
    let files = ["/etc/openwrt_release", "/etc/config"];
    !mape_firewall::Env::default().has_ubus() && !files.iter().any(|file| Path::new(file).exists())
}

/// The command reads or changes what exists only on a router.
#[derive(Debug, thiserror::Error)]
#[error("{what} is for OpenWrt routers, and this machine is none: it has no /etc/config")]
pub struct NoRouter {
    what: &'static str,
    next: &'static str,
}

impl NoRouter {
    /// Returns the error for these arguments, if the command needs a router.
    pub fn of(arguments: &[OsString]) -> Option<Self> {
        let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
        let has = |name: &str| words.iter().any(|word| word == name);
        let (what, next) = match words.first().map(AsRef::as_ref) {
            _ if has("--help") || has("-h") => return None,
            Some("import") => (
                "mape-proto import",
                "take the old tunnel away (`ip link delete NAME`) and run mape-proto up; for a copy of \
                 a router's files pass --root DIR",
            ),
            Some("detect") if has("--apply") => {
                ("mape-proto detect --apply", "do what the next step of `mape-proto detect` says")
            }
            Some("doctor") => (
                "mape-proto doctor with a name or such an option",
                "run `mape-proto doctor` without them; --config FILE and --json are for plain Linux",
            ),
            _ => return None,
        };
        Some(Self { what, next })
    }
}

impl Explain for NoRouter {
    fn explain(&self) -> Explanation {
        let hint = self.next;
        let params = Vec::new();
        Explanation::with(Code::NoInterface, hint, params)
    }
}

/// Returns the failure with the next step for this kind of machine.
#[must_use]
pub fn advised(mut failure: Failure) -> Failure {
    if let Some(hint) = next_step(failure.code, &failure.hint, &failure.params) {
        failure.hint = hint;
    }
    failure
}

/// The same with the options of `/etc/mape-rs.conf`, because `up` has no option `--rule`.
pub(super) fn advised_in_file(failure: Failure) -> Failure {
    let mut failure = advised(failure);
    failure.hint = failure
        .hint
        .replace("pass --rule or --rules", "write a rule or rules_file into the configuration")
        .replace("with --rule", "with the option rule of the configuration");
    failure
}

fn next_step(code: Code, hint: &str, params: &[(&'static str, String)]) -> Option<String> {
    let value = |name| params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    match (code, value("line")) {
        (Code::PrefixNotInRules, Some("transix")) => Some(ds_lite_or_fixed("gw.transix.jp")),
        (Code::PrefixNotInRules, Some("xpass")) => Some(ds_lite_or_fixed("dgw.xpass.jp")),
        (Code::PrefixNotInRules, Some("v6connect")) => Some(ds_lite_or_fixed("dslite.v6connect.net")),
        (Code::PrefixNotInRules, Some("softbank")) => Some(format!(
            "{}; only if the contract says MAP-E, pass its rule with --rule",
            fixed("the tunnel end of your contract")
        )),
        // The hint names OpenWrt's packages.
        (Code::FirewallRejected, _) if hint.contains("kmod-") => Some(
            "see that the kernel has nf_tables with NAT and netdev chains, and leave the edge at auto"
                .to_owned(),
        ),
        (Code::Conntrack, _) if hint.contains("kmod-") => {
            Some("load the kernel's module: `modprobe nf_conntrack_netlink`".to_owned())
        }
        (Code::ProvisioningDns, _) => Some(
            "no action is needed now, the query is repeated; if it stays, write the line's resolvers into \
             the configuration: dns ADDRESS"
                .to_owned(),
        ),
        (Code::ProvisioningNoService, _) if value("server").is_none() => Some(
            "this provider does not use the standard, or other resolvers than the line's were asked: \
             remove the option provisioning, or write the line's resolvers into the configuration: dns \
             ADDRESS"
                .to_owned(),
        ),
        (Code::ProvisioningCertificate, _) => Some(
            "check the machine's clock and its CA certificates (package ca-certificates)".to_owned(),
        ),
        (Code::ProvisioningProgram, _) => Some("install curl, which does not show it".to_owned()),
        (Code::NoInterface, None) if value("interface").is_none() => Some("run mape-proto up".to_owned()),
        (Code::Ubus, _) => Some("mape-proto up, down, status and doctor work without ubus".to_owned()),
        _ => None,
    }
}

fn ds_lite(aftr: &str) -> String {
    format!(
        "make an ip6tnl (mode ipip6, encaplimit none) from this machine's IPv6 address to that of the \
         AFTR {aftr}, with {B4} on it and no NAT"
    )
}

fn ds_lite_or_fixed(aftr: &str) -> String {
    format!(
        "{}; with a fixed-IP contract, to the contract's tunnel end, with its address",
        ds_lite(aftr)
    )
}

fn fixed(end: &str) -> String {
    format!(
        "make an ip6tnl (mode ipip6, encaplimit none) from the contract's own IPv6 address to {end}, with \
         the contract's IPv4 address on it"
    )
}

/// Returns the verdict with the next step for this kind of machine, without a section for a router.
/// The lines of the configuration are those of the section.
#[must_use]
pub fn advised_verdict(mut verdict: Verdict, tunnel_end: Option<std::net::Ipv6Addr>) -> Verdict {
    let contract = verdict.provider.filter(|name| CONTRACTS.contains(name));
    let section = verdict.section.take();
    let ipaddr = section.iter().flat_map(|it| &it.options).find(|(name, _)| *name == "ipaddr");
    let ipaddr = ipaddr.map_or("(the contract's address)", |(_, address)| address.as_str());
    let says = |source| verdict.evidence.iter().any(|evidence| evidence.from == source);
    let step = match (verdict.line, &verdict.aftr) {
        (LineType::MapE, _) if says("provisioning") && !says("prefix") => Some(
            "write provisioning hb46pp into /etc/mape-rs.conf, and run mape-proto up: the rule is the \
             provisioning server's"
                .to_owned(),
        ),
        (LineType::MapE, _) => Some(
            "run mape-proto up; only with a contract for an IPv4 address of your own write provider, \
             ipaddr and peeraddr into /etc/mape-rs.conf before"
                .to_owned(),
        ),
        (LineType::DsLite, Some(aftr)) => Some(ds_lite_or_fixed(&aftr.to_string())),
        (LineType::Ipip, _) => Some(match (contract, tunnel_end) {
            (Some(name), Some(end)) => {
                let update = if name == "ocn-static" {
                    ""
                } else {
                    "; add update_user and update_password of the contract, so that the provider \
                     learns the tunnel's address"
                };
                let id = match name {
                    "transix-static" | "xpass-static" => ", interface_id of the contract",
                    _ => "",
                };
                format!(
                    "write provider {name}, ipaddr {ipaddr}{id} and peeraddr {end} into \
                     /etc/mape-rs.conf, and run mape-proto up{update}"
                )
            }
            (None, Some(end)) => fixed(&format!("the tunnel end {end}")),
            (_, None) => fixed("the tunnel end of your contract"),
        }),
        _ => None,
    };
    verdict.next_step = step.unwrap_or(verdict.next_step);
    verdict
}

#[cfg(test)]
mod tests;
