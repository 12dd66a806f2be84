//! A host with NUMA, as QEMU is told of it.

/// Fewer processors than this, and Dom0 has too few for threads to race.
const LEAST_PROCESSORS: u32 = 4;

/// A host to boot.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// NUMA nodes, all of the same size.
    pub nodes: u32,
    /// Memory of all nodes together.
    pub gib: u32,
    /// Does Xen's security policy let Dom0 claim?
    pub may_claim: bool,
}

impl Machine {
    /// A host with that many nodes; without a size, one that is enough for most of the suite.
    pub fn new(nodes: u32, gib: Option<u32>) -> Machine {
        Machine {
            nodes,
            gib: gib.unwrap_or(nodes.max(2) * 2),
            may_claim: true,
        }
    }

    /// What QEMU has to be told.
    pub(super) fn arguments(&self) -> Vec<String> {
        let cores = LEAST_PROCESSORS.div_ceil(self.nodes);
        let mib = self.gib * 1024 / self.nodes;
        let mut arguments: Vec<String> = [
            "-machine",
            "q35",
            "-nodefaults",
            "-no-reboot",
            // An emulated processor is the same on every machine.
            "-accel",
            "tcg,thread=multi",
            // QEMU 10 emulates two things wrongly. With fsgsbase, threads of a PV Dom0 with several
            // processors lose their TLS base, and programs that make no hypercall at all crash. With
            // xsave, Xen warns of sizes that no processor would report.
            "-cpu",
            "max,-fsgsbase,-xsave",
            "-display",
            "none",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut add = |option: &str, value: String| arguments.extend([option.to_owned(), value]);
        let (nodes, processors) = (self.nodes, self.nodes * cores);
        add(
            "-smp",
            format!("{processors},sockets={nodes},cores={cores}"),
        );
        add("-m", format!("{}M", mib * nodes));
        for node in 0..nodes {
            let (first, last) = (node * cores, node * cores + cores - 1);
            add(
                "-object",
                format!("memory-backend-ram,id=m{node},size={mib}M"),
            );
            add(
                "-numa",
                format!("node,nodeid={node},memdev=m{node},cpus={first}-{last}"),
            );
        }
        for from in 0..nodes {
            for to in from + 1..nodes {
                add("-numa", format!("dist,src={from},dst={to},val=21"));
            }
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_and_memory_are_shared_out() {
        let arguments = Machine::new(2, None).arguments().join(" ");
        assert!(arguments.contains("-smp 4,sockets=2,cores=2 -m 4096M"));
        assert!(arguments.contains("-numa node,nodeid=1,memdev=m1,cpus=2-3"));
        assert!(arguments.ends_with("-numa dist,src=0,dst=1,val=21"));
    }
}
