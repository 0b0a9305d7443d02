//! Digests that a package tells of its files: each is computed again.

use super::csar::{META, Named};
use super::signed::{self, Signed};
use crate::archive::Entries;
use md5::{Digest as _, Md5};
use models::Problem;
use sha2::{Sha256, Sha512};
use std::collections::BTreeSet;

fn wrong(file: &str, line: u64, (message, mend): (String, &str)) -> Problem {
    Problem { file: Some(file.to_owned()), line: Some(line), ..Problem::at("", message) }.mend(mend)
}

/// OSM's `checksums.txt`: `MD5<tab>path`. OSM itself does not look.
pub(super) fn sums(files: &Entries, prefix: &str) -> Vec<Problem> {
    let name = format!("{prefix}checksums.txt");
    let Some(bytes) = files.get(&name) else { return vec![] };
    let text = String::from_utf8_lossy(bytes);
    let mut problems = Vec::new();
    for (at, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let Some((sum, path)) = line.split_once(char::is_whitespace) else {
            problems.push(wrong(&name, at, ("it is no sum with a path".into(), "MD5, a tab, and the path")));
            continue;
        };
        let path = path.trim_start_matches([' ', '*', '\t']);
        match files.get(path).or_else(|| files.get(&format!("{prefix}{path}"))) {
            None => problems.push(wrong(
                &name,
                at,
                (format!("{path} is not in the package"), "pack it, or leave its line out"),
            )),
            Some(bytes) => {
                let is = format!("{:x}", Md5::digest(bytes));
                if !is.eq_ignore_ascii_case(sum) {
                    let message = format!("{path} has the sum {is}, not {sum}");
                    problems.push(wrong(&name, at, (message, "the file was changed: pack it anew")));
                }
            }
        }
    }
    problems
}

/// A file that a manifest of SOL004 names.
struct Source {
    path: String,
    line: u64,
    algorithm: String,
    hash: String,
}

/// SOL004 4.3.2. What the manifest does not name, but itself and what signs it, is told: as a warning, and as a problem where
/// the manifest is signed, since everybody could have put it there.
pub(super) fn check(files: &Entries, (name, told): (&str, &Named), signed: &Signed) -> (Vec<Problem>, Vec<String>) {
    let Some(bytes) = files.get(name) else {
        let mend = "put it in, or leave ETSI-Entry-Manifest out of TOSCA.meta";
        return (vec![Problem::at("", format!("the manifest {name} is not in the package")).mend(mend)], vec![]);
    };
    let (content, _) = signed::parts(bytes);
    let text = String::from_utf8_lossy(content);
    let sources = sources(&text);
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    for source in &sources {
        named.insert(source.path.trim_start_matches("./"));
        problems.extend(compared(files, name, source));
    }
    let ends = |path: &str, ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
    let signs = |path: &str| ends(path, &[".cert", ".cms", ".sf", ".p7s"]);
    // The metadata need not be signed: they may not let through what somebody put in.
    let certifies = |path: &str| {
        let is_own = told.certificate.as_deref() == Some(path) && ends(path, &[".cert", ".crt", ".cer", ".pem"]);
        (is_own || (signs(path) && !path.contains('/'))) && told.entry.as_deref() != Some(path)
    };
    let mut warnings = Vec::new();
    for path in files.keys().filter(|path| !named.contains(path.as_str()) && path.as_str() != name) {
        let is_signed = !matches!(signed, Signed::Not);
        if (is_signed && certifies(path)) || (!is_signed && signs(path)) {
            continue;
        }
        // Some name all but the metadata, which can choose only among files that are signed.
        if !is_signed || path == META {
            warnings.push(format!("{path} stands in no manifest: nothing says that it is what it was"));
            continue;
        }
        let message = "it stands in no manifest: the signature does not hold for it";
        let mend = "name it in the manifest with its digest, and sign that anew; or leave it out";
        problems.push(Problem { file: Some(path.clone()), ..Problem::at("", message) }.mend(mend));
    }
    (problems, warnings)
}

fn sources(text: &str) -> Vec<Source> {
    let mut all: Vec<Source> = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match key.trim() {
            "Source" => all.push(Source { path: value, line: at, algorithm: String::new(), hash: String::new() }),
            "Algorithm" => all.last_mut().into_iter().for_each(|source| source.algorithm.clone_from(&value)),
            "Hash" => all.last_mut().into_iter().for_each(|source| source.hash.clone_from(&value)),
            _ => {}
        }
    }
    all
}

fn compared(files: &Entries, manifest: &str, source: &Source) -> Option<Problem> {
    let Source { path, line, algorithm, hash } = source;
    if path.contains("://") {
        return None;
    }
    let tell = |message: String, mend: &str| Some(wrong(manifest, *line, (message, mend)));
    let Some(bytes) = files.get(path.trim_start_matches("./")) else {
        return tell(format!("{path} is not in the package"), "pack it, or leave it out of the manifest");
    };
    let is = match algorithm.to_uppercase().replace(['-', '_'], "").as_str() {
        "SHA256" => format!("{:x}", Sha256::digest(bytes)),
        "SHA512" => format!("{:x}", Sha512::digest(bytes)),
        "" => return tell(format!("{path} has no digest"), "Algorithm: SHA-256, and Hash: the digest in hexadecimal"),
        _ => return tell(format!("{algorithm} is no digest that is taken"), "SHA-256 or SHA-512"),
    };
    if is.eq_ignore_ascii_case(hash) {
        return None;
    }
    tell(format!("{path} has the digest {is}, not {hash}"), "the file was changed: pack it anew")
}
