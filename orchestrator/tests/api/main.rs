//! The API and the CLI against a real server process on loopback. Clusters are `sim` here: nothing is said about real ones.
#![allow(clippy::unwrap_used, clippy::panic)]

mod adopt;
mod answered;
mod auth;
mod charts;
mod claims;
mod clock;
#[path = "../../../adapters/tests/command_line/mod.rs"]
mod command_line;
mod commands;
mod conditions;
mod corpus;
mod deletions;
mod doctor;
mod draining;
mod faces;
mod first;
mod hooks;
mod housekeeping;
mod http;
mod keys;
mod kitchen;
mod leads;
mod leaving;
mod lists;
mod newer;
mod nfvo;
mod nst;
mod orphans;
mod packages;
mod places;
mod programs;
mod published;
mod readiness;
mod registries;
mod registry;
mod releases;
mod renewal;
mod restart;
mod round;
mod rules;
mod server;
mod services;
#[path = "../setting/mod.rs"]
mod setting;
#[path = "../../../adapters/tests/shelf/mod.rs"]
mod shelf;
mod signed;
mod slow;
mod sources;
mod stored;
mod templates;
mod unreadable;
mod upgrade;
mod walked;
mod watching;
