//! The answer of the national standard (HB46PP 1.1 section 3.4).

use mape_core::IntoVec as _;
use serde_json::Value;

use super::error::AnswerError;
use super::method::Method;
use super::types::{Answer, Auth, Shape};
use crate::json::{Object, Read, label, number, text};
use crate::request::{Capability, Token};

mod methods;

/// The standard's longest lifetime, in seconds: seven days.
const MAX_TTL: u32 = 604_800;
/// The shortest wait in the standard, in seconds. It bounds the rate of requests.
const MIN_TTL: u32 = 60;

/// Reads the answer. Only `order` is required; other values that cannot be read count as absent.
pub(super) fn parse(root: &Value) -> Read<Answer> {
    let answer = Object::of(root, "")?;
    let mut methods: Vec<Method> = Vec::new();
    for name in answer.list("order")? {
        // An unknown method, or one that occurs twice.
        let Some(capability) = text(name).and_then(Capability::method) else { continue };
        if methods.iter().any(|known| known.capability() == capability) {
            continue;
        }
        let section = answer.get(capability.name());
        let missing = AnswerError::Missing { path: "", key: capability.name() };
        let method = match section {
            Some(section) => methods::parse(capability, section),
            None => Err(missing.into()),
        };
        methods.push(method.unwrap_or_else(|error| Method::Broken(capability, *error)));
    }
    let labels = ["enabler_name", "service_name", "isp_name"];
    Ok(Answer {
        shape: Shape::Hb46pp,
        labels: labels.into_iter().filter_map(|key| label(answer.get(key))).into_vec(),
        ttl: answer.get("ttl").and_then(ttl),
        token: answer.get("token").and_then(text).and_then(Token::parse),
        id: None,
        auth: answer.get("auth").and_then(text).and_then(auth),
        methods,
    })
}

/// Reads a lifetime in seconds, clamped to the limits. A value that is not a number counts as
/// absent.
fn ttl(value: &Value) -> Option<u32> {
    // A number that exceeds its type exceeds the standard's limit as well.
    let large = value.as_u64().is_some_and(|it| it > u64::from(u32::MAX));
    let seconds = if large { MAX_TTL } else { number(value, u32::MAX)? };
    Some(seconds.clamp(MIN_TTL, MAX_TTL))
}

fn auth(text: &str) -> Option<Auth> {
    match text {
        "req" => Some(Auth::Required),
        "bad" => Some(Auth::Bad),
        "ok" => Some(Auth::Good),
        _ => None,
    }
}
