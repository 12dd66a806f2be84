(** Claim sets for toolstacks: where a domain's memory shall be, claimed, populated, given back.

    A builder reads the host, {{!section-planning} plans}, and {{!section-claiming} claims} what it
    planned. If another builder was faster, it reads and plans again. There is no lock between
    builders and no daemon: the hypervisor decides, at one instant. Then it
    {{!section-populating} populates} the domain so that the claims are used up exactly.

    What this asks of Xen is in {!module-type-HYPERVISOR}, so that it works {!Make} with any
    binding. [Xenctrl_claims.Claims] is all of this over the binding of [xenctrl-claims].

    Numbers of the form 1.4 are sections of [docs/contract.md]. Amounts are pages of 4096 bytes. *)

(** {1:claims Claims} *)

type domid = int
(** A domain. *)

type claim = { pages : int64; target : int32 }
(** [pages] pages of 4096 bytes, on node [target] (0..63), or host-wide if [target] is [-1l]: as
    bindings of Xen have it. *)

(** Where memory is claimed, in words. *)
type target = Host  (** On any node. *) | Node of int  (** On that node, in 0..63. *)

val on : target -> int64 -> claim
(** [on where pages] is the claim of [pages] there.

    Raises [Invalid_argument] for a node that is not in 0..63. *)

val target : claim -> target
(** [target claim] is where it is.

    Raises [Invalid_argument] if [claim.target] is neither [-1l] nor in 0..63. *)

(** Where pages come from (1.8). *)
type placement =
  | Any
      (** The nodes that the domain has claims on in turn, those of the affinity before others. For
          a domain without claims on nodes, and where these have nothing: the nodes of the affinity
          in turn, then the others; memory that need not be scrubbed before any that has to be. *)
  | Prefer of int  (** That node first, then as [Any]. *)
  | Exact of int  (** That node or none. *)

val pp_pages : Format.formatter -> int64 -> unit
(** [pp_pages ppf n] prints [n] pages as ["3 GiB"], ["512 MiB"] or ["17 pages"]: the largest unit of
    which they are a whole number. More than a MiB of pages is rounded down as well, as in
    ["19 MiB (5000 pages)"]. *)

(** {1:errors Errors}

    What the hypervisor refuses, and a plan that can't be, are results, whose types say what can
    occur. A bug of the caller raises [Invalid_argument], and what a binding raises for other
    reasons goes through. *)

type refusal =
  [ `No_such_domain of domid  (** Or it is dying. *)
  | `Not_permitted  (** The security policy says no. *)
  | `Not_supported  (** This hypervisor has no claim sets. *)
  | `Refused of Unix.error  (** Any other answer. *) ]
(** What any call may be answered. *)

type over = { wanted : int64; total_pages : int64; max_pages : int64 }

