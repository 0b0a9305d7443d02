//! CSARs (SOL004): with a folder of metadata that names the descriptor, or with one descriptor at the top.

use super::contents::Onboarded;
use super::signed::Signed;
use super::{Read, described, manifest, pinned, text};
use crate::archive::Entries;
use crate::signature::Trust;
use models::Problem;

pub(super) const META: &str = "TOSCA-Metadata/TOSCA.meta";

/// The one descriptor at the top of an archive without metadata (SOL004 4.1.3), which has a manifest of its name beside it.
pub(super) fn bare(files: &Entries) -> Option<&str> {
    let at_top = files.keys().filter(|path| !path.contains('/'));
    let mut tops = at_top.filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"));
    let (first, second) = (tops.next()?, tops.next());
    let manifest = format!("{}.mf", first.rsplit_once('.').map_or(first.as_str(), |(stem, _)| stem));
    (second.is_none() && files.contains_key(&manifest)).then_some(first.as_str())
}

pub(super) fn read(files: &Entries, trust: &Trust) -> Read {
    let mut problems = Vec::new();
    let named = match files.get(META) {
        Some(bytes) => meta(files, &String::from_utf8_lossy(bytes), &mut problems),
        None => {
            let entry = bare(files).map(str::to_owned);
            let manifest =
                entry.as_ref().and_then(|entry| entry.rsplit_once('.')).map(|(stem, _)| format!("{stem}.mf"));
            Named { entry, manifest, certificate: None }
        }
    };
    let mut warnings = Vec::new();
    let mut signed = Signed::Not;
    match &named.manifest {
        Some(name) => {
            signed = Signed::manifest(files, (name, named.certificate.as_deref()), trust);
            let (wrong, told) = manifest::check(files, (name, &named), &signed);
            problems.extend(wrong);
            warnings.extend(told);
        }
        None => warnings.push("there is no manifest: nothing says that the files are what they were".into()),
    }
    (signed, contents(files, named.entry, (problems, warnings)))
}

fn contents(
    files: &Entries,
    entry: Option<String>,
    (mut problems, mut warnings): (Vec<Problem>, Vec<String>),
) -> Result<Onboarded, Vec<Problem>> {
    let Some(entry) = entry.filter(|entry| files.contains_key(entry)) else { return Err(problems) };
    match text(&entry, &files[&entry]).and_then(|text| described(&entry, &text)) {
        Ok((form, descriptor, told)) if problems.is_empty() => {
            warnings.extend(told);
            pinned(entry, (form, descriptor, warnings), files)
        }
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

/// Paths that the metadata say.
pub(super) struct Named {
    pub(super) entry: Option<String>,
    manifest: Option<String>,
    pub(super) certificate: Option<String>,
}

fn meta(files: &Entries, text: &str, problems: &mut Vec<Problem>) -> Named {
    let mut of = |key: &str| {
        let found = (1..)
            .zip(text.lines())
            .find_map(|(at, line)| Some((at, line.strip_prefix(key)?.strip_prefix(':')?.trim())));
        let (line, path) = found?;
        if !files.contains_key(path) {
            let message = format!("{key} names {path:?}, which is not in the package");
            let mend = "name a file of the package, by its path from the top";
            problems.push(Problem { file: Some(META.into()), line: Some(line), ..Problem::at("", message) }.mend(mend));
        }
        Some(path.to_owned())
    };
    let (entry, manifest) = (of("Entry-Definitions"), of("ETSI-Entry-Manifest"));
    let certificate = of("ETSI-Entry-Certificate");
    if entry.is_none() {
        let mend = "Entry-Definitions: Definitions/NAME.yaml";
        problems.push(Problem { file: Some(META.into()), ..Problem::at("", "it names no descriptor") }.mend(mend));
    }
    Named { entry, manifest, certificate }
}
