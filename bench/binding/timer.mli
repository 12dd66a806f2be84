(** What a function costs, by the benchmark library. *)

type t = {
  cpu_ns : float;  (** CPU time, as others may use this machine. *)
  words : float;  (** On OCaml's minor heap. *)
}
(** Of one call. *)

val sample : int -> (unit -> unit) -> t
(** [sample n f] calls [f] [n] times. *)
