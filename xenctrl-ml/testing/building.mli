(** Domains to claim for, and a builder's calls: for tests and demonstrations. A toolstack has its
    own.

    Handles are those of {!Model.create}, and of {!interface_open} here. Raises [Unix.Unix_error]
    with [EOPNOTSUPP] for any other handle, and where this build can't do it. *)

open Xenctrl_claims

val interface_open : unit -> Xenctrl.handle
(** {!Xenctrl_claims.Xenctrl.interface_open}, of a handle that builds domains too. *)

type placement = Claim_sets.Claims.placement = Any | Prefer of int | Exact of int

val domain_create : ?uuid:string -> Xenctrl.handle -> Xenctrl.domid
(** [domain_create ~uuid h] is a new domain, paused, without memory, whose maximum memory is 0. Xen
    keeps [uuid], its toolstack's name of the VM, and never reads it; without, it is 16 zero bytes.
    A toolstack that is restarted finds by {!Xenctrl_claims.Xenctrl.domain_list} what it was
    building.

    Raises [Invalid_argument] if [uuid] has not 16 bytes. *)

val domain_setmaxmem : Xenctrl.handle -> Xenctrl.domid -> int64 -> unit
(** [domain_setmaxmem h d kib] lets [d] have up to [kib] KiB, rounded down to pages. More than
    2{^ 32} - 1 pages count as that many.

    Raises [Invalid_argument] if [kib] is negative; [Unix.Unix_error] with [ESRCH] if there is no
    such domain. *)

val domain_populate :
  Xenctrl.handle -> Xenctrl.domid -> order:int -> extents:int -> placement -> int
(** [domain_populate h d ~order ~extents placement] gives [d] up to [extents] extents of
    2{^ [order]} pages and is the number it gave: the first that can't be had ends it (1.8). Of more
    than one page none is given at the expense of claims on other nodes, while [d]'s claims cover
    it, unless a node is named: go on with smaller extents, as {!Claim_sets.Claims.rest} does.
    Orders are 0..18; 0 is a page, 9 is 2 MiB, 18 is 1 GiB. Of a node that is not online [Exact]
    gives none, and [Prefer] is as [Any].

    Raises [Invalid_argument] if [order] is not in 0..18, [extents] is negative, or a node is not in
    0..63; [Unix.Unix_error] with [ESRCH] if there is no such domain. *)

(** Where the pages of domains are. *)
module Domain_memory : sig
  type t = { domid : Xenctrl.domid; node : int; pages : int64 }
  (** [pages] pages, more than 0, that [domid] has of [node]. *)
end

val domain_memory : Xenctrl.handle -> Domain_memory.t list
(** [domain_memory h] is where the memory of all domains is, ascending by domain, then node: Xen's
    own counts (1.12), each domain's of one instant. No page is gone through. Domains that end
    meanwhile may be missing.

    Raises [Unix.Unix_error] with [EOPNOTSUPP] on a Xen without the series. *)

val domain_unpause : Xenctrl.handle -> Xenctrl.domid -> unit
(** [domain_unpause h d] starts [d]. In an embedded hypervisor nothing runs: there [d] is merely not
    paused any more.

    Raises [Unix.Unix_error] with [EINVAL] if [d] is not paused; [ESRCH] if there is no such domain.
*)

val domain_destroy : Xenctrl.handle -> Xenctrl.domid -> unit
(** [domain_destroy h d] releases what [d] claims and frees its memory.

    Raises [Unix.Unix_error] with [ESRCH] if there is no such domain. *)
