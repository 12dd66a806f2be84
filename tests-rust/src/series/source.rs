//! Where the Xen source comes from: Debian's source package, a tarball, or the user's own tree.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, ensure, Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::{git, output, remove_directory, Cache};

/// The release of Debian whose source package is the base.
const RELEASE: &str = "trixie";

/// The archives that may have it, the better one first.
pub const ARCHIVES: [Archive; 2] = [
    Archive {
        suite: "trixie-security",
        beside_mirror: "-security",
    },
    Archive {
        suite: RELEASE,
        beside_mirror: "",
    },
];

/// An archive of Debian.
#[derive(Debug, Clone, Copy)]
pub struct Archive {
    /// The suite in it.
    pub suite: &'static str,
    /// What makes its URL of that of the main archive.
    beside_mirror: &'static str,
}

/// Source code of Xen.
#[derive(Debug, Clone)]
pub struct Source {
    /// What to call it.
    pub label: String,
    /// Changes whenever the source does.
    pub key: String,
    files: Files,
}

#[derive(Debug, Clone)]
enum Files {
    Tarball(PathBuf),
    Tree { top: PathBuf, files: Vec<PathBuf> },
}

impl Source {
    /// The source the environment asks for: `XEN_SOURCE`, `XEN_TARBALL`, or else Debian's.
    pub fn find(cache: &Cache, update: bool) -> Result<Source> {
        let of = |name| env::var_os(name).filter(|value| !value.is_empty());
        match (of("XEN_SOURCE"), of("XEN_TARBALL")) {
            (Some(_), Some(_)) => bail!("XEN_SOURCE and XEN_TARBALL are both set: which?"),
            (Some(tree), None) => Source::tree(Path::new(&tree)),
            (None, Some(file)) => {
                let source = Source::tarball(Path::new(&file))?;
                println!(
                    "{}: nobody signed it, nothing is verified; its sha256 is {}",
                    source.label, source.key
                );
                Ok(source)
            }
            (None, None) => Source::debian(cache, update),
        }
    }

    /// Debian's source package: what is in the cache, unless there is none or `update`.
    fn debian(cache: &Cache, update: bool) -> Result<Source> {
        let mut failures = Vec::new();
        for archive in ARCHIVES {
            if !update {
                if let Some(file) = archive.downloaded(cache) {
                    return Source::tarball(&file);
                }
            }
        }
        for archive in ARCHIVES {
            match archive.download(cache) {
                Ok(source) => {
                    println!(
                        "{}: downloaded from {}, verified by its signed index",
                        source.label, archive.suite
                    );
                    return Ok(source);
                }
                Err(error) => {
                    println!("{} gives no Xen source: {error:#}", archive.suite);
                    failures.push(archive.suite);
                }
            }
        }
        bail!(
            "cannot download the Xen source from {}: name a tarball of Xen 4.20 with XEN_TARBALL=file or a tree with XEN_SOURCE=dir",
            failures.join(" or ")
        )
    }

    fn tarball(file: &Path) -> Result<Source> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        Ok(Source {
            label: name.to_string_lossy().into_owned(),
            key: format!("{:x}", Sha256::digest(bytes)),
            files: Files::Tarball(file.to_owned()),
        })
    }

    /// A tree of the user's: all its files, or those git knows or would add if it is a git tree.
    fn tree(top: &Path) -> Result<Source> {
        ensure!(
            top.join("xen/common/page_alloc.c").is_file(),
            "XEN_SOURCE={}: no Xen source tree, it has no xen/common/page_alloc.c",
            top.display()
        );
        let mut files = Vec::new();
        let mut hash = Sha256::new();
        let mut add = |path: PathBuf| -> Result<()> {
            // What git knows may be gone from the tree, or a repository of its own.
            let Ok(found) = fs::symlink_metadata(top.join(&path)) else {
                return Ok(());
            };
            if !found.is_dir() {
                hash.update(path.as_os_str().as_bytes());
                let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
                let (mode, size) = (found.mode(), found.size());
                hash.update(format!("\0{mode} {size} {seconds} {nanoseconds}\n"));
                files.push(path);
            }
            Ok(())
        };
        if top.join(".git").exists() {
            let list = output(git(top).args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "--deduplicate",
            ]))
            .context("XEN_SOURCE has a .git that git cannot read")?;
            for path in list.split_terminator('\0') {
                add(PathBuf::from(OsString::from_vec(path.into())))?;
            }
        } else {
            for entry in WalkDir::new(top).sort_by_file_name() {
                let entry = entry.context("cannot read all of XEN_SOURCE")?;
                add(entry.path().strip_prefix(top)?.to_owned())?;
            }
        }
        Ok(Source {
            label: top.display().to_string(),
            key: format!("{:x}", hash.finalize()),
            files: Files::Tree {
                top: top.to_owned(),
                files,
            },
        })
    }

    /// Puts the source into a directory that does not exist yet.
    pub fn unpack(&self, directory: &Path) -> Result<()> {
        fs::create_dir(directory)?;
        match &self.files {
            Files::Tarball(file) => {
                output(
                    Command::new("tar")
                        .args(["--extract", "--strip-components=1", "--no-same-owner"])
                        .arg("--directory")
                        .arg(directory)
                        .arg("--file")
                        .arg(file),
                )?;
                ensure!(
                    directory.join("xen/common/page_alloc.c").is_file(),
                    "{} is no Xen source: no xen/common/page_alloc.c in it",
                    self.label
                );
            }
            Files::Tree { top, files } => {
                for path in files {
                    copy(&top.join(path), &directory.join(path))
                        .with_context(|| format!("cannot copy {}", path.display()))?;
                }
            }
        }
        Ok(())
    }
}

