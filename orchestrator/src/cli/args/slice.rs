//! What can be typed after `slice`.

use super::{General, Name};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum SliceVerb {
    /// Why each function stands where it stands
    Explain(Name),
    /// Run the tests that its charts bring, and say what came out
    Test(TestSlice),
    #[command(flatten)]
    General(General),
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
