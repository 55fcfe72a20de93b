//! What a plan may reach: computed from its graph alone, and independently of the code that built it.

pub mod peak;
mod usage;
pub mod view;
