//! The command line of `sliceway-lab`: what can be typed, and which part of the lab does it. Data goes to stdout, words to stderr.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::binaries::Wanted;
use crate::demo::Demo;
use crate::error::{Doing, LabError, Result};
use crate::file::{DEFAULT, Plan, Wan, is_quantity};
use crate::images;
use crate::inner;
use crate::kubectl::Kubectl;
use crate::lab::Lab;
use crate::machine::{become_launcher, become_program};
use crate::network::{self, Wire};
use crate::place::{DEFAULT_NAME, Place, Surroundings};
use crate::state::{Lock, State};
use crate::status;
use crate::supervisor::Request;

/// Real Kubernetes clusters on one computer, joined by a network that can be shaped and cut.
#[derive(Debug, Parser)]
#[command(name = "sliceway-lab", version)]
pub struct Cli {
    /// Which lab, where several stand side by side
    #[arg(long, global = true, env = "SLICEWAY_LAB_NAME", default_value = DEFAULT_NAME)]
    name: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the lab and wait until it is ready; a lab that is up already stays as it is
    Up {
        /// The lab file; without it, two clusters `edge` and `cloud`
        #[arg(short, long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        bridge: Bridge,
    },
    /// Show each process, port, kubeconfig and link
    Status {
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// End everything that the lab started; only the cache stays
    Down,
    /// Print the path of a cluster's kubeconfig
    Kubeconfig { cluster: String },
    /// Change the wide-area network
    Wan {
        #[command(subcommand)]
        change: WanChange,
    },
    /// Run a program inside a cluster's machine, in `field` or in `wan`
    Exec {
        member: String,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run the lab's kubectl against a cluster
    Kubectl {
        cluster: String,
        #[arg(last = true, required = true)]
        words: Vec<String>,
    },
    /// Container images
    Images {
        #[command(subcommand)]
        verb: ImagesVerb,
    },
    /// Kill a component and start it again
    Restart { cluster: String, component: String },
    /// Kill a component and leave it ended
    Stop { cluster: String, component: String },
    /// Start a component that was stopped
    Start { cluster: String, component: String },
    /// Start a server, register the lab, apply a slice, publish as a device and read back in the cloud
    Demo {
        /// The project's folder `labs`
        #[arg(long, default_value = "labs")]
        labs: PathBuf,
        /// End the demo's server and remove what it kept
        #[arg(long)]
        stop: bool,
    },
    /// Build the programs that the lab needs into the cache, and nothing else
    Build {
        /// Only these, such as kube; without one, all
        programs: Vec<String>,
    },
    /// Becomes the launcher of a machine
    #[command(hide = true)]
    MachineStart { dir: PathBuf, namespace: String, groups: Vec<PathBuf> },
    /// Becomes a program inside a machine
    #[command(hide = true)]
    MachineEnter {
        pid: u32,
        #[arg(long = "group")]
        groups: Vec<PathBuf>,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Is pid 1 of a machine
    #[command(hide = true)]
    Machine { dir: PathBuf },
}

#[derive(Debug, Args)]
struct Bridge {
    /// The `sliceway` program for the image lab.local/senml:1; without it, the one beside this program
    #[arg(long)]
    bridge: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
enum WanChange {
    /// Take a cluster off the network, and away from programs on this computer too
    Cut { cluster: String },
    /// Mend what was cut
    Restore { cluster: String },
    /// Set the rate, the longest wait in the buffer, or a fixed delay of a cluster's link, in both directions
    ///
    /// A rate and a buffer work everywhere (token bucket: an idle link adds no delay, a full one up to `buffer`).
    /// A fixed delay needs the kernel's netem; where it is missing, --delay is refused and nothing changes.
    Shape {
        cluster: String,
        /// Such as 20mbit
        #[arg(long)]
        rate: Option<String>,
        /// Such as 100ms
        #[arg(long)]
        buffer: Option<String>,
        /// Such as 50ms; needs netem
        #[arg(long)]
        delay: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum ImagesVerb {
    /// Import archives (OCI or Docker form) into every cluster; without a path, the lab's own that changed
    Load {
        /// A file, or a folder whose .tar files are meant
        path: Option<PathBuf>,
        /// Only into this cluster
        #[arg(long)]
        cluster: Option<String>,
        #[command(flatten)]
        bridge: Bridge,
    },
}

/// Does what was typed and returns the exit code.
///
/// # Errors
/// Whatever kept it from being done.
pub fn run(cli: Cli, surroundings: &Surroundings) -> Result<u8> {
    let place = Place::new(surroundings, &cli.name)?;
    let tell = |words: &str| eprintln!("{words}");
    let lab = Lab { place: &place, tell: &tell };
    match cli.verb {
        Verb::Up { file, bridge } => up(&lab, file.as_deref(), &bridge)?,
        Verb::Status { output } => print(&status::look(&lab)?, output)?,
        Verb::Down => lab.down()?,
        Verb::Kubeconfig { cluster } => {
            State::existing(&place)?.cluster(&cluster)?;
            println!("{}", place.kubeconfig(&cluster).display());
        }
        Verb::Wan { change } => wan(&lab, change)?,
        Verb::Exec { member, command } => return exec(&lab, &member, &command),
        Verb::Kubectl { cluster, words } => {
            State::existing(&place)?.cluster(&cluster)?;
            return Kubectl::new(&place, &cluster).replace(&words);
        }
        Verb::Images { verb: ImagesVerb::Load { path, cluster, bridge } } => {
            load(&lab, path.as_deref(), cluster.as_deref(), &bridge)?
        }
        Verb::Restart { cluster, component } => ask(&lab, &cluster, &Request::Restart(component))?,
        Verb::Stop { cluster, component } => ask(&lab, &cluster, &Request::Stop(component))?,
        Verb::Start { cluster, component } => ask(&lab, &cluster, &Request::Start(component))?,
        Verb::Demo { stop: true, .. } => Demo::new(&place, surroundings, &tell)?.stop()?,
        Verb::Demo { labs, .. } => Demo::new(&place, surroundings, &tell)?.run(&labs)?,
        Verb::Build { programs } if programs.is_empty() => lab.build(&Wanted::All)?,
        Verb::Build { programs } => lab.build(&Wanted::Named(programs))?,
        Verb::MachineStart { dir, namespace, groups } => become_launcher(&place.program, &dir, &namespace, &groups)?,
        Verb::MachineEnter { pid, groups, command } => become_program(pid, &groups, &command)?,
        Verb::Machine { dir } => inner::main(&dir)?,
    }
    Ok(0)
}

impl Bridge {
    /// The program that was named, or the one beside this.
    fn find(&self, own: &Path) -> Result<Option<PathBuf>> {
        if let Some(named) = &self.bridge {
            if !named.is_file() {
                return Err(LabError::refused(
                    format!("{} is not a program", named.display()),
                    "cargo build -p orchestrator",
                ));
            }
            return Ok(Some(named.clone()));
        }
        Ok(Some(own.with_file_name("sliceway")).filter(|beside| beside.is_file()))
    }
}

fn up(lab: &Lab<'_>, file: Option<&Path>, bridge: &Bridge) -> Result<()> {
    let plan = match file {
        Some(path) => Plan::parse(&path.display().to_string(), &fs::read_to_string(path).doing("read", path)?)?,
        None => Plan::parse("the built-in lab file", DEFAULT)?,
    };
    lab.up(&plan, bridge.find(&lab.place.program)?.as_deref())
}

fn print(status: &status::Status, output: Output) -> Result<()> {
    match output {
        Output::Table => println!("{}", status.table()),
        Output::Json => {
            let json = |source| LabError::Json { what: "the status".to_owned(), source };
            println!("{}", serde_json::to_string_pretty(status).map_err(json)?);
        }
    }
    Ok(())
}

fn wan(lab: &Lab<'_>, change: WanChange) -> Result<()> {
    let state = State::existing(lab.place)?;
    let _lock = Lock::take(lab.place)?;
    match change {
        WanChange::Cut { cluster } => {
            state.cluster(&cluster)?;
            network::wire(lab.place, &cluster, Wire::Cut)?;
            (lab.tell)(&format!("{cluster} is off the network; next: sliceway-lab wan restore {cluster}"));
        }
        WanChange::Restore { cluster } => {
            state.cluster(&cluster)?;
            network::wire(lab.place, &cluster, Wire::Whole)?;
            (lab.tell)(&format!("{cluster} is on the network"));
        }
        WanChange::Shape { cluster, rate, buffer, delay } => {
            state.cluster(&cluster)?;
            let whole = state.plan.wan;
            let wan = Wan { rate: rate.unwrap_or(whole.rate), buffer: buffer.unwrap_or(whole.buffer), delay };
            if let Some(wrong) = [Some(&wan.rate), Some(&wan.buffer), wan.delay.as_ref()]
                .into_iter()
                .flatten()
                .find(|value| !is_quantity(value))
            {
                return Err(LabError::refused(
                    format!("`{wrong}` is not a number with a unit"),
                    "write 20mbit or 100ms, for example",
                ));
            }
            network::check_delay(&wan)?;
            network::shape(lab.place, &cluster, &wan)?;
            (lab.tell)(&format!("{cluster}: {}", network::seen(lab.place, &cluster)?.1));
        }
    }
    Ok(())
}

/// Takes the terminal over; the exit code is the program's own.
fn exec(lab: &Lab<'_>, member: &str, words: &[String]) -> Result<u8> {
    let state = State::existing(lab.place)?;
    let (program, args) = words
        .split_first()
        .ok_or_else(|| LabError::refused("no program is named", "sliceway-lab exec edge -- ip address"))?;
    let mut command = if member == "wan" || (member == "field" && state.plan.field.is_some()) {
        let mut command = Process::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", lab.place.label(member))).arg("--").args(words);
        command
    } else {
        lab.machine(member, state.cluster(member)?).enter(program, args)?.into_command()
    };
    Err(LabError::Io { what: format!("cannot run {program}"), source: command.exec() })
}

fn load(lab: &Lab<'_>, path: Option<&Path>, only: Option<&str>, bridge: &Bridge) -> Result<()> {
    let Some(path) = path else {
        return lab.reload(bridge.find(&lab.place.program)?.as_deref(), only);
    };
    let state = State::existing(lab.place)?;
    let files = images::named(path)?;
    for name in state.clusters.keys().filter(|name| only.is_none_or(|only| only == *name)) {
        for file in &files {
            images::import(&lab.machine(name, state.cluster(name)?), file)?;
            (lab.tell)(&format!("{name}: imported {}", file.display()));
        }
    }
    Ok(())
}

fn ask(lab: &Lab<'_>, cluster: &str, request: &Request) -> Result<()> {
    let state = State::existing(lab.place)?;
    lab.machine(cluster, state.cluster(cluster)?).ask(request).map(drop)
}
