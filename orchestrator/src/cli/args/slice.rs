//! What can be typed after `slice`.

use super::{General, Name};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum SliceVerb {
    /// Why each function stands where it stands
    Explain(Name),
    /// Run the tests that its charts bring, and say what came out
    Test(TestSlice),
    /// Print the file that a slice is made of, as `apply` takes it
    File(Name),
    /// Make a slice of Helm releases that stand already; nothing of them changes
    AdoptRelease(AdoptRelease),
    /// End a slice that took over Helm releases, and leave them to Helm as they are
    HandBack(HandBack),
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
pub(crate) struct AdoptRelease {
    /// Of the slice that they become
    pub(crate) name: String,
    /// Where they stand
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: String,
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    pub(crate) namespace: String,
    /// A release, and how it is called in the slice where that is not its own name (repeatable)
    #[arg(long = "release", value_name = "RELEASE[=FUNCTION]", required = true)]
    pub(crate) releases: Vec<String>,
    /// Where their charts are found, by the names and versions that Helm recorded
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: String,
    /// Another name of the chart in the repository
    #[arg(long, value_name = "NAME")]
    pub(crate) chart: Option<String>,
    /// Another version of the chart, for the next change
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Args)]
pub(crate) struct HandBack {
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Args)]
pub(crate) struct How {
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Wait until it is done
    #[arg(long)]
    pub(crate) wait: bool,
    /// Seconds of patience
    #[arg(long)]
    pub(crate) timeout: Option<u64>,
}

#[derive(Args)]
pub(crate) struct TestSlice {
    pub(crate) name: String,
    /// Only of this function (repeatable)
    #[arg(long = "function", value_name = "NAME")]
    pub(crate) functions: Vec<String>,
    /// Seconds of patience
    #[arg(long)]
    pub(crate) timeout: Option<u64>,
}
