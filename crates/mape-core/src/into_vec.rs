//! Lists out of iterators.

/// An iterator whose items can be put into a list.
///
/// `collect` asks for the first item separately, so the code of each chain of iterators is in the
/// program twice, and it has further code for chains that know their length. The router's flash is
/// scarcer than the time that this saves for tens of items.
///
/// `for_each` runs the loops of the chain from within. A `for` loop would ask the chain for each
/// item, and the chain would keep where it is: `flat_map` and `chain` have a state for it.
pub trait IntoVec: Iterator + Sized {
    /// Returns the items as a list.
    fn into_vec(self) -> Vec<Self::Item> {
        let mut items = Vec::new();
        self.for_each(|item| items.push(item));
        items
    }
}

impl<I: Iterator> IntoVec for I {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_items_are_in_the_order_of_the_iterator() {
        assert_eq!((1..=5).filter(|it| it % 2 == 1).into_vec(), [1, 3, 5]);
        assert!(std::iter::empty::<u8>().into_vec().is_empty());
    }
}
