(** Words for messages. *)

val nodes : int list -> string
(** [nodes ids] is [ids], in any order, as in ["node 3"] or ["nodes 0-3, 8"]. *)

val one_line : string -> string
(** [one_line text] is [text] with spaces for control characters. *)
