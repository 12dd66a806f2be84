//! What other programs measure: the binding in OCaml, the embedded hypervisor under Criterion, a storm
//! of VMs.

use std::fs;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};

use crate::rounds::{Median, Pair};

/// A call through our stub, and through a plain one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// What it does.
    pub name: String,
    /// OCaml domains that do it at once.
    pub domains: usize,
    /// Nanoseconds.
    pub ns: Pair,
    /// Words on OCaml's heap: ours, plain.
    pub words: Option<(f64, f64)>,
    /// Allocations on the C heap: ours, plain.
    pub mallocs: Option<(f64, f64)>,
}

/// Where the time of a SET goes: nanoseconds of each step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Steps {
    /// Of the set.
    pub entries: usize,
    /// Into Rust and back; reading the array; checking it; a share of the handle; the runtime lock;
    /// the entries for the hypervisor and the call.
    pub ns: Vec<f64>,
}

/// The binding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Binding {
    /// One domain: CPU time.
    pub calls: Vec<Call>,
    /// Where that goes.
    pub steps: Vec<Steps>,
    /// Several domains: wall time for each call.
    pub domains: Vec<Call>,
}

#[derive(Deserialize)]
struct RawCall {
    name: String,
    #[serde(default)]
    domains: usize,
    ns: Vec<(f64, f64)>,
    words: Option<(f64, f64)>,
    mallocs: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct RawSteps {
    entries: usize,
    ns: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Raw {
    calls: Vec<RawCall>,
    steps: Vec<RawSteps>,
    domains: Vec<RawCall>,
}

fn call(raw: RawCall) -> Call {
    Call {
        name: raw.name,
        domains: raw.domains.max(1),
        ns: Pair::of(&raw.ns),
        words: raw.words,
        mallocs: raw.mallocs,
    }
}

fn steps(raw: RawSteps) -> Steps {
    let count = raw.ns.first().map_or(0, Vec::len);
    let step = |index: usize| {
        let before = |round: &Vec<f64>| if index == 0 { 0.0 } else { round[index - 1] };
        Median::of(raw.ns.iter().map(|round| round[index] - before(round))).median
    };
    Steps {
        entries: raw.entries,
        ns: (0..count).map(step).collect(),
    }
}

const BINDING: &str = "_build/default/bench/binding";

fn run_binding(rounds: usize, calls: u64, counted: bool) -> Result<Raw> {
    let mut binding = Command::new(Path::new(BINDING).join("binding.exe"));
    binding.args([rounds.to_string(), calls.to_string()]);
    if counted {
        binding.env(
            "LD_PRELOAD",
            fs::canonicalize(Path::new(BINDING).join("count.so"))?,
        );
    }
    let output = binding
        .stderr(Stdio::inherit())
        .output()
        .context("binding.exe")?;
    ensure!(
        output.status.success(),
        "binding.exe ended with {}",
        output.status
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs the OCaml program, twice: what counts allocations would slow down what takes the time.
pub fn binding(rounds: usize, calls: u64) -> Result<Binding> {
    let mut raw = run_binding(rounds, calls, false)?;
    for (call, counted) in raw.calls.iter_mut().zip(run_binding(1, 1000, true)?.calls) {
        call.mallocs = counted.mallocs;
    }
    Ok(Binding {
        calls: raw.calls.into_iter().map(call).collect(),
        steps: raw.steps.into_iter().map(steps).collect(),
        domains: raw.domains.into_iter().map(call).collect(),
    })
}

/// Claim calls of the embedded hypervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Embedded {
    /// `set` or `get`.
    pub call: String,
    /// Of the host.
    pub nodes: usize,
    /// Each with a domain of its own.
    pub threads: usize,
    /// Calls per second of all threads, and what Criterion is 95 % sure of.
    pub per_second: Median,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

/// Runs Criterion and reads what it found.
pub fn embedded() -> Result<Vec<Embedded>> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "bench",
        "--quiet",
        "--locked",
        "--package",
        "xen-claims-bench",
    ]);
    cargo.args(["--bench", "embedded", "--", "--quiet", "--noplot"]);
    // What it says goes to a log, and is asked for where it matters.
    let output = cargo.output().context("cargo bench")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo bench: {said}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let mut found = Vec::new();
    for call in ["set", "get"] {
        for nodes in [1, 8, 64] {
            for threads in [1, 8] {
                let id = format!("criterion/{call}-{nodes}-{threads}/new/estimates.json");
                let text = fs::read_to_string(target.join(&id)).context(id)?;
                let Estimate {
                    point_estimate,
                    confidence_interval: interval,
                } = serde_json::from_str::<Estimates>(&text)?.median;
                let per_second = |ns: f64| 1e9 / ns;
                found.push(Embedded {
                    call: call.to_owned(),
                    nodes,
                    threads,
                    per_second: Median {
                        median: per_second(point_estimate),
                        low: per_second(interval.upper_bound),
                        high: per_second(interval.lower_bound),
                    },
                });
            }
        }
    }
    Ok(found)
}

/// Many VMs, built at once with claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Storm {
    /// So many VMs.
    pub vms: u64,
    /// All of it, the program's start and report included.
    pub seconds: f64,
    /// The most memory the program had.
    pub peak_mib: f64,
}

const BUILDERS: u64 = 64;

/// 64 nodes with room for all VMs, and a few more; VMs of 64 to 256 MiB.
fn scenario(vms: u64) -> serde_json::Value {
    let vm = |index| serde_json::json!({ "name": format!("vm-{index}"), "mib": 64 << (index % 3) });
    serde_json::json!({
        "about": "As many VMs as ./dev bench wants",
        "host": "64x32",
        "builders": BUILDERS,
        "vms": (0..vms).map(vm).collect::<Vec<_>>(),
    })
}

fn peak_mib(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Builds so many VMs on the embedded hypervisor.
pub fn storm(vms: u64) -> Result<Storm> {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile()?;
    serde_json::to_writer(&mut file, &scenario(vms))?;
    let mut report = tempfile::tempfile()?;
    let start = Instant::now();
    let mut builder = Command::new("_build/default/examples/builder/builder.exe")
        .args(["build", "--json"])
        .arg(file.path())
        .stdout(report.try_clone()?)
        .spawn()
        .context("builder.exe")?;
    let mut peak = 0.0;
    let status = loop {
        // It is the most so far, so that only what is taken in the last moment is missed.
        peak = peak_mib(builder.id()).map_or(peak, |now| now.max(peak));
        if let Some(status) = builder.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "builder.exe ended with {status}");
    report.rewind()?;
    let report: serde_json::Value = serde_json::from_reader(BufReader::new(report))?;
    let built = &report["storms"][0]["built"];
    ensure!(*built == vms, "{built} of {vms} VMs were built");
    Ok(Storm {
        vms,
        seconds,
        peak_mib: peak,
    })
}
