#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;

use mape_core::FailureParts;
use mape_firewall::forwards::ForwardRequest;

use super::*;
use crate::scratch::Scratch;

const PATH: &str = "/etc/mape-rs.forwards";
const WEB: &str = "forward web\n\tdest_ip 192.168.1.5\n\tdest_port 443\n";

fn read_text(text: &str) -> Vec<Written> {
    parse(text, Path::new(PATH))
}

/// Name and sentence of what is invalid, and the names of the others.
fn outcome(text: &str) -> (Vec<String>, Vec<(String, Failure)>) {
    let (mut valid, mut invalid) = (Vec::new(), Vec::new());
    for written in read_text(text) {
        match written {
            Ok(forward) => valid.extend(forward.map(|it| it.section)),
            Err(error) => invalid.push(error),
        }
    }
    (valid, invalid)
}

#[test]
fn a_forward_has_the_options_of_a_section() {
    let text = "# the LAN's servers\n\nforward web # a comment\n  dest_ip 192.168.1.5\n\
                dest_port=443\n\tsrc_dport = 5700\n\tproto 'tcp'\n\tname \"My web\"\n\
                \tinterface wan\n\treflection 0\n\nforward off\n\tdest_ip 10.0.0.1\n\
                \tdest_port 1\n\tenabled 0\n";
    let expected = Forward::of_options(
        "web",
        &[
            ("dest_ip", "192.168.1.5"),
            ("dest_port", "443"),
            ("src_dport", "5700"),
            ("proto", "tcp"),
            ("name", "My web"),
            ("interface", "wan"),
            ("reflection", "0"),
        ],
    );
    assert_eq!(read_text(text), [Ok(expected.unwrap()), Ok(None)]);
    for same in [format!("\u{feff}{text}"), text.replace('\n', "\r\n")] {
        assert_eq!(read_text(&same), read_text(text));
    }
    assert_eq!((read_text(""), read_text("# nothing\n")), (vec![], vec![]));
}

#[test]
fn an_error_names_the_line_and_leaves_the_other_forwards() {
    for (line, number, says, next) in [
        ("dest_ip 192.168.1.300", 6, "dest_ip cannot be \"192.168.1.300\"", "192.168.1.10"),
        ("dest_ip ::10", 6, "dest_ip cannot be \"::10\"", "IPv4 address"),
        ("dest_ip 127.0.0.1", 6, "dest_ip cannot be \"127.0.0.1\"", "192.168.1.10"),
        ("dest_host nas", 6, "the option dest_host needs the DHCP leases", "write dest_ip"),
        ("dest lan", 6, "the option dest needs", "write dest_ip"),
        ("reflection_zone lan", 6, "the option reflection_zone needs", "write dest_ip"),
        ("dest_port 0", 6, "dest_port cannot be \"0\"", "from 1 to 65535"),
        ("src_dport http", 6, "src_dport cannot be \"http\"", "from 1 to 65535"),
        ("proto sctp", 6, "proto cannot be \"sctp\"", "tcp, udp or both"),
        ("enabled maybe", 6, "enabled cannot be \"maybe\"", "0 or 1"),
        ("dst_port 80", 6, "the option \"dst_port\" is not known", "docs/plain-linux.md"),
        ("dest_port", 6, "\"dest_port\" has no value", "NAME VALUE"),
        ("[web]", 6, "the option \"[web]\" is not known", "docs/plain-linux.md"),
        // Without an address it is the forward's own line.
        ("dest_port 80", 5, "the option dest_ip is missing", "the host's address"),
    ] {
        let rest = ["dest_ip 192.168.1.6", "dest_port 80"];
        let is_other = |it: &&str| number == 6 && it.split(' ').next() != line.split(' ').next();
        let rest: Vec<&str> = rest.into_iter().filter(is_other).collect();
        let rest = rest.join("\n");
        let text = format!("{WEB}\nforward bad\n\t{line}\n{rest}\nforward last\n{}", &WEB[12..]);
        let (valid, invalid) = outcome(&text);
        assert_eq!(valid, ["web", "last"], "{line}");
        let [(name, failure)] = invalid.as_slice() else {
            panic!("{line}: {invalid:?}");
        };
        let FailureParts { code, message, hint, params } = &**failure;
        let place = format!("the configuration \"{PATH}\": line {number}: ");
        assert_eq!((name.as_str(), *code), ("bad", Code::OptionInvalid), "{line}");
        assert!(message.starts_with(&place) && message.contains(says), "{line}: {message}");
        assert!(hint.contains(next), "{line}: {hint}");
        assert!(params.contains(&("file", PATH.to_owned())), "{line}: {params:?}");
    }
    for (text, name, says) in [
        ("dest_ip 192.168.1.5\n", "-", "line 1: \"dest_ip\" stands before the first forward"),
        ("forward\n", "-", "line 1: \"forward\" has no value"),
        ("forward a-b\n", "a-b", "line 1: a forward cannot be called \"a-b\""),
        (&format!("{WEB}{WEB}"), "web", "line 4: there is already a forward \"web\""),
        (&format!("{WEB}dest_port 1\n"), "web", "line 4: the forward has the option dest_port"),
    ] {
        let (_, invalid) = outcome(text);
        assert_eq!(invalid.len(), 1, "{text}");
        let (section, failure) = &invalid[0];
        assert_eq!(section, name, "{text}");
        assert!(failure.message.contains(says), "{text}: {}", failure.message);
    }
}

