//! Commands of the documentation are run, or there is a reason why not.
//!
//! A block of commands is either `console`, which has their output, or `sh`. The former are run by
//! `tests-ocaml/docs`. The latter are those of [`NOT_RUN`].

use std::fs;

use super::page::{self, Page};

/// How a command of an `sh` block begins, and why no test of the documentation runs it.
const NOT_RUN: &[(&str, &str)] = &[
    ("./dev test", "it runs this"),
    (
        "./dev demo",
        "it is built and run by whoever tries it first; the suites have the tests of the builder",
    ),
    ("./dev demo --xen", "it boots Xen"),
    ("./dev demo --xl", "it boots Xen; suite 'xl on Xen' has the tests of xl"),
    (
        "./dev doc",
        "suites build both references, with warnings as errors",
    ),
    (
        "./dev fuzz",
        "suite 'Xen's allocator against the model', with fewer calls",
    ),
    ("./dev mutate", "suite 'Xen's allocator, broken'"),
    (
        "./dev prove",
        "suite 'Proofs' of './dev test --all'",
    ),
    (
        "./dev xen prepare",
        "suite 'Xen source and series'; it may download",
    ),
    ("./dev xen build", "suite 'Xen build'"),
    (
        "./dev xen check",
        "suite 'Xen series, checked' of './dev test --all'; with --style, 'Xen series style'",
    ),
    (
        "./dev xen conformance",
        "suite 'Xen conformance', on some of the hosts",
    ),
    ("./dev xen boot", "suite 'Xen in-tree tests, OCaml tests on Xen'"),
    (
        "XEN_SOURCE=/path/to/xen ./dev xen prepare",
        "a tree of the reader's",
    ),
    ("dune build -p claim-sets,xenctrl-claims @install", "tools/package.sh"),
    ("dune install --prefix /usr --destdir debian/tmp claim-sets xenctrl-claims", "tools/package.sh, with another prefix"),
    (
        "ocamlopt -I +unix -I +threads -I /usr/lib/claim-sets -I /usr/lib/xenctrl-claims unix.cmxa threads.cmxa claim_sets.cmxa xenctrl_claims.cmxa held.ml -o held",
        "tools/package.sh, with another prefix",
    ),
    (
        "./dev shell -- cargo run --manifest-path mine/Cargo.toml",
        "a program of the reader's; a doctest has the same",
    ),
    (
        "./dev shell -- dune exec ./mine/mine.exe",
        "a program of the reader's; tests-ocaml/docs builds the same",
    ),
];

/// The commands of a block, without comments.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let commands = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line).trim());
    commands.filter(|command| !command.is_empty())
}

fn reason(command: &str) -> Option<&'static str> {
    let known = NOT_RUN.iter().filter(|(begin, _)| {
        let rest = command.strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    known
        .max_by_key(|(begin, _)| begin.len())
        .map(|(_, reason)| *reason)
}

fn blocks<'a>(pages: &'a [Page], language: &'a str) -> impl Iterator<Item = (&'a Page, &'a str)> {
    let blocks = pages
        .iter()
        .flat_map(|page| page.blocks.iter().map(move |block| (page, block)));
    blocks
        .filter(move |(_, block)| block.language == language)
        .map(|(page, block)| (page, block.text.as_str()))
}

#[test]
fn every_command_is_run_or_has_a_reason() {
    let pages = page::all();
    let mut used = Vec::new();
    for (page, text) in blocks(&pages, "sh") {
        for command in commands(text) {
            let reason = reason(command);
            assert!(
                reason.is_some(),
                "{}: nobody runs '{command}'",
                page.path.display()
            );
            used.extend(reason);
        }
    }
    for (command, reason) in NOT_RUN {
        assert!(used.contains(reason), "no page has '{command}' any more");
    }
}

