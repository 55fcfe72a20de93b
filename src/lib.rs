//! goldform: golden images as code for Tencent Cloud.

pub mod apply;
pub mod backend;
pub mod cli;
pub mod cloud;
pub mod constraints;
pub mod diagnostics;
pub mod diff;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod report;
pub mod state;
pub mod testing;
