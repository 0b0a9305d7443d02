//! `template`: slices that an operator offers with typed parameters.

use super::apply;
use super::args::{
    Allow, ChangeTemplate, InstantiateTemplate, Offer, Output, Said, ServiceHow, ShowTemplate, UpgradeTemplate,
};
use super::client::{Client, escape};
use super::error::Failed;
use super::pipe::{out, say};
use super::print::{self, text};
use super::{exit, service, wait};
use serde_json::{Map, Value, json};

pub(crate) async fn show(client: &Client, args: &ShowTemplate, output: Output) -> Result<u8, Failed> {
    let version = args.version.as_ref().map(|version| format!("?version={}", escape(version))).unwrap_or_default();
    let template = client.get(&format!("/api/v1/templates/{}{version}", escape(&args.name))).await?;
    if matches!(output, Output::Json | Output::Yaml) {
        print::one(output, &template);
        return Ok(exit::DONE);
    }
    let spec = &template["spec"];
    out!("{} {}  {}", args.name, text(spec, "/version"), text(spec, "/description"));
    for parameter in spec["parameters"].as_array().into_iter().flatten() {
        out!("  --set {}=  {}", text(parameter, "/name"), described(parameter));
    }
    for (snssai, quality) in spec["profiles"].as_object().into_iter().flatten() {
        out!("  --profile {snssai}  {quality}");
    }
    if let Some(quota) = spec.get("quota") {
        out!("  slices for each tenant: {quota}");
    }
    Ok(exit::DONE)
}

/// `integer, 1 to 50, default 5, devices: how many may register; only when it is made`.
fn described(parameter: &Value) -> String {
    let said = |key: &str| match &parameter[key] {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let mut words = vec![said("type").unwrap_or_default()];
    match (said("minimum"), said("maximum")) {
        (Some(least), Some(most)) => words.push(format!("{least} to {most}")),
        (Some(least), None) => words.push(format!("at least {least}")),
        (None, Some(most)) => words.push(format!("at most {most}")),
        (None, None) => {}
    }
    words.extend(said("choices").map(|choices| format!("one of {choices}")));
    words.push(said("default").map_or_else(|| "must be said".to_owned(), |default| format!("default {default}")));
    words.extend(said("unit"));
    let help = said("help").map(|help| format!(": {help}")).unwrap_or_default();
    let change = match said("change").as_deref() {
        Some("once") => "; only when it is made",
        Some("never") => "; the operator's alone",
        _ => "",
    };
    format!("{}{help}{change}", words.join(", "))
}

pub(crate) async fn instantiate(client: &Client, args: &InstantiateTemplate, output: Output) -> Result<u8, Failed> {
    let found = client.get(&format!("/api/v1/templates/{}", escape(&args.name))).await;
    match found {
        Ok(_) => {
            let body = offer(&args.slice, &args.said)?;
            ask(client, (&args.name, "instantiate", (&args.slice, body)), (&args.how, Allow::default(), output)).await
        }
        Err(failed) if failed.code == exit::NOT_FOUND => match of_service(client, args).await {
            Some(said) => {
                if args.said.version.is_some() || args.said.profile.is_some() {
                    return Err(Failed::usage("a service's package has neither versions nor profiles of its own")
                        .next("leave --version and --profile out"));
                }
                let body = json!({"package": args.name, "functions": service::functions(&said)?});
                service::verb(client, (&args.slice, "instantiate", body), (&args.how, Allow::default(), output)).await
            }
            None => Err(failed),
        },
        Err(failed) => Err(failed),
    }
}

/// An on-boarded service is a template whose parameters are its functions' properties.
async fn of_service(client: &Client, args: &InstantiateTemplate) -> Option<Said> {
    let package = client.get(&format!("/api/v1/packages/{}", escape(&args.name))).await.ok()?;
    let is_service = matches!(text(&package, "/descriptor/kind").as_str(), "NSD" | "NST");
    let nothing = || Said { file: None, at: vec![], select: vec![], set: vec![], uses: vec![], level: vec![] };
    is_service.then(|| Said { set: args.said.set.clone(), ..nothing() })
}

pub(crate) async fn change(client: &Client, args: &ChangeTemplate, output: Output) -> Result<u8, Failed> {
    let slice = client.get(&format!("/api/v1/slices/{}", escape(&args.slice))).await?;
    let name = text(&slice, "/spec/template/name");
    if name.is_empty() || name == "-" {
        return Err(Failed::usage(format!("slice {} is of no template", args.slice))
            .next("change its file: sliceway slice export NAME -o yaml, then sliceway apply -f FILE"));
    }
    let allow = Allow { replace: args.replace.clone(), allow_data_loss: args.allow_data_loss.clone(), upgrade: vec![] };
    let body = offer(&args.slice, &args.said)?;
    ask(client, (&name, "change", (&args.slice, body)), (&args.how, allow, output)).await
}

fn offer(slice: &str, said: &Offer) -> Result<Value, Failed> {
    let mut set = Map::new();
    for text in &said.set {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Failed::usage(format!("--set {text:?} is no NAME=VALUE"))
                .next("sliceway template show NAME lists what may be said")
        })?;
        set.insert(name.to_owned(), if value.is_empty() { Value::Null } else { json!(value) });
    }
    let mut body = json!({"slice": slice, "set": set});
    for (key, value) in [("version", &said.version), ("profile", &said.profile)] {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    }
    Ok(body)
}

