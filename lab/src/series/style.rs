//! The style a Xen maintainer expects, as far as it was ever wrong or may never be: of messages, and
//! of added lines. What Xen's style is beyond that, who writes the patches knows.

use super::patch::{FileChange, Hunk, Line, Patch};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, one of [`RULES`].
    pub rule: &'static str,
    /// `file:line` after the patch, or a line of the message.
    pub place: String,
}

/// Every rule, in the words it is reported with.
pub const RULES: &[&str] = &[SUBJECT, BODY, WRAP, TAGS, SPDX, SPACE, LENGTH, BUG_ON];

const SUBJECT: &str = "subject is 'prefix: text', at most 72 characters, no full stop";
const BODY: &str = "message says why";
const WRAP: &str = "message wraps at 72 columns";
const TAGS: &str = "no Signed-off-by or other tag in a message";
const SPDX: &str = "new files begin with an SPDX line";
const SPACE: &str = "no space at the end of a line";
const LENGTH: &str = "lines of C are under 80 columns";
const BUG_ON: &str = "no new BUG_ON";

/// Everything that is wrong with a patch.
pub fn findings(patch: &Patch) -> Vec<Finding> {
    let mut found = message(patch);
    for file in &patch.files {
        let mut add = |rule, line: u32| {
            found.push(Finding {
                rule,
                place: format!("{}:{line}", file.path),
            });
        };
        if wants_spdx(file)
            && !file
                .added()
                .take(3)
                .any(|line| line.contains("SPDX-License-Identifier:"))
        {
            add(SPDX, 1);
        }
        let is_c = file.path.ends_with(".c") || file.path.ends_with(".h");
        for (number, line) in file.hunks.iter().flat_map(added) {
            if line.ends_with([' ', '\t']) {
                add(SPACE, number);
            }
            if is_c && is_long(line) {
                add(LENGTH, number);
            }
        }
        if let Some(line) = new_bug_on(file).filter(|_| is_c) {
            add(BUG_ON, line);
        }
    }
    found
}

fn message(patch: &Patch) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |rule, line: &str| {
        found.push(Finding {
            rule,
            place: format!("'{line}'"),
        });
    };
    let subject = &patch.subject;
    let has_form = subject
        .split_once(": ")
        .is_some_and(|(prefix, text)| !prefix.contains(char::is_whitespace) && !text.is_empty());
    if !has_form || subject.chars().count() > 72 || subject.ends_with('.') {
        add(SUBJECT, subject);
    }
    if patch.body.iter().all(|line| line.trim().is_empty()) {
        add(BODY, subject);
    }
    for line in &patch.body {
        // What cannot be wrapped is excused: an address, or something quoted.
        let quoted = line.starts_with("    ") || !line.trim().contains(' ');
        if line.chars().count() > 72 && !quoted {
            add(WRAP, line);
        }
        if is_tag(line) {
            add(TAGS, line);
        }
    }
    found
}

/// Everything that is wrong with the letter that goes ahead of patches with these subjects.
pub fn cover_letter_findings(letter: &str, subjects: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let of = format!("Subject: [PATCH 00/{}] ", subjects.len());
    if !letter.lines().any(|line| line.starts_with(&of)) {
        wrong.push(format!("no line begins with '{of}'"));
    }
    let listed = letter.lines().filter_map(|line| line.strip_prefix("  "));
    let listed: Vec<_> = listed.filter(|line| subjects.contains(line)).collect();
    if listed != subjects {
        wrong.push("it does not list the subjects of all patches, in order".to_owned());
    }
    let body = letter.lines().skip_while(|line| !line.is_empty());
    for line in body.filter(|line| line.chars().count() > 76 || is_tag(line)) {
        wrong.push(format!("a tag, or longer than 76 columns: '{line}'"));
    }
    wrong
}

fn is_tag(line: &str) -> bool {
    let Some((name, _)) = line.split_once(": ") else {
        return false;
    };
    let known = ["cc", "fixes", "link", "closes", "change-id", "backport"];
    let name = name.to_ascii_lowercase();
    known.contains(&name.as_str()) || (name.ends_with("-by") && !name.contains(' '))
}

