//! `status` and `ports` from recorded answers; the live kernel is asked in
//! `tests/vm/plane-status.sh`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;

use mape_ubus::{AttributeId, Kind, Message, Writer, blobmsg};

use super::recorded::{Line, vectors};
use super::*;

#[test]
fn a_line_in_use() {
    let line = Line::new("golden");
    // The data in the recording is what the handler publishes.
    line.netifd(|interface| assert_valid(&schema("ifstatus-data"), &interface["data"]));
    for (words, file) in [
        ("status --json", "status.json"),
        ("status wan", "status.txt"),
        ("ports --used", "ports.txt"),
    ] {
        let called = line.call(words);
        assert_eq!((called.status, called.err.as_str()), (ExitStatus::Fine, ""));
        golden(&format!("status/v6plus/{file}"), &called.out);
    }
    let (_, status) = line.status();
    assert_eq!(status["edge"], "netdev");
    assert_eq!(status["dropped"]["incoming"], 4);
}

/// A program that looked at the record itself, and not at a copy, has written peaks or a history
/// into it, and later answers would show them.
#[test]
fn the_record_is_as_it_was_recorded() {
    let files = fs::read_dir(vectors("v6plus/state")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["wan.json"]);
}

/// Also input of the LuCI tests: one port leads to a host, one is kept for a host whose address is
/// unknown.
#[test]
fn a_line_with_servers() {
    let line = Line::new("servers");
    let file = line.0.join("state/wan.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    state["servers"] = serde_json::json!([
        {"section": "game", "proto": ["tcp", "udp"], "port": 13890, "host": "192.168.1.12:25565"},
        {"section": "later", "proto": ["tcp"], "port": 13892},
    ]);
    fs::write(file, state.to_string()).unwrap();
    // The record is of rules without them: what is not in force is not shown as if it were.
    let (_, status) = line.status();
    assert_eq!(status["forwards"].as_array().unwrap().len(), 1);
    assert_eq!(status["unknown"][0], "forward game: the rules in force do not have it");
    line.publish("web");
    assert_eq!(line.status().1["unknown"][1], "tcp port 5700 still leads to 192.168.1.5:80");
    line.publish("game");
    let (exit, status) = line.status();
    assert_eq!(exit, ExitStatus::Fine);
    assert_eq!(status["forwards"], state["servers"]);
    golden("status/v6plus/servers.json", &line.call("status --json").out);
}

/// The address was taken away: netifd has the interface up, and nothing is sent.
#[test]
fn a_ce_address_that_is_lost_is_reported() {
    let line = Line::new("lost");
    let ce = "240b001032616400006a483261006400 02 80 00";
    for (addresses, warning) in [
        (format!("{ce} 80     eth1\n"), Value::Null),
        (String::new(), "MAPE_CE_MISSING".into()),
        (format!("{ce} c8     eth1\n"), "MAPE_CE_MISSING".into()),
    ] {
        line.write("proc/net/if_inet6", &addresses);
        let (exit, status) = line.status();
        assert_eq!((&status["state"], &status["warning"]["code"]), (&"up".into(), &warning));
        assert_eq!(exit == ExitStatus::Fine, warning.is_null());
    }
    // While it is down it has none, and nothing is missing.
    line.netifd(|interface| interface["up"] = false.into());
    assert_eq!(line.status().1["warning"], Value::Null);
}

/// LuCI's tests read the answer.
#[test]
fn rules_that_are_not_loaded() {
    let line = Line::new("refused");
    line.write("sys/mape-wan/ifindex", "4711");
    let load = |more: &str| {
        let at = line.0.display();
        words(&format!(
            "firewall --root {at}/root --state-dir {at}/state --device-dir {at}/sys {more}"
        ))
    };
    let refused = load("--nft-program false --json");
    assert_valid(&schema("error"), &refused.json());
    assert_eq!(refused.status, ExitStatus::Failed);
    golden("luci/rules-refused.json", &refused.out);
    let loaded = load("--nft-program true --json");
    assert_eq!((loaded.status, loaded.out.as_str()), (ExitStatus::Fine, "{\"schema\":1}\n"));
}

