//! Places: spans of text, and paths in the manifest that can be turned into spans.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;

/// Which of the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A range of bytes of a file, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// The value of a key.
    Key(CompactString),
    /// An item of a list, from 0. For `shares` and `renames`, which several files join, the number counts over
    /// all files in order.
    Index(usize),
}

/// A path in the manifest: `images.web-base.copies[2]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestPath {
    /// The steps, from the top.
    pub segments: Vec<Segment>,
    /// Whether the last key itself is meant, rather than its value.
    pub at_key: bool,
}

impl ManifestPath {
    /// The top of the manifest.
    pub fn root() -> Self {
        Self::default()
    }

    /// The entry `images.KEY`; its key is meant, since the entry may be long.
    pub fn image(key: &crate::model::ImageKey) -> Self {
        Self::root().field("images").field(key.as_str()).key()
    }

    /// The value of a key below this one.
    #[must_use]
    pub fn field(&self, key: &str) -> Self {
        let mut segments = self.segments.clone();
        segments.push(Segment::Key(CompactString::new(key)));
        Self { segments, at_key: false }
    }

    /// An item of the list that this names.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut segments = self.segments.clone();
        segments.push(Segment::Index(index));
        Self { segments, at_key: false }
    }

    /// The last key itself.
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

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At this text.
    Span(Span),
    /// At this path of the manifest.
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

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name as the user gave it.
    pub name: String,
    /// Its text.
    pub text: Arc<str>,
}

/// The files that were read, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text: text.into() });
        id
    }

    /// The file with this number.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// All files, by number.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }
}
