(** [xen-claims plan] *)

val cmd : Status.t Cmdliner.Cmd.t
