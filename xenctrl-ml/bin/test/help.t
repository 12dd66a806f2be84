The manual, which is also what is installed as xen-claims(1), and those of the commands.
Over 500 lines, as it shows all of them whole.

  $ xen-claims --help=plain
  NAME
         xen-claims - see, make and release claims on memory
  
  SYNOPSIS
         xen-claims COMMAND …
  
  DESCRIPTION
         A claim is a promise of Xen's allocator that so much memory stays
         available to one domain: memory of one NUMA node, or of any
         (host-wide). Programs that build domains claim what a domain needs
         before they populate it, which takes seconds or minutes: nobody else
         can be given claimed memory meanwhile, and nobody else can claim it.
         What is claimed is still free; it is in use once the domain has it.
  
         A claim set is everything that one domain claims: at most one claim
         for each node, and one host-wide. It is replaced as a whole, at once
         or not at all.
  
         Claims are used up as the domain is given memory: first the claim on
         the node the memory is on, then the host-wide one, then those on other
         nodes. Memory that a domain gives back becomes no claim again.
         Destroying a domain releases its claims. When memory of the host
         fails, Xen may have to take claims back; xl dmesg says so.
  
         xen-claims shows and changes the claims of the Xen it runs on. Run it
         as root, in the control domain.
  
  CLAIMS THAT ARE LEFT OVER
         Claims belong to a domain, not to the program that made them. When a
         builder dies half-way, its domain stays, paused and never run, and so
         do its claims: xen-claims nodes shows memory that is claimed, and
         builds are refused for lack of memory though much is free. To see who
         claims it:
  
         xen-claims list
  
         A domain that is paused, never run is being built, or its builder is
         gone; xen-claims watch shows which, as claims of a domain that is
         being built are used up. To be asked about each such domain to which
         nothing happens for 10 seconds, or to release the claims of one
         domain:
  
         xen-claims release --orphans
         xen-claims release DOMID
  
         That gives the claims back. The domain keeps the memory it has; xl
         destroy frees that. A domain that was built, and runs, may also have
         claims left, if less was populated than was claimed: they do no good,
         and can be released.
  
  SIZES
         A size is a whole number and a unit: p (pages of 4096 bytes), K, M, G
         or T, which are powers of 1024 bytes. 2G, 2048M and 524288p are the
         same. It has to be a whole number of pages. Claims are shown exactly,
         in the largest unit that allows it. Other amounts are shown rounded
         down to whole M. In JSON, all are pages.
  
         A claim is TARGET=SIZE, where TARGET is the id of a node, or host.
         0=2G host=512M are 2G of node 0, and 512M of any node.
  
  COMMANDS
         list [--json] [OPTION]…
             list the domains that claim memory
  
         nodes [--json] [OPTION]…
             show how much memory each node has, and how much of it is claimed
  
         plan [OPTION]… SIZE
             find nodes for a domain of some size
  
         release [--idle=SECONDS] [--orphans] [--yes] [OPTION]… [DOMID]
             give claims back
  
         set [OPTION]… DOMID TARGET=SIZE…
             make these claims all that a domain claims
  
         show [--json] [OPTION]… DOMID
             show what a domain has and claims
  
         watch [--interval=SECONDS] [--json] [OPTION]…
             show nodes and claims again and again
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  ENVIRONMENT
         These environment variables affect the execution of xen-claims:
  
         NO_COLOR
             If it is set and not empty, there are no colours. Without a
             terminal there are none.
  
  EXAMPLES
         What can be claimed, and what is:
  
         xen-claims nodes
         xen-claims list
  
         Which nodes a domain of 12G fits on, near node 1; and claiming that
         for domain 5:
  
         xen-claims plan 12G --vcpus-node 1
         xen-claims set 5 $(xen-claims plan 12G --vcpus-node 1)
  
         2G of node 0, 1G of node 1 and 512M of any; then what is still
         claimed, and giving it back:
  
         xen-claims set 5 0=2G 1=1G host=512M
         xen-claims show 5
         xen-claims release 5
  
         In a script, the domains with claims, and the memory that can be
         claimed, in pages:
  
         xen-claims list --json | jq '.domains[].domid'
         xen-claims nodes --json | jq .host.claimable
  
         Without Xen, on a host of 4 nodes that exists in this program only:
  
         xen-claims plan 24G --host 4x16
  
  JSON
         With --json, a listing is one JSON object. Amounts are pages of 4096
         bytes, exactly. version is 1; it changes when something in the object
         goes away or means something else. New fields may come without that:
         ignore what you do not know.
  
         nodes
             nodes: a list of objects with node (its id), size, free, claimed
             (by claims on it), claimable. host: an object with free, claimed
             (by all claims), claimable.
  
         list
             domains: a list of objects with domid, memory (what it has), max
             (what it may have), claimed (all of its claims), claims, paused,
             started (it runs, or has run) and dying. claims is a list of
             objects with target (a string: a node id, or "host") and pages.
  
         show
             domain: an object as in list.
  
         plan
             pages: what was asked for. claims: as in list.
  
         watch
             An object on each line, with nodes, host and domains as above.
  
  TRYING IT WITHOUT XEN
         With --host, every command works on a hypervisor inside of this
         program instead of on Xen. It begins empty, or as the --state file
         says, and ends with the command: what a command changes, the next does
         not see. The file has a JSON object:
  
         { "domains": [
             { "memory": { "0": "2G" }, "claims": { "1": "2G", "host": "512M" } },
             { "max": "8G", "memory": { "1": "4G" }, "started": true } ] }
  
         The domains get the ids 1, 2 and so on. Each has memory on nodes,
         claims, a max that it may have (by default the sum of both), and is
         paused unless it was started; all of that is optional. With
         "claim_sets": false, the host is a Xen without claim sets.
  
  SEE ALSO
         xen-claims-list(1), xen-claims-nodes(1), xen-claims-plan(1),
         xen-claims-release(1), xen-claims-set(1), xen-claims-show(1),
         xen-claims-watch(1), xl(1)
  
  $ xen-claims nodes --help=plain
  NAME
         xen-claims-nodes - show how much memory each node has, and how much of
         it is claimed
  
  SYNOPSIS
         xen-claims nodes [--json] [OPTION]…
  
  DESCRIPTION
         A line for each node that is online: its size, what of that is free,
         what of that is claimed by claims on this node, and what a new claim
         can have of it. The last line is for the host: all claims, on nodes
         and host-wide. Host-wide claims are on no node, so that a claim on a
         node may be refused because the host has less to claim than that node.
  
         Amounts are rounded down to whole M. On a terminal there is a bar for
         each node: # in use, + free but claimed, . to be claimed.
  
  OPTIONS
         --json
             Print JSON, in the shape that xen-claims(1) describes.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims nodes exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims list --help=plain
  NAME
         xen-claims-list - list the domains that claim memory
  
  SYNOPSIS
         xen-claims list [--json] [OPTION]…
  
  DESCRIPTION
         A line for each domain with claims that are not used up: what it has
         and may have, whether it runs, and what it still claims, as xen-claims
         set takes it. Claims are exact, other amounts are rounded down to
         whole M.
  
  OPTIONS
         --json
             Print JSON, in the shape that xen-claims(1) describes.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims list exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims show --help=plain
  NAME
         xen-claims-show - show what a domain has and claims
  
  SYNOPSIS
         xen-claims show [--json] [OPTION]… DOMID
  
  DESCRIPTION
         Shows what the domain has and may have, whether it runs, and what it
         still claims, as xen-claims set takes it.
  
  ARGUMENTS
         DOMID (required)
             The id of a domain; xl list has ids and names.
  
  OPTIONS
         --json
             Print JSON, in the shape that xen-claims(1) describes.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims show exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims set --help=plain
  NAME
         xen-claims-set - make these claims all that a domain claims
  
  SYNOPSIS
         xen-claims set [OPTION]… DOMID TARGET=SIZE…
  
  DESCRIPTION
         Replaces everything that the domain claims by the claims given: at
         once, or not at all. What it claimed before counts as claimable for
         it, and what it has already is not counted against the claims. Either
         all of it is promised then, or nothing changed and the message says
         what was short.
  
         The domain has to be there, and can't have and claim more together
         than its maximum memory, which xl mem-max sets. Claims are for memory
         that it is still to be given: xl gives a domain all of it while it
         creates it, but one may be claimed for before it grows by xl mem-set.
  
  EXAMPLES
         xen-claims set 5 0=2G 1=1G host=512M
  
         What a plan says:
  
         xen-claims set 5 $(xen-claims plan 12G)
  
  ARGUMENTS
         DOMID (required)
             The id of a domain; xl list has ids and names.
  
         TARGET=SIZE (required)
             A claim: on the node with that id or, with host, host-wide. SIZE
             is a whole number and a unit: p (pages of 4096 bytes), K, M, G or
             T.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims set exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims plan --help=plain
  NAME
         xen-claims-plan - find nodes for a domain of some size
  
  SYNOPSIS
         xen-claims plan [OPTION]… SIZE
  
  DESCRIPTION
         Prints a claim set of that size which the host could be given now, as
         xen-claims set takes it. Nothing is claimed: another builder may be
         faster.
  
  POLICIES
         single
             One node: of those that have enough, the one that has least left
             then.
  
         pack
             As few nodes as can be; of these, those nearest to each other.
  
         interleave
             All nodes that have memory, evenly.
  
         prefer:NODES
             Nodes of that list, as 0,1. Only what they do not have is taken
             from others, the nearest to them.
  
         only:NODES
             As few of these nodes as can be, and no others.
  
         evenly:NODES
             All of these nodes, evenly, and no others.
  
  EXAMPLES
         xen-claims plan 12G --policy pack --vcpus-node 1
  
  ARGUMENTS
         SIZE (required)
             How much memory, as in 12G.
  
  OPTIONS
         --host-claim
             Claim host-wide what the nodes of the policy do not have.
  
         --json
             Print JSON, in the shape that xen-claims(1) describes.
  
         --policy=POLICY (absent=pack)
             Which nodes to take, see POLICIES.
  
         --vcpus-node=NODE
             Of nodes that are equally good, take those nearest to this one.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims plan exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims release --help=plain
  NAME
         xen-claims-release - give claims back
  
  SYNOPSIS
         xen-claims release [--idle=SECONDS] [--orphans] [--yes] [OPTION]…
         [DOMID]
  
  DESCRIPTION
         Gives back all that a domain still claims. What it has, it keeps.
  
         With --orphans, looks for domains that claim memory, are paused, were
         never run, and whose memory and claims do not change for --idle
         seconds, and asks for each whether to do that. What was left over by a
         builder that is gone looks so; a domain that is being restored or
         migrated in does, too, as long as it waits for the other host or a
         disk. Xen does not know who builds a domain. The toolstack does: see
         what it is doing, and which of its processes are there (xl,
         libxl-save-helper, xenguest, emu-manager). A build whose claims are
         released may run out of memory later, as it would without claims.
  
         The domains themselves stay; xl destroy ends them, and releases their
         claims too.
  
  ARGUMENTS
         DOMID
             The id of a domain; xl list has ids and names.
  
  OPTIONS
         --idle=SECONDS (absent=10)
             For how long nothing must happen to a domain before it may be an
             orphan: 0 to 86400 seconds. With 0, builds that are at work are
             asked about, too.
  
         --orphans
             Release what was left over by builders that are gone; asks for
             each domain.
  
         -y, --yes
             Do not ask: nothing is being restored or migrated in, as after the
             toolstack was restarted and has ended what it had begun.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims release exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
  $ xen-claims watch --help=plain
  NAME
         xen-claims-watch - show nodes and claims again and again
  
  SYNOPSIS
         xen-claims watch [--interval=SECONDS] [--json] [OPTION]…
  
  DESCRIPTION
         Shows what xen-claims nodes and xen-claims list show, and does so
         again until ^C ends it. If standard output is no terminal, or with
         --json, each reading follows the one before.
  
  OPTIONS
         --interval=SECONDS (absent=1)
             How long to wait between two readings: 0.1 to 86400 seconds.
  
         --json
             Print JSON, in the shape that xen-claims(1) describes.
  
  HYPERVISOR OPTIONS
         --host=HOST
             Work on a hypervisor inside of this program, whose host is HOST:
             this (the nodes of this machine), uma, 2-socket, epyc-nps4, or
             NODESxGiB such as 4x16. For trying the command and for tests. The
             default is the Xen that this program runs on.
  
         --state=FILE
             What is on the --host in the beginning, see xen-claims(1).
  
  COMMON OPTIONS
         --help[=FMT] (default=auto)
             Show this help in format FMT. The value FMT must be one of auto,
             pager, groff or plain. With auto, the format is pager or plain
             whenever the TERM env var is dumb or undefined.
  
         --version
             Show version information.
  
  EXIT STATUS
         xen-claims watch exits with:
  
         0   if what was asked for is done.
  
         1   if the hypervisor refused it, or there is too little memory for
             it: what was refused changed nothing. The message has the name of
             the error and what was short. Also if the output could not be
             written.
  
         2   if the command line is wrong; nothing was asked of the hypervisor.
  
         3   if there is no Xen that this program may talk to, or it has no
             claim sets; the message says which, and what to do.
  
  SEE ALSO
         xen-claims(1)
  
