//! firewall4: whether it runs, and whether the tunnel is where the LAN may send to.

use mape_kernel::nft_state;
use mape_netifd::Zones;
use mape_netifd::status::{Condition, InterfaceStatus};

use super::context::Context;
use super::finding::{Finding, Fix};

/// That firewall4 has loaded its rules; nothing where the kernel does not tell.
pub(super) fn firewall(context: &Context<'_>) -> Option<Finding> {
    const CHECK: &str = "firewall";
    Some(if nft_state::has_fw4(&context.env.kernel).ok()? {
        Finding::fine(CHECK, "firewall4 has loaded its rules")
    } else if is_switched_off(context) {
        Finding::fine(CHECK, "firewall4 is switched off: there are no zones")
    } else {
        Finding::wrong(
            CHECK,
            "firewall4 has loaded no rules, so the router is open to everybody and forwards to no zone",
            "run `service firewall start`; if it loads nothing, `fw4 check` tells why",
        )
        .with_kind("no_table")
    })
}

/// Whether it is not started with the router: it is not installed, or switched off on purpose.
fn is_switched_off(context: &Context<'_>) -> bool {
    let has = |path| context.router.has(path);
    has("/etc/rc.d") && !has("/etc/rc.d/S19firewall")
}

/// Nothing where there are none on purpose.
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
    // As long as it is not up it has joined none; it will by itself.
    let will = || stated.or_else(|| zones.of_interface(&context.uplink()?.name));
    let later = || if up { None } else { will().filter(|zone| *zone != "-") };
    let listed = || zones.of_device(&interface.device);
    let Some(zone) = zones.of_interface(name).or(joined).or_else(listed).or_else(later) else {
        if !up && stated.is_none() {
            return Finding::fine(CHECK, "that of its uplink, as soon as it is up");
        }
        return Finding::wrong(
            CHECK,
            format!("{name} is in no firewall zone, so nothing from the LAN goes there"),
            format!("add {name} to the networks of zone wan"),
        )
        .with_kind("no_zone")
        .with_fix(Fix::JoinZone { interface: name.clone(), zone: "wan".to_owned() });
    };
    if !zones.has(zone) {
        return Finding::wrong(
            CHECK,
            format!(
                "the firewall has no zone {zone}, which {name} should be in, so nothing from the LAN \
                 goes there"
            ),
            format!("correct or remove the option zone of {name}"),
        )
        .with_kind("zone_missing");
    }
    let forwarded = context.router.firewall_sections("forwarding").any(|it| {
        it.get("dest") == Some(zone) && it.get("enabled").is_none_or(|_| it.is_on("enabled"))
    });
    if !forwarded {
        return Finding::wrong(
            CHECK,
            format!("no zone may send to {zone}, the zone of {name}"),
            format!("add a forwarding from lan to {zone} in /etc/config/firewall"),
        )
        .with_kind("not_forwarded");
    }
    // Rules for all devices compare with no name.
    let of_all = zones.of_device("").is_some();
    if up && !of_all && is_left_out(context, interface) {
        return Finding::wrong(
            CHECK,
            format!(
                "{name} is in zone {zone}, but firewall4 has loaded its rules without {}, so nothing \
                 from the LAN goes there",
                interface.device
            ),
            "run `service firewall reload`",
        )
        .with_kind("rules_without_device");
    }
    let masquerades = context
        .router
        .firewall_sections("zone")
        .any(|it| it.get("name") == Some(zone) && it.is_on("masq"));
    Finding::fine(CHECK, format!("in zone {zone}, to which another zone may send")).with_evidence(
        if masquerades {
            "the zone masquerades, but the line's own rules come first"
        } else {
            "the zone does not masquerade; the line's own rules do the NAT"
        },
    )
}

/// Whether firewall4's rules lack the device: its chain `forward` tells packets of one zone from
/// those of another by their devices.
fn is_left_out(context: &Context<'_>, interface: &InterfaceStatus) -> bool {
    let kernel = &context.env.kernel;
    matches!(nft_state::has_fw4(kernel), Ok(true))
        && matches!(nft_state::fw4_knows(kernel, "forward", &interface.device), Ok(false))
}
