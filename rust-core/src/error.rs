//! What a hypervisor answers when it refuses: [`Errno`] and [`HypercallError`].

use core::fmt;

use crate::units::DomainId;

/// An error number of Xen's public interface; its values are those of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Errno = Errno($number);)*

            /// The symbolic name, if this is one that claims can meet.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "the security policy does not let the caller do this (FLASK says EACCES)";
    ENOENT = 2, "a claim's target is no selector and no online node";
    ESRCH = 3, "no such domain, or one that is dying";
    E2BIG = 7, "more entries than every node once and the host";
    ENOMEM = 12, "not that many unclaimed pages";
    EACCES = 13, "another version of the interface, or FLASK does not let the caller do this";
    EFAULT = 14, "an array that can't be read or written";
    ENODEV = 19, "no Xen below, or no way to it";
    EINVAL = 22, "a request that no state of the host would make valid, or one over the domain's maximum memory";
    ERANGE = 34, "an array that is too short for the answer";
    ENOSYS = 38, "a hypervisor without this call";
    EPROTO = 71, "an answer that makes no sense";
    EOPNOTSUPP = 95, "a hypervisor without claim sets, or one whose allocator knows no claims";
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

/// What was asked of a hypervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Install a claim set.
    SetClaims,
    /// Read the outstanding claims.
    GetClaims,
    /// The legacy claim.
    ClaimPages,
    /// Read what the host or its nodes have.
    HostMemory,
    /// Read how far nodes are from each other.
    NodeDistances,
    /// Read what a domain has.
    DomainInfo,
    /// Read which nodes a domain's memory is on.
    DomainMemory,
    /// Create a domain.
    CreateDomain,
    /// Set a domain's maximum memory.
    SetMaxPages,
    /// Set a domain's node affinity.
    SetNodeAffinity,
    /// Give pages to a domain.
    Populate,
    /// Take pages back from a domain.
    Depopulate,
    /// Start a domain.
    Unpause,
    /// Destroy a domain.
    DestroyDomain,
    /// Take pages of the host out of use, or bring them back.
    OfflinePage,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::SetClaims => "installing a claim set",
            Operation::GetClaims => "reading outstanding claims",
            Operation::ClaimPages => "making a legacy claim",
            Operation::HostMemory => "reading the host's memory",
            Operation::NodeDistances => "reading the distances of nodes",
            Operation::DomainInfo => "reading a domain's memory",
            Operation::DomainMemory => "reading where the memory of domains is",
            Operation::CreateDomain => "creating a domain",
            Operation::SetMaxPages => "setting the maximum memory",
            Operation::SetNodeAffinity => "setting the node affinity",
            Operation::Populate => "populating",
            Operation::Depopulate => "giving pages back",
            Operation::Unpause => "starting a domain",
            Operation::DestroyDomain => "destroying a domain",
            Operation::OfflinePage => "offlining a page",
        })
    }
}

/// A hypervisor's refusal. Nothing was changed by the call that returns it, unless that call says
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct HypercallError {
    /// What was asked.
    pub operation: Operation,
    /// Of which domain, where it was about one.
    pub domain: Option<DomainId>,
    /// The answer.
    pub errno: Errno,
}

impl HypercallError {
    /// A refusal of something that is about no one domain.
    pub const fn host(operation: Operation, errno: Errno) -> Self {
        HypercallError {
            operation,
            domain: None,
            errno,
        }
    }

    /// A refusal of something asked for `domain`.
    pub const fn of(operation: Operation, domain: DomainId, errno: Errno) -> Self {
        HypercallError {
            operation,
            domain: Some(domain),
            errno,
        }
    }
}

impl fmt::Display for HypercallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(domain) = self.domain {
            write!(f, " for {domain}")?;
        }
        write!(f, ": {}", self.errno)
    }
}
