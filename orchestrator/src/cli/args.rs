//! What can be typed. General verbs come first, as in kubectl; a noun's own verbs come after it.

mod cluster;
mod operation;
mod orphans;
mod package;
mod repository;
mod service;
mod slice;
mod template;

pub(crate) use cluster::{ClusterAdd, ClusterVerb};
pub(crate) use operation::OperationVerb;
pub(crate) use orphans::Orphans;
pub(crate) use package::{AddPackage, BuildPackage, Format, PackageVerb, ValidatePackage};
pub(crate) use repository::{ChartVerb, RepositoryAdd, RepositoryVerb};
pub(crate) use service::{
    CreateService, HealService, Instantiate, Said, ScaleService, ServiceHow, ServiceVerb, TerminateService,
    UpdateService,
};
pub(crate) use slice::{AdoptRelease, HandBack, How, SliceVerb, TestSlice};

pub(crate) use template::{ChangeTemplate, InstantiateTemplate, Offer, ShowTemplate, TemplateVerb, UpgradeTemplate};

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Parser)]
#[command(
    name = "sliceway",
    version,
    about = "End-to-end IoT slices over edge and cloud clusters",
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone)]
pub(crate) struct Global {
    /// The server; otherwise SLICEWAY_SERVER, then the file of `sliceway login`
    #[arg(long, global = true, env = "SLICEWAY_SERVER")]
    pub(crate) server: Option<String>,
    /// The token; otherwise SLICEWAY_TOKEN, then the file of `sliceway login`
    #[arg(long, global = true, env = "SLICEWAY_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Act in this tenant
    #[arg(long, global = true, env = "SLICEWAY_TENANT")]
    pub(crate) tenant: Option<String>,
    /// table, wide, json or yaml
    #[arg(short, long, global = true)]
    pub(crate) output: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Table,
    Wide,
    Json,
    Yaml,
}