fn scratch(test: &str) -> Scratch {
    let root = std::env::temp_dir().join(format!("mape-forwards-{test}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("etc")).unwrap();
    Scratch::of(root)
}

fn request<'typed>(host: &'typed str, name: Option<&'typed str>) -> ForwardRequest<'typed> {
    let interface = None;
    ForwardRequest {
        host,
        dest_port: "80",
        src_dport: "auto",
        proto: Some("tcp,udp"),
        name,
        interface,
    }
}

#[test]
fn what_is_added_is_read_back_and_what_is_removed_leaves_the_rest() {
    let root = scratch("edit");
    let text = || fs::read_to_string(root.join(FILE)).unwrap();
    assert_eq!(read(&root).unwrap(), []);
    for (host, name) in [("192.168.1.5", Some("It's # 1")), ("192.168.1.6", None)] {
        let request = request(host, name);
        let section = request.section(|_| false);
        let forward = checked(&section, &request.options()).unwrap();
        add(&root, &section, &request.options()).unwrap();
        assert_eq!(read(&root).unwrap().last(), Some(&Ok(Some(forward))), "{}", text());
    }
    let listed = [("It_s___1", Some("It's # 1")), ("mape_192_168_1_6_80", None)];
    let listed = listed.map(|(section, name)| (section.to_owned(), name.map(str::to_owned)));
    assert_eq!(names(&root).unwrap(), listed);
    // What people have written beside them stays, also in a file that does not end with a line.
    let (before, after) = ("# mine\n\n", "\n# the last words");
    fs::write(root.join(FILE), format!("{before}{WEB}{after}")).unwrap();
    add(&root, "two", &request("192.168.1.6", None).options()).unwrap();
    assert!(text().starts_with(&format!("{before}{WEB}{after}\n\nforward two\n")), "{}", text());
    remove(&root, "two").unwrap();
    assert_eq!(text(), format!("{before}{WEB}{after}\n"));
    remove(&root, "web").unwrap();
    assert_eq!(text(), format!("# mine\n{after}\n"));
    remove(&root, "none").unwrap();
}

#[test]
fn a_name_that_cannot_be_quoted_and_a_name_of_a_host_are_refused() {
    let failed = |host, name| {
        let request = request(host, name);
        checked(&request.section(|_| false), &request.options()).unwrap_err().into_parts().message
    };
    assert!(failed("nas", None).starts_with("the option dest_host needs the DHCP leases"));
    assert!(failed("::10", None).starts_with("the option dest_ip cannot be \"::10\""));
    let said = failed("192.168.1.5", Some("\"it's\" # 1"));
    assert!(said.contains("cannot be written in quotes"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_a_link_stays_a_link() {
    let root = scratch("link");
    fs::create_dir(root.join(FILE)).unwrap();
    assert!(read(&root).unwrap_err().message.contains("cannot be read"));
    fs::remove_dir(root.join(FILE)).unwrap();
    fs::write(root.join("etc/real"), WEB).unwrap();
    std::os::unix::fs::symlink("real", root.join(FILE)).unwrap();
    remove(&root, "web").unwrap();
    assert_eq!(fs::read_to_string(root.join("etc/real")).unwrap(), "");
    assert!(fs::symlink_metadata(root.join(FILE)).unwrap().is_symlink());
}
