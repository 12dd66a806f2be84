//! Shared objects out of a prepared Xen tree.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{ensure, Context, Result};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::run::{git, need, output, remove_directory};
use crate::series::base::Base;

/// The programs it takes.
const PROGRAMS: &[(&str, &str)] = &[
    ("gcc", "gcc"),
    ("git", "git"),
    ("nm", "binutils"),
    ("tar", "tar"),
];

/// What Xen's own build passes to the compiler, as far as it changes what the code does.
const XEN_FLAGS: &[&str] = &[
    "-std=gnu99",
    "-nostdinc",
    "-fno-builtin",
    "-fno-common",
    "-fno-strict-aliasing",
    "-fno-delete-null-pointer-checks",
    "-D__XEN__",
    "-include",
    "xen/config.h",
];

/// Xen's files, beside page_alloc.c, which heap.c includes.
const XEN_SOURCES: &[&str] = &[
    "common/bitmap.c",
    "common/domctl.c",
    "common/spinlock.c",
    "common/sysctl.c",
    FIND_NEXT_BIT,
];

/// It is assembly in Xen 4.17, and in the shims for that.
const FIND_NEXT_BIT: &str = "lib/find-next-bit.c";

/// The host's other files that see Xen's headers.
const HOST_SOURCES: &[&str] = &[
    "surroundings.c",
    "domains.c",
    "claims.c",
    "calls.c",
    "meminfo.c",
    "measure.c",
];

/// Where Xen's headers are.
const XEN_INCLUDES: &[&str] = &[
    "include",
    "arch/x86/include",
    "arch/x86/include/asm/mach-generic",
    "arch/x86/include/asm/mach-default",
];

/// A header that Xen 4.17 does not have, and the shims for that, which come before the others.
const NOT_IN_4_17: &str = "include/xen/bug.h";
const INCLUDE_4_17: &str = "include-4.17";

/// What the names of patches begin with that newer Xens have.
const PREPARES: &str = "0000";

/// What heap.c compiles, unless it is told of a copy.
const PAGE_ALLOC: &str = "common/page_alloc.c";

/// Which Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Xen {
    /// The base of the series, with what newer bases have.
    Stock,
    /// All of the series.
    Patched,
}

/// How it is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Assertions on, as in a debug build of Xen.
    Debug,
    /// As a release build of Xen: optimised, assertions off.
    Release,
    /// As [`Profile::Release`], and it takes the time for which the heap lock is held.
    Held,
    /// As [`Profile::Debug`], with address and undefined behaviour sanitizer.
    Address,
    /// As [`Profile::Debug`], with thread sanitizer.
    Thread,
}

impl Profile {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Profile::Debug => &["-O1", "-g"],
            Profile::Release => &["-O2", "-g", "-DHOST_RELEASE"],
            Profile::Held => &["-O2", "-g", "-DHOST_RELEASE", "-DHOST_HELD_LOCK"],
            Profile::Address => &[
                "-O1",
                "-g",
                "-fsanitize=address,undefined",
                "-fno-sanitize-recover=all",
            ],
            Profile::Thread => &["-O1", "-g", "-fsanitize=thread"],
        }
    }
}

/// A Xen tree that `./dev xen prepare` made.
#[derive(Debug, Clone)]
pub struct Tree {
    path: PathBuf,
    cache: PathBuf,
    /// Its base, unless it is the main one.
    pub base: Option<String>,
    /// How many patches the series begins with that newer Xens have.
    preparations: usize,
}

impl Tree {
    /// The tree of the main base prepared last, or none.
    pub fn find() -> Option<Tree> {
        Self::of(None).ok()
    }

    /// The tree of the main base prepared last.
    pub fn prepared() -> Result<Tree> {
        Self::of(None)
    }

    /// The tree prepared last for this base, or for the main one.
    ///
    /// # Errors
    ///
    /// There is no such base, or no tree.
    pub fn of(base: Option<&str>) -> Result<Tree> {
        let set = |name| env::var_os(name).map(PathBuf::from);
        let user = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        let cache = set("XEN_CLAIMS_CACHE")
            .or_else(|| Some(user?.join("xen-claims")))
            .context("neither XEN_CLAIMS_CACHE nor HOME is set")?;
        let patches = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xen-patches");
        let base = Base::find(base, &patches, &cache)?;
        let other = base.other();
        let option = other.map(|version| format!(" --base {version}"));
        let path = fs::canonicalize(base.cache.path("tree")).with_context(|| {
            let option = option.unwrap_or_default();
            format!("no Xen tree is prepared: ./dev xen prepare{option} makes one")
        })?;
        let series = fs::read_to_string(base.patches.join("series"))?;
        let preparations = series.lines().filter(|patch| patch.starts_with(PREPARES));
        Ok(Tree {
            path,
            cache: base.cache.path("allocator"),
            base: other.map(str::to_owned),
            preparations: preparations.count(),
        })
    }

