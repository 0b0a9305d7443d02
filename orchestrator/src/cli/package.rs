//! Packages on the command line: descriptors are made here, without a server.

use super::args::{BuildPackage, Format};
use super::error::Failed;
use super::exit;
use super::pipe::say;
use super::signing;
use crate::packages::build::{Built, Order, build};
use crate::packages::drawing::Assumed;
use crate::packages::written::{self, Form, Together, Travels, Wanted};
use crate::packages::{nst, offered, service, sliced};
use adapters::helm::{Helm, HelmError, Limits, locate, pack_folder};
use jiff::Timestamp;
use models::file::{Document, Source, parse};
use models::template::{Template, TemplateSpec, TemplateUse};
use models::{Name, Problem, SliceSpec};
use serde_json::Map;
use sol005::osm::{self, Release};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A packed chart that is larger is none.
const LARGEST: u64 = 64 << 20;

pub(crate) async fn make(args: &BuildPackage, output: Option<&str>) -> Result<u8, Failed> {
    let dir = folder((args.dir.as_deref(), output))?;
    let signer = signing::signer(args)?;
    let mut values = values(args)?;
    let helm = Helm::new(locate(None, Path::new("")).map_err(|error| missing(&error))?, Limits::default());
    let mut all: Vec<Built> = Vec::new();
    for path in &args.charts {
        let built = one(&helm, path, (args, &mut values)).await?;
        if all.iter().any(|known| known.chart.name == built.chart.name) {
            return Err(Failed::usage(format!("{}: there is a chart {} already", path.display(), built.chart.name))
                .next("name each chart once"));
        }
        all.push(built);
    }
    helm.close().await;
    if let Some(name) = values.keys().next() {
        let names: Vec<&str> = all.iter().map(|built| built.chart.name.as_str()).collect();
        return Err(Failed::usage(format!("-f {name}=…: no chart here is called {name:?}"))
            .next(format!("the charts are {}", names.join(", "))));
    }
    let together = together(args, &mut all)?;
    all.iter().for_each(tell);
    let travels = if args.repository.is_some() { Travels::Repository } else { Travels::Package };
    let form = match args.format {
        Format::Sol001 => Form::Sol001,
        Format::Sol006 => Form::Sol006,
        Format::Osm => Form::Osm(Release::Nine),
        Format::OsmR8 => Form::Osm(Release::Eight),
    };
    let files = written::files(&all, &together, Wanted { form, travels, signer: signer.as_ref() });
    write(dir, files.map_err(|error| Failed::new(exit::FAILED, error.to_string()))?)?;
    Ok(exit::DONE)
}

