//! The programs of a cluster, built from source into the cache by the Go tools, one folder per program and version.
//! A folder appears only when it is complete, and is never changed afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{Context, SHA256};

use crate::command::Run;
use crate::error::{Doing, LabError, Result};

pub(crate) const KUBERNETES: &str = "1.36.3";
const KUBE: [(&str, &str); 3] = [
    ("go.mod", include_str!("../kube/go.mod")),
    ("go.sum", include_str!("../kube/go.sum")),
    ("main.go", include_str!("../kube/main.go")),
];
const PAUSE: [(&str, &str); 2] =
    [("go.mod", include_str!("../pause/go.mod")), ("main.go", include_str!("../pause/main.go"))];
const BUILD_DEADLINE: Duration = Duration::from_secs(45 * 60);

/// Where the sources of a program are.
enum Source {
    /// Files of ours.
    Here(&'static [(&'static str, &'static str)]),
    /// Packages of one published module: the module's path and version, then the packages below it.
    Published { module: &'static str, version: &'static str, packages: &'static [&'static str] },
}

/// One folder of the cache.
struct Program {
    name: &'static str,
    source: Source,
    /// Names of the programs as Go calls them, and as the folder shall.
    renamed: Option<(&'static str, &'static str)>,
}

const PROGRAMS: [Program; 7] = [
    Program { name: "kube", source: Source::Here(&KUBE), renamed: None },
    Program { name: "pause", source: Source::Here(&PAUSE), renamed: None },
    Program {
        name: "containerd",
        source: Source::Published {
            module: "github.com/containerd/containerd/v2",
            version: "v2.4.2",
            packages: &["cmd/containerd", "cmd/containerd-shim-runc-v2", "cmd/ctr"],
        },
        renamed: None,
    },
    Program {
        name: "cni",
        source: Source::Published {
            module: "github.com/containernetworking/plugins",
            version: "v1.9.1",
            packages: &["plugins/main/loopback", "plugins/main/ptp", "plugins/ipam/host-local", "plugins/meta/portmap"],
        },
        renamed: None,
    },
    Program {
        name: "policies",
        source: Source::Published {
            module: "sigs.k8s.io/kube-network-policies",
            version: "v0.8.0",
            packages: &["cmd"],
        },
        renamed: Some(("cmd", "kube-network-policies")),
    },
    Program {
        name: "coredns",
        source: Source::Published { module: "github.com/coredns/coredns", version: "v1.15.0", packages: &[""] },
        renamed: None,
    },
    Program {
        name: "local-path",
        source: Source::Published {
            module: "github.com/rancher/local-path-provisioner",
            version: "v0.0.30",
            packages: &[""],
        },
        renamed: None,
    },
];

impl Program {
    /// The folder's name: the program and what it is made from.
    fn key(&self) -> String {
        match &self.source {
            Source::Published { version, .. } => format!("{}-{version}", self.name),
            Source::Here(files) => {
                let mut digest = Context::new(&SHA256);
                for (name, text) in *files {
                    digest.update(format!("{name}\0{text}\0").as_bytes());
                }
                let digest = digest.finish();
                let short: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                format!("{}-{short}", self.name)
            }
        }
    }

    fn linker_flags(&self) -> String {
        if self.name != "kube" {
            return "-s -w".to_owned();
        }
        let mut parts = KUBERNETES.split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let set = |key: &str, value: &str| format!(" -X k8s.io/component-base/version.{key}={value}");
        format!(
            "-s -w{}{}{}",
            set("gitVersion", &format!("v{KUBERNETES}")),
            set("gitMajor", major),
            set("gitMinor", minor)
        )
    }

    fn build(&self, into: &Path, sources: &Path) -> Result<()> {
        let flags = ["-trimpath".to_owned(), format!("-ldflags={}", self.linker_flags())];
        let go = Run::new("go").env("CGO_ENABLED", "0").env("GOBIN", into).env("GOFLAGS", "").deadline(BUILD_DEADLINE);
        match &self.source {
            Source::Here(files) => {
                fs::create_dir_all(sources).doing("make", sources)?;
                for (name, text) in *files {
                    fs::write(sources.join(name), text).doing("write", &sources.join(name))?;
                }
                let target = into.join(self.name);
                let target = [format!("-o={}", target.display()), ".".to_owned()];
                go.current_dir(sources).args(["build".to_owned()]).args(flags).args(target).output()?;
            }
            Source::Published { module, version, packages } => {
                let package =
                    |package: &&str| format!("{module}/{package}").trim_end_matches('/').to_owned() + "@" + version;
                go.args(["install".to_owned()]).args(flags).args(packages.iter().map(package)).output()?;
            }
        }
        if let Some((from, to)) = self.renamed {
            fs::rename(into.join(from), into.join(to)).doing("rename", &into.join(from))?;
        }
        Ok(())
    }
}

