//! The charts that a package brings: each is looked into, and known by a digest that was computed here.

use super::contents::{Chart, ChartSource, Descriptor, Onboarded, hex};
use crate::archive::{self, Entries, Limits, Tar};
use crate::descriptor::Mciop;
use models::Problem;
use models::file::Located;
use sha2::{Digest as _, Sha256};

/// Finds the chart of each function; `prefix` is the package's own folder.
pub(super) fn pin(onboarded: &mut Onboarded, (files, prefix): (&Entries, &str)) -> Result<(), Vec<Problem>> {
    let Descriptor::Function(vnfd) = &onboarded.descriptor else { return Ok(()) };
    let mut problems = Vec::new();
    let mut charts = Vec::new();
    for mciop in &vnfd.mciops {
        match one(mciop, (files, prefix)) {
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

fn one(mciop: &Mciop, (files, prefix): (&Entries, &str)) -> Result<Chart, Vec<Problem>> {
    let source = source(&mciop.chart, (files, prefix));
    let function = mciop.id.clone();
    let (digest, own) = match &source {
        ChartSource::Archive(path) => archived(path, &files[path])?,
        ChartSource::Folder(path) => folder(path, files)?,
        ChartSource::Repository(..) | ChartSource::Address(_) => {
            let (version, digest) = (mciop.version.clone(), mciop.digest.clone());
            return Ok(Chart { function, source, name: String::new(), version, digest });
        }
        ChartSource::Missing(chart) => {
            let message = format!("the chart {chart} of {function} is not in the package");
            let mend =
                "pack it with the descriptor (its folder, or NAME.tgz), or name it in a repository: REPOSITORY/NAME";
            return Err(vec![Problem::at("", message).mend(mend)]);
        }
    };
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
    Ok(Chart { function, source, name: own.name, version: own.version, digest })
}

/// In the package as it is named, or as OSM looks for it; else in a repository or at an address.
fn source(chart: &str, (files, prefix): (&Entries, &str)) -> ChartSource {
    let path = chart.trim_end_matches('/');
    for folder in ["", "helm-chart-v3s/", "helm-charts/", "k8s_models/", "charts/"] {
        for base in [format!("{prefix}{folder}{path}"), format!("{folder}{path}")] {
            if files.contains_key(&format!("{base}/Chart.yaml")) {
                return ChartSource::Folder(base);
            }
            let packed = [base.clone(), format!("{base}.tgz"), format!("{base}.tar.gz")];
            if let Some(found) =
                packed.into_iter().find(|packed| files.contains_key(packed)).or_else(|| versioned(&base, files))
            {
                return ChartSource::Archive(found);
            }
        }
    }
    if chart.contains("://") {
        return ChartSource::Address(chart.to_owned());
    }
    let named = path.split_once('/').filter(|(repository, name)| !repository.is_empty() && !name.contains('/'));
    match named.filter(|(_, name)| !name.ends_with(".tgz") && !name.ends_with(".tar.gz")) {
        Some((repository, name)) => ChartSource::Repository(repository.to_owned(), name.to_owned()),
        None => ChartSource::Missing(chart.to_owned()),
    }
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
fn archived(path: &str, bytes: &[u8]) -> Result<(String, Own), Vec<Problem>> {
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
    Ok((hex(&Sha256::digest(bytes)), own))
}

fn folder(path: &str, files: &Entries) -> Result<(String, Own), Vec<Problem>> {
    let chart = format!("{path}/Chart.yaml");
    let own = own(&chart, &files[&chart])?;
    let packed = packed((path, &own.name), files);
    let packed = packed.map_err(|error| {
        vec![Problem { file: Some(path.to_owned()), ..Problem::at("", format!("it cannot be packed: {error}")) }]
    })?;
    Ok((hex(&Sha256::digest(packed)), own))
}

/// The chart in a folder of the package as an archive; the same files give the same bytes.
pub(super) fn packed((folder, name): (&str, &str), files: &Entries) -> std::io::Result<Vec<u8>> {
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
