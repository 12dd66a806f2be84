//! Builders that work against each other: in this process or, where the hypervisor outlives its
//! callers, each in a process of its own.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use xen_claims::{
    Claim, ClaimSet, DomainControl, DomainId, Errno, HypercallError, NodeId, Pages, Placement,
    Target,
};

/// What a builder is told to do, in numbers that a process can be sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    domain: i64,
    action: Action,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Action {
    /// Pages on a node, or of the host.
    Set(Vec<(Option<i64>, u64)>),
    Get,
    ClaimPages(u64),
    SetMaxPages(u64),
    /// Order, extents, the node, and whether it must be that node.
    Populate(u32, u64, Option<(i64, bool)>),
    Depopulate(u32, u64),
}

/// What came of it: the extents populated, else 0; or the hypervisor's errno.
pub type Answer = Result<u64, i32>;

impl Request {
    fn new(domain: DomainId, action: Action) -> Self {
        let domain = domain.get().into();
        Request { domain, action }
    }

    pub(super) fn set(domain: DomainId, set: &ClaimSet) -> Self {
        let claims = set.as_slice().iter().map(|claim| match claim.target {
            Target::Host => (None, claim.pages.get()),
            Target::Node(node) => (Some(node.index() as i64), claim.pages.get()),
        });
        Request::new(domain, Action::Set(claims.collect()))
    }

    pub(super) fn get(domain: DomainId) -> Self {
        Request::new(domain, Action::Get)
    }

    pub(super) fn claim_pages(domain: DomainId, pages: u64) -> Self {
        Request::new(domain, Action::ClaimPages(pages))
    }

    pub(super) fn set_max_pages(domain: DomainId, pages: u64) -> Self {
        Request::new(domain, Action::SetMaxPages(pages))
    }

    pub(super) fn populate(domain: DomainId, order: u32, extents: u64, from: Placement) -> Self {
        let node = match from {
            Placement::Any => None,
            Placement::Prefer(node) => Some((node.index() as i64, false)),
            Placement::Exact(node) => Some((node.index() as i64, true)),
        };
        Request::new(domain, Action::Populate(order, extents, node))
    }

    pub(super) fn depopulate(domain: DomainId, order: u32, extents: u64) -> Self {
        Request::new(domain, Action::Depopulate(order, extents))
    }

    /// Does it. The outer error is a call that makes no sense.
    fn make(&self, host: &dyn DomainControl) -> io::Result<Answer> {
        let domain = DomainId::new(self.domain).map_err(io::Error::other)?;
        let node = |id| NodeId::new(id).map_err(io::Error::other);
        let nothing = |result: Result<(), HypercallError>| result.map(|()| 0);
        let answer = match &self.action {
            Action::Set(claims) => {
                let claims = claims.iter().map(|&(target, pages)| {
                    let target = target.map_or(Ok(Target::Host), |id| node(id).map(Target::Node));
                    let pages = Pages::new(pages);
                    target.map(|target| Claim { pages, target })
                });
                let claims = claims.collect::<io::Result<Vec<_>>>()?;
                let set = ClaimSet::new(claims).map_err(io::Error::other)?;
                nothing(host.set(domain, &set))
            }
            Action::Get => nothing(host.get(domain).map(drop)),
            Action::ClaimPages(pages) => nothing(host.claim_pages(domain, Pages::new(*pages))),
            Action::SetMaxPages(pages) => nothing(host.set_max_pages(domain, Pages::new(*pages))),
            Action::Populate(order, extents, from) => {
                let from = match *from {
                    None => Placement::Any,
                    Some((id, false)) => Placement::Prefer(node(id)?),
                    Some((id, true)) => Placement::Exact(node(id)?),
                };
                host.populate(domain, *order, *extents, from)
            }
            Action::Depopulate(order, extents) => {
                nothing(host.depopulate(domain, *order, *extents))
            }
        };
        Ok(answer.map_err(|error| error.errno.0))
    }
}

/// A builder that makes the calls it is told. Dropping it ends it, and it cleans nothing up.
pub trait RemoteBuilder: Send {
    /// Makes a call.
    ///
    /// # Errors
    ///
    /// If the builder is gone, or was told nonsense.
    fn make(&mut self, call: &Request) -> io::Result<Answer>;

    /// Kills it while it is alive: the signal it was ended by.
    ///
    /// # Errors
    ///
    /// If it had ended before, ends by itself, or is no process.
    fn kill(&mut self) -> io::Result<i32>;
}

/// Other processes that can be builders.
pub trait Processes: fmt::Debug + Send + Sync {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    fn start(&self) -> io::Result<Box<dyn RemoteBuilder>>;
}

/// A builder in this process.
pub(super) struct InProcess<'a>(pub(super) &'a dyn DomainControl);

impl RemoteBuilder for InProcess<'_> {
    fn make(&mut self, call: &Request) -> io::Result<Answer> {
        call.make(self.0)
    }

    fn kill(&mut self) -> io::Result<i32> {
        Err(io::Error::other("it is no process of its own"))
    }
}

/// A process that runs [`serve_requests`].
#[derive(Debug)]
pub struct Process {
    child: Child,
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// If that is not possible.
    pub fn start(command: &mut Command) -> io::Result<Process> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(calls), Some(answers)) => Ok(Process {
                child,
                calls,
                answers: BufReader::new(answers),
            }),
            _ => Err(io::Error::other("no pipes to a process")),
        }
    }
}

impl RemoteBuilder for Process {
    fn make(&mut self, call: &Request) -> io::Result<Answer> {
        let mut line = serde_json::to_string(call)?;
        line.push('\n');
        self.calls.write_all(line.as_bytes())?;
        line.clear();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn kill(&mut self) -> io::Result<i32> {
        let ended = |status| io::Error::other(format!("it ended by itself ({status})"));
        if let Some(status) = self.child.try_wait()? {
            return Err(ended(status));
        }
        // On Unix that is SIGKILL: nothing in it can clean up.
        self.child.kill()?;
        let status = self.child.wait()?;
        status.signal().ok_or_else(|| ended(status))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the calls that come, one a line, and answers each with a line, until there are no more.
///
/// # Errors
///
/// If a call can't be read or makes no sense, or nobody reads the answers.
pub fn serve_requests(
    host: &dyn DomainControl,
    calls: impl BufRead,
    mut answers: impl Write,
) -> io::Result<()> {
    for call in calls.lines() {
        let answer = serde_json::from_str::<Request>(&call?)?.make(host)?;
        writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
        answers.flush()?;
    }
    Ok(())
}

/// The errno of an answer, if there is one.
pub(super) fn refused(answer: Answer) -> Result<u64, Errno> {
    answer.map_err(Errno)
}
