//! A git tree of the Xen source with the series applied, made once for each source and series.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{anyhow, bail, ensure, Context, Result};
use sha2::{Digest, Sha256};

use super::patch::{Patch, Series};
use super::relied::missing;
use crate::run::{git, need, output, remove_directory, step, Cache};
use crate::source::pinned::Pinned;
use crate::source::Source;

/// So many trees are kept: going back to a series costs nothing then.
const KEPT: usize = 3;

/// The programs it takes.
const PROGRAMS: &[(&str, &str)] = &[("git", "git"), ("tar", "tar"), ("xz", "xz-utils")];

/// A tree with the series applied.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Where it is.
    pub path: PathBuf,
    /// What it was made of.
    pub source: Source,
    /// What was applied.
    pub series: Series,
}

/// Makes the tree that everything else works on, if there is none yet.
pub fn prepare(cache: &Cache, patches: &Path) -> Result<Tree> {
    need(PROGRAMS)?;
    prepare_from(cache, patches, Source::find(&Pinned::read(patches)?)?)
}

/// Whether there is nothing to prepare.
pub fn is_prepared(cache: &Cache, patches: &Path) -> Result<bool> {
    let series = Series::read(patches)?;
    let source = Source::find(&Pinned::read(patches)?)?;
    let path = place(cache, &series, &source);
    Ok(path.is_dir() && fs::canonicalize(cache.path("tree")).ok() == fs::canonicalize(path).ok())
}

/// Where the tree of a source and a series belongs.
fn place(cache: &Cache, series: &Series, source: &Source) -> PathBuf {
    let key = Sha256::digest(format!("{} {}", source.key, series.digest));
    cache.path(&format!("tree-{}", &format!("{key:x}")[..12]))
}

fn prepare_from(cache: &Cache, patches: &Path, source: Source) -> Result<Tree> {
    let series = Series::read(patches)?;
    let (source, path) = make(cache, patches, &series, source)?;
    point(&cache.path("tree"), &path)?;
    forget_old(cache, &path)?;
    println!("the tree is {}", path.display());
    Ok(Tree {
        path,
        source,
        series,
    })
}

/// Says whether the series applies to Debian's newest source package. What [`prepare`] makes stays
/// as it is: a base is pinned, or the user's own.
pub fn update(cache: &Cache, patches: &Path) -> Result<()> {
    need(PROGRAMS)?;
    let pinned = Pinned::read(patches)?;
    try_newest(cache, patches, Source::newest(cache, &pinned.release)?)
}

fn try_newest(cache: &Cache, patches: &Path, newest: Source) -> Result<()> {
    let series = Series::read(patches)?;
    let pinned = Pinned::read(patches)?;
    if newest.is(&pinned) {
        println!("{} is the pinned one: nothing is newer", newest.label);
        return Ok(());
    }
    let label = newest.label.clone();
    let (_, path) = make(cache, patches, &series, newest).map_err(|error| {
        anyhow!(
            "{error:#}\n{label} is not pinned: without --update, {} is used",
            pinned.name
        )
    })?;
    forget_old(cache, &path)?;
    println!(
        "the series applies to {label}: {}\nIt is not pinned: without --update, {} is used",
        path.display(),
        pinned.name
    );
    Ok(())
}

/// Where the tree for this source and series is, made if there is none yet.
fn make(
    cache: &Cache,
    patches: &Path,
    series: &Series,
    mut source: Source,
) -> Result<(Source, PathBuf)> {
    let path = place(cache, series, &source);
    let count = series.patches.len();
    if path.is_dir() {
        println!("{} with these {count} patches: unchanged", source.label);
    } else {
        source = source.fetched(cache)?;
        // Under another name until it is complete.
        let new = cache.path("tree.tmp");
        remove_directory(&new)?;
        let made = step(&format!("unpacking {}", source.label), || {
            base(&source, &series.compiler_fixes, &new)
        })
        .and_then(|()| {
            step(&format!("applying {count} patches"), || {
                apply(&new, patches, series)
            })
        })
        .and_then(|()| missing(&new, patches));
        match made {
            Ok(missing) => {
                for change in missing {
                    println!("warning: it applies, but {} lacks {change}", source.label);
                }
            }
            Err(error) => {
                remove_directory(&new)?;
                return Err(match fs::canonicalize(cache.path("tree")) {
                    Ok(good) => {
                        anyhow!("{error:#}\nthe last good tree is still {}", good.display())
                    }
                    Err(_) => error,
                });
            }
        }
        fs::rename(&new, &path)?;
    }
    // Which one was used last decides which are kept.
    fs::write(path.join(".git/used"), "\n")?;
    Ok((source, path))
}