/// A page with a block that can be run is among those that are.
#[test]
fn every_page_with_a_program_is_tested() {
    let pages = page::all();
    let tested = fs::read_to_string(page::repository().join("tests-ocaml/docs/dune")).unwrap();
    for (language, before) in [("console", "./transcript.exe\n     "), ("ocaml", "}\" ")] {
        let mut some = false;
        for (page, _) in blocks(&pages, language) {
            let path = page.path.display();
            let wanted = format!("{before}%{{dep:../../{path}}}");
            assert!(
                tested.contains(&wanted),
                "{path}: no test of its {language} blocks"
            );
            some = true;
        }
        assert!(some, "no page has {language}");
    }
}

#[test]
fn no_block_is_of_an_unknown_kind() {
    // What `storm` shows is what the example builder prints: tests-ocaml/docs.
    let known = [
        "sh", "console", "ocaml", "output", "storm", "dune", "json", "rust", "toml", "",
    ];
    for page in page::all() {
        for block in page.blocks {
            let language = block.language.as_str();
            assert!(
                known.contains(&language),
                "{}: {language}",
                page.path.display()
            );
        }
    }
}

/// What `command` names that `./dev help` does not know.
fn unknown(help: &str, command: &str) -> Option<String> {
    let words: Vec<&str> = command
        .split(' ')
        .skip_while(|word| *word != "./dev")
        .skip(1)
        .collect();
    let own = words.iter().copied().take_while(|word| *word != "--");
    let (mut names, mut options) = (Vec::new(), Vec::new());
    for word in own {
        if word.starts_with("--") {
            options.push(word.split('=').next().unwrap_or(word));
        } else if options.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()) {
            names.push(word);
        }
    }
    let name = names.join(" ");
    let is_known = help.lines().any(|line| {
        line.strip_prefix("  ")
            .is_some_and(|line| line == name || line.starts_with(&format!("{name} ")))
    });
    if !name.is_empty() && !is_known {
        return Some(name);
    }
    let option = options.into_iter().find(|option| !help.contains(option))?;
    Some(option.to_owned())
}

/// Would fail for a command that was renamed, also where it is named in a sentence.
#[test]
fn commands_of_dev_and_xen_claims_exist() {
    let top = page::repository();
    let help = fs::read_to_string(top.join("tools/help.txt")).unwrap();
    for page in page::all() {
        let of_blocks = page
            .blocks
            .iter()
            .filter(|block| ["sh", "console"].contains(&block.language.as_str()));
        let of_blocks = of_blocks.flat_map(|block| commands(&block.text));
        for command in of_blocks.chain(page.spans.iter().map(String::as_str)) {
            let path = page.path.display();
            if command.contains("./dev ") {
                assert_eq!(unknown(&help, command), None, "{path}: {command}");
            }
            let Some(rest) = command.trim_start_matches("$ ").strip_prefix("xen-claims ") else {
                continue;
            };
            let name = rest.split(' ').next().unwrap_or_default();
            if name.chars().all(|c| c.is_ascii_lowercase()) {
                let module = top.join(format!("xenctrl-ml/bin/cmd_{name}.ml"));
                assert!(module.exists(), "{path}: {command}");
            }
        }
    }
}

#[test]
fn what_dev_does_not_know_is_noticed() {
    let help = "  demo    text\n  xen boot  --nodes N\n  shell -- CMD...\n";
    let of = |command| unknown(help, command);
    assert_eq!(of("./dev demo"), None);
    assert_eq!(of("A=b ./dev xen boot --nodes 4 -- frob --all"), None);
    assert_eq!(of("./dev shell -- cargo test"), None);
    assert_eq!(of("./dev xen start"), Some("xen start".to_owned()));
    assert_eq!(of("./dev xen boot --node 4x"), None); // a beginning of --nodes
    assert_eq!(of("./dev xen boot --gib 4"), Some("--gib".to_owned()));
    assert_eq!(reason("./dev demo --xen"), Some("it boots Xen"));
    assert_eq!(reason("./dev demonstrate"), None);
}
