//! Commands as a user types them, on the embedded cloud: what is said, and the exit status.

#![allow(clippy::disallowed_methods, reason = "tests write the files that commands read")]

mod bench;
mod state;