/// Unpacks a source as the first commit of a git tree, named `source`. With what the compilers need, if anything,
/// it is the commit named `base`.
pub fn base(source: &Source, compiler_fixes: &[PathBuf], tree: &Path) -> Result<()> {
    source.unpack(tree)?;
    output(git(tree).args(["init", "--quiet", "--initial-branch=series"]))?;
    // Some files of the distributed source are ignored by its own .gitignore.
    output(git(tree).args(["add", "--all", "--force"]))?;
    output(git(tree).args(["commit", "--quiet", "--no-verify", "-m", &source.label]))?;
    output(git(tree).args(["tag", "source"]))?;
    for fix in compiler_fixes {
        output(git(tree).args(["apply", "--index"]).arg(fix))
            .with_context(|| format!("{} does not apply", fix.display()))?;
    }
    if !compiler_fixes.is_empty() {
        output(git(tree).args(["commit", "--quiet", "--no-verify", "-m", "for compilers"]))?;
    }
    output(git(tree).args(["tag", "base"]))?;
    Ok(())
}

/// Applies the patches as commits.
fn apply(tree: &Path, patches: &Path, series: &Series) -> Result<()> {
    for patch in &series.patches {
        let file = &patch.path;
        let mut am = git(tree);
        am.args([
            "am",
            "--quiet",
            "--no-3way",
            "--committer-date-is-author-date",
        ]);
        if let Err(error) = output(am.arg(file)) {
            let mut check = git(tree);
            check.args(["apply", "--check"]).arg(file);
            return Err(match output(&mut check) {
                Ok(_) => error.context(format!("{} is no patch for git am", patch.name)),
                Err(reason) => explain(tree, patches, patch, &format!("{reason:#}")),
            });
        }
    }
    Ok(())
}

/// Why a patch does not apply: the changes in Xen that the tree lacks; or if it has them all, the
/// hunk.
fn explain(tree: &Path, patches: &Path, patch: &Patch, complaint: &str) -> anyhow::Error {
    match missing(tree, patches) {
        Err(error) => error,
        Ok(missing) if missing.is_empty() => failed_hunk(patch, complaint),
        Ok(missing) => anyhow!(
            "{} does not apply: this Xen lacks what the series relies on,\n    {}",
            patch.name,
            missing.join("\n    ")
        ),
    }
}

/// Which hunk of a patch it was that git could not apply, by what git said.
fn failed_hunk(patch: &Patch, complaint: &str) -> anyhow::Error {
    let mut reasons = Vec::new();
    for line in complaint.lines() {
        let line = line.trim_start_matches("git failed: ");
        if let Some((path, start)) = line
            .strip_prefix("error: patch failed: ")
            .and_then(|place| place.rsplit_once(':'))
        {
            let change = patch.files.iter().find(|file| file.path == path);
            let hunks = change.map_or(&[][..], |file| &file.hunks);
            let failed = hunks
                .iter()
                .zip(1..)
                .find(|(hunk, _)| hunk.old_start.to_string() == start);
            reasons.push(match failed {
                Some((hunk, number)) => format!(
                    "{path}, hunk {number} of {}, lines {}-{} of the patch: {}",
                    hunks.len(),
                    hunk.at.0,
                    hunk.at.1,
                    hunk.header
                ),
                None => format!("{path}, the hunk for line {start}"),
            });
        } else if !line.ends_with(": patch does not apply") && line.starts_with("error: ") {
            reasons.push(line.replacen("error: ", "", 1));
        }
    }
    anyhow!(
        "{} does not apply: {}",
        patch.name,
        reasons.join("\n    and: ")
    )
}

