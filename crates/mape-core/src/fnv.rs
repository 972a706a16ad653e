//! FNV-1a, the one hash of this program: for values that are kept or shown, which therefore must be
//! the same for every compiler. It is no defence against values that are chosen to collide.
//!
//! <http://www.isthe.com/chongo/tech/comp/fnv/>

/// 32 bits of FNV-1a.
#[must_use]
pub fn fnv32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// 64 bits of FNV-1a.
#[must_use]
pub fn fnv64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of its authors.
    #[test]
    fn the_published_values() {
        for (text, short, long) in [
            ("", 0x811c_9dc5, 0xcbf2_9ce4_8422_2325),
            ("a", 0xe40c_292c, 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0xbf9c_f968, 0x8594_4171_f739_67e8),
        ] {
            assert_eq!((fnv32(text), fnv64(text)), (short, long), "{text}");
        }
    }
}
