//! All suites, in the order in which they run.

use super::count::Count;
use xen_claims_lab::run::need;

/// What one suite makes, and others need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A Xen tree with the series applied.
    Source,
    /// The same, built.
    Xen,
}

impl Thing {
    /// Why a suite that needs it is not run.
    pub fn lack(self) -> &'static str {
        match self {
            Thing::Source => "no Xen source",
            Thing::Xen => "no built Xen",
        }
    }

    /// What follows when it could not be made; why, and what helps, was said by who tried.
    pub fn consequence(self) -> &'static str {
        match self {
            Thing::Source => "there is no Xen source: what needs it is not run",
            Thing::Xen => "Xen is not built: what boots it or reads its headers is not run",
        }
    }
}

/// When a suite runs, if it is not asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    Both,
    /// In place of one that takes long.
    Short,
    /// With `--all`.
    Long,
}

#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub command: &'static str,
    pub count: Count,
    /// Programs without which it is not even begun, each with the Debian package that has it.
    pub programs: &'static [(&'static str, &'static str)],
    pub needs: Option<Thing>,
    pub makes: Option<Thing>,
    pub tier: Tier,
    /// Whether it is one of those that run one after the other beside all others: what boots Xen waits
    /// for one processor most of the time. It builds nothing that the others after it build.
    pub beside: bool,
}

impl Suite {
    const fn new(name: &'static str, count: Count, command: &'static str) -> Suite {
        Suite {
            name,
            command,
            count,
            programs: &[],
            needs: None,
            makes: None,
            tier: Tier::Both,
            beside: false,
        }
    }

    const fn with(self, programs: &'static [(&'static str, &'static str)]) -> Suite {
        Suite { programs, ..self }
    }

    const fn needs(self, thing: Thing) -> Suite {
        Suite {
            needs: Some(thing),
            ..self
        }
    }

    const fn makes(self, thing: Thing) -> Suite {
        Suite {
            makes: Some(thing),
            ..self
        }
    }

    const fn beside(self) -> Suite {
        Suite {
            beside: true,
            ..self
        }
    }

    const fn only(self, tier: Tier) -> Suite {
        Suite { tier, ..self }
    }
}

const GIT: (&str, &str) = ("git", "git");
const GCC: (&str, &str) = ("gcc", "gcc");
const PROVERS: &[(&str, &str)] = &[("cbmc", "cbmc"), ("kissat", "kissat")];
const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");

use Count::{Cargo, Lines, One};
use Thing::{Source, Xen};
use Tier::{Long, Short};

