//! xl in Dom0: which programs of a built tree it takes, what its guests boot, and the same tools from
//! before the series changed them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::initramfs::Archive;
use crate::run::{git, need, output, remove_directory, step, Cache};
use crate::series::build::{BuildTree, PROGRAMS as TO_BUILD};

/// What of a tree is in Dom0, in `bin` of a directory of its own: there may be two sets of these.
const PROGRAMS: &[&str] = &["tools/xl/xl", "tools/libs/light/libxl-save-helper"];

/// What both sets use: where, as programs look for it, and from where in the tree: the first of these that
/// is there. An older Xen has all of xenstore in one directory.
const SHARED: &[(&str, &[&str])] = &[
    (
        "xl/bin/xenstored",
        &["tools/xenstored/xenstored", "tools/xenstore/xenstored"],
    ),
    ("xl/bin/xenconsoled", &["tools/console/daemon/xenconsoled"]),
    ("xl/bin/xen-init-dom0", &["tools/helpers/xen-init-dom0"]),
    (
        "bin/xenstore",
        &["tools/xs-clients/xenstore", "tools/xenstore/xenstore"],
    ),
    (
        "usr/local/lib/xen/bin/xenconsole",
        &["tools/console/client/xenconsole"],
    ),
];

/// Scripts of this directory: the command, and what starts the daemons it needs.
const SCRIPTS: &[(&str, &str)] = &[
    ("bin/xl", "lab/src/host/xl.sh"),
    ("bin/start-xl-daemons", "lab/src/host/start-xl-daemons.sh"),
];

/// What the first process of a guest does.
const GUEST_INIT: &str = include_str!("guest-init.sh");

/// Where the tools from before the series changed them are in Dom0, with their libraries.
pub const BEFORE: &str = "before";

/// What the patches that xl users see change.
const CHANGED: &[&str] = &["tools/libs/guest", "tools/libs/light", "tools/xl"];

/// The files that Dom0 gets of a tree: where, and from where.
pub fn files(tree: &Path) -> Vec<(String, PathBuf)> {
    let shared = SHARED.iter().map(|(place, paths)| {
        let mut all = paths.iter().map(|path| tree.join(path));
        // One that is nowhere is missed by its newest name, when it is read.
        let path = all.find(|path| path.is_file());
        let path = path.unwrap_or_else(|| tree.join(paths[0]));
        ((*place).to_owned(), path)
    });
    let scripts = SCRIPTS
        .iter()
        .map(|(place, path)| ((*place).to_owned(), PathBuf::from(path)));
    tools("xl", tree).chain(shared).chain(scripts).collect()
}

/// The programs there may be two of.
pub fn tools<'a>(place: &'a str, tree: &'a Path) -> impl Iterator<Item = (String, PathBuf)> + 'a {
    PROGRAMS.iter().map(move |path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (format!("{place}/bin/{name}"), tree.join(path))
    })
}

/// What a guest boots beside a kernel: a shell that says one line, and stays.
pub fn guest_initramfs(busybox: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for directory in ["dev", "proc"] {
        archive.directory(directory)?;
    }
    archive.device("dev/console", (5, 1))?;
    archive.file("init", 0o755, GUEST_INIT.as_bytes())?;
    archive.file("bin/busybox", 0o755, &fs::read(busybox)?)?;
    Ok(archive.end()?)
}

/// A tree of the series up to its first patch for libxenguest, libxl or xl, with these built; none if
/// no patch changes them.
pub fn before(cache: &Cache, tree: &Path) -> Result<Option<PathBuf>> {
    let list = ["rev-list", "--reverse", "base..series", "--"];
    let patches = output(git(tree).args(list).args(CHANGED))?;
    let Some(first) = patches.lines().next() else {
        return Ok(None);
    };
    need(TO_BUILD)?;
    let commit = output(git(tree).args(["rev-parse", &format!("{first}~1")]))?;
    let path = cache.path("before-xl");
    let stamp = path.join(".git/built");
    let wanted = commit.clone() + &BuildTree::xl_state();
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(Some(path));
    }
    remove_directory(&path)?;
    let build_tree = BuildTree::new(cache, &path);
    step(
        "building the tools from before the series changed xl",
        || {
            let clone = ["clone", "--quiet", "--shared", "--no-checkout"];
            output(git(Path::new(".")).args(clone).args([tree, &path]))?;
            let checkout = ["checkout", "--quiet", "--detach", commit.trim()];
            output(git(&path).args(checkout))?;
            build_tree.xl()
        },
    )?;
    fs::write(&stamp, &wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Some(path))
}
