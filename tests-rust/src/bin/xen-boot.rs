//! What was built of the series, booted in QEMU: `./dev xen boot` and `./dev xen conformance` run this.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::{Parser, Subcommand};
use xen_claims_lab::host::boot::Bootable;
use xen_claims_lab::host::machine::Machine;
use xen_claims_lab::host::xl;
use xen_claims_lab::series::base::Base;
use xen_claims_lab::series::check::stock;
use xen_claims_lab::series::xapi;
use xen_claims_tests::booted;

/// Xen with the series, as `./dev xen build` left it, booted in QEMU.
#[derive(Debug, Parser)]
#[command(name = "./dev xen")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    /// The Xen that the series is for: 4.20, or one of xen-patches/bases/.
    #[arg(long, global = true, value_name = "VERSION")]
    base: Option<String>,
    /// The cache directory.
    #[arg(long, env = "XEN_CLAIMS_CACHE", hide = true)]
    cache: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Boots what was built in QEMU, and runs a command or a shell in Dom0.
    Boot {
        /// NUMA nodes of the host.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
        nodes: u32,
        /// Memory of the host, in GiB [default: 2 for each node, and at least 4].
        #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
        mem: Option<u32>,
        /// Boot Xen without the series.
        #[arg(long)]
        stock: bool,
        /// Give Dom0, in /before, also xl and its libraries from before the series changed them.
        #[arg(long, conflicts_with = "stock")]
        xl_before: bool,
        /// Seconds the command may take, booting included.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
        /// A command and its arguments; without one, a shell.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Runs the conformance suite in Dom0 on hosts with several numbers of NUMA nodes.
    Conformance {
        /// The numbers of nodes.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8],
            value_parser = clap::value_parser!(u32).range(1..=64))]
        nodes: Vec<u32>,
        /// Seconds the suite may take on each host.
        #[arg(long, default_value_t = 1500)]
        timeout: u64,
        /// Milliseconds that C5 may take, and rounds of C4 and F4.
        #[arg(long, default_value_t = 10_000)]
        soak: u64,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked; the exit status.
fn run(arguments: &Arguments) -> Result<u8> {
    let version = arguments.base.as_deref();
    let base = Base::find(version, Path::new("xen-patches"), &arguments.cache)?;
    match &arguments.command {
        Task::Boot {
            nodes,
            mem,
            stock,
            xl_before,
            timeout,
            command,
        } => {
            let mut boot = boot(&base, *stock)?;
            if *xl_before {
                let tree = fs::canonicalize(base.cache.path("tree"))?;
                let before = xl::before(&base.cache, &tree)?;
                boot = match before {
                    Some(tree) => boot.with_before(tree),
                    None => {
                        println!(
                            "the series does not change xl: nothing is in /{}",
                            xl::BEFORE
                        );
                        boot
                    }
                };
            }
            let machine = Machine::new(*nodes, *mem);
            if command.is_empty() {
                boot.shell(&machine)?;
                return Ok(0);
            }
            let limit = Duration::from_secs(*timeout);
            boot.run(&machine, command, limit, &mut io::stdout())
        }
        Task::Conformance {
            nodes,
            timeout,
            soak,
        } => {
            let machines: Vec<_> = nodes
                .iter()
                .map(|nodes| Machine::new(*nodes, None))
                .collect();
            let limit = Duration::from_secs(*timeout);
            let boot = boot(&base, false)?;
            let well = booted::conformance(&boot, &machines, limit, *soak)?;
            Ok(u8::from(!well))
        }
    }
}

/// The OCaml test programs that can run on Xen. `all.sh` runs all that are there.
const OCAML_TESTS: &[&str] = &[
    "input",
    "refusals",
    "claims",
    "building",
    "allocation",
    "handles",
    "parallel",
];

/// What `tools/xen.sh` has built already, to be booted.
fn boot(base: &Base, without_series: bool) -> Result<Bootable> {
    let cache = &base.cache;
    let tree = fs::canonicalize(cache.path("tree")).context("no tree was prepared")?;
    let debug = env::current_exe()?;
    let target = debug
        .ancestors()
        .nth(2)
        .context("not in cargo's directory")?;
    // What creates domains is built for each base.
    let (target, dune) = match base.other() {
        Some(version) => {
            let target = target.join(format!("xen-{version}"));
            (target.clone(), target.join("dune/default"))
        }
        None => (target.to_owned(), PathBuf::from("_build/default")),
    };
    let release = target.join("release");
    let [source, ours] = [tree.join("tools/ocaml/test"), dune.join("tests-ocaml/dom0")]
        .map(|directory| fs::read(directory.join("claims.ml")));
    ensure!(
        source? == ours?,
        "the test of the OCaml binding is not built from the tree's source"
    );
    let files = [
        ("bin/conformance", release.join("conformance")),
        (
            "bin/test-claim-memory",
            tree.join("tools/tests/claim-memory/test-claim-memory"),
        ),
        ("bin/claims-in-tree", tree.join("tools/ocaml/test/claims")),
        ("bin/xapi-names", xapi::names(&tree)?),
        ("bin/claims-ours", dune.join("tests-ocaml/dom0/claims.exe")),
        (
            "bin/toolstack-ours",
            dune.join("tests-ocaml/dom0/toolstack_ours.exe"),
        ),
        (
            "bin/toolstack-in-tree",
            target.join("in-tree/toolstack-in-tree"),
        ),
        ("bin/xapi-daemon", dune.join("examples/xapi/daemon.exe")),
        (
            "bin/with_domain",
            dune.join("tests-ocaml/dom0/with_domain.exe"),
        ),
        ("bin/test-xl", dune.join("tests-ocaml/dom0/test_xl.exe")),
        ("bin/xen-claims", dune.join("xenctrl-ml/bin/main.exe")),
        ("bin/all-tests", PathBuf::from("tests-ocaml/dom0/all.sh")),
        ("bin/builder", dune.join("examples/builder/builder.exe")),
        (
            "bin/killed-on-xen.sh",
            PathBuf::from("examples/builder/test/killed-on-xen.sh"),
        ),
        (
            "boot-storm.json",
            PathBuf::from("examples/builder/scenarios/boot-storm.json"),
        ),
        (
            "xl-storm.json",
            PathBuf::from("examples/builder/scenarios/xl-storm.json"),
        ),
    ];
    let files = files.map(|(place, path)| (place.to_owned(), path));
    let areas = OCAML_TESTS.iter().map(|area| {
        let path = dune.join(format!("tests-ocaml/test_{area}.exe"));
        (format!("tests-ocaml/{area}"), path)
    });
    let files = files.into_iter().chain(areas).collect();
    let other = without_series.then(|| stock(cache, &tree)).transpose()?;
    Bootable::new(cache, &tree, other, files)
}
