//! What we believe, and what was seen. (being written)

pub mod observed;

pub use observed::{Observed, ObservedImage, ObservedRegion};
