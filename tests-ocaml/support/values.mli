(** Short ways to write claims, hosts and domains. *)

open Xenctrl_claims

val gib : int64
(** Pages of 1 GiB: of one node of the hosts below. *)

val unlimited : int64
(** More pages than any host below has, and a maximum memory that a domain can have. *)

val host : int64 -> Xenctrl.claim
(** [host pages] is a host-wide claim. *)

val node : int -> int64 -> Xenctrl.claim
(** [node n pages] is a claim on node [n]. *)

val normal : Xenctrl.claim array -> Xenctrl.claim array
(** [normal claims] is what GET returns of [claims]: nothing of 0 pages, host first, then nodes
    ascending. *)

val sum : int64 list -> int64

val open_host : ?nodes:int -> unit -> Xenctrl.handle
(** [open_host ~nodes ()] is a new host of that many nodes (4 by default) of 1 GiB. *)

val new_domain : ?max_pages:int64 -> Xenctrl.handle -> Xenctrl.domid
(** [new_domain h] is a new domain that may have [max_pages], {!unlimited} by default. *)

val domain_info : Xenctrl.handle -> Xenctrl.domid -> Xenctrl.domain_info
val claimed_on : Xenctrl.handle -> int -> int64
val free_on : Xenctrl.handle -> int -> int64

type snapshot = {
  nodes : Xenctrl.node_memory list;
  memory : Xenctrl.host_memory;
  domains : Xenctrl.domain_info list;
  claims : (Xenctrl.domid * Xenctrl.claim array) list;
}
(** All that can be seen of a host. *)

val snapshot : Xenctrl.handle -> snapshot

(** How a call ended. *)
type 'a outcome =
  | Returned of 'a
  | Invalid of string
  | Refused of Unix.error * string * string
  | Panicked of string

val outcome : (unit -> 'a) -> 'a outcome

val within : float -> (unit -> bool) -> bool
(** [within seconds condition] is whether [condition] becomes true in that time. *)

val resident_kib : unit -> int
(** Memory of this process. *)
