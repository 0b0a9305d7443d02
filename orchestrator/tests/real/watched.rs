//! What comes and goes on a cluster, in the order in which it does: one watch for each kind, beside everybody else.

use crate::ground::root;
use serde_json::Value;
use std::io::BufReader;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const KINDS: [&str; 7] = [
    "apis/batch/v1/jobs",
    "api/v1/pods",
    "api/v1/configmaps",
    "api/v1/secrets",
    "api/v1/serviceaccounts",
    "apis/rbac.authorization.k8s.io/v1/roles",
    "apis/rbac.authorization.k8s.io/v1/rolebindings",
];

/// One object that came, or went.
#[derive(Debug, Clone)]
struct Event {
    /// Counted over all kinds: an etcd has one count.
    version: u64,
    came: bool,
    object: Value,
}

pub struct Watched {
    children: Vec<Child>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Watched {
    pub fn new(cluster: &str) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let children = KINDS.map(|kind| watch(cluster, kind, Arc::clone(&events)));
        Self { children: children.into(), events }
    }

    fn of(&self, namespace: &str) -> Vec<Event> {
        let mut all = self.events.lock().unwrap().clone();
        all.retain(|event| text(&event.object, "/metadata/namespace") == namespace);
        all.sort_by_key(|event| event.version);
        all
    }

    /// How the objects of hooks came (`+`) and went (`-`), and between them those of the release, which is one word.
    pub fn story(&self, namespace: &str, release: &str) -> Vec<String> {
        let mut story: Vec<String> = Vec::new();
        for event in self.of(namespace) {
            let sign = if event.came { '+' } else { '-' };
            let annotations = event.object.pointer("/metadata/annotations");
            let has = |key: &str| annotations.and_then(|all| all.get(key)).is_some();
            let word = match (has("helm.sh/hook"), has("meta.helm.sh/release-name")) {
                (true, _) => {
                    let name = text(&event.object, "/metadata/name").replace(release, "rel");
                    format!("{sign}{} {name}", text(&event.object, "/kind"))
                }
                (false, true) => format!("{sign}release"),
                (false, false) => continue,
            };
            if story.last() != Some(&word) {
                story.push(word);
            }
        }
        story
    }

    /// How often an object of this kind and name was made.
    pub fn made(&self, namespace: &str, (kind, name): (&str, &str)) -> usize {
        let is = |event: &&Event| {
            event.came && text(&event.object, "/kind") == kind && text(&event.object, "/metadata/name") == name
        };
        self.of(namespace).iter().filter(is).count()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn watch(cluster: &str, kind: &str, events: Arc<Mutex<Vec<Event>>>) -> Child {
    let path = format!("/{kind}?watch=true&timeoutSeconds=600");
    let mut child = Command::new(root().join("target/debug/sliceway-lab"))
        .args(["kubectl", cluster, "--", "get", "--raw", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stream = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for told in serde_json::Deserializer::from_reader(stream).into_iter::<Value>() {
            let Ok(mut told) = told else { return };
            let came = match text(&told, "/type") {
                "ADDED" => true,
                "DELETED" => false,
                _ => continue,
            };
            let object = told["object"].take();
            let version = text(&object, "/metadata/resourceVersion").parse().unwrap_or(0);
            events.lock().unwrap().push(Event { version, came, object });
        }
    });
    child
}