    /// The commit that the rest of the series is compared with: the base, with its preparations if it
    /// has some.
    fn stock(&self) -> Result<String> {
        let mut list = git(&self.path);
        let commits = output(list.args(["rev-list", "--reverse", "base..HEAD"]))?;
        let commit = match self.preparations {
            0 => Some("base"),
            count => commits.lines().nth(count - 1),
        };
        let commit = commit.context("the tree has not all of the series")?;
        Ok(commit.to_owned())
    }

    /// A file of it.
    pub fn file(&self, path: &str) -> PathBuf {
        self.path.join("xen").join(path)
    }
}

/// A compiled host: a shared object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Build {
    /// Where it is.
    pub object: PathBuf,
    /// What it is of.
    pub xen: Xen,
}

/// What is compiled twice at once is compiled in vain.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Build {
    /// Compiles a host, unless that was done before.
    pub fn new(tree: &Tree, xen: Xen, profile: Profile) -> Result<Build> {
        let _one = ONE_AT_A_TIME.lock();
        need(PROGRAMS)?;
        let object = tree.cache.join(key(tree, xen, profile)?).join("host.so");
        if !object.is_file() {
            fs::create_dir_all(&tree.cache)?;
            let work = TempDir::with_prefix_in("new-", &tree.cache)?;
            let source = source(tree, xen)?;
            compile(&source, xen, profile, work.path())?;
            let directory = object.parent().context("no directory")?;
            remove_directory(directory)?;
            fs::rename(work.keep(), directory)?;
        }
        Ok(Build { object, xen })
    }

    /// The same host, compiled in the same way, with another text for one of Xen's files, in a
    /// directory for it alone.
    pub fn with_file(
        &self,
        tree: &Tree,
        profile: Profile,
        file: &str,
        text: &str,
        directory: &Path,
    ) -> Result<Build> {
        ensure!(
            file == PAGE_ALLOC || XEN_SOURCES.contains(&file),
            "{file} is not a part of the host"
        );
        let source = tree.path.join("xen");
        let name = Path::new(file).file_name().context("no name")?;
        let other = directory.join(name);
        fs::write(&other, text)?;
        let mut objects = vec![if file == PAGE_ALLOC {
            heap(&source, self.xen, profile, &other, directory)?
        } else {
            let flags = xen_flags(&source, self.xen, Path::new(PAGE_ALLOC));
            object(&other, &flags, profile, directory)?
        }];
        let replaced = objects[0].file_name().map(ToOwned::to_owned);
        for entry in fs::read_dir(self.object.parent().context("no directory")?)? {
            let path = entry?.path();
            let is_object = path.extension().is_some_and(|extension| extension == "o");
            if is_object && path.file_name() != replaced.as_deref() {
                objects.push(path);
            }
        }
        let object = directory.join("host.so");
        link(&objects, profile.flags(), &object)?;
        Ok(Build {
            object,
            xen: self.xen,
        })
    }
}

fn shim() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("allocator")
}

/// Whatever a compiled host depends on, in a name.
fn key(tree: &Tree, xen: Xen, profile: Profile) -> Result<String> {
    let mut digest = Sha256::new();
    digest.update(output(git(&tree.path).args([
        "rev-parse",
        "HEAD",
        &tree.stock()?,
    ]))?);
    if xen == Xen::Patched {
        digest.update(output(git(&tree.path).args(["diff", "HEAD", "--", "xen"]))?);
    }
    digest.update(include_str!("build.rs"));
    digest.update(output(Command::new("gcc").arg("--version"))?);
    for entry in walkdir::WalkDir::new(shim()).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            digest.update(entry.path().to_string_lossy().as_bytes());
            digest.update(fs::read(entry.path())?);
        }
    }
    let key = format!("{:x}", digest.finalize());
    Ok(format!("{xen:?}-{profile:?}-{}", &key[..12]).to_lowercase())
}

/// The directory `xen/` of that Xen.
fn source(tree: &Tree, xen: Xen) -> Result<PathBuf> {
    if xen == Xen::Patched {
        return Ok(tree.path.join("xen"));
    }
    let stock = tree.stock()?;
    let base = output(git(&tree.path).args(["rev-parse", &format!("{stock}^{{tree}}")]))?;
    let directory = tree.cache.join(format!("base-{}", &base[..12]));
    if !directory.is_dir() {
        let work = TempDir::with_prefix_in("new-", &tree.cache)?;
        let archive = work.path().join("base.tar");
        let mut export = git(&tree.path);
        export.args(["archive", "--output"]).arg(&archive);
        output(export.args([
            &stock,
            "xen/include",
            "xen/arch/x86",
            "xen/common",
            "xen/lib",
        ]))?;
        output(
            Command::new("tar")
                .arg("-xf")
                .arg(&archive)
                .arg("-C")
                .arg(work.path()),
        )?;
        fs::remove_file(&archive)?;
        fs::rename(work.keep(), &directory)?;
    }
    Ok(directory.join("xen"))
}

