//! One file a command: settings in, exit status out.

pub mod apply;
pub mod explain;
pub mod history;
pub mod init;
pub mod output;
pub mod plan;
pub mod planning;
pub mod refresh;
pub mod schema;
pub mod show;
pub mod state;
pub mod validate;
