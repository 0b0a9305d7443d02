//! From what was typed to what is done.

use super::args::{
    Cli, ClusterAdd, ClusterVerb, Command, CreateNoun, DeviceVerb, General, Global, Login, OperationVerb, Output,
    PackageVerb, RepositoryVerb, ServiceVerb, SliceVerb, TemplateVerb, TenantVerb, TokenVerb,
};
use super::client::{Client, escape};
use super::context::{self, Context};
use super::error::Failed;
use super::pipe::{self, say};
use super::{
    adopt, apply, doctor, drain, exit, moves, onboard, orphans, package, print, repository, service, serving, template,
    test, validate, values, verbs, wait,
};
use models::file::Meta;
use serde_json::{Value, json};
use std::path::Path;

/// Runs one command; the exit code is the answer.
pub async fn run(cli: Cli) -> u8 {
    match command(cli).await {
        Ok(code) => code,
        Err(failed) => failed.report(),
    }
}

pub(crate) fn context(global: &Global) -> Result<Context, Failed> {
    let file = context::read()?;
    Ok(Context {
        server: said(&global.server).or(file.server),
        token: said(&global.token).or(file.token),
        tenant: said(&global.tenant).or(file.tenant),
        ca: file.ca,
    })
}

/// A variable that is set to nothing says nothing.
fn said(value: &Option<String>) -> Option<String> {
    value.clone().filter(|text| !text.is_empty())
}

async fn command(cli: Cli) -> Result<u8, Failed> {
    let global = &cli.global;
    match cli.command {
        Command::Serve(args) => return serving::serve(args).await,
        Command::Bridge(args) => return serving::bridge(args).await,
        Command::Login(args) => return login(global, &args).await,
        Command::Schema => {
            print::one(Output::Json, &models::file::schema());
            return Ok(exit::DONE);
        }
        Command::Completion { shell } => return completion(shell),
        Command::Package { verb: PackageVerb::Build(args) } => {
            return package::make(&args, global.output.as_deref()).await;
        }
        Command::Package { verb: PackageVerb::Validate(args) } => {
            return validate::validate(&args, global.format()?);
        }
        _ => {}
    }
    let client = Client::new(&context(global)?)?;
    if let Command::Device { verb: DeviceVerb::Credentials { name, dir, slice } } = &cli.command {
        let dir = credentials_folder(name, (dir.as_deref(), global.output.as_deref()))?;
        return verbs::credentials(&client, (name, slice.as_deref()), dir).await;
    }
    let output = global.format()?;
    let tenant = said(&global.tenant);
    let tenant = tenant.as_deref();
    match &cli.command {
        Command::Get(args) => verbs::get(&client, (&args.noun, &args.which), output).await,
        Command::Describe(one) => verbs::describe(&client, (&one.noun, &one.name), output).await,
        Command::Explain(one) => verbs::explain(&client, (&one.noun, &one.name), output).await,
        Command::Delete(args) => verbs::delete(&client, (&args.noun, &args.one), output).await,
        Command::Apply(args) => apply::apply(&client, (args, None), output).await,
        Command::Plan(args) => apply::plan(&client, args, output).await.map(|_| exit::DONE),
        Command::Diff(args) => {
            let changes = apply::plan(&client, args, output).await?;
            Ok(if changes { exit::FAILED } else { exit::DONE })
        }
        Command::Orphans(args) => orphans::orphans(&client, args, output).await,
        Command::Create(create) => match &create.noun {
            CreateNoun::Tenant(args) => verbs::create_tenant(&client, args, output).await,
            CreateNoun::Token(args) => verbs::create_token(&client, args, (tenant, output)).await,
        },
        other => noun(&client, other, (tenant, output)).await,
    }
}

/// A form of output is no folder: a password must not lie in one called "json" by mistake.
fn credentials_folder<'a>(name: &str, (dir, output): (Option<&'a Path>, Option<&'a str>)) -> Result<&'a Path, Failed> {
    let next = format!("sliceway device credentials {name} --dir DIR");
    match (dir, output) {
        (Some(dir), None) => Ok(dir),
        (_, Some(form @ ("table" | "wide" | "json" | "yaml"))) => {
            Err(Failed::usage(format!("credentials are written as files into a folder, not as {form}")).next(next))
        }
        (None, Some(dir)) => Ok(Path::new(dir)),
        (Some(_), Some(_)) => Err(Failed::usage("--dir and -o both name a folder").next(next)),
        (None, None) => Err(Failed::usage("the folder is missing").next(next)),
    }
}

