//! Our layouts and numbers of claim sets are those of the headers of a Xen tree with the series.
//!
//! The tree is the one that `./dev xen build` built last. Without one there is nothing to compare.

use core::mem::{offset_of, size_of};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{ensure, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use xen_claims::wire;
use xen_claims::xen::layout;
use xen_claims::NodeId;
use xen_claims_lab::allocator::Tree;

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

const TEST: &str = "claim_sets_are_laid_out_as_in_the_series";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // The headers of its tools are there once it was built.
    let tree = Tree::find().map(|tree| tree.file("../tools/include"));
    let Some(include) = tree.filter(|include| include.join("xen/domctl.h").exists()) else {
        let why = "no Xen with the series is built: ./dev xen build does it";
        let ignored = Trial::ignorable_test(TEST, move || Ok(Completion::ignored_with(why)));
        return libtest_mimic::run(&arguments, vec![ignored]).exit_code();
    };
    let test = move || {
        let result = claim_sets_are_laid_out_as_in_the_series(&include);
        result.map_err(|error| Failed::from(format!("{error:#}")))
    };
    let trial = Trial::test(TEST, test);
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

/// Would fail for two fields swapped here or in the series, or a number given twice.
fn claim_sets_are_laid_out_as_in_the_series(include: &Path) -> Result<()> {
    let mut claims = Claims::default();
    layout!(claims, wire::xen_memory_claim: pages, target, pad);
    layout!(claims, wire::xen_domctl_claim_memory: claim_set, nr_entries, mode);
    layout!(claims, layout::xen_sysctl_node_meminfo: size, free, claimed);
    layout!(claims, layout::xen_sysctl_numa_meminfo: num_nodes, meminfo);
    layout!(claims, layout::xen_domctl_numa_op: op);
    for (field, offset) in [
        (
            "nr_nodes",
            offset_of!(layout::xen_domctl_numa_op, get_node_pages.nr_nodes),
        ),
        (
            "node_tot_pages",
            offset_of!(layout::xen_domctl_numa_op, get_node_pages.node_tot_pages),
        ),
    ] {
        let field = format!("u.get_node_pages.{field}");
        claims.offset("xen_domctl_numa_op", &field, offset);
    }
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
        ("XEN_DOMCTL_numa_op", layout::XEN_DOMCTL_NUMA_OP),
        (
            "XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES",
            layout::XEN_DOMCTL_NUMA_OP_GET_NODE_PAGES,
        ),
        (
            "XENMEMF_exact_node(7)",
            wire::xenmemf_exact_node(NodeId::new(7)?),
        ),
        ("XEN_SYSCTL_numa_meminfo", layout::XEN_SYSCTL_NUMA_MEMINFO),
    ] {
        claims.number(name, u64::from(value));
    }

    let directory = tempfile::tempdir()?;
    let source = directory.path().join("headers.c");
    let text = format!(
        "#define __XEN_TOOLS__\n#include <stddef.h>\n#include <stdint.h>\n\
         #include <xen/xen.h>\n#include <xen/memory.h>\n#include <xen/domctl.h>\n#include <xen/sysctl.h>\n{}",
        claims.0
    );
    fs::write(&source, text)?;
    let compiled = Command::new("cc")
        .args(["-fsyntax-only", "-I"])
        .arg(include)
        .arg(&source)
        .output()?;
    ensure!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    Ok(())
}
