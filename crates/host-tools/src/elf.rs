//! Reads a linked program, and strips it for shipping.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

/// `DT_NEEDED`: the entry names a library.
const NEEDED: u64 = 1;

/// A linked program.
pub struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// Reads a linked ELF program.
    ///
    /// # Errors
    ///
    /// The file does not exist, or is no ELF program.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        object::File::parse(bytes.as_slice()).with_context(|| path.display().to_string())?;
        Ok(Self { bytes })
    }

    fn file(&self) -> anyhow::Result<object::File<'_>> {
        Ok(object::File::parse(self.bytes.as_slice())?)
    }

    /// Returns the dynamic loader, or `None` for a static program.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub fn interpreter(&self) -> anyhow::Result<Option<String>> {
        let file = self.file()?;
        let Some(section) = file.section_by_name(".interp") else { return Ok(None) };
        let text = String::from_utf8(section.data()?.to_vec())?;
        Ok(Some(text.trim_end_matches('\0').to_owned()))
    }

    /// Returns the shared libraries that the program needs.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub fn needed(&self) -> anyhow::Result<Vec<String>> {
        let file = self.file()?;
        let (Some(dynamic), Some(names)) =
            (file.section_by_name(".dynamic"), file.section_by_name(".dynstr"))
        else {
            return Ok(Vec::new());
        };
        let word = if file.is_64() { 8 } else { 4 };
        let number = |bytes: &[u8]| {
            let digits = bytes.iter();
            let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            if file.is_little_endian() { digits.rev().fold(0, join) } else { digits.fold(0, join) }
        };
        let mut needed = Vec::new();
        for entry in dynamic.data()?.chunks_exact(2 * word) {
            let (tag, value) = entry.split_at(word);
            if number(tag) == NEEDED {
                let name = names.data()?.get(usize::try_from(number(value))?..);
                let name = name.and_then(|name| name.split(|byte| *byte == 0).next());
                let name = name.context("a library's name is outside of .dynstr")?;
                needed.push(String::from_utf8(name.to_vec())?);
            }
        }
        Ok(needed)
    }

    /// Returns only the bytes that are loaded, without symbols and sections. OpenWrt's build strips
    /// programs in the same way.
    ///
    /// # Errors
    ///
    /// The file cannot be stripped.
    pub fn stripped(&self) -> anyhow::Result<Vec<u8>> {
        let file = self.file()?;
        let ends = file.segments().map(|segment| {
            let (start, size) = segment.file_range();
            start + size
        });
        let end = usize::try_from(ends.max().context("nothing is loaded")?)?;
        let mut bytes = self.bytes.get(..end).context("it ends before its segments")?.to_vec();
        // The header's fields for the place and the number of sections.
        let fields = if file.is_64() { [40..48, 58..64] } else { [32..36, 46..52] };
        for field in fields {
            bytes.get_mut(field).context("no header")?.fill(0);
        }
        Ok(bytes)
    }

    /// Returns the size of each function by its readable name. Copies of one generic function count
    /// together.
    ///
    /// # Errors
    ///
    /// The program is stripped.
    pub fn functions(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut functions = BTreeMap::new();
        for symbol in self.file()?.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
            *functions.entry(name).or_default() += symbol.size();
        }
        if functions.is_empty() {
            bail!("no symbols");
        }
        Ok(functions)
    }

    /// Returns the size of each section that is loaded.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub fn sections(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut sections = BTreeMap::new();
        for section in self.file()?.sections().filter(|section| section.address() > 0) {
            if let Some((_, size)) = section.file_range() {
                sections.insert(section.name()?.to_owned(), size);
            }
        }
        Ok(sections)
    }
}