pub const SUITES: &[Suite] = &[
    Suite::new("Rust format", One, "cargo fmt --all --check"),
    Suite::new(
        "Rust lints",
        One,
        "cargo clippy --quiet --locked --workspace --all-targets -- -D warnings",
    ),
    Suite::new(
        "Rust documentation",
        One,
        "RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace --no-deps",
    ),
    Suite::new("Xen source and series", One, "tools/xen.sh prepare").makes(Source),
    Suite::new("OCaml build", One, "dune build"),
    Suite::new("OCaml format", One, "dune build @fmt"),
    Suite::new("OCaml documentation", One, "dune build @doc"),
    Suite::new("OCaml tests", Lines, "dune test --force"),
    Suite::new("Report in a browser", Lines, "dune build @browser --force")
        .with(&[("chromium-headless-shell", "chromium-headless-shell")]),
    // It builds that compiler, once, from what this host's npm has.
    Suite::new("OCaml 4.14", Lines, "tools/ocaml-4.14.sh")
        .with(&[GIT])
        .only(Long),
    Suite::new("OCaml library, broken", Lines, "tools/allocator.sh mutate --library")
        .with(&[GIT])
        .only(Long),
    Suite::new("Package, installed", One, "tools/package.sh").with(&[GIT, ("opam", "opam")]),
    Suite::new("Xen build", One, "tools/xen.sh build")
        .needs(Source)
        .makes(Xen),
    Suite::new(
        "Xen conformance",
        Lines,
        "tools/xen.sh conformance --nodes 2 --soak 1000",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Short),
    Suite::new(
        "Xen conformance, all hosts",
        Lines,
        "tools/xen.sh conformance --soak 1000",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Long),
    // But for placement, area P, which fills nodes for minutes: the conformance suite has that.
    Suite::new(
        "Xen in-tree tests, OCaml tests on Xen",
        Lines,
        "tools/xen.sh boot --nodes 2 -- all-tests A C F I N R",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Short),
    Suite::new(
        "Xen in-tree tests, OCaml tests on Xen, placement",
        Lines,
        "tools/xen.sh boot --nodes 2 -- all-tests",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Long),
    Suite::new("Boot storm on Xen", One, "tools/demo.sh --xen")
        .with(&[QEMU])
        .needs(Xen)
        .beside(),
    Suite::new(
        "Builder killed on Xen",
        One,
        "tools/xen.sh boot --nodes 4 -- env TERM=dumb killed-on-xen.sh /boot-storm.json",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside(),
    Suite::new(
        "xl on Xen",
        Lines,
        "tools/xen.sh boot --nodes 2 --xl-before --timeout 7200 -- env ALCOTEST_COLUMNS=200 test-xl",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Long),
    Suite::new(
        "Toolstack of 8 workers on Xen",
        Lines,
        "tools/xen.sh boot --nodes 2 --timeout 3000 -- xapi-daemon --xen",
    )
    .with(&[QEMU])
    .needs(Xen)
    .beside()
    .only(Long),
    // What is of another base prepares a tree of its own, from where that of the others was got.
    Suite::new(
        "Xen 4.17 in-tree tests",
        Lines,
        "tools/xen.sh boot --base 4.17 --nodes 2 -- test-claim-memory",
    )
    .with(&[QEMU])
    .needs(Source)
    .beside()
    .only(Short),
    Suite::new(
        "Xen 4.17 in-tree tests, OCaml tests on it",
        Lines,
        "tools/xen.sh boot --base 4.17 --nodes 2 --timeout 1500 -- all-tests",
    )
    .with(&[QEMU])
    .needs(Source)
    .beside()
    .only(Long),
    Suite::new(
        "Xen 4.17 conformance, all hosts",
        Lines,
        "tools/xen.sh conformance --base 4.17 --soak 1000",
    )
    .with(&[QEMU])
    .needs(Source)
    .beside()
    .only(Long),
    Suite::new(
        "xl on Xen 4.17",
        Lines,
        "tools/xen.sh boot --base 4.17 --nodes 2 --xl-before --timeout 7200 -- env ALCOTEST_COLUMNS=200 test-xl",
    )
    .with(&[QEMU])
    .needs(Source)
    .beside()
    .only(Long),
    // All targets but those of `tests/` whose names begin with x.
    Suite::new(
        "Rust tests",
        Cargo,
        "cargo test --locked --workspace --lib --bins --examples --test '[!x]*' && cargo test --locked --workspace --doc",
    )
    .with(&[GIT]),
    Suite::new(
        "Rust tests on Xen's allocator",
        Cargo,
        "cargo test --locked --package xen-claims-tests --test xen",
    )
    .with(&[GIT, GCC])
    .needs(Source),
    Suite::new(
        "Xen's allocator against the model",
        Lines,
        "tools/allocator.sh fuzz --calls 1000000",
    )
    .with(&[GCC])
    .needs(Source),
    Suite::new("Xen's allocator, broken", Lines, "tools/allocator.sh mutate")
        .with(&[GCC])
        .needs(Source),
    Suite::new(
        "Xen 4.17's allocator against the model",
        Lines,
        "tools/allocator.sh fuzz --base 4.17 --calls 300000",
    )
    .with(&[GIT, GCC])
    .needs(Source)
    .only(Long),
    Suite::new(
        "Xen 4.17's allocator, broken",
        Lines,
        "tools/allocator.sh mutate --base 4.17",
    )
    .with(&[GIT, GCC])
    .needs(Source)
    .only(Long),
    Suite::new("Xen series style", Lines, "tools/xen.sh check --style"),
    Suite::new(
        "Xen 4.17 series style",
        Lines,
        "tools/xen.sh check --style --base 4.17",
    ),
    Suite::new(
        "Rust lints, Xen's headers",
        One,
        "cargo clippy --quiet --locked --workspace --all-targets --features xen-claims-tests/domains -- -D warnings",
    ),
    Suite::new(
        "Rust layouts, Xen's headers",
        Cargo,
        "cargo test --locked --package xen-claims --features domains --lib && cargo test --locked --package xen-claims-tests --features domains --test layout --test xen_headers",
    )
    .needs(Xen),
    Suite::new("Xen series, checked", Lines, "tools/xen.sh check")
        .needs(Source)
        .only(Long),
    Suite::new(
        "Xen 4.17 series, checked",
        Lines,
        "tools/xen.sh check --base 4.17",
    )
    .needs(Source)
    .only(Long),
    // Those that take seconds; the others take a quarter of an hour each.
    Suite::new("Proofs", Lines, "tools/prove.sh allow get release turn")
        .with(PROVERS)
        .needs(Source)
        .only(Short),
    Suite::new("Proofs, all", Lines, "tools/prove.sh")
        .with(PROVERS)
        .needs(Source)
        .only(Long),
    Suite::new(
        "shell scripts",
        One,
        "git ls-files -z -- dev .ci/run '*.sh' | xargs -0 shellcheck --external-sources",
    )
    .with(&[GIT, ("shellcheck", "shellcheck")]),
];

/// Those of these names and of what makes what they need; without names, those of the tier.
pub fn chosen(all: bool, names: &[&str]) -> Vec<&'static Suite> {
    let mut wanted: Vec<bool> = SUITES
        .iter()
        .map(|suite| match suite.tier {
            _ if !names.is_empty() => names.contains(&suite.name),
            Tier::Both => true,
            Tier::Short => !all,
            Tier::Long => all,
        })
        .collect();
    // What makes a thing comes before what needs it. For one that can't even begin nothing is made.
    for at in (0..SUITES.len()).rev() {
        let suite = &SUITES[at];
        if wanted[at] && suite.needs.is_some() && need(suite.programs).is_ok() {
            for maker in 0..at {
                wanted[maker] |= SUITES[maker].makes == suite.needs;
            }
        }
    }
    let suites = SUITES.iter().zip(wanted);
    suites
        .filter(|(_, wanted)| *wanted)
        .map(|(suite, _)| suite)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(suites: &[&Suite]) -> Vec<&'static str> {
        suites.iter().map(|suite| suite.name).collect()
    }

    /// One that comes before what makes what it needs would run without that.
    #[test]
    fn what_a_suite_needs_is_made_before() {
        let made = |at: usize, thing| SUITES[..at].iter().any(|suite| suite.makes == Some(thing));
        for (at, suite) in SUITES.iter().enumerate() {
            assert!(
                suite.needs.is_none_or(|thing| made(at, thing)),
                "{}",
                suite.name
            );
        }
        assert_eq!(
            names(&chosen(false, &["Boot storm on Xen"])),
            ["Xen source and series", "Xen build", "Boot storm on Xen"]
        );
    }

    #[test]
    fn the_long_tier_leaves_nothing_out() {
        let (short, long) = (chosen(false, &[]), chosen(true, &[]));
        let only_short: Vec<_> = short
            .iter()
            .filter(|suite| suite.tier == Tier::Short)
            .collect();
        assert!(long.len() > short.len());
        // Each has one in its place, of the same name and more.
        for suite in only_short {
            let more = format!("{}, ", suite.name);
            assert!(
                long.iter().any(|other| other.name.starts_with(&more)),
                "{}",
                suite.name
            );
        }
    }
}
