//! Text to meaning. (being written)

pub mod desired;
pub mod fault;
pub mod settings;

pub use desired::{Desired, DesiredImage, DesiredLimits, Keep, Level, Lookup, NameTemplate, ReplaceOrder};
pub use fault::{Fault, FaultKind};
pub use settings::{CloudSettings, Provider, SandboxSettings, SharedImageEdits, Site, StateLocation};
