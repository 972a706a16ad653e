//! What must hold for any text that claims to be `/etc/mape-rs.conf`, `/etc/mape-rs.forwards` or
//! what the hook of dhcpcd keeps.
//! Used by the fuzz targets and, with their seeds and the crashers ever found, by an ordinary test
//! of `mape-proto`. Stands beside `checks`.

use std::path::Path;

use mape_core::{Layout, Request, Rule, parse_rule};
use mape_linux::{Config, dhcpv6, forwards};

use super::checks::{explains, line_of, plan_or_explain};

fn parse(text: &str) -> Option<Config> {
    match Config::parse(text, Path::new("/etc/mape-rs.conf")) {
        Ok(config) => Some(config),
        Err(error) => {
            explains(&error);
            assert!(error.params.contains(&("file", "/etc/mape-rs.conf".to_owned())));
            None
        }
    }
}

pub fn linux_config(text: &str) -> Option<Config> {
    let config = parse(text);
    // What ends a line, a note behind it and a mark before it change nothing.
    let said = format!("{config:?}");
    if !text.contains('\r') {
        let dos = text.replace('\n', "\r\n");
        assert_eq!(format!("{:?}", parse(&dos)), said);
    }
    if !text.starts_with('\u{feff}') {
        assert_eq!(format!("{:?}", parse(&format!("\u{feff}{text}\n# the end"))), said);
    }
    let config = config?;
    let device = config.device();
    assert!(device.as_str().starts_with("mape-") && device.as_str().len() <= 15);
    assert!(config.ttl > 0 && config.mtu != Some(0));
    assert!(config.route.is_none_or(|route| route.table != Some(0)));
    if let Some(chain) = &config.input_chain {
        assert_eq!(chain.to_string().parse().as_ref(), Ok(chain));
        // One line of nft's, and nothing behind it.
        assert_eq!(chain.to_string().split(' ').count(), 3);
        assert!(!chain.to_string().contains([';', '{', '}', '#', '\n', '"']));
    }
    // A file it names is not this text's business.
    if !text.contains("rules_file") {
        let prefix = "240b:10:3261:6400::/56".parse().expect("a prefix");
        match config.request(config.prefix.unwrap_or(prefix), 1500) {
            Ok(request) => plan_or_explain(&request),
            // Each rule was read when its line was; only the layout can have come behind it.
            Err(failure) => assert!(text.contains("layout"), "{failure:?}"),
        }
    }
    Some(config)
}

/// Returns the ports of the hosts of all valid forwards.
pub fn linux_forwards(text: &str) -> Vec<u16> {
    let path = Path::new("/etc/mape-rs.forwards");
    let written = forwards::parse(text, path);
    if !text.contains('\r') {
        assert_eq!(forwards::parse(&text.replace('\n', "\r\n"), path), written);
    }
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for one in written {
        match one {
            Ok(None) => {}
            Ok(Some(forward)) => {
                assert!(!names.contains(&forward.section) && forward.dest_ports.first() > 0);
                assert!(forward.section.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_'));
                // The host is an address, and nothing of a line is left for another option.
                assert!(forward.host.text().parse::<std::net::Ipv4Addr>().is_ok());
                assert!(!forward.transports.is_empty());
                ports.push(forward.dest_ports.first());
                names.push(forward.section);
            }
            Err((name, failure)) => {
                assert!(!name.is_empty() && !name.contains(char::is_control));
                explains(&failure);
                assert!(failure.message.contains("line "));
                assert!(failure.params.contains(&("file", "/etc/mape-rs.forwards".to_owned())));
            }
        }
    }
    ports
}

/// Returns the rules of all containers in the text.
pub fn dhcpv6_container(text: &str) -> Vec<Rule> {
    let rules = dhcpv6::rules_in(text);
    for rule in &rules {
        assert_eq!(parse_rule(&rule.to_string(), Layout::Rfc7597), Ok(*rule));
        let line = line_of(rule, 1).expect("a rule describes at most a /64");
        plan_or_explain(&Request { explicit: rules.clone(), ..Request::new(line) });
    }
    // The digits of a container, in capitals too.
    assert_eq!(dhcpv6::rules_in(&text.to_ascii_uppercase()), rules);
    rules
}
