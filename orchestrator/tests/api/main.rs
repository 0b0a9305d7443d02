//! The API and the CLI against a real server process on loopback. Clusters are `sim` here: nothing is said about real ones.
#![allow(clippy::unwrap_used, clippy::panic)]

mod auth;
mod charts;
mod commands;
mod conditions;
mod corpus;
mod deletions;
mod faces;
mod housekeeping;
mod http;
mod keys;
mod leads;
mod lists;
mod places;
mod readiness;
mod renewal;
mod restart;
mod rules;
mod server;
mod slow;
mod unreadable;
mod watching;
