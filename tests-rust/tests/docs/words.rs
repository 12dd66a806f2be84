//! One vocabulary: the words of `docs/contract.md`, 1.1, in code, messages, documentation, and what
//! the series adds to Xen.

use std::fs;
use std::path::Path;

use super::page;
use regex::bytes::{RegexSet, RegexSetBuilder};

/// What is not to be said, as a regular expression, and what is said instead.
const OUT: &[(&str, &str)] = &[
    (r"global.*claim|claim.*global", "host claim, host-wide"),
    (
        r"(node|numa)[- _]?agnostic|any[- _]node claim|unspecific",
        "host claim",
    ),
    (r"(system|machine)[- ]wide", "host-wide"),
    (r"\bnuma[- _]claims?\b|per[- ]node claims?\b", "node claim"),
    (
        r"list of claims|multi[- _]?claim|(?-i)\b[cC]laimsets?\b",
        "claim set",
    ),
    (r"\bstak(e|es|ed|ing)\b", "install"),
    (r"\brevok|\breclaim", "recall (by the allocator) or release"),
    (r"\b(un|de)claim(s|ing)?\b|relinquish.*claim", "release"),
    (
        r"\bconsum(e|es|ed|ing) (the |a |its )?claim",
        "redeem, use up",
    ),
    (
        r"\b(fake|mock|simulated|emulated)[- _](xen|hypervisor)|\bmock\b|simulator",
        "embedded hypervisor",
    ),
];

/// Where such a word may stay: the file, the line, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "docs/contract.md",
        "(\"host-wide\"; older texts say \"global\")",
        "it says what older texts mean",
    ),
    ("tests-rust/tests/docs/words.rs", "", "it has to name them"),
];

/// Licences are others' words, and lock files are written by tools.
const NOT_OURS: &[&str] = &["LICENSE", "Cargo.lock"];

struct Vocabulary(RegexSet);

impl Vocabulary {
    fn new() -> Self {
        let words = OUT.iter().map(|(word, _)| word);
        let set = RegexSetBuilder::new(words)
            .case_insensitive(true)
            .unicode(false)
            .build();
        Vocabulary(set.unwrap())
    }

    /// The lines with words that are out: number, line, what to say.
    fn faults<'a>(&'a self, path: &Path, text: &'a str) -> Vec<(usize, &'a str, &'static str)> {
        let mut faults = Vec::new();
        // Of most files, this is all there is to do.
        if !self.0.is_match(text.as_bytes()) {
            return faults;
        }
        for (number, line) in ours(path, text) {
            let said = self.0.matches(line.as_bytes()).iter().next();
            faults.extend(said.map(|index| (number, line, OUT[index].1)));
        }
        faults
    }
}

/// The lines that are this project's: of a patch, its message and what it adds.
fn ours<'a>(path: &Path, text: &'a str) -> Vec<(usize, &'a str)> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    if path.extension().is_none_or(|end| end != "patch") {
        return lines.collect();
    }
    let mut in_message = true;
    lines
        .filter(|(_, line)| {
            in_message = in_message && !line.starts_with("diff --git ");
            in_message || line.starts_with('+') && !line.starts_with("+++ ")
        })
        .collect()
}

#[test]
fn words_are_those_of_the_contract() {
    let vocabulary = Vocabulary::new();
    let mut unused: Vec<_> = EXCEPTIONS.to_vec();
    let mut complaints = Vec::new();
    for path in &page::files() {
        if NOT_OURS.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        // What is no text has no words.
        let Ok(text) = fs::read_to_string(page::repository().join(path)) else {
            continue;
        };
        for (number, line, instead) in vocabulary.faults(path, &text) {
            let excepted = |(file, part, _): &(&str, &str, &str)| {
                path == Path::new(file) && line.contains(part)
            };
            if EXCEPTIONS.iter().any(excepted) {
                unused.retain(|exception| !excepted(exception));
            } else {
                complaints.push(format!(
                    "{}:{number}: say '{instead}': {line}",
                    path.display()
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(
        unused.is_empty(),
        "exceptions that nothing needs: {unused:?}"
    );
}

#[test]
fn words_that_are_out_are_found() {
    let vocabulary = Vocabulary::new();
    let lines = |path: &str, text: &str| -> Vec<usize> {
        let faults = vocabulary.faults(Path::new(path), text);
        faults.into_iter().map(|(number, _, _)| number).collect()
    };
    let text = "A Global claim\nnode-agnostic\nClaimSet::new\nclaimset\nstake a claim\nmistaken\n\
        revoked\nsystem-wide\nunclaimed\na list of claims\nthe global heap_lock\nPer-node claims\n";
    assert_eq!(lines("a.rs", text), [1, 2, 4, 5, 7, 8, 10, 12]);
    let patch = "Subject: global claims\ndiff --git a/x b/x\n+++ b/multi-claim\n a claim is staked\n-revoke\n+revoke\n";
    assert_eq!(lines("a.patch", patch), [1, 6]);
}
