//! The cache of checks: which edge nft accepted for which shape of rules ([`State::shape`]).
//!
//! The file `accepted`, beside the state files, has a line for each check: the edge and the shape.
//! A check is the one expensive step of a set-up. Rules with every option are therefore checked
//! when the firewall starts, before netifd sets up an interface. Without the file, a set-up checks
//! its rules itself. A load that fails removes it, and so does a reboot.

use std::fs;
use std::num::NonZeroU16;

use mape_core::PortList;
use mape_nft::{Edge, EdgeChoice, Options};
use mape_system::files;

use crate::env::Env;
use crate::error::FirewallError;
use crate::interface_state::{State, StateError};
use crate::probe::{check, single_port};

const FILE: &str = "accepted";
/// The shape of usual rules: a shared address and no options. A load that changes nothing compares
/// it without making a plan.
const USUAL: &str = "auto shared";

/// Returns the edge that nft accepts for rules of this state's shape, before the device exists.
/// Asks nft if the cache does not have it.
///
/// # Errors
/// [`FirewallError`]: no edge that the state allows is accepted.
pub fn edge_for(env: &Env, state: &State) -> Result<Edge, FirewallError> {
    let (file, shape) = (env.run.join(FILE), state.shape());
    let known = files::text(&file).unwrap_or_default();
    if let Some(edge) = find(&known, &shape) {
        return Ok(edge);
    }
    let edge = check(env, state)?;
    // Without the file, the next set-up takes longer.
    let _ = files::write(&file, &format!("{known}{} {shape}\n", edge.name()));
    Ok(edge)
}

/// Returns the edge of a check that had all words of this shape. A check of `auto` with the edge
/// `netdev` is one of that edge too.
fn find(known: &str, shape: &str) -> Option<Edge> {
    known.lines().find_map(|line| {
        let has = |word| line.split(' ').any(|it| it == word);
        let (edge, _) = line.split_once(' ')?;
        match edge.parse() {
            Ok(EdgeChoice::Fixed(edge)) if shape.split(' ').all(has) => Some(edge),
            _ => None,
        }
    })
}

/// Checks the rules of an interface with a shared address and every option, and the usual ones if
/// they are refused, unless this was done since boot. A refusal is not reported here: the set-up
/// that needs the rules reports it.
pub fn fill(env: &Env) {
    let known = files::text(env.run.join(FILE)).unwrap_or_default();
    if find(&known, USUAL).is_some() {
        return;
    }
    let every = Options { full_cone: true, time_wait: Some(NonZeroU16::MIN), dscp_reset: true };
    let accepted = with_options(every).is_ok_and(|every| edge_for(env, &every).is_ok());
    if !accepted {
        let _ = with_options(Options::default()).map(|usual| edge_for(env, &usual));
    }
}

/// Removes the cache, so that the next set-up checks the rules itself.
pub fn clear(env: &Env) {
    let _ = fs::remove_file(env.run.join(FILE));
}

/// Returns the state of an interface with a shared address.
fn with_options(options: Options) -> Result<State, StateError> {
    let name = "usual".parse()?;
    Ok(State::new(&name, &single_port()?, &PortList::default(), EdgeChoice::Auto, options))
}

#[cfg(test)]
mod tests {
    use mape_core::{Request, plan};

    use super::*;
    use crate::executable::executable;

    /// A nft that accepts everything, and one that refuses everything: only an answer from the
    /// cache differs from its own.
    #[test]
    fn nft_is_asked_once_for_each_shape() {
        let run = std::env::temp_dir().join(format!("mape-accepted-{}", std::process::id()));
        fs::create_dir_all(&run).unwrap();
        let env = |nft: &str| Env { run: run.clone(), nft: nft.into(), ..Env::default() };
        let (accepting, refusing) = (env("true"), env("false"));
        let line = plan(&Request::new("2400:4050:80ba:2200::/56".parse().unwrap())).unwrap();
        let state = |options| {
            let (name, listening) = ("wan".parse().unwrap(), "22".parse().unwrap());
            State::new(&name, &line, &listening, EdgeChoice::Auto, options)
        };
        let usual = state(Options::default());
        let cone = state(Options { full_cone: true, ..Options::default() });
        let fixed = |edge| {
            let (name, listening) = ("wan".parse().unwrap(), PortList::default());
            State::new(&name, &line, &listening, EdgeChoice::Fixed(edge), Options::default())
        };
        let [netdev, plain] = [Edge::Netdev, Edge::Plain].map(fixed);
        let edge = |env: &Env, state: &State| edge_for(env, state).ok();
        fill(&refusing);
        assert_eq!(edge(&refusing, &usual), None);
        // Every option at once.
        fill(&accepting);
        assert_eq!([&usual, &cone].map(|it| edge(&refusing, it)), [Some(Edge::Netdev); 2]);
        assert_eq!(edge(&refusing, &netdev), Some(Edge::Netdev));
        // A choice that was not checked.
        assert_eq!(edge(&refusing, &plain), None);
        assert_eq!(edge(&accepting, &plain), Some(Edge::Plain));
        assert_eq!(edge(&refusing, &plain), Some(Edge::Plain));
        clear(&accepting);
        assert_eq!(edge(&refusing, &usual), None);
        // A check of fewer kinds of rules says nothing about more.
        assert_eq!(edge(&accepting, &usual), Some(Edge::Netdev));
        assert_eq!(edge(&refusing, &cone), None);
        clear(&accepting);
        assert_eq!(usual.shape(), USUAL);
        fs::write(run.join(FILE), USUAL).unwrap();
        assert_eq!(edge(&refusing, &usual), None);
        fs::remove_dir_all(&run).unwrap();
    }

    /// A kernel that lacks what an option needs takes the usual rules. It is not asked again.
    #[test]
    fn options_that_are_refused_leave_the_usual_rules() {
        let run = std::env::temp_dir().join(format!("mape-refused-{}", std::process::id()));
        fs::create_dir_all(&run).unwrap();
        let nft = run.join("nft");
        let said = "grep -q full-cone && { echo Error >&2; exit 1; }";
        executable(&nft, &format!("#!/bin/sh\necho >>$0.calls\n{said}\nexit 0\n"));
        let env = Env { run: run.clone(), nft, ..Env::default() };
        let calls = || fs::read_to_string(run.join("nft.calls")).unwrap().len();
        fill(&env);
        assert_eq!(fs::read_to_string(run.join(FILE)).unwrap(), "netdev auto shared\n");
        let first = calls();
        fill(&env);
        assert_eq!(calls(), first);
        fs::remove_dir_all(&run).unwrap();
    }
}
