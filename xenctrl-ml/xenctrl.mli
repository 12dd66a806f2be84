(** Claim sets: memory reserved for a domain before it is built.

    Open {!Xenctrl_claims} and write [Xenctrl.] as with Xen's own binding; or, beside that one,
    write [Xenctrl_claims.Hypercalls.], which is the same and hides nothing. {{!concepts} Concepts}
    and {{!errors} errors} are at the end. Numbers of the form 1.13 are sections of
    [docs/contract.md].

    {[
      open Xenctrl_claims

      let claim_1_gib domid =
        Xenctrl.with_intf (fun xc ->
            Xenctrl.domain_claim_memory xc domid [| { pages = 262144L; target = 1l } |])
    ]} *)

(** {1 Handles} *)

type handle
(** A connection to a hypervisor. It may be used by several domains and threads at once. *)

val interface_open : unit -> handle
(** [interface_open ()] is a handle on the Xen this program runs on.

    Raises [Unix.Unix_error], whose last argument says what to do, with [ENODEV] if there is no Xen
    below or the kernel has no way to it; [EACCES] if this user may not open the device; [EPERM] if
    this is no control domain; [ENOSYS] if this Xen has an interface that is not known, or a FLASK
    policy that lets this domain read nothing; [EOPNOTSUPP] if this was built without Xen. *)

val interface_close : handle -> unit
(** [interface_close h] closes [h]. A call that is under way ends as it would have, every later one
    raises [Invalid_argument]. Closing again does nothing. *)

