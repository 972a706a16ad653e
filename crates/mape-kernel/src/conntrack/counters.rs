//! What conntrack counts for the whole machine, in `/proc/net/stat/nf_conntrack`.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Counters of the whole machine since it started, summed over its processors. `None` is unknown,
/// which is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Connections that were not added, because no port was free or another connection took the
    /// port first.
    pub insert_failed: Option<u64>,
    /// Packets dropped because the table was full.
    pub drop: Option<u64>,
    /// Connections thrown out early to make room for new ones.
    pub early_drop: Option<u64>,
    /// Look-ups that had to begin again because the table changed meanwhile.
    pub search_restart: Option<u64>,
}

impl Counters {
    /// Reads `DIRECTORY/net/stat/nf_conntrack`; everything is unknown where there is none.
    #[must_use]
    pub fn read(proc: &Path) -> Self {
        let text = fs::read_to_string(proc.join("net/stat/nf_conntrack"));
        text.map_or_else(|_| Self::default(), |text| Self::parse(&text))
    }

    /// Reads the file's text: a line of names and one of hexadecimal numbers for each processor.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (names, rows) = text.split_once('\n').unwrap_or((text, ""));
        let sum = |name: &str| {
            let column = names.split_whitespace().position(|known| known == name)?;
            let mut sum = None;
            for row in rows.lines() {
                let number = row.split_whitespace().nth(column)?;
                *sum.get_or_insert(0) += u64::from(u32::from_str_radix(number, 16).ok()?);
            }
            sum
        };
        Self {
            insert_failed: sum("insert_failed"),
            drop: sum("drop"),
            early_drop: sum("early_drop"),
            search_restart: sum("search_restart"),
        }
    }
}
