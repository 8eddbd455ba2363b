//! Byte strings to cells.

use rustc_hash::FxHashMap;

/// Finds the cell of a category.
#[derive(Debug)]
pub(crate) struct CategoryTable {
    cells: FxHashMap<Box<[u8]>, u32>,
    unseen: usize,
}

impl CategoryTable {
    /// A table of own categories in cells `0..k` and rare ones in cell `k`; `None` when a category stands twice.
    pub(crate) fn new(categories: &[Box<[u8]>], rare: &[Box<[u8]>]) -> Option<Self> {
        let rare_cell = u32::try_from(categories.len()).ok()?;
        let own = categories.iter().cloned().zip(0..);
        let cells: FxHashMap<_, _> = own.chain(rare.iter().map(|value| (value.clone(), rare_cell))).collect();
        (cells.len() == categories.len() + rare.len()).then_some(Self { cells, unseen: categories.len() + 1 })
    }

    #[inline]
    pub(crate) fn cell(&self, value: &[u8]) -> usize {
        self.cells.get(value).map_or(self.unseen, |&cell| cell as usize)
    }
}
