//! CSARs (SOL004): with a folder of metadata that names the descriptor, or with one descriptor at the top.

use super::contents::Onboarded;
use super::{charts, described, manifest, text};
use crate::archive::Entries;
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

pub(super) fn read(files: &Entries) -> Result<Onboarded, Vec<Problem>> {
    let mut problems = Vec::new();
    let (entry, manifest) = match files.get(META) {
        Some(bytes) => meta(files, &String::from_utf8_lossy(bytes), &mut problems),
        None => {
            let entry = bare(files).map(str::to_owned);
            let manifest =
                entry.as_ref().and_then(|entry| entry.rsplit_once('.')).map(|(stem, _)| format!("{stem}.mf"));
            (entry, manifest)
        }
    };
    let mut warnings = Vec::new();
    match &manifest {
        Some(name) => {
            let (wrong, told) = manifest::check(files, name);
            problems.extend(wrong);
            warnings.extend(told);
        }
        None => warnings.push("there is no manifest: nothing says that the files are what they were".into()),
    }
    let Some(entry) = entry.filter(|entry| files.contains_key(entry)) else { return Err(problems) };
    let described = text(&entry, &files[&entry]).and_then(|text| described(&entry, &text));
    let (form, descriptor, told) = match described {
        Ok(described) => described,
        Err(more) => {
            problems.extend(more);
            return Err(problems);
        }
    };
    warnings.extend(told);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut read = Onboarded { form, descriptor, entry, warnings, charts: vec![] };
    charts::pin(&mut read, files)?;
    Ok(read)
}

/// What it says is the descriptor, and the manifest.
fn meta(files: &Entries, text: &str, problems: &mut Vec<Problem>) -> (Option<String>, Option<String>) {
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
    if entry.is_none() {
        let mend = "Entry-Definitions: Definitions/NAME.yaml";
        problems.push(Problem { file: Some(META.into()), ..Problem::at("", "it names no descriptor") }.mend(mend));
    }
    (entry, manifest)
}