/// Copies a file or symbolic link.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if from.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else {
        fs::copy(from, to)?;
        // The copy has to be writable, whatever the original is.
        let mode = fs::metadata(to)?.permissions().mode();
        fs::set_permissions(to, fs::Permissions::from_mode(mode | 0o600))?;
    }
    Ok(())
}

impl Archive {
    fn downloaded(&self, cache: &Cache) -> Option<PathBuf> {
        only_file(&cache.path(&format!("source-{}", self.suite)))
    }

    /// Its source, downloaded if it is not in the cache.
    pub fn source(&self, cache: &Cache) -> Result<Source> {
        match self.downloaded(cache) {
            Some(file) => Source::tarball(&file),
            None => self.download(cache),
        }
    }

    /// Downloads the source with apt, which verifies it, without touching the system's own apt.
    fn download(&self, cache: &Cache) -> Result<Source> {
        let mirror = env::var("DEBIAN_MIRROR").unwrap_or_default();
        ensure!(
            !mirror.is_empty(),
            "this system's apt names no Debian mirror; DEBIAN_MIRROR can"
        );
        let new = cache.path("source.tmp");
        remove_directory(&new)?;
        let source = self.download_into(&new, &mirror).and_then(|name| {
            let place = cache.path(&format!("source-{}", self.suite));
            remove_directory(&place)?;
            fs::rename(new.join("file"), &place)?;
            Source::tarball(&place.join(name))
        });
        remove_directory(&new)?;
        source
    }

    /// Leaves the source in the directory `file` of a new one, and says its name.
    fn download_into(&self, new: &Path, mirror: &str) -> Result<OsString> {
        for directory in ["lists/partial", "cache/archives/partial", "file"] {
            fs::create_dir_all(new.join(directory))?;
        }
        let list = format!(
            "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {}{} {} main\n",
            mirror.trim_end_matches('/'),
            self.beside_mirror,
            self.suite
        );
        fs::write(new.join("sources.list"), list)?;
        let apt_get = |arguments: &[&str]| -> Result<()> {
            let mut command = Command::new("apt-get");
            for (option, path) in [
                ("Dir::State::Lists", "lists"),
                ("Dir::Etc::SourceList", "sources.list"),
                ("Dir::Cache", "cache"),
            ] {
                let value = format!("{option}={}", new.join(path).display());
                command.arg("-o").arg(value);
            }
            for option in [
                "Dir::Etc::SourceParts=/dev/null",
                "Acquire::Languages=none",
                "Acquire::Retries=1",
                "Acquire::http::Timeout=20",
                "Acquire::https::Timeout=20",
                "APT::Sandbox::User=root",
                "APT::Update::Error-Mode=any",
            ] {
                command.args(["-o", option]);
            }
            let done = command
                .arg("--quiet=2")
                .args(arguments)
                .current_dir(new.join("file"))
                .stdin(Stdio::null())
                .output()
                .context("cannot run apt-get")?;
            let complaints = String::from_utf8_lossy(&done.stderr);
            let first = complaints.lines().find_map(|line| line.strip_prefix("E: "));
            ensure!(
                done.status.success(),
                "{}",
                first.unwrap_or("apt-get failed")
            );
            Ok(())
        };
        apt_get(&["update"])?;
        apt_get(&["--tar-only", "source", &format!("xen/{}", self.suite)])?;
        let file = only_file(&new.join("file")).context("apt-get left no file")?;
        Ok(file.file_name().unwrap_or_default().to_owned())
    }
}

/// The file in a directory, if it is one file.
fn only_file(directory: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(directory).ok()?.flatten();
    let file = entries.next()?.path();
    entries.next().is_none().then_some(file)
}