fn wants_spdx(file: &FileChange) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    file.new && (name == "Makefile" || matches!(extension, Some("c" | "h" | "S" | "rst")))
}

/// The added lines of a hunk, with the numbers they have after the patch.
fn added(hunk: &Hunk) -> impl Iterator<Item = (u32, &str)> {
    let after = hunk.lines.iter();
    let after = after.filter(|line| !matches!(line, Line::Removed(_)));
    let numbered = after.zip(hunk.new_start..);
    numbered.filter_map(|(line, number)| match line {
        Line::Added(text) => Some((number, text.as_str())),
        _ => None,
    })
}

/// Whether a line is too long, except for a string: those are not split, so that they can be found.
fn is_long(line: &str) -> bool {
    let columns = line.chars().fold(0, |column, char| match char {
        '\t' => column / 8 * 8 + 8,
        _ => column + 1,
    });
    let string_starts = line.find('"').is_some_and(|start| start < 79);
    let string_ends = line.rfind('"').is_some_and(|end| end >= 79);
    columns > 79 && !(string_starts && string_ends)
}

/// The line of a `BUG_ON` more than the patch removes: one that is moved may change its words.
fn new_bug_on(file: &FileChange) -> Option<u32> {
    let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines);
    let removed = lines.filter(|line| matches!(line, Line::Removed(text) if has_bug_on(text)));
    let removed = removed.count();
    let added = file.hunks.iter().flat_map(added);
    let mut added = added.filter(|(_, text)| has_bug_on(text));
    added.nth(removed).map(|(number, _)| number)
}

