//! Builds a Xen tree: the hypervisor in one of several variants, and the tools that go with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{bail, ensure, Context, Result};

use super::prepare::Tree;
use crate::run::{git, logged, need, output, step, Cache};

/// The programs it takes.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("make", "make"),
    ("gcc", "gcc"),
    ("bison", "bison"),
    ("flex", "flex"),
    ("python3", "python3-dev"),
    ("pkg-config", "pkgconf"),
    ("checkpolicy", "checkpolicy"),
    ("iasl", "acpica-tools"),
    ("ocamlfind", "ocaml-findlib"),
    ("ccache", "ccache"),
];

/// A way to build the hypervisor.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// What to call it.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// For another architecture: what make has to be told.
    make: &'static [&'static str],
    /// What differs from the architecture's default configuration, as `.config` has it.
    pub config: &'static [&'static str],
}

/// Does a `.config` have this line? What is off may also not be mentioned.
fn is_so(config: &str, option: &str) -> bool {
    let has = |wanted: &str| config.lines().any(|line| line == wanted);
    match option
        .strip_prefix("# ")
        .and_then(|off| off.strip_suffix(" is not set"))
    {
        Some(name) => !has(&format!("{name}=y")),
        None => has(option),
    }
}

/// What everything but the matrix uses: assertions on, FLASK on.
pub const DEBUG: Variant = Variant {
    name: "x86_64-debug",
    what: "x86_64, debug, FLASK",
    make: &[],
    config: &[
        "CONFIG_DEBUG=y",
        "CONFIG_XSM=y",
        "CONFIG_XSM_FLASK=y",
        "CONFIG_NUMA=y",
    ],
};

/// With [`DEBUG`], these have every value of architecture, debug, FLASK and NUMA. On x86 Xen 4.20 can't
/// be without NUMA, which ACPI selects; on arm64 it can't have it.
pub const MATRIX: [Variant; 4] = [
    Variant {
        name: "x86_64-release",
        what: "x86_64, release, no XSM",
        make: &[],
        config: &[
            "# CONFIG_DEBUG is not set",
            "# CONFIG_XSM is not set",
            "CONFIG_NUMA=y",
        ],
    },
    Variant {
        name: "x86_64-no-xsm",
        what: "x86_64, debug, no XSM",
        make: &[],
        config: &["CONFIG_DEBUG=y", "# CONFIG_XSM is not set", "CONFIG_NUMA=y"],
    },
    Variant {
        name: "arm64-debug",
        what: "arm64, debug, NUMA off, FLASK, cache colouring, static memory",
        make: ARM64,
        config: &[
            "CONFIG_DEBUG=y",
            "CONFIG_XSM=y",
            "CONFIG_XSM_FLASK=y",
            "CONFIG_EXPERT=y",
            "CONFIG_UNSUPPORTED=y",
            "CONFIG_LLC_COLORING=y",
            "CONFIG_STATIC_MEMORY=y",
            "# CONFIG_NUMA is not set",
        ],
    },
    Variant {
        name: "arm64-release",
        what: "arm64, release, NUMA off, no XSM",
        make: ARM64,
        config: &[
            "# CONFIG_DEBUG is not set",
            "# CONFIG_XSM is not set",
            "# CONFIG_NUMA is not set",
        ],
    },
];

/// What an older Xen may not have, and is left out there.
const NEWER: &[&str] = &["CONFIG_LLC_COLORING=y"];

const ARM64: &[&str] = &["XEN_TARGET_ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"];

/// libxenctrl and what it, and the OCaml binding, need.
const LIBRARIES: &[&str] = &[
    "toolcore",
    "toollog",
    "evtchn",
    "gnttab",
    "call",
    "foreignmemory",
    "devicemodel",
    "ctrl",
    "guest",
];

/// What `xl create` takes, in the order in which it can be built.
const XL: &[&str] = &[
    "tools/libs/hypfs",
    "tools/libs/store",
    "tools/libs/light",
    "tools/libs/util",
    "tools/xl",
    "tools/xenstored",
    "tools/xenstore",
    "tools/xs-clients",
    "tools/console/daemon",
    "tools/console/client",
    "tools/helpers",
];

const OCAML_LIBRARIES: &[&str] = &["mmap", "eventchn", "xc"];

/// The tests of the tree that are about claims: directory, a source that the base does not have, what to make.
const TESTS: &[(&str, &str, &str)] = &[
    ("tools/tests/claim-memory", "main.c", "all"),
    ("tools/ocaml/test", "claims.ml", "claims"),
];

const CONFIGURE: &[&str] = &[
    "--enable-tools",
    "--enable-ocamltools",
    "--disable-docs",
    "--disable-stubdom",
    "--disable-golang",
    "--disable-ovmf",
    "--disable-seabios",
    "--disable-ipxe",
    "--disable-pvshim",
    "--disable-xsmpolicy",
    "--disable-monitors",
    "--disable-systemd",
    "--with-system-qemu=/bin/true",
];

