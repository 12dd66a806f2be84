//! Whether the series of several bases still say the same. A base's own version of a patch has the name of the
//! main one; each line that one of them adds and the other does not is listed, with a reason, in a file beside the
//! series. So a change of one is noticed until the other has it, too, or a reason why not.
//!
//! `differences.txt` has, for each patch with a difference, a line with its name, then
//! `# a reason` lines with `-line` and `+line` after them: only in the main version, only in this one. A line
//! `none NAME` after a reason is a patch that this base does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};

use super::patch::{Patch, Series};

/// The list, beside the series.
const LIST: &str = "differences.txt";

/// How often each line is only in the main version (`-`) or only in the other (`+`), by patch.
type Differences = BTreeMap<String, BTreeMap<String, u32>>;

/// Compares the series of a base with the main one, and what differs with its list; says how much is shared.
///
/// # Errors
///
/// Names every difference that is not listed, and what is listed and no difference.
pub fn compare(main: &Series, directory: &Path, series: &Series) -> Result<String> {
    let path = directory.join(LIST);
    let list = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (listed, left_out) = parse(&list)?;
    let mut wrong = Vec::new();
    let (mut found, mut shared) = (Differences::new(), 0);
    for patch in &main.patches {
        match series.patches.iter().find(|other| other.name == patch.name) {
            None if left_out.contains(&patch.name) => {}
            None => wrong.push(format!("{} is missing, for no reason", patch.name)),
            Some(_) if left_out.contains(&patch.name) => {
                wrong.push(format!("{} is not left out", patch.name));
            }
            Some(other) if is_same_file(patch, other)? => shared += 1,
            Some(other) => {
                let lines = difference(patch, other);
                if !lines.is_empty() {
                    found.insert(patch.name.clone(), lines);
                }
            }
        }
    }
    for name in found.keys().chain(listed.keys()).collect::<BTreeSet<_>>() {
        let none = BTreeMap::new();
        let of = |all: &Differences| all.get(name).unwrap_or(&none).clone();
        let (now, before) = (of(&found), of(&listed));
        if now != before {
            wrong.push(format!("{name} has differences that {LIST} does not have:"));
            wrong.extend(excess(&now, &before));
            wrong.push(format!("and {LIST} has some that it does not have:"));
            wrong.extend(excess(&before, &now));
        }
    }
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let own = main.patches.len() - shared - left_out.len();
    let more = series.patches.len() - shared - own;
    Ok(format!(
        "{shared} patches shared, {own} of its own, {more} ahead of them"
    ))
}

fn is_same_file(one: &Patch, other: &Patch) -> Result<bool> {
    let canonical = |patch: &Patch| fs::canonicalize(&patch.path);
    Ok(canonical(one)? == canonical(other)?)
}

/// The lines that only one of two versions of a patch adds.
fn difference(main: &Patch, other: &Patch) -> BTreeMap<String, u32> {
    let mut balance: BTreeMap<&str, i32> = BTreeMap::new();
    for (patch, step) in [(main, -1), (other, 1)] {
        for line in patch.files.iter().flat_map(|file| file.added()) {
            if !line.trim().is_empty() {
                *balance.entry(line.trim()).or_default() += step;
            }
        }
    }
    let signed = |(line, count): (&str, i32)| match count {
        0 => None,
        ..0 => Some((format!("-{line}"), count.unsigned_abs())),
        _ => Some((format!("+{line}"), count.unsigned_abs())),
    };
    balance.into_iter().filter_map(signed).collect()
}

/// What one has more of than the other.
fn excess(one: &BTreeMap<String, u32>, other: &BTreeMap<String, u32>) -> Vec<String> {
    let more = |(line, count): (&String, &u32)| {
        let more = count.saturating_sub(other.get(line).copied().unwrap_or(0));
        vec![line.clone(); more as usize]
    };
    one.iter().flat_map(more).collect()
}

