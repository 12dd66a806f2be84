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
(** {!Host.open_} *)

val new_domain : ?max_pages:int64 -> Xenctrl.handle -> Xenctrl.domid
(** [new_domain h] is a new domain that may have [max_pages], {!unlimited} by default. *)

val domains : Xenctrl.handle -> Xenctrl.domain_info list
(** [domains h] is all of them but Dom0. *)

val domain_info : Xenctrl.handle -> Xenctrl.domid -> Xenctrl.domain_info
val claimed_on : Xenctrl.handle -> int -> int64
val free_on : Xenctrl.handle -> int -> int64

val nodes : Xenctrl.handle -> int list
(** [nodes h] is 0 and so on, for each node. *)

val unclaimed_on : Xenctrl.handle -> int -> int64
(** [unclaimed_on h n] is what a new claim can have of node [n]. *)

val unclaimed : Xenctrl.handle -> int64
(** [unclaimed h] is what a new claim can have of the host. *)

val surely : int64 -> int64
(** [surely free] is what is still there of that many pages, if free counts change as they may. *)

val too_many : int64 -> int64
(** [too_many free] is more, however they change. *)

type snapshot = {
  nodes : Xenctrl.node_memory list;
  memory : Xenctrl.host_memory;
  domains : Xenctrl.domain_info list;
  claims : (Xenctrl.domid * Xenctrl.claim array) list;
}
(** All that can be seen of a host, but for Dom0. *)

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
