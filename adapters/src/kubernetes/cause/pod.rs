//! What holds one pod: no node, no volume, an image, a container that ends, a probe.

use super::events::Events;
use super::logs::{Run, last_words};
use super::{Cause, volume};
use crate::kubernetes::node;
use crate::kubernetes::seen::text;
use crate::kubernetes::wire::Wire;
use crate::port::PortError;
use crate::remedy::{EITHER, FILE, RETRY, between};
use serde_json::Value;

/// Reasons of events that hold a pod whose containers do not exist yet.
const HELD: [&str; 3] = ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"];

pub(super) async fn cause(wire: &Wire, pod: &Value) -> Result<Option<Cause>, PortError> {
    let name = text(pod, "/metadata/name");
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let unscheduled = conditions.into_iter().flatten().find(|c| {
        text(c, "/type") == "PodScheduled" && text(c, "/status") == "False" && !text(c, "/message").is_empty()
    });
    if let Some(condition) = unscheduled {
        return homeless(wire, pod, text(condition, "/message")).await.map(Some);
    }
    let mut events = None;
    for (list, word) in
        [("/status/initContainerStatuses", "init container"), ("/status/containerStatuses", "container")]
    {
        for status in pod.pointer(list).and_then(Value::as_array).into_iter().flatten() {
            if is_well(pod, (status, word)) {
                continue;
            }
            if events.is_none() {
                events = Some(Events::about(wire, ("Pod", pod)).await?);
            }
            let Some(events) = &events else { continue };
            let container = Container { wire, pod, status, word, events };
            if let Some(cause) = container.cause().await {
                return Ok(Some(cause));
            }
        }
    }
    let events = match events {
        Some(events) => events,
        None => Events::about(wire, ("Pod", pod)).await?,
    };
    let running = text(pod, "/status/phase") == "Running";
    Ok(events.newest(&HELD).filter(|_| !running).map(|event| {
        let message = text(event, "/message");
        let next = match (message.contains("not found"), text(event, "/reason")) {
            (true, "FailedMount") => format!("make what it mounts, or name another one in the chart's values, {EITHER}"),
            (_, "FailedCreatePodSandBox") => {
                format!("mend the node's runtime or network, or choose another runtime class in the chart's values, {EITHER}")
            }
            _ => format!("mend the volume or its driver, {RETRY}"),
        };
        Cause::waiting(format!("pod {name}: {message}"), next)
    }))
}

/// Nothing is wrong with it that holds the pod.
fn is_well(pod: &Value, (status, word): (&Value, &str)) -> bool {
    let ready = status.get("ready") == Some(&Value::Bool(true));
    let done = status.pointer("/state/terminated/exitCode") == Some(&Value::from(0));
    let may_end = word == "init container" || matches!(text(pod, "/spec/restartPolicy"), "Never" | "OnFailure");
    ready || done && may_end
}

/// The scheduler's words, which count nodes; then each node by its name, as far as that can be told.
async fn homeless(wire: &Wire, pod: &Value, message: &str) -> Result<Cause, PortError> {
    let name = text(pod, "/metadata/name");
    if message.contains("ersistentVolumeClaim")
        && let Some(cause) = volume::of_pod(wire, pod).await?
    {
        return Ok(Cause::waiting(format!("pod {name} has no node: {}", cause.reason()), cause.next));
    }
    let nodes = node::refusals(wire, pod).await;
    let reason = format!("pod {name} has no node: {message}{nodes}");
    let next = if message.contains("Insufficient") || message.contains("Too many pods") {
        format!("make room on a node, or ask for less in the chart's values, {EITHER}")
    } else if message.contains("taint") {
        format!("free a node of its taint, or tolerate it in the chart's values, {EITHER}")
    } else if message.contains("affinity") || message.contains("selector") {
        format!("label a node as the chart asks, or change nodeSelector and affinity in its values, {EITHER}")
    } else {
        format!("bring a node that takes it, or change what the chart asks of nodes, {EITHER}")
    };
    Ok(Cause::waiting(reason, next))
}

/// One container that is not well.
struct Container<'a> {
    wire: &'a Wire,
    pod: &'a Value,
    status: &'a Value,
    word: &'a str,
    events: &'a Events,
}

