//! Storms of real guests, on a booted Xen: what its Dom0 is told, and what it says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{bail, ensure, Context, Result};
use serde::Deserialize;
use serde_json::json;
use xen_claims::Pages;

use super::super::player::{Course, Outcome, Played, Sample};
use super::super::storm::{Real, Storm, ORDER};

/// What the nodes of `xen.sh boot --nodes 4` have free before a storm, in MiB: the rest of each is taken
/// away. Dom0 and Xen are on node 0.
const FREE_MIB: [u64; 4] = [1600, 1984, 1984, 1856];

/// So much of it on node 0 is in Xen's DMA zone, which has the lowest quarter of that node.
const LOW_MIB: u64 = 446;

/// The same in the pages of a simulated host.
pub fn low() -> Pages {
    Pages::new((LOW_MIB / MIB) << ORDER)
}

/// An extent stands for itself there: 2 MiB, in pages.
pub const EXTENT: u64 = 512;
const MIB: u64 = 2;

/// Guests that begin with Dom0's kernel need about 100 MiB.
const LEAST: u64 = 64;

/// `xl create` at a time: one for each processor, as `builder xl-storms` has it.
pub const BUILDERS: usize = 4;

/// Played first, to see how long each `xl create` takes to do what. It is not counted.
pub const TIMED: [u64; 1] = [1001];

/// Where what Dom0 said is kept, so that it can be looked at again.
const KEPT: &str = "target/xl-storms.json-lines";

/// Per storm, both sets of tools; and for booting.
const SECONDS_PER_STORM: u64 = 300;
const SECONDS_TO_BOOT: u64 = 300;

/// The storm of `seed` for that host.
pub fn storm(seed: u64) -> Storm {
    let nodes = FREE_MIB.map(|mib| mib / MIB);
    let real = Real {
        nodes: &nodes,
        builders: BUILDERS,
        least: LEAST,
    };
    Storm::draw_on(seed, Some(real))
}

/// A scenario of the example builder, on a line.
fn scenario(storm: &Storm) -> String {
    let running = storm.occupants.iter().enumerate().map(|(index, occupant)| {
        let mut vm = json!({
            "name": format!("here-{index}"), "mib": occupant.extents * MIB, "nodes": [occupant.node],
        });
        if occupant.leaves.is_some() {
            vm["leaves"] = json!(0);
        }
        vm
    });
    let vms = storm.vms.iter().enumerate();
    let vms = vms.map(
        |(index, vm)| json!({"name": format!("vm-{:02}", index + 1), "mib": vm.extents * MIB}),
    );
    let about = format!("storm {}", storm.seed);
    json!({"about": about, "host": "4x2", "running": running.collect::<Vec<_>>(), "vms": vms.collect::<Vec<_>>()}).to_string()
}