/// The nouns' own verbs, and the general ones in the other order.
async fn noun(client: &Client, command: &Command, (tenant, output): (Option<&str>, Output)) -> Result<u8, Failed> {
    match command {
        Command::Cluster { verb } => match verb {
            ClusterVerb::Add(args) => cluster_add(client, args, output).await,
            ClusterVerb::Set(args) => cluster_set(client, args, output).await,
            ClusterVerb::Takeover(one) => drain::take_over(client, &one.name, output).await,
            ClusterVerb::Uncordon(one) => drain::uncordon(client, &one.name, output).await,
            ClusterVerb::Doctor(one) => doctor::doctor(client, &one.name, output).await,
            ClusterVerb::General(verb) => general(client, ("cluster", verb), output).await,
        },
        Command::Repository { verb } => match verb {
            RepositoryVerb::Add(args) => repository::add(client, args).await?.print(output),
            RepositoryVerb::Search { text, repository, versions } => {
                repository::search(client, (text.as_deref(), repository.as_deref(), *versions), output).await
            }
            RepositoryVerb::Update { name } => repository::update(client, name.as_deref(), output).await,
            RepositoryVerb::General(verb) => general(client, ("repository", verb), output).await,
        },
        Command::Package { verb } => match verb {
            PackageVerb::Add(args) => onboard::add(client, args).await?.print(output),
            PackageVerb::Disable(one) => onboard::set(client, (&one.name, "disable"), output).await,
            PackageVerb::Enable(one) => onboard::set(client, (&one.name, "enable"), output).await,
            PackageVerb::General(verb) => general(client, ("package", verb), output).await,
            PackageVerb::Build(_) | PackageVerb::Validate(_) => unserved(),
        },
        Command::Service { verb } => match verb {
            ServiceVerb::Create(args) => service::create(client, args, output).await,
            ServiceVerb::Instantiate(args) => service::instantiate(client, args, output).await,
            ServiceVerb::Update(args) => service::update(client, args, output).await,
            ServiceVerb::Scale(args) => service::scale(client, args, output).await,
            ServiceVerb::Heal(args) => service::heal(client, args, output).await,
            ServiceVerb::Terminate(args) => service::terminate(client, args, output).await,
            ServiceVerb::General(verb) => general(client, ("service", verb), output).await,
        },
        Command::Template { verb } => match verb {
            TemplateVerb::Create(args) => apply::apply(client, (args, Some("template")), output).await,
            TemplateVerb::Show(args) => template::show(client, args, output).await,
            TemplateVerb::Instantiate(args) => template::instantiate(client, args, output).await,
            TemplateVerb::Change(args) => template::change(client, args, output).await,
            TemplateVerb::Upgrade(args) => template::upgrade(client, args, output).await,
            TemplateVerb::General(verb) => general(client, ("template", verb), output).await,
        },
        Command::Chart { verb } => repository::chart(client, verb, output).await,
        Command::Tenant { verb } => match verb {
            TenantVerb::Create(args) => verbs::create_tenant(client, args, output).await,
            TenantVerb::General(verb) => general(client, ("tenant", verb), output).await,
        },
        Command::Token { verb } => match verb {
            TokenVerb::Create(args) => verbs::create_token(client, args, (tenant, output)).await,
            TokenVerb::Revoke { id } => verbs::revoke(client, id).await,
            TokenVerb::General(verb) => general(client, ("token", verb), output).await,
        },
        Command::Slice { verb } => match verb {
            SliceVerb::Explain(one) => verbs::explain(client, ("slice", &one.name), output).await,
            SliceVerb::AdoptRelease(args) => adopt::adopt(client, args, output).await,
            SliceVerb::HandBack(args) => adopt::hand_back(client, args, output).await,
            SliceVerb::Export(one) => verbs::export(client, &one.name, output).await,
            SliceVerb::Test(args) => test::slice(client, args, output).await,
            SliceVerb::General(verb) => general(client, ("slice", verb), output).await,
        },
        Command::Gateway { verb } => general(client, ("gateway", verb), output).await,
        Command::Server { verb } => general(client, ("server", verb), output).await,
        Command::Function { verb } => general(client, ("function", verb), output).await,
        Command::Device { verb: DeviceVerb::General(verb) } => general(client, ("device", verb), output).await,
        Command::Operation { verb } => operation(client, verb, output).await,
        _ => unserved(),
    }
}

/// What needs no server was done before.
fn unserved() -> Result<u8, Failed> {
    Err(Failed::usage("nothing to do").next("sliceway --help"))
}

async fn general(client: &Client, (noun, verb): (&str, &General), output: Output) -> Result<u8, Failed> {
    match verb {
        General::Get(which) => verbs::get(client, (noun, which), output).await,
        General::Describe(one) => verbs::describe(client, (noun, &one.name), output).await,
        General::Delete(one) => verbs::delete(client, (noun, one), output).await,
        General::Apply(args) => apply::apply(client, (args, Some(noun)), output).await,
    }
}

