//! The proof of the slot scheduler: small worlds are explored in every order that a plan allows, and what the
//! planner says is held against what exploring finds.
//!
//! `world` makes a record and a manifest from a number, `model` is an account of the service that shares nothing
//! with the planner but the steps, `search` tries everything where the planner is clever.

mod cloud;
mod early;
mod edges;
mod model;
mod mutants;
mod peaks;
mod search;
mod speed;
mod stories;
mod world;
