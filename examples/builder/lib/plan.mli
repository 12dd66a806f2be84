(** Which nodes a VM gets its memory from. Pure: numbers in, numbers out.

    Amounts are whole MiB, the unit of the VM list; what a node has beyond its last whole MiB is not
    planned with. Nodes are all equally far from each other here. *)

type node = { id : int; claimable_mib : int }
(** A node and what a new claim can have of it: free and not claimed. *)

type part = { node : int; mib : int }
(** [mib] MiB, more than 0, of a node. *)

(** What became of the wish for certain nodes. *)
type preference =
  | Unasked
  | Honoured  (** All memory is on preferred nodes. *)
  | Full of int  (** The preferred nodes together had only that many MiB; others were planned. *)

type t = { parts : part list;  (** Ascending by node. *) preference : preference }

val make : node list -> mib:int -> preferred:int list -> t option
(** [make nodes ~mib ~preferred] has parts that add up to [mib], each at most what its node has
    claimable, or is [None] if [nodes] together have too little.

    If the nodes in [preferred] have enough, the parts are on those, else on any. Among the nodes
    considered, it is the one with the most claimable memory if that is enough, so that nodes fill
    evenly, else those with the most, so that they are few. Lower ids win ties. *)
