//! Our layouts and numbers of claim sets are those of the headers of a Xen tree with the series.
//!
//! The tree is the one that `./dev xen prepare` made last. Without one there is nothing to compare.
#![cfg(feature = "domains")]

use core::mem::{offset_of, size_of};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use xen_claims::wire;
use xen_claims::xen::layout;

/// What the compiler that reads the headers is to confirm.
#[derive(Default)]
struct Claims(String);

impl Claims {
    fn number(&mut self, name: &str, value: u64) {
        self.0 += &format!("_Static_assert({name} == {value}u, \"{name}\");\n");
    }

    fn size(&mut self, name: &str, size: usize) {
        self.0 +=
            &format!("_Static_assert(sizeof(struct {name}) == {size}, \"size of {name}\");\n");
    }

    fn offset(&mut self, name: &str, field: &str, offset: usize) {
        self.0 += &format!(
            "_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{name}.{field}\");\n"
        );
    }
}

macro_rules! layout {
    ($claims:ident, $module:ident::$name:ident: $($field:ident),*) => {
        $claims.size(stringify!($name), size_of::<$module::$name>());
        $($claims.offset(
            stringify!($name),
            stringify!($field),
            offset_of!($module::$name, $field),
        );)*
    };
}

/// Would fail for two fields swapped here or in the series, or a number given twice.
#[test]
fn claim_sets_are_laid_out_as_in_the_series() {
    let Some(tree) = tree() else {
        let missing = "there is no Xen tree with the series; ./dev xen prepare makes one";
        assert!(env::var("NATIVE_XEN").is_err(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    };
    let mut claims = Claims::default();
    layout!(claims, wire::xen_memory_claim: pages, target, pad);
    layout!(claims, wire::xen_domctl_claim_memory: claim_set, nr_entries, mode);
    layout!(claims, layout::xen_sysctl_numa_node_meminfo: size, free, claimed);
    layout!(claims, layout::xen_sysctl_numa_meminfo: num_nodes, meminfo);
    for (name, value) in [
        ("XEN_DOMCTL_claim_memory", wire::XEN_DOMCTL_CLAIM_MEMORY),
        (
            "XEN_DOMCTL_CLAIM_MEMORY_SET",
            wire::XEN_DOMCTL_CLAIM_MEMORY_SET,
        ),
        (
            "XEN_DOMCTL_CLAIM_MEMORY_GET",
            wire::XEN_DOMCTL_CLAIM_MEMORY_GET,
        ),
        (
            "XEN_DOMCTL_CLAIM_MEMORY_HOST",
            wire::XEN_DOMCTL_CLAIM_MEMORY_HOST,
        ),
        (
            "XEN_DOMCTL_CLAIM_MEMORY_LEGACY",
            wire::XEN_DOMCTL_CLAIM_MEMORY_LEGACY,
        ),
        ("DOMID_INVALID", layout::DOMID_INVALID.into()),
        ("XEN_SYSCTL_numa_meminfo", layout::XEN_SYSCTL_NUMA_MEMINFO),
    ] {
        claims.number(name, u64::from(value));
    }

    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("headers.c");
    let text = format!(
        "#define __XEN_TOOLS__\n#include <stddef.h>\n#include <stdint.h>\n\
         #include <xen/xen.h>\n#include <xen/domctl.h>\n#include <xen/sysctl.h>\n{}",
        claims.0
    );
    fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .args(["-fsyntax-only", "-I"])
        .arg(tree.join("tools/include"))
        .arg(&source)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{complaints}");
}

/// Where `./dev xen prepare` puts it; its tools' headers are there once it was built.
fn tree() -> Option<PathBuf> {
    let cache = PathBuf::from(env::var_os("XEN_CLAIMS_CACHE")?);
    let tree = cache.join("xen/tree");
    tree.join("tools/include/xen/domctl.h")
        .exists()
        .then_some(tree)
}