async fn operation(client: &Client, verb: &OperationVerb, output: Output) -> Result<u8, Failed> {
    let (args, word) = match verb {
        OperationVerb::General(verb) => return general(client, ("operation", verb), output).await,
        OperationVerb::Watch { id } => return wait::follow(client, id).await,
        OperationVerb::Explain { id } => return moves::explain(client, id, output).await,
        OperationVerb::Retry(args) => (args, "retry"),
        OperationVerb::Rollback(args) => (args, "rollback"),
        OperationVerb::Continue(args) => (args, "continue"),
        OperationVerb::Fail(args) => (args, "fail"),
        OperationVerb::Cancel(args) => (args, "cancel"),
    };
    match args.plan {
        true => moves::plan(client, (&args.id, word), output).await,
        false => verbs::operation(client, (&args.id, word), (args.wait.into(), output)).await,
    }
}

async fn cluster_add(client: &Client, args: &ClusterAdd, output: Output) -> Result<u8, Failed> {
    let missing = || {
        let next = format!("sliceway cluster add {} --kubeconfig F", args.name);
        Failed::usage("a cluster is added by a kubeconfig").next(next)
    };
    args.kubeconfig.as_deref().ok_or_else(missing)?;
    if client.get(&format!("/api/v1/clusters/{}", escape(&args.name))).await.is_ok() {
        return Err(Failed::new(exit::CONFLICT, format!("cluster {} is registered already", args.name))
            .next(format!("sliceway cluster set {} changes it; what is not said stays", args.name)));
    }
    put_cluster(client, args, (json!({}), output)).await
}

/// What is not said stays as it is.
async fn cluster_set(client: &Client, args: &ClusterAdd, output: Output) -> Result<u8, Failed> {
    let now = client.get(&format!("/api/v1/clusters/{}", escape(&args.name))).await?;
    put_cluster(client, args, (now, output)).await
}

async fn put_cluster(client: &Client, args: &ClusterAdd, (now, output): (Value, Output)) -> Result<u8, Failed> {
    let mut spec = now.get("spec").cloned().unwrap_or_else(|| json!({}));
    if let Some(expose) = &args.expose {
        spec["expose"] = json!(expose);
    }
    if let Some(address) = &args.address {
        spec["address"] = json!(address);
    }
    let spec =
        serde_json::from_value(spec).map_err(|error| Failed::usage(format!("--expose or --address: {error}")))?;
    let mut all: models::labels::Labels =
        now.get("labels").cloned().and_then(|labels| serde_json::from_value(labels).ok()).unwrap_or_default();
    all.extend(values::labels(&args.labels, "--label")?);
    let name = values::name(&args.name)?;
    let kubeconfig = (args.kubeconfig.as_deref(), args.context.as_deref());
    apply::cluster(client, (&Meta { name, labels: all }, &spec), kubeconfig).await?.print(output)
}

async fn login(global: &Global, args: &Login) -> Result<u8, Failed> {
    let token = said(&global.token).ok_or_else(|| {
        Failed::usage("the token is missing; SLICEWAY_TOKEN has one, too").next("sliceway login --server URL --token T")
    })?;
    let mut known = context::read()?;
    known.server = said(&global.server).or(known.server);
    known.token = Some(token);
    known.tenant = said(&global.tenant).or(known.tenant);
    // The file is read from wherever the next command is typed.
    known.ca = match &args.ca {
        Some(path) => Some(path.canonicalize().map_err(|error| {
            Failed::usage(format!("--ca {}: {error}", path.display())).next("name a PEM file that is there")
        })?),
        None => known.ca,
    };
    let who = Client::new(&known)?.get("/api/v1/whoami").await?;
    let path = context::write(&known)?;
    say!(
        "logged in to tenant {} as {}; kept in {}",
        print::text(&who, "/tenant"),
        print::text(&who, "/role"),
        path.display()
    );
    Ok(exit::DONE)
}

/// The script asks this program at each completion, so that names come from the server.
fn completion(shell: clap_complete::Shell) -> Result<u8, Failed> {
    let shells = clap_complete::env::Shells::builtins();
    let name = shell.to_string();
    let found = shells.completer(&name).ok_or_else(|| Failed::usage(format!("no completion for {name}")))?;
    let me = std::env::current_exe().map_err(|error| Failed::new(exit::FAILED, error.to_string()))?;
    let mut script = Vec::new();
    let written = found.write_registration("COMPLETE", "sliceway", "sliceway", &me.to_string_lossy(), &mut script);
    written.map_err(|error| Failed::new(exit::FAILED, error.to_string()))?;
    pipe::data(format_args!("{}", String::from_utf8_lossy(&script)));
    Ok(exit::DONE)
}
