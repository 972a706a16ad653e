//! What one plan costs in process, printed beside a control that does the work twice: a run whose
//! control is not near 2 was disturbed and says nothing.

use std::hint::black_box;
use std::time::Instant;

use mape_core::{ReceivedPrefix, Request, plan};

const ROUNDS: usize = 11;
const CALLS: u32 = 20_000;

fn main() {
    // `cargo test --benches` only wants to see it run.
    let calls = if std::env::args().any(|argument| argument == "--bench") { CALLS } else { 10 };
    for (name, prefix) in [
        ("v6plus, 15 blocks", "240b:10:3261:6400::/56"),
        ("ocn, 63 blocks", "2400:4050:80ba:2200::/56"),
        ("not MAP-E", "2409:10:1234:5600::/56"),
    ] {
        let Ok(prefix) = prefix.parse::<ReceivedPrefix>() else { continue };
        let request = Request::new(prefix);
        let once = || drop(black_box(plan(black_box(&request))));
        let twice = || {
            once();
            once();
        };
        let (mut single, mut double) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            single.push(nanoseconds(calls, once));
            double.push(nanoseconds(calls, twice));
        }
        single.sort_by(f64::total_cmp);
        double.sort_by(f64::total_cmp);
        let median = |rounds: &[f64]| rounds.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
        let (least, most) = (single.first(), single.last());
        let control = median(&double) / median(&single);
        println!(
            "  {name:<20} {:>7.0} ns ({:.0} to {:.0}); control x {control:.2}{}",
            median(&single),
            least.unwrap_or(&f64::NAN),
            most.unwrap_or(&f64::NAN),
            if (1.7..2.3).contains(&control) { "" } else { " VOID: the machine was disturbed" },
        );
    }
}

/// Mean time of one call.
fn nanoseconds(calls: u32, call: impl Fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
