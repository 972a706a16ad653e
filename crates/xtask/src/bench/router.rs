//! What a router with OpenWrt's own programs pays for the line, beside OpenWrt's `map` in the same
//! machine: the processor time of a reload of firewall4, and the time from the uplink's prefix to
//! the first answer on the LAN, at a boot with twelve interfaces.
//!
//! The machine is emulated and counts its instructions, one a nanosecond, so other work of the host
//! does not change the figures. The scenarios `reload` and `boot` of `tests/openwrt` print them.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

/// Scripts take time on this kernel. A user-mode kernel's clock stands still while they run.
const KERNEL: &str = "6.12";

/// Ports of the line, and the bound for a reload with it, relative to one without.
const LINES: [(&str, f64); 2] = [("240", 1.10), ("1008", 1.15)];

/// Milliseconds from netifd's `up` to rules that are in force.
const OPENED: f64 = 1000.0;

/// The least that the burden of the control adds to the ratio. It adds about 0.5.
const BURDEN: f64 = 0.1;

/// # Errors
///
/// The root lacks something, or a scenario failed.
pub(super) fn measure(rootfs: &Path) -> anyhow::Result<Value> {
    report(&lab::openwrt::printed(rootfs, KERNEL, &["reload", "boot"])?)
}

fn report(lines: &[String]) -> anyhow::Result<Value> {
    let mut figures = Map::new();
    for (ports, bound) in LINES {
        figures.insert(format!("reload_{ports}"), reload(lines, ports, bound)?);
        println!();
    }
    figures.insert("first_answer".to_owned(), first_answer(lines)?);
    Ok(Value::Object(figures))
}

/// Returns the JSON values of the lines that begin with these words.
fn values(lines: &[String], words: &str) -> anyhow::Result<Vec<Value>> {
    let mut values = Vec::new();
    for line in lines {
        let rest = line.strip_prefix(words).and_then(|rest| rest.strip_prefix(' '));
        if let Some(rest) = rest {
            values.push(rest.parse().with_context(|| line.clone())?);
        }
    }
    if values.is_empty() {
        bail!("the machine has printed no line {words}");
    }
    Ok(values)
}

fn number(value: &Value, name: &str) -> anyhow::Result<f64> {
    value.get(name).and_then(Value::as_f64).with_context(|| format!("no {name}: {value}"))
}

fn reload(lines: &[String], ports: &str, bound: f64) -> anyhow::Result<Value> {
    println!("A reload of firewall4, {ports} ports: processor time in ms, median and range");
    let (mut sides, mut medians) = (Map::new(), Vec::new());
    for (side, what) in [
        ("none", "without a line"),
        ("mape", "mape-rs"),
        ("map", "OpenWrt's map"),
        ("control", "mape-rs with a burden"),
    ] {
        let mut rounds = Vec::new();
        for value in values(lines, &format!("reload {side} {ports}"))? {
            rounds.push((number(&value, "user_us")? + number(&value, "system_us")?) / 1000.0);
        }
        rounds.sort_by(f64::total_cmp);
        let median = super::setup::median(&rounds);
        let (least, most) = (rounds.first().copied(), rounds.last().copied());
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        println!("  {what:24}{median:8.1} ({least:.1} to {most:.1})");
        medians.push(median);
        sides.insert(
            side.to_owned(),
            json!({ "median_ms": median, "least_ms": least, "most_ms": most }),
        );
    }
    let [none, mape, map, control] = medians[..] else { bail!("four sides") };
    let (ratio, beside) = (mape / none, map / none);
    let is_void = control / none - ratio < BURDEN;
    let is_met = ratio <= bound;
    let verdict = if is_void { "VOID, the burden is not seen" } else { super::setup::met(is_met) };
    println!(
        "  relative to none: mape-rs {ratio:.3}, map {beside:.3}; bound {bound:.2}: {verdict}"
    );
    sides.insert("ratio".to_owned(), json!(ratio));
    sides.insert("ratio_map".to_owned(), json!(beside));
    sides.insert("met".to_owned(), json!(is_met && !is_void));
    sides.insert("void".to_owned(), json!(is_void));
    Ok(Value::Object(sides))
}

fn first_answer(lines: &[String]) -> anyhow::Result<Value> {
    println!("A boot with twelve interfaces: ms from the uplink's prefix");
    let mut sides = Map::new();
    for (side, what) in [("mape", "mape-rs"), ("map", "OpenWrt's map")] {
        let value = values(lines, &format!("boot {side}"))?.remove(0);
        let (up, lan) = (number(&value, "up_ms")?, number(&value, "lan_ms")?);
        println!("  {what:24}up {up:6.0}, first answer on the LAN {lan:6.0}");
        sides.insert(side.to_owned(), value);
    }
    let opened = number(&values(lines, "boot opened")?.remove(0), "after_up_ms")?;
    let lan = |side: &str| number(sides.get(side).unwrap_or(&Value::Null), "lan_ms");
    let is_sooner = lan("mape")? < lan("map")?;
    println!("  sooner than map: {}", super::setup::met(is_sooner));
    let is_open = opened <= OPENED;
    println!("  rules {opened:.0} ms after up, bound {OPENED:.0}: {}", super::setup::met(is_open));
    sides.insert("rules_after_up_ms".to_owned(), json!(opened));
    sides.insert("met".to_owned(), json!(is_sooner && is_open));
    Ok(Value::Object(sides))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(control: u32, lan: u32) -> Vec<String> {
        let mut lines = vec![
            r#"boot mape {"up_ms":4000,"lan_ms":5000}"#.to_owned(),
            format!(r#"boot map {{"up_ms":4000,"lan_ms":{lan}}}"#),
            r#"boot opened {"after_up_ms":400}"#.to_owned(),
        ];
        for ports in ["240", "1008"] {
            for (side, us) in [("none", 1000), ("mape", 1120), ("map", 1500), ("control", control)]
            {
                let one = |us| format!(r#"reload {side} {ports} {{"user_us":{us},"system_us":0}}"#);
                lines.extend([us, us * 3, us / 2].map(one));
            }
        }
        lines
    }

    #[test]
    fn each_bound_is_judged_and_a_blind_run_is_void() {
        let figures = report(&lines(1500, 6000)).unwrap();
        assert_eq!(figures["reload_240"]["met"], false);
        assert_eq!(figures["reload_1008"]["met"], true);
        assert_eq!(figures["reload_1008"]["void"], false);
        assert_eq!(figures["first_answer"]["met"], true);
        assert_eq!(report(&lines(1120, 6000)).unwrap()["reload_1008"]["void"], true);
        assert_eq!(report(&lines(1500, 4000)).unwrap()["first_answer"]["met"], false);
        assert!(report(&[]).is_err());
    }
}
