//! Packages and documents of others become descriptors: what is wrong is told all at once, with the entry, the line and what
//! to change.
//!
//! Read are CSARs of SOL001 (with and without a folder of metadata), documents of SOL006 as YAML and JSON, packages of OSM
//! since release nine and up to eight, zips and tars of any of these, and zips of one of them with its signature. It must
//! never fetch anything, and never believe a digest that it did not compute.

mod charts;
mod checked;
mod contents;
mod csar;
mod manifest;
mod nst;
mod osm8;
mod reader;
mod signed;
mod sol006;
mod tosca;

pub use contents::{Chart, ChartSource, Descriptor, Form, Onboarded};

use crate::archive::{self, Entries, Limits, Packed};
use crate::signature::Trust;
use models::Problem;
use models::file::Located;
use signed::Signed;

/// A descriptor that is larger is none.
const LARGEST: usize = 4 << 20;
/// More problems than a person reads are counted.
const MOST: usize = 100;

/// A package, or a bare document, by its bytes; `name` is what its sender calls it.
pub fn onboard(name: &str, bytes: &[u8], trust: &Trust) -> Result<Onboarded, Vec<Problem>> {
    judged(name, bytes, trust).map_err(|mut problems| {
        if let Some(more) = problems.len().checked_sub(MOST).filter(|more| *more > 0) {
            problems.truncate(MOST);
            problems.push(Problem::at("", format!("and {more} more")));
        }
        problems
    })
}

/// What is wrong with its signature is told beside what is wrong with itself.
fn judged(name: &str, bytes: &[u8], trust: &Trust) -> Result<Onboarded, Vec<Problem>> {
    let (signed, read) = read(name, bytes, trust)?;
    let judgement = signed.judged(name, trust);
    match (judgement, read) {
        (Ok((signature, warning)), Ok(mut read)) => {
            read.warnings.extend(warning);
            Ok(Onboarded { signature, ..read })
        }
        (Ok(_), Err(problems)) => Err(problems),
        (Err(problem), Ok(_)) => Err(vec![problem]),
        (Err(problem), Err(problems)) => Err([vec![problem], problems].concat()),
    }
}

/// How it is signed, and what it is.
type Read = (Signed, Result<Onboarded, Vec<Problem>>);

fn read(name: &str, bytes: &[u8], trust: &Trust) -> Result<Read, Vec<Problem>> {
    if Packed::of(bytes).is_none() {
        return Ok((Signed::Not, document(name, bytes)));
    }
    let files = archive::read(bytes, Limits::default())?;
    match signed::wrapped(&files) {
        Some(signature) => signed::unwrapped(files, &signature, trust),
        None => Ok(package(&files, trust)),
    }
}

fn package(files: &Entries, trust: &Trust) -> Read {
    if is_csar(files) { csar::read(files, trust) } else { (Signed::Not, folder(files)) }
}

fn is_csar(files: &Entries) -> bool {
    files.contains_key(csar::META) || csar::bare(files).is_some()
}

/// A document without a package: nothing stands beside it.
fn document(name: &str, bytes: &[u8]) -> Result<Onboarded, Vec<Problem>> {
    let text = text(name, bytes)?;
    pinned(name.to_owned(), described(name, &text)?, &Entries::new())
}

/// With its charts.
fn pinned(entry: String, (form, descriptor, warnings): Described, files: &Entries) -> Result<Onboarded, Vec<Problem>> {
    let mut read = Onboarded { form, descriptor, entry, warnings, charts: vec![], signature: None };
    charts::pin(&mut read, files)?;
    Ok(read)
}

fn text(name: &str, bytes: &[u8]) -> Result<String, Vec<Problem>> {
    if bytes.len() > LARGEST {
        let message = format!("it has {} bytes, and a descriptor has {LARGEST} at most", bytes.len());
        return Err(vec![Problem { file: Some(name.to_owned()), ..Problem::at("", message) }]);
    }
    let words = "it is neither an archive nor a text in UTF-8";
    let wrong = || {
        vec![Problem { file: Some(name.to_owned()), ..Problem::at("", words) }.mend("send a zip, a tar, YAML or JSON")]
    };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| wrong())
}

/// One folder with one descriptor in it, as OSM packs; or the same without the folder.
fn folder(files: &Entries) -> Result<Onboarded, Vec<Problem>> {
    let tops: std::collections::BTreeSet<&str> =
        files.keys().filter_map(|path| path.split_once('/').map(|(top, _)| top)).collect();
    let loose = files.keys().any(|path| !path.contains('/'));
    let prefix = match (tops.len(), loose) {
        (1, false) => format!("{}/", tops.iter().next().unwrap_or(&"")),
        _ => String::new(),
    };
    let is_descriptor = |path: &&String| {
        let inside = path.strip_prefix(prefix.as_str()).unwrap_or(path);
        let ends = [".yaml", ".yml", ".json"].iter().any(|end| inside.ends_with(end));
        ends && !inside.contains('/')
    };
    let found: Vec<&String> = files.keys().filter(is_descriptor).collect();
    let entry = match found.as_slice() {
        [one] => (*one).clone(),
        [] => {
            let mend = "put one .yaml or .json file into the package's top folder";
            return Err(vec![Problem::at("", "no descriptor was found").mend(mend)]);
        }
        several => {
            let names = several.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ");
            let message = format!("more than one descriptor was found: {names}");
            return Err(vec![Problem::at("", message).mend("leave one in the top folder, and others below it")]);
        }
    };
    let mut problems = manifest::sums(files, &prefix);
    let described = text(&entry, &files[&entry]).and_then(|text| described(&entry, &text));
    match described {
        Ok(described) if problems.is_empty() => pinned(entry, described, files),
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

type Described = (Form, Descriptor, Vec<String>);

/// By what stands at the document's top.
fn described(file: &str, text: &str) -> Result<Described, Vec<Problem>> {
    let documents = Located::read(file, text)?;
    let wrong = |message: &str, mend: &str| {
        vec![Problem { file: Some(file.to_owned()), ..Problem::at("", message) }.mend(mend)]
    };
    let document = match documents.as_slice() {
        [one] => one,
        [] => return Err(wrong("it is empty", "write a descriptor")),
        _ => return Err(wrong("there are several documents in one file", "keep one of them")),
    };
    let value = document.json();
    let top = |names: &[&str]| names.iter().any(|name| value.get(*name).is_some());
    let read = if top(&["vnfd-catalog", "vnfd:vnfd-catalog", "nsd-catalog", "nsd:nsd-catalog"]) {
        osm8::read(&value)
    } else if top(&["vnfd", "etsi-nfv-vnfd:vnfd", "nsd", "etsi-nfv-nsd:nsd"]) {
        sol006::read(&value)
    } else if top(&["nst"]) {
        nst::read(&value)
    } else if top(&["tosca_definitions_version"]) {
        tosca::read(&value)
    } else {
        let known = "vnfd or nsd (SOL006), nst (OSM), vnfd-catalog or nsd-catalog (OSM up to eight), tosca_definitions_version (SOL001)";
        return Err(wrong("it is no descriptor that is known", &format!("at its top stands one of: {known}")));
    };
    read.map_err(|problems| problems.into_iter().map(|problem| document.place(problem)).collect())
}
