use super::*;

/// Output of a run in which each ruleset costs the same, except the control.
fn output() -> String {
    let all: Vec<&Candidate> = candidates(BARE).collect();
    let each = |value: &dyn Fn(&Candidate) -> String| {
        all.iter().map(|candidate| value(candidate)).collect::<Vec<_>>().join(",")
    };
    let rates = each(&|candidate| {
        if candidate.word == "control" { "[500,500,500]" } else { "[1000,1001,1000]" }.to_owned()
    });
    let ports = each(&|candidate| {
        let port = match candidate.ports {
            Kept => "40000",
            Internal => "16400",
            External => "5700",
        };
        port.to_owned()
    });
    let lost = each(&|_| "0".to_owned());
    let mut text = String::new();
    for (kind, _) in KINDS {
        let _ = writeln!(
            text,
            "{{\"test\":\"rate\",\"kind\":\"{kind}\",\"rates\":[{rates}],\"lost\":[{lost}],\
             \"outside_ports\":[{ports}]}}"
        );
    }
    for candidate in all {
        let _ = writeln!(text, "offloaded {} 0", candidate.word);
    }
    text
}

#[test]
fn a_run_becomes_a_table() {
    let run = Run::read(BARE, &output()).unwrap();
    let text = run.table(&BARE[0]);
    assert!(text.contains("| the same once more | 1.000 | 1.000 |"), "{text}");
    assert!(text.contains("| the same and 500 idle rules | 0.500 |"), "{text}");
    assert!(text.contains("| masquerade in a table ip | 1000000 |"), "{text}");
    assert!(
        text.ends_with("| this run | valid | valid | valid | valid | valid | valid |"),
        "{text}"
    );
    assert!(text.contains("| 0.10 % |"), "{text}");
    let figures = run.figures(&BARE[0]);
    assert_eq!(figures["in"]["ratios"]["control"], json!(0.5));
}

/// Each way in which a run can have seen something else than it claims.
#[test]
fn a_run_that_saw_something_else_is_void() {
    let control = "[500,500,500]";
    for (from, to, reason) in [
        ("[1000,1001,1000],[500", "[980,981,980],[500", "two equal rulesets"),
        (control, "[960,960,960]", "500 rules more"),
        (control, "[500,510,500]", "the rounds of control differ"),
        // Only relative to masquerade.
        ("[[1000,1001,1000]", "[[1000,1021,1000]", " differ by 0.0"),
        ("\"lost\":[0,0", "\"lost\":[0,7", "again lost 7"),
        // Ours without the second stage.
        ("5700", "16384", "own-netdev sent from port 16384"),
        ("40000", "5700", "masquerade sent from port 5700"),
        ("offloaded own-plain 0", "offloaded own-plain 6", "own-plain has offloaded 6 flows"),
    ] {
        let text = output().replace(from, to);
        assert_ne!(text, output(), "{from}");
        let run = Run::read(BARE, &text).unwrap();
        for measured in &run.kinds {
            let void = run.void(measured, &BARE[0]);
            assert!(void.iter().any(|void| void.contains(reason)), "{reason}: {void:?}");
        }
        assert!(run.table(&BARE[0]).contains("| this run | VOID"), "{reason}");
    }
    assert!(Run::read(BARE, &output().replace("\"kind\":\"udp\"", "\"kind\":\"x\"")).is_err());
    assert!(Run::read(TUNNEL, &output()).is_err());
}
