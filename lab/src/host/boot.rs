//! Boots a built hypervisor in QEMU, as a host with NUMA, with Debian's kernel as Dom0 and an
//! initramfs that holds the programs to run there.
//!
//! The serial console has what Xen, Dom0's kernel and `/init` say, and goes to a log. What a command
//! prints goes through a second serial port, so that nothing else is in it. `/init` ends with a line
//! on the console that has the command's exit status, and powers off.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use wait_timeout::ChildExt;

use super::again;
use super::console::{crashed_early, verdict};
use super::initramfs::Archive;
use super::machine::Machine;
use super::{policy, xl};
use crate::run::{need, output, Cache};

/// The programs it takes.
const PROGRAMS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("setpriv", "util-linux"),
    ("ldd", "libc-bin"),
    ("xz", "xz-utils"),
    ("stty", "coreutils"),
    ("checkpolicy", "checkpolicy"),
];

/// What Dom0 needs to talk to Xen, in the order in which they are loaded.
const MODULES: &[&str] = &[
    "xen-privcmd",
    "xen-evtchn",
    "xen-gntdev",
    "xen-gntalloc",
    "xenfs",
];

const INIT: &str = include_str!("init.sh");

/// So many lines of the console are shown when something went wrong.
const SHOWN: usize = 40;

/// What to boot, and where to put what that takes.
#[derive(Debug)]
pub struct Bootable {
    directory: PathBuf,
    /// The hypervisor.
    xen: PathBuf,
    kernel: Kernel,
    /// What Dom0 gets: where, and from where. Then the directories of libraries that come before those of this system.
    files: Vec<(String, PathBuf)>,
    libraries: Vec<PathBuf>,
    /// The tree of a second set of xl's tools, in the directory [`xl::BEFORE`] of Dom0.
    before: Option<PathBuf>,
    /// Whether Xen gets a security policy made here, instead of its own.
    policies: bool,
}

impl Bootable {
    /// Boots the hypervisor of a tree, or another one with its own security policy. Programs
    /// among the files find libraries in the tree.
    pub fn new(
        cache: &Cache,
        tree: &Path,
        other: Option<PathBuf>,
        files: Vec<(String, PathBuf)>,
    ) -> Result<Bootable> {
        need(PROGRAMS)?;
        let directory = cache.path("boot");
        fs::create_dir_all(&directory)?;
        let policies = other.is_none();
        for may_claim in [true, false].into_iter().filter(|_| policies) {
            policy::compile(tree, may_claim, &policy_in(&directory, may_claim))?;
        }
        let guest = directory.join("guest.cpio");
        let busybox = which::which("busybox").context("no busybox")?;
        fs::write(&guest, xl::guest_initramfs(&busybox)?)?;
        let kernel = Kernel::find()?;
        let more = [
            ("bin/busybox".to_owned(), busybox),
            ("guest/initramfs".to_owned(), guest),
            ("guest/vmlinuz".to_owned(), kernel.image.clone()),
        ];
        let mut files = files;
        files.extend(xl::files(tree).into_iter().chain(more));
        Ok(Bootable {
            directory,
            xen: other.unwrap_or_else(|| tree.join("xen/xen")),
            kernel,
            files,
            libraries: libraries_in(tree)?,
            before: None,
            policies,
        })
    }

    /// The same with xl's tools of another tree beside its own.
    pub fn with_before(self, tree: PathBuf) -> Bootable {
        Bootable {
            before: Some(tree),
            ..self
        }
    }

    /// Where the console of a machine is logged.
    fn log(&self, machine: &Machine) -> PathBuf {
        self.file("console", machine)
    }

    /// A place for what a command prints there.
    pub fn output(&self, machine: &Machine) -> PathBuf {
        self.file("output", machine)
    }

    fn file(&self, what: &str, machine: &Machine) -> PathBuf {
        let claims = if machine.may_claim {
            ""
        } else {
            "-may-not-claim"
        };
        self.directory
            .join(format!("{what}-{}-nodes{claims}.log", machine.nodes))
    }

    /// What is on the console of the last run of a machine.
    pub fn console(&self, machine: &Machine) -> Result<String> {
        let console = fs::read(self.log(machine))?;
        Ok(String::from_utf8_lossy(&console).into_owned())
    }

    /// Boots and runs a command in Dom0; `out` gets what it prints. Its exit status.
    ///
    /// Should Dom0's kernel crash before it runs anything, without a complaint of Xen's, it is [booted
    /// once more](super::again). The console of the crash is kept.
    ///
    /// # Errors
    ///
    /// If that takes longer than `limit`, Dom0 ends without the command's status, or Xen complained.
    pub fn run(
        &self,
        machine: &Machine,
        command: &[String],
        limit: Duration,
        out: &mut (dyn Write + Send),
    ) -> Result<u8> {
        let result = self.run_once(machine, command, limit, out);
        if result.is_ok() || !crashed_early(&self.console(machine)?) {
            return result;
        }
        let kept = self.log(machine).with_extension("crashed.log");
        if !again::may_be_tried(&kept)? {
            return result
                .context("Dom0's kernel crashed before it ran anything, again in this run");
        }
        fs::rename(self.log(machine), &kept)?;
        eprintln!(
            "dev: Dom0's kernel crashed before it ran anything (see {}); booting once more",
            kept.display()
        );
        self.run_once(machine, command, limit, out)
    }

