//! Tests of `interface_data`.

use super::*;
use mape_core::{Request, plan};

#[test]
fn what_is_written_is_read() {
    let plan = plan(&Request::new("240b:10:3261:6400::/56".parse().unwrap())).unwrap();
    let data = InterfaceData {
        since: Some(7),
        rule_conflicts: Some(Vec::new()),
        before: Some(Map::new()),
        warning: Some(Warning { code: Some("MAPE_X".to_owned()), ..Warning::default() }),
        ..InterfaceData::of_plan(&plan)
    };
    let text = json::to_text(&data.to_value());
    assert_eq!(json::read::<InterfaceData>(&text).unwrap(), data);
    assert!(text.contains(r#""rule_conflicts":[]"#) && text.contains(r#""ipv4":"106.72.50.97""#));
}

#[test]
fn a_part_says_nothing_of_the_rest() {
    let of = |data: InterfaceData| json::to_text(&data.to_value());
    assert_eq!(of(InterfaceData::of_warning(None)), r#"{"warning":{}}"#);
    let edge = InterfaceData { edge: Some("plain".to_owned()), ..InterfaceData::default() };
    assert_eq!(of(edge), r#"{"edge":"plain"}"#);
}

/// Each key in turn gets values of other types: it counts as missing, and the others stay.
#[test]
fn a_key_of_another_type_counts_as_missing() {
    let plan = plan(&Request::new("240b:10:3261:6400::/56".parse().unwrap())).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let whole = InterfaceData {
        rule: text("rule"),
        rule_source: text("builtin"),
        rule_conflicts: Some(vec!["x".to_owned()]),
        reserved_outside: Some(vec!["x".to_owned()]),
        table_rule: text("rule"),
        layout: text("draft03"),
        uplink: text("wan6"),
        edge: text("plain"),
        since: Some(7),
        before: Some(Map::new()),
        zone: text("wan"),
        firewall: Some(Vec::new()),
        warning: Some(Warning::default()),
        ..InterfaceData::of_plan(&plan)
    }
    .to_value();
    let keys: Vec<String> = whole.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 24);
    for key in &keys {
        let mut missing = whole.clone();
        missing.as_object_mut().unwrap().remove(key);
        for wrong in [Value::Null, true.into(), (-1).into(), Value::String("\n".to_owned())] {
            // A text of any form is a text.
            if wrong.is_string() && whole[key].is_string() && whole[key] != "106.72.50.97" {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[key] = wrong.clone();
            damaged["unknown"] = wrong.clone();
            let read = InterfaceData::from_value(&damaged).unwrap().to_value();
            assert_eq!(read, missing, "{key}: {wrong}");
        }
    }
}
