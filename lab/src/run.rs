//! Other programs, and where what they make is kept.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{bail, Context, Result};

/// Where everything is kept that can be made again: a directory of the user's cache.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The part of the project's cache directory that is for Xen, created if need be.
    pub fn new(directory: &Path) -> Result<Cache> {
        Cache::at(directory.join("xen"))
    }

    fn at(directory: PathBuf) -> Result<Cache> {
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Cache { directory })
    }

    /// A part of it, created if need be, for what else would have the same names.
    pub fn part(&self, name: &str) -> Result<Cache> {
        Cache::at(self.path(name))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Removes a directory with all that is in it; that there is none is fine.
pub fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Prints the beginning of a line, runs the work, and ends the line with how long it took.
pub fn step<T>(text: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    print!("{text} ... ");
    std::io::stdout().flush()?;
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    match result {
        Ok(_) => println!("{seconds:.0} s"),
        Err(_) => println!("failed after {seconds:.0} s"),
    }
    result
}

/// Runs a worker on each processor, until all of them are done.
///
/// # Errors
///
/// The first of theirs. One that panics has not done its part: that is an error as well.
pub fn on_every_processor(worker: impl Fn() -> Result<()> + Sync) -> Result<()> {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&worker)).collect();
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        ends.into_iter()
            .try_for_each(|end| end.unwrap_or_else(|_| bail!("a worker panicked")))
    })
}

/// What a program printed, if it succeeded; what it complained of, if not.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        bail!("{name} failed: {}", complaint.trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Runs a command with its output in a log; if it fails, the error is the end of that log.
pub fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        let text = fs::read(log)?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(15)..].join("\n    ");
        bail!(
            "{name} failed ({status}). The end of {}:\n    {end}",
            log.display()
        );
    }
    Ok(())
}

/// `git` in a directory, without anything of the user's own configuration.
pub fn git(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(directory)
        .args(["-c", "safe.directory=*", "-c", "core.autocrlf=false"])
        .args(["-c", "gc.auto=0", "-c", "commit.gpgSign=false"])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // The same source and series give the same commits.
        .env("GIT_AUTHOR_NAME", "xen-claims")
        .env("GIT_AUTHOR_EMAIL", "xen-claims@localhost")
        .env("GIT_AUTHOR_DATE", "@0 +0000")
        .env("GIT_COMMITTER_NAME", "xen-claims")
        .env("GIT_COMMITTER_EMAIL", "xen-claims@localhost")
        .env("GIT_COMMITTER_DATE", "@0 +0000");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(variable);
    }
    git
}

/// Names the programs that are missing, and the Debian packages that have them.
pub fn need(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|(program, _)| which::which(program).is_err())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    bail!(
        "missing programs: {} (Debian packages: {}); DEV_USE=root works in a build root that has them",
        programs.join(" "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Would fail if what a worker that panicked had to do counted as done.
    #[test]
    fn a_worker_that_panics_is_an_error() {
        let first = AtomicBool::new(true);
        let worker = || {
            assert!(!first.swap(false, Ordering::Relaxed), "on purpose");
            Ok(())
        };
        assert!(on_every_processor(worker).is_err());
        assert!(on_every_processor(worker).is_ok());
    }
}
