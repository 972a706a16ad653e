//! A text is loaded where another one, or the same, already acts.

use super::*;

/// What is published comes and goes; afterwards all is as if it had never been there.
#[test]
fn published_ports_come_and_go() {
    if !can_load() {
        return;
    }
    for plan in [built_in(V6PLUS, "5696,9792"), whole_prefix()] {
        for edge in EDGES {
            let without = interface(&plan, edge);
            let published = [("tcp", 5696), ("udp", 9792)].map(|(name, port)| Published {
                transport: if name == "tcp" { Transport::Tcp } else { Transport::Udp },
                port,
                host: "192.168.1.10:22".parse().unwrap(),
            });
            let from = || ["br-lan", "wg*"].map(|it| it.parse().unwrap()).to_vec();
            let published = published.map(|one| (one, from())).to_vec();
            let forwards = Forwards::with_hairpin(published, Vec::new());
            let with = Interface { forwards, ..without.clone() };
            let two = format!("{}\n#next\n{}", standalone(&with), standalone(&without));
            let script = "sed '/^#next/,$d' $RULES >$RULES.1; sed '1,/^#next/d' $RULES >$RULES.2; \
                 nft -f $RULES.2 && nft list ruleset >$RULES.3 && nft -f $RULES.1 && nft -f $RULES.1 && \
                 nft list ruleset | grep -q '5696 : 192.168.1.10 . 22' && nft -f $RULES.2 && \
                 nft list ruleset >$RULES.4 && cmp $RULES.3 $RULES.4; rc=$?; rm $RULES.?; exit $rc";
            sh_ok(&format!("{DEVICE} && {script}"), &two);
        }
    }
}

/// Loading again changes nothing, whatever was there before.
#[test]
fn loading_is_idempotent() {
    if !can_load() {
        return;
    }
    let plan = built_in(V6PLUS, "5696");
    for edge in EDGES {
        let options = Options { full_cone: true, time_wait: NonZeroU16::new(10), dscp_reset: true };
        let text = standalone(&Interface { options, ..interface(&plan, edge) });
        sh_ok(
            &format!(
                "{DEVICE} && nft -f $RULES && nft list ruleset > $RULES.1 && nft -f $RULES && \
                 nft list ruleset > $RULES.2; cmp $RULES.1 $RULES.2; rc=$?; rm $RULES.?; exit $rc"
            ),
            &text,
        );
    }
}

/// From any edge to any other, and to other options, in one step.
#[test]
fn edges_can_be_exchanged() {
    if !can_load() {
        return;
    }
    let plan = built_in(V6PLUS, "5696");
    for from in EDGES {
        for to in EDGES {
            let options = Options { full_cone: true, ..Options::default() };
            let before = Interface { options, ..interface(&plan, from) };
            let after = interface(&plan, to);
            let text = format!("{}{}", standalone(&before), standalone(&after));
            let rules = sh_ok(&format!("{DEVICE} && nft -f $RULES && nft list ruleset"), &text);
            assert!(!rules.contains("full-cone-in_wan {"), "{from} to {to}");
            // The router's text also clears what the first edge left on the device.
            let first = transaction(&[Interface { index: Some(2), ..before }]);
            let tables = if from == Edge::Netdev { "table netdev mape_rs_wan\n" } else { "" };
            let second = transaction(&[Interface { index: Some(2), ..after }]);
            let text = format!("{}{}", first.text(""), second.text(tables));
            let rules = sh_ok(&format!("{DEVICE} && nft -f $RULES && nft list ruleset"), &text);
            assert_eq!(rules.contains("table netdev"), to == Edge::Netdev, "{from} to {to}");
            assert_eq!(rules.matches("chain edge_in {").count(), 1, "{from} to {to}");
        }
    }
}