    fn run_once(
        &self,
        machine: &Machine,
        command: &[String],
        limit: Duration,
        out: &mut (dyn Write + Send),
    ) -> Result<u8> {
        let log = self.log(machine);
        File::create(&log)?;
        let mut qemu = self.qemu(machine, Some(command))?;
        let file = log.display();
        qemu.args(["-chardev", &format!("file,id=console,path={file}")])
            .args(["-chardev", "stdio,id=output,signal=off"])
            .args(["-serial", "chardev:console", "-serial", "chardev:output"]);
        let mut child = Running(
            qemu.stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .context("cannot run QEMU")?,
        );
        let ended = thread::scope(|scope| {
            let printed = child.0.stdout.take();
            let copied = scope.spawn(|| copy(printed, out));
            let ended = child.wait(limit);
            drop(child); // which ends the copying
            let copied = copied.join();
            copied
                .map_err(|_| anyhow::anyhow!("the thread that reads QEMU's output panicked"))??;
            ended
        });
        let console = self.console(machine)?;
        let verdict = ended.and_then(|in_time| verdict(&console, in_time, limit));
        verdict.map_err(|error| {
            let lines: Vec<&str> = console.lines().collect();
            let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n    ");
            error.context(format!(
                "the console ends with\n    {end}\nall of it is in {file}"
            ))
        })
    }

    /// Boots to a shell on the console.
    pub fn shell(&self, machine: &Machine) -> Result<()> {
        let log = self.log(machine);
        let mut qemu = self.qemu(machine, None)?;
        let console = format!("stdio,id=console,signal=off,logfile={}", log.display());
        qemu.args(["-chardev", &console, "-serial", "chardev:console"]);
        let terminal = std::io::stdin().is_terminal();
        let settings = terminal.then(|| stty(&["-g"])).transpose()?;
        let status = qemu.status().context("cannot run QEMU");
        if let Some(settings) = settings {
            // A QEMU that was killed leaves the terminal raw.
            stty(&[settings.trim()])?;
        }
        ensure!(
            status?.success(),
            "QEMU failed; the console is in {}",
            log.display()
        );
        Ok(())
    }

    /// QEMU for a machine, with what it boots; it dies when this process does.
    fn qemu(&self, machine: &Machine, command: Option<&[String]>) -> Result<Command> {
        let initramfs = self.directory.join("initramfs.cpio");
        fs::write(&initramfs, self.initramfs(command)?)?;
        let mut modules = format!(
            "{} console=hvc0 quiet panic=5,{}",
            self.kernel.image.display(),
            initramfs.display()
        );
        if self.policies {
            let policy = policy_in(&self.directory, machine.may_claim);
            modules += &format!(",{}", policy.display());
        }
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"])
            .args(machine.arguments())
            .arg("-kernel")
            .arg(&self.xen)
            .args(["-append", XEN_OPTIONS, "-initrd", &modules]);
        Ok(qemu)
    }

    /// Not compressed: QEMU pads what it loads for Xen, and gzip takes that for junk.
    fn initramfs(&self, command: Option<&[String]>) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for directory in ["dev", "proc", "sys", "tmp"] {
            archive.directory(directory)?;
        }
        archive.device("dev/console", (5, 1))?;
        archive.file("init", 0o755, INIT.as_bytes())?;
        if let Some(command) = command {
            archive.file("command", 0o644, script(command).as_bytes())?;
        }
        for (name, contents) in self.kernel.modules()? {
            archive.file(&format!("modules/{name}"), 0o644, &contents)?;
        }
        let mut libraries = BTreeSet::new();
        let add = |archive: &mut Archive, place: &str, path: &Path| -> Result<()> {
            let contents =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            archive.file(place, 0o755, &contents)?;
            Ok(())
        };
        for (place, path) in &self.files {
            add(&mut archive, place, path)?;
            libraries.extend(libraries_of(path, &self.libraries)?);
        }
        if let Some(tree) = &self.before {
            let own = libraries_in(tree)?;
            for (place, path) in xl::tools(xl::BEFORE, tree) {
                add(&mut archive, &place, &path)?;
                let all = libraries_of(&path, &own)?.into_iter();
                // Those of the system are there already.
                libraries.extend(all.filter(|l| l.path.starts_with(tree)).map(|library| {
                    let place = format!("{}/{}", xl::BEFORE, library.place);
                    Library { place, ..library }
                }));
            }
        }
        for Library { place, path } in libraries {
            archive.file(&place, 0o755, &fs::read(path)?)?;
        }
        Ok(archive.end()?)
    }
}