/// Hunks of the series that apply to the source of a tree elsewhere than they say, as git words it, each
/// with the name of its patch; an error if one does not apply at all.
pub fn offsets(tree: &Path, patches: &Path, series: &Series) -> Result<Vec<String>> {
    let index = tree.join(".git/offsets-index");
    let with_index = |arguments: &[&str]| {
        let mut git = git(tree);
        git.env("GIT_INDEX_FILE", &index).args(arguments);
        git
    };
    // Without fixes both are one, and an older tree has but this name for it.
    let source = match series.compiler_fixes[..] {
        [] => "base",
        _ => "source",
    };
    output(&mut with_index(&["read-tree", source]))?;
    let mut found = Vec::new();
    for patch in &series.patches {
        let done = with_index(&["apply", "--cached", "--verbose"])
            .arg(&patch.path)
            .output()
            .context("cannot run git")?;
        let said = String::from_utf8_lossy(&done.stderr);
        if !done.status.success() {
            return Err(explain(tree, patches, patch, &said));
        }
        let mut place = "";
        for line in said.lines() {
            if let Some(path) = line.strip_prefix("Checking patch ") {
                place = path.trim_end_matches('.');
            } else if line.contains("offset") {
                found.push(format!("{}: {place}: {line}", patch.name));
            }
        }
    }
    fs::remove_file(&index)?;
    Ok(found)
}

/// Makes a symbolic link point elsewhere, in one step.
fn point(link: &Path, to: &Path) -> Result<()> {
    let new = link.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => bail!(error),
        _ => {}
    }
    std::os::unix::fs::symlink(to.file_name().unwrap_or_default(), &new)?;
    fs::rename(&new, link)?;
    Ok(())
}