/// When an `xl create` came to what, in seconds since the storm began.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct Steps {
    pub looks: Option<f64>,
    pub placed: Option<f64>,
    pub populates: Option<f64>,
    pub populated: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Vm {
    name: String,
    pages: u64,
    outcome: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    populated: u64,
    planned: BTreeMap<String, u64>,
    memory: BTreeMap<String, u64>,
    started: f64,
    ended: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Told {
    claims: bool,
    seconds: f64,
    vms: Vec<Vm>,
}

/// A line of what Dom0 says: one storm with one set of tools.
#[derive(Debug, Clone, Deserialize)]
struct Line {
    about: String,
    storm: Told,
    samples: Vec<Sample>,
    #[serde(default)]
    steps: Vec<Steps>,
}

/// One storm, with one set of tools.
#[derive(Debug, Clone)]
pub struct RealCourse {
    pub seed: u64,
    /// Whether these tools claim on nodes.
    pub claims: bool,
    /// In pages of the real host.
    pub course: Course,
    /// Of each VM, or none.
    pub steps: Vec<Steps>,
    /// Of each VM that was not built, what `xl create` said.
    pub reasons: Vec<String>,
}

impl RealCourse {
    /// On a line: how many guests there are, and why not more.
    fn in_short(&self) -> String {
        let vms = &self.course.vms;
        let built = vms.iter().filter(|vm| vm.outcome == Outcome::Built);
        let mut reasons: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        reasons.sort_unstable();
        reasons.dedup();
        format!(
            "storm {}, {}: {} of {} built, in {:.0} s{}",
            self.seed,
            tools(self.claims),
            built.count(),
            vms.len(),
            self.course.seconds,
            reasons.join("; ")
        )
    }
}

fn node(key: &str) -> Result<usize> {
    key.parse().with_context(|| format!("'{key}' is no node"))
}

impl Vm {
    fn played(&self, samples: &[Sample]) -> Result<Played> {
        let mut planned = Vec::new();
        for (key, pages) in &self.planned {
            match key.as_str() {
                // No node was good enough: any is.
                "host" => planned.extend((0..FREE_MIB.len()).map(|node| (node, *pages))),
                key => planned.push((node(key)?, *pages)),
            }
        }
        let memory = self
            .memory
            .iter()
            .map(|(key, pages)| Ok((node(key)?, *pages)));
        let before = samples
            .iter()
            .take_while(|sample| sample.time <= self.ended)
            .last();
        let free_pages = before.map_or(0, |sample| sample.nodes.iter().map(|node| node.1).sum());
        let outcome = match self.outcome.as_str() {
            "built" => Outcome::Built,
            "refused" => Outcome::Refused {
                free_pages,
                outrun: false,
            },
            "failed" => Outcome::Failed {
                populated: self.populated,
            },
            other => bail!("{} is '{other}'", self.name),
        };
        Ok(Played {
            pages: self.pages,
            outcome,
            planned,
            memory: memory.collect::<Result<_>>()?,
            retries: 0,
            wasted: self.populated,
            started: self.started,
            ended: self.ended,
        })
    }
}

/// What a line says, which is to be of the storm of `seed`.
fn read(line: &str) -> Result<RealCourse> {
    let line: Line = serde_json::from_str(line)?;
    let seed = line
        .about
        .strip_prefix("storm ")
        .context("it does not say of which storm it is")?;
    let seed: u64 = seed.parse()?;
    let wanted = storm(seed);
    let sizes = wanted.vms.iter().map(|vm| vm.extents * EXTENT);
    ensure!(
        line.storm.vms.iter().map(|vm| vm.pages).eq(sizes),
        "storm {seed} has other VMs: it was played by another version of this program"
    );
    let vms: Vec<Played> = line
        .storm
        .vms
        .iter()
        .map(|vm| vm.played(&line.samples))
        .collect::<Result<_>>()?;
    Ok(RealCourse {
        seed,
        claims: line.storm.claims,
        reasons: line.storm.vms.into_iter().map(|vm| vm.reason).collect(),
        steps: line.steps,
        course: Course {
            vms,
            seconds: line.storm.seconds,
            left: Vec::new(),
            samples: line.samples,
        },
    })
}

/// The storms of both sets of tools that lines of Dom0 tell, which are to begin with those of `seeds`.
fn read_all(
    lines: impl Iterator<Item = std::io::Result<String>>,
    seeds: &[u64],
    mut heard: impl FnMut(&str, &RealCourse) -> Result<()>,
) -> Result<usize> {
    let mut expected = seeds
        .iter()
        .flat_map(|seed| [(*seed, false), (*seed, true)]);
    let mut count = 0;
    for line in lines {
        let line = line?;
        let Some((seed, claims)) = expected.next() else {
            bail!("Dom0 said more than the storms: {}", beginning(&line));
        };
        let tools = tools(claims);
        let course = read(&line)
            .with_context(|| format!("storm {seed}, {tools}: Dom0 said {}", beginning(&line)))?;
        ensure!(
            (course.seed, course.claims) == (seed, claims),
            "storm {seed}, {tools}, was to come, and storm {}, {}, came",
            course.seed,
            self::tools(course.claims)
        );
        heard(&line, &course)?;
        count += 1;
    }
    match expected.next() {
        None => Ok(count),
        Some((seed, claims)) => bail!("storm {seed}, {}: the host ended before it", tools(claims)),
    }
}

/// Which tools.
pub const fn tools(claims: bool) -> &'static str {
    if claims {
        "xl with claims"
    } else {
        "xl as it was"
    }
}

/// Enough of a line to see what it is.
fn beginning(line: &str) -> String {
    let short: String = line.chars().take(160).collect();
    if short.len() < line.len() {
        format!("'{short}...'")
    } else {
        format!("'{short}'")
    }
}

