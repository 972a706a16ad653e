//! Checks that firewall4 is running and that the LAN may send to the zone of the tunnel.

use mape_kernel::nft_state;
use mape_netifd::Zones;
use mape_netifd::status::{Condition, InterfaceStatus};

use super::context::Context;
use super::finding::{Finding, Fix};

/// Checks that firewall4 has loaded its rules; `None` if the kernel cannot be asked.
pub(super) fn firewall(context: &Context<'_>) -> Option<Finding> {
    const CHECK: &str = "firewall";
    Some(if nft_state::has_fw4(&context.env.kernel).ok()? {
        Finding::fine(CHECK, "firewall4 has loaded its rules")
    } else if is_switched_off(context) {
        Finding::fine(CHECK, "firewall4 is switched off: there are no zones")
    } else {
        Finding::wrong(
            CHECK,
            "firewall4 has loaded no rules, so the router is unprotected and forwards to no zone",
            "run `service firewall start`; if it loads nothing, `fw4 check` shows the reason",
        )
        .with_kind("no_table")
    })
}

/// Whether firewall4 is not installed or is disabled at boot.
fn is_switched_off(context: &Context<'_>) -> bool {
    let has = |path| context.router.has(path);
    has("/etc/rc.d") && !has("/etc/rc.d/S19firewall")
}

/// Checks the zone of the interface; `None` if the interface is in no zone on purpose.
pub(super) fn zone(context: &Context<'_>, interface: &InterfaceStatus) -> Option<Finding> {
    let kernel = &context.env.kernel;
    let without = is_switched_off(context) && matches!(nft_state::has_fw4(kernel), Ok(false));
    (!without).then(|| joined_zone(context, interface))
}

fn joined_zone(context: &Context<'_>, interface: &InterfaceStatus) -> Finding {
    const CHECK: &str = "zone";
    let name = &interface.interface;
    let zones = Zones::read(&context.router.directories()).with_joined(&context.dump);
    let up = matches!(interface.state, Condition::Up | Condition::Blocked);
    let stated = context.router.interfaces().find(|it| it.name() == name);
    let stated = stated.and_then(|it| it.get("zone"));
    let joined = context.own().and_then(|own| own.data.zone.as_deref());
    // An interface joins its zone only when it is up.
    let will = || stated.or_else(|| zones.of_interface(&context.uplink()?.name));
    let later = || if up { None } else { will().filter(|zone| *zone != "-") };
    let listed = || zones.of_device(&interface.device);
    let Some(zone) = zones.of_interface(name).or(joined).or_else(listed).or_else(later) else {
        if !up && stated.is_none() {
            return Finding::fine(CHECK, "the zone of the uplink, once the interface is up");
        }
        return Finding::wrong(
            CHECK,
            format!("{name} is in no firewall zone, so the LAN cannot use it"),
            format!("add {name} to the networks of zone wan"),
        )
        .with_kind("no_zone")
        .with("interface", name)
        .with_fix(Fix::JoinZone { interface: name.clone(), zone: "wan".to_owned() });
    };
    if !zones.has(zone) {
        return Finding::wrong(
            CHECK,
            format!(
                "the firewall has no zone {zone}, which {name} should be in, so the LAN \
                 cannot use it"
            ),
            format!("correct or remove the option zone of {name}"),
        )
        .with_kind("zone_missing")
        .with("interface", name)
        .with("zone", zone);
    }
    let forwarded = context.router.firewall_sections("forwarding").any(|it| {
        it.get("dest") == Some(zone) && it.get("enabled").is_none_or(|_| it.is_on("enabled"))
    });
    if !forwarded {
        return Finding::wrong(
            CHECK,
            format!("no zone may forward to {zone}, the zone of {name}"),
            format!("add a forwarding from lan to {zone} in /etc/config/firewall"),
        )
        .with_kind("not_forwarded")
        .with("interface", name)
        .with("zone", zone);
    }
    // Rules for all devices do not match a device name.
    let of_all = zones.of_device("").is_some();
    if up && !of_all && is_left_out(context, interface) {
        return Finding::wrong(
            CHECK,
            format!(
                "{name} is in zone {zone}, but firewall4 has loaded its rules without {}, so the \
                 LAN cannot use it",
                interface.device
            ),
            "run `service firewall reload`",
        )
        .with_kind("rules_without_device")
        .with("interface", name)
        .with("zone", zone);
    }
    let masquerades = context
        .router
        .firewall_sections("zone")
        .any(|it| it.get("name") == Some(zone) && it.is_on("masq"));
    Finding::fine(CHECK, format!("in zone {zone}, to which another zone may forward"))
        .with_evidence(if masquerades {
            "the zone masquerades, but the line's own rules come first"
        } else {
            "the zone does not masquerade; the line's own rules do the NAT"
        })
}

/// Whether firewall4's rules lack the device: its chain `forward` distinguishes zones by their
/// devices.
fn is_left_out(context: &Context<'_>, interface: &InterfaceStatus) -> bool {
    let kernel = &context.env.kernel;
    matches!(nft_state::has_fw4(kernel), Ok(true))
        && matches!(nft_state::fw4_knows(kernel, "forward", &interface.device), Ok(false))
}