/// The descriptor of the service, where one is asked for, and as which slices OSM offers it.
fn together(args: &BuildPackage, all: &mut [Built]) -> Result<Together, Failed> {
    let wish = |name: &str| service::Wish {
        name: name.to_owned(),
        version: args.service_version.clone(),
        designer: args.provider.clone(),
    };
    let Some(path) = &args.slice else {
        let nsd = args.service.as_ref().map(|name| service::compose(&wish(name), all));
        return Ok(Together { nsd, nsts: vec![] });
    };
    let text = std::fs::read_to_string(path).map_err(|error| Failed::usage(format!("{}: {error}", path.display())))?;
    let told = |problems: Vec<Problem>| {
        let lines = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
        Failed::usage(lines).next("sliceway package build CHART... --slice FILE -o DIR")
    };
    let name = path.display().to_string();
    let parsed = parse(&[Source { name: &name, text: &text }]).map_err(told)?;
    let [parsed] = parsed.as_slice() else {
        return Err(Failed::usage(format!("{name}: one slice is wanted")).next("leave one document in it"));
    };
    let placed = |problems: Vec<Problem>| told(problems.into_iter().map(|problem| parsed.place(problem)).collect());
    let (name, offers) = match &parsed.document {
        Document::Slice { meta, spec } => (&meta.name, vec![(meta.name.to_string(), (**spec).clone())]),
        Document::Template { meta, spec } => (&meta.name, offers(&meta.name, spec).map_err(placed)?),
        other => return Err(Failed::usage(format!("{name} holds a {}, not a Slice or a Template", other.kind()))),
    };
    let Some((_, spec)) = offers.first() else { return Ok(Together::default()) };
    if let Some(made) = &spec.service {
        let message = format!("spec.service: package {} has its descriptor already", made.package);
        return Err(Failed::usage(message).next("name a slice with functions of its own"));
    }
    let mut spec = spec.clone();
    // Of several qualities none is the service's own.
    spec.quality = spec.quality.filter(|_| offers.len() == 1);
    let nsd = sliced::compose(&wish(name.as_str()), &spec, all).map_err(placed)?;
    let offer = |(name, spec): &(String, SliceSpec)| nst::nst(name, (&nsd, spec.quality.as_ref()));
    let nsts: Vec<_> = offers.iter().map(offer).collect();
    if matches!(args.format, Format::Osm | Format::OsmR8) {
        for left in nsts.iter().flat_map(osm::nst_leaves_out) {
            say!("not represented in the NST: {left}");
        }
    }
    Ok(Together { nsd: Some(nsd), nsts })
}

/// The slice of each profile of a template, by its name; a descriptor has no parameters, so that all of them have their
/// defaults.
fn offers(name: &Name, spec: &TemplateSpec) -> Result<Vec<(String, SliceSpec)>, Vec<Problem>> {
    let template = Template { name: name.clone(), spec: spec.clone(), created: Timestamp::UNIX_EPOCH };
    offered::check(&template)?;
    let of = |profile: Option<&String>| {
        let said = TemplateUse { name: name.clone(), version: None, profile: profile.cloned(), set: Map::new() };
        let mend = |problem: Problem| {
            let parameter = problem.field.strip_prefix("set.").unwrap_or_default();
            let at = spec.parameters.iter().position(|known| known.name.as_str() == parameter);
            let Some(at) = at else { return problem };
            let message = format!("{parameter} has no default, and a descriptor has no parameters");
            Problem::at(format!("spec.parameters[{at}].default"), message).mend("give it a default")
        };
        let filled = offered::fill((&template, name), (&said, None));
        let whole = filled.map_err(|problems| problems.into_iter().map(mend).collect::<Vec<_>>())?;
        let called = match profile.filter(|_| spec.profiles.len() > 1) {
            Some(profile) => format!("{name}-{profile}"),
            None => name.to_string(),
        };
        Ok((called, whole))
    };
    match spec.profiles.is_empty() {
        true => Ok(vec![of(None)?]),
        false => spec.profiles.keys().map(|profile| of(Some(profile))).collect(),
    }
}

/// A form of output is no folder.
fn folder<'a>(said: (Option<&'a Path>, Option<&'a str>)) -> Result<&'a Path, Failed> {
    let next = "sliceway package build CHART -o DIR";
    match said {
        (Some(dir), None) => Ok(dir),
        (_, Some(form @ ("table" | "wide" | "json" | "yaml"))) => {
            Err(Failed::usage(format!("descriptors are written as files into a folder, not as {form}")).next(next))
        }
        (None, Some(dir)) => Ok(Path::new(dir)),
        (Some(_), Some(_)) => Err(Failed::usage("--dir and -o both name a folder").next(next)),
        (None, None) => Err(Failed::usage("the folder to write to is missing").next(next)),
    }
}

fn missing(error: &HelmError) -> Failed {
    Failed::new(exit::FAILED, error.to_string()).next("install sliceway-helm-worker beside sliceway (make build does)")
}

