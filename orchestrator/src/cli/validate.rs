//! `package validate`: what a server would say of a package, said here.

use super::args::{Output, ValidatePackage};
use super::error::Failed;
use super::pipe::{out, say};
use super::{exit, print, signing};
use crate::packages::verdict::{Verdict, verdict};
use models::Problem;
use models::package::Signature;
use sol005::archive::Limits;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(crate) fn validate(args: &ValidatePackage, output: Output) -> Result<u8, Failed> {
    let trust = signing::trust(args)?;
    let mut verdicts = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        verdicts.push(match read(path) {
            Ok(bytes) => verdict(&name, &bytes, &trust),
            // The others are judged all the same.
            Err(error) if args.files.len() > 1 => {
                let problem = Problem { file: Some(name.clone()), ..Problem::at("", error.to_string()) };
                Verdict { package: name, problems: vec![problem], ..Verdict::default() }
            }
            Err(error) => return Err(unreadable(path, &error)),
        });
    }
    for told in &verdicts {
        if output == Output::Table || output == Output::Wide {
            tell(told);
        }
    }
    let values = verdicts.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
    print::all(output, (args.files.len(), values.map_err(|error| Failed::new(exit::FAILED, error.to_string()))?));
    let wrong: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.valid).collect();
    if wrong.is_empty() {
        return Ok(exit::DONE);
    }
    let lines: Vec<String> =
        wrong.iter().flat_map(|verdict| verdict.problems.iter().map(|p| line(verdict, p))).collect();
    Err(Failed::usage(lines.join("\n")).next("mend the package, and validate it again"))
}

/// One byte more than is taken tells that it is too long.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let most = Limits::default().archive_bytes as u64 + 1;
    let mut bytes = Vec::new();
    match path.as_os_str() == "-" {
        true => io::stdin().take(most).read_to_end(&mut bytes)?,
        false => File::open(path)?.take(most).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failed {
    let next = match path.is_dir() {
        true => "pack the folder: tar -czf NAME.tar.gz FOLDER",
        false => "name a package or a descriptor",
    };
    Failed::usage(format!("{}: {error}", path.display())).next(next)
}

/// The package, and the place in it.
pub(super) fn line(verdict: &Verdict, problem: &Problem) -> String {
    match &problem.file {
        Some(file) if *file == verdict.package => problem.to_string(),
        _ => format!("{}: {problem}", verdict.package),
    }
}

fn tell(verdict: &Verdict) {
    let Some(of) = &verdict.descriptor else { return };
    let Verdict { package, warnings, charts, signature, .. } = verdict;
    let (kind, name, version, provider, form) = (of.kind.as_str(), &of.name, &of.version, &of.provider, &of.form);
    let by = if provider.is_empty() { String::new() } else { format!(" by {provider}") };
    out!("{package}: valid: {kind} {name} {version}{by} ({form}), id {}", of.id);
    for chart in charts {
        let known = match chart.digest.get(..12) {
            Some(digest) => format!("{} {} {digest}", chart.name, chart.version),
            None => "looked up when it is on-boarded".to_owned(),
        };
        out!("  {}: chart in the {} at {}: {known}", chart.function, chart.from.as_str(), chart.place);
    }
    for member in &of.functions {
        out!("  {}: the function that {} describes", member.name, member.descriptor);
    }
    if let Some(Signature { signer, certificate, .. }) = signature.as_ref().filter(|signature| signature.trusted) {
        out!("  signed by {signer}, who is trusted ({certificate})");
    }
    warnings.iter().for_each(|warning| say!("  warning: {warning}"));
}
