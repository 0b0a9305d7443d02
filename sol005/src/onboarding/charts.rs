//! The charts that a package brings: each is looked into, and known by a digest that was computed here.

use super::contents::{Chart, ChartSource, Descriptor, Onboarded};
use crate::archive::{self, Entries, Limits, Tar};
use crate::descriptor::Mciop;
use models::Problem;
use models::file::Located;
use sha2::{Digest as _, Sha256};

/// Finds the chart of each function; paths count from the descriptor's folder, or from the package's top.
pub(super) fn pin(onboarded: &mut Onboarded, files: &Entries) -> Result<(), Vec<Problem>> {
    let Descriptor::Function(vnfd) = &onboarded.descriptor else { return Ok(()) };
    let folder = onboarded.entry.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut problems = Vec::new();
    let mut charts = Vec::new();
    for mciop in &vnfd.mciops {
        match one(mciop, (files, folder)) {
            Ok(chart) => charts.push(chart),
            Err(more) => problems.extend(more.into_iter().map(|problem| match problem.file {
                Some(_) => problem,
                None => Problem { file: Some(onboarded.entry.clone()), ..problem },
            })),
        }
    }
    onboarded.charts = charts;
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn one(mciop: &Mciop, (files, own): (&Entries, &str)) -> Result<Chart, Vec<Problem>> {
    let function = mciop.id.clone();
    let Some(source) = source(&mciop.chart, (files, own)) else {
        let message = format!("the chart {} of {function} is not in the package", mciop.chart);
        let mend = "pack it with the descriptor (its folder, or NAME.tgz), or name it in a repository: REPOSITORY/NAME";
        return Err(vec![Problem::at("", message).mend(mend)]);
    };
    let (archive, own) = match &source {
        ChartSource::Archive(path) => archived(path, &files[path])?,
        ChartSource::Folder(path) => folder(path, files)?,
        ChartSource::Repository(..) | ChartSource::Address(_) => {
            let (version, digest) = (mciop.version.clone(), mciop.digest.clone());
            return Ok(Chart { function, source, name: String::new(), version, digest, archive: None });
        }
    };
    let digest = format!("{:x}", Sha256::digest(&archive));
    let differs = |what: &str, told: &str, is: &str| {
        let message = format!("the chart of {function} has the {what} {is}, and the descriptor says {told}");
        Err(vec![Problem::at("", message).mend("put in the chart that the descriptor means, or mend the descriptor")])
    };
    if !mciop.digest.is_empty() && !mciop.digest.eq_ignore_ascii_case(&digest) {
        return differs("digest", &mciop.digest, &digest);
    }
    if !mciop.version.is_empty() && mciop.version != own.version {
        return differs("version", &mciop.version, &own.version);
    }
    Ok(Chart { function, source, name: own.name, version: own.version, digest, archive: Some(archive) })
}

/// In the package as it is named, or where OSM looks for it; else in a repository or at an address. `None`: nowhere.
fn source(chart: &str, (files, own): (&Entries, &str)) -> Option<ChartSource> {
    if chart.contains("://") {
        return Some(ChartSource::Address(chart.to_owned()));
    }
    for folder in ["", "helm-chart-v3s", "helm-charts", "k8s_models", "charts"] {
        let bases = [joined([own, folder, chart]), joined([folder, chart])];
        if let Some(found) = bases.into_iter().flatten().find_map(|base| inside(base, files)) {
            return Some(found);
        }
    }
    let (repository, name) = chart.split_once('/')?;
    let is_named =
        ![repository, name].iter().any(|part| part.is_empty() || part.starts_with('.') || part.contains('/'));
    let is_packed = [".tgz", ".tar.gz"].iter().any(|end| name.ends_with(end));
    (is_named && !is_packed).then(|| ChartSource::Repository(repository.to_owned(), name.to_owned()))
}

/// `None`: it leads out of the package.
fn joined<const N: usize>(paths: [&str; N]) -> Option<String> {
    let mut parts: Vec<&str> = vec![];
    for part in paths.into_iter().flat_map(|path| path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A chart's folder, or its archive.
fn inside(base: String, files: &Entries) -> Option<ChartSource> {
    if files.contains_key(&format!("{base}/Chart.yaml")) {
        return Some(ChartSource::Folder(base));
    }
    let packed = [format!("{base}.tgz"), format!("{base}.tar.gz")];
    let versioned = versioned(&base, files);
    [base].into_iter().chain(packed).find(|path| files.contains_key(path)).or(versioned).map(ChartSource::Archive)
}

/// As `helm package` names it: `NAME-VERSION.tgz`. Of several none is meant.
fn versioned(base: &str, files: &Entries) -> Option<String> {
    let stem = format!("{base}-");
    let is_it = |path: &&String| {
        let version = path.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(".tgz"));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut found =
        files.range(stem.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(&stem)).filter(is_it);
    let first = found.next()?;
    found.next().is_none().then(|| first.clone())
}

/// What a chart says of itself.
struct Own {
    name: String,
    version: String,
}

/// Bounded as the package is; nothing in it is unpacked further.
fn archived(path: &str, bytes: &[u8]) -> Result<(Vec<u8>, Own), Vec<Problem>> {
    let inside = |problem: Problem| {
        let file = problem.file.as_ref().map_or_else(|| path.to_owned(), |file| format!("{path}!{file}"));
        Problem { file: Some(file), ..problem }
    };
    let files = archive::read(bytes, Limits::default());
    let files = files.map_err(|problems| problems.into_iter().map(inside).collect::<Vec<_>>())?;
    let chart = files.iter().find(|(name, _)| name.split_once('/').is_some_and(|(_, rest)| rest == "Chart.yaml"));
    let Some((name, text)) = chart else {
        let mend = "pack it with helm package";
        return Err(vec![inside(Problem::at("", "there is no Chart.yaml in its folder").mend(mend))]);
    };
    let own = own(name, text).map_err(|problems| problems.into_iter().map(inside).collect::<Vec<_>>())?;
    Ok((bytes.to_vec(), own))
}

fn folder(path: &str, files: &Entries) -> Result<(Vec<u8>, Own), Vec<Problem>> {
    let chart = format!("{path}/Chart.yaml");
    let own = own(&chart, &files[&chart])?;
    let packed = packed((path, &own.name), files);
    let packed = packed.map_err(|error| {
        vec![Problem { file: Some(path.to_owned()), ..Problem::at("", format!("it cannot be packed: {error}")) }]
    })?;
    Ok((packed, own))
}

/// The chart in a folder of the package as an archive; the same files give the same bytes.
fn packed((folder, name): (&str, &str), files: &Entries) -> std::io::Result<Vec<u8>> {
    let below = format!("{folder}/");
    let mut tar = Tar::default();
    for (path, bytes) in files.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        tar.file(&format!("{name}/{}", &path[below.len()..]), bytes)?;
    }
    tar.gzipped()
}

fn own(file: &str, bytes: &[u8]) -> Result<Own, Vec<Problem>> {
    let wrong = |message: String| {
        vec![Problem { file: Some(file.to_owned()), ..Problem::at("", message) }.mend("helm create makes a right one")]
    };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
    let documents = Located::read(file, text)?;
    let value = documents.first().map(Located::json).unwrap_or_default();
    let said = |key: &str| value.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    match (said("name"), said("version")) {
        (Some(name), Some(version)) => Ok(Own { name, version }),
        (None, _) => Err(wrong("name is missing".into())),
        (_, None) => Err(wrong("version is missing".into())),
    }
}
