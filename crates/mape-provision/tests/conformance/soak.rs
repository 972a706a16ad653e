//! Long times: a server that is dead for a week, and any sequence of events.

use mape_provision::{Effect, Event, HttpFailure, HttpReply, Machine, Next, TxtReply};
use proptest::prelude::*;
use serde_json::json;

use super::script;

const WEEK: u64 = 604_800;

fn machine(case: &serde_json::Value) -> Machine {
    let prefix = "240b:10:3261:6400::/56".parse().unwrap();
    Machine::new(script::mode(case), vec![prefix], None, None).unwrap()
}

fn found() -> Event {
    Event::Txt(TxtReply::Records(vec![vec![b"v=v6mig-1 url=https://a.example/ t=b".to_vec()]]))
}

fn good() -> Event {
    let body = script::many_rules(1, false).to_string().into_bytes();
    Event::Http(HttpReply::Answer { status: 200, location: None, body })
}

/// A cheap generator: the windows want numbers that differ, not good ones.
fn random(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state
}

#[test]
fn a_server_that_is_dead_for_a_week_changes_nothing() {
    for dead in [HttpFailure::NoAnswer, HttpFailure::Certificate, HttpFailure::ShowsPassword] {
        let mut machine = machine(&json!({}));
        machine.step(0, 0, Event::Wake);
        machine.step(0, 0, found());
        assert_eq!(machine.step(0, 0, good()).effect, Some(Effect::Apply));
        let (answer, cached) = (machine.answer().cloned(), machine.cached());
        let (mut now, mut state, mut tries) = (86_400, 1, 0);
        while now < 86_400 + WEEK {
            assert_eq!(machine.step(now, 0, Event::Wake).next, Next::QueryTxt("4over6.info"));
            assert!(matches!(machine.step(now, 0, found()).next, Next::Get(_)));
            let step = machine.step(now, random(&mut state), Event::Http(HttpReply::Failed(dead)));
            assert!(matches!(step.effect, Some(Effect::Keep(_))));
            let Next::Sleep(until) = step.next else { panic!("{:?}", step.next) };
            assert!((600..=1800).contains(&(until - now)));
            // A call that comes too early sends no request.
            assert_eq!(machine.step(until - 1, 0, Event::Wake).next, Next::Sleep(until));
            (now, tries) = (until, tries + 1);
        }
        assert!((WEEK / 1800..=WEEK / 600).contains(&tries), "{tries} tries");
        assert_eq!((machine.answer().cloned(), machine.cached()), (answer, cached.clone()));
        machine.step(now, 0, Event::Wake);
        machine.step(now, 0, found());
        assert_eq!(machine.step(now, 0, good()).effect, Some(Effect::Unchanged));
        assert_eq!(machine.cached(), cached, "flash would be written for nothing");
    }
}

/// OCN's rule server is asked after 1, 2, 4 and then 8 minutes.
#[test]
fn a_rule_server_that_is_dead_for_a_week_changes_nothing() {
    let mut machine = machine(&json!({ "url": "https://rules.example/" }));
    machine.step(0, 0, Event::Wake);
    let body = std::fs::read(super::data("answers/ocn.json")).unwrap();
    machine.step(0, 0, Event::Http(HttpReply::Answer { status: 200, location: None, body }));
    let answer = machine.answer().cloned();
    let (mut now, mut waits) = (machine.pause().until, Vec::new());
    let end = now + WEEK;
    while now < end {
        assert!(matches!(machine.step(now, 0, Event::Wake).next, Next::Get(_)));
        let failed = Event::Http(HttpReply::Failed(HttpFailure::NoAnswer));
        let Next::Sleep(until) = machine.step(now, 0, failed).next else { panic!() };
        waits.push((until - now) / 60);
        now = until;
    }
    assert_eq!(waits[..5], [1, 2, 4, 8, 8]);
    assert!(waits[5..].iter().all(|wait| *wait == 8) && answer.is_some());
    assert_eq!(machine.answer(), answer.as_ref());
}

fn event(kind: u8, status: u16) -> Event {
    let http = |location: Option<&str>, body: &[u8]| {
        let location = location.map(str::to_owned);
        Event::Http(HttpReply::Answer { status, location, body: body.to_vec() })
    };
    match kind {
        0 => Event::Wake,
        1 => found(),
        2 => good(),
        3 => Event::Txt(TxtReply::NxDomain),
        4 => Event::Txt(TxtReply::Timeout),
        5 => Event::Http(HttpReply::Failed(HttpFailure::NoAnswer)),
        6 => http(Some("https://b.example/"), b""),
        7 => http(None, b"{\"order\":[]}"),
        8 => http(None, b"<html>"),
        9 => Event::Prefixes(Vec::new()),
        10 => Event::Prefixes(vec!["240b:10:3261:6400::/56".parse().unwrap()]),
        _ => Event::Prefixes(vec!["2400:4050:80ba:2200::/56".parse().unwrap()]),
    }
}

proptest! {
    /// Whatever happens in whatever order: a question is open or a wait of at most a week, a
    /// failure takes nothing away, and no more than six requests follow one question.
    #[test]
    fn any_sequence_ends_in_a_question_or_a_wait(
        events in prop::collection::vec((0_u8..12, 100_u16..600, any::<u32>()), 1..60),
        by_url: bool,
    ) {
        let case = if by_url { json!({ "url": "https://a.example/" }) } else { json!({}) };
        let mut machine = machine(&case);
        let (mut now, mut asked) = (0, 0);
        for (kind, status, random) in events {
            let before = machine.answer().cloned();
            let step = machine.step(now, random, event(kind, status));
            match step.effect {
                Some(Effect::Keep(_)) | None => prop_assert_eq!(machine.answer(), before.as_ref()),
                Some(Effect::Withdraw(_)) => prop_assert!(machine.answer().is_none()),
                Some(Effect::Apply | Effect::Unchanged) => prop_assert!(machine.answer().is_some()),
            }
            match step.next {
                Next::Sleep(u64::MAX) => asked = 0,
                Next::Sleep(until) => {
                    prop_assert!(until > now && until - now <= WEEK);
                    (now, asked) = (until, 0);
                }
                Next::Get(_) => asked += 1,
                Next::QueryTxt(_) | Next::Wait => {}
            }
            if kind >= 9 {
                asked = asked.min(1);
            }
            prop_assert!(asked <= 6, "{asked} requests");
        }
    }
}