/// People save their rules with `nft list ruleset` and load them at boot; a listing that nft
/// refuses would leave them without any.
#[test]
fn a_saved_listing_can_be_loaded() {
    if !can_load() {
        return;
    }
    for plan in [built_in(V6PLUS, "5696,9792"), built_in(OCN, ""), whole_address(), whole_prefix()]
    {
        for edge in EDGES {
            let text = standalone(&interface(&plan, edge));
            let script = "nft -f $RULES && nft list ruleset >$RULES.saved && nft flush ruleset && \
                          nft -f $RULES.saved && nft list ruleset | cmp - $RULES.saved; \
                          status=$?; rm -f $RULES.saved; exit $status";
            sh_ok(&format!("{DEVICE} && {script}"), &text);
        }
    }
}

/// The marker shows whether exactly this text is loaded and no program has flushed it.
/// firewall4 reloads the static text again and again; what was opened stays open.
#[test]
fn the_static_text_keeps_what_was_opened() {
    if !can_load() {
        return;
    }
    let dataplane = Dataplane::new(&built_in(V6PLUS, ""), &[]).unwrap();
    let interface =
        Interface { index: Some(2), dataplane, ..interface(&whole_address(), Edge::Netdev) };
    let transaction = transaction(&[interface]);
    let text = transaction.text("");
    let listed =
        |text: &str| sh_ok(&format!("{DEVICE} && nft -f $RULES && nft list ruleset"), text);
    let open = listed(&text);
    // All but the short cuts, which the loader quickly brings back.
    let again = listed(&format!("{text}{}", static_text()));
    let is_kept = |line: &&str| again.lines().any(|kept| kept == *line);
    let (kept, gone): (Vec<&str>, Vec<&str>) = open.lines().partition(is_kept);
    assert_eq!(kept, again.lines().collect::<Vec<_>>());
    assert_eq!(gone.len(), transaction.count_short_cuts().iter().sum::<usize>());
    assert!(gone.iter().all(|rule| rule.ends_with(" accept")), "{gone:?}");
    sh_ok("nft -f $RULES", &static_text());
}

/// An interface that is gone does nothing any more, whether another one has its line now or not;
/// what others have on hooks stays.
#[test]
fn hooks_go_with_their_interface() {
    if !can_load() {
        return;
    }
    let options = Options { full_cone: true, ..Options::default() };
    let published = Published {
        transport: Transport::Tcp,
        port: 5696,
        host: "192.168.1.10:22".parse().unwrap(),
    };
    let gone = Interface {
        name: "wan_x@1".parse().unwrap(),
        index: Some(2),
        options,
        forwards: Forwards::new(vec![published], Vec::new()),
        ..interface(&built_in(V6PLUS, "5696"), Edge::Postrouting)
    };
    let stays = Interface {
        name: "x".parse().unwrap(),
        index: Some(3),
        dataplane: Dataplane::new(&whole_address(), &[]).unwrap(),
        ..gone.clone()
    };
    let same_line = Interface {
        name: "wan".parse().unwrap(),
        index: Some(4),
        forwards: Forwards::default(),
        ..gone.clone()
    };
    let both = transaction(&[gone, stays.clone()]);
    for then in [vec![stays.clone()], vec![same_line, stays], Vec::new()] {
        // Another program's table has a chain of such a name too.
        let script = format!(
            "{DEVICE} && nft 'add table inet other; add chain inet other dnat-local_x' && \
             nft -f $RULES && nft list chains"
        );
        let before = sh_ok(&script, &both.text(""));
        assert!(before.contains("chain dnat-in_wan_x/1 {"), "{before}");
        let text = both.text("") + &transaction(&then).text(&before);
        let after = sh_ok(&script, &text);
        for kind in ["dnat-in", "dnat-local", "hairpin", "full-cone-learn", "full-cone-in"] {
            assert!(!after.contains(&format!("chain {kind}_wan_x/1 {{")), "{after}");
            let kept = after.matches(&format!("chain {kind}_x {{")).count();
            let others = usize::from(kind == "dnat-local");
            assert_eq!(kept, usize::from(!then.is_empty()) + others, "{after}");
        }
    }
}

/// What an earlier version of this program loaded, under the names that it used.
fn former(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/nft/former");
    std::fs::read_to_string(format!("{folder}/{name}.nft")).unwrap()
}

