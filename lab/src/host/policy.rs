//! Security policies for the hosts that are booted, made of Xen's default policy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::output;

/// Xen's default policy, where its build leaves the text.
const DEFAULT: &str = "xen/xsm/flask/policy.conf";

/// The default policy does not let Dom0 take pages offline.
const OFFLINING: &str = "allow dom0_t domxen_t:resource { plug unplug };\n";

/// Compiles the policy for the hosts, with or without the right to claim.
pub fn compile(tree: &Path, may_claim: bool, to: &Path) -> Result<()> {
    let default = tree.join(DEFAULT);
    let text = fs::read_to_string(&default)
        .with_context(|| format!("cannot read {}", default.display()))?;
    let source = to.with_extension("conf");
    fs::write(
        &source,
        amended(&text, may_claim).context("Xen's policy has no rules")?,
    )?;
    // The format that Xen's own makefiles ask for.
    let mut checkpolicy = Command::new("checkpolicy");
    checkpolicy
        .args(["-t", "Xen", "-c", "30", "-o"])
        .arg(to)
        .arg(&source);
    output(&mut checkpolicy).map(drop)
}

/// A policy that also allows [`OFFLINING`], and claiming or not.
fn amended(policy: &str, may_claim: bool) -> Option<String> {
    // What comes before the rules defines what they are about.
    let (definitions, rules) = policy.split_at(policy.find("\nallow ")? + 1);
    let rules = match may_claim {
        true => rules.to_owned(),
        false => rules.replace(" setclaim", " "),
    };
    Some(format!("{definitions}{OFFLINING}{rules}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_amended_and_definitions_are_not() {
        let policy = "class domain2 {\n    setclaim\n}\nallow a b:domain2 { x setclaim };\n";
        let (definition, rule) = policy.split_at(31);
        assert_eq!(
            amended(policy, true),
            Some(format!("{definition}{OFFLINING}{rule}"))
        );
        assert_eq!(
            amended(policy, false),
            Some(format!(
                "{definition}{OFFLINING}allow a b:domain2 {{ x  }};\n"
            ))
        );
        assert_eq!(amended("class domain2 { setclaim }", true), None);
    }
}
