//! Debian's `docker-registry` inside the edge's machine, where its nodes reach it as `localhost`: one that lets everybody
//! in and holds nothing, or one that asks who it is.

use crate::ground::root;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Keeps its files in the machine, which sees none of ours. Ends when our end of its pipe is closed, however this process
/// ends.
const GUARD: &str = r#"d=$(mktemp -d); cd "$d"; printf %s "$1" >config.yml; echo nobody:x >htpasswd
docker-registry serve config.yml >/dev/null 2>&1 & read -r _; kill -9 "$!"; rm -rf "$d""#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Asks,
}

pub struct Registry {
    guard: Child,
}

impl Registry {
    pub fn start(port: u16, door: Door) -> Self {
        let auth = match door {
            Door::Open => "",
            Door::Asks => "auth: {htpasswd: {realm: lab, path: htpasswd}}\n",
        };
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: data}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\", secret: x}}\n{auth}"
        );
        let mut command = Command::new(root().join("target/debug/sliceway-lab"));
        command.args(["exec", "edge", "--", "sh", "-c", GUARD, "guard", &text]);
        let guard = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let registry = Self { guard };
        let end = Instant::now() + Duration::from_secs(20);
        while !answers(port) {
            assert!(Instant::now() < end, "the registry did not come up");
        }
        registry
    }
}

fn answers(port: u16) -> bool {
    let ask = format!("echo | busybox nc -w 1 127.0.0.1 {port} >/dev/null 2>&1");
    let mut command = Command::new(root().join("target/debug/sliceway-lab"));
    command.args(["exec", "edge", "--", "sh", "-c", &ask]).status().unwrap().success()
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