/// Boots once, and plays the storms of `seeds` there after those to be [`TIMED`]; keeps what was said.
pub fn play(seeds: &[u64]) -> Result<()> {
    let all: Vec<u64> = TIMED.iter().chain(seeds).copied().collect();
    let mut script = format!("builder xl-storms --timed {} --free ", TIMED.len());
    let free = FREE_MIB.map(|mib| mib.to_string()).join(",");
    let _ = writeln!(script, "{free} <<'END'");
    for seed in &all {
        let _ = writeln!(script, "{}", scenario(&storm(*seed)));
    }
    script += "END\n";
    let limit = SECONDS_TO_BOOT + SECONDS_PER_STORM * all.len() as u64;
    let mut kept = File::create(KEPT).context(KEPT)?;
    let mut boot = Command::new("tools/xen.sh")
        .args([
            "boot",
            "--nodes",
            "4",
            "--xl-before",
            "--timeout",
            &limit.to_string(),
            "--",
        ])
        .args(["env", "TERM=dumb", "sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("tools/xen.sh")?;
    let lines = BufReader::new(boot.stdout.take().context("no pipe")?).lines();
    let start = std::time::Instant::now();
    let heard = read_all(lines, &all, |line, course| {
        writeln!(kept, "{line}")?;
        eprintln!(
            "bench: {:4.0} s  {}",
            start.elapsed().as_secs_f64(),
            course.in_short()
        );
        Ok(())
    });
    if heard.is_err() {
        // What it still had to say is of no use.
        let _ = boot.kill();
    }
    let status = boot.wait()?;
    match heard {
        Err(error) => bail!("{error:#} (--again compares the storms before it)"),
        Ok(_) if !status.success() => {
            bail!("the host ended with {status} (--again compares its storms)")
        }
        Ok(_) => Ok(()),
    }
}

/// What was kept: storms that both sets of tools have played.
pub fn kept() -> Result<Vec<RealCourse>> {
    let text = fs::read_to_string(KEPT)
        .context("no storm was played yet: './dev bench --placement --xl' does it")?;
    let courses: Vec<RealCourse> = text
        .lines()
        .map(read)
        .collect::<Result<_>>()
        .with_context(|| format!("{KEPT}: './dev bench --placement --xl' makes it anew"))?;
    let whole = courses.len() / 2 * 2;
    Ok(courses[..whole].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Dom0 says of a storm in which the first guest is spread, and the last one refused.
    fn line(seed: u64, claims: bool) -> String {
        let vms = storm(seed).vms;
        let last = vms.len() - 1;
        let vms = vms.iter().enumerate().map(|(index, vm)| {
            let pages = vm.extents * EXTENT;
            let mut memory = json!({"2": pages});
            if index == 0 {
                memory = json!({"1": 512, "2": pages - 512});
            }
            let mut vm = json!({
                "name": "vm", "pages": pages, "outcome": "built", "planned": {"2": pages}, "memory": memory,
                "retries": 0, "started": 0.0, "ended": 2.5
            });
            if index == last {
                vm["outcome"] = json!("refused");
                vm["reason"] = json!("no memory");
                vm["planned"] = json!({});
                vm["memory"] = json!({});
            }
            vm
        });
        let told = json!({"claims": claims, "seconds": 2.5, "vms": vms.collect::<Vec<_>>()});
        let samples =
            json!([{"time": 1.0, "nodes": [[9, 7, 0], [9, 5, 2]]}, {"time": 3.0, "nodes": []}]);
        json!({"about": format!("storm {seed}"), "storm": told, "samples": samples}).to_string()
    }

    fn said(lines: &[String], seeds: &[u64]) -> Result<usize> {
        read_all(lines.iter().map(|line| Ok(line.clone())), seeds, |_, _| {
            Ok(())
        })
    }

    #[test]
    fn what_dom0_says_is_counted() {
        let course = read(&line(3, true)).unwrap();
        let vms = &course.course.vms;
        assert_eq!((course.seed, course.claims), (3, true));
        assert_eq!((vms[0].stray(), vms[1].stray()), (512, 0));
        let refused = Outcome::Refused {
            free_pages: 12,
            outrun: false,
        };
        assert_eq!(vms[vms.len() - 1].outcome, refused);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let all = [line(3, false), line(3, true), line(4, false)];
        assert_eq!(said(&all[..2], &[3]).unwrap(), 2);
        let error = |lines: &[String]| format!("{:#}", said(lines, &[3, 4]).unwrap_err());
        assert_eq!(
            error(&all),
            "storm 4, xl with claims: the host ended before it"
        );
        let half = all[2][..all[2].len() / 2].to_owned();
        let cut = error(&[all[0].clone(), all[1].clone(), half]);
        assert!(
            cut.starts_with("storm 4, xl as it was: Dom0 said '{"),
            "{cut}"
        );
        assert!(cut.contains("EOF while parsing"), "{cut}");
        let noise = error(&["xl: no such thing".to_owned()]);
        assert!(
            noise.starts_with("storm 3, xl as it was: Dom0 said 'xl: no such thing'"),
            "{noise}"
        );
        let other = error(&[all[1].clone()]);
        assert_eq!(
            other,
            "storm 3, xl as it was, was to come, and storm 3, xl with claims, came"
        );
        let mut vms = all[0].clone();
        vms = vms.replace("storm 3", "storm 5");
        assert!(error(&[vms]).contains("storm 5 has other VMs"));
    }
}
