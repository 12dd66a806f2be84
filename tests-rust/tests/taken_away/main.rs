//! What the project takes from outside is taken away, one thing after the other: the user is told what
//! is missing, in few words, and the exit status says that it failed.
//!
//! All of it happens in namespaces of its own: there is no network but loopback, mounts are gone with
//! the test, and so is whatever it started. Where these can't be had, every test is skipped.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tempfile::TempDir;

mod rows;

use rows::{Answer, Away, NEVER, PREPARE, ROOT, ROWS, SOURCE};
use Answer::{Garbage, HangsUp, Part, Silence, Status};
use Away::{Crates, Mirror, Network, Program, Room, Writing};

/// Longer than anything here should take.
const LIMIT: &str = "150";

/// Set where the namespaces are.
const INSIDE: &str = "XEN_CLAIMS_TAKEN_AWAY";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let problem = match env::var_os(INSIDE) {
        Some(_) => loopback().err().map(|error| format!("{error:#}")),
        None => {
            build_lab();
            Some(format!("no namespaces: {}", enter()))
        }
    };
    let mut trials: Vec<_> = ROWS
        .iter()
        .map(|&(away, run, status, said)| {
            let words: Vec<_> = run
                .iter()
                .map(|word| word.rsplit('/').next().unwrap_or(word))
                .collect();
            let name = format!("{away:?}: {}", words.join(" "));
            let problem = problem
                .clone()
                .or_else(|| (run == ROOT).then(no_mmdebstrap)?);
            trial(name, problem, move || row(away, run, status, said))
        })
        .collect();
    trials.push(trial("a download is killed".to_owned(), problem, killed));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(
    name: String,
    problem: Option<String>,
    test: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    Trial::ignorable_test(name, move || match problem {
        Some(problem) => Ok(Completion::ignored_with(problem)),
        None => match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(Failed::from(format!("{error:#}"))),
        },
    })
}

/// What the rows have cargo run, before anything is taken away from cargo, too.
fn build_lab() {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "--bins"]);
    // What is wrong, if anything, the rows say.
    let _ = build.args(["--package", "xen-claims-lab"]).status();
}

/// Starts this program again in namespaces of its own. Returns only if that can't be: why.
fn enter() -> String {
    let mut unshare = vec![
        "--net",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.stdout == b"0\n");
    if !is_root {
        unshare.push("--map-root-user");
    }
    match Command::new("unshare").args(&unshare).arg("true").output() {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => return String::from_utf8_lossy(&tried.stderr).trim().to_owned(),
        Err(error) => return format!("unshare: {error}"),
    }
    let program = env::current_exe().unwrap_or_default();
    let mut again = Command::new("unshare");
    again
        .args(unshare)
        .arg(program)
        .args(env::args_os().skip(1));
    again.env(INSIDE, "yes").exec().to_string()
}

/// A new network namespace has loopback, but it is down.
fn loopback() -> Result<()> {
    let up = ["ip", "busybox ip"].iter().any(|ip| {
        let script = format!("{ip} link set lo up");
        let done = Command::new("sh").args(["-c", &script]).output();
        done.is_ok_and(|done| done.status.success())
    });
    ensure!(up, "loopback can't be had: there is neither ip nor busybox");
    Ok(())
}

fn no_mmdebstrap() -> Option<String> {
    let there = Path::new("/usr/bin/mmdebstrap").exists();
    (!there).then(|| "it needs mmdebstrap".to_owned())
}

/// A directory for everything a row makes.
struct Place {
    top: TempDir,
    /// `http://...` of the mirror.
    mirror: String,
    asked: Receiver<()>,
}

