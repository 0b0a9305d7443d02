//! What can be typed after `operation`.

use super::General;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum OperationVerb {
    #[command(flatten)]
    General(General),
    /// Follow an operation until it ends
    Watch { id: String },
    /// What it waits for, since when and until when, and what each open move would do
    Explain { id: String },
    /// Try again what failed
    Retry(Move),
    /// Go back to the start
    Rollback(Move),
    /// Leave out what failed and do the rest
    Continue(Move),
    /// Give it up
    Fail(Move),
    /// Stop it at once
    Cancel(Move),
}

#[derive(Args)]
pub(crate) struct Move {
    pub(crate) id: String,
    /// Only say what it would do
    #[arg(long, visible_alias = "dry-run", conflicts_with = "wait")]
    pub(crate) plan: bool,
    #[arg(long)]
    pub(crate) wait: bool,
}
