//! FNV-1a, the one hash of this program.
//!
//! Values that are kept on flash or shown must not depend on the compiler, as those of the standard
//! library's hasher may. FNV-1a does not resist chosen collisions.
//!
//! <http://www.isthe.com/chongo/tech/comp/fnv/>

/// Returns the 32-bit FNV-1a hash of the text's bytes.
#[must_use]
pub const fn fnv1a_32(text: &str) -> u32 {
    let (mut hash, mut rest) = (0x811c_9dc5_u32, text.as_bytes());
    while let [first, tail @ ..] = rest {
        hash = (hash ^ *first as u32).wrapping_mul(0x0100_0193);
        rest = tail;
    }
    hash
}

/// Returns the 64-bit FNV-1a hash of the bytes.
#[must_use]
pub const fn fnv1a_64(bytes: &[u8]) -> u64 {
    let (mut hash, mut rest) = (0xcbf2_9ce4_8422_2325_u64, bytes);
    while let [first, tail @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
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
            assert_eq!((fnv1a_32(text), fnv1a_64(text.as_bytes())), (short, long), "{text}");
        }
    }
}
