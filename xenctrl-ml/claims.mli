(** Claim sets for toolstacks: where a domain's memory shall be, claimed, populated, given back.

    A builder reads the host, {{!section-planning} plans}, and {{!section-claiming} claims} what it
    planned. If another builder was faster, it reads and plans again. There is no lock between
    builders and no daemon: the hypervisor decides, at one instant. Then it
    {{!section-populating} populates} the domain so that the claims are used up exactly.

    {[
      let build xc domid ~pages =
        match Claims.claim_with_plan xc domid ~pages Pack with
        | Error error -> Error (Format.asprintf "%a" Claims.pp_error error)
        | Ok { claims; _ } ->
            let { Claims.affinity; calls } = Claims.populate_plan claims in
            if affinity <> [] then Xenctrl.domain_set_node_affinity xc domid affinity;
            Ok calls
    ]}

    Numbers of the form 1.4 are sections of [docs/contract.md]. Amounts are pages of 4096 bytes. *)

(** {1:errors Errors}

    What the hypervisor refuses, and a plan that can't be, are results. A bug of the caller raises
    [Invalid_argument], and a bug of this library {!Xenctrl.Panic}, as in {!Xenctrl}. *)

(** Where memory is short. *)
type where = Node of int  (** That node. *) | Host  (** The host as a whole. *)

type holder = {
  domid : Xenctrl.domid;
  total_pages : int64;  (** What it has. *)
  claims : Xenctrl.claim array;  (** What it claims, as {!Xenctrl.domain_claim_memory_get}. *)
}
(** A domain that has or claims memory. *)

type error =
  | Not_enough_memory of { where : where; wanted : int64; claimable : int64 }
      (** [ENOMEM]. The hypervisor says no more than that: [where] and [claimable] were read right
          after the refusal, and are not its word. *)
  | Short_a_moment_ago
      (** [ENOMEM], though by the reading right after it there is enough: somebody gave memory back
          meanwhile, or the hypervisor had none for the call itself. *)
  | Over_max_memory of { wanted : int64; total_pages : int64; max_pages : int64 }
      (** With the claims, the domain would have more than its maximum. *)
  | No_such_domain of Xenctrl.domid  (** Or it is dying. *)
  | No_such_node of int  (** The host has no such node online. *)
  | Not_permitted  (** The security policy says no. *)
  | Not_supported  (** This hypervisor has no claim sets. *)
  | Short of { wanted : int64; by : int64; holders : holder list }
      (** No plan: for [wanted] pages the policy lacks [by]. Largest holders first. *)
  | Outrun of { attempts : int; holders : holder list }
      (** So often was a plan refused because other builders were faster. Largest holders first. *)
  | Refused of Unix.error  (** Any other answer. *)

val pp_error : Format.formatter -> error -> unit
(** [pp_error ppf e] prints [e] for a person, on one line. *)

val pp_pages : Format.formatter -> int64 -> unit
(** [pp_pages ppf n] prints [n] pages as ["3 GiB"], ["512 MiB"] or ["17 pages"]: the largest unit of
    which they are a whole number. More than a MiB of pages is rounded down as well, as in
    ["19 MiB (5000 pages)"]. *)

(** {1:claiming Claiming} *)

val install : Xenctrl.handle -> Xenctrl.domid -> Xenctrl.claim array -> (unit, error) result
(** [install h d set] is {!Xenctrl.domain_claim_memory}: [set] becomes all that [d] claims, or
    nothing changes (1.4). Never an error: [Short], [Outrun]. *)

val release : Xenctrl.handle -> Xenctrl.domid -> (unit, error) result
(** [release h d] gives back all that [d] still claims. *)

val with_claims :
  Xenctrl.handle -> Xenctrl.domid -> Xenctrl.claim array -> (unit -> 'a) -> ('a, error) result
(** [with_claims h d set f] installs [set], runs [f ()], and releases what is left of it, also if
    [f] raises, or the handler of a signal does, at whatever moment. While [set] is installed or
    released, signals wait. An error is that [set] was refused: then [f] was not run. [f] may
    destroy [d]. Should the release be refused, as no Xen refuses it after a [set] of the same
    caller, what is left stays claimed until [d] is destroyed. *)

val holders : Xenctrl.handle -> (holder list, error) result
(** [holders h] are the domains that have or claim memory: those with most, had and claimed
    together, first. A domain that goes meanwhile is left out. *)

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
      (** As {!Xenctrl.node_distances}. Nodes that can't reach each other (255 or more), or of which
          nothing is said, count as being further than all others; their memory is memory still. *)
}
(** A host, as a plan sees it. *)

val look :
  ?domid:Xenctrl.domid -> ?leave:(int * int64) list -> Xenctrl.handle -> (host, error) result