#[test]
fn unknown_is_never_nothing() {
    let line = Line::new("unknown");
    for file in ["recorded/conntrack", "recorded/nft-open_interfaces", "recorded/nft-flowtables"] {
        line.remove(file);
    }
    for file in ["proc/net/stat/nf_conntrack", "sys/mape-wan/statistics/rx_bytes"] {
        line.remove(file);
    }
    let called = line.call("status --json");
    let json = called.json();
    assert_valid(&schema("status"), &json);
    assert_eq!(called.status, ExitStatus::Fine, "netifd says it is up");
    assert!(json["conntrack"].as_object().unwrap().values().all(Value::is_null));
    let status = &json["interfaces"][0];
    for pointer in [
        "/ports/used/tcp",
        "/ports/connections/icmp",
        "/ports/peak",
        "/ports/blocks/0/used/udp",
        "/dropped",
        "/flow_offload/on",
        "/flow_offload/used",
        "/traffic/rx_bytes",
    ] {
        assert_eq!(status.pointer(pointer), Some(&Value::Null), "{pointer}");
    }
    // What the handler meant to load.
    assert_eq!(status["edge"], "netdev");
    assert_eq!(status["traffic"]["tx_packets"].as_u64().map(|count| count > 0), Some(true));
    let reasons = status["unknown"].to_string();
    assert!(reasons.contains("rules: ") && reasons.contains("ports in use: "), "{reasons}");
    let text = line.call("status").out;
    for row in [
        "ports in use     unknown\n",
        "at most          unknown\n",
        "flow offload     unknown\n",
        "packets dropped  unknown\n",
        "received         unknown, ",
    ] {
        assert!(text.contains(row), "{row} {text}");
    }
    assert!(text.contains("insert failed    unknown\n"), "{text}");
    // The list itself is known, and what is asked of it is not.
    assert!(line.call("ports").out.contains("5696\tunknown\tunknown\tunknown\treserved\n"));
    for words in ["ports --free", "ports --used"] {
        let called = line.call(words);
        assert_eq!((called.status, called.out.as_str()), (ExitStatus::Failed, ""));
        assert!(
            called.err.contains("MAPE_CONNTRACK") && called.err.contains("unknown"),
            "{}",
            called.err
        );
    }
}

#[test]
fn not_up() {
    let line = Line::new("not-up");
    // Rules for another device: its index is not in the gate.
    line.write("sys/mape-wan/ifindex", "4711\n");
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Failed, &"shut".into()));
    assert_eq!((&status["edge"], &status["flow_offload"]["used"]), (&Value::Null, &false.into()));
    assert!(line.call("status").out.contains("wan: up, but shut"));

    line.netifd(|interface| {
        interface["pending"] = true.into();
        interface["up"] = false.into();
        interface["errors"] = serde_json::json!([
            { "subsystem": "mape", "code": "MAPE_UBUS", "data": ["older", "older"] },
            {
                "subsystem": "mape",
                "code": "MAPE_NO_IPV6_YET",
                "data": ["no interface has a global IPv6 prefix yet", "see whether wan6 is up"]
            },
            { "subsystem": "interface", "code": "NO_DEVICE" },
        ]);
    });
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Failed, &"pending".into()));
    assert_eq!(status["error"]["code"], "MAPE_NO_IPV6_YET");
    let text = line.call("status").out;
    assert!(text.contains("error            no interface has a global IPv6 prefix yet (MAPE_NO_IPV6_YET)\n  next step        see whether wan6 is up\n"), "{text}");

    line.netifd(|interface| {
        interface["pending"] = false.into();
        interface["errors"] =
            serde_json::json!([{ "subsystem": "interface", "code": "NO_DEVICE" }]);
    });
    let (_, status) = line.status();
    assert_eq!((&status["state"], &status["error"]["message"]), (&"down".into(), &Value::Null));

    // An interface that came up with a warning.
    line.netifd(|interface| {
        interface["up"] = true.into();
        interface["data"]["warning"] =
            serde_json::json!({ "code": "MAPE_OPTION_INVALID", "message": "m", "hint": "h" });
    });
    line.write(
        "sys/mape-wan/ifindex",
        &fs::read_to_string(vectors("v6plus/sys/mape-wan/ifindex")).unwrap(),
    );
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Fine, &"up".into()));
    assert_eq!((&status["error"], &status["warning"]["hint"]), (&Value::Null, &"h".into()));
}

