//! What must hold for any text of the network's. Used by the fuzz targets and, with the seeds and
//! the crashers ever found, by an ordinary test of `mape-provision`.

#[path = "checks.rs"]
mod checks;

use checks::{explains_itself, line_of, plan_or_explain};
use mape_core::{Request, Rule};
use mape_provision::{
    Answer, Cached, Capability, Discovered, Effect, Event, HttpReply, HttpRequest, Identity,
    LineFacts, LineType, Machine, Method, Mode, Next, Provisioned, Scheme, Shape, TxtReply, Url,
    UserUrl, detect,
};

const PREFIX: &str = "240b:10:3261:6400::/56";

fn identity() -> Identity {
    Identity::new("acde48", "x", "1", &Capability::ALL).expect("an identity")
}

fn machine(mode: Mode) -> Machine {
    Machine::new(mode, vec![PREFIX.parse().expect("a prefix")], None, None).expect("not off")
}

fn hb46pp_mode() -> Mode {
    Mode::Hb46pp { identity: identity(), credentials: None }
}

/// One line of HTTP cannot become two, and the request goes where the URL says.
fn is_one_request(request: &HttpRequest) {
    let bytes = String::from_utf8(request.bytes()).expect("ASCII");
    let lines: Vec<&str> = bytes.split("\r\n").collect();
    assert_eq!(lines.len(), 7, "{bytes:?}");
    assert_eq!(lines[0].split(' ').count(), 3, "{bytes:?}");
    assert!(bytes.is_ascii() && !bytes.replace("\r\n", "").chars().any(char::is_control));
    assert_eq!(lines[1], format!("Host: {}", request.url().authority()));
    assert!(!request.verify() || request.url().scheme() == Scheme::Https);
    is_a_url(request.url());
}

fn is_a_url(url: &Url) {
    assert_eq!(Url::parse(&url.to_string()).as_ref(), Some(url));
    assert!(!url.host().is_empty() && url.host().parse::<std::net::Ipv4Addr>().is_err());
    assert!(url.target().starts_with('/') && !format!("{url:?}").contains('?'));
}

pub fn txt(text: &str) -> Option<Discovered> {
    let mut machine = machine(hb46pp_mode());
    machine.step(0, 0, Event::Wake);
    let records = vec![vec![text.as_bytes().to_vec()]];
    let step = machine.step(0, 0, Event::Txt(TxtReply::Records(records)));
    match (Discovered::parse(text), step.next) {
        (Some(found), Next::Get(request)) => {
            is_a_url(&found.url);
            is_one_request(&request);
            assert_eq!(found.url.host(), request.url().host());
            assert_eq!(found.verify, request.verify());
            Some(found)
        }
        (None, Next::Sleep(wait)) => {
            assert!((3600..=10800).contains(&wait));
            let Some(Effect::Withdraw(why)) = step.effect else { panic!("{:?}", step.effect) };
            explains_itself(&why);
            None
        }
        (found, next) => panic!("{found:?} {next:?}"),
    }
}

/// Every rule can be used, written down and read again; the machine agrees with the parser.
fn is_sound(answer: &Answer, machine: &Machine) {
    assert!(answer.ttl.is_none_or(|ttl| (60..=604_800).contains(&ttl)));
    assert!(answer.labels.len() <= 3 && answer.labels.iter().all(|label| label.len() <= 254));
    for method in &answer.methods {
        match method {
            Method::MapE(map_e) => {
                assert!(!map_e.rules.is_empty());
                for rule in map_e.rules.iter().take(4) {
                    let line = line_of(rule, 0x1234_5678).expect("a rule describes at most a /64");
                    plan_or_explain(&Request {
                        explicit: map_e.rules.clone(),
                        ..Request::new(line)
                    });
                }
                map_e.broken.iter().for_each(|broken| explains_itself(&broken.error));
            }
            Method::Broken(_, error) => explains_itself(error),
            _ => {}
        }
    }
    let cached = machine.cached();
    assert_eq!(Cached::parse(&cached.to_json()).as_ref(), Some(&cached));
    for prefix in [PREFIX, "2409:10:1:100::/56"] {
        let facts = LineFacts {
            prefixes: vec![prefix.parse().expect("a prefix")],
            provisioned: Provisioned::Answer(Box::new(answer.clone())),
            ..LineFacts::default()
        };
        let verdict = detect(&facts);
        assert!(prefix == PREFIX || verdict.line != LineType::MapE);
        assert!(verdict.to_json().ends_with("}\n"));
    }
}

