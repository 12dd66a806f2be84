//! What Xen source there is to work on: the pinned base, a tarball or tree of the user's, or
//! Debian's newest source package, to see whether the series applies there.

pub mod pinned;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, ensure, Context, Result};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::run::{git, output, remove_directory, Cache};
use pinned::{complaint, measure, Pinned, Places, APT_OPTIONS, RESOLVER};

/// The archives that may have the newest source package of a release of Debian, the better one first.
pub fn archives(release: &str) -> [Archive; 2] {
    ["-security", ""].map(|beside_mirror| Archive {
        suite: format!("{release}{beside_mirror}"),
        beside_mirror,
    })
}

/// An archive of Debian.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The suite in it.
    pub suite: String,
    /// What makes its URL of that of the main archive.
    beside_mirror: &'static str,
}

/// Source code of Xen.
#[derive(Debug, Clone)]
pub struct Source {
    /// What to call it.
    pub label: String,
    /// Changes whenever the source does; the SHA-256 of a tarball.
    pub key: String,
    files: Files,
}

#[derive(Debug, Clone)]
enum Files {
    /// Known by what is in it; it may have to be downloaded first.
    Pinned(Pinned, Places),
    Tarball(PathBuf),
    Tree {
        top: PathBuf,
        files: Vec<PathBuf>,
    },
}

impl Source {
    /// The source the environment asks for: `XEN_SOURCE`, `XEN_TARBALL`, or else the pinned base.
    pub fn find(pinned: &Pinned) -> Result<Source> {
        let [tree, tarball] = ["XEN_SOURCE", "XEN_TARBALL"].map(of_environment);
        Source::choose(tree.as_deref(), tarball.as_deref(), pinned)
    }

    fn choose(tree: Option<&OsStr>, tarball: Option<&OsStr>, pinned: &Pinned) -> Result<Source> {
        let tarball = tarball.map(Path::new);
        if let Some(tree) = tree {
            // A directory is but a place to look in.
            ensure!(
                tarball.is_none_or(Path::is_dir),
                "XEN_SOURCE and XEN_TARBALL are both set: which?"
            );
            return Source::tree(Path::new(tree));
        }
        // By the name of the pinned one it has to be that.
        let other = tarball.filter(|path| !path.is_dir() && !path.ends_with(&pinned.name));
        if let Some(file) = other {
            let source = Source::tarball(file)?;
            if source.key != pinned.sha256 {
                println!(
                    "{}: not pinned, and nobody signed it; its sha256 is {}",
                    source.label, source.key
                );
                return Ok(source);
            }
        }
        Ok(Source {
            label: pinned.name.clone(),
            key: pinned.sha256.clone(),
            files: Files::Pinned(pinned.clone(), Places::new(tarball.map(Path::to_owned))),
        })
    }

    /// Whether it is this base.
    pub fn is(&self, pinned: &Pinned) -> bool {
        self.key == pinned.sha256
    }

    /// The same, on this host.
    pub fn fetched(mut self, cache: &Cache) -> Result<Source> {
        if let Files::Pinned(pinned, places) = &self.files {
            self.files = Files::Tarball(pinned.fetch(cache, places)?);
        }
        Ok(self)
    }

    /// The newest source package of a release of Debian, downloaded again.
    pub fn newest(cache: &Cache, release: &str) -> Result<Source> {
        for name in ["XEN_SOURCE", "XEN_TARBALL"] {
            ensure!(
                of_environment(name).is_none(),
                "--update asks Debian for its newest Xen, and {name} names another: which?"
            );
        }
        let mut failures = Vec::new();
        for archive in archives(release) {
            match archive.download(cache) {
                Ok(source) => {
                    println!(
                        "{}: the newest of {}, verified by its signed index",
                        source.label, archive.suite
                    );
                    return Ok(source);
                }
                Err(error) => failures.push(format!("{}: {error:#}", archive.suite)),
            }
        }
        bail!(
            "Debian's newest Xen source is not to be had\n  from {}\n\
             Without --update, the pinned one is used",
            failures.join("\n  from ")
        )
    }

    pub(super) fn tarball(file: &Path) -> Result<Source> {
        let (_, sha256) = measure(file)?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        Ok(Source {
            label: name.to_string_lossy().into_owned(),
            key: sha256,
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
            Files::Pinned(..) => bail!("{} was not fetched", self.label),
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

/// A variable of the environment, if it is set to something.
fn of_environment(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
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
                "APT::Update::Error-Mode=any",
            ]
            .iter()
            .chain(APT_OPTIONS)
            {
                command.args(["-o", option]);
            }
            let done = command
                .arg("--quiet=2")
                .args(arguments)
                .current_dir(new.join("file"))
                .env(RESOLVER.0, RESOLVER.1)
                .env("LC_ALL", "C.UTF-8")
                .stdin(Stdio::null())
                .output()
                .context("cannot run apt-get")?;
            ensure!(done.status.success(), "{}", complaint(&done.stderr, ""));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tarball_by_another_name_is_taken_unverified() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let sums = format!("1.2 forky 3 {} {} base.tar", "b".repeat(64), "a".repeat(40));
        fs::write(path("base.txt"), sums)?;
        let pinned = Pinned::read(directory.path())?;
        fs::write(path("mine.tar"), "no base")?;
        fs::write(path("base.tar"), "no base")?;

        let choose = |tarball: &Path| Source::choose(None, Some(tarball.as_os_str()), &pinned);
        let mine = choose(&path("mine.tar"))?;
        assert_eq!((mine.is(&pinned), mine.label.as_str()), (false, "mine.tar"));
        // A directory, or a file that is called like the pinned one, is a place to look in.
        for place in [directory.path(), &path("base.tar")] {
            assert!(choose(place)?.is(&pinned), "{}", place.display());
        }
        assert!(choose(&path("none.tar")).is_err());

        let tree = path("tree");
        fs::create_dir_all(tree.join("xen/common"))?;
        fs::write(tree.join("xen/common/page_alloc.c"), "")?;
        let both = |tarball: &Path| {
            Source::choose(Some(tree.as_os_str()), Some(tarball.as_os_str()), &pinned)
        };
        assert!(both(&path("mine.tar")).is_err());
        assert!(!both(directory.path())?.is(&pinned));
        Ok(())
    }
}