val with_intf : (handle -> 'a) -> 'a
(** [with_intf f] is [f h] for a handle [h] from {!interface_open}, which is closed afterwards. *)

(** {1 Claims} *)

type domid = int
(** A domain: a number in 0..32751. It need not exist. Functions raise [Invalid_argument] for any
    other number. *)

type claim = Claim_sets.Claims.claim = { pages : int64; target : int32 }
(** [pages] pages of 4096 bytes, on node [target] (0..63), or host-wide if [target] is [-1l]. *)

val domain_claim_memory : handle -> domid -> claim array -> unit
(** [domain_claim_memory h d claims] makes [claims] all that [d] claims (1.4): at once, or not at
    all. The order of [claims] decides only which of several refusals is told. A set of zero pages
    releases everything [d] claims. Pages [d] has already are not counted against the claims.

    A call that succeeds allocates nothing.

    Raises [Invalid_argument] if [claims] is empty, has more than 65 entries, a target that is
    neither a node nor [-1l], a target twice, a negative number of pages, or a sum that does not fit
    in 63 bits (1.13). The message has the position of the first entry that is wrong. Nothing was
    sent to the hypervisor. Raises [Unix.Unix_error] with [ENOMEM] if that many unclaimed pages are
    not there, on a node or host-wide; [EINVAL] if they and what [d] has are more than its maximum
    memory; [ENOENT] if the host has no such node online; [ESRCH] if there is no such domain or it
    is dying; [EPERM], or [EACCES] from FLASK; [EOPNOTSUPP] from a hypervisor without claim sets.
    Whatever [d] claimed before, it still claims. {!Claims.install} is this with an error that says
    which node was short, and by how much. *)

val domain_claim_memory_get : handle -> domid -> claim array
(** [domain_claim_memory_get h d] is what [d] still claims (1.5): the claims of more than 0 pages,
    the host's first, then those of nodes ascending. Of a domain that was not populated it is what
    was set.

    Raises [Unix.Unix_error] with [ESRCH] if there is no such domain or it is dying; [EPERM], or
    [EACCES] from FLASK. *)

val domain_claim_pages : handle -> domid -> int64 -> unit
(** [domain_claim_pages h d pages] is the legacy call (1.6): a host-wide claim for what [pages]
    exceed the pages [d] has already. 0 releases everything [d] claims.

    Raises [Invalid_argument] if [pages] is negative. Raises [Unix.Unix_error] with [EINVAL] if
    there is no such domain or it is dying, if [d] claims anything, has that many pages, or may not
    have that many; [ENOMEM]. *)

val has_claim_sets : handle -> bool
(** [has_claim_sets h] is [false] on a Xen without claim sets, where {!domain_claim_memory} can't
    but fail. That the hypervisor has them does not mean that the security policy lets this program
    set any.

    Raises [Unix.Unix_error] with [EPERM] or [EACCES] if it can't be told. *)

(** {1 Memory} *)

type node_memory = Claim_sets.Claims.node_memory = {
  node : int;
  size : int64;
  free : int64;
  claimed : int64;
}
(** Pages of a node: what it has, what of that nobody uses, and what of that is claimed by claims on
    this node. What a new claim can have of it is [free - claimed]. *)

val node_memory : handle -> node_memory list
(** [node_memory h] has an entry for each online node, ascending. Their ids may have gaps. *)

val node_distances : handle -> int array array
(** [node_distances h] has in [.(a).(b)] how far node [b] is from node [a], as firmware says it
    (Xen's [XEN_SYSCTL_numainfo]): 10 is a node's distance to itself, others are relative to that,
    255 is what is said of nodes that can't reach each other. The array is square, with a row for
    each id up to the highest that is online; what it has for one that is not means nothing. *)

type host_memory = Claim_sets.Claims.host_memory = { free_pages : int64; outstanding_pages : int64 }
(** Pages that nobody uses, and how many of them are claimed, on nodes and host-wide together. *)

val host_memory : handle -> host_memory
(** [host_memory h] is the memory of the host as a whole. *)

type domain_info = {
  domid : domid;
  total_pages : int64;  (** What it has. *)
  max_pages : int64;  (** What it may have. *)
  claimed_pages : int64;  (** What it claims. *)
  dying : bool;  (** It is being destroyed. *)
  paused : bool;  (** The toolstack keeps it from running, as it does until it is built. *)
  cpu_time : int64;  (** For how many nanoseconds it ran: 0 if it was never started. *)
  uuid : string;  (** 16 bytes, as it was created with. *)
}
(** A domain; memory in pages. *)

val domain_list : handle -> domain_info list
(** [domain_list h] has an entry for each domain, ascending. *)

val domain_set_node_affinity : handle -> domid -> int list -> unit
(** [domain_set_node_affinity h d nodes] makes [nodes] those that [d] gets its memory from first, as
    far as it has no claims on nodes.

    Raises [Invalid_argument] if one of [nodes] is not in 0..63. Raises [Unix.Unix_error] with
    [EINVAL] if none of them is online, or [nodes] is empty; [ESRCH] if there is no such domain. *)

(** {1:errors Errors}

    A bug of the caller raises [Invalid_argument], and so does a handle that was closed. A refusal
    of the hypervisor raises [Unix.Unix_error] with its errno, the name of the function, and the
    domain as in ["domid 5"]. Neither changes anything. *)

exception Panic of string
(** A bug of this library, with its message. The handle stays usable. *)

(** {1:concepts Concepts}

    A {e claim} is a promise of the hypervisor's allocator that so many pages stay available to one
    domain: pages of one node, or of any ({e host-wide}). A {e claim set} is everything a domain
    claims. Nobody else can be given claimed pages, and nobody else can claim them.

    A domain {e redeems} its claims by being populated: each page it is given uses up a claimed one,
    first of the node the page is on, then host-wide, then of other nodes (1.9). While it claims
    pages of nodes, it is given pages of these (1.8). Freeing pages gives no claim back. What is
    left is {e released} explicitly, or when the domain is destroyed; claims belong to the domain
    and outlive the program that made them. When memory fails, the hypervisor may have to {e recall}
    claims (1.11). *)

(**/**)

(* For xenctrl-claims.testing, which opens handles of its own. *)
val handle : Connection.t -> handle
val connection : handle -> Connection.t
