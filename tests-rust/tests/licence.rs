//! What a distributor installs is under this project's licence: neither `xenctrl-sys`
//! (GPL-3.0-only) nor libxenctrl is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates that the stubs are made of, with these features.
fn crates(features: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{lib}"])
        .args([
            "--edges",
            "normal,build",
            "--package",
            "xenctrl-claims-stubs",
        ])
        .args(["--features", features])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Would fail for `xen = ["domains"]`, or a dependency that is not optional.
#[test]
fn the_library_is_built_without_xenctrl_sys() {
    let name = "xenctrl_sys".to_owned();
    let library = crates("xen");
    assert!(library.contains(&"xen_claims".to_owned()), "{library:?}");
    assert!(!library.contains(&name), "{library:?}");
    // The test could see it.
    assert!(crates("domains").contains(&name));
}

/// What is linked into it in the release profile, which is the one that is installed.
#[test]
fn the_library_is_linked_without_libxenctrl() {
    let directory = std::env::temp_dir().join(format!("xen-claims-licence-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    let found = Command::new("bash")
        .arg(
            repository()
                .join("xenctrl-ml/find-features.sh")
                .canonicalize()
                .unwrap(),
        )
        .arg("release")
        .current_dir(&directory)
        .status();
    let features = fs::read_to_string(directory.join("features"));
    let flags = fs::read_to_string(directory.join("link-flags.sexp"));
    fs::remove_dir_all(&directory).unwrap();
    assert!(found.unwrap().success());
    assert!(["xen", ""].contains(&features.unwrap().trim()));
    assert!(["(-lxencall)", "()"].contains(&flags.unwrap().trim()));
}
