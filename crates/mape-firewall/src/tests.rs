//! State files and the lock; loading itself is tested with nft in `tests/firewall`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use mape_core::{Explain as _, Layout, PortList, PortRange, Request, parse_rule, plan};
use mape_nft::{Dataplane, EdgeChoice, InterfaceName, Options};

use super::*;
use crate::executable::executable;
use crate::forwards::Server;

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mape-firewall-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn name() -> InterfaceName {
    "wan".parse().unwrap()
}

fn requests() -> Vec<Request> {
    let built_in = |prefix: &str| Request::new(prefix.parse().unwrap());
    let mut reserved = built_in("240b:10:3261:6400::/56");
    reserved.reserved = "9792-9800,5696,80".parse().unwrap();
    let mut small = built_in("2404:7a82:382:3300::/64");
    small.uplink_mtu = 1454;
    let mut rfc = built_in("2001:db8:12:3400::/56");
    rfc.layout = Some(Layout::Rfc7597);
    let mut all = vec![built_in("2400:4050:80ba:2200::/56"), reserved, small, rfc];
    for (rule, prefix) in [
        ("ipv4=192.0.2.18/32,ea=0,psidlen=8,psid=52,offset=6", "2001:db8::/56"),
        ("ipv4=192.0.2.0/24,ea=4", "2001:db8:e0::/44"),
        ("ipv4=192.0.2.0/24,ea=16,offset=4", "2001:db8:12:3400::/60"),
    ] {
        let mut request = built_in(prefix);
        let rule = format!("ipv6=2001:db8::/40,br=2001:db8:ffff::1,{rule}");
        request.explicit.push(parse_rule(&rule, Layout::Draft03).unwrap());
        all.push(request);
    }
    let rule = "ipv6=2001:db8::/40,ipv4=192.0.2.0/24,ea=16,br=2001:db8:ffff::1";
    all[3].explicit.push(parse_rule(rule, Layout::Draft03).unwrap());
    all
}

#[test]
fn a_state_gives_the_plan_back() {
    let directory = directory("plans");
    let options = Options { full_cone: true, time_wait: NonZeroU16::new(9), dscp_reset: true };
    let listening: PortList = "16384,22".parse().unwrap();
    for request in requests() {
        let plan = plan(&request).unwrap();
        State::new(&name(), &plan, &listening, EdgeChoice::Auto, options)
            .write(&directory)
            .unwrap();
        let state = State::read(&directory.join("wan.json")).unwrap();
        let again = state.plan().unwrap();
        assert_eq!(
            format!("{:?}", (again.ipv4(), again.ce(), again.mtu(), again.port_set())),
            format!("{:?}", (plan.ipv4(), plan.ce(), plan.mtu(), plan.port_set()))
        );
        let valid = state.validate().unwrap();
        assert_eq!(valid.line, Dataplane::new(&plan, listening.ranges()).unwrap());
        assert_eq!(
            (valid.options, valid.edge, valid.device.as_str()),
            (options, EdgeChoice::Auto, "mape-wan")
        );
    }
    State::remove(&directory, &name()).unwrap();
    State::remove(&directory, &name()).unwrap();
    assert!(State::read(&directory.join("wan.json")).is_err());
    std::fs::remove_dir_all(directory).unwrap();
}

/// A v6 Plus line with these options, and these forwards.
fn v6plus(reserved: &str, upnp_ports: u16, forwards: &[u16], earlier: Option<&State>) -> State {
    let mut request = Request::new("240b:10:3261:6400::/56".parse().unwrap());
    if !reserved.is_empty() {
        request.reserved = reserved.parse().unwrap();
    }
    let plan = plan(&request).unwrap();
    let (listening, options) = (PortList::default(), Options::default());
    let mut state = State::new(&name(), &plan, &listening, EdgeChoice::Auto, options)
        .with_upnp(upnp_ports, Vec::new())
        .after(earlier);
    let server = |port: &u16| Server {
        forward: port.to_string(),
        transports: Vec::new(),
        ports: PortRange::one(*port),
        host: None,
        before: None,
        from: Vec::new(),
    };
    state.set_servers(forwards.iter().map(server).collect());
    state
}

/// How many of the ports that both have stand for another inside port.
fn moved(from: &State, to: &State) -> usize {
    let [from, to] = [from, to].map(|state| state.validate().unwrap().line);
    let (from, to) = (from.mapping().unwrap(), to.mapping().unwrap());
    assert_eq!(from.internal().first(), to.internal().first());
    let inside = |port: &u16| from.to_internal(*port).zip(to.to_internal(*port));
    (1..=u16::MAX).filter_map(|port| inside(&port)).filter(|(one, other)| one != other).count()
}

