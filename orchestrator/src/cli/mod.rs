//! The command line: a client of the API, and the way to start the server.
//!
//! Data goes to stdout, words to stderr. Every error ends with what to type next.

mod adopt;
mod apply;
mod args;
mod client;
mod complete;
mod context;
mod doctor;
mod drain;
mod error;
mod exit;
mod moves;
mod nouns;
mod onboard;
mod orphans;
mod package;
mod pipe;
mod print;
mod repository;
mod run;
mod service;
mod serving;
mod signing;
mod template;
mod test;
mod validate;
mod values;
mod verbs;
mod wait;
mod watch;

pub use args::Cli;
pub use complete::completions;
pub use run::run;
