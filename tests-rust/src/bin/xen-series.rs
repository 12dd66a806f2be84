//! The series in `xen-patches/`: `./dev xen` runs this.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::{Parser, Subcommand};
use xen_claims_tests::series::boot::Boot;
use xen_claims_tests::series::machine::Machine;
use xen_claims_tests::series::{build, check, prepare, topologies, Cache};

/// The Xen source with the series in xen-patches/ applied: made, built, checked, booted.
#[derive(Debug, Parser)]
#[command(name = "./dev xen")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    /// The cache directory.
    #[arg(long, env = "XEN_CLAIMS_CACHE", hide = true)]
    cache: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Gets, verifies and unpacks the Xen source that the series is for, and applies the series.
    Prepare {
        /// Only try Debian's newest Xen source: does the series apply there?
        #[arg(long)]
        update: bool,
    },
    /// Builds the hypervisor, libxenctrl, the in-tree OCaml binding and the in-tree tests.
    Build,
    /// Checks the series as a Xen maintainer would.
    Check {
        /// Only what takes no build: style, messages, sizes, order.
        #[arg(long)]
        style: bool,
    },
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
    },
}

fn main() -> ExitCode {
    let Arguments { command, cache } = Arguments::parse();
    match run(&command, &cache) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked; the exit status.
fn run(task: &Task, cache: &Path) -> Result<u8> {
    let patches = fs::canonicalize("xen-patches").context("no xen-patches/ here")?;
    let cache = Cache::new(cache)?;
    let all_is_well = match task {
        Task::Prepare { update: true } => {
            prepare::update(&cache, &patches)?;
            true
        }
        Task::Prepare { update: false } => {
            prepare::prepare(&cache, &patches)?;
            true
        }
        Task::Build => {
            let tree = prepare::prepare(&cache, &patches)?;
            build::build(&cache, &tree)?;
            true
        }
        Task::Check { style: true } => check::style_only(&patches)?,
        Task::Check { style: false } => check::check(&cache, &patches)?,
        Task::Boot {
            nodes,
            mem,
            stock,
            timeout,
            command,
        } => {
            let boot = boot(&cache, *stock)?;
            let machine = Machine::new(*nodes, *mem);
            if command.is_empty() {
                boot.shell(&machine)?;
                return Ok(0);
            }
            let limit = Duration::from_secs(*timeout);
            return boot.run(&machine, command, limit, &mut io::stdout());
        }
        Task::Conformance { nodes, timeout } => {
            let machines: Vec<_> = nodes
                .iter()
                .map(|nodes| Machine::new(*nodes, None))
                .collect();
            let limit = Duration::from_secs(*timeout);
            let boot = boot(&cache, false)?;
            topologies::conformance(&boot, &machines, limit)?
        }
    };
    Ok(u8::from(!all_is_well))
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
fn boot(cache: &Cache, stock: bool) -> Result<Boot> {
    let tree = fs::canonicalize(cache.path("tree")).context("no tree was prepared")?;
    let debug = env::current_exe()?;
    let target = debug
        .ancestors()
        .nth(2)
        .context("not in cargo's directory")?;
    let dune = Path::new("_build/default");
    let [source, ours] = [tree.join("tools/ocaml/test"), dune.join("tests-ocaml/dom0")]
        .map(|directory| fs::read(directory.join("claims.ml")));
    ensure!(
        source? == ours?,
        "the test of the OCaml binding is not built from the tree's source"
    );
    let files = [
        ("bin/conformance", target.join("release/conformance")),
        (
            "bin/test-claim-memory",
            tree.join("tools/tests/claim-memory/test-claim-memory"),
        ),
        ("bin/claims-in-tree", tree.join("tools/ocaml/test/claims")),
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
    ];
    let files = files.map(|(place, path)| (place.to_owned(), path));
    let areas = OCAML_TESTS.iter().map(|area| {
        let path = dune.join(format!("tests-ocaml/test_{area}.exe"));
        (format!("tests-ocaml/{area}"), path)
    });
    let files = files.into_iter().chain(areas).collect();
    let other = stock.then(|| check::stock(cache, &tree)).transpose()?;
    Boot::new(cache, &tree, other, files)
}
