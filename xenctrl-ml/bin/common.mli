(** What several commands take, and how they end. *)

open Cmdliner
open Xenctrl_claims

val command :
  string ->
  doc:string ->
  man:Manpage.block list ->
  (Xenctrl.handle -> (unit, Status.failure) result, Status.failure) result Term.t ->
  Status.t Cmd.t
(** [command name ~doc ~man term] is a command that does what [term] says with the hypervisor that
    the command line names, if there is nothing wrong with the command line. *)

val complain : string -> unit
(** [complain message] prints [message] on standard error, as one line. *)

val domid : Xenctrl.domid option Arg.t
(** DOMID, the first argument. *)

val json : bool Term.t

val seconds : least:float -> float Arg.conv
(** A number of seconds, [least]..86400. *)
