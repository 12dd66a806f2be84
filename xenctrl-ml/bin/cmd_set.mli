(** [xen-claims set] *)

val cmd : Status.t Cmdliner.Cmd.t
