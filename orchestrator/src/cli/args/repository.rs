//! What can be typed after `repository` and `chart`.

use super::General;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum RepositoryVerb {
    /// Upload every chart folder below DIR, or register a Helm repository or an OCI registry
    Add(RepositoryAdd),
    /// Find charts by a part of their name (in a registry by the whole name)
    Search {
        text: Option<String>,
        /// In this repository only
        #[arg(short, long)]
        repository: Option<String>,
        /// Every version, not only the newest
        #[arg(long)]
        versions: bool,
    },
    /// Read the index anew, of one repository or of all; slices keep what they have
    Update { name: Option<String> },
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["path", "url"]))]
pub(crate) struct RepositoryAdd {
    pub(crate) name: String,
    /// A folder whose sub-folders are charts
    #[arg(long)]
    pub(crate) path: Option<PathBuf>,
    /// https://..., http://... or oci://... (oci+http:// speaks without TLS)
    #[arg(long)]
    pub(crate) url: Option<String>,
    #[arg(long, requires = "password_file", requires = "url")]
    pub(crate) username: Option<String>,
    /// A file with the password; - reads standard input
    #[arg(long, requires = "username", conflicts_with = "token_file")]
    pub(crate) password_file: Option<PathBuf>,
    /// A file with a bearer token; - reads standard input
    #[arg(long, requires = "url")]
    pub(crate) token_file: Option<PathBuf>,
    /// A PEM file with the only authorities that are believed
    #[arg(long, requires = "url")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ChartVerb {
    /// Show a chart: what it is, its readme, values and schema, and what it would create
    Show {
        /// REPOSITORY/NAME, or REPOSITORY/NAME@VERSION (a version or a range)
        chart: String,
        /// Only this part
        #[arg(long, value_parser = ["readme", "values", "schema", "creates"])]
        only: Option<String>,
    },
}
