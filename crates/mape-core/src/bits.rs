//! Cutting numbers to a width that they are known to fit.

/// The low 16 bits; the callers' values have no more.
#[expect(clippy::cast_possible_truncation, reason = "named for it")]
pub(crate) const fn low_16(value: u64) -> u16 {
    value as u16
}

/// The low 32 bits; the callers' values have no more.
#[expect(clippy::cast_possible_truncation, reason = "named for it")]
pub(crate) const fn low_32(value: u64) -> u32 {
    value as u32
}
