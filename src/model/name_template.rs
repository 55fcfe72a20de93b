//! Names of images by generation.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::GenerationNumber;

/// Name of an image. `{generation}` in it is replaced by the generation's number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NameTemplate(pub CompactString);

impl NameTemplate {
    /// Placeholder of the generation's number.
    pub const GENERATION: &'static str = "{generation}";

    /// Returns whether each generation has its own name.
    pub fn is_by_generation(&self) -> bool {
        self.0.contains(Self::GENERATION)
    }

    /// Returns the name of a generation.
    pub fn of(&self, generation: GenerationNumber) -> CompactString {
        if self.is_by_generation() {
            self.0.replace(Self::GENERATION, &generation.to_string()).into()
        } else {
            self.0.clone()
        }
    }
}
