//! The cache of checks: which edge nft accepted for which shape of rules ([`State::shape`]).
//!
//! The file `accepted`, beside the state files, has a line for each shape: the edge and the shape.
//! A check is the one expensive step of a set-up. The usual rules are therefore checked when the
//! firewall starts, before netifd sets up an interface. Without the file, a set-up checks its rules
//! itself. A load that fails removes it, and so does a reboot.

use std::fs;

use mape_core::PortList;
use mape_nft::{Edge, EdgeChoice, Options};
use mape_system::files;

use crate::env::Env;
use crate::error::FirewallError;
use crate::interface_state::{State, StateError};
use crate::probe::{check, single_port};

const FILE: &str = "accepted";

/// Returns the edge that nft accepts for rules of this state's shape, before the device exists.
/// Asks nft if the cache does not have it.
///
/// # Errors
/// [`FirewallError`]: no edge that the state allows is accepted.
pub fn edge_for(env: &Env, state: &State) -> Result<Edge, FirewallError> {
    let (file, shape) = (env.run.join(FILE), state.shape());
    let known = files::text(&file).unwrap_or_default();
    let edge = |line: &str| {
        let (edge, of) = line.split_once(' ')?;
        edge.parse::<EdgeChoice>().ok().filter(|_| of == shape)
    };
    if let Some(edge) = known.lines().find_map(edge) {
        return Ok(edge.preferred());
    }
    let edge = check(env, state)?;
    // Without the file, the next set-up takes longer.
    let _ = files::write(&file, &format!("{known}{} {shape}\n", edge.name()));
    Ok(edge)
}

/// Checks the usual rules, unless they were checked since boot. A refusal is not reported here: the
/// set-up that needs the rules reports it.
pub fn fill(env: &Env) {
    let _ = usual().map(|state| edge_for(env, &state));
}

/// Removes the cache, so that the next set-up checks the rules itself.
pub fn clear(env: &Env) {
    let _ = fs::remove_file(env.run.join(FILE));
}

/// Returns the state of a usual interface: a shared address and no options.
fn usual() -> Result<State, StateError> {
    let name = "usual".parse()?;
    let (listening, options) = (PortList::default(), Options::default());
    Ok(State::new(&name, &single_port()?, &listening, EdgeChoice::Auto, options))
}

#[cfg(test)]
mod tests {
    use mape_core::{Request, plan};

    use super::*;

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
        let edge = |env: &Env, state: &State| edge_for(env, state).ok();
        fill(&refusing);
        assert_eq!(edge(&refusing, &usual), None);
        fill(&accepting);
        assert_eq!(edge(&refusing, &usual), Some(Edge::Netdev));
        assert_eq!(edge(&refusing, &cone), None);
        assert_eq!(edge(&accepting, &cone), Some(Edge::Netdev));
        assert_eq!([&usual, &cone].map(|it| edge(&refusing, it)), [Some(Edge::Netdev); 2]);
        clear(&accepting);
        assert_eq!(edge(&refusing, &usual), None);
        fs::write(run.join(FILE), usual.shape()).unwrap();
        assert_eq!(edge(&refusing, &usual), None);
        fs::remove_dir_all(&run).unwrap();
    }
}
