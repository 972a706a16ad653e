//! The edge that nft accepts for the usual rules, checked when the firewall starts, before netifd
//! sets up an interface.
//!
//! The file `accepted`, beside the state files, has the edge and the shape of the rules
//! ([`State::shape`]). It is a cache: without it, a set-up checks the rules itself. A load that
//! fails removes it.

use std::fs;

use mape_core::PortList;
use mape_nft::{EdgeChoice, Options};
use mape_system::files;

use crate::env::Env;
use crate::interface_state::{State, StateError};
use crate::probe::{check, single_port};

const FILE: &str = "accepted";

/// Checks the usual rules, unless they were checked since boot. A refusal is not reported here: the
/// set-up that needs the rules reports it.
pub fn fill(env: &Env) {
    let file = env.run.join(FILE);
    if file.exists() {
        return;
    }
    let Ok(state) = usual() else { return };
    if let Ok(edge) = check(env, &state) {
        // Without the file, the first set-up takes longer.
        let _ = files::write(&file, &format!("{}\n{}\n", edge.name(), state.shape()));
    }
}

/// The edge that nft accepted for rules of this shape when the firewall started.
#[must_use]
pub fn edge_for(env: &Env, shape: &str) -> Option<EdgeChoice> {
    let text = files::text(env.run.join(FILE)).ok()?;
    let (edge, known) = text.split_once('\n')?;
    (known.trim_end() == shape).then(|| edge.parse().ok()).flatten()
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

    #[test]
    fn nft_is_asked_once_and_only_for_the_usual() {
        let state = std::env::temp_dir().join(format!("mape-capabilities-{}", std::process::id()));
        fs::create_dir_all(&state).unwrap();
        let env = |nft: &str| Env { run: state.clone(), nft: nft.into(), ..Env::default() };
        let (good, bad) = (env("true"), env("false"));
        let line = plan(&Request::new("2400:4050:80ba:2200::/56".parse().unwrap())).unwrap();
        let shape = |edge, options| {
            State::new(&"wan".parse().unwrap(), &line, &"22".parse().unwrap(), edge, options)
                .shape()
        };
        let usual = shape(EdgeChoice::Auto, Options::default());
        fill(&bad);
        assert_eq!(edge_for(&bad, &usual), None);
        fill(&good);
        fill(&bad);
        assert_eq!(edge_for(&bad, &usual), "netdev".parse().ok());
        let cone = Options { full_cone: true, ..Options::default() };
        assert_eq!(edge_for(&good, &shape(EdgeChoice::Auto, cone)), None);
        clear(&good);
        assert_eq!(edge_for(&good, &usual), None);
        fs::write(state.join(FILE), &usual).unwrap();
        assert_eq!(edge_for(&good, &usual), None);
        fs::remove_dir_all(&state).unwrap();
    }
}
