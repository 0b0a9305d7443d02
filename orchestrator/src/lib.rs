//! The product: store, operation engine, planner, catalogue, slices, API, authentication and CLI.
//!
//! `api -> {catalogue, slices, assurance} -> ops -> plan -> {store, adapters, topology}`: each module calls only the next one down.
//! Nothing below `api` knows HTTP; SQL stands only in `store`; only `ops` knows time, order and retry.

pub mod api;
pub mod assurance;
pub mod auth;
pub mod bridge;
pub mod catalogue;
pub mod cli;
pub mod config;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod housekeeping;
pub mod notify;
pub mod ops;
pub mod packages;
pub mod plan;
pub mod server;
pub mod slices;
pub mod store;
