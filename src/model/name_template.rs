//! Placeholders in names and descriptions: what belongs to a build.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{GenerationNumber, ImageKey};

/// Name of an image, with placeholders of the generation. `{key}` is replaced when a manifest is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameTemplate(pub CompactString);

impl NameTemplate {
    /// Placeholder of the generation's number.
    pub const GENERATION: &'static str = "{generation}";
    /// Placeholder of the generation's revision.
    pub const REVISION: &'static str = "{revision}";
    /// Placeholder of the entry's key.
    pub const KEY: &'static str = "{key}";

    /// Returns the name of an entry that names none: each generation has its own.
    pub fn default_of(key: &ImageKey) -> Self {
        Self(format!("{key}-{}", Self::GENERATION).into())
    }

    /// Returns whether every generation has the same name.
    pub fn is_fixed(&self) -> bool {
        !self.0.contains(Self::GENERATION) && !self.0.contains(Self::REVISION)
    }

    /// Returns whether a text has a placeholder.
    pub fn has_placeholder(text: &str) -> bool {
        [Self::GENERATION, Self::REVISION, Self::KEY]
            .into_iter()
            .any(|placeholder| text.contains(placeholder))
    }

    /// Returns the name of a generation that has this revision.
    pub fn of(&self, generation: GenerationNumber, revision: &str) -> CompactString {
        Self::fill(&self.0, generation, revision)
    }

    /// Returns a text with the placeholders of a generation replaced. The text of a revision is not searched for others.
    pub fn fill(text: &str, generation: GenerationNumber, revision: &str) -> CompactString {
        let mut filled = CompactString::default();
        for (position, part) in text.split(Self::REVISION).enumerate() {
            if position > 0 {
                filled.push_str(revision);
            }
            filled.push_str(&part.replace(Self::GENERATION, &generation.to_string()));
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_once() {
        let template = NameTemplate("web-{revision}-{generation}-{other}".into());
        assert_eq!(template.of(GenerationNumber(7), "a{generation}b"), "web-a{generation}b-7-{other}");
        assert!(!template.is_fixed() && NameTemplate("web".into()).is_fixed());
    }
}
