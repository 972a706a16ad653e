//! Draws the port set, with the ports in use.

use std::collections::BTreeSet;

/// Sets up to this size show each port, larger ones each block.
const SINGLE_PORTS: usize = 256;

/// The width of the picture, in columns.
const WIDTH: usize = 72;

/// One block of the port set.
pub(super) struct Block {
    first: u16,
    last: u16,
}

impl Block {
    /// Reads `5696-5711 9792-9807 …`, as `mape-proto plan --sh` prints it.
    pub(super) fn list(text: &str) -> Vec<Self> {
        let blocks = text.split(' ').filter_map(|word| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some(Self { first: first.parse().ok()?, last: last.parse().ok()? })
        });
        blocks.collect()
    }
}

/// Lines of text: `■` a port in use, `·` a free one; or eighths of a block, `█` a full one.
pub(super) fn draw(blocks: &[Block], used: &BTreeSet<u16>) -> Vec<String> {
    let size = blocks.iter().map(|block| usize::from(block.last - block.first) + 1);
    if size.sum::<usize>() <= SINGLE_PORTS { ports(blocks, used) } else { fill(blocks, used) }
}

fn ports(blocks: &[Block], used: &BTreeSet<u16>) -> Vec<String> {
    let drawn: Vec<String> = blocks
        .iter()
        .map(|block| {
            let marks =
                (block.first..=block.last).map(|p| if used.contains(&p) { '■' } else { '·' });
            format!("{:>5} {}", block.first, marks.collect::<String>())
        })
        .collect();
    let width = drawn.iter().map(|text| text.chars().count() + 2).max().unwrap_or(1);
    drawn.chunks((WIDTH / width).max(1)).map(|row| row.join("  ")).collect()
}

fn fill(blocks: &[Block], used: &BTreeSet<u16>) -> Vec<String> {
    const LEVELS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let cells: Vec<char> = blocks
        .iter()
        .map(|block| {
            let size = usize::from(block.last - block.first) + 1;
            let count = used.range(block.first..=block.last).count();
            // Rounded down, so that only a complete block looks like one.
            LEVELS.get(count * 8 / size).copied().unwrap_or('█')
        })
        .collect();
    let mut lines: Vec<String> = cells.chunks(WIDTH).map(|row| row.iter().collect()).collect();
    let full = cells.iter().filter(|cell| **cell == '█').count();
    lines.push(format!("{} blocks, {full} of them full", blocks.len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sets_show_ports() {
        let blocks = Block::list("16-31 4112-4127 8208-8223 12304-12319");
        let lines = draw(&blocks, &BTreeSet::from([16, 31, 32, 4113, 12304]));
        assert_eq!(
            lines,
            [
                "   16 ■··············■   4112 ·■··············   8208 ················",
                "12304 ■···············",
            ]
        );
    }

    #[test]
    fn large_sets_show_blocks() {
        let text: Vec<String> =
            (1..64).map(|n| format!("{}-{}", n * 1024, n * 1024 + 15)).collect();
        let blocks = Block::list(&text.join(" "));
        let used = (1024..1040).chain(2048..2063).chain([3072, 3073, 65535]).collect();
        let lines = draw(&blocks, &used);
        assert!(lines[0].starts_with("█▇▁···"), "{lines:?}");
        assert_eq!(lines[0].chars().count(), 63);
        assert_eq!(lines[1], "63 blocks, 1 of them full");
    }
}
