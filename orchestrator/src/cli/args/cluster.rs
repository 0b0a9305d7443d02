//! What can be typed after `cluster`.

use super::{General, Name};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum ClusterVerb {
    /// Register a cluster by a kubeconfig; the files that it names are put in
    Add(ClusterAdd),
    /// Change labels, exposure, address or kubeconfig
    Set(ClusterAdd),
    /// Write on a cluster that another server owns; that one refuses to from then on
    Takeover(Name),
    /// End a drain: the cluster stays, and takes slices again
    Uncordon(Name),
    /// Look at a cluster check by check, and say what to do; exits with 1 where something failed
    Doctor(Name),
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
pub(crate) struct ClusterAdd {
    pub(crate) name: String,
    #[arg(long)]
    pub(crate) kubeconfig: Option<PathBuf>,
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// name=value (repeatable)
    #[arg(long = "label")]
    pub(crate) labels: Vec<String>,
    /// nodePort or loadBalancer
    #[arg(long)]
    pub(crate) expose: Option<String>,
    /// What others are told to connect to
    #[arg(long)]
    pub(crate) address: Option<String>,
}
