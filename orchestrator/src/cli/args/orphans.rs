//! What can be typed after `orphans`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Orphans {
    /// Only on this cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Only of this slice, which may be gone
    #[arg(long, value_name = "NAME")]
    pub(crate) slice: Option<String>,
    /// Only this one, by its id (repeatable)
    #[arg(long = "id", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// First look at the clusters for what carries our label and stands in no record
    #[arg(long)]
    pub(crate) scan: bool,
    /// Take them away
    #[arg(long, conflicts_with = "adopt")]
    pub(crate) remove: bool,
    /// Give what was found back to its slice
    #[arg(long)]
    pub(crate) adopt: bool,
    /// What was found may go with the data that it holds
    #[arg(long, requires = "remove")]
    pub(crate) allow_data_loss: bool,
    /// Wait until they are gone
    #[arg(long, requires = "remove")]
    pub(crate) wait: bool,
}
