//! What must hold for any bytes that claim to be ubus. Used by the fuzz target and, with its seeds
//! and the crashers ever found, by an ordinary test of `mape-ubus`.

use mape_ubus::{AttributeId, MAX_MESSAGE, Message, blobmsg};
use serde_json::{Map, Value};

/// Values and how deep they lie.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn table(bytes: &[u8]) -> Option<Map<String, Value>> {
    let fields = blobmsg::decode(bytes).ok()?;
    assert!(depth(&Value::Object(fields.clone())) <= blobmsg::MAX_DEPTH);
    // What was understood is said again in our own words, and understood as the same. Text that
    // was no UTF-8 grows, at most threefold.
    if bytes.len() < MAX_MESSAGE / 4 {
        let again = blobmsg::encode(&fields).expect("what fits once fits again");
        assert_eq!(blobmsg::decode(&again).as_ref(), Ok(&fields));
        assert_eq!(blobmsg::encode(&fields), Ok(again));
    }
    Some(fields)
}

/// Reads the bytes as a table and as messages; the table of the first message, else their own.
pub fn blobmsg(bytes: &[u8]) -> Option<Map<String, Value>> {
    let mut rest = bytes.to_vec();
    let mut found = None;
    while let Ok(Some(message)) = Message::take_from(&mut rest) {
        let sent = message.to_bytes();
        assert_eq!(Message::take_from(&mut sent.clone()), Ok(Some(message.clone())));
        for id in [AttributeId::Status, AttributeId::ObjectPath, AttributeId::ObjectId] {
            if let Ok(Some(attribute)) = message.attribute(id) {
                let _ = (attribute.u32(), attribute.text());
            }
        }
        if let Ok(Some(data)) = message.attribute(AttributeId::Data) {
            found = found.or(table(data.payload));
        }
    }
    found.or(table(bytes))
}