type unfit =
  [ `Over_max_memory of over
    (** [EINVAL]: with the claims, the domain would have more than its maximum. A toolstack that is
        not sure of the maxima it sets logs that and builds without claims, as for [`Not_supported];
        the memory may be there, and a claim would not have changed that. *)
  | `No_such_node of int  (** The host has no such node online. *) ]
(** What is wrong with a claim set for that domain on that host. *)

type shortage = { where : target; wanted : int64; claimable : int64 }

type short =
  [ `Not_enough_memory of shortage
    (** The hypervisor says no more than [ENOMEM]: this was read right after the refusal, and is not
        its word. *)
  | `Short_a_moment_ago
    (** By the reading right after it there is enough: somebody gave memory back meanwhile, or the
        hypervisor had none for the call itself. *) ]
(** [ENOMEM]: where memory is short. *)

type install_error = [ refusal | unfit | short ]
(** Why a claim set was not installed. *)

type holder = {
  domid : domid;
  total_pages : int64;  (** What it has. *)
  claims : claim array;  (** What it claims; empty also if that may not be read. *)
}
(** A domain that has or claims memory. *)

type 'e unplanned = { reason : 'e; holders : holder list }

type outrun = {
  attempts : int;
  short : short;  (** What the last attempt lacked. *)
  holders : holder list;
}

type 'e claim_error =
  [ refusal
  | unfit
  | `Unplanned of 'e unplanned  (** The planner says so. Largest holders first. *)
  | `Outrun of outrun
    (** So often was a plan refused because other builders were faster. Largest holders first. *)
  ]
(** Why nothing was claimed, where ['e] is why there may be no plan. *)

type lack = { wanted : int64; by : int64 }
(** For [wanted] pages, a policy lacks [by]. *)

type 'e error = [ install_error | 'e claim_error ]
(** All of them. *)

val pp_error : Format.formatter -> [< lack error ] -> unit
(** [pp_error ppf e] prints [e] for a person, on one line. *)

val pp_error_of : (Format.formatter -> 'e -> unit) -> Format.formatter -> [< 'e error ] -> unit
(** [pp_error_of pp_reason] is the same for a planner with reasons of its own. *)

(** {1:planning Planning}

    Planning is pure. What it is given need not be neat: nodes may have no memory or no processors,
    ids may have gaps, distances may be missing. *)

type node = { node : int; claimable : int64 }
(** A node and what a domain can claim of it: what is free and not claimed, and what that domain
    itself claims of it. *)

type host = {
  nodes : node list;  (** Each online node once, in any order. *)
  host_claimable : int64;
      (** What a domain can claim of all of them together. That is less than their sum if others
          have host claims. *)
  distances : int array array;
      (** In [.(a).(b)] how far node [b] is from node [a]. Nodes that can't reach each other (255 or
          more), or of which nothing is said, count as being further than all others; their memory
          is memory still. *)
  short : short option;
      (** What the plan before lacked, if there was one and it was refused. {!plan} does not look at
          it. *)
}
(** A host, as a plan sees it. *)

(** Which nodes a plan takes. Ids of nodes that are not there are ignored. *)
type policy =
  | Single  (** One: of those that have enough, the one that has least left then. *)
  | Pack  (** As few as can be; of these, those nearest to each other. *)
  | Interleave  (** All that have memory, evenly, in steps of 2 MiB. *)
  | Prefer of int list
      (** These, as with [Pack] if they have enough. Otherwise all that they have, and the rest from
          others, as few as can be and nearest to these, full ones included. *)
  | Only of int list  (** These and no others, as with [Pack]. *)
  | Evenly of int list  (** These and no others, as with [Interleave]. *)

val plan :
  ?near:int -> ?host_claim:bool -> host -> pages:int64 -> policy -> (claim array, lack) result
(** [plan host ~pages policy] is a claim set of exactly [pages] pages that takes of no node more
    than it has claimable, or what the policy lacks for that. The set is sorted as Xen sorts it: the
    host's claim, then nodes ascending.

    With [host_claim] ([false] by default), what the nodes of the policy lack is a host claim: for
    [Single] what the node with most lacks, for [Prefer], [Only] and [Evenly] what the named nodes
    lack. It fails only if the host has not that many. It changes nothing for [Pack] and
    [Interleave], which take from all nodes anyway.

    With [near], of nodes that are equally good for the policy those are taken that are nearest to
    that node, for instance the one of the vCPUs; for [Single], and for [Pack] where one node is
    enough, that comes before what is left on them. A [near] that the host does not have is ignored.
    Where several nodes are taken, their shares are whole multiples of 2 MiB as far as what they
    have allows.

    What is still equal is decided by what is left on the nodes (little is good), then by id. Where
    more than 20,000 sets of nodes would have to be compared, the plan has as few nodes as can be,
    but others may be nearer to each other: on hosts of more than 16 nodes.

    Raises [Invalid_argument] if [pages] is not in 1..2{^ 52}. *)

(** {1:claiming Claiming} *)

type node_memory = { node : int; size : int64; free : int64; claimed : int64 }
(** Pages of a node: what it has, what of that nobody uses, and what of that is claimed on it. *)

type host_memory = { free_pages : int64; outstanding_pages : int64 }
(** Pages that nobody uses, and how many of them are claimed, on nodes and host-wide together. *)

type domain = { domid : domid; total_pages : int64; max_pages : int64 }
(** A domain: what it has, and what it may have. *)

(** What is asked of Xen. Each function makes a call or several, and raises [Unix.Unix_error] with
    Xen's errno where it is refused. *)
module type HYPERVISOR = sig
  type handle

  val set : handle -> domid -> claim array -> unit
  (** SET (1.4). *)

  val get : handle -> domid -> claim array
  (** GET (1.5). *)

  val node_memory : handle -> node_memory list
  (** Each online node. *)

  val node_distances : handle -> int array array
  (** As in {!type-host}; [[||]] where nobody knows. *)

  val host_memory : handle -> host_memory
  val domains : handle -> domain list
end

type claimed = {
  claims : claim array;  (** What was planned and is claimed now. *)
  retries : int;  (** How often another builder was faster. *)
}

type attempt = {
  number : int;  (** 1 for the first. *)
  host : host;  (** What was seen, and planned by. *)
  planned : claim array;
  outcome : (unit, install_error) result;
}
(** An attempt to install a plan, for a log. *)

module type S = sig
  type handle

  val install : handle -> domid -> claim array -> (unit, [> install_error ]) result
  (** [install h d set] makes [set] all that [d] claims, or nothing changes (1.4). *)

  val release : handle -> domid -> (unit, [> refusal ]) result
  (** [release h d] gives back all that [d] still claims. *)

  val with_claims :
    handle -> domid -> claim array -> (unit -> 'a) -> ('a, [> install_error ]) result
  (** [with_claims h d set f] installs [set], runs [f ()], and releases what is left of it, also if
      [f] raises, or the handler of a signal does, at whatever moment. While [set] is installed or
      released, signals wait. An error is that [set] was refused: then [f] was not run. [f] may
      destroy [d]. Should the release be refused, as no Xen refuses it after a [set] of the same
      caller, what is left stays claimed until [d] is destroyed. *)

  val holders : handle -> (holder list, [> refusal ]) result
  (** [holders h] are the domains that have or claim memory: those with most, had and claimed
      together, first. A domain that goes meanwhile is left out. *)

  val look : ?domid:domid -> ?leave:(int * int64) list -> handle -> (host, [> refusal ]) result
  (** [look ~domid h] is the host as [domid] can claim of it, or as a domain can that claims
      nothing. It is read call by call, and what is read may be old already.

      [leave] has nodes and pages of them that shall stay unclaimed: they don't count as claimable,
      neither there nor host-wide. Xen and Dom0 have only what nobody claims, and need memory of low
      addresses, which is on node 0 as a rule: 16,384 pages (64 MiB) of it are a good choice (1.14).
      Nodes that the host does not have are ignored, and so are negative numbers. *)

  val claim :
    ?attempts:int ->
    ?leave:(int * int64) list ->
    ?log:(attempt -> unit) ->
    handle ->
    domid ->
    (host -> (claim array, 'e) result) ->
    (claimed, [> 'e claim_error ]) result
  (** [claim h d planner] looks, asks [planner], and installs what it says. When another builder was
      faster ([ENOMEM]) it does so again, up to [attempts] times (16 by default) in all, and
      [planner] finds in [short] of the host what was short. Each of these failures means that
      another domain got memory, or that some builder holds more than the nodes show. No other
      refusal is tried again. What [d] claimed before counts as claimable, and is still claimed
      after an error.

      [planner] sees what {!look} sees with [leave], and may do what it likes with it: a set that
      can't be is refused, and no harm done. [log] is called after each attempt; what it raises, and
      what [planner] raises, goes through.

      Raises [Invalid_argument] if [attempts] is not positive, or if [planner] makes no valid set
      (1.13). *)

  val claim_with_plan :
    ?attempts:int ->
    ?near:int ->
    ?host_claim:bool ->
    ?leave:(int * int64) list ->
    ?log:(attempt -> unit) ->
    handle ->
    domid ->
    pages:int64 ->
    policy ->
    (claimed, [> lack claim_error ]) result
  (** [claim_with_plan h d ~pages policy] is {!val-claim} with {!plan}. *)
end

(** Claiming by a binding. *)
module Make (X : HYPERVISOR) : S with type handle = X.handle

(** {1:populating Populating}

    A builder need not name nodes. While a domain has claims on nodes, these are where its memory
    comes from (1.8): when it was populated with as many pages as it claims, it has of each node
    what it claimed there, and those of the host claim anywhere, whatever others did meanwhile and
    whatever memory is still to be scrubbed.

    What it has to do is to go on with smaller extents when larger ones are refused, down to single
    pages. A claim promises pages and not large extents: where no node can give what is claimed
    there in one piece, or each claim that is left is smaller, Xen refuses the extent rather than
    take it from a node that was not claimed. *)

type call = { order : int; extents : int; placement : placement }
(** Up to [extents] extents of 2{^ [order]} pages. *)

type populating = {
  affinity : int list;  (** The node affinity to set first; [[]]: leave it as it is. *)
  calls : call list;  (** In that order. *)
}

val populate_plan : claim array -> populating
(** [populate_plan set] populates a domain that claims [set] with as many pages as it claims, so
    that nothing of it is left (1.9), whatever others do meanwhile. [set] is one that could be
    installed; that is not checked again.

    Pages claimed on a node are taken from exactly that node, node by node, and before those claimed
    host-wide: these are taken from the nodes of the affinity, then from any other. Large extents
    come first: 1 GiB, 2 MiB, 4 KiB. With {!rest}, what was claimed is what the domain has, as
    without naming nodes. Name them, as this does,

    - if it matters which of the domain's pages are on which node, as with virtual NUMA: a builder
      that names none gets extents of the claimed nodes in turn;
    - to see which node is short when pages that were claimed are missing, as after a recall (1.11):
      without, they come from another node if that has unclaimed ones;
    - on a Xen with other claims than these, which may not steer allocation.

    It costs a call for each node and order, and a builder that knows about nodes: libxenguest is
    told of them with virtual NUMA only.

    As claims are used up while a domain is populated, what a domain {e still} claims says what it
    still has to be given: a builder that was restarted goes on with [populate_plan] of what GET
    (1.5) says. *)

val rest : call -> given:int -> call option
(** [rest call ~given] is for the pages that [call] did not give when it gave [given] extents: in
    extents of the next smaller order, as a claim promises pages, not large extents. [None] if it
    gave all. After a call of order 0, it is for the same order: pages that were claimed are missing
    then.

    Raises [Invalid_argument] if [given] is not in 0..[call.extents]. *)
