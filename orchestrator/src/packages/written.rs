//! Descriptors as files, in the form that was asked for.

use super::build::Built;
use adapters::helm::ChartFiles;
use models::yaml;
use serde_json::Value;
use sol005::descriptor::{Mciop, Nsd, Nst, Vnfd};
use sol005::osm::{self, Release};
use sol005::signature::Signer;
use sol005::sol004::{self, Contents};
use sol005::{sol001, sol006};
use std::io;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Sol001,
    Sol006,
    Osm(Release),
}

/// How a chart gets to who makes the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Travels {
    /// Beside the descriptor, or in its archive.
    Package,
    /// It is in a repository that the descriptor names.
    Repository,
}

/// What is made of descriptors.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'s> {
    pub form: Form,
    pub travels: Travels,
    /// Who signs packages of SOL004; other forms have nothing to sign.
    pub signer: Option<&'s Signer>,
}

/// Paths and contents.
pub type Files = Vec<(String, Vec<u8>)>;

/// What charts make together, and as which slices OSM offers it.
#[derive(Debug, Default)]
pub struct Together {
    pub nsd: Option<Nsd>,
    pub nsts: Vec<Nst>,
}

pub fn files(functions: &[Built], together: &Together, wanted: Wanted<'_>) -> io::Result<Files> {
    let Wanted { form, travels, signer } = wanted;
    let mut files = Files::new();
    for built in functions {
        match form {
            Form::Sol006 => {
                document(&mut files, &format!("{}-vnfd", built.chart.name), &sol006::vnfd(&built.drawn.vnfd));
                if travels == Travels::Package {
                    let path = format!("charts/{}-{}.tgz", built.chart.name, built.chart.version);
                    files.push((path, built.archive.to_vec()));
                }
            }
            Form::Sol001 => files.push(csar(built, (travels, signer))?),
            Form::Osm(release) => files.push(osm_function(built, (release, travels))?),
        }
        let report = serde_json::to_value(&built.drawn.report).map_err(io::Error::other)?;
        files.push((format!("{}-report.yaml", built.chart.name), yaml::block(&report).into_bytes()));
    }
    let vnfds: Vec<&Vnfd> = functions.iter().map(|built| &built.drawn.vnfd).collect();
    if let Some(nsd) = &together.nsd {
        match form {
            Form::Sol006 => document(&mut files, &format!("{}-nsd", nsd.name), &sol006::nsd(nsd)),
            Form::Sol001 => {
                let contents = Contents { change_log: change_log(&nsd.name, &nsd.version), ..contents(signer) };
                let archive = sol004::service(nsd, (&sol001::nsd(nsd, &vnfds), &contents))?;
                files.push((format!("{}_ns.csar", nsd.name), archive));
            }
            Form::Osm(release) => {
                let name = osm::nsd_name(nsd);
                let descriptor = format!("{}_nsd", nsd.name);
                let archive = osm::package(&name, (&descriptor, &osm::nsd(nsd, &vnfds, release)), &[])?;
                files.push((format!("{name}.tar.gz"), archive));
                let document =
                    |nst: &Nst| (format!("{}.yaml", osm::nst_name(nst)), yaml::block(&osm::nst(nst)).into_bytes());
                files.extend(together.nsts.iter().map(document));
            }
        }
    }
    Ok(files)
}

/// As YAML and as JSON.
fn document(files: &mut Files, name: &str, document: &Value) {
    files.push((format!("{name}.yaml"), yaml::block(document).into_bytes()));
    let mut json = serde_json::to_vec_pretty(document).unwrap_or_default();
    json.push(b'\n');
    files.push((format!("{name}.json"), json));
}

/// Nobody said when it is released: the same input gives the same bytes.
const RELEASED: &str = "1970-01-01T00:00:00Z";

fn contents(signer: Option<&Signer>) -> Contents<'_> {
    Contents { released: RELEASED.into(), signer, ..Contents::default() }
}

fn change_log(name: &str, version: &str) -> String {
    format!("{name} {version}: made from charts by Sliceway; their own change logs are in them\n")
}

fn csar(built: &Built, (travels, signer): (Travels, Option<&Signer>)) -> io::Result<(String, Vec<u8>)> {
    let (vnfd, chart) = (&built.drawn.vnfd, &built.chart);
    let path = sol004::chart_path(&chart.name, &chart.version);
    let beside = |_: &Mciop| (travels == Travels::Package).then(|| format!("../{path}"));
    let document = sol001::vnfd(vnfd, beside);
    let inside = ChartFiles::read(&built.archive).map_err(io::Error::other)?;
    let licence = |(name, _): &&(String, Vec<u8>)| {
        let name = name.to_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE"].iter().any(|word| name.starts_with(word)) && !name.contains('/')
    };
    let contents = Contents {
        charts: if travels == Travels::Package { vec![(path.clone(), built.archive.to_vec())] } else { vec![] },
        licences: inside.all().iter().filter(licence).cloned().collect(),
        change_log: change_log(&chart.name, &chart.version),
        report: yaml::block(&serde_json::to_value(&built.drawn.report).map_err(io::Error::other)?),
        ..contents(signer)
    };
    Ok((format!("{}.csar", chart.name), sol004::function(vnfd, (&document, &contents))?))
}

fn osm_function(built: &Built, (release, travels): (Release, Travels)) -> io::Result<(String, Vec<u8>)> {
    let name = osm::vnfd_name(&built.drawn.vnfd);
    let document = osm::vnfd(&built.drawn.vnfd, release);
    let chart = match travels {
        Travels::Package => ChartFiles::read(&built.archive).map_err(io::Error::other)?,
        Travels::Repository => ChartFiles::default(),
    };
    let charts = [osm::Chart { name: &built.chart.name, files: chart.all() }];
    let descriptor = format!("{}_vnfd", built.chart.name);
    let archive = osm::package(&name, (&descriptor, &document), &charts)?;
    Ok((format!("{name}.tar.gz"), archive))
}