impl Global {
    pub(crate) fn format(&self) -> Result<Output, super::error::Failed> {
        match self.output.as_deref() {
            None | Some("table") => Ok(Output::Table),
            Some("wide") => Ok(Output::Wide),
            Some("json") => Ok(Output::Json),
            Some("yaml") => Ok(Output::Yaml),
            Some(other) => Err(super::error::Failed::usage(format!("-o {other:?}")).next("table, wide, json or yaml")),
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the orchestrator
    Serve(Serve),
    /// Run the data path's SenML service (inside a server's pod)
    Bridge(Bridge),
    /// Remember a server and a token
    Login(Login),
    /// List a noun, or show one of it
    #[command(visible_alias = "list")]
    Get(Get),
    /// Show one thing beside what the world says now
    Describe(One),
    /// Why a slice stands where it stands, or what an operation waits for: explain slice NAME, explain operation ID
    Explain(Explain),
    /// Delete one thing
    Delete(Delete),
    /// Make the world as a file says
    Apply(Apply),
    /// Show what applying a file would do, and why
    Plan(Preview),
    /// As plan, and exit with 1 where something would change
    Diff(Preview),
    /// Make something by flags: tenant NAME, token --role R
    Create(Create),
    /// Clusters: add, set, doctor, and the general verbs
    #[command(alias = "clusters")]
    Cluster {
        #[command(subcommand)]
        verb: ClusterVerb,
    },
    /// Repositories of charts: add, search, update, and the general verbs
    #[command(alias = "repositories")]
    Repository {
        #[command(subcommand)]
        verb: RepositoryVerb,
    },
    /// Charts: show
    #[command(alias = "charts")]
    Chart {
        #[command(subcommand)]
        verb: ChartVerb,
    },
    /// Packages: descriptors (VNFD, NSD) from charts; validate, add, and the general verbs
    #[command(alias = "packages")]
    Package {
        #[command(subcommand)]
        verb: PackageVerb,
    },
    /// Network services of on-boarded descriptors: create, instantiate, scale, update, heal, terminate, and the general verbs
    #[command(alias = "services", visible_alias = "ns")]
    Service {
        #[command(subcommand)]
        verb: ServiceVerb,
    },
    /// Templates: create, show, instantiate, change, upgrade, and the general verbs
    #[command(alias = "templates")]
    Template {
        #[command(subcommand)]
        verb: TemplateVerb,
    },
    /// Tenants: create, and the general verbs
    #[command(alias = "tenants")]
    Tenant {
        #[command(subcommand)]
        verb: TenantVerb,
    },
    /// Tokens: create, revoke, and the general verbs
    #[command(alias = "tokens")]
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Slices: explain, test, and the general verbs
    #[command(alias = "slices")]
    Slice {
        #[command(subcommand)]
        verb: SliceVerb,
    },
    /// Gateways: the general verbs
    #[command(alias = "gateways")]
    Gateway {
        #[command(subcommand)]
        verb: General,
    },
    /// Servers of slices: the general verbs
    #[command(alias = "servers")]
    Server {
        #[command(subcommand)]
        verb: General,
    },
    /// Functions: the general verbs
    #[command(alias = "functions")]
    Function {
        #[command(subcommand)]
        verb: General,
    },
    /// Devices: credentials, and the general verbs
    #[command(alias = "devices")]
    Device {
        #[command(subcommand)]
        verb: DeviceVerb,
    },
    /// Operations: watch, the operator's moves, and the general verbs
    #[command(alias = "operations")]
    Operation {
        #[command(subcommand)]
        verb: OperationVerb,
    },
    /// What stands in the world and is wanted by nobody: list it, look for more, remove or adopt
    Orphans(Orphans),
    /// Print the JSON Schema of the files, for editors
    Schema,
    /// Print what a shell needs to complete verbs and names
    Completion { shell: clap_complete::Shell },
}

#[derive(Args)]
pub(crate) struct Serve {
    /// One TOML file; flags and SLICEWAY_* override it
    #[arg(long, env = "SLICEWAY_SERVER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder; made where it is missing
    #[arg(long, env = "SLICEWAY_DATA")]
    pub(crate) data: Option<PathBuf>,
    #[arg(long, env = "SLICEWAY_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// A PEM certificate chain: serve TLS
    #[arg(long, requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    #[arg(long, requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Logs as JSON
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Args)]
pub(crate) struct Bridge {
    #[arg(long)]
    pub(crate) mqtt: SocketAddr,
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    #[arg(long)]
    pub(crate) data: PathBuf,
}

#[derive(Args)]
pub(crate) struct Login {
    /// A PEM file with the CA of the server's certificate
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Get {
    /// tenants, tokens, clusters, repositories, packages, services, templates, slices, gateways, servers, functions, devices, operations, alarms, orphans
    pub(crate) noun: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// One of a noun, or all of it.
#[derive(Args, Default)]
pub(crate) struct Which {
    pub(crate) name: Option<String>,
    /// Only those with this label (name=value, repeatable)
    #[arg(short = 'l', long = "label", conflicts_with = "name")]
    pub(crate) labels: Vec<String>,
    /// Only those of this slice (gateways, servers, functions, devices)
    #[arg(long)]
    pub(crate) slice: Option<String>,
    /// Go on and print what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Args)]
pub(crate) struct One {
    /// tenant, token, cluster, repository, slice, gateway, server, function, device or operation
    pub(crate) noun: String,
    /// Its name; the id of a token or operation
    pub(crate) name: String,
}

#[derive(Args)]
#[command(override_usage = "sliceway explain [OPTIONS] slice|operation NAME")]
pub(crate) struct Explain {
    /// slice: why each function stands where it stands; operation: what it waits for, and the moves that are open
    pub(crate) noun: String,
    /// The slice's name, or the operation's id
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct Delete {
    pub(crate) noun: String,
    #[command(flatten)]
    pub(crate) one: DeleteOne,
}

#[derive(Args)]
pub(crate) struct DeleteOne {
    pub(crate) name: String,
    /// Show what would be deleted, and do nothing (slices)
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) removal: Removal,
}

/// What the deletion of a slice takes.
#[derive(Args, Clone, Default)]
pub(crate) struct Removal {
    /// Wait until the operation ends (slices)
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a cause which can pass is waited for: 90s, 5m, 1h (slices)
    #[arg(long)]
    pub(crate) timeout: Option<String>,
    /// A function whose data may be deleted (slices; repeatable)
    #[arg(long)]
    pub(crate) allow_data_loss: Vec<String>,
    /// Delete by exactly the plan that was shown under this id (slices)
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Take over from an operation that runs (slices)
    #[arg(long)]
    pub(crate) supersede: bool,
    /// What stands on a cluster that cannot be reached is forgotten and stays there for good (slices; clusters with --drain)
    #[arg(long)]
    pub(crate) forget: bool,
    /// Move what stands there first, then delete it (clusters)
    #[arg(long)]
    pub(crate) drain: bool,
}

impl Removal {
    /// As a change that moves and upgrades nothing.
    pub(crate) fn change(&self) -> Change {
        Change {
            wait: self.wait,
            timeout: self.timeout.clone(),
            allow: Allow { allow_data_loss: self.allow_data_loss.clone(), ..Allow::default() },
            plan: self.plan.clone(),
            supersede: self.supersede,
            forget: self.forget,
        }
    }

    /// The first of its flags that was said.
    pub(crate) fn said(&self) -> Option<&'static str> {
        let flags = [
            ("--wait", self.wait),
            ("--timeout", self.timeout.is_some()),
            ("--allow-data-loss", !self.allow_data_loss.is_empty()),
            ("--plan", self.plan.is_some()),
            ("--supersede", self.supersede),
            ("--forget", self.forget),
            ("--drain", self.drain),
        ];
        flags.into_iter().find(|(_, said)| *said).map(|(flag, _)| flag)
    }
}

/// The verbs that stand before a noun may stand after it as well.
#[derive(Subcommand)]
pub(crate) enum General {
    /// List them, or show one
    #[command(visible_alias = "list")]
    Get(Which),
    /// Show one beside what the world says now
    Describe(Name),
    /// Delete one
    Delete(DeleteOne),
    /// Make the world as a file says, which holds this noun only
    Apply(Apply),
}

#[derive(Args, Clone, Default)]
pub(crate) struct Change {
    /// Wait until the operation ends
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a cause which can pass is waited for: 90s, 5m, 1h; a number alone is seconds
    #[arg(long)]
    pub(crate) timeout: Option<String>,
    #[command(flatten)]
    pub(crate) allow: Allow,
    /// Apply exactly the plan that was shown under this id
    #[arg(long)]
    pub(crate) plan: Option<String>,
    /// Take over from an operation that runs
    #[arg(long)]
    pub(crate) supersede: bool,
    /// What is to go from a cluster that cannot be reached is forgotten and stays there for good
    #[arg(long)]
    pub(crate) forget: bool,
}

/// What a plan may do that it does not do by itself.
#[derive(Args, Clone, Default)]
pub(crate) struct Allow {
    /// A function that may move or be made anew (repeatable)
    #[arg(long)]
    pub(crate) replace: Vec<String>,
    /// A function whose data may be deleted (repeatable)
    #[arg(long)]
    pub(crate) allow_data_loss: Vec<String>,
    /// A function whose chart is resolved and rendered again (repeatable)
    #[arg(long)]
    pub(crate) upgrade: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) change: Change,
}

#[derive(Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) allow: Allow,
}

#[derive(Args)]
pub(crate) struct Files {
    /// A file, a folder, or - for standard input (repeatable)
    #[arg(short = 'f', long = "file", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(subcommand)]
    pub(crate) noun: CreateNoun,
}

#[derive(Subcommand)]
pub(crate) enum CreateNoun {
    Tenant(CreateTenant),
    Token(CreateToken),
}

#[derive(Args)]
pub(crate) struct CreateTenant {
    pub(crate) name: String,
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// Certificates of who signs its packages, or of authorities that vouch for them, as PEM; repeatable
    #[arg(long, value_name = "CERTIFICATE")]
    pub(crate) trust: Vec<PathBuf>,
    /// Its packages must be signed by one of these
    #[arg(long, requires = "trust")]
    pub(crate) require_signature: bool,
}

#[derive(Args)]
pub(crate) struct CreateToken {
    /// viewer, operator or admin
    #[arg(long)]
    pub(crate) role: String,
    #[arg(long, default_value = "")]
    pub(crate) description: String,
    /// When it ends: 2027-01-31 (UTC), or 2027-01-31T12:00:00Z
    #[arg(long)]
    pub(crate) ends: Option<String>,
}

#[derive(Args)]
pub(crate) struct Name {
    pub(crate) name: String,
}

#[derive(Subcommand)]
pub(crate) enum TenantVerb {
    Create(CreateTenant),
    #[command(flatten)]
    General(General),
}

#[derive(Subcommand)]
pub(crate) enum TokenVerb {
    Create(CreateToken),
    Revoke {
        id: String,
    },
    #[command(flatten)]
    General(General),
}

#[derive(Subcommand)]
pub(crate) enum DeviceVerb {
    #[command(flatten)]
    General(General),
    /// Write what a device needs to speak to its gateway, its password too, into a folder
    Credentials {
        name: String,
        /// The folder; made where it is missing (-o DIR says the same)
        #[arg(long)]
        dir: Option<PathBuf>,
        #[arg(long)]
        slice: Option<String>,
    },
}
