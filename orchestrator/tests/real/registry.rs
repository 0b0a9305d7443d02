//! Debian's `docker-registry` inside the edge's machine, where its nodes reach it as `localhost`: one that lets everybody
//! in and holds nothing, or one that asks who it is.

use crate::ground::root;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Ends when our end of its pipe is closed, however this process ends.
const GUARD: &str = r#"docker-registry serve "$1" >/dev/null 2>&1 & read -r _; kill -9 "$!""#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Asks,
}

pub struct Registry {
    guard: Child,
    _folder: TempDir,
}

impl Registry {
    pub fn start(port: u16, door: Door) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let auth = match door {
            Door::Open => String::new(),
            Door::Asks => {
                std::fs::write(path("htpasswd"), "nobody:x\n").unwrap();
                format!("auth: {{htpasswd: {{realm: lab, path: {}}}}}\n", path("htpasswd"))
            }
        };
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\", secret: x}}\n{auth}",
            path("data")
        );
        std::fs::write(path("config.yml"), text).unwrap();
        let mut command = Command::new(root().join("target/debug/sliceway-lab"));
        command.args(["exec", "edge", "--", "sh", "-c", GUARD, "guard", &path("config.yml")]);
        let guard = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let registry = Self { guard, _folder: folder };
        let end = Instant::now() + Duration::from_secs(20);
        while !answers(port) {
            assert!(Instant::now() < end, "the registry did not come up");
        }
        registry
    }
}

fn answers(port: u16) -> bool {
    let ask = format!("echo | busybox nc -w 1 127.0.0.1 {port} >/dev/null");
    let mut command = Command::new(root().join("target/debug/sliceway-lab"));
    command.args(["exec", "edge", "--", "sh", "-c", &ask]).status().unwrap().success()
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
