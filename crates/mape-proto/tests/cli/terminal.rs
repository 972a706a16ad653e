//! Colour and width: what a terminal of 80 columns gets, and that no other reader gets it.

use super::recorded::Line;
use super::*;

const TERMINAL: Terminals = Terminals { out: Some(80), err: Some(80), no_color: false };

fn on(terminals: Terminals, words: &[String]) -> Called {
    call_on(terminals, words.iter().map(Into::into).collect())
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

/// Files with what a terminal shows; `MAPE_BLESS=1` writes them.
#[test]
fn of_80_columns() {
    let (up, down) = (Line::new("terminal-up"), Line::new("terminal-down"));
    down.netifd(|interface| {
        interface["up"] = false.into();
        interface["pending"] = true.into();
        interface["errors"] = serde_json::json!([{"subsystem": "mape", "code": "MAPE_UBUS", "data": [
            "netifd refuses the message, which has more words than fit into a line of a terminal",
            "wait a moment; if it stays, see `logread`, and restart the network once"
        ]}]);
    });
    let words = |call: &str| call.split(' ').map(str::to_owned).collect();
    for (name, words) in [
        ("status", up.arguments("status wan")),
        ("problem", down.arguments("status wan")),
        ("error", words("plan 2001:db8:1:100::/56")),
        ("plan", words("plan 240b:10:3261:6400::/56")),
    ] {
        let shown = on(TERMINAL, &words);
        let text = shown.out + &shown.err;
        golden(&format!("terminal/{name}.txt"), &text);
        // A plan has nothing to colour.
        assert_eq!(text.contains('\x1b'), name != "plan", "{name}");
        let plain = without_colours(&text);
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{name}: {text}");
        // The words are those that every reader gets, and nothing more.
        let piped = on(Terminals::default(), &words);
        let piped = piped.out + &piped.err;
        assert!(!piped.contains('\x1b'), "{name}");
        assert!(plain.split_whitespace().eq(piped.split_whitespace()), "{name}");
    }
}

#[test]
fn colour_where_it_is_wanted() {
    let line = Line::new("terminal-colour");
    let quiet = Terminals { no_color: true, ..TERMINAL };
    for (terminals, words, colored) in [
        (TERMINAL, "status wan", true),
        (quiet, "status wan", false),
        (quiet, "status wan --color=always", true),
        (TERMINAL, "status --color never wan", false),
        (Terminals::default(), "--color always status wan", true),
        (TERMINAL, "ports --used --color=always", false),
        (TERMINAL, "status --json --color=always", false),
    ] {
        let called = on(terminals, &line.arguments(words));
        assert_eq!(called.out.contains('\x1b'), colored, "{words}: {}", called.out);
        assert_eq!(called.status, ExitStatus::Fine, "{words}: {}", called.err);
    }
    let wrong = call(&["status", "--color=yes"]);
    assert_eq!(wrong.status, ExitStatus::Usage);
    assert!(wrong.err.contains("--color cannot be \"yes\""), "{}", wrong.err);
}