impl Place {
    fn new(answer: Answer) -> Result<Place> {
        // Not in memory: there has to be room for a build root.
        let top = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        for directory in ["cache/xen-claims/xen", "crates", "source/xen/common"] {
            fs::create_dir_all(top.path().join(directory))?;
        }
        fs::write(
            top.path().join("source/xen/common/page_alloc.c"),
            vec![b'x'; 1 << 20],
        )?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let mirror = format!("http://{}/debian", listener.local_addr()?);
        let (send, asked) = channel();
        // It ends with the program.
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                let _ = send.send(()); // Most rows do not wait for it.
                let answered = answer_on(&stream, answer);
                kept.extend(
                    answered
                        .map(|()| stream)
                        .ok()
                        .filter(|_| matches!(answer, Part | Silence)),
                );
            }
        });
        Ok(Place { top, mirror, asked })
    }

    fn cache(&self) -> PathBuf {
        self.top.path().join("cache")
    }

    fn command(&self, away: Away, run: &[&str]) -> Result<Command> {
        let (cache, top) = (self.cache(), self.top.path());
        // An empty script is no mount.
        let script = match away {
            Room => "mount -t tmpfs -o size=64k full \"$0\" && exec \"$@\"",
            Writing => {
                "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\""
            }
            _ => "exec \"$@\"",
        };
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "--propagation",
                "private",
                // Killed, it takes all that it started with it.
                "--pid",
                "--fork",
                "--kill-child",
                "timeout",
                "--signal=KILL",
                LIMIT,
            ])
            .args(["sh", "-c", script])
            .arg(&cache)
            .args(run)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdin(Stdio::null())
            .env("RUST_BACKTRACE", "1")
            .env("DEV_USE", if run == ROOT { "root" } else { "native" })
            .env("XDG_CACHE_HOME", &cache)
            .env("XEN_CLAIMS_CACHE", cache.join("xen-claims"))
            .env("DEBIAN_MIRROR", &self.mirror)
            // By who runs this test, or nobody.
            .env("checkout_is_locked", "yes");
        for variable in ["XEN_SOURCE", "XEN_TARBALL", "RUST_LIB_BACKTRACE", INSIDE] {
            command.env_remove(variable);
        }
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        match away {
            Network => drop(command.env("DEBIAN_MIRROR", "http://mirror.invalid/debian")),
            Room => drop(command.env("XEN_SOURCE", top.join("source"))),
            Crates => drop(command.env("CARGO_HOME", top.join("crates"))),
            Program(name) => {
                fs::create_dir(cache.join("xen-claims/xen/tree"))?;
                command.env("PATH", without(name, &top.join("bin"))?);
            }
            Mirror(_) | Writing => {}
        }
        Ok(command)
    }
}

fn answer_on(mut stream: &TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request)?;
    match answer {
        Status(status) => {
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Garbage => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n";
            stream.write_all(head.as_bytes())?;
            stream.write_all(&[b'?'; 5000])
        }
        Part => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n")?;
            stream.write_all(&[b'?'; 5000])
        }
        HangsUp | Silence => Ok(()),
    }
}

/// A directory of all programs but one, for `PATH`.
fn without(program: &str, directory: &Path) -> Result<PathBuf> {
    fs::create_dir(directory)?;
    for path in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_name() != program {
                // The first one counts.
                let _ = symlink(entry.path(), directory.join(entry.file_name()));
            }
        }
    }
    Ok(directory.to_owned())
}

fn row(away: Away, run: &[&str], status: i32, said: &[&str]) -> Result<()> {
    let answer = if let Mirror(answer) = away {
        answer
    } else {
        Status("404 Not Found")
    };
    let place = Place::new(answer)?;
    judge(&place.command(away, run)?.output()?, status, said)
}

fn judge(output: &Output, status: i32, said: &[&str]) -> Result<()> {
    let [out, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let text = format!("{out}{errors}");
    ensure!(
        output.status.code() == Some(status),
        "{}, not {status}:\n{text}",
        output.status
    );
    for wanted in said {
        ensure!(text.contains(wanted), "not said: {wanted:?}\n{text}");
    }
    for never in NEVER {
        ensure!(!text.contains(never), "said: {never:?}\n{text}");
    }
    Ok(())
}

/// Half a file is not taken for a whole one, and is not left behind.
fn killed() -> Result<()> {
    let place = Place::new(Part)?;
    let mut first = place.command(Mirror(Part), PREPARE)?;
    let mut first = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    place
        .asked
        .recv_timeout(Duration::from_secs(60))
        .context("it asked for nothing")?;
    thread::sleep(Duration::from_millis(500));
    first.kill()?;
    first.wait()?;
    let mut next = place.command(Network, PREPARE)?;
    match tarball() {
        Some(file) => {
            next.env("XEN_TARBALL", file);
            judge(
                &next.output()?,
                0,
                &["its sha256 is the pinned one", "the tree is"],
            )?;
        }
        None => judge(&next.output()?, 1, SOURCE)?,
    }
    for entry in walkdir::WalkDir::new(place.cache()).max_depth(4) {
        let path = entry?.into_path();
        ensure!(
            path.extension() != Some("tmp".as_ref()),
            "left behind: {}",
            path.display()
        );
    }
    Ok(())
}

/// The source that the series is for, where whoever runs this has it.
fn tarball() -> Option<PathBuf> {
    let list = include_str!("../../../xen-patches/base.txt");
    let name = list
        .lines()
        .find(|line| !line.starts_with('#'))?
        .split(' ')
        .last()?;
    let given = PathBuf::from(env::var_os("XEN_TARBALL").unwrap_or_default());
    let kept = PathBuf::from(env::var_os("XEN_CLAIMS_CACHE").unwrap_or_default()).join("xen/base");
    let mut files = [given.clone(), given.join(name), kept.join(name)].into_iter();
    files.find(|file| file.is_absolute() && file.is_file())
}
