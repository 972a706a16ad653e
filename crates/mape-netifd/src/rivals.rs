//! Several interfaces of ours on one router: one line has one CE, so each line is one interface's.
//!
//! An interface that has a line keeps it. Of those that have none, the ones that name their uplink
//! choose first, then all in the order of their names. Each interface works that out from the same
//! dump and comes to the same end, so two that are set up at the same time need not hear of each
//! other. If they saw different dumps, the first one in the file of [claims](claim) has the line.

use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::net::Ipv6Addr;
use std::path::Path;

use mape_core::{Failure, IntoVec as _, Table};
use mape_firewall::Env;
use mape_nft::InterfaceName;
use mape_provision::Mode;
use mape_system::json::{self, Json as _};
use mape_system::{files, record};
use mape_uci::{Package, Section};
use nix::fcntl::{Flock, FlockArg};

use super::config::Config;
use super::dump::{ALIAS_SUFFIX, Dump, InterfaceDump};
use super::error::SetupError;
use super::interface_cache::InterfaceCache;
use super::learned_rules::with_learned_rules;
use super::taken::{Share, Taken};
use super::uplink::{Uplink, choose};

/// The file of claims: no name of a state file.
const CLAIMS: &str = "lines";

record! {
    /// A line that an interface has said to be its own.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Claim {
        uplink: String = required,
        ce: Ipv6Addr = required,
    }
}

/// By interface.
type Claims = Table<String, Claim>;

/// What other interfaces have, or will have before this one.
pub(super) fn taken(env: &Env, dump: &Dump, own: &InterfaceName) -> Taken {
    let own = own.as_str();
    let mut shares = left_behind(dump, own);
    let ours: Vec<&InterfaceDump> = dump.interfaces().filter(|it| is_active(dump, it)).into_vec();
    if ours.iter().all(|it| it.name == own) {
        return Taken(shares);
    }
    let mut claims = read(&env.run);
    let network = env.config().read("network").ok().flatten();
    let ours = ours.into_iter();
    let mut ours: Vec<Rival<'_>> = ours
        .filter_map(|it| Rival::new(env, network.as_ref(), it, claims.remove(&it.name)))
        .into_vec();
    ours.sort_by_key(|it| (Reverse(it.has), Reverse(it.tunlink.is_some()), it.dump.name.clone()));
    // To name an uplink is no way to take it from the one that has it.
    let kept = ours.iter().find(|it| it.dump.name == own).and_then(Rival::uplink);
    for rival @ Rival { dump: InterfaceDump { name, data, up, .. }, tunlink, claim, .. } in &ours {
        let mut put = |uplink, ce| {
            shares.push(Share { interface: name.clone(), ours: true, uplink, ce });
        };
        for ce in dump.interface(&alias_of(name)).iter().flat_map(|it| it.addresses()) {
            put(None, Some(ce));
        }
        let named = tunlink.as_ref().filter(|_| *tunlink != kept);
        if let Some(uplink) = named.filter(|uplink| rival.keeps(env, dump, uplink)) {
            put(Some(uplink.clone()), None);
        }
        let claim = claim.as_ref().filter(|claim| rival.keeps(env, dump, &claim.uplink));
        if let Some(Claim { uplink, ce }) = claim {
            put(Some(uplink.clone()), Some(*ce));
        }
        if *up {
            put(rival.uplink(), data.ce);
        }
    }
    for other in ours.iter().take_while(|it| it.dump.name != own) {
        let name = &other.dump.name;
        if let Some((uplink, ce)) = other.line(env, dump, &Taken::for_another_than(&shares, name)) {
            let (interface, uplink, ce) = (name.clone(), Some(uplink), Some(ce));
            shares.push(Share { interface, ours: true, uplink, ce });
        }
    }
    Taken::for_another_than(&shares, own)
}

/// Addresses of aliases whose owner is gone, which netifd removes in a moment. Where something else
/// has the address, the uplink itself or an interface made by hand, the tunnel works with it.
fn left_behind(dump: &Dump, own: &str) -> Vec<Share> {
    let is_left = |it: &&InterfaceDump| {
        let owner = it.name.strip_suffix(ALIAS_SUFFIX);
        owner.is_some_and(|owner| owner != own && dump.interface(owner).is_none())
    };
    let others = dump.interfaces().filter(is_left);
    let share = |it: &InterfaceDump, ce| {
        let interface = it.name.clone();
        Share { interface, ours: false, uplink: None, ce: Some(ce) }
    };
    others.flat_map(|it| it.addresses().into_iter().map(move |ce| share(it, ce))).into_vec()
}

/// Whether it is one of ours that netifd starts, or that is not down yet.
fn is_active(dump: &Dump, interface: &InterfaceDump) -> bool {
    let has_alias = || dump.interface(&alias_of(&interface.name)).is_some();
    dump.is_ours(&interface.name) && (interface.autostart || interface.up || has_alias())
}

fn alias_of(name: &str) -> String {
    format!("{name}{ALIAS_SUFFIX}")
}

/// One of ours, this one included.
struct Rival<'dump> {
    dump: &'dump InterfaceDump,
    memory: InterfaceCache,
    /// As netifd passes them.
    options: String,
    tunlink: Option<String>,
    claim: Option<Claim>,
    /// Whether it has a line, or had one before its uplink went down.
    has: bool,
}

