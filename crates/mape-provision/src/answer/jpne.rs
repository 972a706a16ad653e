//! The answer of JPNE's rule server: `name({…})` with a list `fmr`. The format comes from public
//! router code.

use mape_core::Layout;
use serde_json::Value;

use super::method::{MapE, Method};
use super::rules;
use super::types::{Answer, Shape};
use crate::json::{Object, Read, address6, text};

/// Longest name of a callback, in bytes.
const MAX_CALLBACK: usize = 64;

/// Returns the JSON in `name(JSON)` or `?(JSON);`, and any other text as it is.
pub(super) fn unwrapped(body: &[u8]) -> &[u8] {
    let trimmed = body.trim_ascii();
    let trimmed = trimmed.strip_suffix(b";").unwrap_or(trimmed).trim_ascii_end();
    let Some(open) = trimmed.iter().position(|byte| *byte == b'(') else {
        return body;
    };
    let (name, rest) = trimmed.split_at(open);
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$?".contains(byte);
    let inner = rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
    match inner {
        Some(inner) if name.len() <= MAX_CALLBACK && name.iter().all(in_name) => inner,
        _ => body,
    }
}

pub(super) fn parse(root: &Value) -> Read<Answer> {
    let answer = Object::of(root, "")?;
    let br = answer.required("dmr", address6)?;
    let (rules, broken) = rules::list(answer.list("fmr")?, br, Layout::Draft03)?;
    let id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(Answer {
        shape: Shape::Jpne,
        labels: Vec::new(),
        ttl: None,
        token: None,
        id: answer.get("id").and_then(text).filter(|text| id(text)).map(str::to_owned),
        auth: None,
        methods: vec![Method::MapE(MapE { rules, mesh: false, broken })],
    })
}
