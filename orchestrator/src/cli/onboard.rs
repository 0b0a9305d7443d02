//! `package add`: a package goes to the server, which judges it as `package validate` does.

use super::apply::Done;
use super::args::{AddPackage, Output};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::say;
use super::print::{self, text};
use super::validate::{line, read, unreadable};
use super::values;
use crate::packages::verdict::verdict;
use jiff::Timestamp;
use models::Name;
use models::name::LONGEST;
use models::package::{Descriptor, DescriptorKind};
use serde_json::Value;
use sol005::signature::Trust;

pub(crate) async fn add(client: &Client, args: &AddPackage) -> Result<Done, Failed> {
    let path = &args.file;
    let bytes = read(path).map_err(|error| unreadable(path, &error))?;
    let file = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    // Who is believed, the server says.
    let told = verdict(&file, &bytes, &Trust { now: Timestamp::now(), ..Trust::default() });
    let Some(descriptor) = &told.descriptor else {
        let lines: Vec<String> = told.problems.iter().map(|problem| line(&told, problem)).collect();
        return Err(Failed::usage(lines.join("\n")).next("mend the package, and add it again"));
    };
    let name = match &args.name {
        Some(name) => values::name(name)?,
        None => called(descriptor).ok_or_else(|| {
            let why = format!("no name can be made of {} {}", descriptor.name, descriptor.version);
            Failed::usage(why).next(format!("sliceway package add {} --name NAME", path.display()))
        })?,
    };
    let path = format!("/api/v1/packages/{}", escape(name.as_str()));
    // A package never changes: what is there with these bytes stays.
    let stands = client.get(&path).await.is_ok_and(|before| text(&before, "/digest") == told.digest);
    let package = client.put_bytes(&format!("{path}?file={}", escape(&file)), bytes).await?;
    for warning in package["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        say!("warning: {warning}");
    }
    let of = |pointer: &str| text(&package, pointer);
    let word = if stands { " unchanged" } else { "" };
    say!("package {name}{word}: {} {} {}", of("/descriptor/kind"), of("/descriptor/name"), of("/descriptor/version"));
    Ok(Done::well(package))
}

/// Whether something new may be made of it.
pub(crate) async fn set(client: &Client, (name, verb): (&str, &str), output: Output) -> Result<u8, Failed> {
    let package = client.post(&format!("/api/v1/packages/{}:{verb}", escape(name)), String::new()).await?.body;
    say!("package {name} {}", text(&package, "/operational"));
    print::data(output, &package);
    Ok(exit::DONE)
}

/// What it describes, with its version: a service's name tells that it is one.
fn called(of: &Descriptor) -> Option<Name> {
    let told = ["-ns", "_ns"].iter().any(|end| of.name.to_lowercase().ends_with(end));
    let ns = if of.kind == DescriptorKind::Nsd && !told { "-ns" } else { "" };
    let all = format!("{}{ns}-{}", of.name, of.version).to_lowercase();
    let plain: String = all.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let joined = parts.join("-");
    if joined.len() > LONGEST { None } else { joined.parse().ok() }
}