/// Rules that were deleted by hand are not reported as loaded.
#[test]
fn neither_edge_nor_device() {
    let line = Line::new("no-edge");
    line.write("recorded/nft-rules-wan", "");
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Failed, &"shut".into()));
    assert_eq!((&status["edge"], &status["dropped"]), (&Value::Null, &Value::Null));

    for file in ["recorded/nft-rules", "recorded/nft-open_interfaces"] {
        line.write(file, "");
    }
    let (_, status) = line.status();
    assert_eq!(
        (&status["state"], &status["dropped"]),
        (&"shut".into(), &Value::Null),
        "no table at all"
    );

    let line = Line::new("no-device");
    fs::remove_dir_all(line.0.join("sys/mape-wan")).unwrap();
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Failed, &"down".into()));
    assert!(status["unknown"].to_string().contains("mape-wan is not there"), "{status}");
}

/// Without its state file netifd still knows the line; without netifd the device tells whether it
/// is up.
#[test]
fn half_of_the_sources() {
    let line = Line::new("half");
    line.write("state/wan.json", "{\"schema\":1,");
    let (code, status) = line.status();
    assert_eq!(code, ExitStatus::Fine);
    assert_eq!((&status["line"]["psid"], &status["ports"]), (&100.into(), &Value::Null));
    assert!(status["unknown"].to_string().contains("state file: EOF"), "{status}");
    assert_eq!(status["forwards"], Value::Null);
    line.remove("state/wan.json");
    let (_, status) = line.status();
    assert!(status["unknown"].to_string().contains("wan.json is not there"), "{status}");
    assert_eq!((&status["forwards"], &status["ports"]), (&Value::Null, &Value::Null));
    line.netifd(|interface| interface["up"] = false.into());
    assert_eq!(line.status().1["unknown"], serde_json::json!([]), "nothing was set up yet");

    let line = Line::new("no-netifd");
    line.remove("recorded/netifd.json");
    let (code, status) = line.status();
    assert_eq!((code, &status["state"]), (ExitStatus::Fine, &"up".into()));
    assert_eq!(
        (&status["line"]["provider"], &status["line"]["uplink"]),
        (&"v6plus".into(), &Value::Null)
    );
    assert_eq!(status["since"], Value::Null);
    line.write("sys/mape-wan/flags", "0x1002\n");
    assert_eq!(line.status().1["state"], "down");
    fs::remove_dir_all(line.0.join("sys/mape-wan")).unwrap();
    let (code, status) = line.status();
    assert_eq!(
        (code, &status["state"], &status["mtu"]),
        (ExitStatus::Failed, &"down".into(), &Value::Null)
    );
    assert_eq!(status["traffic"]["rx_bytes"], Value::Null);
}

/// Plays netifd: greets, knows its object, and answers with the dump; or says nothing to the call.
fn netifd(line: &Line, dump: Option<Value>) -> JoinHandle<()> {
    let listener = UnixListener::bind(line.0.join("ubus.sock")).unwrap();
    let send = |mut stream: &UnixStream, kind, sequence, attributes: &[(AttributeId, &[u8])]| {
        let mut body = Writer::default();
        for (id, payload) in attributes {
            body.put(*id as u8, payload);
        }
        let bytes = Message::new(kind, sequence, 7, body).unwrap().to_bytes();
        stream.write_all(&bytes).unwrap();
    };
    let take = |mut stream: &UnixStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        let rest = u32::from_be_bytes(head[8..].try_into().unwrap()) - 4;
        let mut body = vec![0; rest as usize];
        stream.read_exact(&mut body).unwrap();
        body
    };
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        send(&stream, Kind::Hello, 0, &[]);
        let asked = take(&stream);
        assert!(asked.windows(17).any(|window| window == b"network.interface"));
        let Some(dump) = dump else { return };
        let (id, done) = (7_u32.to_be_bytes(), 0_u32.to_be_bytes());
        let object = (AttributeId::ObjectPath, &b"network.interface\0"[..]);
        send(&stream, Kind::Data, 1, &[object, (AttributeId::ObjectId, &id)]);
        send(&stream, Kind::Status, 1, &[(AttributeId::Status, &done)]);
        let asked = take(&stream);
        assert!(asked.windows(5).any(|window| window == b"dump\0"));
        let data = blobmsg::encode(dump.as_object().unwrap()).unwrap();
        send(&stream, Kind::Data, 2, &[(AttributeId::Data, &data)]);
        send(&stream, Kind::Status, 2, &[(AttributeId::Status, &done)]);
    })
}