async fn ask(
    client: &Client,
    (name, verb, (slice, body)): (&str, &str, (&str, Value)),
    (how, allow, output): (&ServiceHow, Allow, Output),
) -> Result<u8, Failed> {
    let path = format!("/api/v1/templates/{}:{verb}", escape(name));
    service::ask(client, service::Asked { path, what: format!("slice {slice}"), body, how, allow }, output).await
}

/// Wave by wave; what is moved already is left alone, so that one that was cut off is typed again. A slice that is not well
/// after its move ends it: those behind it stay as they are.
pub(crate) async fn upgrade(client: &Client, args: &UpgradeTemplate, output: Output) -> Result<u8, Failed> {
    let version = args.to.as_ref().map(|version| format!("?version={}", escape(version))).unwrap_or_default();
    let template = client.get(&format!("/api/v1/templates/{}{version}", escape(&args.name))).await?;
    let to = text(&template, "/spec/version");
    let all = client.all(&format!("/api/v1/template-slices?template={}", escape(&args.name))).await?.0;
    let behind: Vec<&Value> = all.iter().filter(|slice| text(slice, "/version") != to).collect();
    say!("template {} {to}: {} of {} slices to move", args.name, behind.len(), all.len());
    // One that was moved and is not well stops those behind it.
    let unwell = all.iter().find(|slice| text(slice, "/version") == to && text(slice, "/phase") != "Ready");
    if let Some(slice) = unwell.filter(|_| !args.plan) {
        let (name, operation) = (text(slice, "/slice"), text(slice, "/operation"));
        let message = format!(
            "slice {name} of tenant {} is {}, by operation {operation}",
            text(slice, "/tenant"),
            text(slice, "/phase")
        );
        return Err(Failed::new(exit::WAITING, message).next(format!(
            "sliceway explain operation {operation}; when it is well: sliceway template upgrade {}",
            args.name
        )));
    }
    if args.plan {
        for slice in behind {
            out!("{}/{}: {} -> {to}", text(slice, "/tenant"), text(slice, "/slice"), text(slice, "/version"));
            let plan = moved(client, (slice, &args.name, &to), "&dryRun=true").await?;
            apply::changes(&plan, output);
        }
        return Ok(exit::DONE);
    }
    let timeout = args.timeout.as_deref().map(super::values::seconds).transpose()?;
    let timeout = timeout.map(|seconds| format!("&timeout={seconds}")).unwrap_or_default();
    for (at, wave) in behind.chunks(usize::from(args.wave)).enumerate() {
        say!("wave {}: {}", at + 1, wave.iter().map(|slice| text(slice, "/slice")).collect::<Vec<_>>().join(", "));
        let mut begun = Vec::new();
        for slice in wave {
            let answer = moved(client, (slice, &args.name, &to), &timeout).await;
            let answer = answer.map_err(|failed| stopped(failed, slice, (at, &args.name)))?;
            begun.push((*slice, text(&answer, "/operation/id")));
        }
        for (slice, id) in begun.iter().filter(|(_, id)| !id.is_empty()) {
            let tenant = client.of_tenant(&text(slice, "/tenant"));
            let ended = wait::last(&tenant, id).await.and_then(|view| wait::end(&view));
            ended.map_err(|failed| stopped(failed, slice, (at, &args.name)))?;
        }
    }
    say!("template {}: every slice is in {to}", args.name);
    Ok(exit::DONE)
}

async fn moved(client: &Client, (slice, name, to): (&Value, &str, &str), more: &str) -> Result<Value, Failed> {
    let body = json!({"slice": slice["slice"], "version": to});
    let tenant = client.of_tenant(&text(slice, "/tenant"));
    let path = format!("/api/v1/templates/{}:change?supersede=never{more}", escape(name));
    Ok(tenant.post(&path, body.to_string()).await?.body)
}

fn stopped(failed: Failed, slice: &Value, (wave, name): (usize, &str)) -> Failed {
    let which = format!("slice {} of tenant {}", text(slice, "/slice"), text(slice, "/tenant"));
    let message = format!("wave {}: {which}: {}; those behind it stay as they are", wave + 1, failed.message);
    let next = format!("{}; then again: sliceway template upgrade {name}", failed.next);
    Failed { message, next, ..failed }
}
