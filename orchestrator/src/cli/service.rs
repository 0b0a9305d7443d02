//! `service` (`ns`): network services of on-boarded descriptors.

use super::apply;
use super::args::{Allow, Change};
use super::args::{
    CreateService, HealService, Instantiate, Output, Said, ScaleService, ServiceHow, TerminateService, UpdateService,
};
use super::client::{Client, escape};
use super::error::Failed;
use super::exit;
use super::pipe::say;
use super::{print, values};
use serde_json::{Map, Value, json};

pub(crate) async fn create(client: &Client, args: &CreateService, output: Output) -> Result<u8, Failed> {
    let before = client.get(&format!("/api/v1/services/{}", escape(&args.name))).await.ok();
    let made = made(client, (&args.name, &args.package, &args.description)).await?;
    let word = match &before {
        None => "created",
        Some(before) if *before == made => "unchanged",
        Some(_) => "changed",
    };
    say!("service {} {word}; next: sliceway ns instantiate {}", args.name, args.name);
    print::data(output, &made);
    Ok(exit::DONE)
}

async fn made(client: &Client, (name, package, description): (&str, &str, &str)) -> Result<Value, Failed> {
    let name = values::name(name)?;
    let body = json!({"package": package, "description": description});
    client.put(&format!("/api/v1/services/{}", escape(name.as_str())), &body).await
}

pub(crate) async fn instantiate(client: &Client, args: &Instantiate, output: Output) -> Result<u8, Failed> {
    let body = json!({"package": args.package, "functions": functions(&args.said)?});
    verb(client, (&args.name, "instantiate", body), (&args.how, Allow::default(), output)).await
}

pub(crate) async fn update(client: &Client, args: &UpdateService, output: Output) -> Result<u8, Failed> {
    let body = json!({"package": args.package, "newest": args.newest, "functions": functions(&args.said)?});
    let allow = Allow { replace: args.replace.clone(), allow_data_loss: args.allow_data_loss.clone(), upgrade: vec![] };
    verb(client, (&args.name, "update", body), (&args.how, allow, output)).await
}

pub(crate) async fn scale(client: &Client, args: &ScaleService, output: Output) -> Result<u8, Failed> {
    let mut body = json!({"function": args.function});
    if let Some(aspect) = &args.aspect {
        body["aspect"] = json!(aspect);
    }
    match (args.to, args.out, args.in_) {
        (Some(level), ..) => body["level"] = json!(level),
        (None, Some(steps), _) => (body["direction"], body["steps"]) = (json!("out"), json!(steps)),
        (None, None, steps) => (body["direction"], body["steps"]) = (json!("in"), json!(steps.unwrap_or(1))),
    }
    verb(client, (&args.name, "scale", body), (&args.how, Allow::default(), output)).await
}

pub(crate) async fn heal(client: &Client, args: &HealService, output: Output) -> Result<u8, Failed> {
    verb(client, (&args.name.name, "heal", Value::Null), (&args.how, Allow::default(), output)).await
}

pub(crate) async fn terminate(client: &Client, args: &TerminateService, output: Output) -> Result<u8, Failed> {
    let allow = Allow { allow_data_loss: args.allow_data_loss.clone(), ..Allow::default() };
    verb(client, (&args.name.name, "terminate", Value::Null), (&args.how, allow, output)).await
}

/// What is asked: the path of the API, what it is done to in words, and the body.
pub(super) struct Asked<'a> {
    pub(super) path: String,
    pub(super) what: String,
    pub(super) body: Value,
    pub(super) how: &'a ServiceHow,
    pub(super) allow: Allow,
}

/// Shows the plan, or begins and follows.
pub(super) async fn ask(client: &Client, asked: Asked<'_>, output: Output) -> Result<u8, Failed> {
    let Asked { path, what, body, how, allow } = asked;
    let (wait, timeout, supersede) = (how.wait, how.timeout.clone(), how.supersede);
    let change = Change { wait, timeout, allow, plan: None, supersede, forget: false };
    let dry_run = if how.dry_run { "&dryRun=true" } else { "" };
    let path = format!("{path}?{}{dry_run}", apply::query(&change)?);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = client.post(&path, body).await?.body;
    if how.dry_run {
        apply::changes(&answer, output);
        return Ok(exit::DONE);
    }
    apply::started(client, &what, (answer, &change)).await?.print(output)
}

/// A verb of a service.
pub(super) async fn verb(
    client: &Client,
    (name, verb, body): (&str, &str, Value),
    (how, allow, output): (&ServiceHow, Allow, Output),
) -> Result<u8, Failed> {
    let path = format!("/api/v1/services/{}:{verb}", escape(name));
    ask(client, Asked { path, what: format!("service {name}"), body, how, allow }, output).await
}

/// The file's words with the flags over them.
pub(super) fn functions(said: &Said) -> Result<Value, Failed> {
    let mut all = file(said)?;
    for (flag, words, key) in
        [("--at", &said.at, "cluster"), ("--use", &said.uses, "package"), ("--level", &said.level, "level")]
    {
        for text in words {
            let (function, value) = pair(flag, text)?;
            let said = below(&mut all, function);
            if key == "cluster" {
                said.remove("select");
            }
            said.insert(key.into(), json!(value));
        }
    }
    for text in &said.select {
        let (function, label, value) = dotted("--select", text)?;
        let select = below(below(&mut all, function), "select");
        below(select, "labels").insert(label.to_owned(), json!(value));
    }
    for text in &said.set {
        let (function, path, value) = dotted("--set", text)?;
        // As it would be in a file; a number for a text is mended where the descriptor is known.
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        below(below(&mut all, function), "parameters").insert(path.to_owned(), value);
    }
    Ok(Value::Object(all))
}

/// The map under a key; what else a file has there gives way to the flag.
fn below<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let entry = map.entry(key.to_owned()).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    entry.as_object_mut().expect("it was made one")
}

fn file(said: &Said) -> Result<Map<String, Value>, Failed> {
    let Some(path) = &said.file else { return Ok(Map::new()) };
    let wrong = |why: String| Failed::usage(format!("-f {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let documents = models::file::Located::read(&path.display().to_string(), &text)
        .map_err(|problems| Failed::usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let read = documents.first().map(models::file::Located::json).unwrap_or_default();
    let fields = read.as_object().cloned().unwrap_or_default();
    let mend = "write functions: {NAME: {cluster: …, parameters: {…}}}";
    if let Some(other) = fields.keys().find(|key| *key != "functions") {
        return Err(wrong(format!("{other:?} is not known here")).next(mend));
    }
    match fields.get("functions") {
        Some(Value::Object(functions)) => Ok(functions.clone()),
        Some(_) | None => Err(wrong("there are no functions in it".into()).next(mend)),
    }
}

fn pair<'t>(flag: &str, text: &'t str) -> Result<(&'t str, &'t str), Failed> {
    let wrong = || Failed::usage(format!("{flag} {text:?} is no FUNCTION=VALUE")).next(format!("{flag} web=VALUE"));
    text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(wrong)
}

/// A function, what of it, and the value.
fn dotted<'t>(flag: &str, text: &'t str) -> Result<(&'t str, &'t str, &'t str), Failed> {
    let wrong =
        || Failed::usage(format!("{flag} {text:?} is no FUNCTION.NAME=VALUE")).next(format!("{flag} web.NAME=VALUE"));
    let (path, value) = text.split_once('=').ok_or_else(wrong)?;
    let (function, name) = path.split_once('.').ok_or_else(wrong)?;
    if function.is_empty() || name.is_empty() { Err(wrong()) } else { Ok((function, name, value)) }
}
