//! What can be typed after `service` (`ns`).

use super::{General, Name};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ServiceVerb {
    /// Create a service of an on-boarded descriptor; nothing runs yet
    Create(CreateService),
    /// Make what the descriptor describes: a slice of the service's name
    Instantiate(Instantiate),
    /// Change parameters, places or versions of what runs
    Update(UpdateService),
    /// Grow or shrink a function by its scaling aspects
    Scale(ScaleService),
    /// Put back what is not as it was made
    Heal(HealService),
    /// Remove what runs; the service stays created
    Terminate(TerminateService),
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
pub(crate) struct CreateService {
    pub(crate) name: String,
    /// The on-boarded package of its descriptor (NSD)
    #[arg(long, value_name = "NAME")]
    pub(crate) package: String,
    /// What it is for, for people
    #[arg(long, default_value = "")]
    pub(crate) description: String,
}

#[derive(Args)]
pub(crate) struct Instantiate {
    pub(crate) name: String,
    /// Creates it first, of this on-boarded package (NSD)
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    #[command(flatten)]
    pub(crate) said: Said,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

#[derive(Args)]
pub(crate) struct UpdateService {
    pub(crate) name: String,
    /// Another package of its descriptor (NSD)
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Each function takes the newest version that is on-boarded
    #[arg(long)]
    pub(crate) newest: bool,
    #[command(flatten)]
    pub(crate) said: Said,
    /// A function that may move or be made anew (repeatable)
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) replace: Vec<String>,
    /// A function whose data may be deleted (repeatable)
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) allow_data_loss: Vec<String>,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

#[derive(Args)]
pub(crate) struct ScaleService {
    pub(crate) name: String,
    /// Its id in the descriptor
    pub(crate) function: String,
    /// The scaling aspect, where it has several
    #[arg(long)]
    pub(crate) aspect: Option<String>,
    /// The level that it gets
    #[arg(long, value_name = "LEVEL", required_unless_present_any = ["out", "in_"], conflicts_with_all = ["out", "in_"])]
    pub(crate) to: Option<u32>,
    /// So many steps more
    #[arg(long, value_name = "STEPS", conflicts_with = "in_", num_args = 0..=1, default_missing_value = "1")]
    pub(crate) out: Option<u32>,
    /// So many steps less
    #[arg(long = "in", value_name = "STEPS", num_args = 0..=1, default_missing_value = "1")]
    pub(crate) in_: Option<u32>,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

#[derive(Args)]
pub(crate) struct HealService {
    #[command(flatten)]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

#[derive(Args)]
pub(crate) struct TerminateService {
    #[command(flatten)]
    pub(crate) name: Name,
    /// A function whose data may be deleted (repeatable)
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) allow_data_loss: Vec<String>,
    #[command(flatten)]
    pub(crate) how: ServiceHow,
}

/// What is said of functions, by their ids in the descriptor.
#[derive(Args)]
pub(crate) struct Said {
    /// A YAML or JSON file with `functions:`; flags are over it
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The cluster where a function stands (repeatable)
    #[arg(long, value_name = "FUNCTION=CLUSTER")]
    pub(crate) at: Vec<String>,
    /// A label of the clusters where a function may stand (repeatable)
    #[arg(long, value_name = "FUNCTION.LABEL=VALUE")]
    pub(crate) select: Vec<String>,
    /// A property that a function's descriptor declares (repeatable)
    #[arg(long, value_name = "FUNCTION.PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// The version of a function, by its on-boarded package (repeatable)
    #[arg(long = "use", value_name = "FUNCTION=PACKAGE")]
    pub(crate) uses: Vec<String>,
    /// The instantiation level of a function (repeatable)
    #[arg(long, value_name = "FUNCTION=LEVEL")]
    pub(crate) level: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ServiceHow {
    /// Only show what would happen, and why
    #[arg(long, alias = "plan")]
    pub(crate) dry_run: bool,
    /// Wait until the operation ends
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a cause which can pass is waited for: 90s, 5m, 1h; a number alone is seconds
    #[arg(long)]
    pub(crate) timeout: Option<String>,
    /// Take over from an operation that runs
    #[arg(long)]
    pub(crate) supersede: bool,
}
