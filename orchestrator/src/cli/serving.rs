//! `serve` and `bridge`: the two long-running sides of the binary.

use super::args::{Bridge, Serve};
use super::context::{self, Context};
use super::error::Failed;
use super::exit;
use super::pipe::tell;
use crate::config::Config;
use crate::server::{self, Clock, Random, Server};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

pub(crate) async fn serve(args: Serve) -> Result<u8, Failed> {
    let config = Config::read(args.config.as_deref()).map_err(Failed::usage)?;
    let config = config.with(&overrides(&args));
    logs(args.log_json.into());
    let stop = CancellationToken::new();
    let end = stop.clone();
    tokio::spawn(async move {
        signalled().await;
        end.cancel();
    });
    let fault = |error: server::StartError| {
        Failed::new(exit::FAILED, error.to_string()).next("sliceway serve --data DIR --listen ADDR")
    };
    let server = Server::start(&config, (Clock::system(), Random::system())).await.map_err(fault)?;
    let data = server.data().to_owned();
    if let Some(token) = server.first_token() {
        tell!("first-run administrator token (shown once, also in {}/admin.token):", data.display());
        tell!("{}", token.as_str());
    }
    let scheme = if config.tls().is_some() { "https" } else { "http" };
    let ready = |at: std::net::SocketAddr| {
        if scheme == "http" && !at.ip().is_loopback() {
            tell!("warning: {at} can be reached from other computers, and without TLS tokens travel in the clear");
            tell!("next:  sliceway serve --tls-cert F --tls-key F, or --listen 127.0.0.1:{}", at.port());
        }
        tell!("serving on {scheme}://{at}, data in {}", data.display());
        let first = server.first_token().map(|token| token.to_string());
        match scheme {
            // Who signed its certificate is not known here.
            "https" => tell!("next:  sliceway login --server https://HOST:{} --token T --ca FILE", at.port()),
            _ => remember(&format!("{scheme}://{at}"), first),
        }
    };
    server.run(stop, ready).await.map_err(fault)?;
    Ok(exit::DONE)
}

fn overrides(args: &Serve) -> Config {
    Config {
        data: args.data.clone(),
        listen: args.listen,
        tls_cert: args.tls_cert.clone(),
        tls_key: args.tls_key.clone(),
        ..Config::default()
    }
}

/// The first administrator of this machine can use the CLI without flags.
fn remember(server: &str, token: Option<String>) {
    let (Some(token), Ok(known)) = (token, context::read()) else { return };
    if known.token.is_some() {
        tell!("the CLI keeps its own server; to use this one: sliceway login --server {server} --token T");
        return;
    }
    let fresh = Context { server: Some(server.to_owned()), token: Some(token), ..Context::default() };
    match context::write(&fresh) {
        Ok(path) => tell!("the CLI of this user works without flags now ({})", path.display()),
        Err(failed) => tell!("warning: {}", failed.message),
    }
}

/// The form of log lines on stderr.
#[derive(Clone, Copy)]
enum LogForm {
    Human,
    Json,
}

impl From<bool> for LogForm {
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Human }
    }
}

fn logs(form: LogForm) {
    let filter = EnvFilter::try_from_env("SLICEWAY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A closed stderr must not end a server by its own complaint about it.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // A second subscriber would be a mistake of main's; the first one stays.
    let _ = match form {
        LogForm::Human => builder.with_ansi(false).with_target(false).try_init(),
        LogForm::Json => builder.json().try_init(),
    };
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

pub(crate) async fn bridge(args: Bridge) -> Result<u8, Failed> {
    logs(LogForm::Human);
    let Bridge { mqtt, listen, data } = args;
    let data: PathBuf = data;
    let config = crate::bridge::BridgeConfig {
        listen,
        mqtt,
        data,
        bound: crate::bridge::DEFAULT_BOUND,
        clock: jiff::Timestamp::now,
    };
    crate::bridge::run(config).await.map_err(|error| Failed::new(exit::FAILED, error.to_string()))?;
    Ok(exit::DONE)
}