#[test]
fn netifd_over_ubus() {
    let line = Line::new("ubus");
    let (_, recorded) = line.status();
    let dump = fs::read_to_string(line.0.join("recorded/netifd.json")).unwrap();
    line.remove("recorded/netifd.json");
    let played = netifd(&line, Some(serde_json::from_str(&dump).unwrap()));
    assert_eq!(line.status(), (ExitStatus::Fine, recorded));
    played.join().unwrap();
    // It hangs up: the device still tells whether the interface is up, and the rest is unknown.
    line.remove("ubus.sock");
    let played = netifd(&line, None);
    let (status, interface) = line.status();
    played.join().unwrap();
    assert_eq!((status, &interface["state"]), (ExitStatus::Fine, &"up".into()));
    assert_eq!(
        (&interface["uptime"], &interface["line"]["rule_source"]),
        (&Value::Null, &Value::Null)
    );
    assert!(interface["unknown"].to_string().contains("MAPE_UBUS"), "{interface}");
}

#[test]
fn peaks_are_honest() {
    let line = Line::new("peaks");
    let peak = || line.status().1["ports"]["peak"].clone();
    let first = peak();
    assert_eq!(first["recorded_for"], 0);
    let later = |seconds: &str| line.write("proc/uptime", &format!("{seconds}.50 1.00\n"));
    later("17999");
    assert!(peak()["recorded_for"].as_u64().unwrap() > 100);
    assert_eq!(peak()["tcp"], first["tcp"]);
    // Less is in use now.
    line.write("recorded/conntrack", "");
    assert_eq!(
        (&peak()["tcp"], &line.status().1["ports"]["used"]["tcp"]),
        (&first["tcp"], &0.into())
    );
    // Half a file, a file from before the start, or one of another line is none.
    let file = "state/wan.peak";
    let whole = fs::read_to_string(line.0.join(file)).unwrap();
    for bad in
        [&whole[..whole.len() / 2], "", &whole.replace("106.72", "106.73"), &"x".repeat(9999)]
    {
        line.write(file, bad);
        assert_eq!((&peak()["tcp"], &peak()["recorded_for"]), (&0.into(), &0.into()), "{bad}");
    }
    line.write(file, &whole);
    later("3");
    assert_eq!((&peak()["tcp"], &peak()["recorded_for"]), (&0.into(), &0.into()));
    // Without the uptime, the start of the recording is unknown.
    line.remove("proc/uptime");
    assert_eq!(peak(), Value::Null);
}

#[test]
fn wrong_arguments() {
    let line = Line::new("usage");
    let empty = Line::new("empty");
    let _ = fs::remove_dir_all(&empty.0);
    for (words, status, code) in [
        ("status lan", ExitStatus::Failed, "MAPE_NO_INTERFACE"),
        ("ports lan", ExitStatus::Failed, "MAPE_NO_INTERFACE"),
        ("status wan wan", ExitStatus::Usage, "MAPE_OPTION_INVALID"),
        ("status a/b", ExitStatus::Usage, "MAPE_OPTION_INVALID"),
        ("status --all", ExitStatus::Usage, "MAPE_OPTION_INVALID"),
        ("ports --free --used", ExitStatus::Usage, "MAPE_OPTION_INVALID"),
        ("ports --ranges --used", ExitStatus::Usage, "MAPE_OPTION_INVALID"),
    ] {
        let called = line.call(words);
        assert_eq!((called.status, called.out.as_str()), (status, ""), "{words}");
        assert!(called.err.contains(code), "{}", called.err);
        let called = line.call(&format!("{words} --json"));
        assert_valid(&schema("error"), &called.json());
    }
    let called = empty.call("status --json");
    assert_eq!(
        (called.status, &called.json()["interfaces"]),
        (ExitStatus::Failed, &serde_json::json!([]))
    );
    assert_valid(&schema("status"), &called.json());
    assert!(empty.call("status").out.contains("there is no MAP-E interface\n  next step"));
    assert_eq!(empty.call("ports").status, ExitStatus::Failed);
    for words in ["status --help", "ports --help"] {
        assert_eq!(line.call(words).status, ExitStatus::Fine);
    }
}
