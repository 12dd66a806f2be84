(** Guests of a Dom0, made by [xl], and what becomes of them. *)

open Xenctrl_claims

type tools
(** [xl] and its libraries. A Dom0 may have two sets of them. *)

val here : tools
(** Those of [./dev xen boot], in [/xl]. *)

val before : tools option
(** Those from before the series changed them, in [/before], where [./dev xen boot --xl-before] put
    them. *)

val start_daemons : unit -> unit
(** [start_daemons ()] starts xenstored and xenconsoled, unless they run. *)

type guest = {
  name : string;
  mib : int;
  lines : string list;  (** More lines of its configuration, as [man xl.cfg] has them. *)
}

val uuid : guest -> string
(** [uuid g] are the 16 bytes by which {!Xenctrl.domain_list} has its domain. *)

val domain : Xenctrl.handle -> guest -> Xenctrl.domain_info option
(** [domain xc g] is its domain, if there is one. *)

type ended = {
  status : int;  (** 0 is success; 128, that it was killed. *)
  said : string;  (** On standard output and standard error. *)
  seconds : float;
}

val run : tools -> string list -> ended
(** [run tools arguments] runs [xl] to its end. *)

val run_heard : tools -> string list -> heard:(string -> unit) -> ended
(** [run_heard tools arguments ~heard] is {!run}, and calls [heard] with each line when it is said.
*)

val start : tools -> string list -> int * (unit -> ended)
(** [start tools arguments] runs [xl]: its process, and how to wait for its end. *)

val create : guest -> string list
(** [create g] are the arguments that create [g], after its configuration was written. It boots the
    kernel of Dom0 and says a line when it is up. *)

val first_error : ended -> string
(** [first_error e] is what it says went wrong, on one line. *)

val said_up : guest -> bool
(** [said_up g] is whether its console has the line that says it is up. *)

val ticks : guest -> int
(** [ticks g] is how often its console has the line that says it goes on. It says so each second if
    [cmdline] has the word [ticking]. *)

val destroy : Xenctrl.handle -> tools -> guest -> unit
(** [destroy xc tools g] ends [g], if it exists, and returns when all of it is gone, and what it
    said. *)

val migrate : tools -> guest -> ended
(** [migrate tools g] migrates [g] to this very host: there is another domain of its name then. *)

val placement : tools -> (string * int list option) list
(** [placement tools] is where libxl placed the guests by name: nodes, or none if anywhere. *)
