(** Work done in parallel. *)

val map : workers:int -> ('a -> 'b) -> 'a list -> 'b list
(** [map ~workers f items] is [List.map f items], with up to [workers] OCaml domains, the caller's
    included, that each take the next item when they are done with one.

    If [f] raises for an item, the others are done nevertheless; then the exception of the first
    such item is raised. *)
