//! What change detection compares: values that are equal as long as there is nothing to do.

use std::net::Ipv6Addr;

use mape_core::{Failure, Plan};
use mape_system::record;

use super::uplink::Uplink;

record! {
    /// What the tunnel and the rules of an interface depend on. Two rules that describe one
    /// mapping, an aggregate and a part of it, have the same fingerprint. The other options are no
    /// part of it: netifd tears the interface down and sets it up when one of them changes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Fingerprint {
        uplink: String = required,
        device: String = required,
        end_user_prefix: String = required,
        ipv4: String = required,
        psid_offset: u8 = required,
        psid: u16 = required,
        psid_len: u8 = required,
        ce: Ipv6Addr = required,
        br: Ipv6Addr = required,
        mtu: u16 = required,
        /// Whether options of an earlier call are used, because the newest are invalid or produce
        /// no plan.
        older_options: bool = required,
    }
}

impl Fingerprint {
    pub(super) fn new(uplink: &Uplink, plan: &Plan, older_options: bool) -> Self {
        let parameters = plan.port_set().parameters();
        Self {
            uplink: uplink.interface.clone(),
            device: uplink.device.clone(),
            end_user_prefix: plan.end_user_prefix().to_string(),
            // The address that NAT uses; of a block, the tunnel has this one.
            ipv4: format!("{}/{}", plan.address(), plan.ipv4().prefix_len()),
            psid_offset: parameters.offset(),
            psid: plan.port_set().psid(),
            psid_len: parameters.psid_len(),
            ce: plan.ce(),
            br: plan.br(),
            mtu: plan.mtu(),
            older_options,
        }
    }
}

record! {
    /// What a decision came to: a target, a failure, or a target made from older options and the
    /// failure of the newest. Neither where the last call came to no decision.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(super) struct Outcome {
        target: Option<Fingerprint> = optional,
        /// As one line of the log.
        failure: Option<String> = optional,
    }
}

impl Outcome {
    pub(super) fn target(target: Fingerprint, warning: Option<&Failure>) -> Self {
        Self { target: Some(target), failure: warning.map(Failure::line) }
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        Self { target: None, failure: Some(failure.line()) }
    }
}
