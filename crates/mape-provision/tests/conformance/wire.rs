//! Requests to the byte.

use mape_provision::{Event, Machine, Next, TxtReply};

use super::{json, script};

#[test]
fn requests_go_out_as_the_standard_writes_them() {
    let cases = json("requests.json");
    let cases = cases.as_array().unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let prefix = "240b:10:3261:6400::/56".parse().unwrap();
        let mut machine = Machine::new(script::mode(case), vec![prefix], None, None).unwrap();
        let mut next = machine.step(0, 0, Event::Wake).next;
        if let Some(txt) = case["txt"].as_str() {
            assert_eq!(next, Next::QueryTxt("4over6.info"), "{name}");
            let reply = TxtReply::Records(vec![vec![txt.as_bytes().to_vec()]]);
            next = machine.step(0, 0, Event::Txt(reply)).next;
        }
        let Next::Get(request) = next else { panic!("{name}: {next:?}") };
        let lines: Vec<&str> =
            case["bytes"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let expected = lines.join("\r\n") + "\r\n\r\n";
        assert_eq!(String::from_utf8(request.bytes()).unwrap(), expected, "{name}");
    }
}
