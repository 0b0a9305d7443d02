//! The demo: a server on its embedded default, the lab's clusters and charts, one slice, and a device that publishes
//! what is read back in the cloud. Every step is a command that a person could type.
//!
//! It keeps its data and its CLI settings below the lab's folder: what belongs to the user is not touched.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::command::{Run, wait_until};
use crate::error::{Doing, LabError, Result};
use crate::kubectl::Kubectl;
use crate::place::{Place, Surroundings};
use crate::process::{ProcessId, send};
use crate::state::State;

const SLICE: &str = "factory-7";
const DEVICE: &str = "thermo-1";
const LISTEN: &str = "127.0.0.1:7300";

pub(crate) struct Demo<'a> {
    place: &'a Place,
    tell: &'a dyn Fn(&str),
    /// The `sliceway` beside this program.
    program: PathBuf,
    dir: PathBuf,
    home: Option<PathBuf>,
    began: Instant,
}

impl<'a> Demo<'a> {
    pub(crate) fn new(place: &'a Place, surroundings: &Surroundings, tell: &'a dyn Fn(&str)) -> Result<Self> {
        let program = place.program.with_file_name("sliceway");
        if !program.is_file() {
            return Err(LabError::refused(format!("{} is not there", program.display()), "make build"));
        }
        let home = surroundings.home.as_ref().map(PathBuf::from);
        Ok(Self { place, tell, program, dir: place.dir.join("demo"), home, began: Instant::now() })
    }

    /// The files of the slice and the charts stand in the project's folder `labs/`.
    pub(crate) fn run(&mut self, labs: &Path) -> Result<()> {
        State::existing(self.place)?;
        fs::create_dir_all(&self.dir).doing("make", &self.dir)?;
        self.serve()?;
        self.phase("server");
        for (cluster, region) in [("edge", "field"), ("cloud", "eu")] {
            let kubeconfig = self.place.kubeconfig(cluster);
            let label = format!("region={region}");
            let verb = if self.sliceway(&["get", "cluster", cluster]).is_ok() { "set" } else { "add" };
            self.sliceway(&[
                "cluster",
                verb,
                cluster,
                "--kubeconfig",
                &kubeconfig.display().to_string(),
                "--label",
                &label,
            ])?;
            // The lab's own: whoever wrote there before is gone with an earlier demo.
            self.sliceway(&["cluster", "takeover", cluster])?;
        }
        self.sliceway(&["repository", "add", "lab", "--path", &labs.join("charts").display().to_string()])?;
        self.phase("clusters and charts registered");
        let slice = labs.join("slices").join(format!("{SLICE}.yaml"));
        let said = self.sliceway(&["apply", "-f", &slice.display().to_string(), "--wait", "--timeout", "120"])?;
        (self.tell)(said.trim_end());
        self.phase("slice");
        let sent = self.publish()?;
        self.phase("device published over MQTT and TLS");
        let readings = self.read_back(&sent)?;
        self.phase("read back in the cloud");
        self.offer_settings()?;
        (self.tell)("");
        for reading in readings {
            println!("{reading}");
        }
        self.next();
        Ok(())
    }

    fn phase(&mut self, what: &str) {
        (self.tell)(&format!("{:>5.1} s  {what}", self.began.elapsed().as_secs_f32()));
        self.began = Instant::now();
    }

    fn config(&self) -> PathBuf {
        self.dir.join("cli.toml")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("server.json")
    }