/// Removes the trees that were not used for longest.
fn forget_old(cache: &Cache, current: &Path) -> Result<()> {
    let last = fs::canonicalize(cache.path("tree")).ok();
    let mut trees = Vec::new();
    for entry in fs::read_dir(cache.path(""))? {
        let path = entry?.path();
        let is_tree = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("tree-"));
        if is_tree && path != current && fs::canonicalize(&path).ok() != last {
            let used = fs::metadata(path.join(".git/used")).and_then(|found| found.modified());
            trees.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
    trees.sort();
    let surplus = trees.len().saturating_sub(KEPT - 1);
    for (_, tree) in &trees[..surplus] {
        remove_directory(tree)?;
    }
    Ok(())
}

/// The commits of a tree's series, oldest first.
pub fn commits(tree: &Tree) -> Result<Vec<String>> {
    let list = output(git(&tree.path).args(["rev-list", "--reverse", "base..series"]))?;
    let commits: Vec<String> = list.lines().map(str::to_owned).collect();
    ensure!(
        commits.len() == tree.series.patches.len(),
        "{} has other commits than the series; remove it",
        tree.path.display()
    );
    Ok(commits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "From 0 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n\
        Date: Fri, 2 Jan 2026 00:00:00 +0000\nSubject: [PATCH] xen: four\n\nWhy.\n---\n\n\
        diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -3,3 +3,4 @@\n 3\n 4\n+four\n 5\n-- \n2.39\n";

    const RELIED: &str = "12ab | n | 1 | xen: one\n- | n | ! x | xen: no x\n";

    /// A base with one file, and a series of one patch for it.
    fn tree(contents: &str) -> Result<(tempfile::TempDir, PathBuf, Series)> {
        let directory = tempfile::tempdir()?;
        let (top, tree) = (directory.path(), directory.path().join("tree"));
        fs::create_dir(&tree)?;
        fs::write(tree.join("n"), contents)?;
        fs::write(top.join("series"), "1.patch\n")?;
        fs::write(top.join("1.patch"), PATCH)?;
        fs::write(top.join("relies-on.txt"), RELIED)?;
        output(git(&tree).args(["init", "--quiet"]))?;
        output(git(&tree).args(["add", "n"]))?;
        output(git(&tree).args(["commit", "--quiet", "-m", "base"]))?;
        output(git(&tree).args(["tag", "base"]))?;
        let series = Series::read(top)?;
        Ok((directory, tree, series))
    }

    #[test]
    fn a_patch_that_applies_is_a_commit() -> Result<()> {
        let (top, tree, series) = tree("1\n2\n3\n4\n5\n6\n")?;
        assert_eq!(offsets(&tree, top.path(), &series)?, [""; 0]);
        apply(&tree, top.path(), &series)?;
        let subject = output(git(&tree).args(["log", "-1", "--format=%s"]))?;
        assert_eq!(subject, "xen: four\n");
        Ok(())
    }

    #[test]
    fn an_offset_is_told() -> Result<()> {
        let (top, tree, series) = tree("0\n1\n2\n3\n4\n5\n6\n")?;
        assert_eq!(
            offsets(&tree, top.path(), &series)?,
            ["1.patch: n: Hunk #1 succeeded at 4 (offset 1 line)."]
        );
        Ok(())
    }

    #[test]
    fn a_patch_that_does_not_apply_names_its_hunk() -> Result<()> {
        let (top, tree, series) = tree("1\n2\n3\nfour\n5\n6\n")?;
        let Err(error) = apply(&tree, top.path(), &series) else {
            bail!("it applied");
        };
        assert_eq!(
            error.to_string(),
            "1.patch does not apply: n, hunk 1 of 1, lines 12-16 of the patch: @@ -3,3 +3,4 @@"
        );
        Ok(())
    }

    #[test]
    fn an_old_tree_names_the_change_it_lacks() -> Result<()> {
        let (top, tree, series) = tree("0\n2\n3\nfour\n5\n6\n")?;
        let lacks = "1.patch does not apply: this Xen lacks what the series relies on,\n    \
            12ab (\"xen: one\")";
        let applied = apply(&tree, top.path(), &series);
        assert_eq!(
            applied.map_err(|error| error.to_string()),
            Err(lacks.to_owned())
        );
        let found = offsets(&tree, top.path(), &series);
        assert_eq!(
            found.map_err(|error| error.to_string()),
            Err(lacks.to_owned())
        );
        Ok(())
    }

    /// A tarball of a tree that the patch applies to, and that is another with another line.
    fn tarball(top: &Path, name: &str, line: &str) -> Result<Source> {
        let tree = top.join(format!("{name}.d"));
        fs::create_dir_all(tree.join("xen/common"))?;
        fs::write(tree.join("xen/common/page_alloc.c"), line)?;
        fs::write(tree.join("n"), "1\n2\n3\n4\n5\n6\n")?;
        let mut tar = std::process::Command::new("tar");
        tar.arg("-C").arg(top).arg("-cf").arg(top.join(name));
        output(tar.arg(format!("{name}.d")))?;
        Source::tarball(&top.join(name))
    }

    #[test]
    fn the_newest_never_becomes_the_base() -> Result<()> {
        let (top, _, _) = tree("")?;
        let top = top.path();
        let cache = Cache::new(&top.join("cache"))?;
        let ours = tarball(top, "ours.tar", "pinned")?;
        fs::write(
            top.join("base.txt"),
            format!("1.2 forky 1 {} {} ours.tar", ours.key, "a".repeat(40)),
        )?;
        let base = |tree: &Path| fs::read_to_string(tree.join("xen/common/page_alloc.c"));
        prepare_from(&cache, top, ours.clone())?;
        for count in 0..KEPT + 1 {
            let line = format!("newest {count}");
            try_newest(&cache, top, tarball(top, "newest.tar", &line)?)?;
            assert_eq!(base(&cache.path("tree"))?, "pinned");
        }
        assert_eq!(base(&prepare_from(&cache, top, ours)?.path)?, "pinned");
        Ok(())
    }
}