fn is_4_17(source: &Path) -> bool {
    !source.join(NOT_IN_4_17).is_file()
}

/// Compiles one file to an object of its name.
fn object(file: &Path, flags: &[String], profile: Profile, to: &Path) -> Result<PathBuf> {
    let object = to
        .join(file.file_stem().context("no name")?)
        .with_extension("o");
    let mut gcc = Command::new("gcc");
    gcc.args(["-c", "-fPIC", "-Wall", "-fvisibility=hidden"]);
    gcc.args(profile.flags())
        .args(flags)
        .arg(file)
        .arg("-o")
        .arg(&object);
    output(&mut gcc).with_context(|| format!("compiling {}", file.display()))?;
    Ok(object)
}

/// What a file that sees Xen's headers is compiled with.
fn xen_flags(source: &Path, xen: Xen, page_alloc: &Path) -> Vec<String> {
    let mut flags: Vec<String> = XEN_FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    if xen == Xen::Patched {
        flags.push("-DHOST_CLAIM_SETS".to_owned());
    }
    flags.push(format!("-DHOST_PAGE_ALLOC=\"{}\"", page_alloc.display()));
    let shim = shim();
    let mut directories = Vec::new();
    if is_4_17(source) {
        flags.push("-DHOST_XEN_4_17".to_owned());
        directories.push(shim.join(INCLUDE_4_17));
    }
    directories.extend([shim.join("include"), shim, source.to_owned()]);
    directories.extend(XEN_INCLUDES.iter().map(|directory| source.join(directory)));
    flags.extend(
        directories
            .iter()
            .map(|directory| format!("-I{}", directory.display())),
    );
    flags
}

/// The file that has page_alloc.c in it.
fn heap(
    source: &Path,
    xen: Xen,
    profile: Profile,
    page_alloc: &Path,
    to: &Path,
) -> Result<PathBuf> {
    let flags = xen_flags(source, xen, page_alloc);
    object(&shim().join("heap.c"), &flags, profile, to)
}

fn link(objects: &[PathBuf], flags: &[&str], to: &Path) -> Result<()> {
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-pthread", "-Wl,-z,now"]).args(flags);
    output(gcc.args(objects).arg("-o").arg(to)).context("linking")?;
    Ok(())
}

fn compile(source: &Path, xen: Xen, profile: Profile, to: &Path) -> Result<()> {
    let page_alloc = Path::new(PAGE_ALLOC);
    let flags = xen_flags(source, xen, page_alloc);
    let mut objects = vec![heap(source, xen, profile, page_alloc, to)?];
    let host = HOST_SOURCES.iter().map(|file| shim().join(file));
    let there = |file: &&&str| !(is_4_17(source) && **file == FIND_NEXT_BIT);
    let xen_sources = XEN_SOURCES.iter().filter(there);
    for file in host.chain(xen_sources.map(|file| source.join(file))) {
        objects.push(object(&file, &flags, profile, to)?);
    }
    // It copies whole data segments, and the sanitizers' gaps between variables with them.
    let plain = ["-fno-sanitize=all".to_owned()];
    objects.push(object(&shim().join("os.c"), &plain, profile, to)?);

    let shared = to.join("host.so");
    // Without the sanitizers' libraries, which have half of the C library once more.
    link(&objects, &[], &shared)?;
    let missing = to.join("missing.c");
    let undefined = output(
        Command::new("nm")
            .args(["-D", "--undefined-only"])
            .arg(&shared),
    )?;
    fs::write(&missing, stubs(&undefined))?;
    objects.push(object(&missing, &["-fno-builtin".to_owned()], profile, to)?);
    link(&objects, profile.flags(), &shared)
}

/// Functions that end the host, one for each symbol that no library has: those of the C library
/// come with a version, the sanitizers' with underscores.
fn stubs(undefined: &str) -> String {
    let names: BTreeSet<&str> = undefined
        .lines()
        .filter_map(|line| line.trim().strip_prefix("U "))
        .filter(|name| !name.contains('@') && !name.starts_with("__"))
        .collect();
    let mut text = String::from("_Noreturn void host_missing(const char *name);\n");
    for name in names {
        text += &format!("void {name}(void) {{ host_missing(\"{name}\"); }}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_library_has_gets_a_stub() {
        let text =
            stubs("                 U arch_do_domctl\n  U memcpy@GLIBC_2.14\n  U __asan_init\n");
        assert!(text.contains("void arch_do_domctl(void)"));
        assert!(!text.contains("memcpy") && !text.contains("asan"));
    }
}
