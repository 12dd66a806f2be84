(** How the command ends. *)

type t =
  | Done
  | Refused  (** By the hypervisor. *)
  | Usage  (** A command line that means nothing. *)
  | Unavailable  (** No Xen, or one without claim sets. *)

val code : t -> int
(** [code t] is the exit code, 0 to 3 in the order above. *)

val exits : Cmdliner.Cmd.Exit.info list
(** What the manual says of them. *)

type failure = { status : t; message : string }
(** Why it did not do what it was asked; [message] is one line. *)

val fail : t -> ('a, unit, string, ('b, failure) result) format4 -> 'a
(** [fail status fmt ...] is [Error] with that message. *)
