(** What the listings print for a person. *)

val nodes : Table.style -> Reading.nodes -> string
val domains : Reading.domain list -> string
val domain : Reading.domain -> string
