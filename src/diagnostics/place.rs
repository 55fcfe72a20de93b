//! Places: spans of text, and paths in the manifest, which have spans.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

/// Number of a file, in the order of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Range of bytes of a file, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// Byte after the last one.
    pub end: usize,
}

/// Step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Value of a key.
    Key(CompactString),
    /// Item of a list, from 0. Items of `shares` and `renames` are counted over all files in order.
    Index(usize),
}

/// Path in the manifest, such as `images.web-base.copies[2]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestPath {
    /// Steps from the root.
    pub segments: Vec<Segment>,
    /// Whether the path names the last key rather than its value.
    pub at_key: bool,
}

impl ManifestPath {
    /// Returns the path of the whole manifest.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns the path of the key of an entry: the entry itself may be long.
    pub fn image(key: &crate::model::ImageKey) -> Self {
        Self::root().field("images").field(key.as_str()).key()
    }

    /// Returns the path of the value of a key in this mapping.
    #[must_use]
    pub fn field(&self, key: &str) -> Self {
        let mut segments = self.segments.clone();
        segments.push(Segment::Key(CompactString::new(key)));
        Self { segments, at_key: false }
    }

    /// Returns the path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut segments = self.segments.clone();
        segments.push(Segment::Index(index));
        Self { segments, at_key: false }
    }

    /// Returns the path of the last key instead of its value.
    #[must_use]
    pub fn key(mut self) -> Self {
        self.at_key = true;
        self
    }
}

impl fmt::Display for ManifestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Place in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Bytes of a file.
    Span(Span),
    /// Path, whose span `manifest::Locator` finds.
    Path(ManifestPath),
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self::Span(span)
    }
}

impl From<ManifestPath> for Place {
    fn from(path: ManifestPath) -> Self {
        Self::Path(path)
    }
}

/// File that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Name as the user wrote it.
    pub name: String,
    /// Text.
    pub text: Arc<str>,
}

/// Files that were read, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        id
    }

    /// Returns the file with this number.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// Returns all files, by number.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }
}