fn has_bug_on(text: &str) -> bool {
    let code = text.split("/*").next().unwrap_or_default();
    let is_comment = code.trim_start().starts_with('*');
    !is_comment
        && code.match_indices("BUG").any(|(at, _)| {
            let (before, rest) = code.split_at(at);
            !before.ends_with(|char: char| char.is_alphanumeric() || char == '_')
                && (rest.starts_with("BUG_ON(") || rest.starts_with("BUG("))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that lines added to a file break.
    fn broken(path: &str, new: bool, lines: &[&str]) -> Vec<&'static str> {
        let hunk = Hunk {
            header: String::new(),
            old_start: 1,
            new_start: 1,
            at: (1, 1),
            lines: lines
                .iter()
                .map(|line| match line.strip_prefix("-- ") {
                    Some(removed) => Line::Removed(removed.to_owned()),
                    None => Line::Added((*line).to_owned()),
                })
                .collect(),
        };
        let patch = Patch {
            name: "1".to_owned(),
            path: "1".into(),
            subject: "xen/mm: subject".to_owned(),
            body: vec!["Why.".to_owned()],
            files: vec![FileChange {
                path: path.to_owned(),
                new,
                hunks: vec![hunk],
            }],
        };
        findings(&patch)
            .into_iter()
            .map(|found| found.rule)
            .collect()
    }

    fn in_xen(lines: &[&str]) -> Vec<&'static str> {
        broken("xen/common/a.c", false, lines)
    }

    fn of_message(subject: &str, body: &[&str]) -> Vec<&'static str> {
        let patch = Patch {
            subject: subject.to_owned(),
            body: body.iter().map(|line| (*line).to_owned()).collect(),
            ..Patch::default()
        };
        findings(&patch)
            .into_iter()
            .map(|found| found.rule)
            .collect()
    }

    const GOOD: [&str; 0] = [];

    #[test]
    fn subjects() {
        assert_eq!(of_message("xen/mm: count free pages", &["Why."]), GOOD);
        assert_eq!(of_message("tools/libs/ctrl: wrap it", &["Why."]), GOOD);
        for bad in [
            "count free pages",
            "count pages: why not",
            "xen/mm: count free pages.",
            "xen/mm: count free pages, and write about it until the subject is too long",
        ] {
            assert_eq!(of_message(bad, &["Why."]), [SUBJECT], "{bad}");
        }
    }

    #[test]
    fn bodies() {
        let long = "a word ".repeat(11);
        assert_eq!(of_message("a: b", &["", " "]), [BODY]);
        assert_eq!(of_message("a: b", &[long.as_str()]), [WRAP]);
        let quoted = format!("    {long}");
        let address = "x".repeat(80);
        assert_eq!(of_message("a: b", &["Why.", &quoted, &address]), GOOD);
    }

    #[test]
    fn tags() {
        for bad in [
            "Signed-off-by: A <a@b>",
            "Reviewed-by: A",
            "Cc: A",
            "Fixes: 0123 (\"a\")",
        ] {
            assert_eq!(of_message("a: b", &["Why.", bad]), [TAGS], "{bad}");
        }
        assert_eq!(
            of_message("a: b", &["Side effect: none", "See: Fixes"]),
            GOOD
        );
    }

    #[test]
    fn cover_letters() {
        let subjects = ["a: b", "c: d"];
        let letter = "Subject: [PATCH 00/2] e\n\nWhy: f.\n\nA (2):\n  a: b\n  c: d\n";
        assert_eq!(cover_letter_findings(letter, &subjects), GOOD);
        for (from, to) in [
            ("00/2", "00/3"),
            ("  c: d\n", ""),
            ("  a: b\n  c: d", "  c: d\n  a: b"),
            ("Why: f.", "Cc: f"),
            ("Why", &"w".repeat(80)),
        ] {
            let bad = letter.replace(from, to);
            assert_eq!(cover_letter_findings(&bad, &subjects).len(), 1, "{bad}");
        }
    }

    #[test]
    fn licences() {
        let code = ["int a;"];
        let licensed = ["/* SPDX-License-Identifier: GPL-2.0-only */", "int a;"];
        assert_eq!(broken("xen/common/a.c", true, &code), [SPDX]);
        assert_eq!(broken("tools/tests/a/Makefile", true, &code), [SPDX]);
        assert_eq!(broken("docs/a.rst", true, &code), [SPDX]);
        assert_eq!(broken("xen/common/a.c", true, &licensed), GOOD);
        assert_eq!(broken("xen/common/a.c", false, &code), GOOD);
        assert_eq!(broken("CHANGELOG.md", true, &code), GOOD);
    }

    #[test]
    fn spaces_at_the_end() {
        assert_eq!(in_xen(&["    a = b; "]), [SPACE]);
        assert_eq!(broken("docs/a.rst", false, &["a "]), [SPACE]);
        assert_eq!(in_xen(&["    a = b;"]), GOOD);
    }

    #[test]
    fn lengths() {
        let line = |length: usize| format!("    {};", "x".repeat(length - 5));
        assert_eq!(in_xen(&[&line(79)]), GOOD);
        assert_eq!(in_xen(&[&line(80)]), [LENGTH]);
        assert_eq!(broken("tools/libs/ctrl/a.c", false, &[&line(80)]), [LENGTH]);
        assert_eq!(broken("docs/a.rst", false, &[&line(80)]), GOOD);
        let string = format!("    printk(\"{}\\n\",", "x".repeat(80));
        assert_eq!(in_xen(&[&string]), GOOD);
        let tabs = format!("\t\t\t\t\t\t\t\t\t{}", "x".repeat(8));
        assert_eq!(broken("tools/ocaml/a.c", false, &[&tabs]), [LENGTH]);
    }

    #[test]
    fn bug_ons() {
        assert_eq!(in_xen(&["    BUG_ON(a);"]), [BUG_ON]);
        assert_eq!(in_xen(&["        BUG();"]), [BUG_ON]);
        assert_eq!(
            in_xen(&["    BUILD_BUG_ON(a);", "    ASSERT(a); /* BUG_ON(a) */"]),
            GOOD
        );
        assert_eq!(in_xen(&["--     BUG_ON(a);", "    BUG_ON(b);"]), GOOD);
    }

    #[test]
    fn every_rule_is_listed_once() {
        for rule in RULES {
            assert_eq!(RULES.iter().filter(|other| *other == rule).count(), 1);
        }
    }
}
