//! Runs programs of the system to their end, within a deadline and with their words kept for the error.
//! It never goes through a shell and never leaves a child running.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{LabError, Result};

const POLL: Duration = Duration::from_millis(10);

/// A program, its arguments and its deadline.
pub(crate) struct Run {
    command: Command,
    stdin: Vec<u8>,
    stdin_file: Option<std::fs::File>,
    deadline: Duration,
}

/// How a program ended.
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    status: String,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), stdin: Vec::new(), stdin_file: None, deadline: Duration::from_secs(30) }
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn current_dir(mut self, dir: &std::path::Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn stdin_file(mut self, file: std::fs::File) -> Self {
        self.stdin_file = Some(file);
        self
    }

    /// The command itself, for a program that takes the terminal over.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// Runs to the end; a failure of the program is not an error here.
    pub(crate) fn ended(mut self) -> Result<Ended> {
        let line = self.line();
        let cannot = |source| LabError::Io { what: format!("cannot run `{line}`"), source };
        let stdin = match self.stdin_file.take() {
            Some(file) => Stdio::from(file),
            None if self.stdin.is_empty() => Stdio::null(),
            None => Stdio::piped(),
        };
        let mut child =
            self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(cannot)?;
        let writer = child.stdin.take().map(|mut pipe| {
            let bytes = std::mem::take(&mut self.stdin);
            std::thread::spawn(move || pipe.write_all(&bytes))
        });
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        let status = wait(&mut child, self.deadline).map_err(cannot)?;
        if let Some(writer) = writer {
            drop(writer.join());
        }
        Ok(Ended {
            success: status.as_ref().is_some_and(std::process::ExitStatus::success),
            status: status.map_or_else(|| format!("no end after {} s", self.deadline.as_secs()), |s| s.to_string()),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
        })
    }

    /// Runs to the end and returns what was printed; anything but success is an error.
    pub(crate) fn output(self) -> Result<String> {
        let command = self.line();
        let ended = self.ended()?;
        if ended.success {
            return Ok(ended.stdout);
        }
        let output = if ended.stderr.trim().is_empty() { ended.stdout } else { ended.stderr };
        Err(LabError::Command { command, status: ended.status, output })
    }
}

/// Runs `program` with words and returns what it printed.
pub(crate) fn run(program: &str, words: &str) -> Result<String> {
    Run::new(program).args(words.split_whitespace()).output()
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The status, or nothing when the deadline passed and the child was ended.
fn wait(child: &mut Child, deadline: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Asks `ready` until it says yes or the deadline passes.
pub(crate) fn wait_until(what: &str, deadline: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + deadline;
    while !ready() {
        if Instant::now() >= end {
            return Err(LabError::Timeout {
                what: what.to_owned(),
                seconds: deadline.as_secs(),
                seen: String::new(),
                next: "sliceway-lab status    (it names the log of each process)".to_owned(),
            });
        }
        std::thread::sleep(POLL * 5);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_past_its_deadline_is_ended_and_named() {
        let failure = Run::new("sleep").args(["30"]).deadline(Duration::from_millis(50)).output().err().unwrap();
        assert!(failure.to_string().contains("`sleep 30` failed (no end after 0 s)"), "{failure}");
    }

    #[test]
    fn what_is_written_to_a_program_arrives() {
        assert_eq!(Run::new("cat").stdin("words").output().unwrap(), "words");
    }
}