/// A new reserved port changes the mapping of at most one other port, also if several reservations
/// end in the same load.
#[test]
fn one_more_port_moves_one_mapping() {
    const FORWARDS: [u16; 8] = [5700, 9800, 13890, 22085, 30275, 42565, 50755, 58950];
    let before = v6plus("", 0, &FORWARDS, None);
    let after = v6plus("17990", 0, &FORWARDS, Some(&before));
    assert_eq!(moved(&before, &after), 1);
    assert_eq!(moved(&after, &v6plus("17990", 0, &FORWARDS, Some(&after))), 0);
    // In any order of the configuration, and for each way to reserve one.
    let again = v6plus("38470,17990", 0, &FORWARDS, Some(&after));
    assert!(moved(&after, &again) <= 1);
    let mut more = FORWARDS.to_vec();
    more.insert(3, 26180);
    assert!(moved(&again, &v6plus("38470,17990", 0, &more, Some(&again))) <= 1);
    let pool = v6plus("38470,17990", 16, &FORWARDS, Some(&again));
    assert!(moved(&again, &pool) <= 16);
    assert!(moved(&pool, &v6plus("5696,38470,17990", 16, &FORWARDS, Some(&pool))) <= 1);
    // Ports that are no longer reserved are free, and each remaining port occurs once.
    let mut ports: Vec<u16> = FORWARDS.to_vec();
    let fewer = v6plus("", 0, &FORWARDS, Some(&again)).plan().unwrap();
    let mut reserved: Vec<u16> = fewer.reserved_inside().iter().flat_map(|it| it.ports()).collect();
    ports.sort_unstable();
    reserved.sort_unstable();
    assert_eq!(reserved, ports);
}

/// The inside range avoids what was listened on when the line came up, until it is another line.
#[test]
fn on_the_same_line_the_inside_range_stays() {
    let state = |prefix: &str, reserved: &str, listening: &str| {
        let mut request = Request::new(prefix.parse().unwrap());
        request.reserved = reserved.parse().unwrap();
        let (plan, listening) = (plan(&request).unwrap(), listening.parse().unwrap());
        State::new(&name(), &plan, &listening, EdgeChoice::Auto, Options::default())
    };
    let first = state("240b:10:3261:6400::/56", "5696", "22");
    let same = state("240b:10:3261:6400::/56", "5696,63055", "22,16400");
    assert_ne!(same.validate().unwrap().line.mapping().unwrap().internal().first(), 16384);
    let same = same.after(Some(&first));
    assert_eq!(same.listening(), first.listening());
    assert_eq!(same.validate().unwrap().line.mapping().unwrap().internal().first(), 16384);
    // Another PSID.
    let other = state("240b:10:3261:6500::/56", "80", "22,16400");
    assert_eq!(other.clone().after(Some(&first)), other);
    assert_eq!(other.clone().after(None), other);
}

