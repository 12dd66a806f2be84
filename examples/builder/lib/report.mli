(** What came of it, for a person to read. *)

open Xenctrl_claims

type t = {
  host : string;  (** As it was asked for. *)
  builders : int;
  nodes : Xenctrl.node_memory list;  (** After the builds. *)
  builds : Build.t list;  (** In the order of the list. *)
  seconds : float;
}

val to_string : t -> string
(** [to_string report] has a line for the host, for each VM, for each node, for what was refused,
    and last one with the counts. Amounts are in MiB, rounded down for nodes that end within one. *)

val problems : t -> exact:bool -> outstanding_pages:int64 -> string list
(** [problems report ~exact ~outstanding_pages] is a line for each thing that must not be: a VM that
    failed, a claim that is left on a node or host-wide ([outstanding_pages], after the builds), a
    node with other pages in use than VMs have. That one only if [exact]: a real Xen and its Dom0
    use pages themselves. *)
