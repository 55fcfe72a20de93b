//! What a plan may reach: computed from its graph alone, and independently of the code that built it.

pub mod peak;
pub mod slots;
mod usage;
pub mod view;