/// A directory with the Xen source, and where its builds are logged.
#[derive(Debug, Clone)]
pub struct BuildTree {
    tree: PathBuf,
    ccache: PathBuf,
    cache: PathBuf,
}

impl BuildTree {
    /// A tree to build in.
    pub fn new(cache: &Cache, tree: &Path) -> BuildTree {
        BuildTree {
            tree: tree.to_owned(),
            ccache: cache.path("ccache"),
            cache: cache.path(""),
        }
    }

    /// The log of a build.
    pub fn log(&self, name: &str) -> PathBuf {
        self.tree.join(".git").join(format!("{name}.log"))
    }

    /// A compiler that was killed may leave half an object that make would take for a whole one.
    /// What `work` leaves is trusted only if this process lived to see it end.
    pub fn killed_or_done<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mark = self.tree.join(".git/building");
        if mark.exists() {
            println!(
                "the last build in {} was killed: from the start",
                self.tree.display()
            );
            output(git(&self.tree).args(["clean", "--quiet", "--force", "-dx"]))?;
        }
        fs::write(&mark, "")?;
        let result = work();
        fs::remove_file(&mark)?;
        result
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = env::var_os("PATH").unwrap_or_default();
        // There gcc is a link to ccache.
        let mut directories = vec![PathBuf::from("/usr/lib/ccache")];
        directories.extend(env::split_paths(&path));
        if let Ok(path) = env::join_paths(directories) {
            command.env("PATH", path);
        }
        command
            .current_dir(&self.tree)
            .env("CCACHE_DIR", &self.ccache)
            .env("CCACHE_BASEDIR", &self.cache)
            .env("CCACHE_NOHASHDIR", "1")
            .env("CCACHE_MAXSIZE", "3G")
            .env("LC_ALL", "C.UTF-8");
        // What this program was itself started with is no business of Xen's makefiles.
        for variable in [
            "MAKEFLAGS",
            "MFLAGS",
            "MAKELEVEL",
            "XEN_TARGET_ARCH",
            "CROSS_COMPILE",
        ] {
            command.env_remove(variable);
        }
        command
    }

    fn make(&self, log: &str, directory: &str, arguments: &[&str]) -> Result<()> {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let mut make = self.command("make");
        make.arg(format!("-j{jobs}")).args(["-C", directory]);
        logged(make.args(arguments), &self.log(log))
    }

    /// What of a variant this Xen does not know, and need not.
    pub fn lacks(&self, variant: &Variant) -> Result<Vec<&'static str>> {
        let newer = variant.config.iter().filter(|o| NEWER.contains(o));
        let mut lacking = Vec::new();
        for option in newer {
            let name = option.trim_start_matches("CONFIG_");
            let name = name.trim_end_matches("=y");
            let search = ["grep", "--quiet", &format!("^config {name}$"), "--", "xen"];
            match git(&self.tree).args(search).status()?.code() {
                Some(0) => {}
                Some(1) => lacking.push(*option),
                _ => bail!("git grep failed in {}", self.tree.display()),
            }
        }
        Ok(lacking)
    }

    /// Builds the hypervisor.
    pub fn hypervisor(&self, variant: &Variant) -> Result<()> {
        let log = self.start_log(variant.name)?;
        let lacking = self.lacks(variant)?;
        let options = variant.config.iter().copied();
        let options: Vec<_> = options.filter(|o| !lacking.contains(o)).collect();
        let (config, wanted) = (self.tree.join("xen/.config"), options.join("\n"));
        let of = self.tree.join(".git/config-of");
        let is_made = fs::read_to_string(&of).is_ok_and(|made| made == wanted);
        if !is_made || !config.is_file() {
            let arguments = |target| [variant.make, &[target]].concat();
            self.make(log, "xen", &arguments("defconfig"))?;
            let defaults = fs::read_to_string(&config)?;
            fs::write(&config, amended(&defaults, &options))?;
            self.make(log, "xen", &arguments("olddefconfig"))?;
            let result = fs::read_to_string(&config)?;
            for option in options {
                ensure!(
                    is_so(&result, option),
                    "Xen's configuration cannot have {option}"
                );
            }
            fs::write(&of, &wanted)?;
        }
        self.make(log, "xen", variant.make)
    }

    /// Builds the libraries, the OCaml binding and the tests.
    pub fn tools(&self) -> Result<()> {
        let log = self.libraries("tools")?;
        for library in OCAML_LIBRARIES {
            // Its makefiles do not know all their dependencies.
            self.make(log, &format!("tools/ocaml/libs/{library}"), &["-j1", "all"])?;
        }
        for (test, source, target) in TESTS {
            if self.tree.join(test).join(source).exists() {
                self.make(log, test, &[target])?;
            }
        }
        Ok(())
    }

    /// Builds xl, and what runs beside it in Dom0.
    pub fn xl(&self) -> Result<()> {
        let log = self.libraries("xl")?;
        // An older Xen has the two parts of xenstore in one directory.
        XL.iter()
            .filter(|part| self.tree.join(part).is_dir())
            .try_for_each(|part| self.make(log, part, &["all"]))
    }

    /// What a build of xl depends on beside the source.
    pub fn xl_state() -> String {
        format!("{CONFIGURE:?}{LIBRARIES:?}{XL:?}")
    }

    /// Builds libxenctrl, libxenguest and what they need; the name of the log.
    fn libraries<'a>(&self, log: &'a str) -> Result<&'a str> {
        let log = self.start_log(log)?;
        let (of, wanted) = (self.tree.join(".git/tools-config-of"), CONFIGURE.join("\n"));
        if !fs::read_to_string(&of).is_ok_and(|made| made == wanted) {
            logged(self.command("./configure").args(CONFIGURE), &self.log(log))
                .context("a missing library is one of the packages in tools/packages-xen.txt")?;
            fs::write(&of, &wanted)?;
        }
        self.make(log, "tools/include", &["all"])?;
        for library in LIBRARIES {
            self.make(log, &format!("tools/libs/{library}"), &["all"])?;
        }
        Ok(log)
    }

    fn start_log<'a>(&self, name: &'a str) -> Result<&'a str> {
        fs::write(self.log(name), "")?;
        Ok(name)
    }
}

