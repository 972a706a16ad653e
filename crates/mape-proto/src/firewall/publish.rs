//! Published ports, as the loader deals with them: what UCI says goes into the state files before the
//! rules are made, and what came of it is remembered and told once the rules are loaded.

use mape_core::PortRange;

use super::{Places, states};
use crate::servers::{
    Change, Kept, Outcome, Wishes, announce, announce_pool, apply, write_allow_list,
};

/// What happened to one interface.
struct News {
    interface: String,
    changes: Vec<Change>,
    kept: Kept,
    pool: Vec<PortRange>,
}

/// What happened to all.
pub(super) struct AllNews(Vec<News>);

/// What is to be told.
pub(super) struct Told(Vec<(String, Vec<Change>, Option<Vec<PortRange>>)>);

/// Brings the state files in line with UCI. Where UCI cannot be read, all stays as it was.
pub(super) fn prepare(places: &Places, remarks: &mut Vec<String>) -> AllNews {
    let wishes = match Wishes::read(&places.servers) {
        Ok(wishes) => wishes,
        Err(error) => {
            remarks.push(format!("published ports stay as they are: {error}"));
            return AllNews(Vec::new());
        }
    };
    for (section, reason) in &wishes.unreadable {
        remarks.push(format!("forward {section}: refused, {reason}"));
    }
    let states = states(&places.state);
    let only = states.len() == 1;
    let mut all = Vec::new();
    for (interface, state) in states {
        let mut new = state.clone();
        let Some(outcome) = apply(&mut new, &wishes, &interface, only, &places.servers) else {
            continue;
        };
        let Outcome { refused, changes, kept, .. } = outcome;
        for (section, refusal) in refused {
            use mape_core::Explain as _;
            remarks.push(format!("forward {section}: refused, {refusal}; {}", refusal.hint()));
        }
        if new != state {
            if let Err(error) = new.write(&places.state) {
                remarks.push(format!("{interface}: published ports stay as they are: {error}"));
                continue;
            }
        }
        let pool =
            new.plan_without_servers().map(|plan| crate::servers::pool(&plan, new.upnp_ports()));
        all.push(News { interface, changes, kept, pool: pool.unwrap_or_default() });
    }
    AllNews(all)
}

impl AllNews {
    /// Without what happened to interfaces that are not open: there nothing can arrive yet, and it is told once they are.
    pub(super) fn only(mut self, is_open: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|news| is_open(&news.interface));
        self
    }

    /// The rules are loaded: from now on it counts.
    pub(super) fn in_force(self, places: &Places, remarks: &mut Vec<String>) -> Told {
        let mut told = Vec::new();
        for News { interface, changes, kept, pool } in self.0 {
            if let Err(error) = kept.write(&places.servers.flash, &interface) {
                remarks.push(format!("{interface}: its ports cannot be remembered: {error}"));
            }
            remarks.extend(changes.iter().map(Change::line));
            let moved = match write_allow_list(&places.state, &interface, &pool) {
                Ok(moved) => moved,
                Err(error) => {
                    remarks.push(format!("{interface}: no list of ports for UPnP: {error}"));
                    false
                }
            };
            told.push((interface, changes, moved.then_some(pool)));
        }
        Told(told)
    }
}

impl Told {
    pub(super) fn tell(self, places: &Places) {
        for (interface, changes, pool) in self.0 {
            announce(&places.servers.hotplug, &interface, &changes);
            if let Some(pool) = pool {
                announce_pool(&places.servers.hotplug, &interface, &pool);
            }
        }
    }
}