/// What the machine makes of a body.
fn answered(mut machine: Machine, body: &str) -> (Machine, Option<Effect>) {
    if machine.step(0, 0, Event::Wake).next == Next::QueryTxt("4over6.info") {
        let record = b"v=v6mig-1 url=https://a.example/ t=b".to_vec();
        machine.step(0, 0, Event::Txt(TxtReply::Records(vec![vec![record]])));
    }
    let body = body.as_bytes().to_vec();
    let step =
        machine.step(0, 0, Event::Http(HttpReply::Answer { status: 200, location: None, body }));
    let Next::Sleep(wait) = step.next else { panic!("{:?}", step.next) };
    assert!((60..=604_800).contains(&wait));
    match &step.effect {
        Some(Effect::Keep(why)) => explains_itself(why),
        Some(Effect::Withdraw(why)) => explains_itself(why),
        Some(Effect::Apply | Effect::Unchanged) | None => {}
    }
    (machine, step.effect)
}

pub fn hb46pp(text: &str) -> Option<Answer> {
    let (machine, effect) = answered(machine(hb46pp_mode()), text);
    match Answer::hb46pp(text.as_bytes()) {
        Ok(answer) => {
            is_sound(&answer, &machine);
            Some(answer)
        }
        Err(error) => {
            assert!(matches!(effect, Some(Effect::Keep(_))));
            explains_itself(&error);
            None
        }
    }
}

fn rules_at_a_url(text: &str, shape: Shape) -> Option<Vec<Rule>> {
    let url = UserUrl::new("https://rules.example/").expect("a URL");
    let (machine, _) = answered(machine(Mode::Url(url)), text);
    match Answer::any(text.as_bytes()) {
        Ok(answer) => {
            is_sound(&answer, &machine);
            let rules = answer.map_e().map(|map_e| map_e.rules.clone());
            rules.filter(|_| answer.shape == shape)
        }
        Err(error) => {
            explains_itself(&error);
            None
        }
    }
}

pub fn get_rules(text: &str) -> Option<Vec<Rule>> {
    rules_at_a_url(text, Shape::Jpne)
}

pub fn basic_map_rules(text: &str) -> Option<Vec<Rule>> {
    rules_at_a_url(text, Shape::Ocn)
}

/// The first line is a server's URL, the rest its `Location`.
pub fn redirect(text: &str) -> Option<Url> {
    let (server, location) = text.split_once('\n')?;
    let record = format!("v=v6mig-1 url={server} t=a").into_bytes();
    let mut machine = machine(hb46pp_mode());
    machine.step(0, 0, Event::Wake);
    let first = machine.step(0, 0, Event::Txt(TxtReply::Records(vec![vec![record]]))).next;
    let Next::Get(first) = first else { return None };
    let (location, body) = (Some(location.to_owned()), Vec::new());
    let reply = HttpReply::Answer { status: 307, location, body };
    let step = machine.step(0, 0, Event::Http(reply));
    match step.next {
        Next::Get(second) => {
            is_one_request(&second);
            let http = Scheme::Http;
            assert!(first.url().scheme() == http || second.url().scheme() != http);
            assert!(!second.verify());
            Some(second.url().clone())
        }
        Next::Sleep(wait) => {
            assert!((600..=1800).contains(&wait));
            let Some(Effect::Keep(why)) = step.effect else { panic!("{:?}", step.effect) };
            explains_itself(&why);
            None
        }
        next => panic!("{next:?}"),
    }
}
