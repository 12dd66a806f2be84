(** What is on a host, as this command shows it. *)

open Xenctrl_claims

type nodes = { nodes : Xenctrl.node_memory list; host : Xenctrl.host_memory }
type domain = { info : Xenctrl.domain_info; claims : Xenctrl.claim list }

val nodes : Xenctrl.handle -> nodes

val claiming : Xenctrl.handle -> domain list
(** [claiming xc] are the domains that claim something. One that goes meanwhile is left out. *)

val claimable : nodes -> int64
(** [claimable n] is what can be claimed of all nodes together. *)

val claimable_of_node : Xenctrl.node_memory -> int64
(** [claimable_of_node n] is what can be claimed of [n], if the host has as much. *)

val state : Xenctrl.domain_info -> string
(** [state d] is whether [d] runs, or why it does not. *)
