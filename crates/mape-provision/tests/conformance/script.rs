//! Plays one script.

use mape_core::Explain;
use mape_provision::{
    Cached, Capability, Credentials, Effect, Event, HttpFailure, HttpReply, Identity, Machine,
    Method, Mode, Next, Pause, TxtReply, UserUrl,
};
use serde_json::{Value, json};

/// The standard's longest lifetime, which no wait exceeds.
const WEEK: u64 = 604_800;

pub(crate) fn mode(case: &Value) -> Mode {
    if let Some(url) = case["url"].as_str() {
        return Mode::Url(UserUrl::new(url).unwrap());
    }
    if case["off"] == true {
        return Mode::Off;
    }
    let words = case["capability"].as_str().unwrap_or("map_e,hubspoke");
    let all = Capability::ALL;
    let capabilities: Vec<Capability> = words
        .split(',')
        .map(|word| *all.iter().find(|known| known.name() == word).unwrap())
        .collect();
    let identity =
        Identity::new("acde48-v6pc_swg_hgw", "V6MIG-ROUTER", "1_32", &capabilities).unwrap();
    let credentials = case["credentials"].as_array().map(|given| {
        let text = |index: usize| given[index].as_str().unwrap();
        Credentials::new(text(0), text(1), text(2)).unwrap()
    });
    Mode::Hb46pp { identity, credentials }
}

fn prefixes(value: &Value) -> Vec<mape_core::ReceivedPrefix> {
    value.as_array().unwrap().iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect()
}

pub(crate) fn play(case: &Value, name: &str) {
    let line = case.get("prefixes").cloned().unwrap_or(json!(["240b:10:3261:6400::/56"]));
    let key = mode(case).key();
    let kept = |key_name: &str| {
        let mut value = case.get(key_name)?.clone();
        if value["source"] == "this" {
            value["source"] = key.clone().into();
        }
        Some(value.to_string())
    };
    let cached = kept("cached").map(|text| Cached::parse(&text).expect(name));
    let pause = kept("pause").map(|text| Pause::parse(&text).expect(name));
    let Some(mut machine) = Machine::new(mode(case), prefixes(&line), cached, pause) else {
        assert_eq!(case["off"], true, "{name}: there is no machine");
        return;
    };
    assert_ne!(case["off"], true, "{name}: there is a machine");
    let mut now = case["at"].as_u64().unwrap_or(0);
    for (number, step) in (1..).zip(case["steps"].as_array().unwrap()) {
        let place = format!("{name}, step {number}");
        now = step["at"].as_u64().unwrap_or(now);
        if let Some(window) = step.get("window") {
            in_window(&machine, now, step, window, &place);
        }
        let before = machine.cached();
        let took = machine.step(now, 0, event(step));
        if matches!(took.effect, Some(Effect::Keep(_))) {
            assert_eq!(machine.cached(), before, "{place}: a failure writes nothing");
        }
        assert_eq!(effect(took.effect.as_ref()), step["effect"], "{place}: effect");
        match &took.next {
            Next::QueryTxt(name) => assert_eq!(step["next"], format!("txt {name}"), "{place}"),
            Next::Get(request) => {
                assert_eq!(step["next"], format!("get {}", request.url()), "{place}");
                if let Some(verify) = step.get("verify") {
                    assert_eq!(verify, request.verify(), "{place}: verify");
                }
            }
            Next::Sleep(u64::MAX) => assert_eq!(step["next"], "sleep", "{place}"),
            Next::Sleep(until) => {
                assert!(*until - now <= WEEK, "{place}: sleeps for {}", until - now);
                assert_eq!(machine.pause().until, *until, "{place}");
                if step.get("window").is_none() {
                    assert_eq!(step["next"], format!("sleep {}", until - now), "{place}");
                }
                now = *until;
            }
            Next::Wait => assert_eq!(step["next"], "wait", "{place}"),
        }
        if let Some(rules) = step.get("rules") {
            assert_eq!(*rules, rules_of(&machine), "{place}: rules");
        }
        if let Some(says) = step["says"].as_str() {
            let said = sentence(took.effect.as_ref());
            assert!(said.contains(says), "{place}: {said}");
        }
        survives_a_restart(&machine, case, &place);
    }
}

/// Both ends of the window are reached, and nothing beyond.
fn in_window(machine: &Machine, now: u64, step: &Value, window: &Value, place: &str) {
    let wait = |random: u32| match machine.clone().step(now, random, event(step)).next {
        Next::Sleep(until) => until - now,
        other => panic!("{place}: {other:?}"),
    };
    let (first, last) = (window[0].as_u64().unwrap(), window[1].as_u64().unwrap());
    assert_eq!((wait(0), wait(u32::MAX)), (first, last), "{place}: window");
    for random in [1, 1 << 16, 1 << 30, 1 << 31, u32::MAX - 1] {
        assert!((first..=last).contains(&wait(random)), "{place}: {random}");
    }
}