/// A teardown shuts the line, and the next set-up still finds what was before.
#[test]
fn a_retired_state_opens_nothing() {
    let directory = directory("retired");
    let state = v6plus("5696", 0, &[5700], None);
    assert_eq!(State::last(&directory, &name()), None);
    State::retire(&directory, &name()).unwrap();
    state.write(&directory).unwrap();
    State::retire(&directory, &name()).unwrap();
    assert!(states(&directory).is_empty());
    assert_eq!(State::last(&directory, &name()), Some(state.clone()));
    State::forget(&directory, &name());
    assert_eq!(State::last(&directory, &name()), None);
    state.write(&directory).unwrap();
    State::retire(&directory, &name()).unwrap();
    let newer = v6plus("", 0, &[], None);
    newer.write(&directory).unwrap();
    assert_eq!(State::last(&directory, &name()), Some(newer));
    State::remove(&directory, &name()).unwrap();
    assert_eq!(State::last(&directory, &name()), None);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Cut anywhere, it is refused; changed anywhere, it does no harm.
#[test]
fn a_damaged_state_is_no_state() {
    let directory = directory("damaged");
    let plan = plan(&Request::new("240b:10:3261:6400::/56".parse().unwrap())).unwrap();
    let state =
        State::new(&name(), &plan, &PortList::default(), EdgeChoice::Auto, Options::default());
    state.write(&directory).unwrap();
    let path = directory.join("wan.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    for length in 0..whole.trim_end().len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(State::read(&path).is_err(), "{length}");
    }
    for (from, to) in [
        ("\"schema\":1", "\"schema\":2"),
        ("mape-wan", "mape-wan\\\";flush ruleset"),
        ("\"wan\"", "\"../wan\""),
        ("240b:10:3261", "250b:10:3261"),
        ("ipv6=", "ipv7="),
        ("\"auto\"", "\"best\""),
        ("1460", "1279"),
        ("1460", "65535"),
    ] {
        assert!(whole.contains(from));
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let error = State::read(&path).and_then(|state| state.validate().map(|_| ())).unwrap_err();
        assert!(!error.to_string().is_empty(), "{to}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// What is written can be read back, after a renumbering too; what has no room is known before.
#[test]
fn a_state_has_room_for_its_servers() {
    let directory = directory("room");
    let rule = "ipv6=240b:10:3261:6400::/56,ipv4=192.0.2.1/32,ea=0,br=2404:9200:225:100::64";
    let mut request = Request::new("240b:10:3261:6400::/56".parse().unwrap());
    request.explicit.push(parse_rule(rule, Layout::Draft03).unwrap());
    let plan = plan(&request).unwrap();
    let (listening, options) = (PortList::default(), Options::default());
    let mut state = State::new(&name(), &plan, &listening, EdgeChoice::Auto, options);
    let server = |port: u16| Server {
        forward: format!("{port}-{}", "x".repeat(usize::from(port % 2) * 490)),
        transports: mape_nft::Transport::ALL.to_vec(),
        ports: PortRange::one(port),
        host: Some("192.168.1.10:8000".parse().unwrap()),
        before: None,
        from: vec!["br-lan".to_owned()],
    };
    for (count, all) in [(1_300, true), (2_000, false)] {
        let servers: Vec<Server> = (0..count).map(|number| server(10_000 + number)).collect();
        let room = state.room_for(&servers);
        assert!(room >= 1_000 && (room == servers.len()) == all, "{room}");
        let moved = servers.iter().take(room).map(Server::at_its_largest).collect();
        state.set_servers(moved);
        state.write(&directory).unwrap();
        let read = State::read(&directory.join("wan.json")).unwrap();
        assert_eq!(read.validate().unwrap().servers.len(), room);
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn one_loader_at_a_time() {
    let directory = directory("lock");
    let first = lock::take_within(&directory, "firewall.lock", Duration::ZERO).unwrap();
    let error =
        lock::take_within(&directory, "firewall.lock", Duration::from_millis(120)).unwrap_err();
    assert!(matches!(error, FirewallError::Busy { seconds: 0 }), "{error}");
    assert!(error.params()[0].0 == "seconds" && !error.hint().is_empty());
    drop(first);
    lock::take_within(&directory, "firewall.lock", Duration::ZERO).unwrap();
    std::fs::write(directory.join("file"), "").unwrap();
    assert!(matches!(lock::take(&directory.join("file")), Err(FirewallError::Directory(_))));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn without_nft() {
    let directory = directory("no-nft");
    let env = Env {
        run: directory.clone(),
        devices: directory.clone(),
        nft: "/nonexistent/nft".into(),
        ..Env::default().with_root(&directory)
    };
    let error = load(&env).unwrap_err();
    assert!(matches!(error, FirewallError::NoNft(_)) && error.params()[0].0 == "reason");
    assert_eq!(error.code(), mape_core::Code::FirewallRejected);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Memory, a signal or a missing socket say nothing about the rules: only a verdict may be acted
/// upon.
#[test]
fn only_nft_s_own_word_counts_as_a_refusal() {
    let directory = directory("verdicts");
    // Files of the state directory cannot be run.
    let programs = self::directory("verdict-programs");
    let nft = programs.join("nft");
    let env = Env {
        run: directory.join("state"),
        devices: directory.clone(),
        nft: nft.clone(),
        ..Env::default().with_root(&directory)
    };
    for (text, is_verdict) in [
        ("echo 'Error: Could not process rule: Operation not supported' >&2; exit 1", true),
        ("echo 'Error: Could not process rule: Cannot allocate memory' >&2; exit 1", false),
        ("echo 'utils.c:34: Memory allocation failure' >&2; exit 2", false),
        ("echo 'netlink.c:60: Unable to initialize Netlink socket: x' >&2; exit 3", false),
        ("kill -9 $$", false),
    ] {
        executable(&nft, &format!("#!/bin/sh\ncase $* in *list*) exit 0;; esac\n{text}\n"));
        let error = load(&env).unwrap_err();
        match error {
            FirewallError::Rejected(_) => assert!(is_verdict, "{text}"),
            FirewallError::NoVerdict(_) => assert!(!is_verdict, "{text}"),
            _ => panic!("{text}: {error:?}"),
        }
        assert!(error.params()[0].0 == "reason" && !error.hint().is_empty());
    }
    // A question that is not answered is not taken for "nothing is loaded".
    executable(&nft, "#!/bin/sh\nkill -9 $$\n");
    assert!(matches!(load(&env), Err(FirewallError::NoVerdict(_))));
    std::fs::remove_dir_all(directory).unwrap();
    std::fs::remove_dir_all(programs).unwrap();
}
