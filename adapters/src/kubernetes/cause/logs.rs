//! The last lines that a container wrote before it ended.

use crate::kubernetes::seen::text;
use crate::kubernetes::wire::Wire;
use serde_json::Value;

const LINES: u32 = 3;
const WIDEST: usize = 200;

/// Which run of a container.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// The one that is there, ended.
    This,
    /// The one before it.
    Before,
}

/// Nothing where nothing can be read: that must not hide why it ended.
pub(super) async fn last_words(wire: &Wire, pod: &Value, (container, run): (&str, Run)) -> String {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let previous = match run {
        Run::This => "",
        Run::Before => "&previous=true",
    };
    let path =
        format!("/api/v1/namespaces/{namespace}/pods/{name}/log?container={container}&tailLines={LINES}{previous}");
    match wire.get(&path).await {
        Ok(answer) if answer.status == 200 && !answer.text().trim().is_empty() => {
            let lines: Vec<String> =
                answer.text().trim().lines().map(|line| line.chars().take(WIDEST).collect()).collect();
            format!("; its last words: {}", lines.join(" | "))
        }
        Ok(answer) if answer.status == 403 => "; its log may not be read (grant get on pods/log)".into(),
        _ => String::new(),
    }
}
