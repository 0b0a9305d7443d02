//! The program of a kubeconfig that says by what we are let in (client-go credential plugins, `ExecCredential`).
//!
//! It runs as a process of its own that ends with whoever waits for it, and with everything that it started. Nothing that it
//! prints, and nothing that the kubeconfig hands to it, is ever told: both may be secrets.

use super::connect::ConnectError;
use jiff::Timestamp;
use kube::config::ExecConfig;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What it says is larger than any credential beyond this.
const LARGEST: u64 = 1 << 20;

/// What opens the cluster, and until when.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    pub(super) token: Option<Zeroizing<String>>,
    /// PEM.
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<Zeroizing<String>>,
    #[serde(rename = "expirationTimestamp")]
    pub(super) ends: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Credential>,
}

pub(super) async fn ask(program: &ExecConfig) -> Result<Credential, ConnectError> {
    let command = name(program);
    let slow = || ConnectError::Slow { command: name(program), seconds: PATIENCE.as_secs() };
    let failed = |cause: String| ConnectError::Program { command: command.clone(), cause };
    let run = async {
        let mut running = start(program).map_err(|error| failed(error.to_string()))?;
        running.answer().await.map_err(failed)
    };
    tokio::time::timeout(PATIENCE, run).await.unwrap_or_else(|_| Err(slow()))
}

pub(super) fn name(program: &ExecConfig) -> String {
    program.command.clone().unwrap_or_default()
}

fn start(program: &ExecConfig) -> std::io::Result<Running> {
    let mut command = Command::new(name(program));
    command.args(program.args.iter().flatten()).env("KUBERNETES_EXEC_INFO", told(program));
    for pair in program.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Of a group of its own, so that what it starts ends with it.
    let child = command.process_group(0).kill_on_drop(true).spawn()?;
    Ok(Running { group: child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)), child })
}

/// As client-go tells it.
fn told(program: &ExecConfig) -> String {
    let version = program.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1");
    let mut spec = json!({"interactive": false});
    if let Some(cluster) = program.cluster.as_ref().filter(|_| program.provide_cluster_info) {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    json!({"apiVersion": version, "kind": "ExecCredential", "spec": spec}).to_string()
}

struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    async fn answer(&mut self) -> Result<Credential, String> {
        let mut said = Zeroizing::new(Vec::new());
        let unread = |error: std::io::Error| format!("what it says cannot be read: {error}");
        if let Some(out) = self.child.stdout.take() {
            out.take(LARGEST).read_to_end(&mut said).await.map_err(unread)?;
        }
        let status = self.child.wait().await.map_err(unread)?;
        if !status.success() {
            return Err(format!("it failed ({status}); its words are not shown, since they may hold secrets"));
        }
        // It has ended, and another process may have its number by now.
        self.group = None;
        let answer: Answer =
            serde_json::from_slice(&said).map_err(|_| "what it prints is no ExecCredential in JSON".to_owned())?;
        let credential = answer.status.ok_or("its ExecCredential has no status")?;
        let opens = credential.token.is_some()
            || (credential.client_certificate_data.is_some() && credential.client_key_data.is_some());
        if opens { Ok(credential) } else { Err("its ExecCredential has neither token nor certificate with key".into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Where it is gone already there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