/// A configuration with some of its lines replaced.
fn amended(config: &str, options: &[&str]) -> String {
    let symbol = |line: &str| -> Option<String> {
        let line = line.trim_start_matches("# ");
        let name = line.split(['=', ' ']).next()?;
        name.starts_with("CONFIG_").then(|| name.to_owned())
    };
    let replaced: Vec<_> = options.iter().map(|option| symbol(option)).collect();
    let kept = config
        .lines()
        .filter(|line| symbol(line).is_none_or(|name| !replaced.contains(&Some(name))));
    kept.chain(options.iter().copied())
        .fold(String::new(), |text, line| text + line + "\n")
}

/// Builds a tree, unless that was done and nothing was changed in it since.
pub fn build(cache: &Cache, tree: &Tree) -> Result<()> {
    need(PROGRAMS)?;
    let build_tree = BuildTree::new(cache, &tree.path);
    let stamp = tree.path.join(".git/built");
    let state = output(git(&tree.path).args(["rev-parse", "HEAD"]))?
        + &DEBUG.config.join("\n")
        + &format!("{OCAML_LIBRARIES:?}{TESTS:?}")
        + &BuildTree::xl_state();
    let changed = output(git(&tree.path).args(["status", "--porcelain", "--untracked-files=no"]))?;
    if changed.is_empty() && fs::read_to_string(&stamp).is_ok_and(|built| built == state) {
        println!("built before, and nothing was changed");
    } else {
        if stamp.exists() {
            fs::remove_file(&stamp)?;
        }
        build_tree.killed_or_done(|| {
            step(&format!("building the hypervisor ({})", DEBUG.what), || {
                build_tree.hypervisor(&DEBUG)
            })?;
            step(
                "building libxenctrl, the OCaml binding and the tests",
                || build_tree.tools(),
            )?;
            step("building xl and what it needs in Dom0", || build_tree.xl())
        })?;
        if changed.is_empty() {
            fs::write(&stamp, &state)?;
        }
    }
    println!("built in {}:", tree.path.display());
    for (what, product) in PRODUCTS {
        let found = tree.path.join(product);
        if !found.exists() {
            bail!("the build made no {}", found.display());
        }
        println!("  {product:42} {what}");
    }
    Ok(())
}

/// What a build leaves for others to use.
pub const PRODUCTS: &[(&str, &str)] = &[
    ("the hypervisor, as an ELF file for QEMU", "xen/xen"),
    ("the same with symbols", "xen/xen-syms"),
    (
        "libxenctrl; what it needs is beside it",
        "tools/libs/ctrl/libxenctrl.so",
    ),
    (
        "the in-tree OCaml binding",
        "tools/ocaml/libs/xc/xenctrl.cmxa",
    ),
    (
        "the in-tree test",
        "tools/tests/claim-memory/test-claim-memory",
    ),
    (
        "the in-tree test of that binding",
        "tools/ocaml/test/claims",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration without NUMA that has it would prove nothing.
    #[test]
    fn options_are_as_asked_for() {
        let config = "CONFIG_NUMA=y\n# CONFIG_XSM is not set\n";
        assert!(is_so(config, "CONFIG_NUMA=y"));
        assert!(!is_so(config, "# CONFIG_NUMA is not set"));
        assert!(is_so(config, "# CONFIG_XSM is not set"));
        assert!(is_so(config, "# CONFIG_DEBUG is not set"));
        assert!(!is_so(config, "CONFIG_XSM=y"));
    }

    #[test]
    fn options_are_replaced() {
        let config = "# A comment\nCONFIG_A=y\n# CONFIG_AB is not set\nCONFIG_B=y\n";
        assert_eq!(
            amended(config, &["# CONFIG_A is not set", "CONFIG_C=y"]),
            "# A comment\n# CONFIG_AB is not set\nCONFIG_B=y\n# CONFIG_A is not set\nCONFIG_C=y\n"
        );
    }
}
