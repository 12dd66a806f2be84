//! The proofs in `proofs/`: what CBMC is asked of `page_alloc.c` with the series applied.
//!
//! [`PROOFS`] lists them, [`prove`] runs them. [`cbmc`] is the way to CBMC and what it says.
//! `proofs/README.md` tells what is real, what is assumed, and what is not proved.

pub mod cbmc;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};

use crate::mutants;
use crate::run::on_every_processor;
use cbmc::{Check, Program, Question, Sources, Verdict};

/// A file of `proofs/`, and the ways it is run.
#[derive(Debug)]
pub struct Proof {
    /// The file's name, without `.c`.
    pub name: &'static str,
    /// What it is run with: a name, and definitions for the preprocessor.
    pub variants: &'static [Variant],
    /// Functions of the allocator that are not run, and what is in their place.
    pub replaced: Replaced,
    /// So many rounds of a loop are looked at; that there are no more is checked, too.
    pub rounds: u32,
    /// Mutants, and the property that has to fail with each.
    pub controls: &'static [(&'static str, &'static str)],
}

/// What a run is for.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Every property has to hold.
    Prove,
    /// Every place has to be reached.
    Reach,
    /// A mutant has to violate a property.
    Control(&'static str, &'static str),
}

/// One run of CBMC.
#[derive(Debug, Clone, Copy)]
struct Job {
    proof: &'static Proof,
    variant: &'static Variant,
    kind: Kind,
}

/// How many properties hold, and how many do not, or could not be decided.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Properties that hold.
    pub proved: usize,
    /// Places that are reached, which shows that there is something the properties hold of.
    pub reached: usize,
    /// Properties that do not hold once the allocator is broken, which shows that they can fail.
    pub noticed: usize,
    /// Whatever is not as it should be.
    pub failed: usize,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.proved += other.proved;
        self.reached += other.reached;
        self.noticed += other.noticed;
        self.failed += other.failed;
    }
}

