//! The client by which a cluster is spoken to. Where a program of the kubeconfig says what opens it, that is asked before it
//! is needed first and again before it ends: one at a time, on behalf of everybody who waits, and no answer to one that asked
//! in vain is asked for again at once.

use super::Kubernetes;
use super::connect::ConnectError;
use super::program::{self, Credential};
use crate::port::PortError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use kube::config::ExecConfig;
use kube::{Client, Config};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// What ends sooner than this is asked for anew.
const AHEAD: SignedDuration = SignedDuration::from_secs(30);
/// What is at its end the moment it comes is good for so long.
const LEAST: Duration = Duration::from_secs(5);
/// How long a refusal stands.
const REFUSED: Duration = Duration::from_secs(2);

impl Kubernetes {
    /// Speaks to the cluster of that uid ([`models::ClusterFacts::uid`]) and to no other.
    #[must_use]
    pub fn of_uid(self, uid: Option<String>) -> Self {
        match uid {
            Some(uid) => Self { wire: self.wire.to(uid), ..self },
            None => self,
        }
    }

    /// Whether it is the cluster that is meant; an error, too, where nobody answers.
    pub async fn meets(&self) -> Result<(), PortError> {
        self.wire.meet().await
    }

    /// Whether there is something that opens it: asks the kubeconfig's program, where there is one. Connects to nothing.
    pub async fn opens(&self) -> Result<(), PortError> {
        self.wire.opened().await.map(drop)
    }
}

pub(super) enum Access {
    /// By what the kubeconfig holds.
    Held(Client),
    Asked(Box<Asked>),
}

pub(super) struct Asked {
    config: Config,
    program: ExecConfig,
    last: Mutex<Option<Asking>>,
}

struct Asking {
    outcome: Shared<BoxFuture<'static, Outcome>>,
    task: AbortHandle,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Outcome {
    made: Result<Client, Arc<ConnectError>>,
    ends: Option<Timestamp>,
    at: Instant,
}

impl Outcome {
    fn stands(&self) -> bool {
        match (&self.made, self.ends) {
            (Err(_), _) => self.at.elapsed() < REFUSED,
            (Ok(_), None) => true,
            (Ok(_), Some(end)) => self.at.elapsed() < LEAST || Timestamp::now() + AHEAD < end,
        }
    }
}

impl Access {
    pub(super) fn of(mut config: Config) -> kube::Result<Self> {
        Ok(match config.auth_info.exec.take() {
            None => Self::Held(Client::try_from(config)?),
            Some(program) => Self::Asked(Box::new(Asked { config, program, last: Mutex::default() })),
        })
    }

    pub(super) async fn client(&self) -> Result<Client, Arc<ConnectError>> {
        match self {
            Self::Held(client) => Ok(client.clone()),
            Self::Asked(asked) => asked.asking().await.made,
        }
    }

    /// The cluster does not take it: it is asked for anew when it is needed next.
    pub(super) fn refused(&self) {
        if let Self::Asked(asked) = self {
            let mut last = asked.last.lock().unwrap_or_else(PoisonError::into_inner);
            // One that is being asked for was not refused yet, and one that just came would be refused again.
            last.take_if(|asking| asking.outcome.peek().is_some_and(|outcome| outcome.at.elapsed() > LEAST));
        }
    }
}

impl Asked {
    fn asking(&self) -> Shared<BoxFuture<'static, Outcome>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|asking| asking.outcome.peek().is_none_or(Outcome::stands)) {
            return known.outcome.clone();
        }
        let (config, program) = (self.config.clone(), self.program.clone());
        let command = program::name(&program);
        let task = tokio::spawn(async move { ask(config, &program).await });
        let abort = task.abort_handle();
        let ended = move |error: tokio::task::JoinError| {
            let made = Err(Arc::new(ConnectError::Program { command, cause: error.to_string() }));
            Outcome { made, ends: None, at: Instant::now() }
        };
        let outcome = task.map(|done| done.unwrap_or_else(ended)).boxed().shared();
        last.insert(Asking { outcome, task: abort }).outcome.clone()
    }
}

async fn ask(config: Config, program: &ExecConfig) -> Outcome {
    let said = program::ask(program).await;
    let ends = said.as_ref().ok().and_then(|credential| credential.ends);
    let made = said.and_then(|credential| opened(config, credential)).map_err(Arc::new);
    Outcome { made, ends, at: Instant::now() }
}

fn opened(mut config: Config, credential: Credential) -> Result<Client, ConnectError> {
    let user = &mut config.auth_info;
    if let Some(token) = credential.token {
        user.token = Some(token.as_str().into());
    }
    if let (Some(certificate), Some(key)) = (credential.client_certificate_data, credential.client_key_data) {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key.as_bytes()).into());
    }
    Client::try_from(config).map_err(|error| ConnectError::Unreadable(error.to_string()))
}
