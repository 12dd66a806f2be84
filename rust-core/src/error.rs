//! What a hypervisor answers when it refuses: [`Errno`] and [`HypercallError`].

use core::fmt;

use crate::units::DomainId;

/// An error number of Xen's public interface; its values are those of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

// OCaml's table is made of this one: xenctrl-ml/dune.
macro_rules! errnos {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Errno = Errno($number);)*

            /// The symbolic name, if this is one of Xen's or of its drivers.
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
    EINTR = 4, "a signal came first";
    EIO = 5, "input or output failed";
    ENXIO = 6, "no such device or address";
    E2BIG = 7, "more entries than every node once and the host";
    ENOEXEC = 8, "not what can be executed";
    EBADF = 9, "no open file";
    ECHILD = 10, "no child process";
    EAGAIN = 11, "not now, as something is short for a moment";
    ENOMEM = 12, "not that many unclaimed pages";
    EACCES = 13, "another version of the interface, or FLASK does not let the caller do this";
    EFAULT = 14, "an array that can't be read or written";
    EBUSY = 16, "somebody else is at it";
    EEXIST = 17, "it exists already";
    EXDEV = 18, "not within one device";
    ENODEV = 19, "no Xen below, or no way to it";
    ENOTDIR = 20, "no directory";
    EISDIR = 21, "a directory";
    EINVAL = 22, "a request that no state of the host would make valid, or one over the domain's maximum memory";
    ENFILE = 23, "too many open files on the host";
    EMFILE = 24, "too many open files in the process";
    ENOTTY = 25, "a driver that does not know the request";
    ENOSPC = 28, "no space left";
    EROFS = 30, "it can only be read";
    EMLINK = 31, "too many links";
    EDOM = 33, "outside of the domain of a function";
    ERANGE = 34, "an array that is too short for the answer";
    EDEADLK = 35, "it would wait for itself";
    ENAMETOOLONG = 36, "a name that is too long";
    ENOLCK = 37, "no locks left";
    ENOSYS = 38, "a hypervisor without this call";
    ENOTEMPTY = 39, "a directory with something in it";
    ENODATA = 61, "no data";
    ETIME = 62, "a timer ran out";
    EPROTO = 71, "an answer that makes no sense";
    EBADMSG = 74, "no message that makes sense";
    EOVERFLOW = 75, "a value that is too large for its type";
    EILSEQ = 84, "no sequence of characters";
    ERESTART = 85, "a call to be made again";
    ENOTSOCK = 88, "no socket";
    EMSGSIZE = 90, "a message that is too long";
    EOPNOTSUPP = 95, "a hypervisor without claim sets, or one whose allocator knows no claims";
    EADDRINUSE = 98, "an address that is in use";
    EADDRNOTAVAIL = 99, "an address that is not to be had";
    ENOBUFS = 105, "an array that is too short, or no buffers";
    EISCONN = 106, "connected already";
    ENOTCONN = 107, "not connected";
    ETIMEDOUT = 110, "it took too long";
    ECONNREFUSED = 111, "nobody listens";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_of_what_for_whom_and_why() {
        let domain = DomainId::new(7).unwrap();
        assert_eq!(
            HypercallError::of(Operation::SetClaims, domain, Errno::ENOMEM).to_string(),
            "installing a claim set for domid 7: ENOMEM"
        );
        assert_eq!(
            HypercallError::host(Operation::HostMemory, Errno(4095)).to_string(),
            "reading the host's memory: errno 4095"
        );
    }
}
