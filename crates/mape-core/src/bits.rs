//! The low bits of a number.

/// Returns the low 16 bits of the value. Callers pass a value without others: a build with debug
/// assertions panics on any other value.
pub(crate) const fn low_16(value: u64) -> u16 {
    debug_assert!(value <= u16::MAX as u64, "more than 16 bits");
    let [.., high, low] = value.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// Returns the low 32 bits of the value, under the same condition as [`low_16`].
pub(crate) const fn low_32(value: u64) -> u32 {
    debug_assert!(value <= u32::MAX as u64, "more than 32 bits");
    let [.., a, b, c, d] = value.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_width_is_kept() {
        assert_eq!([low_16(0), low_16(0x1234), low_16(0xffff)], [0, 0x1234, 0xffff]);
        assert_eq!(
            [low_32(0), low_32(0x1234_5678), low_32(0xffff_ffff)],
            [0, 0x1234_5678, u32::MAX]
        );
    }

    // The assertion is not in the shipped profile, with which these tests run too.
    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "more than 16 bits")]
    fn a_wider_value_is_a_mistake_of_the_caller() {
        let _ = low_16(0x1_0000);
    }
}