/// The differences on a list, and the patches that are left out.
fn parse(list: &str) -> Result<(Differences, BTreeSet<String>)> {
    let (mut listed, mut left_out) = (Differences::new(), BTreeSet::new());
    let (mut patch, mut has_reason) = (None, false);
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(reason) = line.strip_prefix('#') {
            has_reason = !reason.trim().is_empty();
        } else if let Some(name) = line.strip_prefix("none ") {
            ensure!(has_reason, "{LIST}: no reason why {name} is left out");
            left_out.insert(name.to_owned());
        } else if line.starts_with(['-', '+']) {
            ensure!(has_reason, "{LIST} has no reason before: {line}");
            let Some(patch) = &patch else {
                bail!("{LIST} names no patch before: {line}");
            };
            let lines: &mut BTreeMap<_, _> = listed.entry(String::clone(patch)).or_default();
            *lines.entry(line.trim_end().to_owned()).or_insert(0) += 1;
        } else {
            (patch, has_reason) = (Some(line.to_owned()), false);
        }
    }
    Ok((listed, left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A main series of three patches, the last of which another base shares; what is said of that base with its own
    /// versions of the others adding these lines, and this list.
    fn said(first: &str, second: Option<&str>, list: &str) -> Result<String> {
        let patch = |added: &str| {
            let lines = added.lines().count();
            let added = format!("+{}\n", added.replace('\n', "\n+"));
            format!("Subject: [PATCH] a: b\n\nWhy.\n---\ndiff --git a/f b/f\n@@ -0,0 +1,{lines} @@\n{added}")
        };
        let directory = tempfile::tempdir()?;
        let (main, other) = (directory.path(), directory.path().join("other"));
        fs::create_dir(&other)?;
        for (name, added) in [
            ("1.patch", "lock();\nf(a);"),
            ("2.patch", "g();"),
            ("3.patch", "h();"),
        ] {
            fs::write(main.join(name), patch(added))?;
        }
        fs::write(main.join("series"), "1.patch\n2.patch\n3.patch\n")?;
        fs::write(other.join("0.patch"), patch("before();"))?;
        fs::write(other.join("1.patch"), patch(first))?;
        let mut series = "0.patch\n1.patch\n".to_owned();
        if let Some(second) = second {
            fs::write(other.join("2.patch"), patch(second))?;
            series += "2.patch\n";
        }
        fs::write(other.join("series"), series + "../3.patch\n")?;
        fs::write(other.join(LIST), list)?;
        compare(&Series::read(main)?, &other, &Series::read(&other)?)
    }

    const LISTED: &str = "1.patch\n# Another lock.\n-lock();\n+old_lock();\n";

    #[test]
    fn what_differs_is_listed_with_a_reason() {
        // Where a line is, and how it is indented, may differ.
        let first = "  f(a);\n\nold_lock();";
        let figure = "1 patches shared, 2 of its own, 1 ahead of them";
        assert_eq!(
            said(first, Some("g();"), LISTED).ok().as_deref(),
            Some(figure)
        );
        for (first, second, list) in [
            // One was changed, and the other was not.
            ("f(b);\nold_lock();", Some("g();"), LISTED),
            (first, Some("g(1);"), LISTED),
            ("f(a);\nf(a);\nold_lock();", Some("g();"), LISTED),
            // A difference is gone.
            ("lock();\nf(a);", Some("g();"), LISTED),
            // There is none, no reason, or no patch.
            (first, None, LISTED),
            (first, Some("g();"), ""),
            (first, Some("g();"), "1.patch\n-lock();\n+old_lock();\n"),
            (first, Some("g();"), "1.patch\n#\n-lock();\n+old_lock();\n"),
            (
                first,
                Some("g();"),
                "# Another lock.\n-lock();\n+old_lock();\n",
            ),
        ] {
            assert!(
                said(first, second, list).is_err(),
                "{first} {second:?} {list}"
            );
        }
    }

    #[test]
    fn a_patch_may_be_left_out_for_a_reason() {
        let list = format!("# It has this already.\nnone 2.patch\n{LISTED}");
        assert!(said("f(a);\nold_lock();", None, &list).is_ok());
        assert!(said("f(a);\nold_lock();", Some("g();"), &list).is_err());
    }
}