/// The directories of a tree's libraries.
fn libraries_in(tree: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(tree.join("tools/libs"))
        .context("the tree has no libraries")?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// What the dynamic linker loads for a file, if that is a program; from these directories first.
fn libraries_of(program: &Path, directories: &[PathBuf]) -> Result<Vec<Library>> {
    let path = env::join_paths(directories)?;
    let mut ldd = Command::new("ldd");
    ldd.arg(program)
        .env("LD_LIBRARY_PATH", path)
        .env("LC_ALL", "C");
    match output(&mut ldd) {
        Ok(list) => libraries(&list).with_context(|| program.display().to_string()),
        Err(error) if error.to_string().contains("not a dynamic executable") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn policy_in(directory: &Path, may_claim: bool) -> PathBuf {
    directory.join(if may_claim {
        "policy"
    } else {
        "policy-may-not-claim"
    })
}

const XEN_OPTIONS: &str =
    "console=com1 com1=115200,8n1 conring_size=1m loglvl=all guest_loglvl=all \
    dom0_mem=512M,max:512M dom0_max_vcpus=4 numa=on bootscrub=0";

/// QEMU, killed when this is dropped.
struct Running(Child);

impl Running {
    /// Whether it ended by itself in time.
    fn wait(&mut self, limit: Duration) -> Result<bool> {
        let Some(status) = self.0.wait_timeout(limit)? else {
            return Ok(false);
        };
        ensure!(status.success(), "QEMU failed ({status})");
        Ok(true)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies as it comes, to the end.
fn copy(from: Option<impl Read>, to: &mut dyn Write) -> Result<()> {
    let mut from = from.context("no pipe")?;
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count])?;
        to.flush()?;
    }
}

/// A shell script that runs a command.
fn script(command: &[String]) -> String {
    let words = command
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    format!("exec {}\n", words.collect::<Vec<_>>().join(" "))
}

/// A shared library: where it is here, and where in the initramfs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Library {
    place: String,
    path: PathBuf,
}

/// What `ldd` lists. The dynamic linker stays where programs look for it.
fn libraries(list: &str) -> Result<Vec<Library>> {
    let mut found = Vec::new();
    for line in list.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (place, path) = match words[..] {
            [name, "=>", "not", "found"] => bail!("there is no {name}"),
            [name, "=>", path, _] if !name.starts_with('/') => (format!("lib/{name}"), path),
            [path, ..] if path.starts_with('/') => (path[1..].to_owned(), path),
            _ => continue,
        };
        found.push(Library {
            place,
            path: PathBuf::from(path),
        });
    }
    Ok(found)
}

/// A kernel of this system that can be Dom0, and its modules.
#[derive(Debug)]
struct Kernel {
    image: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    fn find() -> Result<Kernel> {
        let mut kernels = Vec::new();
        for entry in fs::read_dir("/lib/modules").into_iter().flatten() {
            let entry = entry?;
            let release = entry.file_name().to_string_lossy().into_owned();
            let kernel = Kernel {
                image: Path::new("/boot").join(format!("vmlinuz-{release}")),
                modules: entry.path().join("kernel/drivers/xen"),
            };
            if File::open(&kernel.image).is_ok() && kernel.modules.is_dir() {
                kernels.push(kernel);
            }
        }
        kernels.sort_by(|one, other| one.image.cmp(&other.image));
        kernels.pop().context(
            "no kernel in /boot can be Dom0 (Debian package: linux-image-amd64); DEV_USE=root works \
             in a build root that has one",
        )
    }

    /// The modules, under names that sort as they are to be loaded.
    fn modules(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let load = |(name, number): (&&str, u32)| {
            let plain = self.find_module(&format!("{name}.ko"));
            let packed = self.find_module(&format!("{name}.ko.xz"));
            let contents = match (plain, packed) {
                (Some(path), _) => fs::read(path)?,
                (None, Some(path)) => {
                    let done = Command::new("xz").arg("-dc").arg(&path).output()?;
                    ensure!(done.status.success(), "cannot unpack {}", path.display());
                    done.stdout
                }
                (None, None) => bail!("{} has no {name}", self.modules.display()),
            };
            Ok((format!("{number}-{name}.ko"), contents))
        };
        MODULES.iter().zip(1..).map(load).collect()
    }

    fn find_module(&self, name: &str) -> Option<PathBuf> {
        let directories = [self.modules.clone(), self.modules.join("xenfs")];
        directories
            .iter()
            .map(|directory| directory.join(name))
            .find(|path| path.is_file())
    }
}

fn stty(arguments: &[&str]) -> Result<String> {
    let done = Command::new("stty")
        .args(arguments)
        .stdin(Stdio::inherit())
        .output()
        .context("cannot run stty")?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let command = ["a".to_owned(), "it's $b".to_owned()];
        assert_eq!(script(&command), "exec 'a' 'it'\\''s $b'\n");
    }

    #[test]
    fn ldd_is_read() -> Result<()> {
        let list = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\
            \t/lib64/ld.so.2 (0x3)\n";
        let found = libraries(list)?;
        let places: Vec<&str> = found.iter().map(|library| library.place.as_str()).collect();
        assert_eq!(places, ["lib/libc.so.6", "lib64/ld.so.2"]);
        assert!(libraries("\tlibxencall.so.1 => not found\n").is_err());
        Ok(())
    }
}