/// A process that ends and another that starts from what was kept go on where the first was.
fn survives_a_restart(machine: &Machine, case: &Value, place: &str) {
    let (cached, pause) = (machine.cached(), machine.pause());
    let read = Cached::parse(&cached.to_json()).expect(place);
    assert_eq!(read, cached, "{place}: cache");
    assert_eq!(Pause::parse(&pause.to_json()).as_ref(), Some(&pause), "{place}: pause");
    let again = Machine::new(mode(case), cached.prefixes.clone(), Some(read), Some(pause));
    let again = again.expect(place);
    assert_eq!(again.cached(), cached, "{place}: restarted");
}

fn event(step: &Value) -> Event {
    if let Some(txt) = step.get("txt") {
        return Event::Txt(match txt {
            Value::Array(records) => TxtReply::Records(records.iter().map(record).collect()),
            text => match text.as_str().unwrap() {
                "nodata" => TxtReply::NoData,
                "nxdomain" => TxtReply::NxDomain,
                "servfail" => TxtReply::Failed,
                "timeout" => TxtReply::Timeout,
                text => TxtReply::Records(vec![vec![text.as_bytes().to_vec()]]),
            },
        });
    }
    if let Some(status) = step.get("http") {
        return Event::Http(match status.as_str() {
            Some("timeout") => HttpReply::Failed(HttpFailure::NoAnswer),
            Some("certificate") => HttpReply::Failed(HttpFailure::Certificate),
            _ => HttpReply::Answer {
                status: u16::try_from(status.as_u64().unwrap()).unwrap(),
                location: step["location"].as_str().map(str::to_owned),
                body: body(step),
            },
        });
    }
    step.get("prefixes").map_or(Event::Wake, |line| Event::Prefixes(prefixes(line)))
}

/// A record, or its fragments.
fn record(value: &Value) -> Vec<Vec<u8>> {
    let bytes = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    value.as_array().map_or_else(|| vec![bytes(value)], |parts| parts.iter().map(bytes).collect())
}

/// The body that a step names: JSON as it stands, text, a file, a number of rules, or a size.
pub(crate) fn body(step: &Value) -> Vec<u8> {
    if let Some(value) = step.get("json") {
        return value.to_string().into_bytes();
    }
    if let Some(text) = step["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(file) = step["file"].as_str() {
        return std::fs::read(super::data(&format!("answers/{file}"))).unwrap();
    }
    if let Some(count) = step["rules_sent"].as_u64() {
        return many_rules(count, step["mesh"] == true).to_string().into_bytes();
    }
    if let Some(size) = step["size"].as_u64() {
        let mut body = br#"{"order":[]}"#.to_vec();
        body.resize(usize::try_from(size).unwrap(), b' ');
        return body;
    }
    if let Some(depth) = step["depth"].as_u64() {
        let depth = usize::try_from(depth).unwrap();
        let (open, shut) = ("[".repeat(depth), "]".repeat(depth));
        return format!(r#"{{"order":[],"x":{open}{shut}}}"#).into_bytes();
    }
    Vec::new()
}

/// So many rules, of which the last is for the line.
pub(crate) fn many_rules(count: u64, mesh: bool) -> Value {
    let mut rules: Vec<Value> = (1..count)
        .map(|number| {
            let (high, low) = (number / 256, number % 256);
            json!({
                "ipv6": format!("2001:db8:{number:x}::/48"),
                "ipv4": format!("10.{high}.{low}.0/24"),
                "ea_length": 8,
                "psid_offset": 4,
            })
        })
        .collect();
    rules.push(json!({
        "ipv6": "240b:10::/32", "ipv4": "106.72.0.0/16", "ea_length": 24, "psid_offset": 4,
    }));
    let map_e = json!({ "br": "2001:db8:ffff::1", "mesh": mesh, "rules": rules });
    json!({ "order": ["map_e"], "ttl": 86400, "map_e": map_e })
}

fn effect(effect: Option<&Effect>) -> Value {
    match effect {
        None => Value::Null,
        Some(Effect::Apply) => "apply".into(),
        Some(Effect::Unchanged) => "unchanged".into(),
        Some(Effect::Withdraw(why)) => format!("withdraw {}", why.code()).into(),
        Some(Effect::Keep(why)) => format!("keep {}", why.code()).into(),
    }
}

/// Sentence and hint of an effect that has them.
fn sentence(effect: Option<&Effect>) -> String {
    let explained = |error: &dyn Explain| {
        let (sentence, hint) = (error.to_string(), error.explain().into_parts().hint);
        assert!(!sentence.is_empty() && !hint.is_empty() && !sentence.ends_with('.'));
        format!("{sentence} -> {hint} {:?}", error.explain().into_parts().params)
    };
    match effect {
        Some(Effect::Withdraw(why)) => explained(why),
        Some(Effect::Keep(why)) => explained(why),
        Some(Effect::Apply | Effect::Unchanged) | None => String::new(),
    }
}

/// What is in force: the rules as text, or the other method's name.
fn rules_of(machine: &Machine) -> Value {
    let Some(answer) = machine.answer() else { return Value::Null };
    match answer.methods.first().unwrap() {
        Method::MapE(map_e) if map_e.rules.len() > 3 => map_e.rules.len().into(),
        Method::MapE(map_e) => {
            map_e.rules.iter().map(|rule| Value::from(rule.to_string())).collect()
        }
        other => other.capability().name().into(),
    }
}
