//! Ways to build a VM, which are compared.

/// How a VM is populated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// By node affinity, naming no node, as libxenguest does.
    Affinity,
    /// Naming the node of each page, exactly.
    Exact,
}

/// What is claimed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    None,
    /// `XENMEM_claim_pages`, as libxl does.
    Host,
    /// The same on a node, as xenopsd does: it looks and claims under a mutex. A plan of several
    /// nodes is claimed host-wide.
    Node,
    Set,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub builder: Builder,
    pub claims: Claims,
}

pub const MODES: [Mode; 8] = {
    let mut modes = [Mode {
        builder: Builder::Affinity,
        claims: Claims::None,
    }; 8];
    let claims = [Claims::None, Claims::Host, Claims::Node, Claims::Set];
    let mut i = 0;
    while i < 8 {
        modes[i].claims = claims[i % 4];
        if i >= 4 {
            modes[i].builder = Builder::Exact;
        }
        i += 1;
    }
    modes
};

impl Mode {
    pub fn name(self) -> String {
        let claims = match self.claims {
            Claims::None => "no claim",
            Claims::Host => "host-wide claim",
            Claims::Node => "single-node claim",
            Claims::Set => "claim set",
        };
        let builder = match self.builder {
            Builder::Affinity => "affinity",
            Builder::Exact => "exact nodes",
        };
        format!("{claims}, {builder}")
    }
}