/// The folder of a program in the cache, relative to the cache.
pub(crate) fn folder(name: &str) -> PathBuf {
    let key = PROGRAMS.iter().find(|program| program.name == name).map_or_else(|| name.to_owned(), Program::key);
    Path::new("bin").join(key)
}

/// What is to be there: every program, or those with these names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Named(Vec<String>),
}

impl Wanted {
    fn programs(&self) -> Result<Vec<&'static Program>> {
        let Self::Named(names) = self else {
            return Ok(PROGRAMS.iter().collect());
        };
        let known = |name: &String| {
            PROGRAMS.iter().find(|program| program.name == name).ok_or_else(|| {
                let all: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
                LabError::refused(format!("the lab has no program `{name}`"), format!("use one of {}", all.join(", ")))
            })
        };
        names.iter().map(known).collect()
    }
}

/// Builds what is wanted and the cache does not hold; `tell` hears of each build before it begins. One builds at a time.
pub(crate) fn ensure(cache: &Path, wanted: &Wanted, tell: &dyn Fn(&str)) -> Result<()> {
    let wanted = wanted.programs()?;
    let missing: Vec<&Program> =
        wanted.iter().copied().filter(|program| !cache.join(folder(program.name)).exists()).collect();
    if !missing.is_empty() {
        Run::new("go").args(["version"]).output().map_err(|_| {
            LabError::refused(
                "the lab builds its programs with Go, and `go` cannot be run",
                "install Go 1.26, then: sliceway-lab up",
            )
        })?;
        // Only what a build left that was killed can be here.
        let work = cache.join("work");
        if work.exists() {
            fs::remove_dir_all(&work).doing("remove", &work)?;
        }
    }
    for program in missing {
        tell(&format!("building {} (once; minutes when Go's own cache is cold)", program.key()));
        build(program, cache)?;
    }
    if wanted.iter().any(|program| program.name == "kube") { offer_by_version(cache) } else { Ok(()) }
}

fn build(program: &Program, cache: &Path) -> Result<()> {
    let work = cache.join("work").join(program.key());
    let (into, sources) = (work.join("bin"), work.join("src"));
    fs::create_dir_all(&into).doing("make", &into)?;
    let built = program.build(&into, &sources);
    if built.is_ok() {
        let target = cache.join(folder(program.name));
        fs::create_dir_all(cache.join("bin")).doing("make", &cache.join("bin"))?;
        fs::rename(&into, &target).doing("make", &target)?;
    }
    fs::remove_dir_all(&work).doing("remove", &work)?;
    built
}

/// Other programs know the version of Kubernetes and not the digest of our sources: a link leads from the one to the other.
fn offer_by_version(cache: &Path) -> Result<()> {
    let link = cache.join("bin").join(format!("kube-v{KUBERNETES}"));
    let target = folder("kube");
    let target = Path::new(target.file_name().unwrap_or_default());
    if fs::read_link(&link).is_ok_and(|there| there == target) {
        return Ok(());
    }
    let partial = link.with_extension("new");
    if partial.symlink_metadata().is_ok() {
        fs::remove_file(&partial).doing("remove", &partial)?;
    }
    std::os::unix::fs::symlink(target, &partial).doing("link", &partial)?;
    fs::rename(&partial, &link).doing("link", &link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_what_it_is_made_from() {
        assert_eq!(folder("coredns"), Path::new("bin/coredns-v1.15.0"));
        assert!(folder("kube").to_string_lossy().starts_with("bin/kube-"));
    }

    #[test]
    fn kubernetes_is_found_by_its_version() {
        let cache = tempfile::tempdir().unwrap();
        let real = cache.path().join(folder("kube"));
        fs::create_dir_all(&real).unwrap();
        fs::write(real.join("kube"), "program").unwrap();
        let link = cache.path().join(format!("bin/kube-v{KUBERNETES}"));
        std::os::unix::fs::symlink("kube-of-yesterday", &link).unwrap();
        for _ in 0..2 {
            ensure(cache.path(), &Wanted::Named(vec!["kube".into()]), &|words| panic!("{words}")).unwrap();
            assert_eq!(fs::read_to_string(link.join("kube")).unwrap(), "program");
        }
    }

    #[test]
    fn an_unknown_program_is_refused_with_those_that_there_are() {
        let failure = ensure(Path::new("/nowhere"), &Wanted::Named(vec!["cube".into()]), &|_| {}).unwrap_err();
        assert!(failure.next().unwrap().contains("kube, pause, containerd"), "{failure}");
    }

    #[test]
    fn the_version_of_the_module_is_the_version_that_is_reported() {
        assert!(KUBE[0].1.contains(&format!("k8s.io/kubernetes v{KUBERNETES}")));
    }
}
