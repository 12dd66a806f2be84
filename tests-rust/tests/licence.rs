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

/// What is linked into it in the release profile, which is the one that is installed. Without Xen only if
/// that is asked for.
#[test]
fn the_library_is_linked_without_libxenctrl() {
    for (without_xen, features, flags) in [("1", "ocaml5", "()"), ("", "ocaml5,xen", "(-lxencall)")]
    {
        match found(without_xen) {
            Ok(found) => assert_eq!(found, [features, flags, "ocaml5,testing", "()"]),
            Err(why) => assert!(
                without_xen.is_empty()
                    && why.contains("libxencall is missing")
                    && why.contains("XEN_CLAIMS_WITHOUT_XEN"),
                "{why}"
            ),
        }
    }
}

/// What the script writes for a release for OCaml 5.3, or what it complains of.
fn found(without_xen: &str) -> Result<[String; 4], String> {
    let directory = std::env::temp_dir().join(format!(
        "xen-claims-licence-{}{without_xen}",
        std::process::id()
    ));
    fs::create_dir(&directory).unwrap();
    let found = Command::new("bash")
        .arg(
            repository()
                .join("xenctrl-ml/find-features.sh")
                .canonicalize()
                .unwrap(),
        )
        .args(["release", "5.3.0"])
        .env("XEN_CLAIMS_WITHOUT_XEN", without_xen)
        .current_dir(&directory)
        .output()
        .unwrap();
    let texts = [
        "features",
        "link-flags.sexp",
        "features-testing",
        "link-flags-testing.sexp",
    ]
    .map(|name| fs::read_to_string(directory.join(name)).unwrap_or_default());
    fs::remove_dir_all(&directory).unwrap();
    match found.status.success() {
        true => Ok(texts.map(|text| text.trim().to_owned())),
        false => Err(String::from_utf8_lossy(&found.stderr).into_owned()),
    }
}

/// What `cargo metadata` says of every crate for Linux, all features included.
fn metadata() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// May be combined with LGPL-2.1, as one of the alternatives a crate offers.
const FITTING: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Unlicense",
    "Unicode-3.0",
];

/// Would fail for a dependency, also an indirect one, that comes in under a licence of its own kind.
#[test]
fn every_crate_has_a_licence_that_fits() {
    let ours = "LGPL-2.1-only WITH OCaml-LGPL-linking-exception";
    for package in metadata() {
        let (name, licence) = (
            &package["name"],
            package["license"].as_str().unwrap_or("none"),
        );
        // All parts of a conjunction, one of each disjunction.
        let fits = licence.split(" AND ").all(|part| {
            let part = part.trim_matches(['(', ')']).replace('/', " OR ");
            part.split(" OR ").any(|one| FITTING.contains(&one.trim()))
        });
        let known = licence == ours || (name == "xenctrl-sys" && licence == "GPL-3.0-only");
        assert!(fits || known, "{name} is under {licence}");
    }
}

/// Would fail for a dependency that nobody gave a reason for, or a reason that outlived its dependency.
#[test]
fn every_dependency_is_listed_with_its_reason() {
    let page = fs::read_to_string(repository().join("docs/dependencies.md")).unwrap();
    let direct = |package: &serde_json::Value| {
        let dependencies = package["dependencies"].as_array().unwrap().clone();
        dependencies
            .into_iter()
            .filter(|d| d["path"].is_null()) // or else it is a crate of ours
            .map(|d| d["name"].as_str().unwrap().to_owned())
    };
    let packages = metadata();
    let members = packages
        .iter()
        .filter(|package| package["source"].is_null());
    let used: Vec<String> = members.flat_map(direct).collect();
    for name in &used {
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in docs/dependencies.md"
        );
    }
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed = cells.flat_map(|line| {
        line.split('|')
            .next()
            .unwrap_or_default()
            .split('`')
            .step_by(2)
    });
    for name in listed.filter(|name| !name.contains([' ', ',', '('])) {
        assert!(
            name.is_empty() || used.iter().any(|one| one == name),
            "{name} is not used"
        );
    }
}