/// The first load after an upgrade leaves exactly what a load on a fresh machine leaves, whatever
/// an earlier version had loaded.
#[test]
fn an_upgrade_leaves_no_former_name() {
    if !can_load() {
        return;
    }
    let devices = format!("{DEVICE} && ip link add tun0 type veth peer name p1");
    let plan = built_in(V6PLUS, "9024,62272");
    let every: &[&str] = &["router", "every-option", "published"];
    for (edge, loaded) in
        [(Edge::Netdev, every), (Edge::Netdev, &["published"]), (Edge::Postrouting, &["router"])]
    {
        let one = Interface { index: Some(7), forwards: forwards(), ..interface(&plan, edge) };
        let new = transaction(&[one]);
        let fresh =
            sh_ok(&format!("{devices} && nft -f $RULES && nft list ruleset"), &new.text(""));
        let old: String = loaded.iter().map(|name| former(name)).collect();
        let listed = sh_ok(&format!("{devices} && nft -f $RULES && nft list chains"), &old);
        assert!(listed.contains("chain forwarded {"), "{listed}");
        // firewall4 may load the static text of the new version before the loader runs.
        for text in [format!("{old}\n#next\n"), format!("{old}{}\n#next\n", static_text())] {
            let script = "sed '/^#next/,$d' $RULES | nft -f - && sed '1,/^#next/d' $RULES | \
                          nft -f - && nft list ruleset";
            let text = text + &new.text(&listed);
            assert_eq!(sh_ok(&format!("{devices} && {script}"), &text), fresh, "{edge}");
        }
    }
}

/// The same for a stand-alone file, which does not know what is loaded: no chain on a hook is left.
#[test]
fn a_stand_alone_file_replaces_what_acted_before() {
    if !can_load() {
        return;
    }
    let devices = format!("{DEVICE} && ip link add tun0 type veth peer name p1");
    for (edge, name) in [(Edge::Netdev, "published"), (Edge::Postrouting, "every-option")] {
        let mut interface = interface(&built_in(V6PLUS, "9024,62272"), edge);
        if name == "every-option" {
            interface.device = "tun0".parse().unwrap();
        }
        let hooks = |text: &str| {
            let script = format!("{devices} && nft -f $RULES && nft list chains inet");
            let chains = sh_ok(&script, text);
            let lines: Vec<&str> = chains.lines().collect();
            let on_hooks = lines.windows(2).filter(|pair| pair[1].contains(" hook "));
            let mut names: Vec<String> = on_hooks.map(|pair| pair[0].trim().to_owned()).collect();
            names.sort_unstable();
            names
        };
        let (old, new) = (former(name), standalone(&interface));
        assert!(hooks(&old).iter().any(|chain| chain == "chain leaving {"));
        assert_eq!(hooks(&format!("{old}{new}")), hooks(&new), "{name}");
    }
}

/// Two stand-alone files side by side: neither shuts the other, in whatever order they are loaded.
#[test]
fn two_lines_on_one_machine() {
    if !can_load() {
        return;
    }
    for edge in EDGES {
        let one = standalone(&interface(&built_in(V6PLUS, ""), edge));
        let two = interface(&built_in(OCN, ""), Edge::Postrouting);
        // Called as the other one's interface, and yet not the same.
        let device: mape_nft::DeviceName = "wan".parse().unwrap();
        let two = standalone(&Interface { name: device.interface(), device, ..two });
        let tun = "ip link add wan type veth peer name p1";
        let rules = |text: &str| {
            sh_ok(
                &format!(
                    "{DEVICE}; {tun}; nft -f $RULES && nft list map inet mape_rs open_interfaces"
                ),
                text,
            )
        };
        let both = rules(&format!("{one}{two}"));
        for text in [format!("{two}{one}"), format!("{one}{two}{one}{two}{one}")] {
            let gate = rules(&text);
            for chain in ["egress-filter_wan", "egress-filter_of-device-wan"] {
                assert!(gate.contains(&format!("goto {chain}")), "{gate}");
            }
            assert_eq!(gate.len(), both.len());
        }
    }
}