impl<'dump> Rival<'dump> {
    fn new(
        env: &Env,
        network: Option<&Package>,
        dump: &'dump InterfaceDump,
        claim: Option<Claim>,
    ) -> Option<Self> {
        let memory = InterfaceCache::read(&env.run, &dump.name.parse().ok()?);
        let section = network.and_then(|it| it.section(&dump.name));
        let options = section.map_or_else(|| memory.options.clone(), Section::json);
        let config = Config::parse(&options).or_else(|_| Config::parse(&memory.good_options));
        let tunlink = config.ok().and_then(|config| config.tunlink);
        let has = dump.up || claim.is_some() || !memory.prefix.is_empty();
        Some(Self { dump, memory, options, tunlink, claim, has })
    }

    /// The one that it has.
    fn uplink(&self) -> Option<String> {
        let published = || self.dump.data.uplink.clone();
        let claimed = self.claim.as_ref().map(|claim| claim.uplink.clone());
        self.dump.up.then(published).flatten().or(claimed)
    }

    /// Its options, and the older ones that stay in force where nothing comes of these.
    fn configs(&self, env: &Env, dump: &Dump) -> impl Iterator<Item = Config> {
        let name = self.dump.name.parse::<InterfaceName>().ok();
        [&self.options, &self.memory.good_options].into_iter().filter_map(move |options| {
            Some(with_learned_rules(Config::parse(options).ok()?, env, name.as_ref()?, dump))
        })
    }

    /// Whether the uplink is to be left to it. Where that has a prefix of which nothing comes, or
    /// is no more, it is not: one that cannot come up would keep the others down for ever.
    fn keeps(&self, env: &Env, dump: &Dump, uplink: &str) -> bool {
        let tells = |uplink: &InterfaceDump| uplink.up && !uplink.prefixes().is_empty();
        let is_notified = || dump.interface(uplink).is_none_or(tells);
        let may_come = |config: Config| {
            config.provisioning != Mode::Off
                || choose(&config, dump, None, &Taken::default()).is_ok()
        };
        self.dump.up || !is_notified() || self.configs(env, dump).any(may_come)
    }

    /// The line that it will choose.
    fn line(&self, env: &Env, dump: &Dump, taken: &Taken) -> Option<(String, Ipv6Addr)> {
        let current = self.memory.prefix.parse().ok();
        self.configs(env, dump).find_map(|config| {
            let Uplink { interface, prefix, .. } = choose(&config, dump, current, taken).ok()?;
            Some((interface, config.sources(prefix).decide().ok()?.plan.ce()))
        })
    }
}

/// Writes down that the line is this interface's, where there are others of ours.
///
/// # Errors
/// [`UplinkError::Taken`](super::error::UplinkError::Taken) where another one was faster.
pub(super) fn claim(
    env: &Env,
    dump: &Dump,
    own: &InterfaceName,
    config: &Config,
    uplink: &str,
    ce: Ipv6Addr,
) -> Result<(), Failure> {
    if dump.interfaces().filter(|it| dump.is_ours(&it.name)).count() < 2 {
        return Ok(());
    }
    let mine = Claim { uplink: uplink.to_owned(), ce };
    let network = env.config().read("network").ok().flatten();
    let counts = |name: &String, claim: &Claim| {
        let active = dump.interface(name).filter(|it| is_active(dump, it));
        let rival = active.and_then(|it| Rival::new(env, network.as_ref(), it, None));
        rival.is_some_and(|it| it.keeps(env, dump, &claim.uplink))
    };
    change(&env.run, |claims| {
        claims.retain(counts);
        claims.remove(own.as_str());
        let others = claims.iter().map(|(name, claim)| Share {
            interface: name.clone(),
            ours: true,
            uplink: Some(claim.uplink.clone()),
            ce: Some(claim.ce),
        });
        let taken = Taken(others.into_vec()).by_another(config, uplink, ce);
        if taken.is_none() {
            claims.insert(own.to_string(), mine);
        }
        taken
    })
    .map_err(SetupError::State)?
    .map_or(Ok(()), |taken| Err(taken.into()))
}

/// The interface is no more.
pub(super) fn forget(directory: &Path, own: &InterfaceName) {
    let _ = change(directory, |claims| claims.remove(own.as_str()));
}

fn read(directory: &Path) -> Claims {
    let text = files::text(directory.join(CLAIMS)).unwrap_or_default();
    json::value(&text).ok().and_then(|it| Claims::from_value(&it)).unwrap_or_default()
}

/// No other process changes them meanwhile. Without claims there is no file.
fn change<T>(directory: &Path, change: impl FnOnce(&mut Claims) -> T) -> io::Result<T> {
    // The file itself is another one after each change.
    let lock = Flock::lock(File::open(directory)?, FlockArg::LockExclusive);
    let _lock = lock.map_err(|(_, errno)| io::Error::from(errno))?;
    let before = read(directory);
    let mut claims = before.clone();
    let done = change(&mut claims);
    let path = directory.join(CLAIMS);
    if claims.is_empty() {
        files::remove(&path)?;
    } else if claims != before {
        files::write(&path, &json::to_text(&claims.to_value()))?;
    }
    Ok(done)
}