(** [look ~domid h] is the host as [domid] can claim of it, or as a domain can that claims nothing.
    It is read call by call, and what is read may be old already.

    [leave] has nodes and pages of them that shall stay unclaimed: they don't count as claimable,
    neither there nor host-wide. Xen and Dom0 have only what nobody claims, and need memory of low
    addresses, which is on node 0 as a rule: 16,384 pages (64 MiB) of it are a good choice (1.14).
    Nodes that the host does not have are ignored, and so are negative numbers. *)

(** Which nodes a plan takes. *)
type policy =
  | Single  (** One: of those that have enough, the one that has least left then. *)
  | Pack  (** As few as can be; of these, those nearest to each other. *)
  | Interleave  (** All that have memory, evenly, in steps of 2 MiB. *)
  | Prefer of int list
      (** These, as with [Pack] if they have enough. Otherwise all that they have, and the rest from
          others, as few as can be and nearest to these. Ids of nodes that are not there are
          ignored. *)

val plan :
  ?near:int ->
  ?host_claim:bool ->
  host ->
  pages:int64 ->
  policy ->
  (Xenctrl.claim array, int64) result
(** [plan host ~pages policy] is a claim set of exactly [pages] pages that takes of no node more
    than it has claimable, or [Error n] if the policy lacks [n] pages for that. The set is sorted as
    {!Xenctrl.domain_claim_memory_get} sorts it.

    With [host_claim] ([false] by default), what the nodes of the policy lack is a host claim: for
    [Single] what the node with most lacks, for [Prefer] what the preferred nodes lack. It fails
    only if the host has not that many. It changes nothing for [Pack] and [Interleave], which take
    from all nodes anyway.

    With [near], of nodes that are equally good for the policy those are taken that are nearest to
    that node, for instance the one of the vCPUs; for [Single], and for [Pack] where one node is
    enough, that comes before what is left on them. A [near] that the host does not have is ignored.
    Where several nodes are taken, their shares are whole multiples of 2 MiB as far as what they
    have allows.

    What is still equal is decided by what is left on the nodes (little is good), then by id. Where
    more than 20,000 sets of nodes would have to be compared, the plan has as few nodes as can be,
    but others may be nearer to each other: on hosts of more than 16 nodes.

    Raises [Invalid_argument] if [pages] is not in 1..2{^ 52}. *)

type claimed = {
  claims : Xenctrl.claim array;  (** What was planned and is claimed now. *)
  retries : int;  (** How often another builder was faster. *)
}

val claim_with_plan :
  ?attempts:int ->
  ?near:int ->
  ?host_claim:bool ->
  ?leave:(int * int64) list ->
  Xenctrl.handle ->
  Xenctrl.domid ->
  pages:int64 ->
  policy ->
  (claimed, error) result
(** [claim_with_plan h d ~pages policy] {{!look} looks}, {{!plan} plans} and {{!install} installs};
    the optional arguments are theirs. When another builder was faster ([ENOMEM]), it does so again,
    up to [attempts] times (16 by default) in all. Each of these failures means that another domain
    got memory, or that some builder holds more than the nodes show.

    The error is [Short] if no plan could be made, [Outrun] after the last attempt, and otherwise
    that of {!install}, but never [Not_enough_memory] or [Short_a_moment_ago]. What [d] claimed
    before counts as claimable, and is still claimed after an error.

    Raises [Invalid_argument] if [attempts] is not positive, or as {!plan}. *)

(** {1:populating Populating}

    A builder need not name nodes. While a domain has claims on nodes, these are where its memory
    comes from (1.8): when it was populated with as many pages as it claims, it has of each node
    what it claimed there, and those of the host claim anywhere, whatever others did meanwhile and
    whatever memory is still to be scrubbed.

    What it has to do is to go on with smaller extents when larger ones are refused, down to single
    pages. A claim promises pages and not large extents: where no node can give what is claimed
    there in one piece, or each claim that is left is smaller, Xen refuses the extent rather than
    take it from a node that was not claimed. *)

type call = { order : int; extents : int; placement : Xenctrl.placement }
(** A call of {!Xenctrl.domain_populate}. *)

type populating = {
  affinity : int list;  (** The node affinity to set first; [[]]: leave it as it is. *)
  calls : call list;  (** In that order. *)
}

val populate_plan : Xenctrl.claim array -> populating
(** [populate_plan set] populates a domain that claims [set] with as many pages as it claims, so
    that nothing of it is left (1.9), whatever others do meanwhile. [set] is one that {!install}
    takes; that is not checked again.

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
    still has to be given: a builder that was restarted goes on with [populate_plan] of
    {!Xenctrl.domain_claim_memory_get}. *)

val rest : call -> given:int -> call option
(** [rest call ~given] is for the pages that [call] did not give when it gave [given] extents: in
    extents of the next smaller order, as a claim promises pages, not large extents. [None] if it
    gave all. After a call of order 0, it is for the same order: pages that were claimed are missing
    then.

    Raises [Invalid_argument] if [given] is not in 0..[call.extents]. *)
