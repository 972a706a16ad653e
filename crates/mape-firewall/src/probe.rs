//! Checks what nft and the kernel accept, before the device exists.

use mape_core::{Layout, Plan, Quoted, ReceivedPrefix, Request, parse_rule, plan};
use mape_nft::{Dataplane, Edge, Interface, probe};

use crate::env::Env;
use crate::error::FirewallError;
use crate::flow_offload::OtherFlowtables;
use crate::interface_state::{State, StateError};
use crate::loadable::{LoadableInterface, first_accepted};
use crate::nft_command::Nft;

/// UCI allows no section of this name, so no interface has it.
const NAME_OF_CHECKS: &str = "only.checked";

/// Asks nft (`nft -c`) whether it accepts rules of this state's shape, before the device exists.
/// Returns the edge that would be used.
///
/// A chain on a device hook needs a device that exists, so the text is made for `lo`, under a name
/// that no interface can have. It is made for a single port, because a kernel refuses a kind of
/// rule or chain, not a number of ports. A check of a thousand ports would take 40 ms. Nothing is
/// loaded.
///
/// # Errors
/// [`FirewallError`]: no edge that the state allows is accepted.
pub(crate) fn check(env: &Env, state: &State) -> Result<Edge, FirewallError> {
    let rejected = |StateError(reason)| FirewallError::Rejected(Quoted::new(&reason));
    let mut valid = state.validate().map_err(rejected)?;
    valid.name = NAME_OF_CHECKS.parse().map_err(|error| rejected(StateError::from(error)))?;
    valid.device = "lo".parse().map_err(|error| rejected(StateError::from(error)))?;
    if valid.line.mapping().is_some() {
        valid.line = Dataplane::new(&single_port().map_err(rejected)?, &[])
            .map_err(|error| rejected(StateError::from(error)))?;
    }
    let only = LoadableInterface {
        state: state.clone(),
        valid,
        index: 1,
        flowtables: OtherFlowtables::default(),
    };
    let nft = Nft::new(&env.nft);
    let asked =
        |interfaces: &[Interface]| interfaces.iter().try_for_each(|it| nft.check(&probe(it)));
    let (interfaces, ()) = first_accepted(&[only], asked)?;
    Ok(interfaces.first().map_or(Edge::Plain, |it| it.edge))
}

/// Returns the plan of a line with a single port.
pub(crate) fn single_port() -> Result<Plan, StateError> {
    plan_of("ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=23,offset=1,br=2001:db8:ffff::1")
}

/// Returns the plan of a line with an address of its own.
pub(crate) fn whole_address() -> Result<Plan, StateError> {
    plan_of("ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=8,br=2001:db8:ffff::1")
}

fn plan_of(rule: &str) -> Result<Plan, StateError> {
    let mut request = Request::new("2001:db8:0:1::/64".parse::<ReceivedPrefix>()?);
    request.explicit.push(parse_rule(rule, Layout::Rfc7597)?);
    Ok(plan(&request)?)
}
