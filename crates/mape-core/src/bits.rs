//! Cutting numbers to a width that they are known to fit.

/// The value, which has no more than 16 bits; of a larger one a build with debug assertions panics.
#[expect(clippy::cast_possible_truncation, reason = "named for it")]
pub(crate) const fn low_16(value: u64) -> u16 {
    debug_assert!(value <= u16::MAX as u64, "more than 16 bits");
    value as u16
}

/// The value, which has no more than 32 bits; of a larger one a build with debug assertions panics.
#[expect(clippy::cast_possible_truncation, reason = "named for it")]
pub(crate) const fn low_32(value: u64) -> u32 {
    debug_assert!(value <= u32::MAX as u64, "more than 32 bits");
    value as u32
}