/// The text of values files, by the chart's name; with one chart the name may be left out, and is empty then.
fn values(args: &BuildPackage) -> Result<BTreeMap<String, String>, Failed> {
    let mut found = BTreeMap::new();
    for said in &args.values {
        let (name, path) = match said.split_once('=') {
            Some((name, path)) if !Path::new(said).is_file() => (name, path),
            _ if args.charts.len() == 1 => ("", said.as_str()),
            _ => {
                return Err(Failed::usage(format!("-f {said}: of which of the {} charts?", args.charts.len()))
                    .next("sliceway package build A B -f NAME=FILE, with the chart's name"));
            }
        };
        let text = std::fs::read_to_string(path).map_err(|error| Failed::usage(format!("-f {path}: {error}")))?;
        if found.insert(name.to_owned(), text).is_some() {
            return Err(
                Failed::usage(format!("-f {said}: there are values for it already")).next("put them in one file")
            );
        }
    }
    Ok(found)
}

async fn one(
    helm: &Helm,
    path: &Path,
    (args, values): (&BuildPackage, &mut BTreeMap<String, String>),
) -> Result<Built, Failed> {
    let archive = packed(path)?;
    let info = helm.inspect(&adapters::helm::ChartSource::Archive(Arc::clone(&archive))).await;
    let info = info.map_err(|error| refused(path, &error))?;
    let order = Order {
        archive,
        values: values.remove("").or_else(|| values.remove(&info.name)).unwrap_or_default(),
        provider: args.provider.clone(),
        reference: args.repository.as_ref().map(|repository| format!("{repository}/{}", info.name)),
        assumed: Assumed {
            cpu_milli: args.assume_cpu.map(|cpu| cpu.cpu_milli),
            memory_bytes: args.assume_memory.map(|memory| memory.memory_bytes),
        },
        kube_version: args.kube_version.clone(),
        api_versions: args.api_version.clone(),
    };
    build(helm, &order).await.map_err(|error| refused(path, &error))
}

fn packed(path: &Path) -> Result<Arc<[u8]>, Failed> {
    if path.is_dir() {
        let bytes = pack_folder(path).map_err(|error| Failed::usage(error.to_string()))?;
        return Ok(bytes.into());
    }
    let unreadable = |error: std::io::Error| {
        Failed::usage(format!("{}: {error}", path.display()))
            .next("name a chart's folder, or an archive of helm package")
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(Failed::usage(format!(
            "{}: {size} bytes are more than a chart may have ({LARGEST})",
            path.display()
        )));
    }
    Ok(std::fs::read(path).map_err(unreadable)?.into())
}

fn refused(path: &Path, error: &HelmError) -> Failed {
    let next = match error.problems().iter().any(|problem| problem.path.is_some()) {
        true => "mend the values: sliceway package build CHART -f FILE -o DIR",
        false => "mend the chart; helm template says the same",
    };
    Failed::new(exit::FAILED, format!("{}: {error}", path.display())).next(next)
}

/// What a person wants to know before looking into files.
fn tell(built: &Built) {
    let report = &built.drawn.report;
    let represented = report.objects.len() - report.left_out().count();
    say!(
        "{} {}: {} objects, {represented} represented, {} not; {} properties",
        report.chart,
        report.version,
        report.objects.len(),
        report.left_out().count(),
        built.drawn.vnfd.properties.len()
    );
    for object in report.left_out() {
        let why = object.not_represented.first().map_or("", |gap| gap.why.as_str());
        say!("  not represented: {} {} ({}): {why}", object.kind, object.name, object.source);
    }
    for edge in report.unresolved() {
        say!("  needs {} ({}, {}): nothing in this chart answers to it", edge.to, edge.from, edge.place);
    }
    for warning in &report.warnings {
        say!("  warning: {warning}");
    }
}

fn write(dir: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Failed> {
    for (path, bytes) in files {
        let path = dir.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, bytes));
        made.map_err(|error| Failed::new(exit::FAILED, format!("{}: {error}", path.display())))?;
        say!("wrote {}", path.display());
    }
    Ok(())
}
