//! What can be typed after `template`.

use super::{Apply, General, ServiceHow};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum TemplateVerb {
    /// Offer templates of files; `apply -f` does the same
    Create(Apply),
    /// A template's parameters, for who fills them
    Show(ShowTemplate),
    /// Make a slice of a template, or of an on-boarded service
    Instantiate(InstantiateTemplate),
    /// Change what was said of a slice of a template, or move it to another version
    Change(ChangeTemplate),
    /// Move all slices of a template to a version, in waves
    Upgrade(UpgradeTemplate),
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
pub(crate) struct ShowTemplate {
    pub(crate) name: String,
    /// The newest where none is said
    #[arg(long)]
    pub(crate) version: Option<String>,
}

#[derive(Args)]
pub(crate) struct InstantiateTemplate {
    /// The template, or the on-boarded package of a service (NSD)
    pub(crate) name: String,
    /// The slice that is made
    pub(crate) slice: String,
    #[command(flatten)]
    pub(crate) said: Offer,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

#[derive(Args)]
pub(crate) struct ChangeTemplate {
    pub(crate) slice: String,
    #[command(flatten)]
    pub(crate) said: Offer,
    /// A function that may move or be made anew (repeatable)
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) replace: Vec<String>,
    /// A function whose data may be deleted (repeatable)
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) allow_data_loss: Vec<String>,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

/// What is said of a template.
#[derive(Args)]
pub(crate) struct Offer {
    /// The version; a new slice takes the newest, another keeps its own
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// One of the template's qualities
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// A parameter; without a value it goes back to its default (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Args)]
pub(crate) struct UpgradeTemplate {
    pub(crate) name: String,
    /// The version to move to; the newest where none is said
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// Slices that are moved at one time; the next wave begins when all of one are well
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) wave: u16,
    /// Only show what would happen to each
    #[arg(long, alias = "dry-run")]
    pub(crate) plan: bool,
    /// How long a cause which can pass is waited for: 90s, 5m, 1h; a number alone is seconds
    #[arg(long)]
    pub(crate) timeout: Option<String>,
}