impl Container<'_> {
    fn name(&self) -> &str {
        text(self.status, "/name")
    }

    /// `pod web-1, container main`
    fn place(&self) -> String {
        format!("pod {}, {} {}", text(self.pod, "/metadata/name"), self.word, self.name())
    }

    async fn cause(&self) -> Option<Cause> {
        let place = self.place();
        let message = text(self.status, "/state/waiting/message");
        match text(self.status, "/state/waiting/reason") {
            "" => self.ran().await,
            "ContainerCreating" | "PodInitializing" => None,
            "CrashLoopBackOff" => Some(self.ends("/lastState/terminated", Run::Before).await),
            reason @ ("ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName") => {
                Some(self.image(reason, message))
            }
            reason @ "CreateContainerConfigError" => {
                let next = format!("make what it refers to, or name another one in the chart's values, {EITHER}");
                Some(Cause::waiting(format!("{place} cannot be made ({reason}): {message}"), next))
            }
            reason @ ("CreateContainerError" | "RunContainerError") => {
                let next = format!("correct its command or image in the chart's values, {FILE}");
                Some(Cause::waiting(format!("{place} cannot be started ({reason}): {message}"), next))
            }
            other => Some(Cause::waiting(format!("{place}: {other}: {message}"), "")),
        }
    }

    /// It runs and is not ready, or has just ended.
    async fn ran(&self) -> Option<Cause> {
        if self.status.pointer("/state/terminated").is_some() {
            return Some(self.ends("/state/terminated", Run::This).await);
        }
        // Between two ends of a loop it runs for a moment; a probe's answer then is of this run.
        match self.probe("Unhealthy", "/state/running/startedAt") {
            Some(cause) => Some(cause),
            None if self.status.pointer("/lastState/terminated").is_some() => {
                Some(self.ends("/lastState/terminated", Run::Before).await)
            }
            None => None,
        }
    }

    /// What a probe heard since `since`.
    fn probe(&self, reason: &str, since: &str) -> Option<Cause> {
        let event = self.events.of_container(reason, self.name())?;
        let at = text(event, "/lastTimestamp").max(text(event, "/eventTime"));
        (at >= text(self.status, since)).then(|| self.unhealthy(text(event, "/message")))
    }

    fn unhealthy(&self, answer: &str) -> Cause {
        let kind = answer.split_whitespace().next().unwrap_or("").to_lowercase();
        let next =
            format!("mend what its {kind} probe asks, or the probe (path, port, time) in the chart's values, {EITHER}");
        Cause::waiting(format!("{} is not ready: {}", self.place(), answer.trim()), next)
    }

    /// It ended, by itself or because a probe had it ended.
    async fn ends(&self, at: &str, run: Run) -> Cause {
        let ended = |part: &str| format!("{at}/{part}");
        let killed = self.events.of_container("Killing", self.name()).map(|event| text(event, "/message"));
        let answer = self.events.of_container("Unhealthy", self.name()).map(|event| text(event, "/message"));
        let times = self.status.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        if let (Some(killed), Some(answer)) = (killed, answer)
            && killed.contains("probe, will be restarted")
        {
            let Cause { next, .. } = self.unhealthy(answer);
            let place = self.place();
            return Cause::waiting(format!("{place} is ended {times} times by its probe: {}", answer.trim()), next);
        }
        let code = self.status.pointer(&ended("exitCode")).map(Value::to_string).unwrap_or_default();
        let why = text(self.status, &ended("reason"));
        let told = text(self.status, &ended("message")).trim();
        let told = if told.is_empty() { String::new() } else { format!(": {told}") };
        let again = if times > 0 { "keeps ending" } else { "ended" };
        let words = last_words(self.wire, self.pod, (self.name(), run)).await;
        let reason = format!("{} {again}: {why}, exit code {code}{told}{words}", self.place());
        let next = match why {
            "OOMKilled" => format!("raise resources.limits.memory in the chart's values, {FILE}"),
            "StartError" | "ContainerCannotRun" => {
                format!("correct its command or image in the chart's values, {FILE}")
            }
            _ => format!("mend what its last words name, in the chart's values or around it, {EITHER}"),
        };
        Cause::waiting(reason, next)
    }

    fn image(&self, reason: &str, message: &str) -> Cause {
        let image = text(self.status, "/image");
        let words = format!("{}: image {image} cannot be had ({reason}): {message}", self.place());
        let said = message.to_lowercase();
        let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
        let registry = registry(image);
        let next = if reason == "InvalidImageName" {
            // No time makes an image's name out of it.
            return Cause::failed(words, format!("correct the image's name in the chart's values, {FILE}"));
        } else if reason == "ErrImageNeverPull" {
            format!("load the image onto the node, or let it be pulled (imagePullPolicy), {EITHER}")
        } else if says(&[
            "unauthorized",
            "authorization failed",
            "no basic auth",
            "authentication required",
            "403 forbidden",
        ]) {
            format!(
                "give credentials of registry {registry}: a Secret of type kubernetes.io/dockerconfigjson, named as \
                 imagePullSecrets in the chart's values; or name an image that is there, {FILE}"
            )
        } else if says(&["not found", "manifest unknown", "name unknown"]) {
            format!("push the image to {registry}, or name one that is there in the chart's values, {EITHER}")
        } else {
            let host = between(message, "lookup ", " ").unwrap_or(registry);
            format!("see that the node reaches registry {host}, or name an image of another one, {EITHER}")
        };
        Cause::waiting(words, next)
    }
}

/// Where an image comes from, as a container runtime reads its name.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_host_is_of_the_public_registry() {
        for (image, expect) in [
            ("busybox:1", "docker.io"),
            ("library/busybox", "docker.io"),
            ("localhost:5000/x", "localhost:5000"),
            ("lab.local/x:1", "lab.local"),
        ] {
            assert_eq!(registry(image), expect, "{image}");
        }
    }
}