/// A name, and definitions for the preprocessor.
type Variant = (&'static str, &'static [&'static str]);

const NO_ROOM: Variant = ("no claims on nodes yet", &["ROOM=0"]);
const ROOM_FOR_2: Variant = ("room for claims on 2 nodes", &["ROOM=2"]);
const ROOM_FOR_3: Variant = ("room for claims on 3 nodes", &["ROOM=3"]);

const EVERY_NODE: &[Variant] = &[
    ("node 0", &["NODE=0"]),
    ("node 1", &["NODE=1"]),
    ("node 2", &["NODE=2"]),
];

/// Loops over nodes, domains, entries and events.
const ROUNDS: u32 = 5;

type Replaced = &'static [(&'static str, &'static str)];

/// Claims are given back as `release.c` proves it.
const AS_PROVED: Replaced = &[
    ("release_node_claims", "release_node_claims_as_proved"),
    ("release_host_claims", "release_host_claims_as_proved"),
];

/// All proofs.
pub const PROOFS: &[Proof] = &[
    Proof {
        name: "release",
        variants: &[NO_ROOM, ROOM_FOR_2, ROOM_FOR_3],
        replaced: &[],
        rounds: ROUNDS,
        controls: &[
            ("host-count-stays", "I1: C is the sum of all claims"),
            (
                "domain-count-stays",
                "out(d) is lowered by what is released",
            ),
            (
                "node-count-stays",
                "I2: C[n] is the sum of the claims on node n",
            ),
            (
                "node-release-is-of-the-node-only",
                "out(d) is lowered by what is released",
            ),
            (
                "the-mask-is-not-cleared",
                "a domain's claims are the sum it keeps of them",
            ),
        ],
    },
    Proof {
        name: "set",
        variants: &[NO_ROOM, ROOM_FOR_2, ROOM_FOR_3],
        replaced: AS_PROVED,
        rounds: ROUNDS,
        controls: &[
            (
                "pad-is-not-checked",
                "rows 7 to 13 of 1.4 decide, in their order",
            ),
            (
                "node-is-not-checked",
                "row 14 of 1.4 decides after 10 to 13: on a node",
            ),
            (
                "maximum-is-not-checked",
                "row 15 of 1.4 decides after 14: the maximum",
            ),
            ("checks-after-release", "a refused SET changes nothing"),
            (
                "sets-are-merged",
                "what was asked for is claimed, and nothing else",
            ),
        ],
    },
    Proof {
        name: "get",
        variants: &[NO_ROOM, ROOM_FOR_2, ROOM_FOR_3],
        replaced: AS_PROVED,
        rounds: ROUNDS,
        controls: &[
            (
                "get-forgets-the-last-node",
                "GET returns as many entries as there are",
            ),
            (
                "get-counts-twice",
                "the host comes first, with its claim even if that is 0",
            ),
        ],
    },
    Proof {
        name: "legacy",
        variants: &[NO_ROOM, ROOM_FOR_3],
        replaced: AS_PROVED,
        rounds: ROUNDS,
        controls: &[
            ("legacy-on-the-dying", "the rules of 1.6 decide"),
            ("host-is-not-checked", "I1: C <= F"),
            (
                "legacy-ignores-populated",
                "the claim is pages - tot_pages, where it was asked for, I3",
            ),
            (
                "legacy-is-of-the-host",
                "the claim is pages - tot_pages, where it was asked for, I3",
            ),
        ],
    },
    Proof {
        name: "allow",
        variants: &[("any node and domain", &[])],
        replaced: &[
            ("get_claimed_buddy", "look_where_claimed"),
            ("get_free_buddy", "look_for_pages"),
        ],
        rounds: ROUNDS,
        controls: &[
            (
                "own-claims-do-not-count",
                "the host is allowed exactly if r <= F - C + own out(d)",
            ),
            (
                "others-host-claims-are-taken",
                "the host is allowed exactly if r <= F - C + own out(d)",
            ),
            (
                "a-page-to-spare",
                "a node is allowed exactly if r <= F[n] - C[n] + own c(d,n), and not c + h < r <= out",
            ),
            (
                "claims-on-the-node-forbid",
                "a node is allowed exactly if r <= F[n] - C[n] + own c(d,n), and not c + h < r <= out",
            ),
            (
                "claims-are-burnt",
                "a node is allowed exactly if r <= F[n] - C[n] + own c(d,n), and not c + h < r <= out",
            ),
            (
                "a-named-node-is-refused",
                "a node is allowed exactly if r <= F[n] - C[n] + own c(d,n), and not c + h < r <= out",
            ),
        ],
    },
    Proof {
        name: "turn",
        variants: &[("any node and domain", &[])],
        replaced: &[("get_any_node_buddy", "ask_node")],
        rounds: 7,
        controls: &[
            (
                "affinity-is-ignored",
                "nodes of the affinity before others",
            ),
            (
                "affinity-is-a-limit",
                "then the nodes with claims of the domain, and no others",
            ),
            (
                "lowest-claimed-node-first",
                "from the node after the last one's, in a circle, and none twice",
            ),
            (
                "the-named-node-is-not-first",
                "the node asked for is first",
            ),
        ],
    },
    Proof {
        name: "redeem",
        variants: EVERY_NODE,
        replaced: AS_PROVED,
        rounds: ROUNDS,
        controls: &[
            ("host-claims-first", "claims on the node are redeemed first"),
            (
                "other-nodes-keep-their-claims",
                "min(out, request) pages are redeemed",
            ),
            (
                "other-nodes-descending",
                "claims on other nodes are redeemed in ascending order",
            ),
        ],
    },
    Proof {
        name: "allocate",
        variants: &[("node 1", &["NODE=1"])],
        replaced: &[
            ("get_claimed_buddy", "give_claimed"),
            ("get_free_buddy", "give_free"),
            ("redeem_claims", "note_redeeming"),
            ("check_low_mem_virq", "nobody_is_told"),
        ],
        rounds: ROUNDS,
        controls: &[
            (
                "allocation-is-not-counted",
                "the node has as many free pages less, and no other node",
            ),
        ],
    },
    Proof {
        name: "offline",
        variants: &[("node 1", &["NODE=1"])],
        replaced: &[
            ("page_list_add_scrub", "put_back"),
            ("page_list_del", "take_off"),
            ("page_list_add_tail", "take_off"),
        ],
        rounds: ROUNDS,
        controls: &[(
            "offlining-is-not-counted",
            "the node has as many free pages less, and no other node",
        )],
    },
    Proof {
        name: "recall",
        variants: EVERY_NODE,
        replaced: AS_PROVED,
        rounds: ROUNDS,
        controls: &[
            ("no-recall-on-the-node", "I2: C[n] <= F[n]"),
            ("no-recall-on-the-host", "I1: C <= F"),
            (
                "recall-one-too-many",
                "a page is recalled on the node exactly if it has to be",
            ),
            (
                "recall-of-every-domain",
                "a page is recalled exactly if it has to be",
            ),
            (
                "recall-is-logged-as-the-hosts",
                "the domain recorded loses a page where it is recorded, and no other does",
            ),
        ],
    },
];

/// Runs the proofs, or those named, and shows that each can fail.
pub fn prove(sources: &Sources, names: &[String]) -> Result<Tally> {
    for name in names {
        ensure!(
            PROOFS.iter().any(|proof| proof.name == *name),
            "there is no proof {name}"
        );
    }
    let wanted = PROOFS
        .iter()
        .filter(|proof| names.is_empty() || names.iter().any(|name| name == proof.name));
    let mut jobs = Vec::new();
    for proof in wanted {
        println!("== {}", about(sources, proof.name)?);
        for variant in proof.variants {
            for kind in [Kind::Prove, Kind::Reach] {
                jobs.push(Job {
                    proof,
                    variant,
                    kind,
                });
            }
        }
        let variant = proof.variants.last().context("a proof without variants")?;
        for (mutant, property) in proof.controls {
            let kind = Kind::Control(mutant, property);
            jobs.push(Job {
                proof,
                variant,
                kind,
            });
        }
    }
    println!();

    let queue = Mutex::new(jobs.into_iter());
    let total = Mutex::new(Tally::default());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let worker = || -> Result<()> {
        while let Some(job) = next() {
            let start = Instant::now();
            let (text, tally) = job.run(sources)?;
            if let Ok(mut total) = total.lock() {
                total.add(tally);
                println!("{}: {}\n{text}", job.title(), seconds(start));
            }
        }
        Ok(())
    };
    on_every_processor(worker)?;
    Ok(total.into_inner().unwrap_or_default())
}

/// What the file says of itself: its comment after the licence.
fn about(sources: &Sources, name: &str) -> Result<String> {
    let path = sources.proofs.join(format!("{name}.c"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let comment = text
        .split("/*\n")
        .nth(1)
        .and_then(|rest| rest.split(" */").next())
        .with_context(|| format!("{} says nothing of itself", path.display()))?;
    let lines = comment
        .lines()
        .map(|line| line.trim_start_matches([' ', '*']));
    Ok(format!(
        "{name}: {}",
        lines.collect::<Vec<_>>().join("\n   ")
    ))
}

impl Job {
    fn title(&self) -> String {
        let (proof, variant) = (self.proof.name, self.variant.0);
        match self.kind {
            Kind::Prove => format!("-- {proof}, {variant}"),
            Kind::Reach => format!("-- {proof}, {variant}: what is reached"),
            Kind::Control(mutant, _) => format!("-- {proof}, on an allocator broken by {mutant}"),
        }
    }

    /// Runs CBMC; what to print, and how many properties turned out as they should.
    fn run(&self, sources: &Sources) -> Result<(String, Tally)> {
        let mut program = Program {
            name: self.proof.name,
            definitions: self.variant.1,
            replaced: self.proof.replaced,
            rounds: self.proof.rounds,
            reach: matches!(self.kind, Kind::Reach),
            page_alloc: None,
        };
        if let Kind::Control(mutant, _) = self.kind {
            let list = mutants::list(None)?;
            let mutant = list
                .iter()
                .find(|known| known.name == mutant && known.file == "common/page_alloc.c")
                .with_context(|| format!("there is no mutant {mutant} of page_alloc.c"))?;
            program.page_alloc = Some(mutant.apply(&sources.page_alloc()?)?);
        }
        let compiled = sources.compile(&program)?;
        let (mut text, mut tally) = (String::new(), Tally::default());
        for question in compiled.questions(self.kind)? {
            let start = Instant::now();
            let checks = compiled.ask(&question)?;
            let (lines, more) = self.judge(&question, &checks, &seconds(start));
            text += &lines;
            tally.add(more);
        }
        if tally == Tally::default() {
            text += "   FAILED       there is nothing to ask\n";
            tally.failed += 1;
        }
        Ok((text, tally))
    }

    /// One line for each property, of which CBMC may have checked several instances.
    fn judge(&self, question: &Question, checks: &[Check], time: &str) -> (String, Tally) {
        let mut properties: BTreeMap<String, (usize, Verdict)> = BTreeMap::new();
        for check in checks.iter().filter(|check| question.is_about(check)) {
            let entry = properties.entry(check.property());
            let (count, verdict) = entry.or_insert((0, check.verdict));
            *count += 1;
            *verdict = (*verdict).max(check.verdict);
        }
        let unanswered = question.unanswered(checks);
        if unanswered > 0 {
            // CBMC was ended, or does not say.
            let entry = properties.entry(question.title());
            let (count, verdict) = entry.or_insert((0, Verdict::Unknown));
            *count += unanswered;
            *verdict = (*verdict).max(Verdict::Unknown);
        }
        let (mut text, mut tally) = (String::new(), Tally::default());
        for (property, (count, verdict)) in properties {
            let (tally, word) = match (self.kind, verdict) {
                (Kind::Prove, Verdict::Holds) => (&mut tally.proved, "proved"),
                (Kind::Reach, Verdict::Fails) => (&mut tally.reached, "reached"),
                (Kind::Reach, Verdict::Holds) => (&mut tally.failed, "NOT REACHED"),
                (Kind::Control(..), Verdict::Fails) => (&mut tally.noticed, "fails"),
                (Kind::Control(..), Verdict::Holds) => (&mut tally.failed, "NOT NOTICED"),
                (_, Verdict::Fails) => (&mut tally.failed, "FAILED"),
                (_, Verdict::Unknown) => (&mut tally.failed, "UNDECIDED"),
            };
            *tally += 1;
            let count = match count {
                1 => String::new(),
                count => format!(" ({count})"),
            };
            text += &format!("   {word:12}{time:>6}  {property}{count}\n");
        }
        (text, tally)
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.0} s", since.elapsed().as_secs_f64())
}

/// A run that takes longer has decided nothing.
pub const LIMIT: Duration = Duration::from_secs(600);

/// The Xen tree and the files to prove.
pub fn sources(xen: PathBuf) -> Sources {
    Sources {
        xen,
        proofs: Path::new(env!("CARGO_MANIFEST_DIR")).join("proofs"),
    }
}
