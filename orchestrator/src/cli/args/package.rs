//! What can be typed after `package`.

use super::{General, Name};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum PackageVerb {
    /// Make descriptors from charts; needs no server
    Build(Box<BuildPackage>),
    /// Say whether packages or descriptors can be on-boarded, and if not, why; needs no server
    Validate(ValidatePackage),
    /// On-board a package at the server
    Add(AddPackage),
    /// Nothing new is made of it; what is made stays
    Disable(Name),
    /// It may be used again
    Enable(Name),
    #[command(flatten)]
    General(General),
}

#[derive(Args)]
pub(crate) struct AddPackage {
    /// A CSAR, an archive of OSM, a zip, a tar, or a document of SOL001 or SOL006
    pub(crate) file: PathBuf,
    /// What it is called there; otherwise after what it describes and its version: web-1-4-2
    #[arg(long)]
    pub(crate) name: Option<String>,
}

#[derive(Args)]
pub(crate) struct ValidatePackage {
    /// CSARs, archives of OSM, zips, tars, or documents of SOL001 or SOL006; - is the standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Certificates of signers, or of authorities that vouch for them, as PEM; repeatable
    #[arg(long, value_name = "CERTIFICATE")]
    pub(crate) trust: Vec<PathBuf>,
    /// What nobody signed of those who are trusted is not valid
    #[arg(long)]
    pub(crate) require_signature: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// TOSCA in a CSAR
    Sol001,
    /// YANG's tree as YAML and JSON
    Sol006,
    /// Archives for OSM since release nine
    Osm,
    /// Archives for OSM up to release eight
    OsmR8,
}

#[derive(Args)]
pub(crate) struct BuildPackage {
    /// Folders or archives (.tgz) of charts
    #[arg(required = true)]
    pub(crate) charts: Vec<PathBuf>,
    /// Values to draw a chart with; of several charts NAME=FILE, repeatable
    #[arg(short = 'f', long = "values")]
    pub(crate) values: Vec<String>,
    /// The folder to write to; also -o DIR
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "sol006")]
    pub(crate) format: Format,
    /// Sign the packages (sol001) with this key, as PEM: RSA, or EC on P-256
    #[arg(long, value_name = "KEY", requires = "certificate")]
    pub(crate) sign: Option<PathBuf>,
    /// The key's certificate as PEM; those between it and an authority may follow in the file
    #[arg(long, requires = "sign")]
    pub(crate) certificate: Option<PathBuf>,
    /// Who answers for the functions
    #[arg(long, default_value = "unspecified")]
    pub(crate) provider: String,
    /// The repository in which a manager finds the charts, as iml (then iml/NAME); otherwise they are put beside
    #[arg(long)]
    pub(crate) repository: Option<String>,
    /// Also a descriptor (NSD) of the service that the charts make together, under this name
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// A slice's file, or a template's: the descriptor of the service that the slice is, of the charts that are named; for
    /// OSM also its slice's template (NST), one for each of the template's profiles
    #[arg(long, value_name = "FILE", conflicts_with = "service")]
    pub(crate) slice: Option<PathBuf>,
    /// The version of that service
    #[arg(long, default_value = "1.0")]
    pub(crate) service_version: String,
    /// Taken of each container that asks for no CPU, and marked as assumed: 100m
    #[arg(long)]
    pub(crate) assume_cpu: Option<models::quantity::Cpu>,
    /// Taken of each container that asks for no memory, and marked as assumed: 64Mi
    #[arg(long)]
    pub(crate) assume_memory: Option<models::quantity::Memory>,
    /// Draw it for this version of Kubernetes, as v1.36.0
    #[arg(long)]
    pub(crate) kube_version: Option<String>,
    /// And for a cluster that serves this, as group/version/Kind; repeatable
    #[arg(long)]
    pub(crate) api_version: Vec<String>,
}
