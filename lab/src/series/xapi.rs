//! The stubs in `tests-ocaml/dom0/xapi/`, compiled against the headers, libraries and OCaml binding of a
//! built tree, as xen-api's are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::output;

const SOURCE: &str = "tests-ocaml/dom0/xapi";

/// The OCaml libraries of the tree, in the order in which they need each other.
const LIBRARIES: &[&str] = &["mmap/xenmmap", "eventchn/xeneventchn", "xc/xenctrl"];

/// Compiles the program; where it is.
///
/// # Errors
///
/// What the compilers say: a name or type that is missing, or a warning.
pub fn names(tree: &Path) -> Result<PathBuf> {
    let work = tree.join(".git/xapi");
    fs::create_dir_all(&work)?;
    for file in ["stubs.c", "names.ml"] {
        let from = Path::new(SOURCE).join(file);
        fs::copy(&from, work.join(file)).with_context(|| from.display().to_string())?;
    }
    let ocaml = tree.join("tools/ocaml/libs");
    let mut compile = Command::new("ocamlfind");
    compile
        .current_dir(&work)
        .args(["ocamlopt", "-package", "unix", "-linkpkg"])
        .args(["-ccopt", "-Wall -Wextra -Werror -Wno-unused-parameter"])
        .arg("-ccopt")
        .arg(format!("-I{}", tree.join("tools/include").display()));
    for library in LIBRARIES {
        let directory = ocaml.join(library);
        let directory = directory.parent().context("no directory")?;
        let place = format!("-L{}", directory.display());
        compile.arg("-I").arg(directory).args(["-ccopt", &place]);
    }
    for library in LIBRARIES {
        compile.arg(ocaml.join(library).with_extension("cmxa"));
    }
    output(compile.args(["stubs.c", "names.ml", "-o", "names"]))
        .context("xen-api's calls can't be compiled against the tree")?;
    Ok(work.join("names"))
}