    fn server(&self) -> Option<ProcessId> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        serde_json::from_str::<ProcessId>(&text).ok().filter(|process| process.alive())
    }

    /// Starts the server, unless the one of an earlier run still serves.
    fn serve(&self) -> Result<()> {
        if self.server().is_some() {
            return Ok(());
        }
        let log = self.dir.join("server.log");
        let file = fs::File::create(&log).doing("write", &log)?;
        let again = file.try_clone().doing("write", &log)?;
        let child = Command::new(&self.program)
            .args(["serve", "--listen", LISTEN, "--data"])
            .arg(self.dir.join("data"))
            .env("SLICEWAY_CONFIG", self.config())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .process_group(0)
            .spawn()
            .doing("start", &self.program)?;
        let process = ProcessId::of(child.id());
        let text = serde_json::to_string(&process).unwrap_or_default();
        fs::write(self.pid_file(), text).doing("write", &self.pid_file())?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        let up = wait_until("the start of the server", Duration::from_secs(15), || {
            said().contains("serving on") || !process.is_some_and(ProcessId::alive)
        });
        up?;
        if said().contains("serving on") {
            return Ok(());
        }
        if let Some(holder) = holder(&said()) {
            let (program, data) = (self.program.display(), self.dir.join("data"));
            let what = format!("the demo's server runs already as process {holder}, and was not started by the demo");
            let next = format!(
                "kill {holder}, then: make demo; or go on with it: export SLICEWAY_CONFIG={}; {program} get slices \
                 (its data is {})",
                self.config().display(),
                data.display()
            );
            return Err(LabError::refused(what, next));
        }
        let next = format!("see {}, free {LISTEN}, then: make demo", log.display());
        Err(LabError::refused(format!("the server ended: {}", said().trim()), next))
    }

    fn sliceway(&self, words: &[&str]) -> Result<String> {
        let run = Run::new(&self.program).args(words).env("SLICEWAY_CONFIG", self.config());
        let ended = run.deadline(Duration::from_secs(180)).ended()?;
        if ended.success {
            return Ok(format!("{}{}", ended.stdout, ended.stderr));
        }
        let command = format!("sliceway {}", words.join(" "));
        Err(LabError::Command { command, status: "failed".into(), output: ended.stderr })
    }

    /// The device stands in the field: it reaches the edge's node and nothing else.
    fn publish(&self) -> Result<Vec<String>> {
        let folder = self.dir.join(DEVICE);
        self.sliceway(&["device", "credentials", DEVICE, "--slice", SLICE, "-o", &folder.display().to_string()])?;
        let read = |file: &str| fs::read_to_string(folder.join(file)).doing("read", &folder.join(file));
        let endpoint: Value = serde_json::from_str(&read("endpoint.json")?).unwrap_or_default();
        let (host, port) = (endpoint["host"].as_str().unwrap_or("").to_owned(), endpoint["port"].to_string());
        let (user, password) = (read("username")?, read("password")?);
        let ca = folder.join("ca.crt").display().to_string();
        let namespace = format!("--net=/run/netns/{}", self.place.label("field"));
        let now = jiff::Timestamp::now().as_second();
        let mut sent = Vec::new();
        for (index, value) in ["21.5", "21.7", "22.0"].iter().enumerate() {
            let at = now - 2 + i64::try_from(index).unwrap_or(0);
            let message = format!(r#"[{{"bn":"{DEVICE}:","n":"temperature","u":"Cel","t":{at},"v":{value}}}]"#);
            let topic = format!("sliceway/{DEVICE}/temperature");
            let words = [
                &namespace,
                "mosquitto_pub",
                "-h",
                &host,
                "-p",
                &port,
                "--cafile",
                &ca,
                "-u",
                &user,
                "-P",
                &password,
                "-q",
                "1",
                "-t",
                &topic,
                "-m",
                &message,
            ];
            Run::new("nsenter").args(words).output()?;
            sent.push(format!("\"t\":{at}"));
        }
        Ok(sent)
    }

    /// From the server's pod, by the cluster's API.
    fn read_back(&self, sent: &[String]) -> Result<Vec<String>> {
        let described = self.sliceway(&["get", "slice", SLICE, "-o", "json"])?;
        let slice: Value = serde_json::from_str(&described).unwrap_or_default();
        let uid = slice["uid"].as_str().unwrap_or("").to_owned();
        let path = format!(
            "/api/v1/namespaces/sw-{SLICE}-{uid}/services/store-{uid}-query:http/proxy/readings?device={DEVICE}"
        );
        let cloud = Kubectl::new(self.place, "cloud");
        let mut answer = String::new();
        wait_until("the readings in the cloud", Duration::from_secs(30), || {
            answer = cloud.run(&["get", "--raw", &path]).unwrap_or_default();
            sent.iter().all(|reading| answer.contains(reading))
        })?;
        let all: Vec<Value> = serde_json::from_str(&answer).unwrap_or_default();
        Ok(all.iter().map(Value::to_string).collect())
    }

    /// Where the user keeps no CLI settings, the demo's are put there, so that the CLI works without flags.
    fn offer_settings(&self) -> Result<()> {
        let Some(path) = self.users_config() else { return Ok(()) };
        if path.exists() {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).doing("make", folder)?;
        }
        // A copy keeps the mode: only for its owner.
        fs::copy(self.config(), &path).map(drop).doing("write", &path)
    }

    fn users_config(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".config/sliceway/cli.toml"))
    }

    fn settings_are_ours(&self) -> bool {
        let users = self.users_config().and_then(|path| fs::read(path).ok());
        users.is_some() && users == fs::read(self.config()).ok()
    }

    fn next(&self) {
        let tell = self.tell;
        tell("\nWhat to type next:");
        tell(&format!("  export PATH={}:$PATH", self.program_folder().display()));
        if !self.settings_are_ours() {
            tell(&format!(
                "  export SLICEWAY_CONFIG={}    (your own settings stay as they are)",
                self.config().display()
            ));
        }
        tell("  sliceway get slices");
        tell(&format!("  sliceway describe slice {SLICE}"));
        tell(&format!("  sliceway explain slice {SLICE}"));
        tell("  sliceway get operations");
        tell(&format!("  sliceway delete slice {SLICE} --allow-data-loss store --wait"));
        let data = self.dir.join("data");
        tell(&format!(
            "  sliceway serve --data {}    (after a restart of this computer; or: make demo)",
            data.display()
        ));
        tell("  make demo-down");
    }

    fn program_folder(&self) -> &Path {
        self.program.parent().unwrap_or(Path::new("."))
    }

    /// Ends the server and removes what the demo kept. The lab stays: `sliceway-lab down` ends it.
    pub(crate) fn stop(&self) -> Result<()> {
        if let Some(server) = self.server() {
            send(server.pid, Signal::TERM)?;
            wait_until("the end of the server", Duration::from_secs(20), || !server.alive())?;
        }
        if let (true, Some(path)) = (self.settings_are_ours(), self.users_config()) {
            fs::remove_file(&path).doing("remove", &path)?;
            // Only where it is empty now.
            let _ = path.parent().map(fs::remove_dir);
        }
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("remove", &self.dir),
            _ => Ok(()),
        }
    }
}

/// The process that a server names which finds its data folder in use.
fn holder(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("is in use by process ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|pid| !pid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::holder;

    #[test]
    fn the_process_that_holds_the_data_is_found_in_what_the_server_says() {
        assert_eq!(holder("error: /x/data is in use by process 4711\nnext:  sliceway serve"), Some("4711"));
        assert_eq!(holder("error: 127.0.0.1:7300: address in use"), None);
    }
}
