//! One file a command: settings in, exit status out.

pub mod apply;
pub mod completions;
pub mod edit;
pub mod expected;
pub mod explain;
pub mod graph;
pub mod history;
pub mod images;
pub mod import;
pub mod init;
mod judgement;
pub mod output;
pub mod plan;
pub mod planning;
pub mod refresh;
pub mod render;
pub mod rollback;
pub mod sandbox;
pub mod schema;
pub mod set;
pub mod show;
pub mod state;
pub mod validate;
