//! Judging a compiled host in a process that may come to harm: the program `judge` runs the suite on it,
//! and compares it with the embedded host. With a sanitizer, it ends at what that finds.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use wait_timeout::ChildExt;
use xen_claims_lab::allocator::Profile;

/// What the program prints before what it found.
pub const FOUND: &str = "found: ";

/// A sanitizer: its library, and what its environment tells it.
type Sanitizer = (&'static str, fn() -> Vec<(&'static str, String)>);

/// A way to judge.
#[derive(Debug)]
pub struct Judge {
    /// What to call it.
    pub name: &'static str,
    /// What the host has to be compiled as.
    pub profile: Profile,
    /// For the program.
    arguments: &'static [&'static str],
    sanitizer: Option<Sanitizer>,
}

/// The suite.
pub const CONFORMANCE: Judge = Judge {
    name: "conformance",
    profile: Profile::Debug,
    arguments: &["--soak", "100"],
    sanitizer: None,
};

/// The embedded host.
pub const MODEL: Judge = Judge {
    name: "model",
    profile: Profile::Debug,
    arguments: &["--case", "none", "--calls", "20000"],
    sanitizer: None,
};

/// Wrong accesses to memory, undefined behaviour.
pub const ADDRESS: Judge = Judge {
    name: "address",
    profile: Profile::Address,
    arguments: &["--calls", "10000"],
    sanitizer: Some(("libasan.so", || {
        // The process ends with everything a host has.
        let address = "detect_leaks=0:detect_stack_use_after_return=1".to_owned();
        vec![
            ("ASAN_OPTIONS", address),
            ("UBSAN_OPTIONS", "print_stacktrace=1".to_owned()),
        ]
    })),
};

/// Data races.
pub const THREADS: Judge = Judge {
    name: "threads",
    profile: Profile::Thread,
    arguments: &[
        "--case", "C4", "--case", "C5", "--case", "F4", "--soak", "8000",
    ],
    sanitizer: Some(("libtsan.so", || {
        let suppressions =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/allocator/thread.supp");
        let options = format!("halt_on_error=1:suppressions={}", suppressions.display());
        vec![("TSAN_OPTIONS", options)]
    })),
};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Nothing,
    /// Something is wrong, and it is known what: a case, a call, an assertion, what a sanitizer
    /// says. A word for it, and all that was said.
    Found(String, String),
    /// Something else happened, such as a crash or no end. Nobody knows what was wrong.
    Unclear(String, String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Nothing => f.pad("nothing"),
            Verdict::Found(word, _) => f.pad(word),
            Verdict::Unclear(word, _) => f.pad(&format!("unclear: {word}")),
        }
    }
}

impl Judge {
    /// Judges the host in `object`, compiled as this wants it, through the program `judge`. That it
    /// takes longer than `limit` is unclear.
    ///
    /// # Errors
    ///
    /// If it can't begin.
    pub fn ask(&self, program: &Path, object: &Path, limit: Duration) -> Result<Verdict> {
        let mut command = self.command(program)?;
        let mut child = command
            .arg(object)
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let streams = (child.stdout.take(), child.stderr.take());
        let out = thread::spawn(|| read(streams.0));
        let errors = thread::spawn(|| read(streams.1));
        let status = child.wait_timeout(limit)?;
        if status.is_none() {
            child.kill()?;
            child.wait()?;
        }
        let out = out.join().unwrap_or_default();
        let errors = errors.join().unwrap_or_default();
        Ok(verdict(status, &out, &errors))
    }

    fn command(&self, program: &Path) -> Result<Command> {
        let Some((library, options)) = self.sanitizer else {
            return Ok(Command::new(program));
        };
        // A sanitizer has to be there before the rest of the program.
        let gcc = Command::new("gcc")
            .arg(format!("-print-file-name={library}"))
            .output()?;
        let library = String::from_utf8(gcc.stdout)?;
        let library = Path::new(library.trim());
        ensure!(library.is_absolute(), "gcc has no {}", library.display());
        // Its place in memory is the same each time: thread sanitizer can't be everywhere.
        let mut command = Command::new("setarch");
        command.arg("--addr-no-randomize").arg(program);
        command.env("LD_PRELOAD", library).envs(options());
        Ok(command)
    }
}

fn read(stream: Option<impl Read>) -> String {
    let mut said = Vec::new();
    // What can't be read any more was not said.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

/// The signs of the sanitizers, and words for them.
const SANITIZERS: &[(&str, &str)] = &[
    ("ThreadSanitizer: data race", "data race"),
    ("ERROR: AddressSanitizer: ", "bad access"),
    (": runtime error: ", "undefined"),
];

fn verdict(status: Option<ExitStatus>, out: &str, errors: &str) -> Verdict {
    let all = format!("{out}{errors}");
    let Some(status) = status else {
        return Verdict::Unclear("hangs".to_owned(), all);
    };
    if let Some((_, word)) = SANITIZERS.iter().find(|(sign, _)| errors.contains(sign)) {
        return Verdict::Found((*word).to_owned(), all);
    }
    let found = out.lines().find_map(|line| line.strip_prefix(FOUND));
    match found {
        Some(found) if status.code() == Some(1) => Verdict::Found(word(found, out), all),
        None if status.success() && out.contains(" cases and ") => Verdict::Nothing,
        _ => Verdict::Unclear(status.to_string(), all),
    }
}

/// The name of the case or of the call that found it, and whether it was an assertion of Xen's.
fn word(found: &str, out: &str) -> String {
    let name = found
        .trim_start_matches("Case failed: ")
        .trim_start_matches("Test failed: ")
        .split([':', ' '])
        .next()
        .unwrap_or_default();
    match out.lines().any(|line| line.contains("the host stopped")) {
        true if name == "the" => "a call (assertion)".to_owned(),
        true => format!("{name} (assertion)"),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn judged(wait_status: i32, out: &str, errors: &str) -> String {
        let status = ExitStatus::from_raw(wait_status);
        verdict(Some(status), out, errors).to_string()
    }

    /// Would fail if a mutant that only crashes, hangs or does not boot counted as noticed.
    #[test]
    fn only_what_is_diagnosed_is_found() {
        assert_eq!(judged(0, "30 cases and 0 calls\n", ""), "nothing");
        let found = "found: F2: a title\n  step: one\n";
        assert_eq!(judged(1 << 8, found, ""), "F2");
        let found = "found: Case failed: the host stopped: Assertion failed at mm.c:1\n";
        assert_eq!(judged(1 << 8, found, ""), "a call (assertion)");
        let race = "WARNING: ThreadSanitizer: data race (pid=7)\n";
        assert_eq!(judged(66 << 8, "", race), "data race");
        let unclear = [
            (1 << 8, "no Xen\n"),
            (0, ""),
            (101 << 8, "found: F2: a title\n"),
            (11, ""),
        ];
        for (status, out) in unclear {
            assert!(judged(status, out, "").starts_with("unclear: "), "{status}");
        }
        assert_eq!(verdict(None, found, "").to_string(), "unclear: hangs");
    }

    /// A program that goes on for longer than anybody waits.
    #[test]
    fn what_has_no_end_is_unclear() -> Result<()> {
        let (sleep, second) = (Path::new("/bin/sleep"), Path::new("9"));
        let judge = Judge {
            arguments: &[],
            ..MODEL
        };
        let verdict = judge.ask(sleep, second, Duration::from_millis(50))?;
        assert_eq!(verdict.to_string(), "unclear: hangs");
        Ok(())
    }
}
