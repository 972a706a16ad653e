//! The cache of checks: which edge nft accepted for which shape of rules ([`State::shape`]).
//!
//! The file `accepted`, beside the state files, has a line for each check: the edge and the shape.
//! A check is the one expensive step of a set-up. The rules of the configured interfaces, with all
//! options, are therefore checked when the firewall starts, before netifd sets up an interface.
//! A set-up that finds no line for its rules checks them itself. A load that fails removes the
//! file, and so does a reboot.

use std::fs;
use std::num::NonZeroU16;

use mape_core::PortList;
use mape_nft::{Edge, EdgeChoice, Options};
use mape_system::files;
use mape_uci::Sections;

use crate::env::Env;
use crate::error::FirewallError;
use crate::interface_state::{State, StateError};
use crate::probe::{check, single_port, whole_address};

const FILE: &str = "accepted";

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

/// Checks the rules of the configured interfaces, unless that was done since boot: with every
/// option at once, and without options if they are refused. A refusal is not reported here: the
/// set-up that needs the rules reports it.
pub fn fill(env: &Env) {
    // A load that changes nothing reads this file only.
    if files::text(env.run.join(FILE)).is_ok_and(|known| !known.is_empty()) {
        return;
    }
    let every = Options { full_cone: true, time_wait: Some(NonZeroU16::MIN), dscp_reset: true };
    for (edge, is_shared) in configured(env) {
        let asked = |options| {
            let plan = if is_shared { single_port() } else { whole_address() };
            let name = "usual".parse()?;
            let state = State::new(&name, &plan?, &PortList::default(), edge, options);
            Ok::<_, StateError>(edge_for(env, &state).is_ok())
        };
        if !asked(every).unwrap_or(false) {
            let _ = asked(Options::default());
        }
    }
}

/// Returns the edges of the configured interfaces, and whether their address is shared. Without an
/// interface it is the usual kind, which LuCI adds.
fn configured(env: &Env) -> Vec<(EdgeChoice, bool)> {
    let network = env.config().read("network").ok().flatten();
    let mut kinds = Vec::new();
    for section in Sections::of(network.as_ref(), "interface") {
        if section.get("proto") == Some("mape") {
            let edge = section.get("edge").and_then(|edge| edge.parse().ok()).unwrap_or_default();
            // What else makes a whole address depends on the line. Its set-up checks it itself.
            let is_whole =
                section.get("ipaddr").is_some() && matches!(section.get("ealen"), None | Some("0"));
            if !kinds.contains(&(edge, !is_whole)) {
                kinds.push((edge, !is_whole));
            }
        }
    }
    if kinds.is_empty() {
        kinds.push((EdgeChoice::Auto, true));
    }
    kinds
}

/// Removes the cache, so that the next set-up checks the rules itself.
pub fn clear(env: &Env) {
    let _ = fs::remove_file(env.run.join(FILE));
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
        // A line without an edge.
        fs::write(run.join(FILE), usual.shape()).unwrap();
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

    /// The start of the firewall checks what the set-ups after it need, each kind once.
    #[test]
    fn the_configured_kinds_of_rules_are_checked() {
        let root = std::env::temp_dir().join(format!("mape-kinds-{}", std::process::id()));
        let (run, nft) = (root.join("run"), root.join("nft"));
        fs::create_dir_all(&run).unwrap();
        fs::create_dir_all(root.join("etc/config")).unwrap();
        executable(&nft, "#!/bin/sh\necho >>$0.calls\n");
        let env = Env { root: root.clone(), run: run.clone(), nft, ..Env::default() };
        let calls = || fs::read_to_string(root.join("nft.calls")).unwrap_or_default().len();
        let every = "full_cone time_wait dscp_reset\n";
        let (usual, own) = (format!("netdev auto shared {every}"), "option ipaddr 192.0.2.1");
        for (sections, accepted) in [
            (vec!["proto static"], vec![usual.clone()]),
            (vec!["proto mape", "proto mape"], vec![usual.clone()]),
            (
                vec!["proto mape\noption edge plain", "proto mape"],
                vec![format!("plain plain shared {every}"), usual.clone()],
            ),
            (vec![own, "proto mape\noption edge no-edge"], vec![usual.clone()]),
            (
                vec!["proto mape\noption ipaddr 192.0.2.1"],
                vec![format!("netdev auto whole {every}")],
            ),
            (vec!["proto mape\noption ipaddr 192.0.2.0\noption ealen 16"], vec![usual]),
        ] {
            let sections = sections.iter().enumerate();
            let text = sections.fold(String::new(), |text, (number, options)| {
                text + &format!("config interface i{number}\noption {options}\n")
            });
            fs::write(root.join("etc/config/network"), &text).unwrap();
            let before = calls();
            fill(&env);
            assert_eq!(fs::read_to_string(run.join(FILE)).unwrap(), accepted.concat(), "{text}");
            assert_eq!(calls() - before, accepted.len());
            fill(&env);
            assert_eq!(calls() - before, accepted.len());
            clear(&env);
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
